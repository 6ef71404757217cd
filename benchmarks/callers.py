"""How each client does the same work: one request, the reply or every chunk of it looked at.

``CALLERS[name](base, kind, messages)`` gives a coroutine function that does one request and returns
how many chunks it saw. Kinds: ``plain``, ``middle`` and ``big`` (a reply, to 1 KB, 64 KB and 4 MB),
``bytes`` (the big one, ready as JSON) and ``stream``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["CALLERS", "MODEL", "PARAMS", "One", "check", "counts", "messages_of"]

One = Callable[[], Awaitable[int]]
Messages = list[dict[str, Any]]

MODEL = "gpt-4o-mini"
PARAMS: dict[str, Any] = {"temperature": 0.7, "max_tokens": 256}
REPLY_BEGINS = "TCP begins slowly"
CHUNK_BEGINS = " word"
HEADERS = {"content-type": "application/json", "authorization": "Bearer x"}
SENTENCE = "Explain how TCP slow start works and why a sender does not begin at full rate. "


def messages_of(kind: str) -> Messages:
    """Messages that make a body of 1 KB, 64 KB or 4 MB."""
    if kind in ("big", "bytes"):
        image = {"url": "data:image/png;base64," + "A" * 4_000_000}
        parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": image}]
        return [{"role": "user", "content": parts}]
    system = "You are a helpful assistant that answers in short sentences."
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": SENTENCE * (800 if kind == "middle" else 10)},
    ]


def check(text: str | None) -> int:
    """Every reply is looked at: a wrong one is no result."""
    if not text or not text.startswith(REPLY_BEGINS):
        raise SystemExit(f"wrong reply: {str(text)[:80]!r}")
    return 1


def counts(text: str | None) -> bool:
    """Whether a chunk's text is one that the upstream has sent."""
    return text is not None and text.startswith(CHUNK_BEGINS)


def _encoded(messages: Messages, **extra: Any) -> str:
    return json.dumps({"model": MODEL, "messages": messages, **PARAMS, **extra})


def _counts_line(line: bytes | str) -> bool:
    choices = json.loads(line[6:])["choices"]
    return bool(choices) and counts(choices[0]["delta"].get("content"))


def _aiohttp(base: str, kind: str, messages: Messages) -> One:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    url = base + "/chat/completions"

    async def plain() -> int:
        async with session.post(url, data=_encoded(messages), headers=HEADERS) as reply:
            return check(json.loads(await reply.read())["choices"][0]["message"]["content"])

    async def stream() -> int:
        chunks = 0
        body = _encoded(messages, stream=True)
        async with session.post(url, data=body, headers=HEADERS) as reply:
            async for line in reply.content:
                if line.startswith(b"data: {"):
                    chunks += _counts_line(line)
        return chunks

    return stream if kind == "stream" else plain


def _httpx(base: str, kind: str, messages: Messages) -> One:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(limits=limits, timeout=120)
    url = base + "/chat/completions"

    async def plain() -> int:
        reply = await client.post(url, content=_encoded(messages), headers=HEADERS)
        return check(reply.json()["choices"][0]["message"]["content"])

    async def stream() -> int:
        chunks = 0
        body = _encoded(messages, stream=True)
        async with client.stream("POST", url, content=body, headers=HEADERS) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    chunks += _counts_line(line)
        return chunks

    return stream if kind == "stream" else plain


def _openai(base: str, kind: str, messages: Messages) -> One:
    import openai

    client = openai.AsyncOpenAI(base_url=base, api_key="x", max_retries=0, timeout=120)
    return _like_openai(client.chat.completions.create, MODEL, kind, messages)


def _litellm(base: str, kind: str, messages: Messages) -> One:
    import litellm

    litellm.suppress_debug_info = True
    given = {"model": "openai/" + MODEL, "api_base": base}
    table = [{"model_name": "m", "litellm_params": {**given, "api_key": f"x{i}"}} for i in range(3)]
    router = litellm.Router(model_list=table, num_retries=0, timeout=120)
    return _like_openai(router.acompletion, "m", kind, messages)


