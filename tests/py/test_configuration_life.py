"""Versions of a configuration: reload, refusals, history, diff, rollback, files that change."""

from __future__ import annotations

import gc
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import llmroute
from llmroute import ConfigError, Router, lifecycle
from llmroute.testing import SimulatedProvider
from provider_probe import eventually

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def alpha() -> Iterator[SimulatedProvider]:
    with SimulatedProvider(ttft_ms=1) as provider:
        yield provider


def plain(policy: str = "ordered", **more: Any) -> dict[str, Any]:
    """Make a configuration without secrets."""
    one = {"provider": "openai", "model": "m", "api_key": "env:NO_KEY"}
    group = {"deployments": ["a"], "policy": policy}
    return {"deployments": {"a": one}, "groups": {"fast": group}, **more}


def state(path: Path) -> dict[str, Any]:
    return {"state": {"path": str(path)}}


# --- numbers --------------------------------------------------------------------------------------


def test_decisions_name_the_version_they_were_made_with() -> None:
    with Router(plain()) as router:
        assert router.version == 1
        assert router.explain("hi").to_dict()["snapshot_version"] == 1
        version = router.reload(plain("weighted"), "ada", "fairer")
        assert (version.number, version.who, version.why) == (2, "ada", "fairer")
        assert version.changes == ('groups.fast.policy: "ordered" -> "weighted"',)
        assert router.version == 2
        assert router.explain("hi").to_dict()["snapshot_version"] == 2


def test_what_says_the_same_keeps_its_number(alpha: SimulatedProvider) -> None:
    with Router(plain()) as router:
        assert router.reload({**plain()}).number == 1
        assert len(router.history()) == 1
    # A key that is not kept may be another one.
    literal = {"deployments": {"a": alpha.deployment()}}
    with Router(literal) as router:
        assert router.reload(literal).number == 2
        assert router.history()[1].changes == ()


def test_a_configuration_that_is_refused_changes_nothing() -> None:
    with Router(plain()) as router:
        with pytest.raises(ConfigError, match="did you mean"):
            router.reload(plain("orderd"))
        with pytest.raises(ConfigError):
            router.reload("none.toml")
        assert router.version == 1
        assert len(router.history()) == 1
        assert router.reload(plain("weighted")).number == 2


def test_what_is_in_use_is_not_taken_away(alpha: SimulatedProvider) -> None:
    config = {
        "deployments": {"a": alpha.deployment(), "b": alpha.deployment()},
        "groups": {"fast": {"deployments": ["a"]}, "slow": {"deployments": ["b"]}},
    }
    only_a = {"slow": {"deployments": ["a"]}}
    without = {**config, "groups": {"slow": config["groups"]["slow"]}}
    with Router(config) as router:
        router.chat("hi", model="slow")
        assert router.reload(without).number == 2, "nobody asked for it"
        router.reload(config)
        router.chat("hi", model="fast")
        with pytest.raises(ConfigError, match=r"groups\.fast: is gone, and 1 requests") as caught:
            router.reload(without)
        assert caught.value.path == "groups.fast"
        assert router.chat("hi", model="fast").text
        assert router.version == 3
        assert router.reload(without, force=True).number == 4
        router.chat("hi", model="b")
        with pytest.raises(ConfigError, match=r"deployments\.b: is gone"):
            router.reload({"deployments": {"a": alpha.deployment()}, "groups": only_a})


def test_requests_that_name_nothing_go_on(alpha: SimulatedProvider) -> None:
    one = {"deployments": {"a": alpha.deployment()}}
    with Router(one) as router:
        router.chat("hi")
        assert router.reload({"deployments": {"b": alpha.deployment()}}).number == 2
        two = {"deployments": {"a": alpha.deployment(), "b": alpha.deployment()}}
        with pytest.raises(ConfigError, match="several groups, and 1 requests named none"):
            router.reload(two)
        assert router.chat("hi").deployment == "b"


