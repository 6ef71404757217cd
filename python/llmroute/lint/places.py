"""Constraints that nothing meets, and groups that some request finds empty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llmroute.lint.finding import Finding, Severity
from llmroute.lint.requests import Answer, Questions, Way
from llmroute.lint.rules import undecided
from llmroute.lint.solver import FALSE, Formula, Is, Undecided, conjunction, disjunction
from llmroute.lint.world import Constraint, Member, World, path_of, quoted

__all__ = ["Emptying", "check_constraints", "check_groups", "emptied"]


# --- what removes a place -------------------------------------------------------------------------


@dataclass(frozen=True)
class Emptying:
    """What may remove members, beside constraints."""

    constraints: tuple[Constraint, ...]
    priorities: bool = False
    features: bool = False


def emptied(ask: Questions, members: Iterable[Member], by: Emptying) -> Formula:
    """Return when all members are removed; never where there are none."""
    removals = [_removed(ask, member, by) for member in members]
    if not removals or any(removal is FALSE for removal in removals):
        return FALSE
    return conjunction(dict.fromkeys(removals))


def _removed(ask: Questions, member: Member, by: Emptying) -> Formula:
    deployment = ask.world.deployments.get(member.deployment)
    if deployment is None:
        return FALSE
    closing = ask.world.closing(deployment.name)
    parts = [ask.applies(c) for c in by.constraints if c.index in closing]
    if by.priorities and member.priorities is not None:
        parts.append(ask.serves(set(range(10)) - member.priorities))
    if by.features:
        parts += [ask.words.flag(("has", f), True) for f in sorted(deployment.lacks)]
    return disjunction(parts)


def nowhere(ask: Questions, constraints: Iterable[Constraint]) -> Formula:
    """Return when constraints close every deployment that there is."""
    by = Emptying(tuple(constraints))
    key = frozenset(c.index for c in by.constraints)
    if key not in ask.nowhere:
        ask.nowhere[key] = emptied(ask, map(Member, ask.world.deployments), by)
    return ask.nowhere[key]


# --- constraints ----------------------------------------------------------------------------------


def check_constraints(ask: Questions) -> Iterator[Finding]:
    """Check what constraints require, alone and together."""
    impossible = []
    for constraint in ask.world.constraints:
        path = path_of("constraints", constraint.index)
        try:
            if ask.never(ask.applies(constraint)):
                yield _never_applies(constraint, path)
            elif not _anybody_meets([constraint], ask.world):
                impossible.append(constraint)
                yield from _nobody_meets(ask, constraint)
        except Undecided:
            yield undecided(path, "whether this constraint ever applies")
    rest = [c for c in ask.world.constraints if c not in impossible]
    try:
        yield from _exclude_each_other(ask, rest)
    except Undecided:
        yield undecided("constraints", "whether constraints exclude each other")


def possible_constraints(world: World) -> tuple[Constraint, ...]:
    """Return the constraints that somebody meets: of the others the flaw is named once."""
    return tuple(c for c in world.constraints if _anybody_meets([c], world))


def _anybody_meets(some: list[Constraint], world: World) -> bool:
    places = world.deployments.values()
    return not places or any(all(c.allows(d) for c in some) for d in places)


def _never_applies(constraint: Constraint, path: str) -> Finding:
    message = (
        f"no request falls under constraint {quoted([constraint.name])}: `unless` covers all that "
        "`when` leaves, so it protects nothing; correct one of the two"
    )
    return Finding("constraint_never_applies", "warning", path, message)


def _nobody_meets(ask: Questions, constraint: Constraint) -> Iterator[Finding]:
    found = ask.find(ask.applies(constraint), ask.let_in())
    if found is None:
        return
    places = ask.world.deployments.values()
    alone = []
    for key, value in constraint.require.items():
        part = Constraint(constraint.index, {"require": {key: value}})
        if not any(part.allows(d) for d in places):
            alone.append(key)
    what = f"what it asks of {' and '.join(alone)}" if alone else "all that it requires together"
    message = (
        f"no deployment meets {what}, so every request under {quoted([constraint.name])} fails; "
        "state it of a deployment that does, or require less"
    )
    path = path_of("constraints", constraint.index, "require")
    yield _with(found, "constraint_contradiction", "error", path, message)


def _exclude_each_other(ask: Questions, constraints: list[Constraint]) -> Iterator[Finding]:
    closed = nowhere(ask, constraints)
    found = ask.find(closed, ask.let_in())
    if found is None:
        return
    applying = [c for c in constraints if not ask.never(_given(found), ask.applies(c))]
    for constraint in list(applying):  # as few as are enough
        rest = [c for c in applying if c is not constraint]
        if not _anybody_meets(rest, ask.world):
            applying = rest
    always = ask.never(ask.no(conjunction(ask.applies(c) for c in applying)))
    when = "always" if always else "for some requests, such as the example,"
    message = (
        f"{quoted(c.name for c in applying)} exclude each other: {when} no deployment meets them "
        "together; narrow one with `when` or `unless`"
    )
    path = path_of("constraints", applying[-1].index)
    severity: Severity = "error" if always else "warning"
    yield _with(found, "constraint_contradiction", severity, path, message)


def _given(found: Answer) -> Formula:
    """Return that it is the request that was found."""
    return conjunction(Is(i, mask & -mask) for i, mask in enumerate(found.model))


# --- groups ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where requests go: a group with all that comes after it, or what a rule names."""

    path: str
    shown: str
    members: tuple[Member, ...]
    ways: tuple[Way, ...]


