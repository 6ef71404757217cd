"""Servers that nobody here wrote: llama.cpp, LiteLLM's proxy, and nginx with TLS in front of one.

They live in an environment of their own (build/peers), which `make test-peers` makes; without it
these tests are skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmroute import (
    AllAttemptsFailedError,
    AsyncRouter,
    AuthenticationError,
    ConnectError,
    ContextLengthError,
    Router,
)

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "peers"
PYTHON = ROOT / "build" / "peers" / "bin" / "python"
START_S = 120  # importing LiteLLM's proxy takes its time

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="no servers to test against; make test-peers installs them"
)


@contextlib.contextmanager
def serving(kind: str, argument: str | Path, log: Path) -> Iterator[str]:
    """Start one of the servers; its address."""
    command = [str(PYTHON), str(SCRIPTS / "serve.py"), kind, str(argument)]
    with log.open("wb") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("port "):
                break
        else:
            pytest.fail(f"{kind} did not start: {log.read_text(errors='replace')[-2000:]}")
        url = f"http://127.0.0.1:{int(line.split()[1])}"
        answer_of(f"{url}/v1/models")
        yield url
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def answer_of(url: str) -> None:
    """Wait until something at that address answers, whatever it says."""
    until = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=START_S).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if time.monotonic() > until:
                raise


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the model, the configurations and the logs."""
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="module")
def llama(folder: Path) -> Iterator[str]:
    """llama.cpp's OpenAI-compatible server over a tiny model with random weights."""
    model = folder / "tiny.gguf"
    subprocess.run([str(PYTHON), str(SCRIPTS / "make_gguf.py"), str(model)], check=True)
    with serving("llama", model, folder / "llama.log") as url:
        yield url


@pytest.fixture(scope="module")
def litellm(folder: Path, llama: str) -> Iterator[str]:
    """LiteLLM's proxy in front of the same server."""
    upstream = {"model": "openai/tiny", "api_base": f"{llama}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "tiny", "litellm_params": upstream}],
        "general_settings": {"master_key": "sk-peers"},
    }
    file = folder / "litellm.yaml"
    file.write_text(json.dumps(config))
    with serving("litellm", file, folder / "litellm.log") as url:
        yield url


def router_to(url: str, provider: str = "llama.cpp", **more: Any) -> Router:
    deployment = {"provider": provider, "model": "tiny", "base_url": f"{url}/v1", **more}
    return Router({"deployments": {"it": deployment}, "resilience": {"attempts": 1}})


def test_llama_answers_whole_and_in_a_stream_alike(llama: str) -> None:
    with router_to(llama) as router:
        settings: dict[str, Any] = {"max_tokens": 8, "temperature": 0, "seed": 1}
        reply = router.chat("hello", **settings)
        with router.stream("hello", **settings) as stream:
            for _ in stream:
                pass
    assert reply.finish_reason in {"length", "stop"}
    assert reply.usage.reported
    assert reply.usage.input_tokens > 10
    assert reply.usage.to_dict() == {**reply.usage.to_dict(), **reply.to_dict()["usage"]}
    assert stream.text == reply.text
    assert stream.finish_reason == reply.finish_reason


def test_llama_says_when_a_prompt_is_too_long(llama: str) -> None:
    with router_to(llama) as router, pytest.raises(ContextLengthError) as caught:
        router.chat("a b " * 400)
    assert caught.value.status_code == 400


def test_a_prompt_that_is_too_long_goes_to_the_group_that_takes_it(llama: str) -> None:
    from llmroute.testing import SimulatedProvider

    with SimulatedProvider("openai") as roomy:
        small = {"provider": "llama.cpp", "model": "tiny", "base_url": f"{llama}/v1"}
        config = {
            "deployments": {"small": small, "roomy": roomy.deployment()},
            "groups": {
                "main": {"deployments": ["small"], "on_context_too_long": ["roomy"]},
            },
        }
        with Router(config) as router:
            reply = router.chat("a b " * 400, model="main")
    assert reply.deployment == "roomy"
    attempts = reply.decision.to_dict()["attempts"]
    assert [attempt["deployment"] for attempt in attempts] == ["small", "roomy"]


