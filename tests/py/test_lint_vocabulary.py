"""Values that stand for all requests, moments that stand for all times, texts for examples."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from llmroute.lint import clock
from llmroute.lint.solver import FALSE, TRUE, Effort, satisfy
from llmroute.lint.text import text_with
from llmroute.lint.vocabulary import Vocabulary, fits_region, priority_number, words_of


def words_for(*conditions: Any) -> Vocabulary:
    words = Vocabulary(["fast", "best"])
    for condition in conditions:
        words.note(condition)
    words.freeze()
    return words


def possible(*conditions: Any, false: tuple[Any, ...] = ()) -> bool:
    """Say whether some request makes all of the first true and all of the others false."""
    words = words_for(*conditions, *false)
    parts = [words.true_of(c) for c in conditions] + [words.false_of(c) for c in false]
    return satisfy([*words.axioms, *parts], words.full, Effort()) is not None


ADULT = {"metadata": {"age": {"at_least": 18}}}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([{"model": "fast"}, {"model": ["best", "fast"]}], True),
        ([{"model": "fast"}, {"model": "best"}], False),
        ([{"model": "unknown"}], True),
        ([{"metadata": {"a": "x"}}, {"metadata": {"b": "y"}}], True),
        ([{"metadata": {"a": "x"}}, {"metadata": {"a": ["x", "y"]}}], True),
        ([{"metadata": {"a": "x"}}, {"metadata": {"a": "X"}}], False),
        ([{"metadata": {"a": "17"}}, {"metadata": {"a": {"above": 16}}}], True),
        ([{"metadata": {"a": "15"}}, {"metadata": {"a": {"above": 16}}}], False),
        ([{"metadata": {"a": "word"}}, {"metadata": {"a": {"above": 16}}}], False),
        ([ADULT, {"metadata": {"age": {"at_most": 18}}}], True),
        ([ADULT, {"metadata": {"age": {"below": 18}}}], False),
        ([{"header": {"X-A": "x"}}, {"header": {"x-a": "x"}}], True),
        ([{"header": {"X-A": True}}, {"header": {"x-a": False}}], False),
        ([{"tags": ["a", "b"]}, {"not": {"tags": "a"}}], True),
        ([{"tags": ["a", "b"]}, {"not": {"tags": "a"}}, {"not": {"tags": "b"}}], False),
        ([{"has": ["tools", "images"]}, {"not": {"has": "tools"}}], True),
        ([{"language": "de"}, {"language": ["fr", "it"]}], False),
        ([{"language": ["de", "fr"]}, {"not": {"language": "de"}}], True),
        ([{"messages": {"below": 1}}], False),
        ([{"messages": {"at_most": 1}}], True),
        ([{"messages": {"above": 2.5, "below": 3.5}}], True),
        ([{"max_output_tokens": {"above": 10}}, {"max_output_tokens": {"below": 12}}], True),
        ([{"max_output_tokens": {"above": 10}}, {"max_output_tokens": {"below": 11}}], False),
        ([{"region": "eu-*"}, {"region": "EU-west"}], True),
        ([{"region": "eu-*"}, {"not": {"region": "eu-w*"}}], True),
        ([{"region": "eu-w*"}, {"not": {"region": "eu-*"}}], False),
        ([{"region": "eu"}, {"region": "eu-*"}], False),
        ([{"intent": "billing"}, {"scores": {"intent": ["billing", "other"]}}], True),
        ([{"intent": "billing"}, {"intent": "support"}], False),
        ([{"complexity": {"above": 0.5}}, {"complexity": {"at_most": 0.5}}], False),
        ([{"scores": {"x": "word"}}, {"scores": {"x": {"above": 0}}}], False),
        ([{"keywords": ["a", "b"]}, {"not": {"keywords": "a"}}], True),
        ([{"keywords": "Pay  Back"}, {"not": {"keywords": "pay back"}}], False),
        ([{"regex": "a+"}, {"not": {"regex": "a"}}], True),  # what a pattern fits is anybody's
        ([{"priority": 8}, {"priority": "batch"}], True),
        ([{"priority": [0, 1]}, {"priority": "interactive"}], False),
        ([{"any": [{"priority": 0}, {"priority": 1}]}, {"not": {"priority": 0}}], True),
        ([{"any": []}], False),
        ([{"all": []}], True),
        ([{}], True),
        ([None], True),
    ],
)
def test_what_can_be_at_once(conditions: list[Any], expected: bool) -> None:
    assert possible(*conditions) is expected


@pytest.mark.parametrize(
    "condition",
    [
        {"metadata": {"a": "x"}},
        {"metadata": {"a": {"above": 1}}},
        {"header": {"a": "x"}},
        {"region": "eu-*"},
        {"max_output_tokens": {"above": 1}},
        {"language": "de"},
        {"sentiment": {"below": 0}},
        {"keywords": "a"},
        {"regex": "a"},
    ],
)
def test_absence_is_neither_true_nor_false(condition: dict[str, Any]) -> None:
    words = words_for(condition)
    neither = [words.true_of(condition), words.false_of(condition)]
    (index,) = {part.variable for part in neither}  # type: ignore[union-attr]
    both = neither[0].mask | neither[1].mask  # type: ignore[union-attr]
    assert both != words.full[index]
    assert possible(condition)
    assert possible(false=(condition,))
    assert not possible(condition, false=(condition,))


@pytest.mark.parametrize("condition", [{"metadata": {"a": True}}, {"tags": "a"}, {"priority": 1}])
def test_presence_is_always_known(condition: dict[str, Any]) -> None:
    words = words_for(condition)
    true, false = words.true_of(condition), words.false_of(condition)
    assert true.mask | false.mask == words.full[true.variable]  # type: ignore[union-attr]


def test_a_condition_that_asks_nothing_is_true() -> None:
    words = words_for()
    assert words.true_of(None) is TRUE
    assert words.false_of(None) is FALSE
    assert words.true_of({}) is TRUE


def test_the_plainest_values_are_chosen() -> None:
    words = words_for({"metadata": {"a": "x"}, "tags": "b", "prompt_tokens": {"above": 5}})
    chosen = words.choose(words.full)
    assert chosen[("metadata", "a")] is None
    assert chosen[("tag", "b")] is False
    assert chosen[("prompt_tokens", "")] == 1
    assert chosen[("model", "")] == "fast"
    assert chosen[("priority", "")] == 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("interactive", 2),
        ("standard", 5),
        ("batch", 8),
        ("3", 3),
        (0, 0),
        (9, 9),
        ("x", 5),
        (77, 5),
    ],
)
def test_priorities_are_numbers(value: Any, expected: int) -> None:
    assert priority_number(value) == expected


def test_one_or_several() -> None:
    assert words_of("a") == ["a"]
    assert words_of(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("region", "pattern", "expected"),
    [
        ("eu-west", "eu-*", True),
        ("EU-West", "eu-*", True),
        ("eu", "eu-*", False),
        ("eu-west", "eu-west", True),
        ("eu-west-1", "eu-west", False),
        ("anything", "*", True),
    ],
)
def test_regions_fit_patterns(region: str, pattern: str, expected: bool) -> None:
    assert fits_region(region, pattern) is expected


# --- times ----------------------------------------------------------------------------------------

MONDAY = datetime(2026, 1, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("window", "hours", "expected"),
    [
        ({"from": "09:00", "to": "17:00"}, 9, True),
        ({"from": "09:00", "to": "17:00"}, 17, False),
        ({"from": "22:00", "to": "06:00"}, 23, True),
        ({"from": "22:00", "to": "06:00"}, 5, True),
        ({"from": "22:00", "to": "06:00"}, 6, False),
        ({"from": "22:00", "to": "06:00", "weekdays": ["mon"]}, 5, False),  # Sunday's night
        ({"from": "22:00", "to": "06:00", "weekdays": ["sun"]}, 5, True),
        ({"from": "22:00", "to": "06:00", "weekdays": ["mon"]}, 24 + 5, True),
        ({"weekdays": ["mon"]}, 0, True),
        ({"weekdays": ["mon"], "timezone": "+02:00"}, 23, False),
        ({"from": "20:00"}, 23, True),
        ({"to": "06:00"}, 0, True),
        ({"from": "09:00", "to": "10:00", "timezone": "Europe/Berlin"}, 8, True),
        ({"from": "09:00", "to": "10:00", "timezone": "-05:00"}, 14, True),
        ({"from": "09:00", "to": "10:00", "timezone": "No/Where"}, 9, True),  # as UTC
    ],
)
def test_windows_hold_as_the_clock_there_says(
    window: dict[str, Any], hours: int, expected: bool
) -> None:
    assert clock.holds(clock.window_of(window), MONDAY + timedelta(hours=hours)) is expected


@pytest.mark.parametrize(
    ("zone", "winter", "summer"), [("Europe/Berlin", 8, 7), ("America/New_York", 14, 13)]
)
def test_summer_time_is_known(zone: str, winter: int, summer: int) -> None:
    window = clock.window_of({"from": "09:00", "to": "09:01", "timezone": zone})
    july = datetime(2026, 7, 6, tzinfo=timezone.utc)
    assert clock.holds(window, MONDAY + timedelta(hours=winter))
    assert clock.holds(window, july + timedelta(hours=summer))
    assert not clock.holds(window, july + timedelta(hours=winter))


def test_few_moments_stand_for_all() -> None:
    windows = [
        clock.window_of({"from": "22:00", "to": "06:00", "timezone": "Europe/Berlin"}),
        clock.window_of({"from": "09:00", "to": "17:00", "weekdays": ["mon", "fri"]}),
        clock.window_of({"weekdays": ["sat", "sun"], "timezone": "America/New_York"}),
    ]
    known = {tuple(clock.holds(w, m) for w in windows) for m in clock.moments(windows)}
    seen = set()
    for minutes in range(0, 366 * 24 * 60, 30):
        moment = MONDAY + timedelta(minutes=minutes)
        seen.add(tuple(clock.holds(w, moment) for w in windows))
    assert seen <= known
    assert len(known) <= 8


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "ORD-[0-9]+",
        r"\bORD-\d{3,5}\b",
        "(?i)invoice|refund",
        "^hello",
        "colou?r",
        r"[a-z]+@[a-z]+\.com",
        "(foo|bar)+baz",
        r"\w+\s\w+",
        "a.c",
        "[^x]y",
        r"\$[0-9]",
    ],
)
def test_a_text_that_fits_is_found(pattern: str) -> None:
    text = (
        text_with(["please"], [pattern])
        if not pattern.startswith("^")
        else text_with([], [pattern])
    )
    assert text is not None
    assert re.search(pattern, text)


@pytest.mark.parametrize("pattern", ["(", r"\pL+", "a(?!a)b(?=c)d", "[[:digit:]]x{2000}"])
def test_none_is_made_up_where_that_is_not_so(pattern: str) -> None:
    text = text_with([], [pattern])
    assert text is None or re.search(pattern, text)


def test_words_stand_side_by_side() -> None:
    assert text_with(["money back", "invoice"], []) == "money back invoice"
    assert text_with([], []) == ""
