"""One client, one case, one fresh process: prints one JSON line.

``python client.py NAME URL IN_FLIGHT REQUESTS WARMUP KIND`` with KIND one of plain, stream, big,
bytes. Runs under the interpreter of the peer's own environment, so it imports nothing else of this
package.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

One = Callable[[], Awaitable[int]]  # one request; returns how many chunks it saw

SENTENCE = "Explain how TCP slow start works and why a sender does not begin at full rate. "
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You are a helpful assistant that answers in short sentences."},
    {"role": "user", "content": SENTENCE * 10},
]
PARAMS: dict[str, Any] = {"temperature": 0.7, "max_tokens": 256}
MODEL = "gpt-4o-mini"
EXPECTED = "TCP begins slowly"


def big_messages() -> list[dict[str, Any]]:
    """Messages with an image of four million base64 characters."""
    url = "data:image/png;base64," + "A" * 4_000_000
    parts = [
        {"type": "text", "text": "what is it"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return [{"role": "user", "content": parts}]


def check(text: str) -> int:
    """Every reply is looked at: a wrong one is no result."""
    if not text.startswith(EXPECTED):
        raise SystemExit(f"wrong reply: {text[:80]!r}")
    return 1


def make_aiohttp(base: str, kind: str, messages: list[dict[str, Any]]) -> One:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    url = base + "/chat/completions"

    async def plain() -> int:
        body = json.dumps({"model": MODEL, "messages": messages, **PARAMS})
        async with session.post(url, data=body, headers=headers) as reply:
            return check(json.loads(await reply.read())["choices"][0]["message"]["content"])

    async def stream() -> int:
        body = json.dumps({"model": MODEL, "messages": messages, "stream": True, **PARAMS})
        chunks = 0
        async with session.post(url, data=body, headers=headers) as reply:
            async for line in reply.content:
                if line.startswith(b"data: {"):
                    choices = json.loads(line[6:])["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        chunks += 1
        return chunks

    return stream if kind == "stream" else plain


def make_httpx(base: str, kind: str, messages: list[dict[str, Any]]) -> One:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(limits=limits, timeout=120)
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    url = base + "/chat/completions"

    async def plain() -> int:
        body = json.dumps({"model": MODEL, "messages": messages, **PARAMS})
        reply = await client.post(url, content=body, headers=headers)
        return check(reply.json()["choices"][0]["message"]["content"])

    async def stream() -> int:
        body = json.dumps({"model": MODEL, "messages": messages, "stream": True, **PARAMS})
        chunks = 0
        async with client.stream("POST", url, content=body, headers=headers) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    choices = json.loads(line[6:])["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        chunks += 1
        return chunks

    return stream if kind == "stream" else plain


def make_openai(base: str, kind: str, messages: list[dict[str, Any]]) -> One:
    import openai

    client = openai.AsyncOpenAI(base_url=base, api_key="x", max_retries=0)
    return _openai_like(client.chat.completions.create, MODEL, kind, messages)


def make_litellm(base: str, kind: str, messages: list[dict[str, Any]]) -> One:
    import litellm

    litellm.suppress_debug_info = True
    parameters = {"model": "openai/" + MODEL, "api_base": base}
    table = [
        {"model_name": "m", "litellm_params": {**parameters, "api_key": f"x{i}"}} for i in range(3)
    ]
    router = litellm.Router(model_list=table, num_retries=0)
    return _openai_like(router.acompletion, "m", kind, messages)


def _openai_like(
    call: Callable[..., Any], model: str, kind: str, messages: list[dict[str, Any]]
) -> One:
    async def plain() -> int:
        reply = await call(model=model, messages=messages, **PARAMS)
        return check(reply.choices[0].message.content)

    async def stream() -> int:
        chunks = 0
        async for chunk in await call(model=model, messages=messages, stream=True, **PARAMS):
            if chunk.choices and chunk.choices[0].delta.content:
                chunks += 1
        return chunks

    return stream if kind == "stream" else plain


def make_liter_llm(base: str, kind: str, messages: list[dict[str, Any]]) -> One:
    import liter_llm
    from liter_llm import _internal_bindings as native

    client = liter_llm.create_client("x", base, max_retries=0)
    extra = {"stream": True} if kind == "stream" else {}

    def request() -> Any:
        body = {"model": "openai/" + MODEL, "messages": messages, **PARAMS, **extra}
        return native.ChatCompletionRequest.from_json(json.dumps(body))

    async def plain() -> int:
        reply = await client.chat(request())
        return check(str(reply.choices[0].message.content))

    async def stream() -> int:
        chunks = 0
        async for chunk in client.chat_stream(request()):
            if chunk.choices and chunk.choices[0].delta.content:
                chunks += 1
        return chunks

    return stream if kind == "stream" else plain


def make_tensorzero(base: str, kind: str, messages: list[dict[str, Any]]) -> One:
    import tempfile

    from tensorzero import AsyncTensorZeroGateway

    providers = "".join(
        f'[models.m.providers.{p}]\ntype = "openai"\nmodel_name = "{MODEL}"\n'
        f'api_base = "{base}/"\napi_key_location = "none"\n'
        for p in "abc"
    )
    head = (
        "[gateway]\nobservability.enabled = false\n[object_storage]\n"
        'type = "disabled"\n[models.m]\nrouting = ["a", "b", "c"]\n'
    )
    with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as config:
        config.write(head + providers)
    starting = AsyncTensorZeroGateway.build_embedded(config_file=config.name)
    gateway: Any = None
    content = messages[-1]["content"]
    if kind == "big":
        data = content[1]["image_url"]["url"].split(",", 1)[1]
        image = {"type": "file", "file_type": "base64", "mime_type": "image/png", "data": data}
        content = [{"type": "text", "text": "what is it"}, image]
    given: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
    if messages[0]["role"] == "system":
        given["system"] = messages[0]["content"]

    async def call(stream: bool) -> Any:
        nonlocal gateway
        if gateway is None:
            gateway = await starting
        params = {"chat_completion": PARAMS}
        return await gateway.inference(model_name="m", input=given, stream=stream, params=params)

    async def plain() -> int:
        return check((await call(False)).content[0].text)

    async def stream() -> int:
        chunks = 0
        async for chunk in await call(True):
            chunks += bool(chunk.content)
        return chunks

    return stream if kind == "stream" else plain


def make_llmroute(base: str, kind: str, messages: list[dict[str, Any]]) -> One:
    import llmroute

    deployment = {"provider": "openai", "base_url": base, "model": MODEL, "api_key": "x"}
    names = ["a", "b", "c"]
    router = llmroute.AsyncRouter(
        {
            "version": 1,
            "deployments": dict.fromkeys(names, deployment),
            "groups": {"fast": {"deployments": names}},
        }
    )
    body = json.dumps({"model": MODEL, "messages": messages, **PARAMS}).encode()

    async def plain() -> int:
        return check((await router.chat(messages, model="fast", **PARAMS)).text)

    async def ready() -> int:
        return check((await router.chat(body, model="fast")).text)

    async def stream() -> int:
        chunks = 0
        async with router.stream(messages, model="fast", **PARAMS) as deltas:
            async for delta in deltas:
                if delta.kind == "text":
                    chunks += 1
        return chunks

    return {"stream": stream, "bytes": ready}.get(kind, plain)


CLIENTS: dict[str, Callable[[str, str, list[dict[str, Any]]], One]] = {
    "llmroute": make_llmroute,
    "aiohttp": make_aiohttp,
    "httpx": make_httpx,
    "openai": make_openai,
    "liter-llm": make_liter_llm,
    "litellm": make_litellm,
    "tensorzero": make_tensorzero,
}


def status_kb(key: str) -> int:
    """A line of this process's status, in KiB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key))


