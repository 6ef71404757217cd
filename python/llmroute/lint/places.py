"""Groups that some request finds empty, constraints that nothing meets, places nobody comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from llmroute.lint.finding import Finding, Severity
from llmroute.lint.requests import Answer, Questions, Way, steps
from llmroute.lint.rules import undecided
from llmroute.lint.solver import FALSE, TRUE, Formula, Undecided, conjunction, disjunction
from llmroute.lint.world import Constraint, Member, World, path_of, quoted

__all__ = ["Emptying", "check_constraints", "check_cycles", "check_groups", "check_reach", "emptied"]


# --- what removes a place -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Emptying:
    """What may remove members, beside constraints."""

    constraints: tuple[Constraint, ...]
    priorities: bool = False
    features: bool = False
    context: bool = False


def emptied(ask: Questions, members: Iterable[Member], by: Emptying) -> Formula:
    """Return when all members are removed.

    A member that goes only where another one goes too need not be looked at.
    """
    removals = [_removed(ask, member, by) for member in members]
    if any(removal is FALSE for removal in removals):
        return FALSE
    return conjunction(dict.fromkeys(removals))


def _removed(ask: Questions, member: Member, by: Emptying) -> Formula:
    deployment = ask.world.deployments.get(member.deployment)
    if deployment is None:
        return FALSE
    parts = [ask.applies(c) for c in by.constraints if not c.allows(deployment)]
    if by.priorities and member.priorities is not None:
        parts.append(ask.serves(set(range(10)) - member.priorities))
    if by.features:
        parts += [ask.words.flag(("has", f), True) for f in sorted(deployment.lacks)]
    if by.context and deployment.context is not None:
        most = deployment.context
        parts.append(ask.words.literal(("prompt_tokens", ""), lambda value: value > most))
    return disjunction(parts)


def nowhere(ask: Questions, constraints: Iterable[Constraint]) -> Formula:
    """Return when constraints close every deployment that there is."""
    everywhere = [Member(name) for name in ask.world.deployments]
    return emptied(ask, everywhere, Emptying(tuple(constraints)))


# --- constraints --------------------------------------------------------------------------------------


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
                yield _nobody_meets(ask, constraint)
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


def _nobody_meets(ask: Questions, constraint: Constraint) -> Finding:
    found = ask.find(ask.applies(constraint))
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
    return _with(found, "constraint_contradiction", "error", path, message)


def _exclude_each_other(ask: Questions, constraints: list[Constraint]) -> Iterator[Finding]:
    closed = nowhere(ask, constraints)
    found = ask.find(closed)
    if found is None:
        return
    applying = [c for c in constraints if not ask.never(_given(found), ask.applies(c))]
    for constraint in list(applying):  # as few as are enough
        rest = [c for c in applying if c is not constraint]
        if not _anybody_meets(rest, ask.world):
            applying = rest
    always = all(ask.applies(c) is TRUE for c in applying)
    when = "always" if always else "for some requests, such as the example,"
    message = (
        f"{quoted(c.name for c in applying)} exclude each other: {when} no deployment meets them "
        "together; narrow one with `when` or `unless`"
    )
    path = path_of("constraints", applying[-1].index)
    severity: Severity = "error" if always else "warning"
    yield _with(found, "constraint_contradiction", severity, path, message)


def _given(found: Answer) -> Formula:
    """The request that was found and no other, as far as it was narrowed down."""
    from llmroute.lint.solver import Is

    return conjunction(Is(i, mask & -mask) for i, mask in enumerate(found.model))


# --- groups -------------------------------------------------------------------------------------------


def check_groups(ask: Questions) -> Iterator[Finding]:
    """Look for a request that finds nobody, in every group and behind every rule."""
    constraints = possible_constraints(ask.world)
    for name, group in ask.world.groups.items():
        if "human" in group.steps or not group.members:
            continue
        path = path_of("groups", name)
        try:
            yield from _check_place(ask, name, ask.world.candidates(name), constraints, path)
        except Undecided:
            yield undecided(path, "whether some request finds this group empty")
    for rule in ask.world.routing_rules:
        place = rule.place
        if place is None or place[0] not in ("pin", "chain"):
            continue
        names = [place[1]] if place[0] == "pin" else list(place[1])
        path = path_of("rules", rule.index, "then", place[0])
        members = [Member(name) for name in names]
        try:
            yield from _check_ways(ask, [ask.ways_by(rule)], members, constraints, path, rule.name)
        except Undecided:
            yield undecided(path, "whether some request of this rule finds nobody")


def _check_place(
    ask: Questions,
    name: str,
    members: list[Member],
    constraints: tuple[Constraint, ...],
    path: str,
) -> Iterator[Finding]:
    ways = ask.ways_to(name)
    found = list(_check_ways(ask, ways, members, constraints, path, name))
    yield from found
    if not found:
        longer = ask.world.candidates(name, ["on_context_too_long"])
        yield from _facts(ask, name, members, longer, path)


def _check_ways(
    ask: Questions,
    ways: list[Way],
    members: list[Member],
    constraints: tuple[Constraint, ...],
    path: str,
    name: str,
) -> Iterator[Finding]:
    """Ask with ever more that may remove members, and stop at the first that does."""
    somewhere = ask.no(nowhere(ask, constraints))
    shared = _lacked_by_all(ask.world, members)
    plain = [ask.words.flag(("has", feature), False) for feature in sorted(shared)]
    stages = (
        (Emptying(constraints), [], "constraints remove all of its members"),
        (
            Emptying(constraints, priorities=True),
            ask.priority_axioms(),
            "no member is left for its priority",
        ),
        (
            Emptying(constraints, priorities=True, features=True),
            [*ask.priority_axioms(), *plain],
            "whatever is left lacks something that it needs",
        ),
    )
    for by, more, why in stages:
        empty = emptied(ask, members, by)
        if empty is FALSE:
            continue
        for way in ways:
            found = ask.find(*way.parts, *more, somewhere, empty)
            if found is not None:
                all_of_them = all(
                    ask.never(*w.parts, *more, somewhere, ask.no(empty)) for w in ways
                )
                yield _emptied_finding(ask, found, way, members, by, path, name, why, all_of_them)
                return


def _emptied_finding(
    ask: Questions,
    found: Answer,
    way: Way,
    members: list[Member],
    by: Emptying,
    path: str,
    name: str,
    why: str,
    every: bool,
) -> Finding:
    guilty = [
        c
        for c in by.constraints
        if any(not c.allows(ask.world.deployments[m.deployment]) for m in members)
        and not ask.never(_given(found), ask.applies(c))
    ]
    who = "every request" if every else "a request such as the example"
    sent = f" that rule {quoted([way.rule.name])} sends there" if way.rule is not None else ""
    because = f" ({quoted(c.name for c in guilty)})" if guilty else ""
    message = (
        f"{who}{sent} finds nobody in {quoted([name])}: {why}{because}; add a fallback that may "
        "serve it, or send it elsewhere by a rule"
    )
    severity: Severity = "error" if every else "warning"
    return _with(found, "group_can_be_emptied", severity, path, message)


def _lacked_by_all(world: World, members: Iterable[Member]) -> frozenset[str]:
    lacks = [world.deployments[m.deployment].lacks for m in members if m.deployment
             in world.deployments]
    return frozenset.intersection(*lacks) if lacks else frozenset()


def _facts(
    ask: Questions, name: str, members: list[Member], longer: list[Member], path: str
) -> Iterator[Finding]:
    """What a group cannot do as a whole: that is mostly meant."""
    shared = sorted(_lacked_by_all(ask.world, members))
    bounds = [ask.world.deployments[m.deployment].context for m in longer
              if m.deployment in ask.world.deployments]
    what = []
    example: dict[str, object] = {"model": name, "messages": "hello"}
    if shared:
        what.append(f"requests with {' or '.join(shared)}")
        example["has"] = shared[:1]
    known = [bound for bound in bounds if bound is not None]
    if bounds and len(known) == len(bounds):
        what.append(f"prompts of more than {max(known):,} tokens")
        example.setdefault("prompt_tokens", max(known) + 1)
    if what:
        message = f"group {quoted([name])} serves no {' and no '.join(what)}"
        yield Finding("group_can_be_emptied", "info", path, message, example)


def _with(
    found: Answer | None, slug: str, severity: Severity, path: str, message: str
) -> Finding:
    if found is None:
        return Finding(slug, severity, path, message)
    return Finding(slug, severity, path, message, found.example, found.assumes)


# --- who leads where ------------------------------------------------------------------------------------


def check_reach(world: World) -> Iterator[Finding]:
    """Name deployments that only their own name leads to."""
    if not world.groups:
        return
    reached = {member.deployment for group in world.groups.values() for member in group.members}
    reached |= {d.name for d in world.deployments.values() if d.path[0] != "deployments"}
    reached |= set(_named_elsewhere(world))
    for name in world.deployments:
        if name not in reached:
            message = (
                f"no group, fallback, rule, budget or experiment leads to {quoted([name])}; put it "
                "into a group, or remove it if nobody asks for it by its name"
            )
            yield Finding("deployment_unreachable", "warning", path_of("deployments", name), message)


def _named_elsewhere(world: World) -> Iterator[str]:
    for group in world.groups.values():
        for key in ("fallbacks", "on_context_too_long", "on_content_filter"):
            yield from group.names(key)
        yield from (target for _, target in group.exhausted)
    for rule in world.rules:
        key, value = rule.place or ("", None)
        if key in ("pin", "group"):
            yield str(value)
        elif key == "chain":
            yield from value
    for budget in world.table("budgets").values():
        yield from (step["group"] for step in budget.get("at", ()))
        yield from budget.get("groups", ())
    for experiment in world.table("experiments").values():
        arms = experiment.get("arms", ())
        yield from (str(arm["group"]) for arm in arms if "group" in arm)
        yield from (str(experiment[key]) for key in ("group", "to") if key in experiment)
    yield str(world.table("baseline").get("deployment", ""))


# --- circles ------------------------------------------------------------------------------------------------


def check_cycles(world: World) -> Iterator[Finding]:
    """Find requests that are sent back to where they came from."""
    for key in ("fallbacks", "on_context_too_long", "on_content_filter"):
        edges = [(path_of("groups", g.name, key), g.name, target)
                 for g in world.groups.values() for target in g.names(key)]
        yield from _circles(edges, world)
    exhausted = [(path_of("groups", g.name, "on_exhausted", i, "group"), g.name, target)
                 for g in world.groups.values() for i, target in g.exhausted]
    yield from _circles(exhausted, world)
    moves = steps(world)
    yield from _to_itself(world)
    # A budget of many groups may hold the one that it steps down to: there nothing happens.
    yield from _circles([move for move in moves if move[1] != move[2]], world)


def _to_itself(world: World) -> Iterator[Finding]:
    for name, budget in world.table("budgets").items():
        for i, step in enumerate(budget.get("at", ())):
            if list(budget.get("groups", ())) == [step["group"]]:
                path = path_of("budgets", name, "at", i, "group")
                message = (
                    f"budget {quoted([name])} steps down from {quoted([step['group']])} to itself; "
                    "name a cheaper group"
                )
                yield Finding("fallback_cycle", "warning", path, message)


def _circles(edges: list[tuple[str, str, str]], world: World) -> Iterator[Finding]:
    after: dict[str, list[tuple[str, str]]] = {}
    for path, source, target in edges:
        after.setdefault(source, []).append((path, target))
    done: set[str] = set()
    for start in world.models:
        found = _circle_from(start, after, done)
        if found is None:
            continue
        path, trail = found
        way = " -> ".join([*trail, trail[0]])
        message = f"requests go in a circle: {way}; send the last of them to another group"
        yield Finding("fallback_cycle", "warning", path, message)
        return


def _circle_from(
    start: str, after: Mapping[str, list[tuple[str, str]]], done: set[str]
) -> tuple[str, list[str]] | None:
    """Walk in depth without recursion; return the step that closes a circle, and the circle."""
    trail = [start]
    ahead = [iter(after.get(start, ()))]
    while trail:
        step = next(ahead[-1], None)
        if step is None:
            done.add(trail.pop())
            ahead.pop()
            continue
        path, target = step
        if target in trail:
            return path, trail[trail.index(target) :]
        if target not in done:
            trail.append(target)
            ahead.append(iter(after.get(target, ())))
    return None
