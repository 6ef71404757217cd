"""Experiments through the face, on real sockets."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import ConfigError, InvalidRequestError, Router
from llmroute.testing import SimulatedProvider
from provider_probe import eventually


def config_of(
    one: SimulatedProvider, two: SimulatedProvider, experiment: dict[str, Any]
) -> dict[str, Any]:
    return {
        "deployments": {"old": one.deployment(), "new": two.deployment()},
        "groups": {"fast": {"deployments": ["old"]}, "next": {"deployments": ["new"]}},
        "experiments": {"x": {"group": "fast", **experiment}},
        "resilience": {"attempts": 1},
    }


Pair = tuple[SimulatedProvider, SimulatedProvider]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with SimulatedProvider(ttft_ms=1) as one, SimulatedProvider(ttft_ms=1) as two:
        yield one, two


def split(share: float, **more: Any) -> dict[str, Any]:
    arms = [
        {"name": "control", "share": 1 - share},
        {"name": "v2", "share": share, "group": "next"},
    ]
    return {"arms": arms, **more}


def test_a_user_stays_in_an_arm_and_the_decision_says_so(pair: Pair) -> None:
    one, two = pair
    config = config_of(one, two, split(0.5, by="metadata.user"))
    with Router(config) as router:
        seen = {}
        for user in [f"u{i}" for i in range(12)] * 2:
            reply = router.chat("hi", model="fast", metadata={"user": user})
            (record,) = reply.decision.to_dict()["experiments"]
            assert record["probability"] == 0.5
            assert reply.deployment == ("new" if record["arm"] == "v2" else "old")
            assert seen.setdefault(user, record["arm"]) == record["arm"]
        assert set(seen.values()) == {"control", "v2"}
        assert router.chat("hi", model="fast").decision.to_dict()["experiments"] == []
        report = router.experiments.report()["x"]
        assert sum(arm["requests"] for arm in report["arms"]) == 24
        assert "experiment  x: arm" in str(reply.decision)


def test_a_canary_is_rolled_back_told_and_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [{"kind": "server_error", "chance": 0.6}]
    with SimulatedProvider(ttft_ms=1) as one, SimulatedProvider(ttft_ms=1, faults=faults) as two:
        config = config_of(one, two, split(0.5, guard={"error_rate": {"worse_by": 0.02}}))
        config["state"] = {"path": str(tmp_path / "state.db")}
        config["resilience"]["breaker"] = {"failures": 1000, "error_rate": 1.0}
        with Router(config, seed=3) as router, caplog.at_level(logging.WARNING, "llmroute"):
            for _ in range(400):
                with contextlib.suppress(llmroute.LlmrouteError):
                    router.chat("hi", model="fast")
                if router.experiments.report()["x"]["all_to"]:
                    break
            assert router.experiments.report()["x"]["all_to"] == "control"
            assert {router.chat("hi", model="fast").deployment for _ in range(10)} == {"old"}
        assert any("arm v2 was worse: error_rate" in message for message in caplog.messages)
        with Router(config, seed=4) as router:
            report = router.experiments.report()["x"]
            assert report["all_to"] == "control"
            assert "arm v2 was worse" in report["reason"]
            assert "all to control" in str(router.experiments)
            assert "all to control" in router.experiments._repr_html_()
            router.experiments.restart("x")
            assert router.experiments.report()["x"]["all_to"] is None
        changed = config_of(one, two, split(0.4, guard={"error_rate": {"worse_by": 0.02}}))
        with Router({**changed, "state": config["state"]}) as router:
            assert router.experiments.report()["x"]["all_to"] is None  # another experiment


def test_blue_and_green_with_one_verb(pair: Pair) -> None:
    one, two = pair
    with Router(config_of(one, two, split(0))) as router:
        assert {router.chat("hi", model="fast").deployment for _ in range(5)} == {"old"}
        router.experiments.promote("x", "v2")
        assert {router.chat("hi", model="fast").deployment for _ in range(5)} == {"new"}
        router.experiments.roll_back("x")
        assert {router.chat("hi", model="fast").deployment for _ in range(5)} == {"old"}
        router.reload(config_of(one, two, split(0)))
        assert router.experiments.report()["x"]["all_to"] == "control"


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda e: e.promote("xz", "v2"), "x"),
        (lambda e: e.promote("x", "v3"), "v2"),
        (lambda e: e.roll_back("xx"), "x"),
        (lambda e: e.restart("xy"), "x"),
    ],
)
def test_wrong_names(call: Any, nearest: str, pair: Pair) -> None:
    one, two = pair
    with Router(config_of(one, two, split(0.5))) as router:
        with pytest.raises(InvalidRequestError, match=f'did you mean "{nearest}"'):
            call(router.experiments)
        with pytest.raises(ValueError, match="name an arm"):
            router.experiments.promote("x", "")


def test_a_shadow_gets_its_share_and_touches_nothing(pair: Pair) -> None:
    one, two = pair
    shadow = {"kind": "shadow", "share": 1, "to": "next"}
    with Router(config_of(one, two, shadow)) as router:
        assert {router.chat("hi", model="fast").deployment for _ in range(4)} == {"old"}
        with router.stream("hi", model="fast") as stream:
            assert "".join(delta.text or "" for delta in stream)
        eventually(lambda: two.stats()["requests"] == 5)
        eventually(
            lambda: router.experiments.report()["x"]["arms"][1]["requests"] == 5,
        )
        arms = router.experiments.report()["x"]["arms"]
        assert [arm["requests"] for arm in arms] == [5, 5]


def test_a_whole_other_configuration_gets_a_share(pair: Pair) -> None:
    one, two = pair
    rejects = {"rules": [{"name": "no", "when": {"keywords": "no"}, "then": {"reject": "no"}}]}
    with (
        Router({"deployments": {"old": one.deployment()}}) as now,
        Router({"deployments": {"new": two.deployment()}, **rejects}) as then,
    ):
        assert now.experiments.mirrored() is None
        now.experiments.mirror_to(then)
        for prompt in ("hi", "there", "no"):
            assert now.chat(prompt).deployment == "old"
        eventually(lambda: (now.experiments.mirrored() or {})["there"]["requests"] == 3)
        report = now.experiments.mirrored()
        assert report is not None
        assert (report["here"]["requests"], report["here"]["failures"]) == (3, 0)
        assert report["there"]["failures"] == 1  # by a rule of the other one
        assert two.stats()["requests"] == 2
        now.experiments.mirror_to(None)
        now.chat("hi")
        assert now.experiments.mirrored() is None
        now.experiments.mirror_to(then, share=0)
        now.chat("hi")
        with pytest.raises(ValueError, match="0 to 1"):
            now.experiments.mirror_to(then, share=2)
        with pytest.raises(InvalidRequestError, match="itself"):
            now.experiments.mirror_to(now)
    assert two.stats()["requests"] == 2


def test_a_mirror_that_was_closed_is_in_nobodys_way(pair: Pair) -> None:
    one, two = pair
    with Router({"deployments": {"old": one.deployment()}}) as now:
        with Router({"deployments": {"new": two.deployment()}}) as then:
            now.experiments.mirror_to(then)
        assert now.chat("hi").deployment == "old"
        assert now.chat("hi").deployment == "old"
    assert two.stats()["requests"] == 0


def test_a_shadow_that_fails_fails_for_nobody() -> None:
    faults = [{"kind": "server_error"}]
    with SimulatedProvider(ttft_ms=1) as one, SimulatedProvider(ttft_ms=1, faults=faults) as two:
        shadow = {"kind": "shadow", "share": 1, "to": "next"}
        with Router(config_of(one, two, shadow)) as router:
            for _ in range(3):
                assert router.chat("hi", model="fast").deployment == "old"
            eventually(lambda: router.experiments.report()["x"]["arms"][1]["failures"] == 3)
            assert router.experiments.report()["x"]["arms"][0]["failures"] == 0


def test_a_constraint_holds_for_the_shadow_too(pair: Pair) -> None:
    one, two = pair
    config = config_of(one, two, {"kind": "shadow", "share": 1, "to": "next"})
    config["constraints"] = [
        {"name": "old only", "when": {"model": "fast"}, "require": {"deployment_allow": "old"}}
    ]
    with Router(config) as router:
        router.chat("hi", model="fast")
        eventually(lambda: router.experiments.report()["x"]["arms"][1]["failures"] == 1)
    assert two.stats()["requests"] == 0


def test_observed_experiments_do_not_act(pair: Pair) -> None:
    one, two = pair
    with Router(config_of(one, two, split(1.0, mode="observe"))) as router:
        reply = router.chat("hi", model="fast")
        assert reply.deployment == "old"
        (record,) = reply.decision.to_dict()["experiments"]
        assert record["arm"] == "v2"
        assert not record["acted_on"]


@pytest.mark.parametrize(
    ("experiment", "path"),
    [
        (split(0.5, by="user"), "experiments.x.by"),
        (
            {"arms": [{"name": "a", "share": 0.6}, {"name": "b", "share": 0.6}]},
            "experiments.x.arms",
        ),
        ({"kind": "shadow", "share": 0.1}, "experiments.x.to"),
        (split(0.5, guard={"errors": {"worse_by": 1}}), "experiments.x.guard.errors"),
    ],
)
def test_what_is_wrong_is_named(experiment: dict[str, Any], path: str, pair: Pair) -> None:
    one, two = pair
    with pytest.raises(ConfigError) as caught:
        Router(config_of(one, two, experiment))
    assert caught.value.path == path
