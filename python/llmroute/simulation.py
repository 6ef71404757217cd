"""Simulations: the same engine under a virtual clock, a day of traffic in seconds."""

from __future__ import annotations

import json
import math
import statistics
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from llmroute import _core, config
from llmroute._submit import apply_plan
from llmroute.errors import ConfigError
from llmroute.policies import Policy, PolicyContext, PolicyFunction, plan
from llmroute.traffic import Traffic
from llmroute.world import World

__all__ = ["Comparison", "Simulation", "compare", "simulate"]

TrafficSource: TypeAlias = Traffic | Mapping[str, Any]
WorldSource: TypeAlias = World | Mapping[str, Any] | None
PolicySource: TypeAlias = str | Mapping[str, Any] | Policy | PolicyFunction

# Student's t for 95 % and 19 degrees of freedom: twenty batches.
_T95 = 2.093
_PATIENCE_MS = 3_600_000.0
_MEASURES = (
    "failures",
    "total_ms_mean",
    "ttft_ms_mean",
    "cost_usd",
    "attempts",
    "carbon_g",
    "quality_mean",
)
_MORE_IS_BETTER = ("quality_mean",)


def simulate(
    source: config.Source,
    traffic: TrafficSource,
    world: WorldSource = None,
    *,
    seed: int = 0,
) -> Simulation:
    """Run traffic through a configuration, on modelled providers, under a virtual clock.

    Routing, health, retry, fallback and hedging are not modelled: they run as they do in a router.

    Parameters
    ----------
    source : path, dict or list
        A configuration, as for `Router`. No key is read and nobody is called.
    traffic : Traffic or dict
        Logged requests, or a generator's keys: ``{"requests": 10_000, "rate_per_second": 50}``.
    world : World or dict, optional
        How providers behave. Default: each takes 300 ms and never fails.
    seed : int
        The same seed gives the same result, bit by bit. Chance belongs to requests and attempts, so
        that two configurations meet the same luck.

    Returns
    -------
    Simulation
        A row per request and a summary.

    Raises
    ------
    ConfigError
        For a configuration, world or generator that is wrong, with path and nearest name.
    KeyboardInterrupt
        On Ctrl-C, within moments.

    Examples
    --------
    >>> result = simulate(
    ...     {"groups": {"fast": {"deployments": ["openai/gpt-4o-mini", "groq/llama-3"]}}},
    ...     {"requests": 1000, "rate_per_second": 20},
    ...     {"default": {"ttft_ms": 200, "ttft_p95_ms": 700, "error_rate": 0.02}},
    ... )
    >>> result.summary["requests"], result.summary["failures"]
    (1000, 0)
    """
    loaded = config.load(source)
    return _run(loaded, loaded.json, _native(traffic), _world_json(world), seed)


def compare(
    source: config.Source,
    policies: Sequence[PolicySource] = (),
    *,
    traffic: TrafficSource,
    world: WorldSource = None,
    others: Mapping[str, config.Source] | None = None,
    seed: int = 0,
) -> Comparison:
    """Run the same traffic in the same world through several policies or configurations.

    Parameters
    ----------
    source : path, dict or list
        The configuration; with `policies` its groups take each policy in turn.
    policies : sequence of str, dict or callable
        Built-in ones by name or as ``{"name": ..., option: ...}``, and Python policies, with or
        without ``@llmroute.policy``. The virtual clock stands still while one of these runs, so
        its time limit does not apply.
    traffic, world, seed
        As for `simulate`.
    others : mapping of str to configuration, optional
        More configurations by the name they have in the result.

    Returns
    -------
    Comparison
        The first is what the others are compared with.

    Raises
    ------
    ConfigError
        As `simulate` does, or if there is nothing to compare.

    Examples
    --------
    >>> result = compare(
    ...     {"groups": {"fast": {"deployments": ["openai/gpt-4o-mini", "groq/llama-3"]}}},
    ...     ["round_robin", "least_latency"],
    ...     traffic={"requests": 2000, "rate_per_second": 20},
    ...     world={"deployments": {"groq/llama-3": {"ttft_ms": 100}}},
    ... )
    >>> result.difference("least_latency", "total_ms_mean")["better"]
    True
    """
    loaded = config.load(source)
    native, world_json = _native(traffic), _world_json(world)
    results = {
        _label(policy): _run_policy(loaded, policy, native, world_json, seed) for policy in policies
    }
    if not policies:
        results["configuration"] = _run(loaded, loaded.json, native, world_json, seed)
    for name, other in (others or {}).items():
        another = config.load(other)
        results[name] = _run(another, another.json, native, world_json, seed)
    if len(results) < 2:
        raise ConfigError("there is nothing to compare: name two policies or others")
    return Comparison(results)


