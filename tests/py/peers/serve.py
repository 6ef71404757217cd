"""Serve a program that nobody here wrote on a free port: `serve.py llama FILE`, `litellm CONFIG`.

Prints ``port N`` once it listens, and ends with its standard input.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Any

import uvicorn


def llama(model: str) -> Any:
    """Return llama-cpp-python's server over one model file."""
    from llama_cpp.server.app import create_app
    from llama_cpp.server.settings import ModelSettings, ServerSettings

    settings = ModelSettings(
        model=model, model_alias="tiny", n_ctx=256, n_threads=1, verbose=False, embedding=True
    )
    # By default a request interrupts the stream of another, which then ends without a reason.
    server = ServerSettings(interrupt_requests=False)
    return create_app(server_settings=server, model_settings=[settings])


def litellm(config: str) -> Any:
    """Return LiteLLM's proxy."""
    os.environ["CONFIG_FILE_PATH"] = config
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.proxy.proxy_server import app

    return app


def main() -> None:
    """Bind, say where, serve."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = {"llama": llama, "litellm": litellm}[sys.argv[1]](sys.argv[2])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))

    def stop_with_stdin() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_with_stdin, daemon=True).start()
    listener.listen()
    print(f"port {listener.getsockname()[1]}", flush=True)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