def check_groups(ask: Questions) -> Iterator[Finding]:
    """Look for a request that finds nobody, in every group and behind every rule."""
    constraints = possible_constraints(ask.world)
    for place in _places(ask):
        try:
            found = _empty(ask, place, constraints)
        except Undecided:
            yield undecided(place.path, "whether some request finds nobody here")
            continue
        if found is not None:
            yield found
    for name in ask.world.groups:
        yield from _facts(ask.world, name)


def _places(ask: Questions) -> Iterator[Place]:
    world = ask.world
    for name, group in world.groups.items():
        if "human" not in group.steps and group.members:
            ways = tuple(ask.ways_to(name))
            members = tuple(world.candidates(name))
            yield Place(path_of("groups", name), quoted([name]), members, ways)
    for rule in world.routing_rules:
        key, value = rule.place or ("", "")
        if key in ("pin", "chain"):
            names = [str(value)] if key == "pin" else list(value)
            path = path_of("rules", rule.index, "then", key)
            members = tuple(Member(name) for name in names)
            yield Place(path, quoted(names), members, (ask.ways_by(rule),))


def _empty(ask: Questions, place: Place, constraints: tuple[Constraint, ...]) -> Finding | None:
    """Ask with ever more that may remove members, and stop at the first that does."""
    shared = _lacked_by_all(ask.world, place.members)
    plain = [ask.words.flag(("has", feature), False) for feature in sorted(shared)]
    alone = Emptying(constraints)
    by_priority = Emptying(constraints, priorities=True)
    by_ability = Emptying(constraints, priorities=True, features=True)
    for by, more, why in (
        (alone, [], "constraints close all of them"),
        (by_priority, ask.priority_axioms(), "none that is open takes its priority"),
        (
            by_ability,
            [*ask.priority_axioms(), *plain],
            "what is open lacks what it needs",
        ),
    ):
        found = _empty_by(ask, place, by, more, why)
        if found is not None:
            return found
    return None


def _empty_by(
    ask: Questions, place: Place, by: Emptying, more: list[Formula], why: str
) -> Finding | None:
    empty = emptied(ask, place.members, by)
    if empty is FALSE:
        return None
    # Requests that may go nowhere at all are the constraints' own flaw.
    asked = [*more, ask.no(nowhere(ask, by.constraints))]
    for way in place.ways:
        found = ask.find(*way.parts, *asked, empty)
        if found is not None:
            every = all(ask.never(*w.parts, *asked, ask.no(empty)) for w in place.ways)
            others = (w for w in place.ways if w is not way)
            if every and not all(ask.never(*w.parts, *asked) for w in others):
                way = Way(())  # by more than one
            return _nobody(ask, place, by, way, found, why, every)
    return None


def _nobody(
    ask: Questions,
    place: Place,
    by: Emptying,
    way: Way,
    found: Answer,
    why: str,
    every: bool,
) -> Finding:
    known = [m.deployment for m in place.members if m.deployment in ask.world.deployments]
    closing = [
        c
        for c in by.constraints
        if any(c.index in ask.world.closing(name) for name in known)
        and not ask.never(_given(found), ask.applies(c))
    ]
    who = "every request" if every else "a request such as the example"
    sent = f" that rule {quoted([way.rule.name])} sends there" if way.rule is not None else ""
    because = f" ({quoted(c.name for c in closing)})" if closing else ""
    message = (
        f"{who}{sent} finds nobody in {place.shown}: {why}{because}; add a fallback that may serve "
        "it, or send it elsewhere by a rule"
    )
    severity: Severity = "error" if every else "warning"
    return _with(found, "group_can_be_emptied", severity, place.path, message)


def _lacked_by_all(world: World, members: Iterable[Member]) -> frozenset[str]:
    known = world.deployments
    lacks = [known[m.deployment].lacks for m in members if m.deployment in known]
    return frozenset.intersection(*lacks) if lacks else frozenset()


def _facts(world: World, name: str) -> Iterator[Finding]:
    """Say what a group cannot do as a whole: that is mostly meant."""
    known = world.deployments
    longer = world.candidates(name, ["on_context_too_long"])
    bounds = [known[m.deployment].context for m in longer if m.deployment in known]
    shared = sorted(_lacked_by_all(world, world.candidates(name)))
    what = []
    example: dict[str, object] = {"model": name, "messages": "hello"}
    if shared:
        what.append(f"requests with {' or '.join(shared)}")
        example["has"] = shared[:1]
    longest = [bound for bound in bounds if bound is not None]
    if bounds and len(longest) == len(bounds):
        what.append(f"prompts of more than {max(longest):,} tokens")
        example.setdefault("prompt_tokens", max(longest) + 1)
    if what:
        message = f"group {quoted([name])} serves no {' and no '.join(what)}"
        yield Finding("group_can_be_emptied", "info", path_of("groups", name), message, example)


def _with(found: Answer, slug: str, severity: Severity, path: str, message: str) -> Finding:
    return Finding(slug, severity, path, message, found.example, found.assumes)
