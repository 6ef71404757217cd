"""More than a thousand recorded exchanges with real providers, through the whole router.

They lie beside the source tree and are skipped where they do not. What the router reads of each is
compared with a second reading (tests/py/replay.py), its usage with the extractor of the
`genai-prices` package, and cut streams must never look whole.
"""

from __future__ import annotations

import collections
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

import llmroute
from llmroute import Router, StreamInterruptedError
from llmroute._core import Usage
from replay import RECORDED, Exchange, Replay, exchanges, put_together, read_whole, router_for

pytestmark = pytest.mark.skipif(
    not RECORDED.exists(), reason="no recorded exchanges beside the source tree"
)

# Recordings that hold no answer on purpose: their test made the provider's reply up.
INVENTED = "test_invalid_response"


@pytest.fixture(scope="module")
def recorded() -> list[Exchange]:
    return exchanges()


@pytest.fixture(scope="module")
def replay(recorded: list[Exchange]) -> Iterator[Replay]:
    with Replay(recorded) as server:
        yield server


def calls_of(message: dict[str, Any]) -> list[tuple[str, Any]]:
    import json

    return [
        (call["function"]["name"], json.loads(call["function"].get("arguments") or "{}"))
        for call in message.get("tool_calls") or []
    ]


def answers(exchange: Exchange) -> bool:
    """Whether the recording holds an answer, rather than an error or something invented."""
    return exchange.status == 200 and INVENTED not in exchange.id


def whole_body(exchange: Exchange) -> dict[str, Any]:
    import json

    if exchange.stream:
        return put_together(exchange)
    body: dict[str, Any] = json.loads(exchange.body)
    return body


def ask(
    router: Router, exchange: Exchange, **more: Any
) -> tuple[dict[str, Any], Usage, str | None]:
    """Ask for one exchange again: message, usage, finish reason."""
    model = f"d{exchange.number}"
    if not exchange.stream:
        reply = router.chat("hi", model=model, **more)
        return reply.message, reply.usage, reply.finish_reason
    with router.stream("hi", model=model, **more) as stream:
        for _ in stream:
            pass
    assert stream.usage is not None
    return stream.message, stream.usage, stream.finish_reason


@pytest.mark.parametrize("pace", ["whole", "pieces"])
def test_every_exchange_is_read_as_a_second_reading_reads_it(
    recorded: list[Exchange], replay: Replay, pace: str
) -> None:
    read: collections.Counter[tuple[str, bool]] = collections.Counter()
    wrong = []
    asked = [x for x in recorded if answers(x)]
    with router_for(replay, asked, pace) as router:
        for exchange in asked:
            try:
                message, _, _ = ask(router, exchange)
            except llmroute.LlmrouteError as error:
                if not failed_at_the_provider(exchange):
                    wrong.append(f"{exchange.id}: {error}")
                continue
            expected = read_whole(exchange.dialect, whole_body(exchange))
            if text_of(message) != expected.text or calls_of(message) != expected.calls:
                wrong.append(f"{exchange.id}: {message} is not {expected}")
            read[exchange.dialect, exchange.stream] += 1
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:10])
    assert not replay.unasked, replay.unasked[:5]
    assert sum(read.values()) > 900, read


def passes(router: Router, exchange: Exchange) -> bool:
    """Whether the router reads an exchange as it should: an answer, or an error with a class."""
    failed = not answers(exchange) or failed_at_the_provider(exchange)
    try:
        message, _, _ = ask(router, exchange)
    except llmroute.LlmrouteError as error:
        return failed and error.kind not in {"protocol", "connect", "stream_interrupted"}
    expected = read_whole(exchange.dialect, whole_body(exchange))
    return text_of(message) == expected.text and calls_of(message) == expected.calls


def text_of(message: dict[str, Any]) -> str:
    text = message.get("content") or ""
    return text if isinstance(text, str) else "".join(part.get("text", "") for part in text)


def failed_at_the_provider(exchange: Exchange) -> bool:
    """Streams that end in an error, and answers that are only a refusal to answer."""
    text = exchange.body.decode("utf-8", "replace")
    return bool(
        re.search(r'"(type|object)":\s*"error"|"status":\s*"failed"|"blockReason"', text)
        or ('"error":' in text and exchange.stream)
    )


# --- usage ----------------------------------------------------------------------------------------

