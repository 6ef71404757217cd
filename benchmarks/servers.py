"""The upstreams: nginx with a fixed reply, and the epoll server of upstream.cpp."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["nginx", "program", "upstream"]

HERE = Path(__file__).parent
LIBRARIES = {"floor": ["-lcurl"]}

REPLY = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1750000000,"model":"gpt-4o-mini",'
    '"choices":[{"index":0,"message":{"role":"assistant","content":"TCP begins slowly because a '
    "sender cannot know how much the path will carry. It doubles its window each round trip until "
    'a loss or a threshold tells it to grow by one segment instead.","refusal":null},'
    '"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":201,"completion_tokens":40,'
    '"total_tokens":241,"prompt_tokens_details":{"cached_tokens":0}}}'
)


def program(name: str, build: Path) -> Path:
    """Compile a program of this folder where its source is newer; return where it is."""
    source, target = HERE / f"{name}.cpp", build / name
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        command = ["c++", "-std=c++20", "-O2", str(source), "-o", str(target)]
        subprocess.run([*command, *LIBRARIES.get(name, [])], check=True)
    return target


def _on_last_core() -> None:
    # Servers stay where they are, so that every client finds the same neighbours.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@contextlib.contextmanager
def upstream(build: Path) -> Iterator[str]:
    """Run the epoll server; gives its origin. It ends with its standard input."""
    process = subprocess.Popen(
        [program("upstream", build)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_on_last_core,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.communicate()


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Run nginx with the fixed reply; gives its base URL."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; tcp_nodelay on;
  client_max_body_size 16m; client_body_buffer_size 1m;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json;
    return 200 '{REPLY}'; }} }} }}"""
    )
    command = [binary, "-c", str(config), "-p", str(folder)]
    process = subprocess.Popen(command, preexec_fn=_on_last_core)
    try:
        _await_answer(port)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def _await_answer(port: int) -> None:
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("nginx does not answer")
