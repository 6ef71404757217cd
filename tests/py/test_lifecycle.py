"""Birth and death: fork, exit, Ctrl-C, dropped objects, a busy interpreter."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import llmroute
from llmroute import Router
from llmroute.testing import Fault, SimulatedProvider
from provider_probe import eventually

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def alpha() -> Iterator[SimulatedProvider]:
    with SimulatedProvider("openai", ttft_ms=1) as provider:
        yield provider


def config_of(provider: SimulatedProvider) -> dict[str, Any]:
    return {"deployments": {"alpha": provider.deployment()}}


PREAMBLE = """
import asyncio, os, signal, sys, threading, time, warnings
# Python 3.12 and newer warn of every fork beside threads: what happens then is tested here.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
import llmroute
from llmroute.testing import Fault, SimulatedProvider
provider = SimulatedProvider("openai", ttft_ms=1)
router = llmroute.Router.from_dict({"deployments": {"alpha": provider.deployment()}})
def stall():
    provider.set_faults([Fault("stall")])
def in_flight(n):
    while provider.stats()["in_flight"] < n:
        time.sleep(0.005)
"""


def check(done: subprocess.CompletedProcess[str], out: str) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == out.split()
    assert done.stderr == ""


def test_a_forked_child_gets_its_own_router(run_python: Run) -> None:
    code = """
assert router.chat("hi").text
pid = os.fork()
if pid == 0:
    assert router.chat("from the child").text
    async def ask():
        return (await llmroute.AsyncRouter(router).chat("hi")).text
    assert asyncio.run(ask())
    os._exit(7)
status = os.waitpid(pid, 0)[1]
assert router.chat("hi").text
print(os.waitstatus_to_exitcode(status), provider.stats()["requests"])
"""
    check(run_python(PREAMBLE + code), "7 4")


def test_fork_with_requests_in_flight(run_python: Run) -> None:
    code = """
stall()
def wait():
    try: router.chat("hi")
    except llmroute.ClosedError: pass  # at exit
threads = [threading.Thread(target=wait, daemon=True) for _ in range(4)]
stream = router.stream("hi")
for t in threads: t.start()
in_flight(5)
provider.set_faults([])
pids = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        assert router.chat("hi").text
        del stream
        sys.exit(7)
    pids.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [7] * 4)
assert provider.stats()["in_flight"] == 5, provider.stats()
"""
    check(run_python(PREAMBLE + code), "True")


def test_multiprocessing_by_fork(run_python: Run) -> None:
    code = """
import multiprocessing
def work(n):
    return router.chat(f"number {n}").text
router.chat("warm")
with multiprocessing.get_context("fork").Pool(2) as pool:
    texts = pool.map(work, range(6))
print(len(texts), all("number" in t for t in texts))
"""
    check(
        run_python("import warnings; warnings.simplefilter('ignore')" + PREAMBLE + code), "6 True"
    )


@pytest.mark.parametrize(
    "waiting",
    [
        "threading.Thread(target=router.chat, args=('hi',), daemon=True).start()",
        "stream = router.stream('hi')",
        "threading.Thread(target=lambda: list(router.stream('hi')), daemon=True).start()",
        "loop = asyncio.new_event_loop(); task = loop.create_task("
        "llmroute.AsyncRouter(router).chat('hi')); loop.run_until_complete(asyncio.sleep(0))",
        "threading.Thread(target=lambda: asyncio.run(llmroute.AsyncRouter(router).chat('hi')),"
        " daemon=True).start()",
    ],
    ids=["chat", "stream", "reader", "task", "loop"],
)
def test_exit_with_requests_in_flight(run_python: Run, waiting: str) -> None:
    done = run_python(PREAMBLE + f"stall()\n{waiting}\nin_flight(1)\nprint('end')\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "end\n"
    assert "Fatal" not in done.stderr
    assert "terminate" not in done.stderr


def test_exit_with_an_unclosed_router(run_python: Run) -> None:
    check(run_python(PREAMBLE + "print(len(router.chat('hi').text) > 0)"), "True")


@pytest.mark.parametrize("call", ["router.chat('hi')", "list(router.stream('hi'))"])
def test_ctrl_c_interrupts_a_call(call: str) -> None:
    code = PREAMBLE + (
        "stall()\n"
        "def tell():\n    in_flight(1)\n    print('waiting', flush=True)\n"
        "threading.Thread(target=tell).start()\n"
        f"try:\n    {call}\n"
        "except KeyboardInterrupt:\n"
        "    while provider.stats()['aborted_by_client'] < 1: time.sleep(0.005)\n"
        "    provider.set_faults([])\n"
        "    print('interrupted', len(router.chat('again').text) > 0)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=60)
    assert line + out == "waiting\ninterrupted True\n", errors


def test_a_dropped_router_stops_its_thread(alpha: SimulatedProvider) -> None:
    before = set(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None
    router = Router.from_dict(config_of(alpha))
    router.chat("hi")
    reference = weakref.ref(router._shared)
    del router
    gc.collect()
    assert reference() is None
    if before is not None:
        assert eventually(lambda: set(os.listdir("/proc/self/task")) <= before)


def test_descriptors_do_not_pile_up(alpha: SimulatedProvider) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("counts descriptors by /proc")

    def one() -> None:
        with Router.from_dict(config_of(alpha)) as router:
            router.chat("hi")
            with router.stream("hi") as stream:
                list(stream)

    one()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        one()
    gc.collect()
    # Connections that the simulated provider has not noticed the end of yet count for a moment.
    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)


def test_waiting_threads_let_others_run(alpha: SimulatedProvider) -> None:
    alpha.set_faults([Fault("stall")])
    router = Router.from_dict(config_of(alpha))
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            router.chat("hi")
        except llmroute.LlmrouteError as error:
            ended.append(error)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: alpha.stats()["in_flight"] == 8)
    router.close()
    for thread in threads:
        thread.join()
    assert [error.kind for error in ended] == ["closed"] * 8  # type: ignore[attr-defined]


def test_a_busy_interpreter_does_not_slow_the_network_thread(alpha: SimulatedProvider) -> None:
    """The network thread works without the GIL: what it measures stays short while Python is busy.

    A thread that holds the GIL for its whole switch interval would otherwise show up as that
    interval in the latency that the network thread takes down.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.2)
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    busy = threading.Thread(target=spin)
    busy.start()
    try:
        with Router.from_dict(config_of(alpha)) as router:
            took = [router.chat("hi").decision.attempts[0]["total_ms"] for _ in range(5)]
    finally:
        stop.set()
        busy.join()
        sys.setswitchinterval(before)
    assert min(took) < 100
