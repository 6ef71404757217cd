"""OpenRouter's wishes of a request, honoured here: ``provider={...}`` and ``models=[...]``.

``provider`` narrows and orders what the group offers, ``models`` becomes the request's own list of
fallbacks in the core; nothing they say opens a door that rules, constraints or the caller's
``exclude`` have closed. Each deployment that they drop has the reason ``excluded`` in the decision,
and a note that names the wish. Where every deployment in question is OpenRouter's own, both fields
are passed on to it as they are and nothing is done here.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from llmroute.errors import InvalidRequestError

if TYPE_CHECKING:
    from llmroute import _core
    from llmroute._submit import Shared
    from llmroute.config import LoadedConfig

__all__ = ["World", "prepare", "world_of"]

_KEYS: Final = (
    "order",
    "only",
    "ignore",
    "sort",
    "max_price",
    "require_parameters",
    "data_collection",
    "zdr",
    "quantizations",
    "allow_fallbacks",
)
_SORTS: Final = {"price": "least_cost", "latency": "least_latency", "throughput": None}
_QUANTIZATIONS: Final = ("int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown")
_MOST_NOTES: Final = 16
_MOST_MODELS: Final = 64


@dataclasses.dataclass
class Wishes:
    """What ``provider`` asks for, checked."""

    order: list[str] = dataclasses.field(default_factory=list)
    only: list[str] = dataclasses.field(default_factory=list)
    ignore: list[str] = dataclasses.field(default_factory=list)
    sort: str | None = None
    max_price: dict[str, float] = dataclasses.field(default_factory=dict)
    require_parameters: bool = False
    data_collection: str = "allow"
    zdr: bool = False
    quantizations: list[str] = dataclasses.field(default_factory=list)
    allow_fallbacks: bool = True


@dataclasses.dataclass(frozen=True)
class Known:
    """What the configuration says of one deployment, as wishes look at it."""

    name: str
    provider: str
    retention: str
    training: str
    tags: frozenset[str]
    prices: tuple[float, float]  # USD per million in and out; infinite where unknown


class World:
    """Deployments and groups of one configuration.

    Parameters
    ----------
    loaded : LoadedConfig
        What the router serves.
    """

    def __init__(self, loaded: LoadedConfig) -> None:
        from llmroute import _core

        self.loaded = loaded
        meaning = json.loads(_core.check_config(loaded.json, loaded.catalogue_json))
        document = json.loads(loaded.json)
        tables = document.get("deployments") or {}
        # These may send a request to any group.
        self.diverts = any(document.get(key) for key in ("rules", "experiments", "budgets"))
        self.groups: dict[str, dict[str, Any]] = meaning["groups"]
        self.deployments = {
            name: _known(name, meant["provider"], tables.get(name) or {})
            for name, meant in meaning["deployments"].items()
        }
        catalogue = json.loads(loaded.catalogue_json)["providers"]
        self.providers = {*catalogue, *(d.provider for d in self.deployments.values())}

    def members(self, model: str | None, behind: list[str] | None) -> list[str]:
        """Return what a request for `model` may reach by itself: members, then of fallbacks."""
        if model is None and len(self.groups) == 1:
            (model,) = self.groups
        if model is None:
            return []
        if behind is None:
            behind = self.groups[model]["fallbacks"] if model in self.groups else []
        return list(dict.fromkeys(one for name in (model, *behind) for one in self.direct(name)))

    def reachable(self, model: str | None) -> list[str]:
        """Return all that a request for `model` may reach in the end, detours included."""
        if self.diverts:
            return list(self.deployments)
        found: dict[str, None] = {}
        if model is None and len(self.groups) == 1:
            (model,) = self.groups
        waiting = [] if model is None else [model]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            group = self.groups.get(name)
            if group is None:
                found.update({name: None} if name in self.deployments else {})
                continue
            found.update(dict.fromkeys(group["deployments"]))
            for detour in ("fallbacks", "on_context_too_long", "on_content_filter"):
                waiting += group[detour]
            steps = group["on_exhausted"]
            waiting += [
                step["group"] for step in steps if isinstance(step, dict) and "group" in step
            ]
        return list(found)

    def direct(self, name: str) -> list[str]:
        """Return a group's own members, or the deployment of that name."""
        return list(self.groups[name]["deployments"]) if name in self.groups else [name]


