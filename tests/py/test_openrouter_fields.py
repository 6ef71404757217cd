"""OpenRouter's fields of a request: what each leaves of a group, in which order, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

import llmroute
from llmroute.testing import Fault, SimulatedProvider
from provider_probe import Listener

URL = "http://127.0.0.1:9/v1"


def deployment(provider: str | None = None, **fields: Any) -> dict[str, Any]:
    made = {"base_url": URL, "model": "m", **fields}
    return made if provider is None else {"provider": provider, "api_key": "k", **made}


def price(given: float, taken: float) -> dict[str, float]:
    return {"input_usd_per_million": given, "output_usd_per_million": taken}


WORLD: dict[str, Any] = {
    "deployments": {
        "oa": deployment("openai", price=price(2, 8), training="no", retention="none"),
        "gq": deployment("groq", price=price(0.5, 0.7), tags=["FP8"], training="no"),
        "tg": deployment("together", price=price(1, 1), training="yes", retention="none"),
        "me": deployment(tags=["int4", "fast"]),
        "late": deployment("mistral", price=price(0.1, 0.2)),
    },
    "groups": {
        "main": {
            "deployments": ["oa", "gq", "tg", "me"],
            "policy": "ordered",
            "fallbacks": ["spare", "last"],
        },
        "spare": {"deployments": ["late"], "policy": "ordered"},
        "last": {"deployments": ["oa"], "policy": "ordered"},
    },
}


@pytest.fixture(scope="module")
def router():
    with llmroute.Router(WORLD, seed=1) as made:
        yield made


def left(router: llmroute.Router, model: str | None = "main", **fields: Any) -> list[str]:
    """Who is left, in order."""
    decision = router.explain("hi", model=model, **fields)
    kept = [c for c in decision.candidates if c["rank"] is not None]
    return [c["deployment"] for c in sorted(kept, key=lambda c: c["rank"])]


ALL = ["oa", "gq", "tg", "me", "late"]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ({}, ALL),
        ({"only": ["groq", "openai"]}, ["oa", "gq"]),
        ({"only": "me"}, ["me"]),
        ({"only": ["GROQ"]}, ["gq"]),
        ({"ignore": ["openai"]}, ["gq", "tg", "me", "late"]),
        ({"ignore": ["tg", "mistral"]}, ["oa", "gq", "me"]),
        ({"only": ["openai", "groq"], "ignore": ["openai"]}, ["gq"]),
        ({"order": ["together", "groq"]}, ["tg", "gq", "oa", "me", "late"]),
        ({"order": ["me"]}, ["me", "oa", "gq", "tg", "late"]),
        ({"order": ["mistral"]}, ["oa", "gq", "tg", "me", "late"]),
        ({"order": ["together", "openai"], "ignore": ["together"]}, ["oa", "gq", "me", "late"]),
        ({"sort": "price"}, ["gq", "tg", "oa", "me", "late"]),
        ({"order": ["tg"], "sort": "price"}, ["tg", "gq", "oa", "me", "late"]),
        ({"max_price": {"prompt": 1}}, ["gq", "tg", "late"]),
        ({"max_price": {"completion": 0.7}}, ["gq", "late"]),
        ({"max_price": {"prompt": 1, "completion": 0.9}}, ["gq", "late"]),
        ({"data_collection": "deny"}, ["oa", "gq"]),
        ({"data_collection": "allow"}, ALL),
        ({"zdr": True}, ["oa", "tg"]),
        ({"zdr": True, "data_collection": "deny"}, ["oa"]),
        ({"quantizations": ["fp8"]}, ["gq"]),
        ({"quantizations": ["fp8", "int4"]}, ["gq", "me"]),
        ({"quantizations": ["unknown"]}, ["oa", "tg", "late"]),
        ({"allow_fallbacks": False}, ["oa"]),
        ({"allow_fallbacks": False, "sort": "price"}, ["gq"]),
        ({"allow_fallbacks": False, "ignore": ["openai"]}, ["gq"]),
        ({"allow_fallbacks": False, "order": ["together", "groq"]}, ["tg", "gq"]),
        ({"allow_fallbacks": True}, ALL),
        ({"only": None, "sort": None}, ALL),
        ({"only": ["anthropic"]}, []),
    ],
)
def test_what_a_wish_leaves(
    router: llmroute.Router, provider: dict[str, Any], expected: list[str]
) -> None:
    assert left(router, provider=provider) == expected


@pytest.mark.parametrize(
    ("provider", "deployment", "note"),
    [
        ({"only": ["groq"]}, "oa", "provider.only: oa left out: its provider is openai"),
        ({"ignore": ["openai"]}, "oa", "provider.ignore: oa left out: its provider is openai"),
        ({"zdr": True}, "gq", "provider.zdr: gq left out: its retention is unknown"),
        (
            {"data_collection": "deny"},
            "tg",
            "provider.data_collection: tg left out: whether it trains on prompts is yes",
        ),
        (
            {"max_price": {"prompt": 1}},
            "oa",
            "provider.max_price: oa left out: a million prompt tokens cost 2 USD, more than 1",
        ),
        (
            {"max_price": {"prompt": 1}},
            "me",
            "provider.max_price: me left out: a million prompt tokens cost unknown USD, "
            "more than 1",
        ),
        (
            {"quantizations": ["fp8"]},
            "me",
            "provider.quantizations: me left out: its quantization is int4",
        ),
        (
            {"allow_fallbacks": False},
            "gq",
            "provider.allow_fallbacks: gq left out: one deployment only",
        ),
    ],
)
def test_the_decision_says_why(
    router: llmroute.Router, provider: dict[str, Any], deployment: str, note: str
) -> None:
    decision = router.explain("hi", model="main", provider=provider)
    assert note in decision.to_dict()["notes"]
    reasons = {c["deployment"]: c["reason"] for c in decision.candidates}
    assert reasons[deployment] == "excluded"


def test_order_is_a_reason(router: llmroute.Router) -> None:
    decision = router.explain("hi", model="main", provider={"order": ["together"]})
    first = next(c for c in decision.candidates if c["rank"] == 0)
    assert (first["deployment"], first["note"]) == ("tg", "provider.order")
    assert decision.to_dict()["policy"]["name"] == "provider"


def test_a_wish_opens_no_door(router: llmroute.Router) -> None:
    assert left(router, provider={"only": ["openai"]}, exclude=["oa"]) == []
    assert left(router, provider={"only": ["openai", "groq"]}, exclude="oa") == ["gq"]
    constraint = {"name": "cheap", "require": {"max_input_usd_per_million": 1}}
    with llmroute.Router({**WORLD, "constraints": [constraint]}) as fenced:
        assert left(fenced, provider={"order": ["openai"]}) == ["gq", "tg", "late"]


def test_nobody_left_is_no_candidate(router: llmroute.Router) -> None:
    with pytest.raises(llmroute.NoCandidateError) as caught:
        router.chat("hi", model="main", provider={"only": ["anthropic"]})
    notes = caught.value.decision.to_dict()["notes"]
    assert len(notes) == 5


@pytest.mark.parametrize(
    ("provider", "path", "word"),
    [
        ({"olny": ["groq"]}, "provider.olny", 'did you mean "only"'),
        ({"allow_fallback": False}, "provider.allow_fallback", 'did you mean "allow_fallbacks"'),
        ({"xyzzy": 1}, "provider.xyzzy", "known here: order, only"),
        ("groq", "provider", "must be a table"),
        ({"only": [1]}, "provider.only", "list of names"),
        ({"only": ["gorq"]}, "provider.only", 'did you mean "groq"'),
        ({"order": ["nobody-at-all"]}, "provider.order", "no provider or deployment"),
        ({"sort": "prize"}, "provider.sort", 'did you mean "price"'),
        ({"sort": {"by": "price"}}, "provider.sort", "must be one of"),
        ({"zdr": "yes"}, "provider.zdr", "true or false"),
        ({"data_collection": "never"}, "provider.data_collection", "allow, deny"),
        ({"quantizations": ["fp7"]}, "provider.quantizations", "must be one of"),
        ({"max_price": 3}, "provider.max_price", "must be a table"),
        ({"max_price": {"prompt": "dear"}}, "provider.max_price.prompt", "number from 0"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt", "number from 0"),
        ({"max_price": {"prompt": True}}, "provider.max_price.prompt", "number from 0"),
        ({"max_price": {"image": 1}}, "provider.max_price.image", "only prompt and completion"),
    ],
)
def test_a_wish_that_is_not_understood(
    router: llmroute.Router, provider: Any, path: str, word: str
) -> None:
    with pytest.raises(llmroute.InvalidRequestError) as caught:
        router.explain("hi", model="main", provider=provider)
    assert caught.value.path == path
    assert word in str(caught.value)


def test_sort_and_policy_exclude_each_other(router: llmroute.Router) -> None:
    with pytest.raises(llmroute.InvalidRequestError, match="keep one"):
        router.explain("hi", model="main", provider={"sort": "price"}, policy="ordered")
    # Only an order may stand beside a policy: it ranks the rest.
    fields = {"provider": {"order": ["me"]}, "policy": "least_cost"}
    assert left(router, **fields) == ["me", "gq", "tg", "oa", "late"]


def test_parameters_that_are_required() -> None:
    config = {
        "deployments": {"gq": deployment("groq"), "oa": deployment("openai")},
        "groups": {"main": {"deployments": ["gq", "oa"], "policy": "ordered"}},
    }
    with llmroute.Router(config) as router:
        call = {"logprobs": True, "drop_unsupported": True}
        assert left(router, **call) == ["gq", "oa"]
        assert left(router, **call, provider={"require_parameters": True}) == ["oa"]
        assert left(router, **call, provider={"require_parameters": False}) == ["gq", "oa"]


def test_throughput_goes_by_what_was_measured() -> None:
    with (
        SimulatedProvider(ttft_ms=1, tokens_per_second=400, output_tokens=20) as slow,
        SimulatedProvider(ttft_ms=1, tokens_per_second=0) as fast,
        SimulatedProvider(ttft_ms=1) as unknown,
    ):
        config = {
            "deployments": {
                "unknown": unknown.deployment(),
                "slow": slow.deployment(),
                "fast": fast.deployment(),
            },
            "groups": {"main": {"deployments": ["unknown", "slow", "fast"], "policy": "ordered"}},
        }
        with llmroute.Router(config) as router:
            for name in ("slow", "fast"):
                for _ in range(12):
                    with router.stream("hi there", model=name) as stream:
                        list(stream)
            decision = router.explain("hi", model="main", provider={"sort": "throughput"})
    ranks = {c["deployment"]: c["rank"] for c in decision.candidates}
    assert ranks == {"fast": 0, "slow": 1, "unknown": 2}
    notes = {c["deployment"]: c["note"] for c in decision.candidates}
    assert notes["unknown"] == "from first to last token: not measured"


# --- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "models", "expected"),
    [
        (None, ["main", "spare"], ["oa", "gq", "tg", "me", "late"]),
        (None, ["spare"], ["late"]),
        (None, ["main", "last"], ["oa", "gq", "tg", "me"]),
        (None, ["main"], ["oa", "gq", "tg", "me"]),
        (None, ["spare", "main"], ["late", "oa", "gq", "tg", "me"]),
        (None, ["last", "spare", "me"], ["oa", "late", "me"]),
        (None, ["late", "main"], ["late", "oa", "gq", "tg", "me"]),
        ("main", ["spare"], ALL),
        ("spare", ["me", "spare", "gq"], ["late", "me", "gq"]),
        ("main", ["tg", "oa"], ["tg", "oa"]),
        (None, ["me", "gq"], ["me", "gq"]),
        ("gq", ["me"], ["gq", "me"]),
        (None, ["gq"], ["gq"]),
        ("main", [], ALL),
    ],
)
def test_models(
    router: llmroute.Router, model: str | None, models: list[str], expected: list[str]
) -> None:
    assert left(router, model, models=models) == expected


def test_the_decision_says_that_the_order_came_with_the_request(router: llmroute.Router) -> None:
    decision = router.explain("hi", models=["spare", "me", "gq"])
    assert decision.to_dict()["group"] == "spare"
    assert decision.to_dict()["notes"] == ['fallbacks: behind "spare" the request lists me, gq']
    assert [c["group"] for c in decision.candidates] == ["spare", "me", "gq"]
    assert 'behind "spare" the request lists me, gq' in str(decision)
    assert router.explain("hi", model="main").to_dict()["notes"] == []


def test_members_of_the_model_stay_in_its_group(router: llmroute.Router) -> None:
    decision = router.explain("hi", model="main", models=["tg", "oa"])
    assert decision.to_dict()["group"] == "main"
    first, *_ = (c for c in decision.candidates if c["rank"] == 0)
    assert (first["deployment"], first["group"], first["note"]) == ("tg", "main", "models")
    notes = decision.to_dict()["notes"]
    assert "models: gq left out: it is not listed" in notes


@pytest.mark.parametrize(
    ("model", "fallbacks", "expected"),
    [
        ("main", [], ["oa", "gq", "tg", "me"]),
        ("spare", ["me", "last"], ["late", "me", "oa"]),
        ("spare", ("gq",), ["late", "gq"]),
        ("spare", "gq", ["late", "gq"]),
        ("main", None, ALL),
    ],
)
def test_fallbacks_of_a_call(
    router: llmroute.Router, model: str, fallbacks: Any, expected: list[str]
) -> None:
    assert left(router, model, fallbacks=fallbacks) == expected
    assert left(router, model, fallbacks=fallbacks, provider={"ignore": ["oa"]}) == [
        name for name in expected if name != "oa"
    ]


@pytest.mark.parametrize(
    ("fields", "path", "word"),
    [
        ({"fallbacks": ["spare", "sparre"]}, "fallbacks[1]", 'did you mean "spare"'),
        ({"fallbacks": ["m"] * 65}, "fallbacks", "at most 64"),
        ({"fallbacks": 3}, "fallbacks", "must be a list"),
        ({"fallbacks": {"main": ["spare"]}}, "fallbacks", "must be a list"),
        ({"fallbacks": [{"main": ["spare"]}]}, "fallbacks[0]", "must be a string"),
        ({"fallbacks": ["spare"], "models": ["main"]}, "models", "keep one"),
    ],
)
def test_fallbacks_that_cannot_be(
    router: llmroute.Router, fields: dict[str, Any], path: str, word: str
) -> None:
    with pytest.raises(llmroute.InvalidRequestError) as caught:
        router.explain("hi", model="main", **fields)
    assert caught.value.path == path
    assert word in str(caught.value)


def test_a_list_opens_no_door(router: llmroute.Router) -> None:
    assert left(router, None, models=["late", "oa", "gq"], exclude=["oa"]) == ["late", "gq"]
    constraint = {"name": "cheap", "require": {"max_input_usd_per_million": 1}}
    rule = {"name": "r", "when": {"tags": ["x"]}, "then": {"group": "spare"}}
    with llmroute.Router({**WORLD, "constraints": [constraint], "rules": [rule]}) as fenced:
        assert left(fenced, None, models=["oa", "gq", "late"]) == ["gq", "late"]
        decision = fenced.explain("hi", models=["gq", "tg"], tags=["x"])
    assert [c["deployment"] for c in decision.candidates] == ["late"]
    (note,) = decision.to_dict()["notes"]
    assert note == 'fallbacks: rule "r" says where it goes, so those of the request do not count'


def test_a_list_is_followed_where_an_attempt_fails() -> None:
    with (
        SimulatedProvider(faults=[Fault("server_error")]) as bad,
        SimulatedProvider(ttft_ms=1) as good,
    ):
        config = {
            "deployments": {"bad": bad.deployment(), "good": good.deployment()},
            "groups": {"one": {"deployments": ["bad"]}, "two": {"deployments": ["good"]}},
        }
        with llmroute.Router(config) as router:
            reply = router.chat("hi", models=["one", "two"])
            assert reply.deployment == "good"
            assert [a["deployment"] for a in reply.decision.attempts] == ["bad", "good"]
            with pytest.raises(llmroute.AllAttemptsFailedError):
                router.chat("hi", model="one", attempts=2)


def test_the_cache_keeps_lists_apart() -> None:
    with SimulatedProvider(ttft_ms=1) as one, SimulatedProvider(ttft_ms=1) as two:
        config = {
            "deployments": {"a": one.deployment(), "b": two.deployment()},
            "cache": {"exact": {}},
        }
        with llmroute.Router(config) as router:

            def status(**fields: Any) -> str:
                decision = router.chat("hi", **fields).decision.to_dict()
                return str(decision["cache"]["status"])

            assert status(model="a") == "miss"
            assert status(models=["a", "b"]) == "miss"
            assert status(model="a", fallbacks=["b"]) == "hit"
            assert status(models=["a"]) == "miss"
            assert status(models=["b", "a"]) == "miss"
            assert status(model="a") == "hit"


def test_models_together_with_wishes(router: llmroute.Router) -> None:
    fields = {"models": ["tg", "gq", "oa"], "provider": {"max_price": {"prompt": 1}}}
    assert left(router, None, **fields) == ["tg", "gq"]
    fields["provider"] = {"allow_fallbacks": False}
    assert left(router, None, **fields) == ["tg"]


@pytest.mark.parametrize(
    ("models", "path", "word"),
    [
        (["main", "spair"], "models[1]", 'did you mean "spare"'),
        (["nobody-at-all"], "models[0]", "no group or deployment"),
        ([3], "models", "list of names"),
        ([f"m{i}" for i in range(65)], "models", "at most 64"),
    ],
)
def test_models_that_cannot_be(router: llmroute.Router, models: Any, path: str, word: str) -> None:
    with pytest.raises(llmroute.InvalidRequestError) as caught:
        router.explain("hi", models=models)
    assert caught.value.path == path
    assert word in str(caught.value)


# --- on the wire ----------------------------------------------------------------------------------


def body_of(listener: Listener) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(listener.heard[-1][1])
    return document


@pytest.fixture
def heard():
    listener = Listener()
    yield listener
    listener.close()


def test_the_fields_stay_here(heard: Listener) -> None:
    config = {"deployments": {"a": heard.deployment()}}
    with llmroute.Router(config) as router:
        router.chat("hi", model="a", provider={"only": ["a"]}, models=["a"], temperature=0.5)
    assert body_of(heard).keys() & {"provider", "models"} == set()
    assert body_of(heard)["temperature"] == 0.5


def test_openrouter_itself_gets_them_as_they_are(heard: Listener) -> None:
    fields: dict[str, Any] = {
        "provider": {"only": ["azure"], "sort": {"by": "price"}, "tomorrow": 1},
        "models": ["openai/gpt-4o", "anthropic/claude-sonnet-4"],
    }
    there = heard.deployment(provider="openrouter")
    config = {"deployments": {"a": there}, "groups": {"main": {"deployments": ["a"]}}}
    with llmroute.Router(config) as router:
        router.chat("hi", model="main", **fields)
    assert {name: body_of(heard)[name] for name in fields} == fields


def test_beside_others_openrouter_does_not_get_them(heard: Listener) -> None:
    there = heard.deployment(provider="openrouter")
    config = {
        "deployments": {"a": there, "b": deployment("groq")},
        "groups": {"main": {"deployments": ["a", "b"], "policy": "ordered"}},
    }
    with llmroute.Router(config) as router:
        reply = router.chat("hi", provider={"order": ["openrouter"]})
    assert "provider" not in body_of(heard)
    assert any("not passed on to a" in note for note in reply.decision.to_dict()["notes"])


@pytest.mark.parametrize(
    "detour",
    [
        {"fallbacks": ["other"]},
        {"on_context_too_long": ["other"]},
        {"on_content_filter": ["b"]},
        {"on_exhausted": [{"group": "other"}]},
    ],
)
def test_a_detour_that_would_refuse_them_counts(heard: Listener, detour: dict[str, Any]) -> None:
    config = {
        "deployments": {"a": heard.deployment(provider="openrouter"), "b": deployment("groq")},
        "groups": {"main": {"deployments": ["a"], **detour}, "other": {"deployments": ["b"]}},
    }
    with llmroute.Router(config) as router:
        router.chat("hi", model="main", provider={"zdr": False})
    assert "provider" not in body_of(heard)


def test_a_rule_may_send_it_anywhere(heard: Listener) -> None:
    rule = {"name": "r", "when": {"tags": ["x"]}, "then": {"group": "other"}}
    config = {
        "deployments": {"a": heard.deployment(provider="openrouter"), "b": deployment("groq")},
        "groups": {"main": {"deployments": ["a"]}, "other": {"deployments": ["b"]}},
        "rules": [rule],
    }
    with llmroute.Router(config) as router:
        router.chat("hi", model="main", provider={"zdr": False})
    assert "provider" not in body_of(heard)


async def test_event_loops_and_streams(heard: Listener) -> None:
    with SimulatedProvider(ttft_ms=1) as one, SimulatedProvider(ttft_ms=1) as two:
        config = {
            "deployments": {"one": one.deployment(), "two": two.deployment()},
            "groups": {"main": {"deployments": ["one", "two"], "policy": "ordered"}},
        }
        async with llmroute.AsyncRouter(config) as router:
            reply = await router.chat("hi", provider={"order": ["two"]})
            assert reply.deployment == "two"
            async with router.stream("hi", provider={"only": ["two"]}) as stream:
                async for _ in stream:
                    pass
            assert stream.deployment == "two"


def test_a_reload_is_noticed() -> None:
    config = {"deployments": {"a": deployment("groq"), "b": deployment("openai")}}
    config["groups"] = {"main": {"deployments": ["a", "b"], "policy": "ordered"}}
    with llmroute.Router(config) as router:
        assert left(router, provider={"zdr": True}) == []
        config["deployments"]["b"]["retention"] = "none"
        router.reload(config)
        assert left(router, provider={"zdr": True}) == ["b"]


def test_a_python_policy_ranks_what_is_left() -> None:
    def backwards(request: Any, candidates: Any, context: Any) -> Any:
        return list(reversed(candidates))

    groups = {"main": {"deployments": ["oa", "gq", "tg"], "policy": backwards}}
    with llmroute.Router({**WORLD, "groups": groups}) as router:
        decision = router.explain("hi", model="main", provider={"ignore": ["tg"], "sort": "price"})
    ranks = {c["deployment"]: c["rank"] for c in decision.candidates}
    assert ranks == {"oa": 1, "gq": 0, "tg": None}
    assert any("Python policy decides" in note for note in decision.to_dict()["notes"])
