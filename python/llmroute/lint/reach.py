"""Deployments that nothing leads to, and requests that are sent back to where they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llmroute.lint.finding import Finding
from llmroute.lint.requests import steps
from llmroute.lint.world import World, path_of, quoted

__all__ = ["check_cycles", "check_reach"]

# --- who leads where ------------------------------------------------------------------------------


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
            yield Finding(
                "deployment_unreachable", "warning", path_of("deployments", name), message
            )


def _named_elsewhere(world: World) -> Iterator[str]:
    for group in world.groups.values():
        for key in ("fallbacks", "on_context_too_long", "on_content_filter"):
            yield from group.names(key)
        yield from (target for _, target in group.exhausted)
    for rule in world.rules:
        key, value = rule.place or ("", "")
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


# --- circles --------------------------------------------------------------------------------------


def check_cycles(world: World) -> Iterator[Finding]:
    """Find requests that are sent back to where they came from."""
    for key in ("fallbacks", "on_context_too_long", "on_content_filter"):
        edges = [
            (path_of("groups", g.name, key), g.name, target)
            for g in world.groups.values()
            for target in g.names(key)
        ]
        yield from _circles(edges, world)
    exhausted = [
        (path_of("groups", g.name, "on_exhausted", i, "group"), g.name, target)
        for g in world.groups.values()
        for i, target in g.exhausted
    ]
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
