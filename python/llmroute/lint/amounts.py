"""Prices, keys, limits, budgets, and the most that one request may take."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from llmroute.lint.finding import Finding
from llmroute.lint.world import (
    GUESSED_OUTPUT_TOKENS,
    TYPICAL_PROMPT_TOKENS,
    Deployment,
    Group,
    World,
    path_of,
    quoted,
)

__all__ = ["check_keys", "check_limits", "check_prices", "check_worst_case"]

_TYPICAL_TOKENS: Final = TYPICAL_PROMPT_TOKENS + GUESSED_OUTPUT_TOKENS
_ATTEMPTS: Final = 4
_BACKOFF_MS: Final = (250.0, 8_000.0)  # bound of the first wait, bound of every wait
_TOKEN_LIMITS: Final = ("tokens_per_minute", "tokens_per_day")


# --- prices ---------------------------------------------------------------------------------------


def check_prices(world: World, today: datetime.date, days: int) -> Iterator[Finding]:
    """Name prices that are old, and those that are needed and missing."""
    for deployment in world.deployments.values():
        if "price" not in deployment.filled:
            yield from _old(deployment, today, days)
    yield from _old_catalogue(world, today, days)
    for group in world.groups.values():
        yield from _ranked_by_cost(world, group)
    yield from _ranked_by_rules(world)
    for name, budget in world.table("budgets").items():
        if "limit_usd" in budget:
            yield from _counted_in_money(world, name, budget)
    for constraint in world.constraints:
        for key in constraint.require:
            if "usd" not in key:
                continue
            without = [d.name for d in world.deployments.values() if not d.priced]
            if without and len(without) < len(world.deployments):
                path = path_of("constraints", constraint.index, "require", key)
                yield _no_price(path, without, f"{quoted([constraint.name])} closes them")
    for name, experiment in world.experiments:
        if "cost_usd" in experiment.get("guard", {}):
            yield from _compared_by_cost(world, name, experiment)


def _old(deployment: Deployment, today: datetime.date, days: int) -> Iterator[Finding]:
    text = deployment.table.get("price", {}).get("date")
    path = path_of("deployments", deployment.name, "price", "date")
    if text is None:
        return
    try:
        looked_up = datetime.date.fromisoformat(str(text))
    except ValueError:
        message = f"{quoted([str(text)])} is no date; write it as {today.isoformat()}"
        yield Finding("price_old", "warning", path, message)
        return
    age = (today - looked_up).days
    if age > days:
        message = (
            f"the price of {quoted([deployment.name])} was looked up {age} days ago; look it up "
            "again and renew the date"
        )
        yield Finding("price_old", "warning", path, message)


def _old_catalogue(world: World, today: datetime.date, days: int) -> Iterator[Finding]:
    """One word on all of them: nobody wrote these down, and one command renews them."""
    filled = [d for d in world.deployments.values() if "price" in d.filled]
    oldest = min((d.table["price"]["date"] for d in filled), default=None)
    if oldest is None:
        return
    age = (today - datetime.date.fromisoformat(oldest)).days
    if age > days:
        message = (
            f"the price of {quoted(d.name for d in filled)} is from the model catalogue of "
            f"{oldest}, {age} days ago; renew it with `llmroute catalogue update`, or state `price`"
        )
        yield Finding("price_old", "info", path_of(*filled[0].path), message)


def _ranked_by_cost(world: World, group: Group) -> Iterator[Finding]:
    name = _ranks_by_cost(group.table.get("policy"))
    if name is None:
        return
    without = _unpriced(world, (member.deployment for member in group.members))
    if without and len(group.members) > 1:
        path = path_of("groups", group.name, "policy")
        yield _no_price(path, without, f"{name} cannot compare them with others")


def _ranks_by_cost(policy: Any) -> str | None:
    """Return the name of a policy that needs prices; None of others."""
    options = policy if isinstance(policy, Mapping) else {"name": policy}
    name = options.get("name")
    by_score = name == "score" and options.get("cost", 0) > 0
    return str(name) if name == "least_cost" or by_score else None


def _ranked_by_rules(world: World) -> Iterator[Finding]:
    for rule in world.acting:
        name = _ranks_by_cost(rule.then.get("policy"))
        if name is None:
            continue
        groups = [rule.then["group"]] if "group" in rule.then else list(world.groups)
        several = [members for g in groups if len(members := world.members_of(str(g))) > 1]
        without = _unpriced(world, (m.deployment for members in several for m in members))
        if without:
            path = path_of("rules", rule.index, "then", "policy")
            yield _no_price(path, without, f"{name} cannot compare them with others")


def _counted_in_money(world: World, name: str, budget: Mapping[str, Any]) -> Iterator[Finding]:
    path = path_of("budgets", name, "limit_usd")
    for group in _groups_of(world, budget):
        places = [member.deployment for member in world.candidates(group)]
        without = _unpriced(world, places)
        if not without:
            continue
        every = len(without) == len(places)
        what = f"all of {quoted([group])}" if every else "they"
        message = (
            f"no price is known of {quoted(without)}, so {what} cannot be counted and are passed "
            "over; state `price` (0 where it is free)"
        )
        yield Finding("price_unknown", "error" if every else "warning", path, message)
        return


def _compared_by_cost(world: World, name: str, experiment: Mapping[str, Any]) -> Iterator[Finding]:
    groups = [experiment.get("group"), *(a.get("group") for a in experiment.get("arms", ()))]
    places = [m.deployment for g in dict.fromkeys(groups) if g for m in world.members_of(str(g))]
    without = _unpriced(world, places)
    if without:
        path = path_of("experiments", name, "guard", "cost_usd")
        yield _no_price(path, without, "arms cannot be compared by cost")


def _unpriced(world: World, names: Iterable[str]) -> list[str]:
    known = world.deployments
    return [n for n in dict.fromkeys(names) if n in known and not known[n].priced]


def _no_price(path: str, names: list[str], result: str) -> Finding:
    message = (
        f"no price is known of {quoted(names)}, so {result}; state `price` (0 where it is free)"
    )
    return Finding("price_unknown", "warning", path, message)


def _groups_of(world: World, budget: Mapping[str, Any]) -> list[str]:
    groups = budget.get("groups", ())
    return list(world.groups) if "*" in groups else [g for g in groups if isinstance(g, str)]


# --- keys -----------------------------------------------------------------------------------------


def check_keys(world: World, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Name keys that are not there, each once."""
    missing: dict[str, tuple[str, str, list[str]]] = {}
    for deployment in world.deployments.values():
        for path, source in _keys(world, deployment):
            origin, _, where = source.partition(":")
            if origin == "env" and not environ.get(where):
                problem = f"the environment variable {where} is not set; set it"
            elif origin == "file" and not os.access(where, os.R_OK):
                problem = f"the key file {where} cannot be read; put it there"
            else:
                continue
            missing.setdefault(source, (path, problem, []))[2].append(deployment.name)
    for path, problem, names in missing.values():
        message = f"{problem}, or {quoted(names)} cannot be called"
        yield Finding("key_missing", "warning", path, message)


