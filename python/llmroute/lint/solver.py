"""Satisfiability over variables that have a few values each.

A formula is a tree of conjunctions and disjunctions whose leaves say that a variable has one of
some values; a set of values is a bit mask. Negation pushes down to the leaves, so there is no node
for it. The search is exact: it narrows the values that are possible, and where a disjunction is
left open, tries its parts one after another. What it may cost is bounded by `Effort`; where the
bound is met it raises `Undecided`, never guesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = [
    "FALSE",
    "TRUE",
    "All",
    "Any",
    "Effort",
    "Formula",
    "Is",
    "Undecided",
    "conjunction",
    "disjunction",
    "negation",
    "satisfy",
    "variables",
]


@dataclass(frozen=True)
class Is:
    """A variable has one of the values in a mask."""

    variable: int
    mask: int


@dataclass(frozen=True)
class All:
    """Every part holds; without parts: true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True)
class Any:
    """One part holds; without parts: false."""

    parts: tuple[Formula, ...]


Formula = Is | All | Any
Model = list[int]
"""By variable, the mask of values that are still possible; any choice of one each is a solution."""

TRUE: Final = All(())
FALSE: Final = Any(())


class Undecided(Exception):
    """The bound of the work was met before there was an answer."""


class Effort:
    """How many branches a question may try, and all questions together.

    Parameters
    ----------
    one : int
        Branches of one question.
    total : int
        Branches of all of them.
    """

    def __init__(self, one: int = 20_000, total: int = 400_000) -> None:
        self.one = one
        self.left = total
        self._question = 0

    def begin(self) -> None:
        """Begin a new question."""
        self._question = 0

    def step(self) -> None:
        """Count one branch.

        Raises
        ------
        Undecided
            It was one too many.
        """
        self._question += 1
        self.left -= 1
        if self._question > self.one or self.left < 0:
            raise Undecided


def conjunction(parts: Iterable[Formula]) -> Formula:
    """Return that every part holds, as flat as it can be.

    Examples
    --------
    >>> conjunction([Is(0, 1), conjunction([])])
    Is(variable=0, mask=1)
    """
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, All):
            flat.extend(part.parts)
        elif isinstance(part, Any) and not part.parts:
            return FALSE
        else:
            flat.append(part)
    if not flat:
        return TRUE
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def disjunction(parts: Iterable[Formula]) -> Formula:
    """Return that one part holds, as flat as it can be.

    Examples
    --------
    >>> disjunction([]) is FALSE
    True
    """
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Any):
            flat.extend(part.parts)
        elif isinstance(part, All) and not part.parts:
            return TRUE
        else:
            flat.append(part)
    if not flat:
        return FALSE
    return flat[0] if len(flat) == 1 else Any(tuple(flat))


def negation(formula: Formula, full: Sequence[int]) -> Formula:
    """Return that a formula does not hold.

    Parameters
    ----------
    formula : Formula
        Any.
    full : sequence of int
        By variable, the mask of all its values.
    """
    if isinstance(formula, Is):
        return Is(formula.variable, full[formula.variable] & ~formula.mask)
    parts = [negation(part, full) for part in formula.parts]
    return disjunction(parts) if isinstance(formula, All) else conjunction(parts)


def variables(formula: Formula) -> set[int]:
    """Return the variables that a formula speaks of."""
    if isinstance(formula, Is):
        return {formula.variable}
    return set().union(*(variables(part) for part in formula.parts))


def satisfy(parts: Iterable[Formula], full: Sequence[int], effort: Effort) -> Model | None:
    """Find values under which all parts hold.

    Parameters
    ----------
    parts : iterable of Formula
        All have to hold.
    full : sequence of int
        By variable, the mask of all its values.
    effort : Effort
        What may be spent.

    Returns
    -------
    list of int or None
        By variable, the values that are left: any choice is a solution. None: there is none.

    Raises
    ------
    Undecided
        It would take more than `effort`.

    Examples
    --------
    >>> satisfy([Any((Is(0, 1), Is(1, 2))), Is(0, 2)], [3, 3], Effort())
    [2, 2]
    >>> satisfy([Is(0, 1), Is(0, 2)], [3], Effort()) is None
    True
    """
    effort.begin()
    return _search(list(parts), [], list(full), effort)


def _search(
    pending: list[Formula], choices: list[Any], model: Model, effort: Effort
) -> Model | None:
    effort.step()
    open_choices = _narrow(pending, choices, model)
    if open_choices is None:
        return None
    if not open_choices:
        return model
    # The narrowest first: its parts are what can fail soonest.
    branch = min(open_choices, key=lambda choice: len(choice.parts))
    rest = [choice for choice in open_choices if choice is not branch]
    for part in branch.parts:
        found = _search([part], rest, list(model), effort)
        if found is not None:
            return found
        if isinstance(part, Is):  # it failed: later parts are tried without it
            model[part.variable] &= ~part.mask
            if not model[part.variable]:
                return None
    return None


def _narrow(pending: list[Formula], choices: list[Any], model: Model) -> list[Any] | None:
    """Follow what must hold until nothing changes; return the choices left, None: impossible."""
    choices = list(choices)
    while True:
        changed = False
        while pending:
            formula = pending.pop()
            if isinstance(formula, Is):
                before = model[formula.variable]
                after = before & formula.mask
                if not after:
                    return None
                if after != before:
                    model[formula.variable] = after
                    changed = True
            elif isinstance(formula, All):
                pending.extend(formula.parts)
            elif not formula.parts:
                return None
            else:
                choices.append(formula)
                changed = True
        if not changed:
            return choices
        kept: list[Any] = []
        for choice in choices:
            left = _simplify(choice, model)
            if left is FALSE:
                return None
            if isinstance(left, Any):
                kept.append(left)
            elif left is not TRUE:
                pending.append(left)
        choices = kept
        if not pending:
            return choices


def _simplify(formula: Formula, model: Model) -> Formula:
    if isinstance(formula, Is):
        possible = model[formula.variable] & formula.mask
        if not possible:
            return FALSE
        return TRUE if possible == model[formula.variable] else formula
    parts = [_simplify(part, model) for part in formula.parts]
    return conjunction(parts) if isinstance(formula, All) else disjunction(parts)
