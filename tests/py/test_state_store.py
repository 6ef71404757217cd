"""The state store as the face sees it: of a router, in memory and on disk, and of a file alone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import _core
from llmroute.testing import ManualClock, SimulatedProvider

DEPLOYMENTS = {"a": {"provider": "openai", "model": "gpt-4o-mini"}}


@pytest.fixture(params=["memory", "router", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "file":
        opened = _core.StateFile(str(tmp_path / "state.db"))
        yield opened
        opened.close()
        return
    path = {"state": {"path": str(tmp_path / "state.db")}} if request.param == "router" else {}
    with llmroute.Router({"deployments": DEPLOYMENTS, **path}) as router:
        yield router._shared.core


def test_entries_are_written_listed_and_erased(store: Any) -> None:
    store.store_put("a/1", b"one")
    store.store_put("a/2", b"\x00\xff", 60)
    store.store_put("b", b"")
    assert store.store_get("a/2") == b"\x00\xff"
    assert store.store_get("a/3") is None
    assert store.store_scan("a/", 9) == [("a/1", b"one"), ("a/2", b"\x00\xff")]
    assert store.store_scan("a/", 1) == [("a/1", b"one")]
    store.store_erase("a/1")
    store.store_erase("a/1")
    assert store.store_get("a/1") is None


def test_only_the_first_of_many_writers_puts_what_is_new(store: Any) -> None:
    won: list[str] = []

    def write(name: str) -> None:
        if store.store_put_new("k", name.encode()):
            won.append(name)

    threads = [threading.Thread(target=write, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.store_get("k") == won[0].encode()
    store.store_erase("k")
    assert store.store_put_new("k", b"again", 60)


@pytest.mark.parametrize("key", ["", "k" * 513])
def test_keys_out_of_bounds_are_refused(store: Any, key: str) -> None:
    for call in (
        lambda: store.store_put(key, b""),
        lambda: store.store_put_new(key, b""),
        lambda: store.store_get(key),
        lambda: store.store_erase(key),
    ):
        with pytest.raises(llmroute.InvalidRequestError, match="key of the state store"):
            call()


@pytest.mark.parametrize(
    ("ttl", "alive"), [(None, True), (3.1e9, True), (float("nan"), True), (0, False), (-5, False)]
)
def test_what_has_no_time_left_is_gone(store: Any, ttl: float | None, alive: bool) -> None:
    store.store_put("k", b"v", ttl)
    assert (store.store_get("k") is not None) is alive


def test_entries_of_a_router_expire_by_its_clock() -> None:
    clock = ManualClock()
    with llmroute.Router({"deployments": DEPLOYMENTS}, clock=clock) as router:
        core = router._shared.core
        core.store_put("k", b"v", 10)
        clock.advance_ms(9_999)
        assert not core.store_put_new("k", b"w", 10)
        clock.advance_ms(1)
        assert core.store_get("k") is None
        assert core.store_put_new("k", b"w", 10)


def test_a_closed_owner_says_so(tmp_path: Path) -> None:
    router = llmroute.Router({"deployments": DEPLOYMENTS})
    opened = _core.StateFile(str(tmp_path / "state.db"))
    router.close()
    opened.close()
    opened.close()
    for owner in (router._shared.core, opened):
        with pytest.raises(llmroute.ClosedError):
            owner.store_get("k")


def test_a_file_that_cannot_be_opened_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(llmroute.ConfigError, match="none does not exist"):
        _core.StateFile(str(tmp_path / "none" / "state.db"))


def test_a_file_that_is_locked_is_a_capacity_error(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    opened = _core.StateFile(str(path), busy_ms=1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(llmroute.CapacityError, match="locked by another process"):
        opened.store_put("k", b"v")
    with pytest.raises(llmroute.CapacityError, match="locked by another process"):
        opened.store_put_new("k", b"v")
    other.execute("ROLLBACK")
    other.close()
    assert opened.store_put_new("k", b"v")
    opened.close()


def test_traffic_is_counted_by_what_was_asked_for() -> None:
    with SimulatedProvider(ttft_ms=1) as alpha:
        config: dict[str, Any] = {
            "deployments": {"a": alpha.deployment()},
            "groups": {"fast": {"deployments": ["a"]}, "slow": {"deployments": ["a"]}},
        }
        with llmroute.Router(config) as router:
            core = router._shared.core
            assert core.traffic() == {}
            for model in ("fast", "fast", "a"):
                router.chat("hi", model=model)
            router.explain("hi", model="slow")
            with pytest.raises(llmroute.InvalidRequestError):
                router.chat("hi", model="nobody")
            assert core.traffic() == {"fast": 2, "a": 1}
            router.reload({"deployments": config["deployments"]}, force=True)
            router.chat("hi")
            assert core.traffic() == {"": 1, "a": 1}


def test_pretended_trouble_shows_in_decisions() -> None:
    config = {
        "deployments": {name: {"provider": "openai", "model": name} for name in "abc"},
        "groups": {"fast": {"deployments": ["a", "b", "c"], "policy": "ordered"}},
    }
    with llmroute.Router(config, clock=ManualClock()) as router:
        core = router._shared.core
        core.pretend("a", "down")
        core.pretend("b", "limited")
        reasons = {c["deployment"]: c["reason"] for c in router.explain("hi").candidates}
        assert reasons == {"a": "breaker_open", "b": "cooling_down", "c": "kept"}
        with pytest.raises(llmroute.InvalidRequestError, match='did you mean "a"'):
            core.pretend("aa", "down")
        with pytest.raises(llmroute.InvalidRequestError, match='not "sad"'):
            core.pretend("a", "sad")


def test_a_pool_of_keys_is_limited_as_a_whole() -> None:
    one = {"provider": "openai", "model": "m", "api_keys": ["env:A", "env:B", "env:C"]}
    config = {
        "deployments": {"a": one, "b": {"provider": "openai", "model": "n"}},
        "groups": {"fast": {"deployments": ["a", "b"], "policy": "ordered"}},
    }
    with llmroute.Router(config, clock=ManualClock()) as router:
        router._shared.core.pretend("a", "limited")
        assert router.explain("hi").candidates[0]["reason"] == "cooling_down"
