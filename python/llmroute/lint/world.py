"""A configuration as the linter sees it: plain values with names, read from the raw document.

The document is one that the core accepts; what it does not say has the core's defaults. Nothing
here judges.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmroute import config
from llmroute.catalogue import known_models
from llmroute.lint.vocabulary import fits_region, priority_number, words_of

__all__ = [
    "GUESSED_OUTPUT_TOKENS",
    "TYPICAL_PROMPT_TOKENS",
    "Constraint",
    "Deployment",
    "Group",
    "Member",
    "Rule",
    "World",
    "path_of",
    "quoted",
]

TYPICAL_PROMPT_TOKENS: Final = 500  # a short page; for saying what one request is like
GUESSED_OUTPUT_TOKENS: Final = 256  # as the core guesses where the caller says nothing
_PROMPT_MARGIN: Final = 1.25  # as budgets reserve
_ATTEMPT_MS: Final = 600_000.0
_LACKS: Final = {"vision": "images"}
_EMBEDS: Final = ("embed", "voyage-", "bge-", "gte-", "e5-", "minilm")  # in names of such models
_WHERE: Final = ("group", "chain", "pin", "reject", "human")


def path_of(*steps: str | int) -> str:
    """Return a path as the core writes it.

    Examples
    --------
    >>> path_of("groups", "a.b", "deployments", 0)
    'groups."a.b".deployments[0]'
    """
    return config._path(steps)


def quoted(names: Iterable[str], most: int = 4) -> str:
    """Return names for a sentence, in quotes.

    Examples
    --------
    >>> quoted(["a", "b", "c"], most=2)
    '"a", "b" and 1 more'
    """
    all_of_them = list(names)
    shown = ", ".join(json.dumps(name, ensure_ascii=False) for name in all_of_them[:most])
    more = len(all_of_them) - most
    return f"{shown} and {more} more" if more > 0 else shown


@dataclass(frozen=True)
class Deployment:
    """What is known of a place; ``path`` is where it is named first."""

    name: str
    table: Mapping[str, Any]
    provider: str
    provider_table: Mapping[str, Any]
    path: tuple[str | int, ...]
    filled: frozenset[str] = frozenset()  # keys of `table` that are from the model catalogue

    @property
    def price(self) -> tuple[float, float] | None:
        """USD of a prompt token and of an answer token; None: unknown."""
        price = self.table.get("price", {})
        if self.embedding is not None:
            price = {"output_usd_per_million": 0.0, **price}  # there is no answer to pay
        if "input_usd_per_million" not in price or "output_usd_per_million" not in price:
            return None
        return price["input_usd_per_million"] / 1e6, price["output_usd_per_million"] / 1e6

    @property
    def priced(self) -> bool:
        """Somebody said what it costs, by the token or by the hour."""
        return self.price is not None or "usd_per_hour" in self.table.get("price", {})

    @property
    def lacks(self) -> frozenset[str]:
        """Features that it cannot serve, in the words of conditions."""
        words = (word for word in self.table.get("lacks", ()) if word != "embeddings")
        return frozenset(_LACKS.get(word, word) for word in words)

    @property
    def model(self) -> str:
        """The provider's own name of its model."""
        own = self.table.get("model")
        return str(own) if own else self.name.partition("/")[2] or self.name

    @property
    def embedding(self) -> str | None:
        """The embedding model of its vectors; None: it is none, as far as its name tells."""
        stated = self.table.get("embedding")
        if stated or "embeddings" in self.table.get("lacks", ()):
            return str(stated) if stated else None
        return self.model if any(part in self.model.lower() for part in _EMBEDS) else None

    @property
    def context(self) -> int | None:
        """Longest prompt and answer together, in tokens."""
        value = self.table.get("context_tokens")
        return value if isinstance(value, int) else None

    @property
    def max_output(self) -> int | None:
        """Longest answer, in tokens."""
        value = self.table.get("max_output_tokens")
        return value if isinstance(value, int) else None

    @property
    def unsupported(self) -> frozenset[str]:
        """Parameters that it refuses, as far as quirks say."""
        quirks = {**self.provider_table.get("quirks", {}), **self.table.get("quirks", {})}
        return frozenset(quirks.get("unsupported", ()))

    def attempt_ms(self, resilience: Mapping[str, Any]) -> float:
        """Return the longest attempt in milliseconds; 0: no bound."""
        return self._stated("attempt_ms", resilience, _ATTEMPT_MS)

    def hangs_ms(self, resilience: Mapping[str, Any]) -> float:
        """Return how long an attempt without an answer may take, as stated; 0: nobody said so."""
        attempt = self._stated("attempt_ms", resilience, 0)
        first = self._stated("ttft_ms", resilience, 0)
        return min(attempt, first) if attempt and first else attempt

    def _stated(self, key: str, resilience: Mapping[str, Any], default: float) -> float:
        for timeouts in (self.table.get("timeouts", {}), resilience.get("timeouts", {})):
            if key in timeouts:
                return float(timeouts[key])
        return default

    def cost(self, prompt: float, output: float) -> float | None:
        """Return what a request costs at most, in USD, at any time of day; None: unknown."""
        if self.price is None:
            return None
        table = self.table["price"]
        fits = [t for t in table.get("tiers", ()) if t["above_tokens"] < prompt]
        total = 0.0
        for key, tokens in (("input", prompt), ("output", output)):
            rate = f"{key}_usd_per_million"
            base = _changed(table[rate], rate, fits[-1]) if fits else table[rate]
            windows = [_changed(base, rate, window) for window in table.get("windows", ())]
            total += tokens * max([base, *windows]) / 1e6
        return total

    @property
    def typical_cost(self) -> float | None:
        """Return what is reserved for a typical request, in USD."""
        return self.cost(TYPICAL_PROMPT_TOKENS * _PROMPT_MARGIN, GUESSED_OUTPUT_TOKENS)