async def test_many_streams_of_llama_at_once_all_end(llama: str) -> None:
    async with AsyncRouter(router_to(llama)) as router:

        async def one(number: int) -> tuple[str | None, str]:
            async with router.stream(f"say {number}", max_tokens=4, temperature=0) as stream:
                async for _ in stream:
                    pass
            return stream.finish_reason, stream.text

        ends = await asyncio.gather(*(one(number) for number in range(6)))
    assert {reason for reason, _ in ends} <= {"length", "stop"}


def test_leaving_a_stream_of_llama_frees_it(llama: str) -> None:
    with router_to(llama) as router:
        with router.stream("tell me everything", max_tokens=200) as stream:
            next(stream)
        # The server works on one request at a time: another one is answered.
        assert router.chat("hi", max_tokens=2).finish_reason in {"length", "stop"}


def test_callers_of_other_apis_reach_llama(llama: str) -> None:
    with router_to(llama) as router:
        user = {"role": "user", "content": "hello"}
        message = router.create_message({"max_tokens": 4, "messages": [user]})
        response = router.create_response({"max_output_tokens": 4, "input": "hello"})
    assert message.body["stop_reason"] in {"max_tokens", "end_turn"}
    assert message.body["usage"]["input_tokens"] > 10
    assert response.body["status"] in {"incomplete", "completed"}


def test_litellms_proxy_is_an_upstream_like_any_other(litellm: str) -> None:
    with router_to(litellm, "litellm", api_key="sk-peers") as router:
        reply = router.chat("hello", max_tokens=4)
        with router.stream("hello", max_tokens=4) as stream:
            for _ in stream:
                pass
    assert reply.usage.reported
    assert reply.finish_reason in {"length", "stop"}
    assert stream.finish_reason in {"length", "stop"}
    assert stream.usage is not None
    assert stream.usage.output_tokens > 0


def test_a_wrong_key_at_litellms_proxy_is_the_keys_fault(litellm: str) -> None:
    refused = (AuthenticationError, AllAttemptsFailedError)
    with (
        router_to(litellm, "litellm", api_key="sk-wrong") as router,
        pytest.raises(refused) as caught,
    ):
        router.chat("hello", max_tokens=4)
    attempt = caught.value.decision.to_dict()["attempts"][0]
    assert attempt["error"]["kind"] == "authentication"


@pytest.fixture(scope="module")
def nginx(folder: Path, llama: str) -> Iterator[tuple[str, Path]]:
    """nginx with TLS and HTTP/2 and a certificate of a test authority; address and its CA file."""
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("needs nginx and the openssl command")
    certificate, key = folder / "server.pem", folder / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    with free_port() as port:
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; error_log {folder}/nginx.log; pid {folder}/nginx.pid;\n"
            "events { worker_connections 64; }\n"
            f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;"
            f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;"
            f" server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate};"
            f" ssl_certificate_key {key};"
            f" location / {{ proxy_pass {llama}; proxy_buffering off; proxy_http_version 1.1; }}"
            " } }\n"
        )
    process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)])
    url = f"https://127.0.0.1:{port}"
    try:
        answer_of_tls(url, certificate)
        yield url, certificate
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def free_port() -> Iterator[int]:
    """Yield a port that nobody has: nginx cannot say which one it was given."""
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def answer_of_tls(url: str, certificate: Path) -> None:
    import ssl

    context = ssl.create_default_context(cafile=str(certificate))
    until = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"{url}/v1/models", timeout=10, context=context).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise


def test_llama_behind_tls_and_http2(nginx: tuple[str, Path]) -> None:
    url, certificate = nginx
    with router_to(url, ca_file=str(certificate)) as router:
        reply = router.chat("hello", max_tokens=4, temperature=0)
        with router.stream("hello", max_tokens=4, temperature=0) as stream:
            for _ in stream:
                pass
    assert stream.text == reply.text


def test_an_unknown_authority_is_refused_by_name(nginx: tuple[str, Path]) -> None:
    url, _ = nginx
    with router_to(url) as router, pytest.raises(ConnectError, match="not trusted"):
        router.chat("hello", max_tokens=4)
