"""Rules that match nobody, decide nothing, or ask for what nobody has."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from llmroute.lint.finding import Finding
from llmroute.lint.requests import Questions
from llmroute.lint.solver import Formula, Undecided, conjunction, disjunction, variables
from llmroute.lint.vocabulary import words_of
from llmroute.lint.world import Rule, World, path_of, quoted

__all__ = ["check_rules", "undecided"]

_MOST_EXPLAINED = 60  # earlier rules among which the few that are needed are looked for

_NEAR = 0.75  # of difflib: "fats" is meant to be "fast", "gpt-4" is a name of its own


def check_rules(ask: Questions) -> Iterator[Finding]:
    """Check every rule, and the models that conditions ask for."""
    yield from _unknown_models(ask.world)
    for rule in ask.world.rules:
        if rule.mode == "off":
            continue
        path = path_of("rules", rule.index)
        try:
            dead = _never_matches(ask, rule)
            if dead is not None:
                yield dead
            elif rule.mode == "apply":
                yield from _shadowed(ask, rule)
        except Undecided:
            yield undecided(path, "whether this rule ever decides anything")


def undecided(path: str, what: str) -> Finding:
    """Say that a question was given up."""
    return Finding(
        "undecided",
        "warning",
        path,
        f"{what} was not decided within the bound of the search; split long conditions to have it "
        "checked",
    )


# --- never ----------------------------------------------------------------------------------------


def _never_matches(ask: Questions, rule: Rule) -> Finding | None:
    formula = ask.matches(rule)
    if not ask.never(formula):
        return None
    # What must give way for a request to fit: these contradict each other, alone or together.
    guilty = [v for v in sorted(variables(formula)) if not ask.never(ask.without(formula, v))]
    names = ask.words.names(guilty) or ask.words.names_in(rule.when)
    what = f"what it asks of {' and '.join(names[:4])}" if names else "its condition"
    message = f"no request fits rule {quoted([rule.name])}, for {what} cannot be; correct it"
    return Finding("rule_never_matches", "error", path_of("rules", rule.index, "when"), message)


# --- shadowed -------------------------------------------------------------------------------------


def _shadowed(ask: Questions, rule: Rule) -> Iterator[Finding]:
    """Ask whether, whenever it matches, each of its effects has been set before."""
    this = ask.matches(rule)
    earlier = [
        other
        for other in ask.world.rules[: rule.index]
        if other.mode == "apply" and other.effects & rule.effects
    ]
    if not rule.effects or not ask.never(this, _some_effect_left(ask, rule, earlier)):
        return
    needed = _needed(ask, rule, earlier)
    names = quoted(other.name for other in needed)
    if len(needed) == 1:
        how = f"{names} comes first and matches whenever it does"
    else:
        how = f"{names} come first, and one of them matches whenever it does"
    message = (
        f"rule {quoted([rule.name])} never decides: {how}; move it up, or narrow what is above"
    )
    yield Finding("rule_shadowed", "warning", path_of("rules", rule.index), message)


def _some_effect_left(ask: Questions, rule: Rule, earlier: list[Rule]) -> Formula:
    free = []
    for effect in sorted(rule.effects):
        setters = [other for other in earlier if effect in other.effects]
        free.append(conjunction(ask.misses(other) for other in setters))
    return disjunction(free)


def _needed(ask: Questions, rule: Rule, earlier: list[Rule]) -> list[Rule]:
    """Return few earlier rules that are enough, one where one is."""

    def enough(some: list[Rule]) -> bool:
        return ask.never(ask.matches(rule), _some_effect_left(ask, rule, some))

    try:
        for other in earlier:
            if enough([other]):
                return [other]
        for other in list(earlier) if len(earlier) <= _MOST_EXPLAINED else []:
            rest = [kept for kept in earlier if kept is not other]
            if enough(rest):
                earlier = rest
    except Undecided:
        pass  # the flaw is proved; only its description stays longer than it might be
    return earlier


# --- models ---------------------------------------------------------------------------------------


def _unknown_models(world: World) -> Iterator[Finding]:
    known = list(world.models)
    for rule in world.rules:
        # A name that a rule sends somewhere can be asked for: an alias, unless it is a slip.
        if rule.place is not None and rule.mode != "off":
            asked = [name for _, name in _models(rule.when, ()) if not _near(name, world.models)]
            known += asked
    conditions: list[tuple[Any, tuple[str | int, ...]]] = []
    for rule in world.rules:
        if rule.mode != "off":
            conditions.append((rule.when, ("rules", rule.index, "when")))
    for constraint in world.constraints:
        for key in ("when", "unless"):
            conditions.append((constraint.table.get(key), ("constraints", constraint.index, key)))
    for condition, start in conditions:
        for steps, name in _models(condition, start):
            if name not in known:
                yield _unknown_model(path_of(*steps), name, known)


def _unknown_model(path: str, name: str, known: list[str]) -> Finding:
    near = _near(name, known) or difflib.get_close_matches(name, known, 1)
    fix = f"did you mean {quoted(near)}?" if near else "name a group or a deployment"
    message = f"nobody can ask for {quoted([name])}: it is neither group nor deployment; {fix}"
    return Finding("rule_names_model_nobody_has", "error", path, message)


def _near(name: str, known: list[str]) -> list[str]:
    return [] if name in known else difflib.get_close_matches(name, known, 1, _NEAR)


def _models(
    condition: Any, steps: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every model that a condition names, with the steps to it."""
    if not isinstance(condition, dict):
        return
    for key, value in condition.items():
        here = (*steps, key)
        if key in ("all", "any"):
            for i, part in enumerate(value):
                yield from _models(part, (*here, i))
        elif key == "not":
            yield from _models(value, here)
        elif key == "model":
            for i, name in enumerate(words_of(value)):
                yield ((*here, i) if isinstance(value, list) else here), str(name)