class Simulation:
    """What came of a simulation. Made by `simulate`.

    Examples
    --------
    >>> result = simulate(["ollama/llama3"], {"requests": 100})
    >>> result.columns["ok"].tolist().count(1), result.deployments
    (100, ['ollama/llama3'])
    """

    __slots__ = ("columns", "deployments", "summary", "tenants")

    def __init__(
        self,
        summary: dict[str, Any],
        columns: dict[str, array[Any]],
        deployments: list[str],
        tenants: list[str],
    ) -> None:
        self.summary = summary
        """Requests, failures by kind, attempts, percentiles of milliseconds, time in line, cost in
        US dollars, grams of carbon dioxide, mean quality, share per deployment, per tenant (of
        tokens) and per priority, twenty batches in a row, and what the arms of ``experiments``
        have seen. ``left_in_flight`` and
        ``left_waiting`` are 0: nothing is left behind."""
        self.columns = columns
        """By name an array of one number per request: ``at_ms``, ``ok``, ``deployment`` and
        ``first_deployment`` (index in `deployments`, -1: none), ``first_ok``, ``attempts``,
        ``hedges``, ``ttft_ms``, ``total_ms`` and ``cost_usd`` (not-a-number: none), ``error``
        (index in ``llmroute._core.vocabulary["ErrorKind"]``), ``tenant`` (index in `tenants`, -1:
        none), ``priority`` (0 first, 9 last), ``queued_ms``, ``cache`` (0: off, 1: miss, 2: hit,
        3: joined another), ``input_tokens`` and ``output_tokens`` of the answer, ``quality`` and
        ``carbon_g`` (not-a-number: unknown)."""
        self.deployments = deployments
        """Names of the indices in ``columns["deployment"]``."""
        self.tenants = tenants
        """Names of the indices in ``columns["tenant"]``."""

    def to_dict(self) -> dict[str, Any]:
        """Return the summary: plain values, ready for JSON."""
        return self.summary

    def __repr__(self) -> str:
        s = self.summary
        return (
            f"<Simulation of {s['requests']:,} requests: {s['failures']:,} failed, "
            f"p95 {_number(s['total_ms']['p95'])} ms, {_usd(s['cost_usd'])} USD>"
        )

    def _repr_html_(self) -> str:
        tables = [_html(_HEAD, [_row("", self.summary)])]
        for key, head in (("tenants", "tenant"), ("priorities", "priority")):
            shares = self.summary[key]
            if len(shares) > 1:
                rows = [share_row(name, share) for name, share in shares.items()]
                tables.append(_html((head, *SHARE_HEAD), rows))
        return "".join(tables)


