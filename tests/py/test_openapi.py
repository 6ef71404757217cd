"""What is sent to OpenAI, and what callers get in its shapes, against its own description.

The description lies beside the source tree, as the recorded exchanges do. tests/py/openapi.py says
how it is read. What it does not accept of ours is listed here with the reason, and nothing stays
listed that is accepted by now.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

import llmroute
import openapi
from conftest import ROOT
from llmroute import Router
from llmroute._core import EventMaker
from provider_probe import Listener
from replay import RECORDED, Exchange, Replay, exchanges, router_for

pytestmark = pytest.mark.skipif(
    not openapi.FILE.exists(), reason="no description of OpenAI's API beside the source tree"
)
needs_recordings = pytest.mark.skipif(
    not RECORDED.exists(), reason="no recorded exchanges beside the source tree"
)

# By dialect of the deployment: the schema of what it is sent.
REQUESTS = {"openai": "CreateChatCompletionRequest", "responses": "CreateResponse"}

# How a recorded request is asked for again, by the dialect it was recorded in.
SHAPES = {"openai": "chat", "responses": "responses", "anthropic": "messages"}


@dataclass
class Known:
    """A fault that is known: where (``case > fault``, without numbers of elements), and why."""

    pattern: str
    why: str


@dataclass
class Ledger:
    """Faults that were found, of which the known ones are crossed out."""

    known: tuple[Known, ...]
    used: set[str] = field(default_factory=set)
    wrong: dict[str, list[str]] = field(default_factory=dict)  # fault: where it was found
    checked: int = 0

    def enter(self, case: str, faults: Iterable[str], source: str = "") -> None:
        self.checked += 1
        for fault in faults:
            entry = f"{case} > " + re.sub(r"\[\d+\]", "[]", fault)
            found = {one.pattern for one in self.known if re.fullmatch(one.pattern, entry, re.S)}
            self.used |= found
            if not found:
                self.wrong.setdefault(entry, []).append(source)

    def close(self, at_least: int) -> None:
        told = [f"{len(where)} times {fault} ({where[0]})" for fault, where in self.wrong.items()]
        assert not told, "\n".join([f"{len(told)} faults", *sorted(told)[:40]])
        idle = {one.pattern for one in self.known} - self.used
        assert not idle, f"accepted by now, take it off the list: {sorted(idle)}"
        assert self.checked >= at_least


class Probe:
    """Deployments as OpenAI's own, on a listener that answers nothing of use."""

    def __init__(self) -> None:
        self.listener = Listener(reply=b"{}", status=418)
        place = {"provider": "openai", "base_url": self.listener.url, "api_key": "sk-none"}
        self.router = Router.from_dict(
            {
                "deployments": {
                    "openai": {**place, "model": "m-1"},
                    "responses": {**place, "model": "m-1", "dialect": "responses"},
                },
                "resilience": {"attempts": 1, "breaker": {"failures": 1_000_000, "error_rate": 1}},
            }
        )

    def sent(self, shape: str, body: dict[str, Any], to: str) -> Any:
        """Return the body that goes out for a request; None where it is refused before."""
        before = len(self.listener.heard)
        with contextlib.suppress(llmroute.LlmrouteError):
            answer = ask(self.router, shape, {**body, "model": to})
            if body.get("stream"):
                list(answer)
        return self.listener.last_body() if len(self.listener.heard) > before else None

    def close(self) -> None:
        self.router.close()
        self.listener.close()


def ask(router: Router, shape: str, body: dict[str, Any]) -> Any:
    if shape == "messages":
        return router.create_message(body, drop_unsupported=True)
    if shape == "responses":
        return router.create_response(body, drop_unsupported=True)
    raw = json.dumps(body).encode()
    call = router.stream if body.get("stream") else router.chat
    return call(raw, model=body["model"], drop_unsupported=True)


@pytest.fixture
def probe() -> Iterator[Probe]:
    made = Probe()
    yield made
    made.close()


@pytest.fixture(scope="module")
def recorded() -> list[Exchange]:
    return exchanges()


