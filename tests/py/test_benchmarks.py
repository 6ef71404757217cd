"""The arithmetic of the benchmarks: medians, ratios, verdicts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import report
from benchmarks.cases import CASES, Bar, Case
from benchmarks.client import CLIENTS, big_messages, check

CASE = Case("a case", "nginx", "plain", 16, 100, 10, (Bar("libcurl", 4.0), Bar("aiohttp", 0.6)))


def runs(*us: float, stalls: int = 0) -> list[dict[str, Any]]:
    return [{"us": value, "stalls": stalls} for value in us]


def test_medians_meet_or_miss_the_bars() -> None:
    judged = report.judge(
        CASE, {"libcurl": runs(10, 11, 90), "llmroute": runs(40, 1, 44), "aiohttp": runs(60)}
    )
    assert judged["figures"] == {"libcurl": 11, "llmroute": 40, "aiohttp": 60}
    assert [bar["ok"] for bar in judged["bars"]] == [True, False, True]
    assert not judged["ok"]


def test_a_bar_whose_other_side_is_absent_is_left_out() -> None:
    judged = report.judge(CASE, {"llmroute": runs(40)})
    assert [bar["bar"] for bar in judged["bars"]] == ["no stall of 35-50 ms"]
    assert judged["ok"]


def test_a_stall_is_a_miss() -> None:
    assert not report.judge(CASE, {"llmroute": runs(1, stalls=1)})["ok"]


def test_without_our_own_figure_nothing_is_met() -> None:
    assert not report.row("x", "us", {}, [("<= 1", 1.0)], "llmroute")["ok"]


def test_the_table_has_the_floor_first_and_says_what_was_missed() -> None:
    text = report.table(
        [report.judge(CASE, {"aiohttp": runs(60), "llmroute": runs(40), "libcurl": runs(5)})]
    )
    assert text.splitlines()[0] == "| | unit | libcurl | llmroute | aiohttp | bars |"
    assert "MISSED: <= 4 x libcurl (20)" in text


def test_every_case_names_clients_that_there_are() -> None:
    for case in CASES:
        for bar in case.bars:
            assert bar.other in {"libcurl", *CLIENTS}
    assert len(big_messages()[0]["content"][1]["image_url"]["url"]) > 4_000_000
    with pytest.raises(SystemExit, match="wrong reply"):
        check("something else")
