"""``llmroute demo``: real requests over real sockets while providers fail.

Four simulated providers in two dialects serve a few hundred requests. The favourite is killed with
requests in flight, another answers 429 for a while, the rest are overloaded; then all is well
again. Traffic and faults follow from the seed alone: faults begin and end at request numbers.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llmroute._types import OnInterrupt
from llmroute.cli import screen
from llmroute.errors import LlmrouteError
from llmroute.router import AsyncRouter
from llmroute.testing import Fault, SimulatedProvider

__all__ = ["run"]

IN_FLIGHT = 12
FAVOURITE = "north"
TOPICS = ("slow start", "a B-tree", "the tides", "a fair queue", "vector clocks", "sourdough")
STYLES = ("in one sentence", "to a child", "as a list", "with an example", "in plain words")


@dataclass
class Job:
    """One request of the demo's traffic."""

    number: int
    prompt: str
    stream: bool


@dataclass
class Tally:
    """What a run of the traffic came to."""

    requests: int = 0
    user_failures: int = 0
    attempts: int = 0
    restarts: int = 0
    cost_usd: float = 0.0
    answered_usd: float = 0.0
    served_by: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    decisions: list[dict[str, Any]] = field(default_factory=list)

    def add(self, decision: dict[str, Any]) -> None:
        """Count one finished request."""
        self.attempts += len(decision["attempts"])
        self.restarts += decision["restarts"]
        self.cost_usd += decision["cost"]["usd"] or 0.0
        if decision["status"] == "ok":
            self.served_by[decision["chosen"]] += 1
            self.answered_usd += decision["attempts"][-1]["cost"]["usd"] or 0.0
        self.decisions.append(decision)


class World:
    """The four providers and what happens to them, by request number."""

    def __init__(self, seed: int, total: int) -> None:
        def provider(dialect: str, ttft_ms: float, rate: float, index: int) -> SimulatedProvider:
            return SimulatedProvider(
                dialect,
                seed=seed + index,
                ttft_ms=ttft_ms,
                ttft_sigma=0.25,
                tokens_per_second=rate,
                output_tokens=24,
            )

        self.providers = {
            FAVOURITE: provider("openai", 25, 900, 1),
            "south": provider("anthropic", 45, 700, 2),
            "east": provider("openai", 70, 600, 3),
            "west": provider("anthropic", 95, 500, 4),
        }
        prices = {
            FAVOURITE: (0.60, 2.40),
            "south": (0.80, 4.0),
            "east": (0.3, 1.2),
            "west": (0.25, 1.25),
        }
        self.deployments = {
            name: {
                **p.deployment(),
                "price": {
                    "input_usd_per_million": prices[name][0],
                    "output_usd_per_million": prices[name][1],
                },
            }
            for name, p in self.providers.items()
        }
        self.events = self._script(total)

    def _script(self, total: int) -> dict[int, tuple[str, Callable[[], None]]]:
        def at(share: float) -> int:
            return int(total * share)

        p = self.providers
        busy = [Fault("overloaded", chance=0.6)]
        limited = [Fault("rate_limit", chance=0.9, retry_after_s=1)]

        def overload(faults: list[Fault]) -> Callable[[], None]:
            def happen() -> None:
                p["east"].set_faults(faults)
                p["west"].set_faults(faults)

            return happen

        return {
            at(0.25): (f"{FAVOURITE}, the favourite, is killed in mid-flight", p[FAVOURITE].kill),
            at(0.40): (
                "south begins to answer 429 (9 of 10)",
                lambda: p["south"].set_faults(limited),
            ),
            at(0.55): ("east and west are overloaded (6 of 10)", overload(busy)),
            at(0.60): ("south works again", lambda: p["south"].set_faults([])),
            at(0.70): ("east and west work again", overload([])),
            at(0.75): (f"{FAVOURITE} is back", p[FAVOURITE].revive),
        }

    def close(self) -> None:
        for provider in self.providers.values():
            provider.close()


