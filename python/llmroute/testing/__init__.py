"""Helpers for tests: simulated providers, a manual clock, and tests of where requests go.

A simulated provider is a real HTTP server on 127.0.0.1 that speaks a real dialect, with latency,
token rate and faults of your choice. Nothing is mocked: the router under test opens sockets.

Examples
--------
>>> import llmroute
>>> from llmroute.testing import Fault, SimulatedProvider
>>> with SimulatedProvider("openai", faults=[Fault("server_error", to_request=1)]) as provider:
...     with llmroute.Router({"deployments": {"sim": provider.deployment()}}) as router:
...         reply = router.chat("hi", model="sim")
...         [attempt["status"] for attempt in reply.decision.attempts]
['failed', 'ok']
"""

from __future__ import annotations

from llmroute._core import ManualClock
from llmroute.testing.expect import Expectation, RoutingTestResult, expect, run_routing_tests
from llmroute.testing.simulated import Fault, SimulatedProvider, read_simulation

__all__ = [
    "Expectation",
    "Fault",
    "ManualClock",
    "RoutingTestResult",
    "SimulatedProvider",
    "expect",
    "read_simulation",
    "run_routing_tests",
]