def _changed(base: float, rate: str, change: Mapping[str, Any]) -> float:
    return float(change.get(rate, base * change.get("factor", 1.0)))


@dataclass(frozen=True)
class Member:
    """A deployment in a group; ``priorities`` None: for all."""

    deployment: str
    priorities: frozenset[int] | None = None


@dataclass(frozen=True)
class Group:
    """A name that callers ask for."""

    name: str
    table: Mapping[str, Any]
    members: tuple[Member, ...]
    steps: tuple[Any, ...]

    def names(self, key: str) -> list[str]:
        """Return the groups that a key such as ``fallbacks`` names."""
        return [name for name in self.table.get(key, ()) if isinstance(name, str)]

    @property
    def exhausted(self) -> list[tuple[int, str]]:
        """Steps of ``on_exhausted`` that lead to groups, with their index."""
        return [
            (i, s["group"])
            for i, s in enumerate(self.steps)
            if isinstance(s, Mapping) and "group" in s
        ]


@dataclass(frozen=True)
class Rule:
    """One of ``[[rules]]``."""

    index: int
    table: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For people."""
        return str(self.table.get("name", f"rules[{self.index}]"))

    @property
    def mode(self) -> str:
        """apply, observe or off, by itself."""
        return str(self.table.get("mode", "apply"))

    @property
    def when(self) -> Any:
        """Its condition; None: always."""
        return self.table.get("when")

    @property
    def then(self) -> Mapping[str, Any]:
        """Its effects."""
        then: Mapping[str, Any] = self.table.get("then", {})
        return then

    @property
    def effects(self) -> frozenset[str]:
        """What it sets; where a request goes is one effect."""
        return frozenset("route" if key in _WHERE else key for key in self.then)

    @property
    def place(self) -> tuple[str, Any] | None:
        """Return the key that says where a request goes, and its value."""
        return next(((key, self.then[key]) for key in _WHERE if key in self.then), None)


@dataclass(frozen=True)
class Constraint:
    """One of ``[[constraints]]``."""

    index: int
    table: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For people."""
        return str(self.table.get("name", f"constraints[{self.index}]"))

    @property
    def require(self) -> Mapping[str, Any]:
        """What must hold."""
        require: Mapping[str, Any] = self.table.get("require", {})
        return require

    def allows(self, deployment: Deployment) -> bool:
        """Say whether a typical request under this constraint may go to a deployment."""
        return all(_meets(key, value, deployment) for key, value in self.require.items())