def _keys(world: World, deployment: Deployment) -> Iterator[tuple[str, str]]:
    own = ("deployments", deployment.name)
    of_provider = ("providers", deployment.provider)
    in_document = world.table("providers").get(deployment.provider, {})
    tables: tuple[tuple[Mapping[str, Any], tuple[str | int, ...]], ...] = (
        (deployment.table, own),
        (in_document, of_provider),
    )
    for table, steps in tables:
        if "api_key" in table:
            yield path_of(*steps, "api_key"), str(table["api_key"])
        for i, key in enumerate(table.get("api_keys", ())):
            yield path_of(*steps, "api_keys", i), str(key)
        if "api_key" in table or "api_keys" in table:
            return
    if "api_key" in deployment.provider_table:
        yield path_of(*deployment.path), str(deployment.provider_table["api_key"])


# --- limits ---------------------------------------------------------------------------------------


def check_limits(world: World) -> Iterator[Finding]:
    """Name limits and budgets that not even one typical request fits into."""
    for deployment in world.deployments.values():
        steps = ("deployments", deployment.name, "limits")
        yield from _too_few_tokens(steps, deployment.table.get("limits", {}))
    for name, limits in world.table("limits").items():
        yield from _too_few_tokens(("limits", name), limits)
    for name, budget in world.table("budgets").items():
        yield from _small_budget(world, name, budget)


def _too_few_tokens(steps: tuple[str, ...], limits: Mapping[str, Any]) -> Iterator[Finding]:
    for key in _TOKEN_LIMITS:
        if limits.get(key, _TYPICAL_TOKENS) < _TYPICAL_TOKENS:
            yield _below(path_of(*steps, key), f"{limits[key]:,} tokens are", _typical())


def _small_budget(world: World, name: str, budget: Mapping[str, Any]) -> Iterator[Finding]:
    tokens = budget.get("limit_tokens", _TYPICAL_TOKENS)
    if tokens < _TYPICAL_TOKENS:
        yield _below(path_of("budgets", name, "limit_tokens"), f"{tokens:,} tokens are", _typical())
    if "limit_usd" not in budget:
        return
    groups = _groups_of(world, budget) or list(world.groups)
    places = [m.deployment for group in groups for m in world.candidates(group)]
    known = world.deployments
    costs = [known[n].typical_cost for n in dict.fromkeys(places) if n in known]
    priced = [cost for cost in costs if cost is not None]
    if priced and min(priced) > budget["limit_usd"]:
        path = path_of("budgets", name, "limit_usd")
        least = f"what is reserved for {_typical()} at the cheapest place, {min(priced):.4f} USD"
        yield _below(path, f"{budget['limit_usd']:g} USD are", least)


def _typical() -> str:
    return f"one request of {TYPICAL_PROMPT_TOKENS} tokens in and {GUESSED_OUTPUT_TOKENS} out"


