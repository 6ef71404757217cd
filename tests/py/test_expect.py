"""Tests of routing configurations, and those that stand in a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import ConfigError, InvalidRequestError
from llmroute.testing import RoutingTestResult, expect, run_routing_tests
from llmroute.testing.expect import _run

LACKING = {"provider": "openai", "model": "small", "lacks": ["tools"], "context_tokens": 2_000}


def config(**more: Any) -> dict[str, Any]:
    return {
        "deployments": {
            "small": LACKING,
            "large": {"provider": "openai", "model": "large"},
            "spare": {"provider": "openai", "model": "spare"},
        },
        "groups": {
            "fast": {"deployments": ["small", "large"], "policy": "ordered", "fallbacks": ["safe"]},
            "safe": {"deployments": ["spare"]},
            "tiny": {"deployments": ["small"]},
        },
        **more,
    }


TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def test_where_a_request_goes() -> None:
    routes = expect(config())
    routes.given("hi", model="fast").chooses("small").chooses("fast").because("ordered")
    routes.given("hi", model="safe").chooses(deployment="spare", group="safe")
    routes.given([{"role": "user", "content": "hi"}], model="large").chooses("large")
    routes.given({"messages": "hi", "model": "fast", "tools": TOOLS}).chooses("large").drops(
        "small", because="tools_not_supported"
    )
    routes.given({"messages": "hi", "model": "fast"}, model="safe").chooses("safe")


@pytest.mark.parametrize(
    ("health", "chosen", "dropped"),
    [
        ({}, "small", {}),
        ({"small": "ok"}, "small", {}),
        ({"small": "down"}, "large", {"small": "breaker_open"}),
        ({"small": "limited"}, "large", {"small": "cooling_down"}),
        ({"small": "down", "large": "limited"}, "spare", {"large": "cooling down"}),
    ],
)
def test_health_is_pretended(health: dict[str, str], chosen: str, dropped: dict[str, str]) -> None:
    expectation = expect(config()).given("hi", model="fast", health=health).chooses(chosen)
    for name, reason in dropped.items():
        expectation.drops(name, because=reason)


def test_refusals() -> None:
    routes = expect(config())
    nobody = routes.given("hi", model="tiny", tools=TOOLS)
    nobody.rejects().rejects("tools").drops("small").because("tools_not_supported")
    routes.given("hi", model="fsat").rejects("no group or deployment").rejects(
        'did you mean "fast"'
    )
    assert repr(nobody).startswith("<Expectation nobody (")


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (lambda e: e.chooses("large"), "expected large to be chosen, not small of group fast"),
        (lambda e: e.chooses(group="safe"), "expected safe to be chosen, not small of group fast"),
        (lambda e: e.chooses(deployment="spare"), "expected spare to be chosen"),
        (lambda e: e.rejects("money"), "expected a refusal, not small of group fast"),
        (lambda e: e.drops("small"), "expected small to be dropped, but it is kept"),
        (lambda e: e.because("moon"), 'expected "moon" among the reasons; there is '),
    ],
)
def test_failures_show_the_whole_decision(check: Any, said: str) -> None:
    expectation = expect(config()).given("hi", model="fast")
    with pytest.raises(AssertionError) as caught:
        check(expectation)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(f"\n\n{expectation.decision}")


def test_other_reasons_are_failures_too() -> None:
    expectation = expect(config()).given("hi", model="tiny", tools=TOOLS)
    with pytest.raises(AssertionError, match='refusal that says "money", not "'):
        expectation.rejects("money")
    with pytest.raises(AssertionError, match='because of "limit", not tools_not_supported'):
        expectation.drops("small", because="limit")
    with pytest.raises(AssertionError, match="it was no candidate"):
        expectation.drops("spare")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda e: e.chooses("smal"), 'no group or deployment "smal"; did you mean "small"'),
        (lambda e: e.drops("xyz"), 'no group or deployment "xyz"$'),
        (lambda e: e.given("hi", model="fast", health={"smal": "down"}), 'did you mean "small"'),
        (lambda e: e.given("hi", model="fast", health={"smal": "ok"}), 'did you mean "small"'),
        (lambda e: e.given("hi", model="fast", health={"small": "sad"}), 'not "sad"'),
        (lambda e: e.given("hi", model="fast", at="noon"), '"noon" is no time; write it as 2026'),
    ],
)
def test_tests_that_are_wrong_themselves_say_so(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call(expect(config()).given("hi", model="fast"))


def test_nothing_was_given() -> None:
    with pytest.raises(ValueError, match="given"):
        expect(config()).chooses("small")
    assert repr(expect(config())) == "<Expectation>"


def test_time_is_what_a_test_says() -> None:
    routes = expect(["ollama/llama3"])
    for at, shown in (
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00.000Z"),
        ("2026-01-05T09:00:00", "2026-01-05T09:00:00.000Z"),
        ("2026-01-05T09:00:00+01:00", "2026-01-05T08:00:00.000Z"),
    ):
        assert routes.given("hi", at=at).decision.to_dict()["submitted_at"] == shown


def test_chance_is_repeated() -> None:
    group = {"deployments": ["ollama/a", "ollama/b", "ollama/c"], "policy": "weighted"}
    routes = expect({"groups": {"g": group}})
    for seed in range(5):
        first = routes.given("hi", seed=seed).decision.candidates
        assert first == routes.given("hi", seed=seed).decision.candidates


def test_python_policies_are_asked() -> None:
    @llmroute.policy
    def last(request: Any, candidates: Any, context: Any) -> Any:
        return candidates[::-1]

    document = config()
    document["groups"]["fast"]["policy"] = last
    expect(document).given("hi", model="fast").chooses("large").because("last")


def test_the_state_file_is_not_touched(tmp_path: Path) -> None:
    document = config(state={"path": str(tmp_path / "state.db")})
    expect(document).given("hi", model="fast").chooses("small")
    file = tmp_path / "llmroute.json"
    file.write_text(json.dumps(document))
    expect(file).given("hi", model="fast").chooses("small")
    expect(str(file)).given("hi", model="fast").chooses("small")
    assert [entry.name for entry in tmp_path.iterdir()] == ["llmroute.json"]


def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "llmroute.toml"
    file.write_text('[groups.fast]\ndeployments = ["ollama/a"]\npolcy = "ordered"\n')
    with pytest.raises(ConfigError, match=r"llmroute\.toml:3: .*did you mean \"policy\""):
        expect(file)


# --- rules and constraints ------------------------------------------------------------------------

RULED = config(
    rules=[
        {
            "name": "night",
            "when": {"time": {"from": "22:00", "to": "06:00"}},
            "then": {"group": "safe"},
        },
        {"name": "beta", "when": {"tags": "beta"}, "then": {"pin": "spare"}},
        {"name": "team", "when": {"header": {"x-team": "core"}}, "then": {"chain": ["large"]}},
        {"name": "upset", "when": {"sentiment": {"below": 0}}, "then": {"reject": "Calm down."}},
        {"name": "gold", "when": {"metadata": {"plan": "gold"}}, "then": {"group": "safe"}},
        {"name": "abroad", "when": {"region": "us-*"}, "then": {"policy": "least_cost"}},
    ],
    constraints=[
        {"name": "secret", "when": {"tags": "secret"}, "require": {"provider_deny": ["openai"]}}
    ],
)


@pytest.mark.parametrize(
    ("given", "chosen", "because"),
    [
        ({}, "small", "ordered"),
        ({"at": "2026-01-05T23:00:00Z"}, "safe", "night"),
        ({"tags": ["beta"]}, "spare", "beta"),
        ({"headers": {"X-Team": "core"}}, "large", "team"),
        ({"metadata": {"plan": "gold"}}, "safe", "gold"),
        ({"region": "us-east"}, "fast", "abroad"),
        ({"scores": {"sentiment": 0.5}}, "small", "ordered"),
        ({"metadata": None, "tags": None}, "small", "ordered"),
    ],
)
def test_rules_are_tested(given: dict[str, Any], chosen: str, because: str) -> None:
    given = {"at": "2026-01-05T12:00:00Z", **given}
    expect(RULED).given("hi", model="fast", **given).chooses(chosen).because(because)


def test_refusals_of_rules_and_constraints_are_tested() -> None:
    noon = "2026-01-05T12:00:00Z"
    routes = expect(RULED)
    upset = routes.given("hi", model="fast", scores={"sentiment": -0.5}, at=noon)
    upset.rejects("calm down").because("upset")
    secret = routes.given("hi", model="fast", tags=["secret"], at=noon)
    secret.rejects().drops("small", because="provider_not_allowed").because("secret")


# --- tests that stand in the configuration --------------------------------------------------------

CASES = [
    ({"given": {"messages": "hi", "model": "fast"}, "chooses": {"group": "fast"}}, ""),
    ({"given": {"model": "fast"}, "chooses": {"deployment": "small"}, "because": "ordered"}, ""),
    (
        {
            "given": {"model": "fast", "health": {"small": "down"}, "at": "2026-01-05T09:00:00Z"},
            "chooses": {"deployment": "large", "group": "fast"},
            "because": "breaker_open",
        },
        "",
    ),
    ({"given": {"model": "fsat"}, "chooses": {"rejects": "did you mean"}}, ""),
    (
        {"given": {"model": "fast"}, "chooses": {"group": "safe"}},
        "expected safe to be chosen, not small of group fast",
    ),
    ({"given": {"model": "fast"}, "chooses": {"group": "sfe"}}, 'did you mean "safe"?'),
    ({"given": {"model": "fast"}, "chooses": {}, "because": "moon"}, 'expected "moon" among'),
    ({"given": {"model": "fast", "at": "noon"}, "chooses": {}}, '"noon" is no time'),
    ({"given": {"model": "fast"}, "chooses": {"rejects": "money"}}, "expected a refusal"),
    ({"given": {"model": "fast", "health": {"x": "down"}}}, "there is no deployment"),
]


@pytest.mark.parametrize(("test", "said"), CASES)
def test_a_routing_test(test: dict[str, Any], said: str) -> None:
    result = _run(expect(config()), test, "routing_tests[0]")
    assert result.ok is (said == "")
    assert said in result.message
    assert "\n" not in result.message
    assert str(result).startswith("ok " if result.ok else "FAILED  routing_tests[0]: ")


def test_results_are_data() -> None:
    good, bad = (_run(expect(config()), CASES[i][0], "t") for i in (0, 4))
    assert good.to_dict() == {"name": "t", "ok": True, "message": "", "decision": None}
    assert good.decision is not None
    assert bad.to_dict()["decision"]["group"] == "fast"
    assert json.dumps(bad.to_dict())
    assert isinstance(bad, RoutingTestResult)


def test_routing_tests_of_a_file(tmp_path: Path) -> None:
    tests = [test for test, _ in CASES[:5]]
    tests[4] = {**tests[4], "name": "safe is safe"}
    file = tmp_path / "llmroute.json"
    file.write_text(json.dumps(config(routing_tests=tests)))
    results = run_routing_tests(file)
    assert [result.ok for result in results] == [True, True, True, True, False]
    assert [result.name for result in results[3:]] == ["routing_tests[3]", "safe is safe"]


def test_a_configuration_without_tests_has_no_results() -> None:
    assert run_routing_tests(config()) == []


def test_a_test_with_an_unknown_key_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match='unknown key "modle"'):
        _run(expect(config()), {"given": {"modle": "fast"}}, "t")


def test_a_request_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidRequestError):
        expect(config()).given([{"role": "nobody"}], model="fast", temperature="hot")
