"""What a new configuration would take away from traffic that the running one serves."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from llmroute.lint.finding import Finding
from llmroute.lint.places import Emptying, emptied
from llmroute.lint.requests import Answer, Questions, vocabulary_of
from llmroute.lint.rules import undecided
from llmroute.lint.solver import FALSE, Effort, Undecided
from llmroute.lint.vocabulary import words_of
from llmroute.lint.world import World, path_of, quoted

__all__ = ["compare"]


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], traffic: Mapping[str, int]
) -> list[Finding]:
    """Name what makes a new configuration worse than the running one, for the traffic there is.

    Parameters
    ----------
    old, new : mapping
        Documents that the core accepts.
    traffic : mapping of str to int
        How many requests asked for each group or deployment lately.

    Returns
    -------
    list of Finding
        ``error``: a name that is asked for would be gone, or constraints could leave a group empty
        that they could not before. ``warning``: they could before, and now for more requests.

    Examples
    --------
    >>> old = {"groups": {"fast": {"deployments": ["ollama/llama3"]}}}
    >>> new = {"groups": {"quick": {"deployments": ["ollama/llama3"]}}}
    >>> [finding.slug for finding in compare(old, new, {"fast": 120})]
    ['group_gone']
    """
    before, after = World.of(old), World.of(new)
    words = vocabulary_of([before, after])
    effort = Effort()
    was, will = Questions(before, words, effort), Questions(after, words, effort)
    found: list[Finding] = []
    for name, count in traffic.items():
        if count <= 0 or name not in before.models:
            continue
        if name not in after.models:
            if not _is_alias(after, name):
                found.append(_gone(name, count, after))
            continue
        path = path_of("groups" if name in after.groups else "deployments", name)
        try:
            found += _emptier(was, will, name, count, path)
        except Undecided:
            found.append(undecided(path, "whether constraints would leave this group empty"))
    return found


def _is_alias(world: World, name: str) -> bool:
    """Rules send it somewhere, whoever asks: by its name alone, or all requests."""
    for rule in world.routing_rules:
        when = rule.when or {}
        if set(when) <= {"model"} and name in words_of(when.get("model", name)):
            return True
    return False


def _gone(name: str, count: int, after: World) -> Finding:
    near = difflib.get_close_matches(name, after.models, 1)
    was = f" (renamed to {quoted(near)}?)" if near else ""
    message = (
        f"{quoted([name])} was asked for {count:,} times and would be gone{was}; keep it, or send "
        "it elsewhere by a rule"
    )
    return Finding("group_gone", "error", path_of("groups", name), message)


def _emptier(
    was: Questions, will: Questions, name: str, count: int, path: str
) -> Iterator[Finding]:
    before = list(_empty_requests(was, name))
    after = list(_empty_requests(will, name))
    if not after:
        return
    asked = f"{quoted([name])}, which was asked for {count:,} times,"
    if not before:
        yield _finding(after[0], "error", path, f"{asked} could be left without any deployment")
        return
    if _always(will, name) and not _always(was, name):
        yield _finding(after[0], "error", path, f"{asked} would be left without any deployment")
        return
    empty_before = emptied(was, was.world.candidates(name), Emptying(tuple(was.world.constraints)))
    more = next(_empty_requests(will, name, was.no(empty_before)), None)
    if more is not None:
        what = f"{asked} could be left without any deployment for more requests than now"
        yield _finding(more, "warning", path, what)


def _empty_requests(ask: Questions, name: str, *more: Any) -> Iterator[Answer]:
    group = ask.world.groups.get(name)
    if group is not None and "human" in group.steps:
        return
    empty = emptied(ask, ask.world.candidates(name), Emptying(tuple(ask.world.constraints)))
    if empty is FALSE:
        return
    for way in ask.ways_to(name):
        found = ask.find(*way.parts, empty, *more)
        if found is not None:
            yield found


def _always(ask: Questions, name: str) -> bool:
    empty = emptied(ask, ask.world.candidates(name), Emptying(tuple(ask.world.constraints)))
    return all(ask.never(*way.parts, ask.no(empty)) for way in ask.ways_to(name))


def _finding(found: Answer, severity: Any, path: str, what: str) -> Finding:
    message = f"{what} by constraints; narrow them, or add a member or fallback that they allow"
    return Finding("group_can_be_emptied", severity, path, message, found.example, found.assumes)
