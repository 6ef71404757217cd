"""The golden cases, through the whole stack: Python, the core, a socket, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import llmroute
from conftest import ROOT
from provider_probe import Listener

DIALECTS = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "ollama")


def cases(file: str) -> list[Any]:
    return [
        pytest.param(dialect, case, id=f"{dialect}: {case['name']}")
        for dialect in DIALECTS
        for case in json.loads((ROOT / "tests/golden" / dialect / file).read_text())
        # What a deployment has to be like, and binary frames, are the C++ tests' business.
        if not {"deployment", "options"} & set(case)
        and all(isinstance(event, str) for event in case.get("events", ()))
    ]


class Probe:
    """One deployment of each dialect, both on one listener."""

    def __init__(self) -> None:
        self.listener = Listener()
        known = {"model": "m-1", "api_key": "sk-golden"}
        self.router = llmroute.Router.from_dict(
            {
                # Without the quirks that a provider's own entry has.
                "providers": {
                    f"plain-{d}": {"dialect": d, "base_url": self.listener.url} for d in DIALECTS
                },
                "deployments": {d: {"provider": f"plain-{d}", **known} for d in DIALECTS},
                "resilience": {"attempts": 1, "breaker": {"failures": 1_000_000, "error_rate": 1}},
            }
        )

    def answer(self, reply: Any, status: int = 200, **headers: str) -> None:
        text = (
            reply
            if isinstance(reply, str)
            else json.dumps(reply, separators=(",", ":"), ensure_ascii=False)
        )
        self.listener.reply = text.encode()
        self.listener.status = status
        self.listener.headers = headers


@pytest.fixture
def probe() -> Iterator[Probe]:
    made = Probe()
    yield made
    made.router.close()
    made.listener.close()


def attempt_error(error: llmroute.LlmrouteError) -> dict[str, Any]:
    assert error.decision is not None
    found: dict[str, Any] = error.decision.attempts[0]["error"]
    return found


@pytest.mark.parametrize(("dialect", "case"), cases("requests.json"))
def test_requests(probe: Probe, dialect: str, case: dict[str, Any]) -> None:
    body = json.dumps(case["request"], separators=(",", ":")).encode()
    if "error" in case:
        with pytest.raises(llmroute.LlmrouteError) as caught:
            probe.router.chat(body, model=dialect)
        if caught.value.kind != "no_candidate":  # else the filter has dropped it before
            assert case["error"]["path"] in str(caught.value)
        assert not probe.listener.heard
        return
    probe.answer("{}", 418)  # the request is what counts here
    with pytest.raises(llmroute.AttemptError):
        probe.router.chat(body, model=dialect)
    assert probe.listener.last_body() == case["body"]
    headers = probe.listener.heard[-1][0]
    for name, value in case.get("wire", {}).get("headers", {}).items():
        assert headers[name] == value


@pytest.mark.parametrize(("dialect", "case"), cases("replies.json"))
def test_replies(probe: Probe, dialect: str, case: dict[str, Any]) -> None:
    probe.answer(case["reply"])
    if "error" in case:
        with pytest.raises(llmroute.LlmrouteError) as caught:
            probe.router.chat("hi", model=dialect)
        assert attempt_error(caught.value)["kind"] == case["error"]
        return
    reply = probe.router.chat("hi", model=dialect)
    wanted = case["reply"] if case["openai"] == "same" else case["openai"]
    got = reply.to_dict()
    if case["openai"] != "same" and "created" in got and not wanted.get("created"):
        got["created"] = wanted.get("created")  # the time of the call, where the provider has none
    if case["openai"] != "same" and "model" in got and not wanted.get("model"):
        got["model"] = wanted.get("model")  # the one that was asked, where the reply names none
    assert got == (json.loads(wanted) if isinstance(wanted, str) else wanted)
    assert reply.finish_reason == case["finish_reason"]
    if case["usage"] is not None:
        assert reply.usage.reported
        assert [reply.usage.input_tokens, reply.usage.output_tokens] == case["usage"][:2]


@pytest.mark.parametrize(("dialect", "case"), cases("errors.json"))
def test_errors(probe: Probe, dialect: str, case: dict[str, Any]) -> None:
    probe.answer(case["body"], case["status"], **case.get("headers", {}))
    with pytest.raises(llmroute.AttemptError) as caught:
        probe.router.chat("hi", model=dialect)
    assert caught.value.kind == case["kind"]
    assert caught.value.status_code == case["status"]
    if "code" in case:
        assert caught.value.provider_code == (case["code"] or None)


@pytest.mark.parametrize(("dialect", "case"), cases("streams.json"))
def test_streams(probe: Probe, dialect: str, case: dict[str, Any]) -> None:
    probe.answer("".join(event + "\n\n" for event in case["events"]))
    probe.listener.headers = {"content-type": "text/event-stream"}
    text, failed = "", None
    with probe.router.stream("hi", model=dialect) as stream:
        try:
            for delta in stream:
                text += delta.text if (delta.kind, delta.choice) == ("text", 0) else ""
        except llmroute.LlmrouteError as error:
            failed = attempt_error(error)["kind"]
    assert failed == case.get("error")
    assert text == "".join(d[1] for d in case["deltas"] if d[0] == "text" and len(d) == 2)
