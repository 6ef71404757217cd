"""The synchronous face against simulated and listening providers."""

from __future__ import annotations

import json
import pickle
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import Router
from llmroute.testing import Fault, SimulatedProvider
from provider_probe import Listener, eventually

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def listener() -> Iterator[Listener]:
    probe = Listener()
    yield probe
    probe.close()


@pytest.fixture
def heard(listener: Listener) -> Iterator[Router]:
    """A router whose only deployment listens."""
    with Router.from_dict({"deployments": {"probe": listener.deployment()}}) as router:
        yield router


@pytest.fixture
def alpha() -> Iterator[SimulatedProvider]:
    with SimulatedProvider("openai", ttft_ms=1) as provider:
        yield provider


@pytest.fixture
def beta() -> Iterator[SimulatedProvider]:
    with SimulatedProvider("anthropic", ttft_ms=1) as provider:
        yield provider


def both(alpha: SimulatedProvider, beta: SimulatedProvider, **more: Any) -> dict[str, Any]:
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
    return {
        "deployments": {"alpha": alpha.deployment(price=price), "beta": beta.deployment()},
        "groups": {"fast": {"deployments": ["alpha", "beta"], "policy": "ordered"}},
        **more,
    }


# --- replies --------------------------------------------------------------------------------------


def test_a_reply_has_all_that_was_promised(heard: Router, listener: Listener) -> None:
    reply = heard.chat("hi", model="probe")
    assert reply.text == "heard \u00e9\U0001f600"
    assert json.loads(reply.raw) == listener.reply
    assert reply.to_dict() == listener.reply
    assert reply.message == {"role": "assistant", "content": "heard \u00e9\U0001f600"}
    assert (reply.deployment, reply.finish_reason, reply.tool_calls) == ("probe", "stop", [])
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 3)
    assert reply.usage.total_tokens == 14
    assert reply.usage.reported
    assert reply.usage.to_dict()["prompt_tokens"] == 11
    assert (reply.cost_usd, reply.cost_kind) == (None, "unknown")
    assert reply.decision.status == "ok"
    assert reply.decision.request_id == reply.request_id
    assert "probe" in repr(reply)
    assert reply.decision is reply.decision


def test_both_dialects_answer_in_the_same_shape(
    alpha: SimulatedProvider, beta: SimulatedProvider
) -> None:
    with Router.from_dict(both(alpha, beta)) as router:
        first, second = router.chat("hi", model="alpha"), router.chat("hi", model="beta")
    assert first.to_dict().keys() >= {"choices", "usage", "model"}
    assert second.to_dict().keys() >= {"choices", "usage", "model"}
    assert second.message["role"] == "assistant"
    assert json.loads(second.raw)["type"] == "message"
    assert first.cost_usd == pytest.approx(
        (first.usage.input_tokens + 2 * first.usage.output_tokens) / 1e6
    )
    assert first.cost_kind == "exact"


def test_tool_calls_are_read(heard: Router, listener: Listener) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    listener.reply = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    reply = heard.chat("hi")
    assert (reply.text, reply.tool_calls, reply.finish_reason) == ("", [call], "tool_calls")
    assert not reply.usage.reported


# --- what goes over the wire ----------------------------------------------------------------------


def test_parameters_are_sent_as_they_are(heard: Router, listener: Listener) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    heard.chat(MESSAGES, temperature=0.5, tools=tools, stop=["a", "b"], user=None, seed=7)
    body = listener.last_body()
    assert body["messages"] == MESSAGES
    assert body["model"] == "m"
    assert (body["temperature"], body["tools"], body["stop"]) == (0.5, tools, ["a", "b"])
    assert body["seed"] == 7
    assert "user" not in body
    assert listener.heard[-1][0]["authorization"] == "Bearer sk-probe-key"


@pytest.mark.parametrize(
    "prompt",
    [
        json.dumps({"model": "x", "messages": MESSAGES, "temperature": 0.5}).encode(),
        bytearray(json.dumps({"messages": MESSAGES, "temperature": 0.5}).encode()),
    ],
)
def test_bytes_are_a_whole_body(heard: Router, listener: Listener, prompt: bytes) -> None:
    heard.chat(prompt)
    body = listener.last_body()
    assert (body["model"], body["messages"], body["temperature"]) == ("m", MESSAGES, 0.5)


