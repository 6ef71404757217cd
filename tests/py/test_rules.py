"""Rules, constraints and scores through the face, on real sockets."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import llmroute
from llmroute import AsyncRouter, ConfigError, InvalidRequestError, RejectedError, Router
from llmroute import scores as scores_module
from llmroute.testing import SimulatedProvider
from provider_probe import Listener

BASE: dict[str, Any] = {
    "deployments": {
        "here": {"provider": "ollama", "model": "a", "region": "eu-central"},
        "there": {"provider": "ollama", "model": "b", "region": "us-east"},
    },
    "groups": {
        "fast": {"deployments": ["there", "here"], "policy": "ordered"},
        "best": {"deployments": ["here"]},
    },
}


def with_rule(when: dict[str, Any], then: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**BASE, "rules": [{"name": "r", "when": when, "then": then}], **more}


def group_of(config: dict[str, Any], prompt: Any = "hi", **call: Any) -> str:
    scores = call.pop("functions", None)
    with Router(config, scores=scores) as router:
        decision = router.explain(prompt, model="fast", **call).to_dict()
        return str(decision["group"])


# --- what rules look at ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "call", "fits"),
    [
        ({"tags": "beta"}, {"tags": ["alpha", "beta"]}, True),
        ({"tags": "beta"}, {"tags": "beta"}, True),
        ({"tags": "beta"}, {}, False),
        ({"region": "eu-*"}, {"region": "eu-west"}, True),
        ({"header": {"X-Team": "search"}}, {"headers": {"x-TEAM": "search"}}, True),
        ({"metadata": {"age": {"at_least": 18}}}, {"metadata": {"age": 18}}, True),
        ({"metadata": {"age": {"at_least": 18}}}, {"metadata": {"age": 17}}, False),
        ({"metadata": {"vip": "true"}}, {"metadata": {"vip": True}}, True),
        ({"intent": "billing"}, {"scores": {"intent": "billing"}}, True),
        ({"complexity": {"above": 0.5}}, {"scores": {"complexity": 0.7}}, True),
        ({"language": "de"}, {"prompt": "Wo ist meine Rechnung und wann kommt das Geld?"}, True),
        ({"language": "de"}, {"prompt": "Where is my invoice and when does it come?"}, False),
        ({"has": "json_object"}, {"response_format": {"type": "json_object"}}, True),
        ({"has": "images"}, {}, False),
        ({"priority": ["batch", 9]}, {"priority": 9}, True),
        ({"messages": {"above": 1}}, {"prompt": [{"role": "user", "content": "a"}] * 2}, True),
        ({"keywords": ["money back"]}, {"prompt": "I want my MONEY  back!"}, True),
        ({"regex": "ORD-\\d+"}, {"prompt": "where is ORD-17?"}, True),
        ({}, {}, True),
    ],
)
def test_conditions(when: dict[str, Any], call: dict[str, Any], fits: bool) -> None:
    prompt = call.pop("prompt", "hi")
    found = group_of(with_rule(when, {"group": "best"}), prompt, **call)
    assert found == ("best" if fits else "fast")


def test_a_named_zone_is_understood() -> None:
    always = {"time": {"from": "00:00", "timezone": "Europe/Berlin"}}
    assert group_of(with_rule({"any": [always]}, {"group": "best"})) == "best"
    with pytest.raises(ConfigError, match="unknown time zone") as caught:
        Router(with_rule({"not": {"time": {"from": "00:00", "timezone": "Europe/Berlim"}}}, {}))
    assert caught.value.path == "rules[0].when.not.time.timezone"
    assert caught.value.nearest == "Europe/Berlin"


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ({"tags": 3}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"tags": ["x"] * 65}, "tags"),
        ({"headers": ["a"]}, "headers"),
        ({"headers": {"a": object()}}, "headers.a"),
        ({"region": ""}, "region"),
        ({"scores": 3}, "scores"),
        ({"scores": {"a": float("nan")}}, "scores.a"),
        ({"scores": {"a": True}}, "scores.a"),
        ({"scores": {"a": []}}, "scores.a"),
        ({"scores": {"": 1}}, "scores"),
    ],
)
def test_wrong_values_are_named(call: dict[str, Any], path: str) -> None:
    with Router(BASE) as router, pytest.raises(InvalidRequestError, match=path):
        router.explain("hi", model="fast", **call)


def test_providers_see_none_of_it() -> None:
    probe = Listener()
    try:
        config = {"deployments": {"probe": probe.deployment()}}
        with Router(config) as router:
            router.chat("hi", tags=["t"], headers={"h": "v"}, region="eu", scores={"s": 1})
        assert probe.last_body().keys() == {"model", "messages"}
    finally:
        probe.close()


def test_defaults_reach_the_provider_and_the_callers_own_stay() -> None:
    probe = Listener()
    try:
        then = {"defaults": {"temperature": 0.25, "max_tokens": 9, "stop": ["x"]}}
        config = {
            "deployments": {"probe": probe.deployment()},
            "rules": [{"name": "r", "then": then}],
        }
        with Router(config) as router:
            router.chat("hi")
            body = probe.last_body()
            assert (body["temperature"], body["stop"]) == (0.25, ["x"])
            assert body.get("max_tokens", body.get("max_completion_tokens")) == 9
            router.chat("hi", temperature=1)
            assert probe.last_body()["temperature"] == 1
    finally:
        probe.close()


# --- where they lead ------------------------------------------------------------------------------


def test_a_rule_rejects_with_its_words() -> None:
    config = with_rule({"regex": "sk-[a-z]+"}, {"reject": "take the key out"})
    with Router(config) as router, pytest.raises(RejectedError) as caught:
        router.chat("this is sk-abc", model="fast")
    assert "take the key out" in str(caught.value)
    assert caught.value.decision.attempts == []


def test_a_rule_hands_over_to_a_person() -> None:
    def human(request: Any, decision: llmroute.Decision) -> str:
        assert decision.to_dict()["rules"][0]["rule"] == "r"
        return "I will look at it"

    config = with_rule({"keywords": "lawyer"}, {"human": True})
    with Router(config, human=human) as router:
        assert router.chat("my lawyer", model="fast").text == "I will look at it"


def test_python_policies_see_the_group_that_a_rule_chose() -> None:
    seen: list[str] = []

    @llmroute.policy
    def last(request: Any, candidates: Any, context: Any) -> Any:
        seen.append(context.group)
        return list(reversed(candidates))

    groups = {**BASE["groups"], "best": {"deployments": ["here", "there"], "policy": last}}
    rules = [
        {"name": "r", "when": {"tags": "x"}, "then": {"group": "best"}},
        {"name": "p", "when": {"tags": "y"}, "then": {"group": "best", "policy": "ordered"}},
    ]
    with Router({**BASE, "groups": groups, "rules": rules}) as router:
        decision = router.explain("hi", model="fast", tags=["x"])
        assert decision.to_dict()["plan"] == ["there", "here"]
        assert seen == ["best"]
        decision = router.explain("hi", model="fast", tags=["y"])
        assert decision.to_dict()["plan"] == ["here", "there"]  # the rule's own policy
        assert seen == ["best"]


def test_the_decision_says_it_in_words() -> None:
    config = with_rule({"tags": "x"}, {"priority": "batch"})
    config["constraints"] = [
        {
            "name": "stay in Europe",
            "unless": {"metadata": {"where": "us"}},
            "require": {"region": "eu-*"},
        }
    ]
    config["groups"] = {**BASE["groups"], "fast": {**BASE["groups"]["fast"], "observe": "weighted"}}
    with Router(config) as router:
        decision = router.explain("hi", model="fast", tags="x")
    text = str(decision)
    assert "constraint  stay in Europe: applied, because data is missing" in text
    assert "rule        r: sets priority" in text
    assert "region_not_allowed: us-east, needs eu-*" in text
    assert "observed    weighted would choose here" in text
    assert decision.why_not("there") == (
        'there was dropped: its region is us-east; the constraint "stay in Europe" needs eu-*.'
    )
    assert "stay in Europe" in decision._repr_html_()


def test_the_cache_is_divided_by_what_is_permitted() -> None:
    with SimulatedProvider(ttft_ms=1) as one, SimulatedProvider(ttft_ms=1) as two:
        config = {
            "deployments": {
                "there": one.deployment(region="us-east"),
                "here": two.deployment(region="eu-central"),
            },
            "groups": {"fast": {"deployments": ["there", "here"], "policy": "ordered"}},
            "constraints": [
                {
                    "name": "Europe",
                    "unless": {"metadata": {"where": "us"}},
                    "require": {"region": "eu-*"},
                }
            ],
            "cache": {"exact": {}},
        }
        with Router(config) as router:
            assert router.chat("hi", metadata={"where": "us"}).deployment == "there"
            assert router.chat("hi").deployment == "here"
            for where, deployment in (("us", "there"), ("eu", "here")):
                reply = router.chat("hi", metadata={"where": where})
                assert reply.deployment == deployment
                assert reply.decision.to_dict()["cache"]["status"] == "hit"


# --- scores ---------------------------------------------------------------------------------------

MOOD = with_rule({"scores": {"mood": {"below": 0}}}, {"group": "best"})


def test_a_score_is_asked_for_where_a_rule_looks_at_it() -> None:
    calls: list[str] = []

    def count(name: str, value: Any) -> Any:
        def score(request: Any) -> Any:
            calls.append(name)
            return value

        return score

    functions = {"mood": count("mood", -1), "other": count("other", 1)}
    assert group_of(MOOD, functions=functions) == "best"
    assert calls == ["mood"]
    assert group_of(MOOD, functions=functions, scores={"mood": 0.5}) == "fast"
    assert calls == ["mood"]  # the call gave it
    with Router(BASE, scores=functions) as router:
        router.explain("hi", model="fast")
    assert calls == ["mood"]  # nobody asks


def raises(request: Any) -> float:
    raise RuntimeError("secret words")


async def coroutine(request: Any) -> float:
    return -1.0


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raises, "raised RuntimeError"),
        (lambda request: [], "gave list, not a number or a word"),
        (lambda request: True, "gave bool"),
        (lambda request: float("inf"), "gave inf"),
        (lambda request: "", "gave an empty word"),
        (coroutine, "AsyncRouter awaits those"),
    ],
)
def test_a_score_that_goes_wrong_is_absent_and_noted(function: Any, words: str) -> None:
    with Router(MOOD, scores={"mood": function}) as router:
        decision = router.explain("hi", model="fast").to_dict()
    assert decision["group"] == "fast"
    (note,) = decision["notes"]
    assert note.startswith("score mood: ")
    assert words in note
    assert "secret" not in note


def test_a_score_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores_module, "TIMEOUT_S", 0.02)
    gate = threading.Event()

    def hangs(request: Any) -> float:
        gate.wait()
        return 1.0

    try:
        with Router(MOOD, scores={"mood": hangs}) as router:
            decision = router.explain("hi", model="fast").to_dict()
    finally:
        gate.set()
    assert decision["notes"] == ["score mood: gave no answer within 0.02 s; it is absent"]


def test_scores_on_an_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(request: Any) -> float:
        await asyncio.Event().wait()
        return 1.0

    async def main() -> None:
        async with AsyncRouter(MOOD, scores={"mood": coroutine}) as router:
            decision = await router.explain("hi", model="fast")
            assert decision.to_dict()["group"] == "best"
        async with AsyncRouter(MOOD, scores={"mood": lambda request: -1}) as router:
            assert (await router.explain("hi", model="fast")).to_dict()["group"] == "best"
        monkeypatch.setattr(scores_module, "TIMEOUT_S", 0.02)
        async with AsyncRouter(MOOD, scores={"mood": hangs}) as router:
            decision = await router.explain("hi", model="fast")
            assert decision.to_dict()["group"] == "fast"
            assert "gave no answer" in decision.to_dict()["notes"][0]

    asyncio.run(main())


# --- configurations -------------------------------------------------------------------------------


def rule(when: dict[str, Any], **then: Any) -> dict[str, Any]:
    return {"rules": [{"name": "r", "when": when, "then": then or {"group": "best"}}]}


DENIED = {"constraints": [{"name": "c", "require": {"provider_deny": ["olama"]}}]}


@pytest.mark.parametrize(
    ("tables", "path", "words"),
    [
        (rule({"regex": "("}), "rules[0].when", "pattern"),
        (rule({"language": "german"}), "rules[0].when", "unknown language"),
        (rule({}, groop="best"), "rules[0].then.groop", 'did you mean "group"'),
        (rule({}, policy=print), "rules[0].then.policy", "must not be a callable"),
        (DENIED, "constraints[0].require.provider_deny[0]", "ollama"),
    ],
)
def test_a_bad_configuration_replaces_nothing(
    tables: dict[str, Any], path: str, words: str
) -> None:
    with Router(MOOD) as router:
        with pytest.raises(ConfigError, match=words) as caught:
            router.reload({**BASE, **tables})
        assert caught.value.path == path
        assert router.explain("hi", model="fast", scores={"mood": -1}).to_dict()["rules"] != []
