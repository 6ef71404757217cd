"""A provider that writes down what it hears, made of the standard library alone."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "heard \u00e9\U0001f600"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
}


class Listener:
    """Answers everything with one reply and keeps what it was sent."""

    def __init__(
        self, reply: Any = None, status: int = 200, tls: ssl.SSLContext | None = None
    ) -> None:
        self.reply: Any = REPLY if reply is None else reply
        self.status = status
        self.headers: dict[str, str] = {}
        self.heard: list[tuple[dict[str, str], bytes]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # one write per answer

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                names = {name.lower(): value for name, value in self.headers.items()}
                listener.heard.append((names, body))
                reply = listener.reply
                raw = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                self.send_response(listener.status)
                for name, value in listener.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}/v1"

    def deployment(self, **extra: Any) -> dict[str, Any]:
        return {
            "provider": "openai",
            "base_url": self.url,
            "model": "m",
            "api_key": "sk-probe-key",
            **extra,
        }

    def last_body(self) -> Any:
        return json.loads(self.heard[-1][1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def eventually(is_true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Look again and again until it is true; only a failing test uses up the time."""
    limit = time.monotonic() + seconds
    pause = threading.Event()
    while not is_true():
        if time.monotonic() > limit:
            return False
        pause.wait(0.005)
    return True
