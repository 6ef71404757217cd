"""Satisfiability over small domains: laws, brute force, and the bound of the work."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from llmroute.lint.solver import (
    FALSE,
    TRUE,
    All,
    Any,
    Effort,
    Formula,
    Is,
    Undecided,
    conjunction,
    disjunction,
    negation,
    satisfy,
    variables,
)

A, B, C = Is(0, 0b01), Is(1, 0b01), Is(2, 0b001)
FULL = [0b11, 0b11, 0b111]


def holds(formula: Formula, values: Sequence[int]) -> bool:
    """Of one value for each variable, as a bit."""
    if isinstance(formula, Is):
        return bool(formula.mask & values[formula.variable])
    parts = [holds(part, values) for part in formula.parts]
    return all(parts) if isinstance(formula, All) else any(parts)


def every_choice(full: Sequence[int]) -> list[tuple[int, ...]]:
    return list(itertools.product(*([1 << bit for bit in range(m.bit_length())] for m in full)))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (conjunction([]), TRUE),
        (disjunction([]), FALSE),
        (conjunction([A]), A),
        (disjunction([A]), A),
        (conjunction([A, TRUE]), A),
        (conjunction([A, FALSE, B]), FALSE),
        (disjunction([A, TRUE]), TRUE),
        (disjunction([A, FALSE]), A),
        (conjunction([A, conjunction([B, C])]), All((A, B, C))),
        (disjunction([disjunction([A, B]), C]), Any((A, B, C))),
        (conjunction([A, disjunction([B, C])]), All((A, Any((B, C))))),
    ],
)
def test_formulas_are_as_flat_as_they_can_be(made: Formula, expected: Formula) -> None:
    assert made == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (A, Is(0, 0b10)),
        (C, Is(2, 0b110)),
        (TRUE, FALSE),
        (FALSE, TRUE),
        (All((A, B)), Any((Is(0, 0b10), Is(1, 0b10)))),
        (Any((A, All((B, C)))), All((Is(0, 0b10), Any((Is(1, 0b10), Is(2, 0b110)))))),
    ],
)
def test_negation_goes_down_to_the_leaves(formula: Formula, expected: Formula) -> None:
    assert negation(formula, FULL) == expected


def test_variables_are_those_of_the_leaves() -> None:
    assert variables(All((A, Any((B, C, A))))) == {0, 1, 2}
    assert variables(TRUE) == set()


@pytest.mark.parametrize(
    ("parts", "model"),
    [
        ([], [0b11, 0b11, 0b111]),
        ([A], [0b01, 0b11, 0b111]),
        ([A, Is(0, 0b10)], None),
        ([FALSE], None),
        ([TRUE, C], [0b11, 0b11, 0b001]),
        ([Any((A, B)), Is(0, 0b10)], [0b10, 0b01, 0b111]),
        ([Any((A, B)), Is(0, 0b10), Is(1, 0b10)], None),
        ([Any((All((A, B)), All((Is(0, 0b10), C)))), Is(1, 0b10)], [0b10, 0b10, 0b001]),
    ],
)
def test_a_solution_narrows_no_more_than_it_must(
    parts: list[Formula], model: list[int] | None
) -> None:
    assert satisfy(parts, FULL, Effort()) == model


def formula(chance: random.Random, full: Sequence[int], depth: int) -> Formula:
    kind = chance.randrange(3) if depth else 0
    if kind == 0:
        variable = chance.randrange(len(full))
        return Is(variable, chance.randrange(1, full[variable]))
    parts = tuple(formula(chance, full, depth - 1) for _ in range(chance.randrange(1, 4)))
    return All(parts) if kind == 1 else Any(parts)


@pytest.mark.parametrize("seed", range(150))
def test_the_answer_is_that_of_trying_everything(seed: int) -> None:
    chance = random.Random(seed)
    full = [(1 << chance.randrange(2, 5)) - 1 for _ in range(5)]
    parts = [formula(chance, full, 3) for _ in range(chance.randrange(1, 6))]
    solutions = [v for v in every_choice(full) if all(holds(part, v) for part in parts)]
    model = satisfy(parts, full, Effort())
    assert (model is not None) is bool(solutions)
    if model is not None:
        choices = [[1 << bit for bit in range(8) if mask >> bit & 1] for mask in model]
        for values in itertools.product(*choices):
            assert all(holds(part, values) for part in parts)


@pytest.mark.parametrize("seed", range(40))
def test_a_formula_or_its_negation_holds_and_never_both(seed: int) -> None:
    chance = random.Random(seed)
    some = formula(chance, FULL, 4)
    for values in every_choice(FULL):
        assert holds(some, values) is not holds(negation(some, FULL), values)
    assert satisfy([some, negation(some, FULL)], FULL, Effort()) is None


def pigeons(count: int) -> tuple[list[Formula], list[int]]:
    """One more pigeon than holes: false, and long to see."""
    places = {(p, h): p * count + h for p in range(count + 1) for h in range(count)}
    parts: list[Formula] = [
        Any(tuple(Is(places[p, h], 0b10) for h in range(count))) for p in range(count + 1)
    ]
    for h in range(count):
        for p, q in itertools.combinations(range(count + 1), 2):
            parts.append(Any((Is(places[p, h], 0b01), Is(places[q, h], 0b01))))
    return parts, [0b11] * len(places)


def test_a_question_that_is_too_large_is_given_up_aloud() -> None:
    parts, full = pigeons(4)
    assert satisfy(parts, full, Effort()) is None
    with pytest.raises(Undecided):
        satisfy(parts, full, Effort(one=5))


def test_all_questions_together_are_bounded_too() -> None:
    effort = Effort(total=2)
    assert satisfy([A], FULL, effort) is not None
    assert satisfy([A], FULL, effort) is not None
    with pytest.raises(Undecided):
        satisfy([A], FULL, effort)
