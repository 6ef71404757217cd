"""One of two providers dies in the middle of the traffic; nobody who asks notices.

Runs without a key: both providers are simulated, real HTTP servers on this machine.
"""

from __future__ import annotations

import llmroute
from llmroute.testing import SimulatedProvider


def main() -> None:
    with SimulatedProvider("openai", ttft_ms=5) as first, SimulatedProvider("anthropic") as second:
        config = {
            "deployments": {"first": first.deployment(), "second": second.deployment()},
            "groups": {"chat": {"deployments": ["first", "second"], "policy": "ordered"}},
        }
        with llmroute.Router(config) as router:
            print(router.chat("hello", model="chat").deployment)
            first.kill()
            reply = router.chat("are you still there?", model="chat")
            print(reply.deployment)
            print(reply.decision)
            assert reply.deployment == "second"


if __name__ == "__main__":
    main()
