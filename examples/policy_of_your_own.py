"""A routing policy in Python: long prompts to the careful model, short ones to the cheap one."""

from __future__ import annotations

import llmroute
from llmroute.testing import SimulatedProvider


@llmroute.policy(stand_in="least_cost")
def by_length(request, candidates, context):
    careful_first = request.prompt_tokens > 200
    order = sorted(candidates, key=lambda c: (c.deployment == "careful") != careful_first)
    return order, {c.deployment: f"{request.prompt_tokens} tokens" for c in order}


def main() -> None:
    with SimulatedProvider() as cheap, SimulatedProvider("anthropic") as careful:
        config = {
            "deployments": {"cheap": cheap.deployment(), "careful": careful.deployment()},
            "groups": {"chat": {"deployments": ["cheap", "careful"], "policy": by_length}},
        }
        with llmroute.Router(config) as router:
            short = router.chat("hi", model="chat")
            long = router.chat("Consider this carefully. " * 100, model="chat")
            print(short.decision)
            print(long.decision)
            assert (short.deployment, long.deployment) == ("cheap", "careful")


if __name__ == "__main__":
    main()