def test_what_the_linter_refuses_is_refused(
    alpha: SimulatedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, Any, dict[str, int]]] = []

    def refusals(old: Any, new: Any, traffic: dict[str, int]) -> list[Any]:
        asked.append((old, new, traffic))
        finding = types.SimpleNamespace(
            path="groups.fast", message="nobody is left", slug="group_emptied"
        )
        return [finding] if new["groups"]["fast"]["policy"] == "weighted" else []

    monkeypatch.setitem(sys.modules, "llmroute.lint", types.SimpleNamespace(refusals=refusals))
    old = {"deployments": {"a": alpha.deployment()}, "groups": plain()["groups"]}
    new = {**old, "groups": plain("weighted")["groups"]}
    with Router(old) as router:
        router.chat("hi")
        router.chat("hi", model="fast")
        router.chat("hi", model="a")
        with pytest.raises(ConfigError, match=r"nobody is left \(group_emptied\).*force") as caught:
            router.reload(new)
        assert caught.value.path == "groups.fast"
        assert asked == [(old, new, {"fast": 2, "a": 1})]
        assert router.version == 1
        assert router.reload(new, force=True).number == 2
        assert router.rollback(1).number == 3
        assert len(asked) == 2


def test_the_file_and_line_of_what_is_refused_are_named(tmp_path: Path) -> None:
    file = tmp_path / "llmroute.toml"
    file.write_text('[groups.fast]\ndeployments = ["ollama/llama3"]\n')
    with Router(file) as router:
        file.write_text('[groups.fast]\ndeployments = ["ollama/llama3"]\npolicy = "non"\n')
        with pytest.raises(ConfigError, match=r"llmroute\.toml:3: groups\.fast\.policy"):
            router.reload(file)


# --- looking back ---------------------------------------------------------------------------------


def test_history_shows_who_did_what_when_and_why() -> None:
    with Router(plain()) as router:
        router.reload(plain("weighted"), "ada", "fairer")
        router.reload(plain("weighted", queue={"max_waiting": 5}), "bob")
        history = router.history()
    assert [(v.number, v.who, v.why) for v in history] == [
        (1, None, None),
        (2, "ada", "fairer"),
        (3, "bob", None),
    ]
    assert history[2].changes == ("queue: added",)
    assert [v.at for v in history] == sorted(v.at for v in history)
    text = str(history[1])
    assert text.startswith("v2  20")
    assert "by ada  from a list or dictionary: fairer\n    groups.fast.policy" in text
    assert history[1].to_dict()["changes"] == list(history[1].changes)


def test_the_history_is_bounded() -> None:
    with Router(plain()) as router:
        for i in range(1, 131):
            router.reload(plain(queue={"max_waiting": i}))
        numbers = [version.number for version in router.history()]
        assert numbers == list(range(32, 132))
        with pytest.raises(ConfigError, match="there is no version 31; versions 32 to 131"):
            router.rollback(31)


def test_diff_compares_versions() -> None:
    with Router(plain()) as router:
        router.reload(plain("weighted"))
        router.reload(plain("round_robin"))
        assert router.diff(1, 2).splitlines()[:2] == ["--- version 1", "+++ version 2"]
        assert '+groups.fast.policy = "weighted"' in router.diff(1, 2)
        assert router.diff(1) == router.diff(1, 3)
        assert router.diff(2, 2) == ""
        with pytest.raises(ConfigError, match="there is no version 7; versions 1 to 3 are kept"):
            router.diff(1, 7)


def test_rollback_serves_an_old_one_under_a_new_number(alpha: SimulatedProvider) -> None:
    policies = []

    @llmroute.policy
    def last(request: Any, candidates: Any, context: Any) -> Any:
        policies.append(1)
        return candidates[::-1]

    keys = []

    def key() -> str:
        keys.append(1)
        return "sim-key"

    first = {
        "deployments": {"a": alpha.deployment(api_key=key), "b": alpha.deployment()},
        "groups": {"fast": {"deployments": ["a", "b"], "policy": last}},
    }
    second = {**first, "groups": {"fast": {"deployments": ["a", "b"], "policy": "ordered"}}}
    with Router(first) as router:
        assert router.chat("hi").deployment == "b"
        router.reload(second)
        assert router.chat("hi").deployment == "a"
        version = router.rollback(1, "ada")
        assert (version.number, version.who, version.why) == (3, "ada", "rollback to version 1")
        assert not version.whole
        assert router.chat("hi").deployment == "b"
        assert router.chat("hi").decision.to_dict()["snapshot_version"] == 3
    assert len(policies) == 3
    assert keys


