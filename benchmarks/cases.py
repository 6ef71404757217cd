"""What is measured, and the bars it is held to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "Bar", "Case"]


@dataclass(frozen=True)
class Bar:
    """``llmroute <= factor x other``, in CPU of the same run."""

    other: str
    factor: float


@dataclass(frozen=True)
class Case:
    """One kind of work.

    `path` is the upstream's ("nginx": the fixed reply), `kind` what the client sends and reads (see
    ``callers.py``), `chunks` how many chunks with content a right stream has. `clients` restricts
    who takes part. `prompt`: a stall would stand out, so latencies of 35-50 ms are counted and
    compared with the floor's.
    """

    name: str
    path: str
    kind: str
    in_flight: int
    requests: int
    warmup: int
    bars: tuple[Bar, ...] = ()
    chunks: int = 0
    slow_share: float = 0.1  # peers that cost twenty times more get fewer requests
    prompt: bool = False
    clients: tuple[str, ...] = ()

    @property
    def per(self) -> str:
        """What a figure is divided by."""
        return "chunk" if self.chunks else "request"


PAIR = ("libcurl", "llmroute")

CASES = (
    Case(
        name="request, 16 in flight",
        path="nginx",
        kind="plain",
        in_flight=16,
        requests=20_000,
        warmup=2_000,
        bars=(Bar("libcurl", 4.0), Bar("aiohttp", 0.6)),
        prompt=True,
    ),
    Case(
        name="request, 1,000 in flight (200 ms reply)",
        path="/m/delay-200/v1",
        kind="plain",
        in_flight=1_000,
        requests=4_000,
        warmup=1_000,
        bars=(Bar("aiohttp", 0.75),),
        slow_share=0.25,
    ),
    Case(
        name="streamed chunk, 16 streams of 200",
        path="/m/stream-200-0/v1",
        kind="stream",
        in_flight=16,
        requests=480,
        warmup=48,
        bars=(Bar("aiohttp", 0.7),),
        chunks=200,
    ),
    Case(
        name="streamed chunk, 16 streams, one each 5 ms",
        path="/m/stream-200-5/v1",
        kind="stream",
        in_flight=16,
        requests=64,
        warmup=16,
        bars=(Bar("aiohttp", 0.7),),
        chunks=200,
        slow_share=0.5,
    ),
    Case(
        name="4 MB image body, from Python objects",
        path="/m/fixed/v1",
        kind="big",
        in_flight=1,
        requests=60,
        warmup=6,
        bars=(Bar("libcurl", 5.0),),
        slow_share=0.5,
    ),
    Case(
        name="4 MB image body, from bytes",
        path="/m/fixed/v1",
        kind="bytes",
        in_flight=1,
        requests=60,
        warmup=6,
        bars=(Bar("libcurl", 2.0),),
        clients=PAIR,
    ),
    # One at a time nothing queues, so that a delayed acknowledgement has nowhere to hide.
    Case("request, one at a time", "nginx", "plain", 1, 2_000, 100, prompt=True, clients=PAIR),
    Case("64 KB body, one at a time", "nginx", "middle", 1, 1_000, 50, prompt=True, clients=PAIR),
    Case(
        name="streamed chunk, one stream of 200",
        path="/m/stream-200-0/v1",
        kind="stream",
        in_flight=1,
        requests=400,
        warmup=20,
        chunks=200,
        prompt=True,
        clients=PAIR,
    ),
)
