"""A provider that lists its models, and what the doctor says of it."""

from __future__ import annotations

import email.utils
import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llmroute import doctor

KEY = "sk-doctor-secret"
MODELS = {"data": [{"id": "good-model"}, {"id": "other-model"}]}
Route = Callable[[str, dict[str, str]], tuple[int, Any]]


class Provider:
    """Answers GET by a function of path and headers, and keeps what was asked."""

    def __init__(self, route: Route, tls: ssl.SSLContext | None = None, date: float = 0) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.asked.append((self.path, headers))
                status, document = route(self.path, headers)
                raw = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return email.utils.formatdate(time.time() + date, usegmt=True)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def deployment(self, **extra: Any) -> dict[str, Any]:
        made = {"base_url": f"{self.origin}/v1", "model": "good-model", "api_key": KEY, **extra}
        return {name: value for name, value in made.items() if value is not None}

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def guarded(path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Let in whoever has the key."""
    good = headers.get("authorization") == f"Bearer {KEY}"
    if not good:
        return 401, {"error": {"message": "no"}}
    return (200, MODELS) if path == "/v1/models" else (404, {})


def look(deployment: dict[str, Any], **options: Any) -> dict[str, doctor.Check]:
    checks = doctor.examine({"deployments": {"a": deployment}}, timeout_s=5, **options)
    assert KEY not in "".join(map(str, checks))
    assert {check.deployment for check in checks} == {"a"}
    return {check.what: check for check in checks}


def states(checks: dict[str, doctor.Check]) -> dict[str, str]:
    return {what: check.status for what, check in checks.items()}