def test_bytes_of_an_array_are_messages(heard: Router, listener: Listener) -> None:
    heard.chat(json.dumps(MESSAGES).encode(), temperature=0.5)
    body = listener.last_body()
    assert (body["messages"], body["temperature"]) == (MESSAGES, 0.5)


def test_an_image_of_megabytes_arrives(heard: Router, listener: Listener) -> None:
    url = "data:image/png;base64," + "A" * 4_000_000
    content = [{"type": "image_url", "image_url": {"url": url}}]
    heard.chat([{"role": "user", "content": content}])
    assert listener.last_body()["messages"][0]["content"][0]["image_url"]["url"] == url


def test_long_bytes_are_given_back(heard: Router, listener: Listener) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 1_000_000}]}).encode()
    before = sys.getrefcount(body)
    heard.chat(body)
    assert json.loads(listener.heard[-1][1])["messages"] == json.loads(body)["messages"]
    with pytest.raises(llmroute.InvalidRequestError):
        heard.chat(body, model="nobody")

    def is_back() -> bool:
        heard.chat("the next request gives back what the network thread held last")
        return sys.getrefcount(body) == before

    assert eventually(is_back)


@pytest.mark.parametrize(
    ("messages", "options", "path"),
    [
        ([], {}, "messages"),
        ([{"role": "usr", "content": "x"}], {}, "messages[0].role"),
        ([{"role": "user", "content": "x"}, {"role": "user", "content": {1, 2}}], {}, None),
        ("x", {"temperature": float("nan")}, "temperature"),
        ("x", {"deadline_ms": 0}, "deadline_ms"),
        ("x", {"deadline_ms": -1}, "deadline_ms"),
        ("x", {"deadline_ms": "soon"}, "deadline_ms"),
        ("x", {"attempts": 0}, "attempts"),
        ("x", {"attempts": 1.5}, "attempts"),
        ("x", {"policy": "ordred"}, "policy"),
        ("x", {"exclude": [3]}, "exclude"),
        ("x", {"stream": True}, "stream"),
        ("x", {"model": 3}, "model"),
        (b"{", {}, None),
        (b'{"messages": []}', {}, "messages"),
        (b"\xff{}", {}, None),
        (b'{"messages": [{"role":"user"}]}', {"temperature": 1}, "messages"),
        (b"[" * 100_000, {}, None),
        (3, {}, None),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    heard: Router, listener: Listener, messages: Any, options: dict[str, Any], path: str | None
) -> None:
    with pytest.raises(llmroute.InvalidRequestError) as caught:
        heard.chat(messages, **options)
    if path is not None:
        assert caught.value.path == path
    assert isinstance(caught.value, ValueError)
    assert listener.heard == []


def test_an_unknown_word_gets_the_nearest_one(heard: Router) -> None:
    with pytest.raises(llmroute.InvalidRequestError, match='did you mean "ordered"') as caught:
        heard.chat("x", policy="ordred")
    assert caught.value.nearest == "ordered"
    with pytest.raises(llmroute.InvalidRequestError, match="restart"):
        heard.stream("x", on_interrupt="restrat")  # type: ignore[arg-type]


def test_an_unknown_model_is_the_callers_fault(heard: Router) -> None:
    with pytest.raises(llmroute.InvalidRequestError, match="nobody"):
        heard.chat("x", model="nobody")


# --- failures -------------------------------------------------------------------------------------


def test_survives_a_dead_provider(alpha: SimulatedProvider, beta: SimulatedProvider) -> None:
    alpha.kill()
    with Router.from_dict(both(alpha, beta)) as router:
        reply = router.chat("hi", model="fast")
    assert reply.deployment == "beta"
    assert reply.decision.attempts[0]["error"]["kind"] == "connect"


def test_all_attempts_failed_tells_of_each(
    alpha: SimulatedProvider, beta: SimulatedProvider
) -> None:
    for provider in (alpha, beta):
        provider.set_faults([Fault("server_error")])
    with (
        Router.from_dict(both(alpha, beta, resilience={"attempts": 2})) as router,
        pytest.raises(llmroute.AllAttemptsFailedError) as caught,
    ):
        router.chat("hi", model="fast")
    error = caught.value
    assert [a.deployment for a in error.attempts] == ["alpha", "beta"]
    assert all(isinstance(a, llmroute.ServerError) for a in error.attempts)
    assert error.attempts[0].status_code == 500
    assert error.__cause__ is error.attempts[-1]
    assert error.decision.status == "failed"
    assert error.request_id == error.decision.request_id


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("auth"), llmroute.AuthenticationError),
        (Fault("quota"), llmroute.QuotaExhaustedError),
        (Fault("html"), llmroute.ProtocolError),
        (Fault("not_json"), llmroute.ProtocolError),
        (Fault("server_error"), llmroute.ServerError),
        (Fault("rate_limit", retry_after_s=3), llmroute.RateLimitError),
        (Fault("overloaded"), llmroute.OverloadedError),
    ],
    ids=lambda v: getattr(v, "kind", ""),
)
def test_faults_become_their_classes(
    alpha: SimulatedProvider, fault: Fault, kind: type[llmroute.AttemptError]
) -> None:
    alpha.set_faults([fault])
    config = {"deployments": {"alpha": alpha.deployment()}, "resilience": {"attempts": 1}}
    with Router.from_dict(config) as router, pytest.raises(llmroute.LlmrouteError) as caught:
        router.chat("hi")
    attempts = getattr(caught.value, "attempts", [caught.value])
    assert isinstance(attempts[-1], kind)
    assert attempts[-1].deployment == "alpha"
    if kind is llmroute.RateLimitError:
        assert attempts[-1].retry_after == 3.0