def _known(name: str, provider: str, table: Mapping[str, Any]) -> Known:
    price = table.get("price") or {}
    return Known(
        name,
        provider,
        str(table.get("retention") or ""),
        str(table.get("training") or ""),
        frozenset(str(tag).lower() for tag in table.get("tags") or ()),
        (
            float(price.get("input_usd_per_million", math.inf)),
            float(price.get("output_usd_per_million", math.inf)),
        ),
    )


def world_of(shared: Shared) -> World:
    """Return the world of what a router serves, read once per configuration."""
    world = shared.world
    if world is None or world.loaded is not shared.loaded:
        world = World(shared.loaded)
        shared.world = world
    return world


def prepare(
    shared: Shared,
    messages: Any,
    model: str | None,
    stream: bool,
    params: dict[str, Any],
    options: dict[str, Any] | None,
) -> _core.Request | None:
    """Check a request and apply its wishes.

    Parameters
    ----------
    shared, messages, model, stream, params, options
        As `Shared.prepare` has them; `params` holds ``provider``, ``models`` or both.

    Returns
    -------
    Request or None
        Ready to be sent; None: the wishes are OpenRouter's to grant and stay in the body.

    Raises
    ------
    InvalidRequestError
        A wish that is not understood, with the nearest name.

    Examples
    --------
    >>> from llmroute import Router
    >>> with Router(["openai/gpt-4o-mini", "ollama/llama3"]) as router:
    ...     decision = router.explain("hi", provider={"only": ["ollama"]})
    >>> [(c["deployment"], c["reason"]) for c in decision.candidates]
    [('openai/gpt-4o-mini', 'excluded'), ('ollama/llama3', 'kept')]
    >>> decision.to_dict()["notes"]
    ['provider.only: openai/gpt-4o-mini left out: its provider is openai']
    """
    world = world_of(shared)
    names = _names(params.get("models"), "models", _MOST_MODELS)
    listed = _names(params.get("fallbacks"), "fallbacks", _MOST_MODELS)
    if _goes_to_openrouter(world, model, [*names, *listed]):
        return None
    wishes = _read(params.pop("provider", None), world)
    params.pop("models", None)
    model, behind, order = _resolve_models(world, model, names)
    if params.pop("fallbacks", None) is not None:
        if names:
            raise InvalidRequestError(
                "stands beside fallbacks=; keep one of the two", path="models"
            )
        behind = listed
    dropped = {
        name: f"models: {name} left out: it is not listed"
        for name in (world.direct(model) if order and model else ())
        if name not in order
    }
    chosen = {**(options or {}), "fallbacks": behind}
    if wishes.sort is not None and chosen.get("policy"):
        raise InvalidRequestError(
            "stands beside policy=; keep one of the two", path="provider.sort"
        )
    if wishes.require_parameters:
        chosen["drop_unsupported"] = None
    if wishes.sort is not None:
        chosen["policy"] = _SORTS[wishes.sort]
    own = chosen.get("exclude") or ()
    before = [own] if isinstance(own, str) else list(own)

    def make() -> _core.Request:
        chosen["exclude"] = [*before, *dropped] or None
        return shared.prepare(messages, model, stream, dict(params), dict(chosen))

    request = make()
    prices = (
        {
            c.deployment: (c.input_usd_per_million, c.output_usd_per_million)
            for c in shared.core.candidates(request)
        }
        if wishes.max_price
        else {}
    )
    dropped.update(_filter(world, wishes, prices, set(dropped)))
    request = make()
    ranked = _ranked(shared, request, wishes, order)
    if not wishes.allow_fallbacks:
        _keep_few(world, wishes, ranked, dropped)
        request = make()
    if wishes.order or order or wishes.sort == "throughput":
        left = [one for one in ranked if one[0] not in dropped]
        if left:
            request.set_order([one[0] for one in left], [one[1] for one in left], "provider")
    _note(request, dropped, world.members(model, behind))
    if (wishes.order or wishes.sort) and shared.core.python_policy(request) is not None:
        request.add_note("provider: the group's Python policy decides the order of what is left")
    for name, _ in ranked:
        if name not in dropped and world.deployments[name].provider == "openrouter":
            request.add_note(
                f"provider, models: not passed on to {name}, as others stand beside it"
            )
    return request


# --- reading --------------------------------------------------------------------------------------


