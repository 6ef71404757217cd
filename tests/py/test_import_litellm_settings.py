"""LiteLLM's groups, fallbacks and settings, and what they become."""

from __future__ import annotations

from typing import Any

import pytest

from llmroute.integrations import litellm
from test_import_litellm import done, entry, only

# --- groups ---------------------------------------------------------------------------------------


def members(made: dict[str, Any], group: str = "fast") -> list[Any]:
    found: list[Any] = made["groups"][group]["deployments"]
    return found


def test_entries_of_one_name_are_one_group() -> None:
    made, notes = done(entry(api_key="a"), entry(api_key="b"), entry(api_key="a"), entry("slow"))
    assert members(made) == ["openai/m", "openai/m#2"]
    assert members(made, "slow") == ["openai/m#3"]
    assert "says the same" in notes["model_list[2]"]


def test_ids_name_deployments_and_never_collide_with_groups() -> None:
    made, _ = done(entry(info={"id": "one"}), entry(info={"id": "fast"}, api_key="b"))
    assert members(made) == ["one", "fast#2"]


def test_weights() -> None:
    made, notes = done(entry(weight=3, api_key="a"), entry(weight=1, api_key="b"))
    assert members(made) == [{"use": "openai/m", "weight": 3}, "openai/m#2"]
    assert not notes
    made, notes = done(entry(weight=3, api_key="a"), entry(api_key="b"))
    assert members(made)[1] == {"use": "openai/m#2", "weight": 0.001}
    assert "least" in notes["model_list[1].litellm_params.weight"]


def test_without_weights_a_shuffle_goes_by_requests_per_minute() -> None:
    rows = (entry(rpm=900, api_key="a"), entry(rpm=100, api_key="b"))
    assert members(done(*rows)[0]) == ["openai/m", {"use": "openai/m#2", "weight": 0.111111}]
    made, _ = done(*rows, router_settings={"routing_strategy": "least-busy"})
    assert members(made) == ["openai/m", "openai/m#2"]


def test_orders_that_differ_are_an_order() -> None:
    made, notes = done(entry(order=2, api_key="a"), entry(order=1, api_key="b"))
    assert made["groups"]["fast"] == {
        "deployments": ["openai/m#2", "openai/m"],
        "policy": "ordered",
    }
    assert not notes


def test_orders_that_are_shared_are_levels() -> None:
    rows = [
        entry(order=1, api_key="a"),
        entry(order=1, api_key="b"),
        entry(order=2, api_key="c"),
        entry(api_key="d"),
    ]
    made, _ = done(*rows, entry("other"), router_settings={"fallbacks": [{"other": ["fast"]}]})
    assert members(made) == ["openai/m", "openai/m#2"]
    assert made["groups"]["fast"]["fallbacks"] == ["fast#order2", "fast#order3"]
    assert made["groups"]["other"]["fallbacks"] == ["fast", "fast#order2", "fast#order3"]


@pytest.mark.parametrize(
    ("strategy", "policy", "noted"),
    [
        ("simple-shuffle", "weighted", False),
        ("least-busy", "least_in_flight", False),
        ("latency-based-routing", "least_latency", False),
        ("cost-based-routing", "least_cost", False),
        ("usage-based-routing", "headroom", True),
        ("usage-based-routing-v2", "headroom", True),
        ("astrology", "weighted", True),
    ],
)
def test_strategies(strategy: str, policy: str, noted: bool) -> None:
    made, notes = done(entry(), router_settings={"routing_strategy": strategy})
    assert made["groups"]["fast"]["policy"] == policy
    assert ("router_settings.routing_strategy" in notes) is noted


def test_fallbacks_of_all_kinds() -> None:
    rows = [entry(name, api_key=name) for name in ("a", "b", "c", "d")]
    made, notes = done(
        *rows,
        router_settings={
            "fallbacks": [{"a": ["b", "c"]}, {"b": ["a"]}],
            "context_window_fallbacks": [{"a": ["d"]}],
            "content_policy_fallbacks": [{"*": ["c"]}],
            "default_fallbacks": ["d"],
            "num_retries": 1,
        },
        litellm_settings={"context_window_fallbacks": [{"b": ["c"]}]},
    )
    groups = made["groups"]
    assert groups["a"]["fallbacks"] == ["b", "c"]
    assert groups["b"]["fallbacks"] == ["d"]  # its own led in a circle; the default is left
    assert groups["a"]["on_context_too_long"] == ["d"]
    assert groups["b"]["on_content_filter"] == ["c"]
    assert "on_content_filter" not in groups["c"]
    assert made["resilience"]["attempts"] == 6
    assert "circle" in notes["router_settings.fallbacks[1].b"]
    assert "counts instead" in notes["litellm_settings.context_window_fallbacks"]


@pytest.mark.parametrize(
    ("rows", "path", "word"),
    [
        ([{"gone": ["fast"]}], "[0].gone", "no such model_name"),
        ([{"fast": ["gone"]}], "[0].fast", '"gone"'),
        ([{"fast": ["fast"]}], "[0].fast", "circle"),
        ([{"fast": [{"model": "b", "temperature": 1}]}], "[0].fast[0]", "parameters"),
        (["fast"], "[0]", "is no table"),
        ("fast", "", "is no list"),
    ],
)
def test_fallbacks_that_cannot_be(rows: Any, path: str, word: str) -> None:
    made, notes = done(entry(), litellm_settings={"fallbacks": rows})
    assert "fallbacks" not in made["groups"]["fast"]
    assert word in notes[f"litellm_settings.fallbacks{path}"]


