"""Servers and clients that nobody here wrote: aiohttp and the openai package."""

from __future__ import annotations

import json

import pytest

import llmroute
from llmroute.testing import SimulatedProvider

aiohttp_web = pytest.importorskip("aiohttp.web", reason="aiohttp is not installed")
openai = pytest.importorskip("openai", reason="the openai package is not installed")


def test_the_openai_client_talks_to_our_simulated_provider() -> None:
    with SimulatedProvider("openai", ttft_ms=1, output_tokens=20) as provider:
        client = openai.OpenAI(base_url=provider.url, api_key="x", max_retries=0)
        messages = [{"role": "user", "content": "good morning"}]
        reply = client.chat.completions.create(model="m", messages=messages)
        assert "good morning" in reply.choices[0].message.content
        assert reply.usage.completion_tokens == 20
        stream = client.chat.completions.create(
            model="m", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert "good morning" in text
        assert chunks[-1].usage.completion_tokens == 20
        client.close()


def test_the_openai_client_reads_our_simulated_errors() -> None:
    faults = [{"kind": "rate_limit", "to_request": 1}, {"kind": "auth"}]
    with SimulatedProvider("openai", faults=faults) as provider:
        client = openai.OpenAI(base_url=provider.url, api_key="x", max_retries=0)
        messages = [{"role": "user", "content": "hi"}]
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="m", messages=messages)
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="m", messages=messages)
        client.close()


async def test_our_router_talks_to_an_aiohttp_server() -> None:
    seen = []

    async def chat(request: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
        body = await request.json()
        seen.append((request.headers["authorization"], body))
        if not body.get("stream"):
            choice = {"index": 0, "message": {"content": "whole"}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 1}
            return aiohttp_web.json_response({"choices": [choice], "usage": usage})
        response = aiohttp_web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for word in ("in ", "pieces"):
            chunk = {"choices": [{"index": 0, "delta": {"content": word}}]}
            await response.write(f"data: {json.dumps(chunk)}\r\n\r\n".encode())
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        await response.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
        return response

    app = aiohttp_web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = aiohttp_web.AppRunner(app)
    await runner.setup()
    site = aiohttp_web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    deployment = {
        "provider": "openai",
        "base_url": f"http://127.0.0.1:{port}/v1",
        "model": "m",
        "api_key": "sk-test",
    }
    try:
        async with llmroute.AsyncRouter({"deployments": {"a": deployment}}) as router:
            reply = await router.chat("hi", model="a", temperature=0.5)
            assert reply.text == "whole"
            async with router.stream("hi", model="a") as stream:
                words = [delta.text async for delta in stream if delta.kind == "text"]
            assert words == ["in ", "pieces"]
    finally:
        await runner.cleanup()
    assert seen[0][0] == "Bearer sk-test"
    assert seen[0][1]["temperature"] == 0.5
    assert seen[1][1]["stream_options"] == {"include_usage": True}
