"""Groups: members with weights and orders, aliases, fallbacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmroute.integrations.litellm.models import Entry
from llmroute.integrations.litellm.notes import Notes

__all__ = ["Chains", "build_groups"]

_LEAST_WEIGHT: Final = 0.001  # the least that a configuration takes
_MOST_WEIGHT: Final = 1_000_000.0


def build_groups(
    entries: list[Entry], policy: str, notes: Notes
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return deployments and groups by name.

    Parameters
    ----------
    entries
        Of ``model_list``, in its order.
    policy : str
        Of groups whose members have no ``order``.
    notes : Notes
        Where what differs is said.
    """
    by_group: dict[str, list[Entry]] = {}
    for entry in entries:
        by_group.setdefault(entry.group, []).append(entry)
    deployments: dict[str, dict[str, Any]] = {}
    names = _names(entries, set(by_group), deployments)
    groups: dict[str, dict[str, Any]] = {}
    for name, members in by_group.items():
        _build(name, members, names, policy, groups, notes)
    return deployments, groups


def _names(
    entries: list[Entry], taken: set[str], deployments: dict[str, dict[str, Any]]
) -> dict[int, str]:
    """Name every deployment; entries that say the same share one, as their health is one."""
    names: dict[int, str] = {}
    for entry in entries:
        name, count = entry.label, 1
        while name in taken or deployments.get(name, entry.deployment) != entry.deployment:
            count += 1
            name = f"{entry.label}#{count}"
        deployments[name] = entry.deployment
        names[id(entry)] = name
    return names


def _build(
    name: str,
    members: list[Entry],
    names: Mapping[int, str],
    policy: str,
    groups: dict[str, dict[str, Any]],
    notes: Notes,
) -> None:
    orders = sorted({entry.order for entry in members if entry.order is not None})
    if not orders:
        groups[name] = _group(members, names, policy, notes)
        return
    # Without an order an entry comes last, as there.
    levels = [[e for e in members if e.order == order] for order in orders]
    rest = [e for e in members if e.order is None]
    levels += [rest] if rest else []
    if all(len(level) == 1 for level in levels):
        flat = [level[0] for level in levels]
        groups[name] = _group(flat, names, "ordered", notes)
        return
    groups[name] = _group(levels[0], names, policy, notes)
    later = []
    for number, level in enumerate(levels[1:], 2):
        groups[f"{name}#order{number}"] = _group(level, names, policy, notes)
        later.append(f"{name}#order{number}")
    if later:
        groups[name]["fallbacks"] = later


def _group(
    members: list[Entry], names: Mapping[int, str], policy: str, notes: Notes
) -> dict[str, Any]:
    weights = _weights(members, policy, notes)
    rows: list[Any] = []
    seen: set[str] = set()
    for entry, weight in zip(members, weights, strict=True):
        name = names[id(entry)]
        if name in seen:
            notes.left_out(entry.path, "says the same as an earlier entry of its group")
            continue
        seen.add(name)
        rows.append(name if weight == 1 else {"use": name, "weight": weight})
    return {"deployments": rows, "policy": policy}


def _weights(members: list[Entry], policy: str, notes: Notes) -> list[float]:
    """Follow simple-shuffle: by weight, else by requests, else by tokens per minute."""
    for field in ("weight", "requests", "tokens"):
        values = [getattr(entry, field) for entry in members]
        if all(value is None for value in values):
            continue
        if field != "weight" and policy != "weighted":
            continue
        largest = max(value or 0 for value in values)
        scale = largest if field != "weight" else 1.0
        made = []
        for entry, value in zip(members, values, strict=True):
            weight = (value or 0) / scale if scale else 0.0
            if weight < _LEAST_WEIGHT:
                path = f"{entry.path}.litellm_params.weight"
                notes.changed(path, f"0 or none beside weighted ones: {_LEAST_WEIGHT:g}, the least")
            made.append(float(f"{min(_MOST_WEIGHT, max(_LEAST_WEIGHT, weight)):.6g}"))
        return made
    return [1.0] * len(members)


class Chains:
    """Fallbacks of one kind, each checked: known, and in no circle."""

    def __init__(self, groups: dict[str, dict[str, Any]], key: str, notes: Notes) -> None:
        self.groups = groups
        self.key = key
        self.notes = notes

    def read(self, rows: Any, path: str) -> list[str]:
        """Read ``[{"a": ["b", "c"]}]``; what stands there for all groups (``*``) is returned."""
        general: list[str] = []
        if rows is None:
            return general
        if not isinstance(rows, list):
            self.notes.left_out(path, 'is no list such as [{"a": ["b"]}]')
            return general
        for number, row in enumerate(rows):
            at = f"{path}[{number}]"
            if not isinstance(row, Mapping):
                self.notes.left_out(at, "is no table")
                continue
            for group, targets in row.items():
                wanted = self._targets(targets, f"{at}.{group}")
                if group == "*":
                    general += wanted
                elif group not in self.groups:
                    self.notes.left_out(f"{at}.{group}", "there is no such model_name")
                else:
                    self.add(str(group), wanted, f"{at}.{group}")
        return general

    def _targets(self, targets: Any, path: str) -> list[str]:
        found: list[str] = []
        for number, target in enumerate(targets if isinstance(targets, list) else [targets]):
            if isinstance(target, str):
                found.append(target)
                continue
            why = "a fallback with parameters of its own; name a group that has them"
            self.notes.left_out(f"{path}[{number}]", why)
        return found

    def add(self, group: str, targets: Iterable[str], path: str) -> None:
        """Append fallbacks to a group's; what cannot be is noted."""
        chain: list[str] = self.groups[group].setdefault(self.key, [])
        for target in targets:
            if target not in self.groups:
                self.notes.left_out(path, f'there is no model_name "{target}"')
            elif target == group or self._leads(target, group):
                why = f'from "{group}" to "{target}" it would lead in a circle'
                self.notes.left_out(path, why)
            elif target not in chain:
                chain.append(target)
                # The lower orders of a fallback come with it: chains are not followed further.
                more = self.groups[target].get("fallbacks", ()) if self.key == "fallbacks" else ()
                chain += [one for one in more if "#order" in one and one not in chain]
        if not chain:
            del self.groups[group][self.key]

    def for_all(self, targets: list[str], path: str) -> None:
        """Give those to every group that has none of its own."""
        if not targets:
            return
        known = []
        for target in targets:
            if target in self.groups:
                known.append(target)
            else:
                self.notes.left_out(path, f'there is no model_name "{target}"')
        for group in list(self.groups):
            own = [one for one in self.groups[group].get(self.key, ()) if "#order" not in one]
            # A target's own fallbacks would lead back: the others have it, it has none.
            if not own and group not in known and "#order" not in group:
                self.add(group, known, path)

    def _leads(self, start: str, end: str) -> bool:
        """Say whether one gets from a group to another along what is there already."""
        open_ones, seen = [start], {start}
        while open_ones:
            for target in self.groups[open_ones.pop()].get(self.key, ()):
                if target == end:
                    return True
                if target in self.groups and target not in seen:
                    seen.add(target)
                    open_ones.append(target)
        return False
