"""Groups, fallbacks and chains that would mix vectors of different embedding models."""

from __future__ import annotations

from collections.abc import Iterator

from llmroute.lint.finding import Finding
from llmroute.lint.world import World, path_of, quoted

__all__ = ["check_embeddings"]

# What may take the place of a group's own members.
_AFTER = ("fallbacks", "on_context_too_long", "on_content_filter")


def check_embeddings(world: World) -> Iterator[Finding]:
    """Look for places where a text might be embedded by another model than its neighbours."""
    for name, group in world.groups.items():
        path = path_of("groups", name)
        first = None
        for i, member in enumerate(group.members):
            place = (member.deployment, path_of("groups", name, "deployments", i))
            first = first or _named(world, *place)
            yield from _differs(world, quoted([name]), first, *place)
        for key in _AFTER:
            for i, target in enumerate(group.names(key)):
                place = (target, path_of("groups", name, key, i))
                yield from _group_differs(world, quoted([name]), first, *place)
        for i, target in group.exhausted:
            place = (target, f"{path}.on_exhausted[{i}].group")
            yield from _group_differs(world, quoted([name]), first, *place)
    for rule in world.routing_rules:
        key, value = rule.place or ("", "")
        first = None
        for i, target in enumerate(value if key == "chain" else ()):
            place = (target, path_of("rules", rule.index, "then", "chain", i))
            first = first or _named(world, *place)
            yield from _differs(world, f"the chain of {quoted([rule.name])}", first, *place)


def _named(world: World, name: str, path: str) -> tuple[str, str] | None:
    """Return the embedding model of a deployment, and its name; None where it is none."""
    del path
    known = world.deployments.get(name)
    return None if known is None or known.embedding is None else (known.embedding, name)


def _differs(
    world: World, where: str, first: tuple[str, str] | None, name: str, path: str
) -> Iterator[Finding]:
    found = _named(world, name, path)
    if first is None or found is None or found[0] == first[0]:
        return
    message = (
        f"{where} would mix vectors of {quoted([first[0]])} ({first[1]}) and {quoted([found[0]])} "
        f"({name}), which cannot be compared; keep one model, or say with `embedding` that they "
        "are one"
    )
    yield Finding("embedding_models_mixed", "error", path, message)


def _group_differs(
    world: World, where: str, first: tuple[str, str] | None, name: str, path: str
) -> Iterator[Finding]:
    for member in world.members_of(name):
        found = list(_differs(world, where, first, member.deployment, path))
        if found:
            yield found[0]
            return