def _below(path: str, what: str, least: str) -> Finding:
    message = f"{what} less than {least}, so hardly any request ever fits; raise it"
    return Finding("limit_below_one_request", "warning", path, message)


# --- the worst case -------------------------------------------------------------------------------


def check_worst_case(world: World) -> Iterator[Finding]:
    """Say what one request of each group may take, and warn where a stated bound is passed."""
    stated = _stated_attempt(world)
    deadline = world.resilience.get("deadline_ms")
    if deadline is not None and stated is not None and stated >= deadline:
        yield _hangs("resilience.deadline_ms", deadline, stated)
    for rule in world.acting:
        bound = rule.then.get("deadline_ms")
        if bound is not None and stated is not None and stated >= bound:
            yield _hangs(path_of("rules", rule.index, "then", "deadline_ms"), bound, stated)
    yield from _dearest(world)
    for group in world.groups.values():
        yield _worst_of(world, group)


def _attempts(world: World) -> int:
    return int(world.resilience.get("attempts", _ATTEMPTS))


def _stated_attempt(world: World) -> float | None:
    """Return the longest attempt that somebody stated, where a second one has somewhere to go."""
    if _attempts(world) < 2:
        return None
    longest = []
    for name in world.groups:
        members = [m for m in world.candidates(name) if m.deployment in world.deployments]
        times = [world.deployments[m.deployment].hangs_ms(world.resilience) for m in members]
        if len(members) > 1:
            longest += [ms for ms in times if ms > 0]
    return max(longest, default=None)


def _hangs(path: str, deadline: float, attempt: float) -> Finding:
    message = (
        f"one attempt may take {attempt:,.0f} ms, all of the {deadline:,.0f} ms to the deadline, "
        "so a place that hangs leaves no time for another; lower attempt_ms below half of it"
    )
    return Finding("worst_case", "warning", path, message)


def _dearest(world: World) -> Iterator[Finding]:
    """Warn where the longest answer is too dear at every place of a group."""
    for constraint in world.constraints:
        most = constraint.require.get("max_usd_per_request")
        if most is None:
            continue
        for name in world.groups:
            places = [world.deployments.get(m.deployment) for m in world.candidates(name)]
            open_to = [d for d in places if d is not None and constraint.allows(d)]
            costs = [_longest_answer(d) for d in open_to]
            known = [cost for cost in costs if cost is not None]
            if known and len(known) == len(costs) and min(known) > most:
                message = (
                    f"the longest answer of {quoted([name])} costs {min(known):.4f} USD or more, "
                    f"above the {most:g} that {quoted([constraint.name])} allows, so it is "
                    "refused; lower max_output_tokens, or add a cheaper member"
                )
                path = path_of("constraints", constraint.index, "require", "max_usd_per_request")
                yield Finding("worst_case", "warning", path, message)
                break


def _longest_answer(deployment: Deployment) -> float | None:
    if deployment.max_output is None:
        return None
    return deployment.cost(TYPICAL_PROMPT_TOKENS, deployment.max_output)


def _worst_of(world: World, group: Group) -> Finding:
    places = [
        world.deployments[m.deployment]
        for m in world.candidates(group.name)
        if m.deployment in world.deployments
    ]
    attempts = _attempts(world)
    longest = _longest(world, group, places, attempts)
    costs = [_most(d) for d in places]
    dearest = (
        None if None in costs or not costs else max(cost for cost in costs if cost is not None)
    )
    time = "without a bound" if longest is None else f"{longest / 1000:,.0f} s"
    money = "unknown" if dearest is None else f"{dearest:.4f} USD"
    message = (
        f"one request of {quoted([group.name])} may take {attempts} attempts and {time}; its "
        f"dearest answer costs {money}"
    )
    details = {"attempts": float(attempts), "time_ms": longest, "cost_usd": dearest}
    path = path_of("groups", group.name)
    return Finding("worst_case", "info", path, message, details=details)


def _longest(world: World, group: Group, places: list[Deployment], attempts: int) -> float | None:
    """Return the deadline, or all attempts with the waits between them, in milliseconds."""
    deadline = world.resilience.get("deadline_ms")
    if deadline is not None:
        return float(deadline)
    times = [d.attempt_ms(world.resilience) for d in places]
    if not times or min(times) == 0:
        return None
    backoff = world.resilience.get("backoff", {})
    base, most = backoff.get("base_ms", _BACKOFF_MS[0]), backoff.get("max_ms", _BACKOFF_MS[1])
    waits = sum(min(most, base * 2.0 ** min(n, 20)) for n in range(attempts - 1))
    lines = sum(s.get("queue_ms", 0) for s in group.steps if isinstance(s, Mapping))
    return float(attempts * max(times) + waits + lines)


def _most(deployment: Deployment) -> float | None:
    """Return what the longest prompt with the longest answer costs, in USD; None: unknown."""
    context, output = deployment.context, deployment.max_output
    if context is None or output is None:
        return None
    return deployment.cost(max(0, context - output), min(context, output))