def faults_of_request(to: str, body: Any) -> list[str]:
    return [*openapi.faults(REQUESTS[to], body), *openapi.unnamed(REQUESTS[to], body)]


# --- requests of the golden files -----------------------------------------------------------------

GOLDEN_REQUESTS = (
    Known(
        r"openai: (unknown fields pass untouched|an escaped key) > \$\..*: nobody knows it",
        "what it is about: a caller of the same shape may know more than we do",
    ),
    Known(
        r"openai: a parameter by another name > \$\.random_seed: nobody knows it",
        "a provider that calls it so",
    ),
    Known(
        r"responses: an answer in parts, and a refusal > .*'refusal' is not one of .*",
        "a refusal stands in parts only, whose message needs an id that only the provider gives",
    ),
    Known(
        r"responses: the caller's own shape goes as it came > .*",
        "what it is about: an item and a member of no meaning, and all of it is passed on",
    ),
)


def test_what_the_golden_files_send_is_accepted() -> None:
    ledger = Ledger(GOLDEN_REQUESTS)
    for dialect in REQUESTS:
        file = ROOT / "tests/golden" / dialect / "requests.json"
        for case in json.loads(file.read_text()):
            if "body" in case:
                ledger.enter(f"{dialect}: {case['name']}", faults_of_request(dialect, case["body"]))
    ledger.close(70)


def test_what_is_sent_for_vectors_is_accepted(probe: Probe) -> None:
    ledger = Ledger(())
    cases: tuple[dict[str, Any], ...] = (
        {},
        {"dimensions": 8, "user": "u", "encoding_format": "base64"},
        {"input_type": "query"},
    )
    for params in cases:
        for given in ("one", ["one", "two"]):
            with pytest.raises(llmroute.LlmrouteError):
                probe.router.embed(given, model="openai", drop_unsupported=True, **params)
            sent = probe.listener.last_body()
            assert sent["input"] == given
            ledger.enter("vectors", openapi.faults("CreateEmbeddingRequest", sent))
    ledger.close(6)


# --- requests of the recordings -------------------------------------------------------------------

PASSED_ON = "of another provider; what a caller of chat completions says beside is passed on"

RECORDED_REQUESTS = (
    # Callers of chat completions: what they say reaches a provider of that dialect untouched.
    Known(r"chat to openai at api\.cerebras\.ai > \$\.clear_thinking: nobody.*", PASSED_ON),
    Known(r"chat to openai at api\.groq\.com > \$\.(reasoning_format|search_s\w+): .*", PASSED_ON),
    Known(r"chat to openai at api\.groq\.com > \$\.reasoning_effort: 'default' .*", PASSED_ON),
    Known(r"chat to \w+ at api\.groq\.com > \$\.service_tier: 'on_demand' .*", PASSED_ON),
    Known(r"chat to openai at api\.mistral\.ai > \$\.messages\[\]\.content.*", PASSED_ON),
    Known(r"chat to \w+ at api\.mistral\.ai > \$\.tool_choice: 'any' .*", PASSED_ON),
    Known(r"chat to openai at api\.mistral\.ai > \$\.tools\[\]: \{'function'.*", PASSED_ON),
    Known(r"chat to openai at api\.z\.ai > \$\.thinking: nobody.*", PASSED_ON),
    Known(r"chat to openai at .*\.snowflake\w+\.com > \$\.reasoning: nobody.*", PASSED_ON),
    Known(
        r"chat to openai at openrouter\.ai > \$\.(models|preset|provider|reasoning|transforms): .*",
        PASSED_ON,
    ),
    Known(r"chat to openai at openrouter\.ai > \$\.tools\[\]\.type: 'openrouter:.*", PASSED_ON),
    Known(r"chat to openai at router\.huggingface\.co > \$\.messages\[\]\.name: None.*", PASSED_ON),
    Known(r"chat to openai at router\.huggingface\.co > \$\.tool_choice: .*", PASSED_ON),
    Known(
        r"chat to responses at openrouter\.ai > \$\.max_output_tokens: 10 .*",
        "the caller's own bound, below the least that this API takes",
    ),
    # The Responses API to itself: bodies go as they came.
    Known(
        r"responses to responses at (api\.openai\.com|bedrock-mantle.*) > "
        r"\$\.input\[\]\.content\[\]\.type: 'output_text' .*",
        "logprobs are required of a text, and yet recorded requests without them were answered",
    ),
    Known(r"responses to \w+ at openrouter\.ai > \$\.provider: nobody.*", "OpenRouter's own"),
    Known(
        r"responses to \w+ at api\.openai\.com > \$\.temperature: -1 .*",
        "recorded to be refused, and it was",
    ),
)