def test_aliases() -> None:
    alias = {
        "gpt": "fast",
        "hidden": {"model": "fast", "hidden": True},
        "x": "gone",
        "fast": "fast",
    }
    made, notes = done(entry(), router_settings={"model_group_alias": alias})
    assert made["groups"]["gpt"] == made["groups"]["hidden"] == made["groups"]["fast"]
    paths = {path.rpartition("alias.")[2] for path in notes}
    assert paths == {"hidden.hidden", "x", "fast"}


# --- settings -------------------------------------------------------------------------------------


def test_attempts_timeouts_and_the_breaker() -> None:
    made, notes = done(
        entry(),
        router_settings={
            "num_retries": 2,
            "timeout": 60,
            "stream_timeout": 10,
            "allowed_fails": 3,
            "cooldown_time": 30,
            "retry_after": 1,
        },
        litellm_settings={"request_timeout": 9, "num_retries": 5},
    )
    assert made["resilience"] == {
        "attempts": 3,
        "timeouts": {"attempt_ms": 60_000, "ttft_ms": 10_000},
        "breaker": {"failures": 4, "cooldown_ms": 30_000},
        "backoff": {"base_ms": 1000, "max_ms": 8000},
    }
    assert "counts instead" in notes["litellm_settings.request_timeout"]
    assert "counts instead" in notes["litellm_settings.num_retries"]


def test_what_litellms_own_table_says_where_the_routers_is_silent() -> None:
    settings = {"num_retries": 0, "request_timeout": 5, "allowed_fails": 0}
    made, _ = done(entry(), litellm_settings=settings)
    assert made["resilience"] == {
        "attempts": 1,
        "timeouts": {"attempt_ms": 5000},
        "breaker": {"failures": 1},
    }


def test_caches() -> None:
    made, notes = done(
        entry(),
        litellm_settings={
            "cache": True,
            "cache_params": {"type": "redis", "ttl": 60, "host": "h", "similarity_threshold": 1},
        },
        router_settings={"optional_pre_call_checks": ["prompt_caching", "other"]},
    )
    assert made["cache"] == {"exact": {"ttl_s": 60}, "affinity": {}}
    assert "changed" in notes["litellm_settings.cache_params.type"]
    assert "[state]" in notes["litellm_settings.cache_params.host"]
    assert "identical" in notes["litellm_settings.cache_params.similarity_threshold"]
    assert "router_settings.optional_pre_call_checks[1]" in notes
    assert "cache" not in done(entry(), litellm_settings={"cache": False})[0]


@pytest.mark.parametrize(
    ("length", "per"), [("1d", "day"), ("24h", "day"), ("1h", "hour"), ("30d", "month")]
)
def test_one_budget_for_all(length: str, per: str) -> None:
    settings = {"max_budget": 10, "budget_duration": length}
    made, _ = done(entry(), litellm_settings=settings)
    assert made["budgets"] == {"all": {"limit_usd": 10, "per": per, "groups": ["*"]}}


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"max_budget": 10}, "max_budget"),
        ({"max_budget": 10, "budget_duration": "7d"}, "max_budget"),
        ({"max_budget": 0, "budget_duration": "1d"}, "max_budget"),
        ({"budget_duration": "1d"}, "budget_duration"),
    ],
)
def test_budgets_that_cannot_be(settings: dict[str, Any], path: str) -> None:
    made, notes = done(entry(), litellm_settings=settings)
    assert "budgets" not in made
    assert f"litellm_settings.{path}" in notes


def test_requests_at_once() -> None:
    made, _ = done(entry(rpm=5), router_settings={"default_max_parallel_requests": 4})
    assert only(made)["limits"] == {"requests_per_minute": 5, "in_flight": 4}


def test_everything_else_is_said_with_its_path_and_without_its_value() -> None:
    secret = "hunter2"
    tables = {
        "router_settings": {"redis_host": secret, "redis_password": secret, "tomorrow": secret},
        "litellm_settings": {
            "drop_params": True,
            "success_callback": [secret],
            "set_verbose": True,
            "later": secret,
        },
        "general_settings": {"master_key": secret, "database_url": secret},
        "environment_variables": {"OPENAI_API_KEY": secret},
        "guardrails": [{"guardrail_name": secret}],
        "unheard_of": secret,
    }
    translated = litellm.translate({"model_list": [entry()], **tables})
    said = "\n".join(map(str, translated.notes))
    assert secret not in said
    paths = {note.path for note in translated.notes}
    assert paths == {
        "router_settings.redis_host",
        "router_settings.redis_password",
        "router_settings.tomorrow",
        "litellm_settings.drop_params",
        "litellm_settings.success_callback",
        "litellm_settings.set_verbose",
        "litellm_settings.later",
        "general_settings.master_key",
        "general_settings.database_url",
        "environment_variables.OPENAI_API_KEY",
        "guardrails",
        "unheard_of",
    }


def test_the_arguments_of_its_router() -> None:
    rows = [entry("a"), entry("b", api_key="b")]
    translated = litellm.translate(
        {"model_list": rows, "num_retries": 1, "fallbacks": [{"a": ["b"]}], "redis_url": "x"}
    )
    assert translated.config["groups"]["a"]["fallbacks"] == ["b"]
    assert translated.config["resilience"]["attempts"] == 4
    assert [note.path for note in translated.notes] == ["num_retries", "redis_url"]