def _read(given: Any, world: World) -> Wishes:
    wishes = Wishes()
    if given is None:
        return wishes
    if not isinstance(given, Mapping):
        raise InvalidRequestError('must be a table, as in {"only": ["azure"]}', path="provider")
    for key, value in given.items():
        path = f"provider.{key}"
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, 1, 0.5)
            raise InvalidRequestError(
                f"is an unknown key; known here: {', '.join(_KEYS)}",
                path=path,
                nearest=near[0] if near else None,
            )
        if value is None:
            continue
        if key in ("order", "only", "ignore"):
            setattr(wishes, key, [_provider(name, world, path) for name in _names(value, path)])
        elif key in ("require_parameters", "zdr", "allow_fallbacks"):
            if not isinstance(value, bool):
                raise InvalidRequestError("must be true or false", path=path)
            setattr(wishes, key, value)
        elif key == "max_price":
            wishes.max_price = _prices(value)
        elif key == "quantizations":
            wishes.quantizations = [_word(v, _QUANTIZATIONS, path) for v in _names(value, path)]
        elif key == "sort":
            wishes.sort = _word(value, tuple(_SORTS), path)
        else:
            wishes.data_collection = _word(value, ("allow", "deny"), path)
    return wishes


def _names(value: Any, path: str, most: int = 1_000) -> list[str]:
    if value is None:
        return []
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, (list, tuple)) or not all(isinstance(n, str) and n for n in found):
        raise InvalidRequestError("must be a list of names", path=path)
    if len(found) > most:
        raise InvalidRequestError(f"has {len(found)} names; at most {most}", path=path)
    return list(dict.fromkeys(found))


def _word(value: Any, known: Iterable[str], path: str) -> str:
    words = tuple(known)
    if isinstance(value, str) and value.lower() in words:
        return value.lower()
    near = difflib.get_close_matches(str(value), words, 1, 0.5)
    raise InvalidRequestError(
        f"must be one of {', '.join(words)}", path=path, nearest=near[0] if near else None
    )


def _provider(name: str, world: World, path: str) -> str:
    """Return a deployment's or provider's name as we write it; a typing error must not pass."""
    if name in world.deployments:
        return name
    if name.lower() in world.providers:
        return name.lower()
    known = sorted({*world.providers, *world.deployments})
    near = difflib.get_close_matches(name, known, 1, 0.5)
    raise InvalidRequestError(
        f'no provider or deployment is called "{name}"',
        path=path,
        nearest=near[0] if near else None,
    )


def _prices(value: Any) -> dict[str, float]:
    path = "provider.max_price"
    if not isinstance(value, Mapping):
        raise InvalidRequestError(
            'must be a table, as in {"prompt": 1, "completion": 2}', path=path
        )
    found: dict[str, float] = {}
    for key, number in value.items():
        if key not in ("prompt", "completion"):
            why = "only prompt and completion, in USD per million tokens, are looked at here"
            raise InvalidRequestError(why, path=f"{path}.{key}")
        try:
            price = math.nan if isinstance(number, bool) else float(number)
        except (TypeError, ValueError):
            price = math.nan
        if not 0 <= price < math.inf:
            raise InvalidRequestError("must be a number from 0", path=f"{path}.{key}")
        found[str(key)] = price
    return found


# --- models ---------------------------------------------------------------------------------------


def _goes_to_openrouter(world: World, model: str | None, names: list[str]) -> bool:
    """Say whether only OpenRouter itself is meant, which knows these fields best."""
    found = world.reachable(model)
    if any(name in world.groups or name in world.deployments for name in names):
        return False
    return bool(found) and all(world.deployments[n].provider == "openrouter" for n in found)


def _resolve_models(
    world: World, model: str | None, names: list[str]
) -> tuple[str | None, list[str] | None, list[str]]:
    """Return what to ask for, what to try behind it, and which members, where it is their group."""
    if not names:
        return model, None, []
    for number, name in enumerate(names):
        if name not in world.groups and name not in world.deployments:
            near = difflib.get_close_matches(name, [*world.groups, *world.deployments], 1, 0.5)
            raise InvalidRequestError(
                f'no group or deployment is called "{name}"',
                path=f"models[{number}]",
                nearest=near[0] if near else None,
            )
    if model in world.groups and set(names) <= set(world.direct(model)):
        return model, [], names
    wanted = list(dict.fromkeys([model, *names] if model is not None else names))
    return wanted[0], wanted[1:], []


# --- filters and order ----------------------------------------------------------------------------


