"""What is measured, and the bars it is held to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "Bar", "Case"]


@dataclass(frozen=True)
class Bar:
    """``llmroute <= factor x other``, in CPU; `other` None: an absolute bound."""

    other: str | None
    factor: float


@dataclass(frozen=True)
class Case:
    """One kind of work.

    `path` is the upstream's, `per` what a figure is divided by ("request" or "chunk"), `chunks` how
    many chunks with content a right stream has.
    """

    name: str
    path: str
    kind: str
    in_flight: int
    requests: int
    warmup: int
    bars: tuple[Bar, ...]
    per: str = "request"
    chunks: int = 0
    slow_peers_share: float = 0.1  # peers that cost a hundred times more get fewer requests


CASES = (
    Case(
        "request, 16 in flight",
        "nginx",
        "plain",
        16,
        20_000,
        2_000,
        (Bar("libcurl", 4.0), Bar("aiohttp", 0.6)),
    ),
    Case(
        "request, 1,000 in flight (200 ms reply)",
        "/m/delay-200/v1",
        "plain",
        1_000,
        10_000,
        1_000,
        (Bar("aiohttp", 0.75),),
    ),
    Case(
        "streamed chunk, 16 streams of 200",
        "/m/stream-200-0/v1",
        "stream",
        16,
        800,
        80,
        (Bar("aiohttp", 0.7),),
        per="chunk",
        chunks=200,
    ),
    Case(
        "streamed chunk, one each 5 ms",
        "/m/stream-200-5/v1",
        "stream",
        16,
        64,
        16,
        (Bar("aiohttp", 0.7),),
        per="chunk",
        chunks=200,
        slow_peers_share=0.5,
    ),
    Case(
        "4 MB image body, from Python objects",
        "/m/fixed/v1",
        "big",
        2,
        200,
        20,
        (Bar("libcurl", 5.0),),
        slow_peers_share=0.25,
    ),
    Case("4 MB image body, from bytes", "/m/fixed/v1", "bytes", 2, 200, 20, (Bar("libcurl", 2.0),)),
)