# Host, then the provider and flavour that the oracle knows it by.
ORACLES = (
    (
        r"api\.openai\.com|mantle|localhost",
        {"openai": ("openai", "chat"), "responses": ("openai", "responses")},
    ),
    (r"openai\.azure\.com", {"openai": ("azure", "chat"), "responses": ("azure", "responses")}),
    (r"api\.deepseek\.com", {"openai": ("deepseek", "chat"), "responses": ("openai", "responses")}),
    (r"openrouter", {"openai": ("openrouter", "chat"), "responses": ("openai", "responses")}),
    (r"groq", {"openai": ("groq", "default")}),
    (r"mistral", {"openai": ("mistral", "default")}),
    (r"cerebras", {"openai": ("cerebras", "chat")}),
    (r"z\.ai", {"openai": ("zai", "chat")}),
    (r"huggingface", {"openai": ("huggingface_together", "chat")}),
    (r"anthropic|localhost", {"anthropic": ("anthropic", "default")}),
    (r"googleapis|localhost", {"gemini": ("google", "default")}),
    (r"bedrock-runtime|localhost", {"bedrock": ("aws", "default")}),
    (r"cohere", {"cohere": ("cohere", "default")}),
)


def oracle_of(exchange: Exchange) -> tuple[str, str] | None:
    for pattern, flavours in ORACLES:
        if re.search(pattern, exchange.host) and exchange.dialect in flavours:
            return flavours[exchange.dialect]
    return None


def test_usage_is_what_the_oracle_extracts(recorded: list[Exchange], replay: Replay) -> None:
    genai_prices = pytest.importorskip("genai_prices", reason="genai-prices is not installed")
    wrong, checked, unknown = [], 0, 0
    asked = [x for x in recorded if answers(x) and not failed_at_the_provider(x)]
    with router_for(replay, asked) as router:
        for exchange in asked:
            known = oracle_of(exchange)
            if known is None:
                unknown += 1
                continue
            provider, flavor = known
            body = whole_body(exchange)
            try:
                usage = genai_prices.extract_usage(
                    body, provider_id=provider, api_flavor=flavor
                ).usage
            except (ValueError, LookupError):
                unknown += 1  # no usage in it
                continue
            _, ours, _ = ask(router, exchange)
            cached = usage.cache_read_tokens or 0
            if provider == "mistral":  # the oracle passes over what that API calls it
                cached = body["usage"].get("num_cached_tokens") or 0
            expected = (
                usage.input_tokens or 0,
                usage.output_tokens or 0,
                cached,
                usage.cache_write_tokens or 0,
            )
            found = (
                ours.input_tokens,
                ours.output_tokens,
                ours.cached_input_tokens,
                ours.cache_write_tokens,
            )
            checked += 1
            if found != expected:
                wrong.append(f"{exchange.id} {provider}/{flavor}: {found}, the oracle {expected}")
    assert not wrong, f"{len(wrong)} of {checked}: " + "\n".join(wrong[:20])
    assert checked > 850, (checked, unknown)


# --- cuts -----------------------------------------------------------------------------------------


def test_a_stream_that_was_cut_is_an_error(recorded: list[Exchange], replay: Replay) -> None:
    """Over the socket at some places; at every byte in tests/cpp/provider."""
    chance = random.Random(3)
    streams = [x for x in recorded if x.stream and answers(x) and not failed_at_the_provider(x)]
    cuts = 0
    for exchange in streams:
        places = sorted(chance.randint(1, len(exchange.body) * 9 // 10) for _ in range(4))
        for place in places:
            with (
                router_for(replay, [exchange], f"cut:{place}") as router,
                pytest.raises((StreamInterruptedError, llmroute.AllAttemptsFailedError)),
            ):
                ask(router, exchange)
            cuts += 1
    assert len(streams) > 55
    assert cuts == 4 * len(streams)


def test_every_error_is_one_and_has_a_class(recorded: list[Exchange], replay: Replay) -> None:
    errors = [x for x in recorded if x.status >= 400]
    kinds: collections.Counter[str] = collections.Counter()
    with router_for(replay, errors) as router:
        for exchange in errors:
            with pytest.raises(llmroute.LlmrouteError) as caught:
                router.chat("hi", model=f"d{exchange.number}")
            attempts = caught.value.decision.to_dict()["attempts"]
            kinds[attempts[0]["error"]["kind"]] += 1
    assert kinds["not_found"] >= 3
    assert not kinds.keys() & {"protocol", "connect", "rate_limit", "stream_interrupted"}, kinds


def test_the_page_of_providers_is_up_to_date() -> None:
    """Counts are written by docs/providers_table.py; here the rest is compared."""
    import importlib.util

    from conftest import ROOT

    spec = importlib.util.spec_from_file_location("table", ROOT / "docs/providers_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text()
    counts = module.counts_of(page)
    assert module.write_into(page, module.table(counts)) == page
    for count in counts.values():
        read, _, there = count.partition(" of ")
        assert count == "none recorded" or read == there, counts
