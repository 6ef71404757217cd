"""Recorded exchanges with real providers, served again over a socket, and read a second time.

The second readings are made of `json` and loops, not of the router: they are what its decoders are
compared with.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from llmroute import Router

FILE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "exchanges"
RECORDED = FILE / "recorded.jsonl.gz"

# How a path ends, the dialect that asks there.
PATHS = (
    (r"/chat/completions$", "openai"),
    (r"/v1/messages$", "anthropic"),
    (r"/responses$", "responses"),
    (r":(generateContent|streamGenerateContent)$", "gemini"),
    (r"/converse(-stream)?$", "bedrock"),
    (r"/v2/chat$", "cohere"),
    (r"/api/chat$", "ollama"),
)


@dataclass
class Exchange:
    """One exchange of a dialect that the router speaks."""

    number: int
    id: str
    host: str
    path: str
    dialect: str
    status: int
    stream: bool
    content_type: str
    body: bytes
    request: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def model(self) -> str:
        """The provider's name of the model."""
        if self.dialect == "gemini":
            return re.sub(r".*/models/|:[A-Za-z]+$", "", self.path)
        if self.dialect == "bedrock":
            return unquote(re.sub(r".*/model/|/converse.*$", "", self.path))
        return str(self.request.get("model", "m"))


def exchanges() -> list[Exchange]:
    """Read the recordings of dialects that the router speaks."""
    found = []
    with gzip.open(RECORDED, "rt") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            path = row["uri"].split("?")[0].split("://", 1)[1]
            path = path[path.index("/") :]
            dialect = next((d for pattern, d in PATHS if re.search(pattern, path)), None)
            if dialect is None or row["method"].upper() != "POST":
                continue
            found.append(_exchange(number, row, path, dialect))
    return found


def _exchange(number: int, row: dict[str, Any], path: str, dialect: str) -> Exchange:
    response = row["response"]
    body = response.get("body") or {}
    if "base64" in body:
        raw = base64.b64decode(body["base64"])
    elif "text" in body:
        raw = body["text"].encode("utf-8", "surrogatepass")
    else:
        raw = json.dumps(body.get("json")).encode()
    content_type = (response["headers"].get("content-type") or ["application/json"])[0]
    request = (row["request"].get("body") or {}).get("json") or {}
    return Exchange(
        number=number,
        id=row["id"],
        host=row["host"],
        path=path,
        dialect=dialect,
        status=response["status"],
        stream="event-stream" in content_type or "eventstream" in content_type,
        content_type=content_type,
        body=raw,
        request=request if isinstance(request, dict) else {},
    )


# --- the server -----------------------------------------------------------------------------------