def _meets(key: str, value: Any, d: Deployment) -> bool:
    """One part of a requirement; what is not known is the worst."""
    own = d.table.get(key)
    if key == "region":
        return bool(own) and any(fits_region(str(own), pattern) for pattern in words_of(value))
    if key in ("retention", "training"):
        return own in words_of(value)
    if key == "tags":
        return set(words_of(value)) <= set(d.table.get("tags", ()))
    if key in ("provider_allow", "provider_deny"):
        return (d.provider in words_of(value)) is key.endswith("allow")
    if key in ("deployment_allow", "deployment_deny"):
        return (d.name in words_of(value)) is key.endswith("allow")
    if key == "min_context_tokens":
        return d.context is not None and d.context >= value
    if key == "max_usd_per_request":
        cost = d.cost(TYPICAL_PROMPT_TOKENS, GUESSED_OUTPUT_TOKENS)
        return cost is not None and cost <= value
    if key in ("max_input_usd_per_million", "max_output_usd_per_million"):
        price = d.table.get("price", {}).get(key.removeprefix("max_"))
        return price is not None and price <= value
    return True  # parameters: only where a request has them


@dataclass
class World:
    """All of it, by name."""

    document: Mapping[str, Any]
    deployments: dict[str, Deployment] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    _closing: dict[str, frozenset[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> World:
        """Read a document."""
        world = cls(document)
        for name, table in document.get("groups", {}).items():
            world.groups[name] = _group(name, table)
        models = known_models(document)
        for name, path in _named(document):
            if name not in world.groups and name not in world.deployments:
                world.deployments[name] = _deployment(document, name, path, models)
        world.rules = [Rule(i, table) for i, table in enumerate(document.get("rules", ()))]
        constraints = document.get("constraints", ())
        world.constraints = [Constraint(i, table) for i, table in enumerate(constraints)]
        return world

    @property
    def resilience(self) -> Mapping[str, Any]:
        """Its table."""
        resilience: Mapping[str, Any] = self.document.get("resilience", {})
        return resilience

    def table(self, key: str) -> Mapping[str, Mapping[str, Any]]:
        """Return a table of named tables, such as ``budgets``."""
        tables: Mapping[str, Mapping[str, Any]] = self.document.get(key, {})
        return tables

    def closing(self, name: str) -> frozenset[int]:
        """Return the constraints that close a deployment where they apply, by index."""
        if name not in self._closing:
            place = self.deployments[name]
            closed = (c.index for c in self.constraints if not c.allows(place))
            self._closing[name] = frozenset(closed)
        return self._closing[name]

    @property
    def models(self) -> list[str]:
        """What can be asked for: groups, then deployments."""
        return [*self.groups, *self.deployments]

    @property
    def experiments(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Those that do something."""
        return ((n, e) for n, e in self.table("experiments").items() if e.get("mode") != "off")

    @property
    def routing_rules(self) -> list[Rule]:
        """Rules that decide where requests go, as the configuration stands."""
        return [rule for rule in self.acting if rule.place is not None]

    @property
    def acting(self) -> list[Rule]:
        """Rules that take effect."""
        whole = self.document.get("rules_mode", "apply")
        return [rule for rule in self.rules if rule.mode == "apply" and whole == "apply"]

    def members_of(self, name: str) -> tuple[Member, ...]:
        """Return the members of a group, or a deployment as the only one of its own name."""
        group = self.groups.get(name)
        if group is not None:
            return group.members
        return (Member(name),) if name in self.deployments else ()

    def candidates(self, name: str, more: Iterable[str] = ()) -> list[Member]:
        """Return every place that a request of a group may come to before it fails."""
        group = self.groups.get(name)
        names = [name]
        if group is not None:
            names += group.names("fallbacks")
            names += [target for _, target in group.exhausted]
            for key in more:
                names += group.names(key)
        return list(dict.fromkeys(member for n in names for member in self.members_of(n)))


def _group(name: str, table: Mapping[str, Any]) -> Group:
    members = []
    for item in table.get("deployments", ()):
        if isinstance(item, str):
            members.append(Member(item))
        else:
            listed = item.get("priorities")
            some = None if listed is None else frozenset(priority_number(word) for word in listed)
            members.append(Member(item["use"], some))
    return Group(name, table, tuple(members), tuple(table.get("on_exhausted", ())))


def _named(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Every name that may be a deployment, with the path where it stands."""
    for name in document.get("deployments", {}):
        yield name, ("deployments", name)
    for name, group in document.get("groups", {}).items():
        for i, item in enumerate(group.get("deployments", ())):
            yield (
                (item if isinstance(item, str) else item["use"]),
                ("groups", name, "deployments", i),
            )
        for key in ("fallbacks", "on_context_too_long", "on_content_filter"):
            yield from ((n, ("groups", name, key, i)) for i, n in enumerate(group.get(key, ())))
        for i, step in enumerate(group.get("on_exhausted", ())):
            if isinstance(step, Mapping) and "group" in step:
                yield step["group"], ("groups", name, "on_exhausted", i, "group")
    for i, rule in enumerate(document.get("rules", ())):
        for key in ("group", "pin", "chain"):
            names = words_of(rule.get("then", {}).get(key, []))
            yield from ((n, ("rules", i, "then", key)) for n in names)
    yield from _named_by_amounts(document)


def _named_by_amounts(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    for name, budget in document.get("budgets", {}).items():
        for i, step in enumerate(budget.get("at", ())):
            yield step["group"], ("budgets", name, "at", i, "group")
        names = enumerate(budget.get("groups", ()))
        yield from ((n, ("budgets", name, "groups", i)) for i, n in names if n != "*")
    for name, experiment in document.get("experiments", {}).items():
        for key in ("group", "to"):
            if key in experiment:
                yield experiment[key], ("experiments", name, key)
        for i, arm in enumerate(experiment.get("arms", ())):
            if "group" in arm:
                yield arm["group"], ("experiments", name, "arms", i, "group")


def _deployment(
    document: Mapping[str, Any],
    name: str,
    path: tuple[str | int, ...],
    models: Mapping[str, Mapping[str, Any]],
) -> Deployment:
    table = document.get("deployments", {}).get(name, {})
    own = document.get("providers", {})
    first, slash, _ = name.partition("/")
    known = {**_catalogue(), **own}
    provider = table.get("provider") or (first if slash and first in known else "custom")
    merged = {**_catalogue().get(provider, {}), **own.get(provider, {})}
    filled = {} if "price" in table else _filled(name, table, provider, merged, models)
    return Deployment(name, {**filled, **table}, provider, merged, path, frozenset(filled))


def _filled(
    name: str,
    table: Mapping[str, Any],
    provider: str,
    merged: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
) -> Mapping[str, Any]:
    """Return the price that the model catalogue fills in, by the core's own rule.

    Not what it says of lengths and abilities: who configures a chat model knows that it does not
    take sound, and does not want to be told of every request that it cannot serve.
    """
    key = table.get("catalogue")
    if key is not None:
        return _price_of(models.get(key, {}))
    listed = _catalogue().get(provider, {}).get("base_url", "")
    where = str(table.get("base_url", merged.get("base_url", "")))
    if not listed or where.rstrip("/") != listed.rstrip("/"):
        return {}
    model = table.get("model", name.partition("/")[2])
    return _price_of(models.get(f"{provider}/{model}", {}))


def _price_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"price": entry["price"]} if "price" in entry else {}


@functools.cache
def _catalogue() -> dict[str, Any]:
    providers: dict[str, Any] = json.loads(config.catalogue_json())["providers"]
    return providers