def cpu_seconds() -> float:
    """User and system time of all threads so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(one: One, in_flight: int, requests: int, warmup: int) -> dict[str, Any]:
    """Run the requests, `in_flight` at a time."""
    latencies: list[float] = []

    async def worker(share: int) -> int:
        chunks = 0
        for _ in range(share):
            started = time.perf_counter()
            chunks += await one()
            latencies.append(time.perf_counter() - started)
        return chunks

    async def wave(total: int) -> int:
        shares = [total // in_flight + (i < total % in_flight) for i in range(in_flight)]
        return sum(await asyncio.gather(*(worker(share) for share in shares if share)))

    await one()
    base_kb = status_kb("VmRSS:")
    await wave(warmup)
    latencies.clear()
    wall, cpu = time.perf_counter(), cpu_seconds()
    chunks = await wave(requests)
    used, passed = cpu_seconds() - cpu, time.perf_counter() - wall
    latencies.sort()
    return {
        "requests": requests,
        "cpu_s": used,
        "wall_s": passed,
        "chunks": chunks,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
        "stalls": sum(0.035 < s < 0.050 for s in latencies),
        "kb_in_flight": (status_kb("VmHWM:") - base_kb) / in_flight,
    }


def main() -> None:
    """Measure one client as the command line says."""
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR")
    name, base, in_flight, requests, warmup, kind = sys.argv[1:]
    messages = big_messages() if kind in ("big", "bytes") else MESSAGES

    async def run() -> dict[str, Any]:
        one = CLIENTS[name](base, kind, messages)
        return await measure(one, int(in_flight), int(requests), int(warmup))

    print(json.dumps(asyncio.run(run())), flush=True)
    os._exit(0)  # clients leave sessions open; what they do at exit is not measured


if __name__ == "__main__":
    main()