@needs_recordings
def test_what_is_sent_for_recorded_content_is_accepted(
    probe: Probe, recorded: list[Exchange]
) -> None:
    ledger, refused = Ledger(RECORDED_REQUESTS), 0
    for exchange in recorded:
        shape = SHAPES.get(exchange.dialect)
        if shape is None or not exchange.request:
            continue
        for to in REQUESTS:
            sent = probe.sent(shape, exchange.request, to)
            if sent is None:
                refused += 1
                continue
            case = f"{shape} to {to} at {exchange.host}"
            ledger.enter(case, faults_of_request(to, sent), exchange.id)
    ledger.close(1_320)
    assert refused <= 5


# --- answers --------------------------------------------------------------------------------------


ANSWERS = (
    Known(
        r"CreateChatCompletionResponse from (gemini|responses) .* > \$\.choices\[\]\."
        r"finish_reason: '(UNEXPECTED_TOOL_CALL|complete)' .*",
        "an end that nobody knows is told as the provider tells it, and never taken for a stop",
    ),
    Known(
        r"Response\w* from (gemini|responses|openai) .* > .*incomplete_details.*",
        "the same",
    ),
)


@needs_recordings
def test_answers_have_the_shape_that_was_asked_in(recorded: list[Exchange]) -> None:
    """Whole and streamed, of every dialect; errors are for tests/py/test_recorded.py."""
    ledger = Ledger(ANSWERS)
    asked = [x for x in recorded if x.status == 200]
    with Replay(asked) as replay, router_for(replay, asked) as router:
        for exchange in asked:
            with contextlib.suppress(llmroute.LlmrouteError):
                for name, value in one_of_a_kind(answers(router, exchange)):
                    case = f"{name} from {exchange.dialect} at {exchange.host}"
                    ledger.enter(case, openapi.faults(name, value), exchange.id)
    ledger.close(2_300)


def answers(router: Router, exchange: Exchange) -> Iterator[tuple[str, Any]]:
    """Ask for an exchange in both shapes: what comes back, each with its schema.

    A whole answer of the very API that was asked is the provider's own and as it came.
    """
    model = f"d{exchange.number}"
    response = {"model": model, "input": "hi", "stream": exchange.stream}
    if exchange.stream:
        yield from chunks(router, model)
        for event in router.create_response(response):
            yield "ResponseStreamEvent", event
        return
    if exchange.dialect != "openai":
        yield "CreateChatCompletionResponse", router.chat("hi", model=model).to_dict()
    if exchange.dialect != "responses":
        yield "Response", router.create_response(response).body


def one_of_a_kind(told: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Leave out events that differ from an earlier one in their texts and numbers alone."""
    seen = set()
    for name, value in told:
        kind = re.sub(r'(?<=: )("(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*)', "0", json.dumps(value))
        kind += str(value.get("type"))
        if kind not in seen:
            seen.add(kind)
            yield name, value


def chunks(router: Router, model: str) -> Iterator[tuple[str, Any]]:
    """Tell a stream as chat completions do."""
    maker = EventMaker("chat", "chatcmpl-1", model, 1)
    with router.stream("hi", model=model) as stream:
        for delta in stream:
            for _, data in maker.take(delta):
                yield "CreateChatCompletionStreamResponse", json.loads(data)
    assert stream.usage is not None
    for _, data in maker.finish(stream.usage):
        yield "CreateChatCompletionStreamResponse", json.loads(data)