def _like_openai(call: Callable[..., Any], model: str, kind: str, messages: Messages) -> One:
    async def plain() -> int:
        reply = await call(model=model, messages=messages, **PARAMS)
        return check(reply.choices[0].message.content)

    async def stream() -> int:
        chunks = 0
        async for chunk in await call(model=model, messages=messages, stream=True, **PARAMS):
            chunks += bool(chunk.choices) and counts(chunk.choices[0].delta.content)
        return chunks

    return stream if kind == "stream" else plain


def _liter_llm(base: str, kind: str, messages: Messages) -> One:
    import liter_llm
    from liter_llm import _internal_bindings as native

    client = liter_llm.create_client("x", base, max_retries=0)
    given = {"messages": messages, "model": "openai/" + MODEL, **PARAMS}

    async def plain() -> int:
        request = native.ChatCompletionRequest.from_json(json.dumps(given))
        return check(str((await client.chat(request)).choices[0].message.content))

    async def stream() -> int:
        chunks = 0
        request = native.ChatCompletionRequest.from_json(json.dumps({**given, "stream": True}))
        async for chunk in client.chat_stream(request):
            chunks += bool(chunk.choices) and counts(chunk.choices[0].delta.content)
        return chunks

    return stream if kind == "stream" else plain


TENSORZERO = """[gateway]
observability.enabled = false
[object_storage]
type = "disabled"
[models.m]
routing = ["a", "b", "c"]
"""
TENSORZERO_PROVIDER = """[models.m.providers.{name}]
type = "openai"
model_name = "{model}"
api_base = "{base}/"
api_key_location = "none"
"""


def _tensorzero(base: str, kind: str, messages: Messages) -> One:
    import tempfile

    from tensorzero import AsyncTensorZeroGateway

    providers = [TENSORZERO_PROVIDER.format(name=n, model=MODEL, base=base) for n in "abc"]
    with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as config:
        config.write(TENSORZERO + "".join(providers))
    starting = AsyncTensorZeroGateway.build_embedded(config_file=config.name)
    content = messages[-1]["content"]
    if kind == "big":
        data = content[1]["image_url"]["url"].split(",", 1)[1]
        image = {"type": "file", "file_type": "base64", "mime_type": "image/png", "data": data}
        content = [{"type": "text", "text": "what?"}, image]
    given: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
    if messages[0]["role"] == "system":
        given["system"] = messages[0]["content"]
    gateway: Any = None

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
            chunks += bool(chunk.content) and counts(chunk.content[0].text)
        return chunks

    return stream if kind == "stream" else plain


def _llmroute(base: str, kind: str, messages: Messages) -> One:
    import llmroute

    deployment = {"provider": "openai", "base_url": base, "model": MODEL, "api_key": "x"}
    names = ["a", "b", "c"]
    config = {
        "version": 1,
        "deployments": dict.fromkeys(names, deployment),
        "groups": {"fast": {"deployments": names}},
    }
    router = llmroute.AsyncRouter(config)
    body = _encoded(messages).encode()

    async def plain() -> int:
        return check((await router.chat(messages, model="fast", **PARAMS)).text)

    async def ready() -> int:
        return check((await router.chat(body, model="fast")).text)

    async def stream() -> int:
        chunks = 0
        async with router.stream(messages, model="fast", **PARAMS) as deltas:
            async for delta in deltas:
                chunks += delta.kind == "text" and counts(delta.text)
        return chunks

    return {"stream": stream, "bytes": ready}.get(kind, plain)


CALLERS: dict[str, Callable[[str, str, Messages], One]] = {
    "llmroute": _llmroute,
    "aiohttp": _aiohttp,
    "httpx": _httpx,
    "openai": _openai,
    "liter-llm": _liter_llm,
    "litellm": _litellm,
    "tensorzero": _tensorzero,
}
