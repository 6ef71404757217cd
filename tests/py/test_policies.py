"""Python policies: what they may return, and what happens when they fail."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import pytest

from llmroute import policies
from llmroute.policies import Policy, PolicyContext, plan, plan_async, policy

CONTEXT = PolicyContext(group="fast", seed=7)


@dataclass
class FakeCandidate:
    deployment: str
    ttft_p50_ms: float = 100.0
    ttft_p95_ms: float = 200.0
    in_flight: int = 0
    error_rate: float = 0.0
    weight: float = 1.0
    measured: bool = True
    price: float = 1.0

    def estimated_cost_usd(self, request: Any) -> float:
        return self.price


CANDIDATES = [FakeCandidate("a", price=3), FakeCandidate("b", price=1), FakeCandidate("c", price=2)]


def run(function: Any, **options: Any) -> policies.Plan:
    return plan(Policy(function, **options), object(), CANDIDATES, CONTEXT)


@pytest.mark.parametrize(
    ("answer", "order", "reasons"),
    [
        (lambda cs: sorted(cs, key=lambda c: c.price), ["b", "c", "a"], []),
        (lambda cs: ["c", "a"], ["c", "a"], []),
        (lambda cs: (cs[0],), ["a"], []),
        (lambda cs: (cs[0], cs[1]), ["a", "b"], []),
        (lambda cs: ("b", "a"), ["b", "a"], []),
        (lambda cs: (["b", "a"], ["cheap", "good"]), ["b", "a"], ["cheap", "good"]),
        (lambda cs: (["b", "a"], {"a": "good"}), ["b", "a"], ["", "good"]),
        (lambda cs: (["b", "a"], ["cheap"]), ["b", "a"], ["cheap", ""]),
        (lambda cs: (["b"], None), ["b"], []),
        (lambda cs: iter(cs), ["a", "b", "c"], []),
    ],
)
def test_answers_that_are_orders(answer: Any, order: list[str], reasons: list[str]) -> None:
    result = run(lambda request, candidates, context: answer(candidates))
    assert result == policies.Plan(order, reasons)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (None, "f returned NoneType, not an order of candidates"),
        (7, "f returned int, not an order of candidates"),
        ("a", "f returned str, not an order of candidates"),
        ({"a": 1}, "f returned dict, not an order of candidates"),
        ([], "f returned an empty order"),
        (["a", "a"], "f returned a twice"),
        (["nobody"], "f returned something that is not one of the candidates"),
        ([1], "f returned something that is not one of the candidates"),
        ([object()], "f returned something that is not one of the candidates"),
    ],
)
def test_garbage_is_named_and_not_used(answer: Any, failure: str) -> None:
    result = run(lambda request, candidates, context: answer, name="f")
    assert result.order == []
    assert result.failure == failure


def test_an_exception_names_its_type_but_not_its_text() -> None:
    def leaky(request: Any, candidates: Any, context: Any) -> Any:
        raise ValueError("key sk-secret")

    assert run(leaky).failure == "leaky raised ValueError"


def test_a_late_answer_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.5])
    monkeypatch.setattr(policies.time, "perf_counter", lambda: next(clock))
    result = run(lambda request, candidates, context: candidates, name="slow", timeout_ms=100)
    assert result.failure == "slow took longer than 100 ms"


async def first_async(request: Any, candidates: Any, context: Any) -> Any:
    await asyncio.sleep(0)
    return [candidates[0]]


async def stuck(request: Any, candidates: Any, context: Any) -> Any:
    await asyncio.Event().wait()


def test_coroutine_policies_work_from_plain_code() -> None:
    assert plan(Policy(first_async), object(), CANDIDATES, CONTEXT).order == ["a"]


def test_coroutine_policies_work_on_a_running_loop_both_ways() -> None:
    async def main() -> tuple[policies.Plan, policies.Plan]:
        chosen = Policy(first_async)
        inner = plan(chosen, object(), CANDIDATES, CONTEXT)
        return inner, await plan_async(chosen, object(), CANDIDATES, CONTEXT)

    for result in asyncio.run(main()):
        assert result.order == ["a"]


def test_a_stuck_coroutine_is_cancelled() -> None:
    chosen = Policy(stuck, timeout_ms=5)
    assert "longer than 5 ms" in plan(chosen, object(), CANDIDATES, CONTEXT).failure
    late = asyncio.run(plan_async(chosen, object(), CANDIDATES, CONTEXT))
    assert "longer than 5 ms" in late.failure


def test_callable_objects_are_policies() -> None:
    class Cheapest:
        def __call__(self, request: Any, candidates: Any, context: Any) -> Any:
            return sorted(candidates, key=lambda c: c.estimated_cost_usd(request))

    class Later:
        async def __call__(self, request: Any, candidates: Any, context: Any) -> Any:
            return ["c"]

    assert Policy(Cheapest()).name == "Cheapest"
    assert plan(Policy(Cheapest()), object(), CANDIDATES, CONTEXT).order == ["b", "c", "a"]
    assert plan(Policy(Later()), object(), CANDIDATES, CONTEXT).order == ["c"]


def test_decorator_with_and_without_arguments() -> None:
    @policy
    def plain(request: Any, candidates: Any, context: Any) -> Any:
        """Says what it does."""
        return candidates

    @policy(name="quick", stand_in="least_cost", timeout_ms=5)
    def named(request: Any, candidates: Any, context: Any) -> Any:
        return candidates

    assert (plain.name, plain.stand_in, plain.__doc__) == (
        "plain",
        "weighted",
        "Says what it does.",
    )
    assert (named.name, named.stand_in, named.timeout_ms) == ("quick", "least_cost", 5)
    assert plain(None, [1], CONTEXT) == [1]


@pytest.mark.parametrize("timeout_ms", [0, -1, math.nan])
def test_impossible_time_limits(timeout_ms: float) -> None:
    with pytest.raises(ValueError, match="timeout_ms must be above 0"):
        Policy(first_async, timeout_ms=timeout_ms)


def test_not_callable() -> None:
    with pytest.raises(TypeError, match="must be callable, got int"):
        Policy(3)  # type: ignore[arg-type]
