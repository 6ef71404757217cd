"""What a router keeps beyond its process, what it says of it, and forks."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import Router, _submit
from llmroute.testing import SimulatedProvider

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def alpha() -> Iterator[SimulatedProvider]:
    with SimulatedProvider("openai", ttft_ms=1) as provider:
        yield provider


def config_of(provider: SimulatedProvider, path: Path | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"deployments": {"alpha": provider.deployment()}}
    if path is not None:
        config["state"] = {"path": str(path)}
    return config


class _Core:
    """Stands in for the native core: has something to say."""

    def __init__(self, notices: list[str]) -> None:
        self.notices = notices

    def take_notices(self) -> list[str]:
        taken, self.notices = self.notices, []
        return taken


def test_notices_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    shared = _submit.Shared.__new__(_submit.Shared)
    shared.core = _Core(["the state store does not answer: 100 %s", "it works again"])  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING, "llmroute"):
        shared.tell()
        shared.tell()
    assert [record.getMessage() for record in caplog.records] == [
        "the state store does not answer: 100 %s",
        "it works again",
    ]
    assert {record.name for record in caplog.records} == {"llmroute"}


def test_a_router_without_troubles_says_nothing(
    alpha: SimulatedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    with Router(config_of(alpha)) as router:
        assert router.chat("hi").text
        assert router._shared.core.take_notices() == []
        with pytest.raises(llmroute.InvalidRequestError):
            router.chat("hi", model="nobody")
    assert caplog.records == []


def test_forks_from_several_threads_go_on(run_python: Run) -> None:
    code = """
import os, threading, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
import llmroute
config = {"deployments": {"a": {"provider": "openai", "model": "gpt-4o-mini"}}}
routers = [llmroute.Router(config) for _ in range(3)]
codes = []
def forks():
    for _ in range(5):
        pid = os.fork()
        if pid == 0:
            os._exit(len(routers[0].models))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
threads = [threading.Thread(target=forks) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(len(codes), set(codes))
"""
    done = run_python(code)
    assert done.stderr == ""
    assert done.stdout.split() == ["20", "{1}"]


def test_a_child_may_let_go_of_the_parents_router(run_python: Run) -> None:
    code = """
import os
import llmroute
router = llmroute.Router({"deployments": {"a": {"provider": "openai", "model": "gpt-4o-mini"}}})
pid = os.fork()
if pid == 0:
    del router
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_file_is_made_and_closed(alpha: SimulatedProvider, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with Router(config_of(alpha, path)) as router:
        assert router.chat("hi").text
        assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.db"]
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_damaged_file_is_moved_and_named(
    alpha: SimulatedProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.db"
    path.write_text("no database" * 500)
    with Router(config_of(alpha, path)):
        pass
    assert (tmp_path / "state.db.corrupt-1").read_text() == "no database" * 500
    assert [r.getMessage() for r in caplog.records if "corrupt-1" in r.getMessage()]


def test_a_path_that_cannot_be_used_is_a_config_error(
    alpha: SimulatedProvider, tmp_path: Path
) -> None:
    with pytest.raises(llmroute.ConfigError, match=r"state\.path.*none does not exist"):
        Router(config_of(alpha, tmp_path / "none" / "state.db"))


def test_a_reload_stays_with_the_file(alpha: SimulatedProvider, tmp_path: Path) -> None:
    with Router(config_of(alpha, tmp_path / "state.db")) as router:
        router.reload(config_of(alpha, tmp_path / "state.db"))
        with pytest.raises(llmroute.ConfigError, match="make a new one"):
            router.reload(config_of(alpha, tmp_path / "other.db"))
        assert router.chat("hi").text


def test_a_child_opens_the_file_for_itself(run_python: Run, tmp_path: Path) -> None:
    code = """
import os, sys
import llmroute
config = {
    "deployments": {"a": {"provider": "openai", "model": "gpt-4o-mini"}},
    "state": {"path": sys.argv[1]},
}
router = llmroute.Router(config)
def files():
    links = (os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
             if os.path.lexists(f"/proc/self/fd/{n}"))
    return sum(link.startswith(sys.argv[1]) for link in links)
before = files()
pid = os.fork()
if pid == 0:
    inherited = files()
    router.explain("hi")
    os._exit(0 if inherited == 0 and files() > 0 else 1)
print(before > 0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    done = run_python(code, str(tmp_path / "state.db"))
    assert done.stderr == ""
    assert done.stdout.split() == ["True", "0"]
