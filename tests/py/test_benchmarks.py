"""The arithmetic of the benchmarks: medians, ratios, verdicts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import report
from benchmarks.callers import CALLERS, check, counts, messages_of
from benchmarks.cases import CASES, Bar, Case
from benchmarks.peers import PEERS
from benchmarks.run import Plan, expected_chunks, run_cases

BARS = (Bar("libcurl", 4.0), Bar("aiohttp", 0.6))
CASE = Case("a case", "nginx", "plain", 16, 100, 10, BARS, prompt=True)
STREAM = Case("a stream", "/m/stream-200-0/v1", "stream", 16, 100, 10, chunks=200)


def runs(*us: float, stalls: int = 0) -> list[dict[str, Any]]:
    return [{"us": value, "stalls": stalls, "kb_in_flight": value} for value in us]


def verdicts(line: report.Row) -> list[bool | None]:
    return [bar["ok"] for bar in line["bars"]]


def test_medians_meet_or_miss_the_bars() -> None:
    judged = report.judge(
        CASE, {"libcurl": runs(10, 11, 90), "llmroute": runs(40, 1, 44), "aiohttp": runs(60)}
    )
    assert judged["figures"]["libcurl"] == {"median": 11, "min": 10, "max": 90}
    assert [bar["limit"] for bar in judged["bars"]] == [44, 36, 0]
    assert verdicts(judged) == [True, False, True]
    assert not judged["ok"]


def test_a_bar_whose_other_side_is_absent_is_not_judged_and_says_so() -> None:
    judged = report.judge(CASE, {"libcurl": runs(10), "llmroute": runs(40)})
    assert verdicts(judged) == [True, None, True]
    assert judged["ok"]
    assert "not judged: <= 0.6 x aiohttp (absent)" in report.table([judged])


@pytest.mark.parametrize(("ours", "floors", "ok"), [(0, 0, True), (1, 0, False), (1, 1, True)])
def test_stalls_are_compared_with_the_floors(ours: int, floors: int, ok: bool) -> None:
    judged = report.judge(
        CASE, {"llmroute": runs(1, stalls=ours), "libcurl": runs(1, stalls=floors)}
    )
    assert judged["ok"] is ok
    assert judged["stalls"] == {"llmroute": ours, "libcurl": floors}


def test_stalls_are_not_looked_for_where_waiting_is_the_work() -> None:
    judged = report.judge(STREAM, {"llmroute": runs(1, stalls=9), "libcurl": runs(1)})
    assert judged["bars"] == []


def test_without_our_own_figure_nothing_is_met() -> None:
    assert not report.row("x", "us", {}, [("<= 1", 1.0)])["ok"]
    assert not report.judge(CASE, {"llmroute": [{"error": "lost"}], "libcurl": runs(1)})["ok"]


def test_one_failed_repeat_of_ours_is_a_miss_and_one_of_a_peer_is_told() -> None:
    failed: list[dict[str, Any]] = [{"error": "lost"}]
    assert not report.judge(CASE, {"llmroute": runs(1) + failed, "libcurl": runs(1)})["ok"]
    judged = report.judge(CASE, {"llmroute": runs(1), "libcurl": runs(1), "httpx": failed})
    assert judged["ok"]
    assert "- a case: httpx failed: lost" in report.table([judged])


def test_the_table_has_the_floor_first_and_says_what_was_missed() -> None:
    text = report.table(
        [report.judge(CASE, {"aiohttp": runs(60), "llmroute": runs(40, 42), "libcurl": runs(5)})]
    )
    assert text.splitlines()[0] == "| | unit | libcurl | llmroute | aiohttp | bars |"
    assert "| 5 | 41 (40 to 42) | 60 |" in text
    assert "MISSED: <= 4 x libcurl (20)" in text


def test_memory_has_a_bar_of_its_own() -> None:
    assert report.memory(CASE, {"llmroute": runs(31, 30, 99)})["ok"]
    assert not report.memory(CASE, {"llmroute": runs(33)})["ok"]


def test_a_further_bar_can_turn_a_line() -> None:
    line = report.row("x", "us", {"llmroute": [1.0]}, [("<= 2 us", 2.0)])
    assert line["ok"]
    assert not report.close(line, [("allocations", 0.0)], 3.0)["ok"]


def test_every_case_names_clients_that_there_are() -> None:
    known = {"libcurl", *CALLERS}
    assert set(PEERS) | {"llmroute"} == set(CALLERS)
    for case in CASES:
        assert {bar.other for bar in case.bars} | set(case.clients) <= known
        assert case.per == ("chunk" if case.chunks else "request")
    assert len({case.name for case in CASES}) == len(CASES)


def test_bodies_have_the_sizes_that_the_cases_tell() -> None:
    sizes = {kind: len(str(messages_of(kind))) for kind in ("plain", "middle", "big")}
    assert 900 < sizes["plain"] < 1100
    assert 60_000 < sizes["middle"] < 70_000
    assert sizes["big"] > 4_000_000


def test_only_what_the_upstream_says_is_right() -> None:
    assert check("TCP begins slowly because") == 1
    for wrong in ("something else", "", None):
        with pytest.raises(SystemExit, match="wrong reply"):
            check(wrong)
    assert [counts(text) for text in (" word1", "", None, "word")] == [True, False, False, False]


def test_the_floor_counts_the_finishing_line_too() -> None:
    assert expected_chunks(STREAM, "libcurl", 2) == 402
    assert expected_chunks(STREAM, "aiohttp", 2) == 400
    assert expected_chunks(CASE, "libcurl", 2) == 2


def test_nothing_is_started_where_no_case_is_wanted(tmp_path: Path) -> None:
    assert run_cases(Plan({"libcurl": "none"}, only="no such case"), tmp_path) == []
