"""A second attempt beside a late one, over real sockets."""

from __future__ import annotations

import pytest

from llmroute import Router
from llmroute.testing import Fault, SimulatedProvider
from provider_probe import eventually

WARM = 24  # more than the core wants to have seen


@pytest.mark.parametrize("stream", [False, True])
def test_the_late_attempt_is_overtaken_and_closed(stream: bool) -> None:
    late = Fault("slow_first_byte", from_request=WARM + 1, delay_ms=60_000)
    with SimulatedProvider(ttft_ms=2, faults=[late]) as a, SimulatedProvider(ttft_ms=2) as b:
        price = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
        group = {"deployments": ["a", "b"], "policy": "ordered", "hedge": {"extra_load": 0.5}}
        config = {
            "deployments": {"a": a.deployment(price=price), "b": b.deployment(price=price)},
            "groups": {"fast": group},
        }

        def ask(router: Router) -> tuple[str, dict[str, object]]:
            if not stream:
                reply = router.chat("hi", model="fast")
                return reply.text, reply.decision.to_dict()
            with router.stream("hi", model="fast") as deltas:
                text = "".join(delta.text for delta in deltas if delta.kind == "text")
            return text, deltas.decision.to_dict()

        with Router.from_dict(config) as router:
            for _ in range(WARM):
                ask(router)
            text, decision = ask(router)
            first, second = decision["attempts"][-2:]  # type: ignore[index]
            assert text
            assert (first["deployment"], first["status"]) == ("a", "cancelled")
            assert (second["deployment"], second["status"]) == ("b", "ok")
            assert second["hedge"]
            assert first["cost"]["usd"] > 0
            assert first["cost"]["kind"] == "estimated"
            assert decision["cost"]["usd"] == pytest.approx(  # type: ignore[index]
                first["cost"]["usd"] + second["cost"]["usd"]
            )
            assert eventually(lambda: a.stats()["aborted_by_client"] >= 1)
            assert router.health()["a"]["in_flight"] == 0