class Comparison:
    """Several simulations of the same traffic. Made by `compare`."""

    __slots__ = ("baseline", "results")

    def __init__(self, results: dict[str, Simulation]) -> None:
        self.results = results
        """Simulations by the name of their policy or configuration."""
        self.baseline = next(iter(results))
        """Name of the first, with which the others are compared."""

    def difference(self, name: str, measure: str = "total_ms_mean") -> dict[str, Any]:
        """Compare one with the baseline, batch by batch.

        Parameters
        ----------
        name : str
            Of the one that is compared.
        measure : str
            ``total_ms_mean``, ``ttft_ms_mean`` and ``quality_mean``: means; ``failures``,
            ``cost_usd``, ``attempts`` and ``carbon_g``: sums per twentieth of the traffic.

        Returns
        -------
        dict
            ``difference`` (mean over twenty batches, this one less the baseline), ``low`` and
            ``high`` (95 %, paired t over the batches), ``better`` and ``worse`` (True where the
            interval excludes 0; less is better, but of quality more). Without a number on both
            sides ``difference`` is not-a-number.

        Raises
        ------
        KeyError
            For an unknown name or measure.
        """
        if measure not in _MEASURES:
            raise KeyError(f"{measure!r} is none of {', '.join(_MEASURES)}")
        mine = self.results[name].summary["batches"]
        theirs = self.results[self.baseline].summary["batches"]
        pairs = [
            a[measure] - b[measure]
            for a, b in zip(mine, theirs, strict=True)
            if a[measure] is not None and b[measure] is not None
        ]
        mean = statistics.fmean(pairs) if pairs else math.nan
        spread = statistics.stdev(pairs) / math.sqrt(len(pairs)) * _T95 if len(pairs) > 1 else 0.0
        low, high = mean - spread, mean + spread
        less, more = high < 0, low > 0
        better, worse = (more, less) if measure in _MORE_IS_BETTER else (less, more)
        return {
            "measure": measure,
            "difference": mean,
            "low": low,
            "high": high,
            "better": better,
            "worse": worse,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all summaries and all differences: plain values, ready for JSON."""
        return {
            "baseline": self.baseline,
            "results": {name: result.summary for name, result in self.results.items()},
            "differences": {
                name: [_without_nan(self.difference(name, measure)) for measure in _MEASURES]
                for name in self.results
                if name != self.baseline
            },
        }

    def __repr__(self) -> str:
        rows = [_HEAD, *(_row(name, r.summary) for name, r in self.results.items())]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
        return "\n".join(
            "  ".join(f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}" for i, (cell, w) in cells)
            for cells in (list(enumerate(zip(row, widths, strict=True))) for row in rows)
        )

    def _repr_html_(self) -> str:
        return _html(_HEAD, [_row(name, r.summary) for name, r in self.results.items()])


_HEAD = ("", "requests", "failed", "attempts", "p50 ms", "p95 ms", "p99 ms", "ttft p95", "USD")


def _row(name: str, summary: Mapping[str, Any]) -> tuple[str, ...]:
    total, ttft = summary["total_ms"], summary["ttft_ms"]
    times = (_number(total[p]) for p in ("p50", "p95", "p99"))
    counts = (f"{summary[key]:,}" for key in ("requests", "failures", "attempts"))
    return (name, *counts, *times, _number(ttft["p95"]), _usd(summary["cost_usd"]))


def _without_nan(difference: dict[str, Any]) -> dict[str, Any]:
    """Return it with None for not-a-number, which JSON does not have."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in difference.items()}


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


SHARE_HEAD = ("requests", "answered", "tokens", "share", "p95 ms")


def share_row(name: str, share: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of a tenant or a priority, as `SHARE_HEAD` names them."""
    counts = (f"{share[key]:,}" for key in ("requests", "answered", "tokens"))
    return (name, *counts, f"{share['share']:.1%}", _number(share["total_ms_p95"]))


def _html(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    import html

    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _native(traffic: TrafficSource) -> Any:
    return traffic._native() if isinstance(traffic, Traffic) else json.dumps(dict(traffic))


def _world_json(world: WorldSource) -> str:
    return json.dumps(world.spec if isinstance(world, World) else dict(world or {}))


def _run(
    loaded: config.LoadedConfig,
    text: str,
    traffic: Any,
    world_json: str,
    seed: int,
    policy: Policy | None = None,
) -> Simulation:
    planner = _planner(loaded, policy) if loaded.policies or policy else None
    try:
        summary, columns, names = _core.simulate(
            text, loaded.catalogue_json, world_json, traffic, seed, planner, policy is not None
        )
    except ConfigError as error:
        ours = (error.path or "").startswith(("world", "traffic"))
        failure = error if ours else loaded.located(error)
    else:
        arrays = {}
        for name, (code, numbers) in columns.items():
            arrays[name] = array(code)
            arrays[name].frombytes(numbers)
        return Simulation(json.loads(summary), arrays, names["deployments"], names["tenants"])
    raise failure


def _planner(
    loaded: config.LoadedConfig, policy: Policy | None
) -> Callable[[_core.Request, str, list[_core.Candidate]], None]:
    known = {label: _patient(found) for label, found in loaded.policies.items()}
    for_all = None if policy is None else _patient(policy)

    def choose(request: _core.Request, label: str, candidates: list[_core.Candidate]) -> None:
        chosen = for_all or known[label]
        group = candidates[0].group
        members = [c for c in candidates if c.group == group]
        context = PolicyContext(group=group, seed=request.seed)
        apply_plan(request, chosen, plan(chosen, request, members, context))

    return choose


def _patient(policy: Policy) -> Policy:
    return Policy(
        policy.function, name=policy.name, stand_in=policy.stand_in, timeout_ms=_PATIENCE_MS
    )


def _label(policy: PolicySource) -> str:
    if isinstance(policy, str):
        return policy
    if not isinstance(policy, Mapping):
        return _as_policy(policy).name
    options = ", ".join(f"{key} {value}" for key, value in policy.items() if key != "name")
    return f"{policy.get('name')} ({options})" if options else str(policy.get("name"))


def _as_policy(policy: Policy | PolicyFunction) -> Policy:
    return policy if isinstance(policy, Policy) else Policy(policy)


def _run_policy(
    loaded: config.LoadedConfig, policy: PolicySource, traffic: Any, world_json: str, seed: int
) -> Simulation:
    if not isinstance(policy, (str, Mapping)):
        return _run(loaded, loaded.json, traffic, world_json, seed, _as_policy(policy))
    document = json.loads(loaded.json)
    for group in document.get("groups", {}).values():
        group["policy"] = policy if isinstance(policy, str) else dict(policy)
    return _run(loaded, json.dumps(document), traffic, world_json, seed)
