"""Callers of the Messages and the Responses API, through the whole stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import llmroute
from llmroute import AsyncRouter, Router
from llmroute.testing import SimulatedProvider
from provider_probe import Listener

USER = {"role": "user", "content": "good morning"}
MESSAGE: dict[str, Any] = {"model": "it", "max_tokens": 64, "messages": [USER]}
RESPONSE: dict[str, Any] = {"model": "it", "input": "good morning"}
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "heard"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 1, "service_tier": "standard"},
}


@pytest.fixture(params=["openai", "anthropic"])
def router(request: pytest.FixtureRequest) -> Iterator[Router]:
    with (
        SimulatedProvider(request.param, output_tokens=12) as provider,
        Router({"deployments": {"it": provider.deployment()}}) as made,
    ):
        yield made


@pytest.fixture
def claude() -> Iterator[Listener]:
    listener = Listener(CLAUDE)
    yield listener
    listener.close()


def claude_router(listener: Listener) -> Router:
    provider = {"dialect": "anthropic", "base_url": listener.url, "api_key": "sk-x"}
    table = {"providers": {"p": provider}, "deployments": {"it": {"provider": "p", "model": "m"}}}
    return Router.from_dict(table)


def test_a_message_is_answered_by_any_provider(router: Router) -> None:
    reply = router.create_message(MESSAGE)
    assert isinstance(reply, llmroute.Reply)
    assert reply.body["type"] == "message"
    assert reply.body["stop_reason"] == "end_turn"
    assert "good morning" in reply.body["content"][0]["text"]
    assert reply.body["usage"]["output_tokens"] == 12
    assert reply.deployment == "it"
    assert reply.decision.status == "ok"


def test_a_response_is_answered_by_any_provider(router: Router) -> None:
    body = router.create_response(RESPONSE).body
    assert body["object"] == "response"
    assert body["status"] == "completed"
    assert "good morning" in body["output"][-1]["content"][0]["text"]
    assert body["usage"]["output_tokens"] == 12


def test_events_of_a_message_tell_the_same(router: Router) -> None:
    with router.create_message({**MESSAGE, "stream": True}) as events:
        told = list(events)
    assert [told[0]["type"], told[-1]["type"]] == ["message_start", "message_stop"]
    pieces = [e["delta"].get("text", "") for e in told if e["type"] == "content_block_delta"]
    assert "good morning" in "".join(pieces)
    end = next(event for event in told if event["type"] == "message_delta")
    assert end["delta"]["stop_reason"] == "end_turn"
    assert end["usage"]["output_tokens"] == 12
    assert events.deployment == "it"
    assert events.decision.status == "ok"


def test_events_of_a_response_tell_the_same(router: Router) -> None:
    with router.create_response({**RESPONSE, "stream": True}) as events:
        told = list(events)
    assert [told[0]["type"], told[-1]["type"]] == ["response.created", "response.completed"]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    pieces = "".join(e["delta"] for e in told if e["type"] == "response.output_text.delta")
    whole = told[-1]["response"]["output"][-1]["content"][0]["text"]
    assert pieces == whole
    assert "good morning" in whole


async def test_the_same_on_an_event_loop(router: Router) -> None:
    async with AsyncRouter(router) as it:
        message = await it.create_message(MESSAGE)
        assert message.body["type"] == "message"
        async with await it.create_response({**RESPONSE, "stream": True}) as events:
            told = [event async for event in events]
    assert told[-1]["type"] == "response.completed"


def test_a_provider_of_the_same_api_gets_the_body_as_it_came(claude: Listener) -> None:
    body = {
        **MESSAGE,
        "top_k": 5,
        "metadata": {"user_id": "u"},
        "container": {"x": [1.50]},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "odd": 1}]}],
    }
    with claude_router(claude) as router:
        reply = router.create_message(body)
    assert claude.last_body() == {**body, "model": "m"}
    assert reply.body == CLAUDE, "and its answer comes back as it was"


def test_others_are_asked_in_their_own_words(claude: Listener) -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    with claude_router(claude) as router:
        body = {**RESPONSE, "instructions": "Be brief.", "max_output_tokens": 9, "tools": [tool]}
        reply = router.create_response(body)
    heard = claude.last_body()
    assert heard["system"] == "Be brief."
    assert heard["max_tokens"] == 9
    assert heard["tools"][0]["name"] == "f"
    assert reply.body["output"][0]["content"][0]["text"] == "heard"


def test_what_nobody_else_has_is_refused_by_name(claude: Listener) -> None:
    with claude_router(claude) as router, pytest.raises(llmroute.LlmrouteError) as caught:
        router.create_response({**RESPONSE, "previous_response_id": "resp_1"})
    assert not claude.heard
    assert caught.value.kind in {"no_candidate", "bad_request"}


def test_hints_that_nobody_else_has_are_left_out_and_listed(claude: Listener) -> None:
    body = {**RESPONSE, "include": ["reasoning.encrypted_content"], "truncation": "auto"}
    with claude_router(claude) as router:
        reply = router.create_response(body)
        message = router.create_message({**MESSAGE, "metadata": {"user_id": "u", "trace": "t"}})
    assert reply.decision.dropped_parameters == ["include", "truncation"]
    assert message.decision.dropped_parameters == []
    assert claude.last_body()["metadata"]["trace"] == "t"


def test_a_response_repeats_what_was_asked(router: Router) -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    body = {**RESPONSE, "instructions": "Be brief.", "tools": [tool], "temperature": 0.5}
    whole = router.create_response(body).body
    with router.create_response({**body, "stream": True}) as events:
        told = [event["response"] for event in events if "response" in event]
    for response in (whole, *told):
        assert response["instructions"] == "Be brief."
        assert response["tools"] == [tool]
        assert response["temperature"] == 0.5
        assert response["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, r"messages\[0\].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"messages\[0\].role"),
    ],
)
def test_a_malformed_body_is_the_callers_error(router: Router, body: Any, path: str) -> None:
    with pytest.raises(llmroute.InvalidRequestError, match=path):
        router.create_message({"model": "it", **body})
    with pytest.raises(llmroute.InvalidRequestError, match="input"):
        router.create_response({"model": "it"})


def test_options_and_python_policies_hold_here_too(router: Router) -> None:
    def mine(candidates: Any, request: Any) -> Any:
        return candidates

    reply = router.create_message(MESSAGE, policy=mine, metadata={"tenant": "acme"})
    assert reply.decision.to_dict()["metadata"] == {"tenant": "acme"}
    with pytest.raises(llmroute.NoCandidateError):
        router.create_message(MESSAGE, exclude=["it"])


def test_errors_are_raised_as_everywhere(claude: Listener) -> None:
    claude.status = 400
    claude.reply = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    with claude_router(claude) as router:
        with pytest.raises(llmroute.BadRequestError):
            router.create_message(MESSAGE)
        with (
            pytest.raises(llmroute.BadRequestError),
            router.create_message({**MESSAGE, "stream": True}) as events,
        ):
            list(events)


def test_thinking_of_a_stream_goes_back_whole() -> None:
    pieces = [
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
        {"type": "content_block_delta", "index": 0, "delta": {"thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"signature": "sig"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text"}},
        {"type": "content_block_delta", "index": 1, "delta": {"text": "yes"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    text = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces)
    listener = Listener(text.encode())
    with claude_router(listener) as router, router.stream("hi", model="it") as stream:
        for _ in stream:
            pass
        blocks = stream.message["thinking_blocks"]
    listener.close()
    assert blocks == [{"type": "thinking", "thinking": "hm", "signature": "sig"}]


def test_pictures_of_a_stream_are_in_its_message() -> None:
    parts = [{"text": "here"}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    listener = Listener(f"data: {json.dumps({'candidates': [candidate]})}\n\n".encode())
    table = {"provider": "google", "model": "gemini-3-pro-image", "api_key": "k"}
    config = {"deployments": {"it": {**table, "base_url": listener.url}}}
    with llmroute.Router(config) as router, router.stream("draw", model="it") as stream:
        kinds = [delta.kind for delta in stream]
        message = stream.message
    listener.close()
    url = "data:image/png;base64,iVBO"
    assert message["images"] == [{"type": "image_url", "image_url": {"url": url}}]
    assert kinds[:2] == ["text", "image"]


def test_what_a_search_found_is_in_the_message_of_a_stream() -> None:
    support = {"segment": {"endIndex": 4}, "groundingChunkIndices": [0]}
    chunk = {"web": {"uri": "https://x.test", "title": "t"}}
    candidate = {
        "content": {"role": "model", "parts": [{"text": "here"}]},
        "groundingMetadata": {"groundingChunks": [chunk], "groundingSupports": [support]},
        "finishReason": "STOP",
    }
    listener = Listener(f"data: {json.dumps({'candidates': [candidate]})}\n\n".encode())
    place = {"provider": "google", "model": "gemini-3-pro", "api_key": "k"}
    config = {"deployments": {"it": {**place, "base_url": listener.url}}}
    with llmroute.Router(config) as router:
        with router.stream("look it up", model="it") as stream:
            kinds = [delta.kind for delta in stream]
            message = stream.message
        with router.create_response({**RESPONSE, "stream": True}) as events:
            whole = list(events)[-1]["response"]
    listener.close()
    found = {"start_index": 0, "end_index": 4, "url": "https://x.test", "title": "t"}
    assert message["annotations"] == [{"type": "url_citation", "url_citation": found}]
    assert kinds[:2] == ["text", "annotation"]
    text = whole["output"][0]["content"][0]
    assert text["annotations"] == [{"type": "url_citation", **found}]


# --- bodies with something wrong in them ----------------------------------------------------------

TOOL = {"type": "function", "name": "f", "parameters": {}}
TEXTS = [{"type": "text", "text": "a"}, {"type": "document", "source": {"type": "text"}}]
BODIES: dict[str, dict[str, Any]] = {
    "messages": {
        "max_tokens": 9,
        "metadata": {"user_id": "u"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
        "tools": [{"name": "f", "input_schema": {}}],
        "tool_choice": {"type": "tool", "name": "f"},
        "messages": [
            {"role": "user", "content": TEXTS},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]},
        ],
    },
    "responses": {
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": {"type": "text"}},
        "tools": [TOOL],
        "tool_choice": {"type": "function", "name": "f"},
        "input": [
            {"role": "user", "content": [{"type": "input_file", "file_url": "https://x"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "o"},
        ],
    },
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Walk over where a member or an element stands."""
    if path:
        yield path
    inside: Any = value.items() if isinstance(value, dict) else ()
    for key, inner in enumerate(value) if isinstance(value, list) else inside:
        yield from places(inner, (*path, key))


@pytest.mark.parametrize("shape", BODIES)
@pytest.mark.parametrize("wrong", [5, True, "x", [], {}, [1]])
def test_a_wrong_member_is_never_our_own_broken_json(shape: str, wrong: Any) -> None:
    with SimulatedProvider("openai", ttft_ms=0) as provider:
        router = Router({"deployments": {"it": provider.deployment()}})
        call = router.create_message if shape == "messages" else router.create_response
        told = []
        for path in places(BODIES[shape]):
            body = json.loads(json.dumps({**BODIES[shape], "model": "it"}))
            place = body
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = wrong
            try:
                call(body, drop_unsupported=True)
            except llmroute.LlmrouteError as error:
                told.append(f"{path}: {error}")
        router.close()
    assert told, "some of it is wrong in its own shape"
    assert not [words for words in told if "JSON" in words]