# --- the state file -------------------------------------------------------------------------------


def test_versions_outlive_the_router(tmp_path: Path) -> None:
    more = state(tmp_path / "state.db")
    with Router(plain(**more)) as router:
        assert router.version == 1
        router.reload(plain("weighted", **more), "ada")
    with Router(plain("weighted", **more)) as router:
        assert router.version == 2, "it says what the latest said"
        assert router.explain("hi").to_dict()["snapshot_version"] == 2
        assert [v.who for v in router.history()] == [None, "ada"]
    with Router(plain("round_robin", **more)) as router:
        assert router.version == 3
        assert router.rollback(1).number == 4
        assert router.explain("hi").to_dict()["policy"]["name"] == "ordered"
        assert [v.number for v in router.history()] == [1, 2, 3, 4]
    with Router(plain(queue={"max_waiting": 3}, **more)) as router:
        assert router.version == 5


def test_no_secret_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    one = {"provider": "openai", "model": "m", "api_keys": ["sk-first", "env:K"]}
    one |= {"headers": {"x-team": "sk-second"}, "proxy": "http://u:sk-third@127.0.0.1:9"}
    with Router({"deployments": {"a": one}, **state(path)}) as router:
        router.reload({"deployments": {"a": one, "b": one}, **state(path)})
        number = router.version
    assert b"sk-" not in path.read_bytes()
    with Router({"deployments": {"a": {"provider": "openai", "model": "m"}}, **state(path)}) as r:
        assert not r.history()[0].whole
        with pytest.raises(ConfigError, match="version 2 held keys, headers or functions, which"):
            r.rollback(number)


def test_routers_that_share_a_file_never_share_a_number(tmp_path: Path) -> None:
    more = state(tmp_path / "state.db")
    with Router(plain(**more)) as one, Router(plain(**more)) as other:
        assert one.version == other.version == 1
        seen: list[int] = []

        def change(router: Router, base: int) -> None:
            for i in range(12):
                config = plain(queue={"max_waiting": base + i}, **more)
                seen.append(router.reload(config, who=str(base)).number)

        threads = [
            threading.Thread(target=change, args=(router, base))
            for router, base in ((one, 100), (one, 200), (other, 300), (other, 400))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seen) == list(range(2, 50))
        assert [v.number for v in one.history()] == list(range(1, 50))
        assert {v.who for v in other.history()} == {None, "100", "200", "300", "400"}
        last = {v.number: v for v in one.history()}[one.version]
        assert one._shared.history().serving.document == last.document
        # Whoever serves what the file has as its latest has its number.
        latest = one.history()[-1]
        assert other._shared.serve(one._shared.history().loaded(49), None, None).number == 49
        assert latest.number == 49


def test_processes_that_share_a_file_never_share_a_number(run_python: Run, tmp_path: Path) -> None:
    code = """
import sys, llmroute
def config(n):
    return {"groups": {"g": {"deployments": ["ollama/a"]}}, "queue": {"max_waiting": n},
            "state": {"path": sys.argv[1], "busy_ms": 10000}}
base = int(sys.argv[2])
with llmroute.Router(config(base)) as router:
    print(*[router.version, *(router.reload(config(base + i)).number for i in range(1, 10))])
"""
    path = str(tmp_path / "state.db")
    command = [sys.executable, "-c", code, path]
    running = [
        subprocess.Popen([*command, str(base)], stdout=subprocess.PIPE, text=True)
        for base in (100, 200, 300)
    ]
    numbers = [int(word) for process in running for word in process.communicate()[0].split()]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sorted(numbers) == list(range(1, 31))


