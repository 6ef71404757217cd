"""Reads what models.dev publishes into entries of the model catalogue.

Taken over is what is stated; what cannot be priced truthfully is left out, so that it is unknown:

- a price that also counts requests or citations, which no usage tells apart;
- a price of nothing, unless the model's name promises it (``:free``): trial offers and servers of
  one's own are listed with zeros too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["entries_of", "is_models_dev"]

_RATES: Final = {
    "input": "input_usd_per_million",
    "output": "output_usd_per_million",
    "cache_read": "cached_input_usd_per_million",
    "cached_input": "cached_input_usd_per_million",
    "cache_write": "cache_write_usd_per_million",
    "reasoning": "reasoning_usd_per_million",
    "input_audio": "audio_input_usd_per_million",
    "output_audio": "audio_output_usd_per_million",
}
_HOUR: Final = "cache_write_hour_usd_per_million"
_OVER_200K: Final = 200_000
# docs.anthropic.com, pricing: what is kept for an hour costs twice the input to write.
_HOUR_OF_INPUT: Final = {"anthropic": 2.0}


def is_models_dev(document: Mapping[str, Any]) -> bool:
    """Tell the form of models.dev, with or without a table ``providers`` around it.

    Examples
    --------
    >>> is_models_dev({"openai": {"models": {}}}), is_models_dev({"models": {}})
    (True, False)
    """
    providers = document.get("providers", document)
    return (
        isinstance(providers, Mapping)
        and bool(providers)
        and all(isinstance(p, Mapping) and "models" in p for p in providers.values())
    )


def entries_of(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return catalogue entries by ``provider/model``.

    Parameters
    ----------
    document : mapping
        As `is_models_dev` tells it. Values are taken as they are; the catalogue checks them.

    Returns
    -------
    dict
        Sorted by name.

    Examples
    --------
    >>> model = {"cost": {"input": 2, "output": 8}, "limit": {"context": 1000}, "tool_call": True}
    >>> entries_of({"acme": {"models": {"m-1": model}}})["acme/m-1"]["context_tokens"]
    1000
    """
    found: dict[str, dict[str, Any]] = {}
    for provider, about in document.get("providers", document).items():
        for model, facts in about["models"].items():
            found[f"{provider}/{model}"] = dict(_entry(provider, model, facts))
    return dict(sorted(found.items()))


def _entry(provider: str, model: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    price = _price(provider, model, facts)
    if price:
        yield "price", price
    limit = facts.get("limit") or {}
    for theirs, ours in (("context", "context_tokens"), ("output", "max_output_tokens")):
        if limit.get(theirs):  # 0 stands for "not a language model" there
            yield ours, limit[theirs]
    for theirs, ours in (
        ("tool_call", "tools"),
        ("structured_output", "structured_output"),
        ("reasoning", "reasoning"),
    ):
        if theirs in facts:
            yield ours, facts[theirs]
    modalities = facts.get("modalities") or {}
    for side in ("input", "output"):
        if modalities.get(side):
            yield side, modalities[side]
    for key in ("status", "release_date"):
        if key in facts:
            yield key, facts[key]


def _price(provider: str, model: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    cost = facts.get("cost") or {}
    if not {"input", "output"} <= cost.keys() or {"request", "citation"} & cost.keys():
        return {}
    if cost["input"] == 0 and cost["output"] == 0 and not model.endswith(":free"):
        return {}
    price = _rates(provider, cost)
    tiers = [
        {"above_tokens": tier["tier"]["size"], **_rates(provider, tier)}
        for tier in cost.get("tiers", ())
        if tier.get("tier", {}).get("type", "context") == "context" and "size" in tier["tier"]
    ]
    if not tiers and isinstance(cost.get("context_over_200k"), Mapping):
        tiers = [{"above_tokens": _OVER_200K, **_rates(provider, cost["context_over_200k"])}]
    if tiers:
        price["tiers"] = sorted(tiers, key=lambda tier: tier["above_tokens"])
    for mode in ((facts.get("experimental") or {}).get("modes") or {}).values():
        tier = mode.get("provider", {}).get("body", {}).get("service_tier")
        if tier == "priority" and "cost" in mode:
            price.setdefault("service_tiers", {})[tier] = _rates(provider, mode["cost"])
    return price


def _rates(provider: str, cost: Mapping[str, Any]) -> dict[str, Any]:
    rates = {ours: cost[theirs] for theirs, ours in _RATES.items() if theirs in cost}
    if provider in _HOUR_OF_INPUT and {"input", "cache_write"} <= cost.keys():
        rates[_HOUR] = round(cost["input"] * _HOUR_OF_INPUT[provider], 9)
    return rates
