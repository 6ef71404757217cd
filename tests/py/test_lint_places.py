"""Groups, constraints, experiments and what leads where: severity, example, and what is named."""

from __future__ import annotations

from typing import Any

import pytest

from llmroute.lint import Finding, lint_document

EU = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "region": "eu-west", "tags": ["house"]}
US = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "region": "us-east"}
EUROPE = {"name": "Europe", "require": {"region": "eu-*"}}
STATES = {"name": "States", "require": {"region": "us-*"}}


def document(**more: Any) -> dict[str, Any]:
    base = {
        "deployments": {"eu": EU, "us": US},
        "groups": {"fast": {"deployments": ["us"]}, "safe": {"deployments": ["eu"]}},
    }
    return {**base, **more}


def said(doc: dict[str, Any], slug: str | None = None) -> list[Finding]:
    findings = lint_document(doc, environ={})
    return [f for f in findings if f.severity != "info" and (slug is None or f.slug == slug)]


def only(doc: dict[str, Any]) -> Finding:
    (finding,) = said(doc)
    return finding


# --- emptied --------------------------------------------------------------------------------------


def test_the_example_is_the_request_that_says_nothing() -> None:
    constraint = {**EUROPE, "unless": {"metadata": {"home": "us"}}}
    finding = only(document(constraints=[constraint]))
    assert finding.slug == "group_can_be_emptied"
    assert finding.path == "groups.fast"
    assert finding.severity == "warning"
    assert finding.example == {"model": "fast", "messages": "hello"}
    assert '"Europe"' in finding.message


@pytest.mark.parametrize(
    ("condition", "example"),
    [
        ({"when": {"metadata": {"home": ["eu"]}}, "unless": {"metadata": {"home": False}}}, "eu"),
        ({"when": {"metadata": {"home": True}}}, "other"),
    ],
)
def test_the_example_has_what_it_takes(condition: Any, example: str) -> None:
    finding = only(document(constraints=[{**EUROPE, **condition}]))
    assert finding.example is not None
    assert finding.example["metadata"]["home"] in (example, "other")


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        ({"tags": "a"}, {"tags": ["a"]}),
        ({"header": {"X-A": True}}, {"headers": {"x-a": "other"}}),
        ({"priority": "batch"}, {"priority": "batch"}),
        ({"priority": 1}, {"priority": 1}),
        ({"has": "tools"}, {"has": ["tools"]}),
        ({"keywords": "money back"}, {"messages": "money back"}),
        ({"regex": "ORD-[0-9]+"}, {"messages": "ORD-1"}),
        ({"prompt_tokens": {"above": 1000}}, {"prompt_tokens": 1001}),
        ({"time": {"weekdays": ["sun"]}}, {"at": "2026-01-04T00:00:00Z"}),
        ({"messages": {"above": 1}}, {"messages": [{"role": "user", "content": "hello"}] * 2}),
    ],
)
def test_examples_are_written_as_routing_tests_are(when: Any, shown: dict[str, Any]) -> None:
    finding = only(document(constraints=[{**EUROPE, "when": when}]))
    assert finding.example is not None
    assert finding.assumes == ()
    assert finding.example == {"model": "fast", "messages": "hello", **shown}


def test_what_is_only_taken_as_possible_is_said() -> None:
    when = {"regex": r"\p{Greek}+"}
    finding = only(document(constraints=[{**EUROPE, "when": when}]))
    assert finding.assumes == (r"a text with regex '\\p{Greek}+'",)
    assert finding.example == {"model": "fast"}


def test_every_request_is_an_error() -> None:
    finding = only(document(constraints=[EUROPE]))
    assert finding.severity == "error"
    assert finding.message.startswith("every request finds nobody")


@pytest.mark.parametrize(
    "help_comes_from",
    [
        {"fallbacks": ["safe"]},
        {"on_exhausted": [{"group": "safe"}, "reject"]},
        {"on_exhausted": ["human"]},
        {"fallbacks": ["eu"]},
    ],
)
def test_whoever_helps_is_seen(help_comes_from: dict[str, Any]) -> None:
    doc = document(constraints=[EUROPE])
    doc["groups"]["fast"] = {"deployments": ["us"], **help_comes_from}
    assert said(doc) == []


def test_only_direct_fallbacks_help() -> None:
    doc = document(constraints=[EUROPE])
    doc["groups"] = {
        "fast": {"deployments": ["us"], "fallbacks": ["middle"]},
        "middle": {"deployments": ["us"], "fallbacks": ["safe"]},
        "safe": {"deployments": ["eu"]},
    }
    assert [f.path for f in said(doc)] == ["groups.fast"]


def test_a_rule_that_sends_them_there_is_named() -> None:
    rules = [
        {"name": "no us", "when": {"model": ["fast", "us"]}, "then": {"reject": "gone"}},
        {"name": "beta", "when": {"tags": "beta"}, "then": {"group": "fast"}},
    ]
    finding = only(document(rules=rules, constraints=[EUROPE]))
    assert finding.path == "groups.fast"
    assert 'that rule "beta" sends there' in finding.message
    assert finding.example is not None
    assert finding.example["tags"] == ["beta"]