def run(*, seed: int, requests: int, as_json: bool) -> int:
    """Run the demo and print what happened.

    Parameters
    ----------
    seed : int
        Repeats the same traffic and the same faults.
    requests : int
        How many requests, at least 40.
    as_json : bool
        One JSON document on standard output instead of the story.

    Returns
    -------
    int
        0 where no user saw a failure, else 1.
    """
    requests = max(requests, 40)
    show = screen.Screen() if as_json else screen.Story()
    started = time.perf_counter()
    jobs = _traffic(seed, requests)
    routed = asyncio.run(_routed(seed, jobs, show))
    alone = asyncio.run(_alone(seed, jobs, show))
    document = {
        "seed": seed,
        "requests": routed.requests,
        "user_failures": routed.user_failures,
        "attempts": routed.attempts,
        "restarts": routed.restarts,
        "served_by": dict(sorted(routed.served_by.items())),
        "cost_usd": round(routed.cost_usd, 8),
        "extra_cost_usd": round(routed.cost_usd - routed.answered_usd, 8),
        "without_routing": {
            "deployment": FAVOURITE,
            "requests": alone.requests,
            "user_failures": alone.user_failures,
            "attempts": alone.attempts,
            "errors": dict(sorted(alone.errors.items())),
            "cost_usd": round(alone.cost_usd, 8),
        },
        "elapsed_s": round(time.perf_counter() - started, 2),
        "decisions": routed.decisions,
    }
    if as_json:
        json.dump(document, sys.stdout)
        print()
    else:
        show.summary(document)
    return 0 if routed.user_failures == 0 else 1


def _traffic(seed: int, total: int) -> list[Job]:
    chance = random.Random(seed)
    return [
        Job(n, f"Explain {chance.choice(TOPICS)} {chance.choice(STYLES)}.", chance.random() < 0.4)
        for n in range(total)
    ]


async def _routed(seed: int, jobs: list[Job], show: screen.Screen) -> Tally:
    world = World(seed, len(jobs))
    config = {
        "version": 1,
        "deployments": world.deployments,
        "groups": {"fast": {"deployments": list(world.deployments), "policy": "least_latency"}},
        "resilience": {"attempts": 6, "breaker": {"cooldown_ms": 1000}},
    }
    show.title(config)
    try:
        async with AsyncRouter(config, seed=seed) as router:
            await _first_answer(router, show)
            return await _drive(router, "fast", jobs, world, show)
    finally:
        world.close()


async def _alone(seed: int, jobs: list[Job], show: screen.Screen) -> Tally:
    """Send the same traffic to one deployment with the same faults, one attempt each."""
    show.say(f"\nThe same traffic again, straight to {FAVOURITE}, without routing ...")
    world = World(seed, len(jobs))
    config = {
        "version": 1,
        "deployments": {FAVOURITE: world.deployments[FAVOURITE]},
        # No breaker: a plain client would not have one.
        "resilience": {"attempts": 1, "breaker": {"failures": 1_000_000, "error_rate": 1.0}},
    }
    try:
        async with AsyncRouter(config, seed=seed) as router:
            return await _drive(router, FAVOURITE, jobs, world, screen.Screen(), restart=False)
    finally:
        world.close()


async def _first_answer(router: AsyncRouter, show: screen.Screen) -> None:
    show.say("\nA first answer, streamed:")
    async with router.stream("Explain the demo in one sentence.", model="fast") as stream:
        async for delta in stream:
            show.piece(delta.text)
    show.say(f"\n\n{stream.decision}\n")


async def _drive(
    router: AsyncRouter,
    model: str,
    jobs: list[Job],
    world: World,
    show: screen.Screen,
    *,
    restart: bool = True,
) -> Tally:
    tally = Tally()
    waiting = iter(jobs)
    told: set[str] = set()

    async def worker() -> None:
        for job in waiting:
            if job.number in world.events:
                text, happen = world.events[job.number]
                show.event(job.number, text)
                told.clear()
                happen()
            decision = await _one(router, model, job, tally, restart)
            show.progress(tally.requests, len(jobs), tally.user_failures)
            _tell(decision, told, show)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    show.progress_end()
    return tally


async def _one(
    router: AsyncRouter, model: str, job: Job, tally: Tally, restart: bool
) -> dict[str, Any]:
    tally.requests += 1
    try:
        if job.stream:
            on_interrupt: OnInterrupt = "restart" if restart else "raise"
            async with router.stream(job.prompt, model=model, on_interrupt=on_interrupt) as stream:
                async for _ in stream:
                    pass
            decision = stream.decision.to_dict()
        else:
            reply = await router.chat(job.prompt, model=model)
            decision = reply.decision.to_dict()
    except LlmrouteError as error:
        tally.user_failures += 1
        tally.errors[error.kind] += 1
        decision = error.decision.to_dict()
    tally.add(decision)
    return decision


def _tell(decision: dict[str, Any], told: set[str], show: screen.Screen) -> None:
    """Show the first survival of each kind after an event, with its reasons."""
    if len(decision["attempts"]) < 2:
        return
    kind = (decision["attempts"][0]["error"] or {}).get("kind", "")
    if kind and kind not in told:
        told.add(kind)
        show.decision(decision)
