"""Budgets: who, what, when; and several real processes on one state file."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from llmroute import BudgetExceededError, Router
from llmroute.testing import SimulatedProvider
from provider_probe import eventually

PRICE = {"input_usd_per_million": 1.0, "output_usd_per_million": 1.0}

WORKER = """
import sys, threading
import llmroute

url, state = sys.argv[1:]
router = llmroute.Router({
    "deployments": {
        "a": {"provider": "openai", "base_url": url, "model": "m", "api_key": "sim-key"}
    },
    "budgets": {"day": {"limit_requests": 1000, "per": "day", "groups": ["*"]}},
    "state": {"path": state},
})

def work():
    while True:
        try:
            router.chat("hi")
        except llmroute.BudgetExceededError:
            return

threads = [threading.Thread(target=work) for _ in range(64)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
router.close()
"""


@pytest.fixture
def provider():
    with SimulatedProvider(ttft_ms=1) as one:
        yield one


def config(provider, budget, **more):
    return {
        "deployments": {"a": provider.deployment(price=PRICE)},
        "groups": {"fast": {"deployments": ["a"]}},
        "budgets": {"team": {"per": "day", "groups": ["fast"], **budget}},
        **more,
    }


def served(router, most=50, **options):
    count = 0
    for _ in range(most):
        try:
            router.chat("hi", model="fast", max_tokens=10, **options)
        except BudgetExceededError as error:
            return count, error
        count += 1
    return count, None


def test_a_spent_budget_says_who_and_when(provider):
    budget = {"limit_requests": 3, "by": "metadata.tenant"}
    with Router(config(provider, budget)) as router:
        count, error = served(router, metadata={"tenant": "acme"})
        assert count == 3
        assert 'budget "team" for "acme" is spent' in str(error)
        assert 0 < error.retry_after <= 86_400
        assert error.decision.to_dict()["budgets"][0]["share"] == 1.0
        assert served(router, metadata={"tenant": "zeta"})[0] == 3, "each has its own"


def test_money_is_counted_as_it_was_spent(provider):
    with Router(config(provider, {"limit_usd": 0.01})) as router:
        reply = router.chat("hi", model="fast", max_tokens=1000)
        spent = reply.cost_usd
        again = router.chat("hi", model="fast", max_tokens=1000)
    share = again.decision.to_dict()["budgets"][0]["share"]
    assert share == pytest.approx(spent / 0.01)


def test_a_budget_steps_down_before_it_blocks(provider):
    settings = config(provider, {"limit_requests": 10, "at": [{"share": 0.5, "group": "cheap"}]})
    settings["groups"]["cheap"] = {"deployments": ["b"]}
    settings["deployments"]["b"] = provider.deployment(price=PRICE)
    with Router(settings) as router:
        chosen = [router.chat("hi", model="fast").deployment for _ in range(10)]
        last = router.explain("hi", model="fast")
    assert chosen == ["a"] * 5 + ["b"] * 5
    assert "so group cheap" in str(last)


def test_a_soft_budget_passes_and_says_so(provider):
    with Router(config(provider, {"limit_requests": 1, "on_exhausted": "allow"})) as router:
        router.chat("hi", model="fast")
        reply = router.chat("hi", model="fast")
    assert reply.decision.to_dict()["budgets"][0]["passed"]


def test_a_restart_forgets_nothing(provider, tmp_path):
    settings = config(provider, {"limit_requests": 10}, state={"path": str(tmp_path / "state.db")})
    with Router(settings) as router:
        assert served(router, 4) == (4, None)
    with Router(settings) as router:
        assert served(router)[0] == 6
    with Router(settings) as router:
        assert served(router)[0] == 0


def test_an_unknown_budget_names_the_nearest(provider):
    router = Router(config(provider, {"limit_requests": 10}))
    with router, pytest.raises(ValueError, match='did you mean "team"'):
        router.chat("hi", model="fast", budget="taem")


def start(provider, state):
    return subprocess.Popen([sys.executable, "-c", WORKER, provider.url, str(state)])


def test_two_processes_share_one_budget_exactly(provider, tmp_path):
    workers = [start(provider, tmp_path / "state.db") for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    assert provider.stats()["requests"] == 1000


def test_a_killed_process_costs_one_lease_at_most(provider, tmp_path):
    workers = [start(provider, tmp_path / "state.db") for _ in range(2)]
    assert eventually(lambda: provider.stats()["requests"] >= 300)
    assert workers[0].poll() is None
    os.kill(workers[0].pid, signal.SIGKILL)
    workers[0].wait()
    assert workers[1].wait(timeout=120) == 0
    # What it held: a lease, a fiftieth of the limit; and a request of each thread that was counted
    # but may not have reached the provider.
    assert 1000 - 20 - 64 <= provider.stats()["requests"] <= 1000


def test_a_locked_file_is_said_once_and_leases_are_spent(provider, tmp_path, caplog):
    path = str(tmp_path / "state.db")
    settings = config(
        provider,
        {"limit_requests": 1000},
        state={"path": path, "busy_ms": 20},
    )
    settings["groups"]["soft"] = {"deployments": ["a"]}
    settings["budgets"]["soft"] = {
        "limit_requests": 1000,
        "per": "day",
        "groups": ["soft"],
        "on_exhausted": "allow",
    }
    with Router(settings) as router:
        router.chat("hi", model="fast")
        router.chat("hi", model="soft")
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        count, error = served(router)
        assert 5 <= count <= 19, "what is left of a lease of twenty"
        assert error is not None
        soft = [router.chat("hi", model="soft").decision.to_dict()["budgets"] for _ in range(30)]
        assert soft[-1][0]["passed"], "it passes, and says so"
        assert not soft[0][0]["passed"], "while its lease lasts it is like any other"
        lock.execute("ROLLBACK")
        lock.close()
    said = [record.getMessage() for record in caplog.records if record.name == "llmroute"]
    assert len([words for words in said if "lock" in words]) == 1, said