def test_no_candidate_has_every_reason(alpha: SimulatedProvider, beta: SimulatedProvider) -> None:
    with (
        Router.from_dict(both(alpha, beta)) as router,
        pytest.raises(llmroute.NoCandidateError) as caught,
    ):
        router.chat("hi", model="fast", exclude=("alpha", "beta"))
    reasons = [c["reason"] for c in caught.value.decision.candidates]
    assert reasons == ["excluded", "excluded"]
    assert alpha.stats()["requests"] == beta.stats()["requests"] == 0


def test_a_deadline_is_kept(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("stall")])
    with (
        Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router,
        pytest.raises(llmroute.DeadlineExceededError) as caught,
    ):
        router.chat("hi", deadline_ms=80)
    assert isinstance(caught.value, TimeoutError)
    assert 80 <= caught.value.decision.to_dict()["total_ms"] < 5000
    assert eventually(lambda: alpha.stats()["aborted_by_client"] == 1)


def test_one_exclusion_may_be_a_name(alpha: SimulatedProvider, beta: SimulatedProvider) -> None:
    with Router.from_dict(both(alpha, beta)) as router:
        assert router.chat("hi", model="fast", exclude="alpha").deployment == "beta"
        assert router.chat("hi", model="fast", policy="least_cost").decision.to_dict()["policy"][
            "name"
        ] == ("least_cost")


def test_too_many_in_flight_is_a_capacity_error(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("stall")])
    router = Router.from_dict({"deployments": {"alpha": alpha.deployment()}}, max_in_flight=1)
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            router.chat("hi")
        except llmroute.LlmrouteError as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert eventually(lambda: router._shared.core.in_flight == 1)
    with pytest.raises(llmroute.CapacityError):
        router.chat("hi")
    router.close()
    thread.join()
    assert isinstance(failures[0], llmroute.ClosedError)


# --- keys -----------------------------------------------------------------------------------------

SECRET = "sk-do-not-show-me-0123456789"


def test_a_callable_gives_the_key(listener: Listener) -> None:
    given: list[str] = []

    def token() -> str:
        given.append(f"token-{len(given)}")
        return given[-1]

    config = {"deployments": {"probe": listener.deployment(api_key=token)}}
    with Router.from_dict(config) as router:
        router.chat("hi")
    assert listener.heard[-1][0]["authorization"] == "Bearer token-0"


def test_a_callable_that_fails_is_named_but_not_quoted(listener: Listener) -> None:
    def token() -> str:
        raise RuntimeError(SECRET)

    config = {"deployments": {"probe": listener.deployment(api_key=token)}}
    with Router.from_dict(config) as router, pytest.raises(llmroute.LlmrouteError) as caught:
        router.chat("hi", attempts=1)
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.decision)
    assert SECRET not in shown
    assert "token" in shown
    assert listener.heard == []