@pytest.mark.parametrize(
    ("then", "path"),
    [({"pin": "us"}, "rules[0].then.pin"), ({"chain": ["us"]}, "rules[0].then.chain")],
)
def test_places_of_rules_are_checked(then: Any, path: str) -> None:
    doc = document(
        groups={"safe": {"deployments": ["eu"]}},
        rules=[{"name": "r", "when": {"tags": "x"}, "then": then}],
        constraints=[EUROPE],
    )
    finding = only(doc)
    assert (finding.path, finding.severity) == (path, "error")
    assert '"us"' in finding.message


@pytest.mark.parametrize("source", ["experiment", "budget"])
def test_requests_that_are_sent_on_are_followed(source: str) -> None:
    """Nobody may ask for the group itself, but others' requests come there."""
    more: dict[str, Any] = {
        "rules": [{"name": "r", "when": {"model": ["fast", "us"]}, "then": {"reject": "no"}}],
        "constraints": [{**EUROPE, "when": {"tags": "x"}}],
    }
    if source == "experiment":
        arms = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "group": "fast"}]
        more["experiments"] = {"e": {"group": "safe", "arms": arms}}
    else:
        at = [{"share": 0.5, "group": "fast"}]
        more["budgets"] = {"b": {"limit_requests": 9, "groups": ["safe"], "at": at}}
    finding = only(document(**more))
    assert finding.path == "groups.fast"
    assert finding.example == {"model": "safe", "tags": ["x"], "messages": "hello"}


@pytest.mark.parametrize(
    ("members", "slugs"),
    [
        ([None, ["batch"]], []),
        ([["interactive"], ["standard", "batch"]], []),
        ([["interactive"], ["batch"]], ["group_can_be_emptied"]),
        ([[2, 5, 8]], []),
        ([["standard"]], ["group_can_be_emptied"]),
    ],
)
def test_priorities_of_members(members: list[Any], slugs: list[str]) -> None:
    names = ["eu", "us"]
    deployments = [
        {"use": name, **({} if some is None else {"priorities": some})}
        for name, some in zip(names, members, strict=False)
    ]
    groups = {"one": {"deployments": deployments}, "all": {"deployments": names}}
    assert [f.slug for f in said(document(groups=groups))] == slugs


def lacking(**lacks: list[str]) -> dict[str, Any]:
    deployments = {name: {**US, "lacks": some} for name, some in lacks.items()}
    groups = {"one": {"deployments": list(lacks)}}
    return {"deployments": deployments, "groups": groups}


@pytest.mark.parametrize(
    ("doc", "needs"),
    [
        (lacking(a=["tools"], b=["vision"]), ["tools", "images"]),
        (lacking(a=["tools"], b=[]), None),
        (lacking(a=["tools"], b=["tools"]), None),
        (lacking(a=["tools", "vision"], b=["tools"]), None),
        (lacking(a=["tools", "vision"], b=["tools", "audio"]), ["images", "audio"]),
        (lacking(a=["json_schema"], b=["files"], c=["audio"]), ["json_schema", "files", "audio"]),
    ],
)
def test_what_members_lack_together(doc: dict[str, Any], needs: list[str] | None) -> None:
    found = said(doc)
    if needs is None:
        assert found == []
        return
    (finding,) = found
    assert finding.example is not None
    assert sorted(finding.example["has"]) == sorted(needs)


def test_what_a_group_cannot_do_at_all_is_information() -> None:
    doc = lacking(a=["vision", "tools"])
    doc["deployments"]["a"]["context_tokens"] = 8192
    (finding,) = [f for f in lint_document(doc) if f.slug == "group_can_be_emptied"]
    assert finding.severity == "info"
    assert "images or tools" in finding.message
    assert "8,192 tokens" in finding.message


# --- constraints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("require", "met"),
    [
        ({"region": "eu-*"}, True),
        ({"region": ["ch-*", "US-*"]}, True),
        ({"region": "ch-*"}, False),
        ({"retention": "none"}, False),
        ({"training": "no"}, False),
        ({"tags": "house"}, True),
        ({"tags": ["house", "garden"]}, False),
        ({"provider_allow": ["custom"]}, True),
        ({"provider_deny": ["custom"]}, False),
        ({"deployment_allow": ["eu"]}, True),
        ({"deployment_deny": ["eu", "us"]}, False),
        ({"min_context_tokens": 1}, False),
        ({"max_input_usd_per_million": 1}, False),
        ({"max_output_usd_per_million": 1}, False),
        ({"max_usd_per_request": 1}, False),
        ({"parameters": ["seed"]}, True),
    ],
)
def test_unknown_is_worst(require: dict[str, Any], met: bool) -> None:
    constraint = {"name": "c", "when": {"tags": "t"}, "require": require}
    doc = document(constraints=[constraint], groups={"all": {"deployments": ["eu", "us"]}})
    assert bool(said(doc, "constraint_contradiction")) is not met


