"""Through a proxy: CONNECT to a TLS provider, with the certificate still checked end to end."""

from __future__ import annotations

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmroute
from provider_probe import Listener

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


class ConnectProxy(socketserver.ThreadingTCPServer):
    """Tunnels whoever comes with the right words, and writes down what was asked of it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, refuse: bytes = b"") -> None:
        self.asked: list[bytes] = []
        self.refuse = refuse
        super().__init__(("127.0.0.1", 0), Tunnel)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: that a client leaves is part of the tests."""


class Tunnel(socketserver.StreamRequestHandler):
    """One client of the proxy."""

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, ConnectProxy)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.readline()
        server.asked.append(head)
        if server.refuse:
            self.wfile.write(server.refuse)
            return
        host, port = head.split()[1].decode().split(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(upstream, self.connection))
            back.start()
            pump(self.connection, upstream)
            back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "both.pem"
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout {file}.key -out {file}",
        shell=True,
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture
def provider(certificate: Path) -> Iterator[Listener]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    listener = Listener(tls=context)
    yield listener
    listener.close()


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    with ConnectProxy() as running:
        yield running
        running.shutdown()


def ask(provider: Listener, proxy: ConnectProxy, **extra: str) -> llmroute.Reply:
    address = f"http://user:hunter2@127.0.0.1:{proxy.server_address[1]}"
    deployment = provider.deployment(proxy=address, **extra)
    config = {"deployments": {"a": deployment}, "resilience": {"attempts": 1}}
    with llmroute.Router.from_dict(config) as router:
        return router.chat("hi", model="a")


def test_a_tls_provider_is_reached_through_a_tunnel(
    provider: Listener, proxy: ConnectProxy, certificate: Path
) -> None:
    reply = ask(provider, proxy, ca_file=str(certificate))
    assert reply.text.startswith("heard")
    assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:")
    assert b"sk-probe-key" not in proxy.asked[0]  # the key is for the other end of the tunnel
    assert provider.heard[0][0]["authorization"] == "Bearer sk-probe-key"
    assert "proxy-authorization" not in provider.heard[0][0]


def test_the_tunnel_is_no_reason_to_trust(provider: Listener, proxy: ConnectProxy) -> None:
    with pytest.raises(llmroute.ConnectError, match="certificate"):
        ask(provider, proxy)
    assert not provider.heard


def test_a_refusal_of_the_proxy_is_a_failure_to_connect(
    provider: Listener, certificate: Path
) -> None:
    with ConnectProxy(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") as proxy:
        with pytest.raises(llmroute.ConnectError) as caught:
            ask(provider, proxy, ca_file=str(certificate))
        proxy.shutdown()
    assert "hunter2" not in str(caught.value)
    assert not provider.heard
