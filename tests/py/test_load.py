"""How busy deployments are: by their metrics pages, by report, by functions; and who is avoided."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import llmroute
from llmroute._core import ManualClock
from llmroute.errors import ConfigError, InvalidRequestError
from provider_probe import REPLY

PAGE = """\
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="m"}} {queue}
vllm:num_requests_running{{engine="0",model_name="m"}} {running}
vllm:kv_cache_usage_perc{{engine="0",model_name="m"}} {kv}
"""


class Server:
    """An inference server as far as routers see it: chat, and a metrics page."""

    def __init__(self, queue: float = 0, running: float = 0, kv: float = 0) -> None:
        self.page = PAGE.format(queue=queue, running=running, kv=kv)
        self.status = 200
        self.looks = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                server.looks += 1
                self.answer(server.status, server.page.encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.answer(200, json.dumps(REPLY).encode())

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def deployment(self, **load: Any) -> dict[str, Any]:
        table: dict[str, Any] = {
            "provider": "openai",
            "base_url": f"{self.url}/v1",
            "model": "m",
            "api_key": "k",
        }
        table["load"] = {"metrics": f"{self.url}/metrics", "every_ms": 50, **load}
        return table

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    pair = Server(queue=12, running=8, kv=0.9), Server(queue=0, running=2, kv=0.2)
    yield pair
    for server in pair:
        server.close()


def config_of(servers: tuple[Server, Server], **load: Any) -> dict[str, Any]:
    return {
        "deployments": {
            "full": servers[0].deployment(**load),
            "free": servers[1].deployment(**load),
        },
        "groups": {"g": {"deployments": ["full", "free"], "policy": "least_loaded"}},
    }


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        threading.Event().wait(0.01)


def test_the_long_queue_is_avoided(servers: tuple[Server, Server]) -> None:
    with llmroute.Router(config_of(servers)) as router:
        until(lambda: all("load_queue" in signals for signals in router.health().values()))
        health = router.health()["full"]
        assert (health["load_queue"], health["load_running"]) == (12, 8)
        assert health["load_kv_cache"] == pytest.approx(0.9)
        assert health["load_age_ms"] >= 0
        went = Counter(router.chat("hi", model="g").deployment for _ in range(10))
        assert went == {"free": 10}
        servers[0].page, servers[1].page = servers[1].page, servers[0].page
        until(lambda: router.health()["full"]["load_queue"] == 0)
        until(lambda: router.health()["free"]["load_queue"] == 12)
        assert router.chat("hi", model="g").deployment == "full"


def test_a_page_that_fails_is_unknown_after_a_while(servers: tuple[Server, Server]) -> None:
    clock = ManualClock()
    with llmroute.Router(config_of(servers, every_ms=1000), clock=clock) as router:
        until(lambda: "load_queue" in router.health()["full"])
        servers[0].status = 500
        looks = servers[0].looks
        for _ in range(8):
            clock.advance_ms(1_000)
            until(lambda before=looks: servers[0].looks > before)
            looks = servers[0].looks
        until(lambda: "load_queue" not in router.health()["full"])
        assert router.health()["full"]["usable"], "its chat may well work"


def test_own_metric_names(servers: tuple[Server, Server]) -> None:
    servers[0].page = 'jobs{state="queued"} 5\njobs{state="done"} 70\nbusy 0.5\n'
    names = {"queue": 'jobs{state="queued"}', "utilisation": "busy"}
    with llmroute.Router(config_of(servers, **names)) as router:
        until(lambda: "load_queue" in router.health()["full"])
        assert router.health()["full"]["load_queue"] == 5
        assert router.health()["full"]["load_utilisation"] == 0.5


@pytest.mark.parametrize(
    ("load", "where"),
    [
        ({"every_ms": 1}, "every_ms"),
        ({"metrics": "ftp://x/metrics"}, "metrics"),
        ({"queue": "a b"}, "queue"),
        ({"queu": "a"}, "queu"),
    ],
)
def test_wrong_tables_are_refused(load: dict[str, Any], where: str) -> None:
    table = {
        "provider": "openai",
        "model": "m",
        "load": {"metrics": "http://127.0.0.1:9/metrics", **load},
    }
    with pytest.raises(ConfigError, match=where):
        llmroute.Router({"deployments": {"a": table}})


TWO = ["ollama/a", "ollama/b"]


def first_of(router: llmroute.Router) -> str:
    decision = router.explain("hi", policy="least_loaded")
    return next(str(c["deployment"]) for c in decision.candidates if c["rank"] == 0)


def test_reports_decide() -> None:
    with llmroute.Router(TWO) as router:
        router.report_load("ollama/a", queue=5)
        assert {first_of(router) for _ in range(20)} == {"ollama/b"}
        router.report_load("ollama/b", queue=9, running=1, kv_cache=0.1, tokens_per_second=5)
        assert {first_of(router) for _ in range(20)} == {"ollama/a"}
        with pytest.raises(InvalidRequestError, match="no deployment"):
            router.report_load("ollama/c", queue=1)
        with pytest.raises(InvalidRequestError, match="at least one"):
            router.report_load("ollama/a")
        with pytest.raises(InvalidRequestError, match="from 0 to 1"):
            router.report_load("ollama/a", kv_cache=45)
        with pytest.raises(InvalidRequestError, match="0 or more"):
            router.report_load("ollama/a", queue=-1)
        with pytest.raises(InvalidRequestError, match="more than 0"):
            router.report_load("ollama/a", queue=1, valid_ms=0)


def test_a_report_grows_old() -> None:
    clock = ManualClock()
    with llmroute.Router(TWO, clock=clock) as router:
        router.report_load("ollama/a", utilisation=0.5, valid_ms=3000)
        assert router.health()["ollama/a"]["load_utilisation"] == 0.5
        clock.advance_ms(3_100)
        assert "load_utilisation" not in router.health()["ollama/a"]


def test_event_loops_report_too() -> None:
    async def main() -> float:
        async with llmroute.AsyncRouter(TWO) as router:
            router.report_load("ollama/a", running=4)
            return float(router.health()["ollama/a"]["load_running"])

    assert asyncio.run(main()) == 4


def test_functions_are_asked_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    asked = threading.Semaphore(0)
    use = iter([0.25, 0.5])

    def utilisation() -> float:
        asked.release()
        return next(use)

    with llmroute.Router(TWO) as router, caplog.at_level(logging.WARNING, "llmroute"):
        sources = {
            "ollama/a": utilisation,
            "ollama/b": lambda: {"queue": 3, "running": None},
        }
        with router.watch_load(sources, every_ms=1):
            for _ in range(4):
                assert asked.acquire(timeout=10)
            health = router.health()
            assert health["ollama/a"]["load_utilisation"] == 0.5
            assert health["ollama/b"]["load_queue"] == 3
        assert "StopIteration" in caplog.text
        assert caplog.text.count("the load of ollama/a is unknown") == 1
        with pytest.raises(InvalidRequestError):
            router.watch_load({"ollama/c": lambda: 0.5})
        with pytest.raises(ValueError, match="every_ms"):
            router.watch_load({}, every_ms=0)


def test_a_watch_ends_with_its_router() -> None:
    router = llmroute.Router(TWO)
    watch = router.watch_load({"ollama/a": lambda: None}, every_ms=1)
    router.close()
    until(lambda: watch._stop.is_set())
    assert "ollama/a" in repr(watch)