@pytest.mark.parametrize(
    ("own", "require"),
    [
        ({"retention": "none"}, {"retention": ["none", "short"]}),
        ({"training": "no"}, {"training": "no"}),
        ({"context_tokens": 8192}, {"min_context_tokens": 8192}),
    ],
)
def test_what_is_stated_counts(own: dict[str, Any], require: dict[str, Any]) -> None:
    doc = {
        "deployments": {"a": {**US, **own}},
        "groups": {"all": {"deployments": ["a"]}},
        "constraints": [{"name": "c", "require": require}],
    }
    assert said(doc) == []


def test_the_part_that_nobody_meets_is_named() -> None:
    constraint = {"name": "c", "require": {"region": "eu-*", "retention": "none"}}
    finding = only(document(constraints=[constraint]))
    assert "what it asks of retention," in finding.message


def test_of_constraints_that_exclude_each_other_only_those_are_named() -> None:
    house = {"name": "house", "require": {"deployment_allow": ["eu", "us"]}}
    (finding,) = said(document(constraints=[EUROPE, house, STATES]), "constraint_contradiction")
    assert finding.severity == "error"
    assert finding.path == "constraints[2]"
    assert '"Europe", "States"' in finding.message
    assert "house" not in finding.message


def test_constraints_that_meet_only_in_some_requests_are_a_warning() -> None:
    constraints = [{**EUROPE, "when": {"tags": "a"}}, {**STATES, "when": {"tags": "b"}}]
    doc = document(constraints=constraints, groups={"all": {"deployments": ["eu", "us"]}})
    finding = only(doc)
    assert finding.severity == "warning"
    assert finding.example == {"model": "all", "tags": ["a", "b"], "messages": "hello"}


# --- circles and reach ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["fallbacks", "on_context_too_long", "on_content_filter"])
def test_circles_that_the_core_refuses_are_found_too(key: str) -> None:
    doc = document(
        groups={"fast": {"deployments": ["us"], key: ["safe"]},
                "safe": {"deployments": ["eu"], key: ["fast"]}}
    )  # fmt: skip
    (finding,) = said(doc, "fallback_cycle")
    assert finding.path == f"groups.safe.{key}"
    assert "fast -> safe -> fast" in finding.message


def test_a_circle_of_steps() -> None:
    doc = document()
    doc["groups"]["fast"]["on_exhausted"] = [{"queue_ms": 9}, {"group": "safe"}]
    doc["groups"]["safe"]["on_exhausted"] = [{"group": "fast"}]
    (finding,) = said(doc, "fallback_cycle")
    assert finding.path == "groups.safe.on_exhausted[0].group"


def test_long_ways_are_no_circles() -> None:
    names = [f"g{i}" for i in range(2000)]
    groups = {n: {"deployments": ["us"], "fallbacks": names[i + 1 : i + 3]}
              for i, n in enumerate(names)}  # fmt: skip
    assert said(document(groups=groups), "fallback_cycle") == []


def test_a_baseline_is_reached() -> None:
    doc = document(groups={"fast": {"deployments": ["us"]}}, baseline={"deployment": "eu"})
    assert said(doc) == []


# --- experiments ----------------------------------------------------------------------------------


def experiment(*arms: Any, **more: Any) -> dict[str, Any]:
    return document(experiments={"e": {"group": "fast", "arms": list(arms), **more}})


HALF = {"name": "a", "share": 0.5}
OTHER = {"name": "b", "share": 0.5, "group": "safe"}


@pytest.mark.parametrize(
    ("doc", "slugs"),
    [
        (experiment(HALF, OTHER), []),
        (experiment(HALF, {**OTHER, "group": "fast"}), ["experiment_arms_alike"]),
        (experiment(HALF, {"name": "b", "share": 0.5}), ["experiment_arms_alike"]),
        (experiment(HALF, {**OTHER, "share": 0.4}), ["experiment_shares"]),
        (experiment(*[{"name": str(i), "share": 1 / 3, "group": g} for i, g in
                      enumerate(["fast", "safe", "us"])]), []),
        (experiment({**HALF, "share": 1}, {**OTHER, "share": 0}), []),
        (experiment({**HALF, "share": 1}, {**OTHER, "share": 0}, guard={"score": {"worse_by": 1}}),
         ["experiment_guard_blind"]),
        (experiment({**HALF, "share": 0}, {**OTHER, "share": 1}, guard={"score": {"worse_by": 1}}),
         ["experiment_guard_blind"]),
        (experiment(HALF, {**OTHER, "group": "fast"}, mode="off"), []),
        (document(experiments={"e": {"kind": "shadow", "group": "fast", "share": 0.1,
                                     "to": "fast"}}), ["experiment_arms_alike"]),
    ],
)  # fmt: skip
def test_experiments(doc: dict[str, Any], slugs: list[str]) -> None:
    assert [f.slug for f in said(doc)] == slugs


def test_an_experiment_that_an_arm_leads_to_is_reached() -> None:
    doc = experiment(HALF, OTHER)
    third = {"name": "b", "share": 0.5, "group": "us"}
    doc["experiments"]["f"] = {"group": "safe", "arms": [HALF, third]}
    doc["rules"] = [{"name": "r", "then": {"group": "fast"}}]
    assert said(doc) == []