def test_a_configuration_changes_also_while_its_file_does_not_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.db"
    more: dict[str, Any] = {"state": {"path": str(path), "busy_ms": 1}}
    with Router(plain(**more)) as router:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        assert router.reload(plain("weighted", **more)).number == 2
        assert router.explain("hi").to_dict()["snapshot_version"] == 2
        assert [v.number for v in router.history()] == [1, 2]
        other.execute("ROLLBACK")
        other.close()
        assert router.reload(plain("round_robin", **more)).number == 3
        assert [v.number for v in router.history()] == [1, 2, 3]
    assert any("version 2 is not in the history" in r.getMessage() for r in caplog.records)


def test_what_others_wrote_is_skipped_where_it_cannot_be_read(tmp_path: Path) -> None:
    more = state(tmp_path / "state.db")
    with Router(plain(**more)) as router:
        core = router._shared.core
        for i, junk in enumerate((b"", b"[]", b"{}", b'{"version": "x"}', b"\xff")):
            core.store_put(f"config/{i + 2:012d}", junk)
        assert [v.number for v in router.history()] == [1]
        assert router.reload(plain("weighted", **more)).number == 7
        core.store_erase("config-latest")
        assert router.reload(plain("round_robin", **more)).number == 8


def test_a_version_that_could_not_be_served_leaves_no_trace(tmp_path: Path) -> None:
    with Router(plain(**state(tmp_path / "a.db"))) as router:
        with pytest.raises(ConfigError, match="make a new one"):
            router.reload(plain(**state(tmp_path / "b.db")))
        assert [v.number for v in router.history()] == [1]
        # Its number is used up all the same.
        assert router.reload(plain("weighted", **state(tmp_path / "a.db"))).number == 3


# --- under load -----------------------------------------------------------------------------------