class Replay:
    """Serves exchanges at ``/<pace>/<number>/...`` on a free port.

    Pace ``whole`` sends a body at once, ``pieces`` in chunks of one byte to a few, and ``cut:N``
    the first N bytes as if that were all.
    """

    def __init__(self, served: list[Exchange], seed: int = 5) -> None:
        self._by_number = {exchange.number: exchange for exchange in served}
        self._random = random.Random(seed)
        self.unasked: list[str] = []  # requests that no exchange is like
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening; idempotent."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while (line := reader.readline()).strip():
                    self._answer(connection, reader, line.decode().split(" ")[:2])
            except (OSError, ValueError):
                return

    def _answer(self, connection: socket.socket, reader: Any, asked: list[str]) -> None:
        method, target = asked
        length = 0
        while (line := reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = reader.read(length)
        _, pace, number, rest = target.split("/", 3)
        exchange = self._by_number[int(number)]
        self._check(exchange, method, "/" + rest, body)
        pieces = list(self._pieces(exchange.body, pace))
        head = (
            f"HTTP/1.1 {exchange.status} X\r\ncontent-type: {exchange.content_type}\r\n"
            "transfer-encoding: chunked\r\n\r\n"
        )
        connection.sendall(head.encode())
        for piece in pieces:
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")

    def _pieces(self, body: bytes, pace: str) -> Iterator[bytes]:
        if pace.startswith("cut:"):
            body = body[: int(pace[4:])]
        if pace != "pieces":
            if body:
                yield body
            return
        longest = 1 + len(body) // 400
        while body:
            size = self._random.randint(1, longest)
            yield body[:size]
            body = body[size:]

    def _check(self, exchange: Exchange, method: str, asked: str, body: bytes) -> None:
        """What is asked for is what was recorded: the method, the end of the path, the model."""
        path = unquote(asked.split("?")[0])
        named = exchange.dialect in {"gemini", "bedrock"} or (
            json.loads(body).get("model") == exchange.model
        )
        if method != "POST" or not unquote(exchange.path).endswith(path) or not named:
            self.unasked.append(f"{exchange.id}: {method} {asked} for {exchange.path}")


def router_for(replay: Replay, asked: list[Exchange], pace: str = "whole") -> Router:
    """Make a router with a deployment for each exchange, ``d<number>``, which answers with it."""
    deployments = {
        f"d{x.number}": {
            "provider": "openai",
            "dialect": x.dialect,
            "model": x.model,
            "base_url": f"{replay.url}/{pace}/{x.number}",
            "api_key": "sk-none",
            "quirks": {"requires_terminator": x.dialect != "openai"},
        }
        for x in asked
    }
    settings: Any = {"deployments": deployments, "resilience": {"attempts": 1}}
    return Router(settings)


# --- the second reading ---------------------------------------------------------------------------


@dataclass
class Read:
    """What a reply says: text of the first answer, its tool calls as (name, arguments)."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)


def read_whole(dialect: str, body: dict[str, Any]) -> Read:
    """Read a whole reply."""
    return {
        "openai": _openai,
        "anthropic": _anthropic,
        "responses": _responses,
        "gemini": _gemini,
        "bedrock": _bedrock,
        "cohere": _cohere,
    }[dialect](body)


def _loaded(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def _parts_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(p.get("text", "") for p in content or [] if p.get("type", "text") == "text")


def _openai(body: dict[str, Any]) -> Read:
    message = body["choices"][0]["message"]
    calls = [
        (c["function"]["name"], _loaded(c["function"].get("arguments")))
        for c in message.get("tool_calls") or []
        if "function" in c
    ]
    return Read(_parts_text(message.get("content")), calls)


def _anthropic(body: dict[str, Any]) -> Read:
    blocks = body["content"]
    return Read(
        "".join(b["text"] for b in blocks if b["type"] == "text"),
        [(b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"],
    )


def _responses(body: dict[str, Any]) -> Read:
    read = Read()
    for item in body["output"]:
        if item["type"] == "message":
            read.text += "".join(p.get("text", "") for p in item["content"])
        if item["type"] == "function_call":
            read.calls.append((item["name"], _loaded(item.get("arguments"))))
    return read


def _gemini(body: dict[str, Any]) -> Read:
    read = Read()
    for part in (body["candidates"][0].get("content") or {}).get("parts") or []:
        if "text" in part and not part.get("thought"):
            read.text += part["text"]
        if "functionCall" in part:
            read.calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
    return read


def _bedrock(body: dict[str, Any]) -> Read:
    blocks = body["output"]["message"]["content"]
    return Read(
        "".join(b["text"] for b in blocks if "text" in b),
        [
            (b["toolUse"]["name"], b["toolUse"]["input"])
            for b in blocks
            # The provider's own tools are not the caller's.
            if "toolUse" in b and b["toolUse"].get("type") != "server_tool_use"
        ],
    )


def _cohere(body: dict[str, Any]) -> Read:
    message = body["message"]
    calls = [
        (c["function"]["name"], _loaded(c["function"].get("arguments")))
        for c in message.get("tool_calls") or []
    ]
    return Read(_parts_text(message.get("content")), calls)


# --- streams put together as whole replies --------------------------------------------------------


def events(body: bytes) -> list[dict[str, Any]]:
    """Split server-sent events that hold JSON."""
    text = body.decode("utf-8", "surrogatepass").replace("\r\n", "\n")
    found = []
    for block in text.split("\n\n"):
        data = "\n".join(
            line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")
        )
        if data and data.strip() != "[DONE]":
            found.append(json.loads(data))
    return found


def put_together(exchange: Exchange) -> dict[str, Any]:
    """Return the reply that the same answer would have been without streaming."""
    if exchange.dialect == "bedrock":
        return _whole_bedrock(frames(exchange.body))
    whole = {
        "openai": _whole_openai,
        "anthropic": _whole_anthropic,
        "responses": _whole_responses,
        "gemini": _whole_gemini,
    }[exchange.dialect]
    return whole(events(exchange.body))


def _whole_openai(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: dict[Any, dict[str, Any]] = {}
    reason, usage, model = None, None, None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        model = chunk.get("model") or model
        for choice in chunk.get("choices") or []:
            if choice.get("index", 0) != 0:
                continue
            reason = choice.get("finish_reason") or reason
            delta = choice.get("delta") or {}
            message["content"] += _parts_text(delta.get("content"))
            for piece in delta.get("tool_calls") or []:
                call = calls.setdefault(
                    piece.get("index", 0), {"function": {"name": "", "arguments": ""}}
                )
                call["id"] = piece.get("id") or call.get("id")
                function = piece.get("function") or {}
                call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
                call["function"]["arguments"] += function.get("arguments") or ""
    if calls:
        message["tool_calls"] = list(calls.values())
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    return {"model": model, "choices": choices, "usage": usage}


def _whole_anthropic(told: list[dict[str, Any]]) -> dict[str, Any]:
    reply: dict[str, Any] = {}
    for event in told:
        kind = event.get("type")
        if kind == "message_start":
            reply = event["message"]
        if kind == "content_block_start":
            reply["content"].append(dict(event["content_block"], _json=""))
        if kind == "content_block_delta":
            block, delta = reply["content"][event["index"]], event["delta"]
            for key in ("text", "thinking", "signature"):
                if key in delta:
                    block[key] = block.get(key, "") + delta[key]
            block["_json"] += delta.get("partial_json", "")
        if kind == "message_delta":
            reply["stop_reason"] = event["delta"].get("stop_reason")
            reply["usage"].update(
                {k: v for k, v in event.get("usage", {}).items() if v is not None}
            )
    for block in reply.get("content", []):
        pieces = block.pop("_json")
        if pieces:
            block["input"] = json.loads(pieces)
    return reply


def _whole_responses(told: list[dict[str, Any]]) -> dict[str, Any]:
    ends = ("response.completed", "response.incomplete", "response.failed")
    return next(event["response"] for event in reversed(told) if event.get("type") in ends)


def _whole_gemini(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    reply: dict[str, Any] = {"candidates": [{"content": {"parts": []}}]}
    for chunk in chunks:
        reply["usageMetadata"] = chunk.get("usageMetadata") or reply.get("usageMetadata")
        reply["modelVersion"] = chunk.get("modelVersion") or reply.get("modelVersion")
        for candidate in (chunk.get("candidates") or [])[:1]:
            reply["candidates"][0]["content"]["parts"] += (candidate.get("content") or {}).get(
                "parts"
            ) or []
            reason = candidate.get("finishReason")
            if reason:
                reply["candidates"][0]["finishReason"] = reason
    return reply


def frames(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Split an AWS event stream: the event type and the payload of each frame."""
    found = []
    while body:
        total, head = struct.unpack(">II", body[:8])
        headers, rest = body[12 : 12 + head], body[12 + head : total - 4]
        kind = ""
        while headers:
            size = headers[0]
            name = headers[1 : 1 + size].decode()
            (length,) = struct.unpack(">H", headers[2 + size : 4 + size])
            value = headers[4 + size : 4 + size + length].decode()
            headers = headers[4 + size + length :]
            if name == ":event-type":
                kind = value
        found.append((kind, json.loads(rest or b"{}")))
        body = body[total:]
    return found


def _whole_bedrock(told: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    reply: dict[str, Any] = {}
    for kind, event in told:
        block = blocks.setdefault(event.get("contentBlockIndex", -1), {})
        if kind == "contentBlockStart" and "toolUse" in event["start"]:
            block["toolUse"] = dict(event["start"]["toolUse"], input="")
        if kind == "contentBlockDelta":
            delta = event["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            if "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
        if kind == "messageStop":
            reply["stopReason"] = event["stopReason"]
        if kind == "metadata":
            reply["usage"] = event["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = _loaded(block["toolUse"]["input"])
    reply["output"] = {"message": {"content": [b for i, b in sorted(blocks.items()) if i >= 0]}}
    return reply
