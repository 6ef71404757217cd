"""Experiments that cannot tell anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmroute.lint.finding import Finding
from llmroute.lint.requests import Questions
from llmroute.lint.rules import undecided
from llmroute.lint.solver import Undecided
from llmroute.lint.world import World, path_of, quoted

__all__ = ["check_experiments"]

_ROUNDING: Final = 1e-6  # as the core allows


def check_experiments(ask: Questions) -> Iterator[Finding]:
    """Check arms, shares, guards, and whether anybody comes."""
    for name, experiment in ask.world.experiments:
        yield from _arms(ask.world, name, experiment)
        yield from _guard(name, experiment)
        path = path_of("experiments", name, "group")
        try:
            yield from _unreached(ask, name, str(experiment.get("group")), path)
        except Undecided:
            yield undecided(path, "whether any request comes to this experiment")


def _arms(world: World, name: str, experiment: Mapping[str, Any]) -> Iterator[Finding]:
    own = str(experiment.get("group"))
    if experiment.get("kind") == "shadow":
        if experiment.get("to") == own:
            path = path_of("experiments", name, "to")
            yield _alike(path, f"requests of {quoted([own])} are mirrored to where they went")
        return
    arms = experiment.get("arms", ())
    total = sum(arm.get("share", 0) for arm in arms)
    if abs(total - 1) > _ROUNDING:
        message = f"the shares add up to {total:g}, not to 1; change one of them"
        yield Finding("experiment_shares", "error", path_of("experiments", name, "arms"), message)
    seen: list[tuple[str, str]] = []  # name of the arm, group
    for i, arm in enumerate(arms):
        group = str(arm.get("group", own))
        for other, known in seen:
            if group == known or _same(world, group, known):
                path = path_of("experiments", name, "arms", i)
                what = f"arms {quoted([other, str(arm.get('name'))])} do the same"
                yield _alike(path, what)
                break
        seen.append((str(arm.get("name")), group))


def _same(world: World, one: str, other: str) -> bool:
    """Two groups that hold the same in the same way."""
    if one not in world.groups or other not in world.groups:
        return False
    return dict(world.groups[one].table) == dict(world.groups[other].table)


def _alike(path: str, what: str) -> Finding:
    message = f"{what}, so they cannot be told apart; give one of them another group"
    return Finding("experiment_arms_alike", "warning", path, message)


def _guard(name: str, experiment: Mapping[str, Any]) -> Iterator[Finding]:
    arms = experiment.get("arms", ())
    if not experiment.get("guard") or len(arms) < 2:
        return
    if arms[0].get("share", 0) > 0 and any(arm.get("share", 0) > 0 for arm in arms[1:]):
        return
    message = (
        "the guard compares other arms with the first, and one side has no requests; give both a "
        "share above 0"
    )
    path = path_of("experiments", name, "guard")
    yield Finding("experiment_guard_blind", "warning", path, message)


def _unreached(ask: Questions, name: str, group: str, path: str) -> Iterator[Finding]:
    if any(not ask.never(*way.parts) for way in ask.ways_to(group)):
        return
    message = (
        f"no request comes to {quoted([group])}, for rules send all of them elsewhere, so "
        f"{quoted([name])} has none; name the group that they go to"
    )
    yield Finding("experiment_unreached", "warning", path, message)