def test_a_thousand_reloads_lose_no_request(alpha: SimulatedProvider) -> None:
    def config(number: int) -> dict[str, Any]:
        name = f"v{number}"
        group = {"deployments": [f"{name}-a", f"{name}-b"]}
        deployments = {f"{name}-{x}": alpha.deployment() for x in "ab"}
        return {"deployments": deployments, "groups": {"fast": group}}

    decisions: list[dict[str, Any]] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def ask(router: Router) -> None:
        while not done.is_set():
            try:
                decisions.append(router.chat("hi", model="fast").decision.to_dict())
            except BaseException as error:
                failures.append(error)
                return

    with Router(config(1)) as router:
        threads = [threading.Thread(target=ask, args=(router,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(2, 1_002):
            assert router.reload(config(number)).number == number
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(decisions) > 4
    for decision in decisions:
        own = f"v{decision['snapshot_version']}-"
        used = {c["deployment"] for c in decision["candidates"]} | {decision["chosen"]}
        used |= {attempt["deployment"] for attempt in decision["attempts"]}
        assert all(name.startswith(own) for name in used), decision
    assert len({decision["snapshot_version"] for decision in decisions}) > 4


# --- files that change ----------------------------------------------------------------------------

GOOD = '[groups.fast]\ndeployments = ["ollama/llama3"]\npolicy = "{}"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "llmroute.toml"
    path.write_text(GOOD.format("ordered"))
    return path


def notices(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_a_changed_file_is_reloaded(file: Path) -> None:
    with Router(file) as router:
        watcher = router.watch(seconds=0)
        assert watcher.poll() is None
        file.write_text(GOOD.format("weighted"))
        version = watcher.poll()
        assert version is not None
        assert (version.number, version.who, version.source) == (2, "watch", str(file))
        assert watcher.poll() is None
        assert router.explain("hi").to_dict()["policy"]["name"] == "weighted"


def test_only_its_content_counts(file: Path) -> None:
    with Router(file) as router:
        watcher = router.watch(seconds=0)
        os.utime(file, (1, 1))
        assert watcher.poll() is None
        file.write_text(GOOD.format("weighted"))
        os.utime(file, (1, 1))
        assert watcher.poll() is not None, "of another size"
        other = file.with_suffix(".new")
        other.write_text(GOOD.format("least_cost"))
        os.utime(other, (1, 1))
        os.replace(other, file)
        assert watcher.poll() is not None, "another file of that name"


def test_two_changes_within_one_tick_are_both_seen(file: Path) -> None:
    with Router(file) as router:
        watcher = lifecycle.Watcher(router._shared, file, 0, now_s=lambda: 101.0)
        for policy in ("ordered ", " ordered"):  # of one length, at one time
            text = GOOD.format("ordered").replace("policy", f"# {policy}\npolicy")
            file.write_text(text)
            os.utime(file, (100, 100))
            assert watcher.poll() is not None


def test_a_change_that_cannot_be_used_is_said_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Router(file) as router:
        watcher = router.watch(seconds=0)
        file.write_text(GOOD.format("orderd"))
        for _ in range(3):
            assert watcher.poll() is None
        assert router.version == 1
        (said,) = notices(caplog)
        assert "stays as it is" in said
        assert 'did you mean "ordered"' in said
        file.write_text("[groups.fast")
        assert watcher.poll() is None
        assert "not valid TOML" in notices(caplog)[1]
        file.write_text(GOOD.format("weighted"))
        assert watcher.poll() is not None


def test_a_file_that_goes_away_and_comes_back(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Router(file) as router:
        watcher = router.watch(seconds=0)
        text = file.read_text()
        file.unlink()
        assert watcher.poll() is watcher.poll() is None
        assert [said.rsplit(" ", 2)[1:] for said in notices(caplog)] == [["is", "gone"]]
        file.write_text(text)
        assert watcher.poll() is None, "nothing changed"
        file.unlink()
        file.mkdir()
        assert watcher.poll() is None
        assert len(notices(caplog)) == 2
        assert router.explain("hi").candidates


def test_what_takes_traffic_away_is_refused_from_a_file_too(
    alpha: SimulatedProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import json

    path = tmp_path / "llmroute.json"
    groups = {"fast": {"deployments": ["a"]}, "slow": {"deployments": ["a"]}}
    config: dict[str, Any] = {"deployments": {"a": alpha.deployment()}, "groups": groups}
    path.write_text(json.dumps(config))
    with Router(path) as router:
        watcher = router.watch(seconds=0)
        router.chat("hi", model="fast")
        del groups["fast"]
        path.write_text(json.dumps(config))
        assert watcher.poll() is None
        assert "groups.fast: is gone, and 1 requests asked for it" in notices(caplog)[0]
        assert "sim-key" not in caplog.text
        assert router.chat("hi", model="fast").text


def test_the_thread_looks_by_itself_and_never_dies(file: Path) -> None:
    with Router(file, watch=True) as router:
        watcher = router.watch(seconds=0.002)
        file.write_text("no configuration")
        eventually(lambda: watcher._said != "")
        file.write_text(GOOD.format("weighted"))
        eventually(lambda: router.version == 2)
        assert watcher._stop.is_set() is False
    assert watcher._stop.is_set()
    assert watcher.poll() is None


def test_a_watched_router_can_be_dropped(file: Path) -> None:
    router = Router(file, watch=True)
    gone = weakref.ref(router._shared)
    watcher = router.watch(seconds=0)
    del router
    gc.collect()
    assert gone() is None
    assert watcher.poll() is None


@pytest.mark.parametrize("source", [["ollama/llama3"], {"groups": {}}])
def test_only_files_can_be_watched(source: Any, file: Path) -> None:
    if source == {"groups": {}}:
        source = plain()
    with pytest.raises(ValueError, match="not made from a file"):
        Router(source, watch=True)
    with Router(source) as router:
        assert repr(router.watch(file, seconds=0)) == f"<Watcher of {file}>"


def test_a_forked_child_watches_for_itself(run_python: Run, file: Path) -> None:
    code = """
import os, sys, time, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
import llmroute
router = llmroute.Router(sys.argv[1], watch=True)
router.watch(seconds=0.002)
pid = os.fork()
with open(sys.argv[1]) as file:
    text = file.read()
if pid == 0:
    while router.version == 1:
        time.sleep(0.002)
    router.explain("hi")
    os._exit(router.version)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(text.replace("ordered", "weighted"))
os.replace(sys.argv[1] + ".new", sys.argv[1])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
while router.version == 1:
    time.sleep(0.002)
"""
    done = run_python(code, str(file))
    assert (done.stdout, done.stderr) == ("2\n", "")