def test_a_missing_variable_is_named(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMROUTE_TEST_ABSENT", raising=False)
    config = {"deployments": {"probe": listener.deployment(api_key="env:LLMROUTE_TEST_ABSENT")}}
    with Router.from_dict(config) as router:
        with pytest.raises(llmroute.LlmrouteError) as caught:
            router.chat("hi", attempts=1)
        assert "LLMROUTE_TEST_ABSENT" in str(caught.value.decision)
    assert listener.heard == []


def test_no_secret_is_ever_shown(listener: Listener) -> None:
    listener.status = 400
    listener.reply = {"error": {"message": f"your key {SECRET} is bad", "code": SECRET}}
    router = Router.from_dict({"deployments": {"probe": listener.deployment(api_key=SECRET)}})
    with pytest.raises(llmroute.BadRequestError) as caught:
        router.chat("hi")
    error = caught.value
    shown = [
        repr(router),
        repr(router._shared),
        str(router.health()),
        repr(error),
        repr(vars(error)),
        "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()),
        error.decision.to_json(),
        str(error.decision),
        pickle.dumps(error).decode("latin-1"),
    ]
    router.close()
    assert listener.heard[-1][0]["authorization"] == f"Bearer {SECRET}"
    for text in shown:
        assert SECRET not in text
    assert "[secret]" in str(error)


# --- the router itself ----------------------------------------------------------------------------


def test_explain_calls_nobody(alpha: SimulatedProvider, beta: SimulatedProvider) -> None:
    with Router.from_dict(both(alpha, beta)) as router:
        decision = router.explain("hi", model="fast", exclude=["beta"])
    assert decision.status == "pending"
    assert [(c["deployment"], c["status"]) for c in decision.candidates] == [
        ("alpha", "kept"),
        ("beta", "dropped"),
    ]
    assert "excluded" in decision.why_not("beta").lower() or "exclu" in decision.why_not("beta")
    assert alpha.stats()["requests"] == 0


def test_health_and_models(alpha: SimulatedProvider, beta: SimulatedProvider) -> None:
    with Router.from_dict(both(alpha, beta)) as router:
        assert router.models == ["fast", "alpha", "beta"]
        router.chat("hi", model="alpha")
        health = router.health()
    assert health.keys() == {"alpha", "beta"}
    assert health["alpha"]["usable"] is True
    assert health["alpha"]["in_flight"] == 0


def test_the_same_seed_chooses_the_same(alpha: SimulatedProvider, beta: SimulatedProvider) -> None:
    def choices(seed: int) -> list[str]:
        config = both(alpha, beta)
        config["groups"]["fast"]["policy"] = "weighted"
        with Router.from_dict(config, seed=seed) as router:
            return [router.chat("hi", model="fast").deployment for _ in range(12)]

    assert choices(1) == choices(1)
    assert any(choices(1) != choices(seed) for seed in range(2, 6))


def test_reload_keeps_the_router_and_refuses_nonsense(
    alpha: SimulatedProvider, beta: SimulatedProvider
) -> None:
    with Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router:
        router.chat("hi")
        with pytest.raises(llmroute.ConfigError):
            router.reload({"deployments": {"beta": {"nonsense": 1}}})
        assert router.chat("hi").deployment == "alpha"
        router.reload({"deployments": {"beta": beta.deployment()}})
        assert router.models == ["beta"]
        assert router.chat("hi").deployment == "beta"


def test_a_closed_router_says_so(alpha: SimulatedProvider) -> None:
    router = Router.from_dict({"deployments": {"alpha": alpha.deployment()}})
    router.close()
    router.close()
    with pytest.raises(llmroute.ClosedError):
        router.chat("hi")


def test_routers_cannot_be_pickled(heard: Router) -> None:
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(heard)


def test_a_file_is_a_source_and_a_wrong_one_is_located(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text('[groups.fast]\ndeployments = ["ollama/llama3"]\n')
    with Router(good) as router:
        assert router.models == ["fast", "ollama/llama3"]
    bad = tmp_path / "bad.toml"
    bad.write_text('[groups.fast]\ndeployments = ["ollama/llama3"]\npolicy = "wieghted"\n')
    with pytest.raises(llmroute.ConfigError) as caught:
        Router(bad)
    assert (caught.value.line, caught.value.nearest) == (3, "weighted")


def test_threads_share_one_router(alpha: SimulatedProvider) -> None:
    texts: list[str] = []
    with Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router:

        def ask(number: int) -> None:
            for _ in range(10):
                texts.append(router.chat(f"number {number}").text)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(texts) == 80
    assert alpha.stats()["requests"] == 80


def test_everything_public_is_there() -> None:
    for name in llmroute.__all__:
        assert getattr(llmroute, name) is not None
    assert set(llmroute.__all__) <= set(dir(llmroute))
    with pytest.raises(AttributeError, match="no_such_name"):
        llmroute.no_such_name  # noqa: B018
