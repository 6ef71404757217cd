"""Two tenants on one small provider: fair shares, a budget each, nothing paid for twice.

Runs without a key: the provider is simulated, a real HTTP server on this machine.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import llmroute
from llmroute.testing import SimulatedProvider


def main() -> None:
    with SimulatedProvider(ttft_ms=5) as provider:
        config = {
            "deployments": {"small": provider.deployment(limits={"in_flight": 2})},
            "groups": {"chat": {"deployments": ["small"], "on_exhausted": [{"queue_ms": 30_000}]}},
            "budgets": {
                "tenants": {
                    "limit_requests": 40,
                    "per": "day",
                    "by": "metadata.tenant",
                    "groups": ["chat"],
                }
            },
            "cache": {"exact": {"ttl_s": 600, "by": "metadata.tenant"}},
        }
        with llmroute.Router(config) as router, ThreadPoolExecutor(44) as threads:

            def wait_of(tenant: str, question: int) -> float:
                """Ask, and return how long that stood in line, in milliseconds."""
                reply = router.chat(f"question {question}", metadata={"tenant": tenant})
                return float(reply.decision.to_dict()["queued_ms"])

            loud = [threads.submit(wait_of, "loud", i) for i in range(40)]
            quiet = [threads.submit(wait_of, "quiet", i) for i in range(4)]
            longest = {
                "loud": max(future.result() for future in loud),
                "quiet": max(future.result() for future in quiet),
            }
            print({tenant: f"{ms:.0f} ms in line" for tenant, ms in longest.items()})

            again = router.chat("question 1", metadata={"tenant": "quiet"})
            print(again.decision)
            assert again.cost_usd == 0
            try:
                router.chat("one too many", metadata={"tenant": "loud"})
            except llmroute.BudgetExceededError as error:
                print(error)
        assert longest["quiet"] < longest["loud"]


if __name__ == "__main__":
    main()