def _filter(
    world: World,
    wishes: Wishes,
    prices: Mapping[str, tuple[float, float]],
    gone: set[str],
) -> dict[str, str]:
    """Return why each deployment that a wish is against is left out."""
    dropped: dict[str, str] = {}
    for name, known in world.deployments.items():
        if name in gone:
            continue
        found = _against(known, wishes, prices.get(name, known.prices))
        if found:
            wish, why = found
            dropped[name] = f"provider.{wish}: {name} left out: {why}"
    return dropped


def _against(known: Known, wishes: Wishes, prices: tuple[float, float]) -> tuple[str, str] | None:
    names = (known.provider, known.name)
    if wishes.only and not any(name in wishes.only for name in names):
        return "only", f"its provider is {known.provider}"
    if any(name in wishes.ignore for name in names):
        return "ignore", f"its provider is {known.provider}"
    if wishes.data_collection == "deny" and known.training != "no":
        return "data_collection", f"whether it trains on prompts is {known.training or 'unknown'}"
    if wishes.zdr and known.retention != "none":
        return "zdr", f"its retention is {known.retention or 'unknown'}"
    if wishes.quantizations:
        its = sorted(known.tags & set(_QUANTIZATIONS)) or ["unknown"]
        if not set(its) & set(wishes.quantizations):
            return "quantizations", f"its quantization is {', '.join(its)}"
    for key, price in zip(("prompt", "completion"), prices, strict=True):
        most = wishes.max_price.get(key)
        if most is not None and price > most:
            shown = "unknown" if math.isinf(price) else f"{price:g}"
            return "max_price", f"a million {key} tokens cost {shown} USD, more than {most:g}"
    return None


def _ranked(
    shared: Shared, request: _core.Request, wishes: Wishes, order: list[str]
) -> list[tuple[str, str]]:
    """Return the members of the first group that are left, best first, each with a reason."""
    decision = json.loads(shared.core.explain(request).decision_json)
    kept = [c for c in decision["candidates"] if c["rank"] is not None and c["rank"] >= 0]
    kept.sort(key=lambda c: c["rank"])
    members = [c for c in kept if c["group"] == kept[0]["group"]] if kept else []
    speeds = _speeds(shared, request) if wishes.sort == "throughput" else {}
    providers = world_of(shared).deployments
    rows: list[tuple[tuple[float, ...], str, str]] = []
    for candidate in members:
        name = candidate["deployment"]
        names = (name, providers[name].provider)
        wished = [wishes.order.index(n) for n in names if n in wishes.order]
        place = float(min(wished)) if wished else math.inf
        listed = float(order.index(name)) if name in order else 0.0
        speed = speeds.get(name, math.inf)
        rank = float(candidate["rank"])
        reason = "provider.order" if wished else "models" if order else ""
        if speeds and not reason:
            shown = "not measured" if math.isinf(speed) else f"{speed:.0f} ms"
            reason = f"from first to last token: {shown}"
        key = (place, listed, speed if speeds else 0.0, rank)
        rows.append((key, name, reason))
    return [(name, reason) for _, name, reason in sorted(rows, key=lambda row: row[0])]


def _speeds(shared: Shared, request: _core.Request) -> dict[str, float]:
    """Return how long an answer usually takes from its first token to its last (ms)."""
    return {
        c.deployment: max(0.0, c.total_p50_ms - c.ttft_p50_ms) if c.measured else math.inf
        for c in shared.core.candidates(request)
    }


def _keep_few(
    world: World, wishes: Wishes, ranked: list[tuple[str, str]], dropped: dict[str, str]
) -> None:
    """Without fallbacks: what ``order`` names, or else the best alone."""
    best = {ranked[0][0]} if ranked else set()
    for name, known in world.deployments.items():
        named = name in wishes.order or known.provider in wishes.order
        if name in dropped or (named if wishes.order else name in best):
            continue
        why = "order does not name it" if wishes.order else "one deployment only"
        dropped[name] = f"provider.allow_fallbacks: {name} left out: {why}"


def _note(request: _core.Request, dropped: Mapping[str, str], members: list[str]) -> None:
    notes = [dropped[name] for name in members if name in dropped]
    for note in notes[:_MOST_NOTES]:
        request.add_note(note)
    if len(notes) > _MOST_NOTES:
        request.add_note(f"provider: {len(notes) - _MOST_NOTES} more left out")
