"""From a name to an open line: DNS, TCP, a proxy's tunnel, TLS; each bounded in time."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from llmroute.doctor.checks import Found
from llmroute.doctor.places import Endpoint
from llmroute.doctor.trust import Trust, context_of, find_trust

__all__ = ["Broken", "bounded", "examine_line", "open_line"]

_Value = TypeVar("_Value")
_MAX_ADDRESSES: Final = 4  # tried of one name
_MAX_HEAD_BYTES: Final = 16 << 10  # of a proxy's answer
_SOON_DAYS: Final = 14.0  # a certificate that ends within is worth a word
_DAY_S: Final = 86_400.0


class Broken(Exception):
    """A step that failed, as what is to be reported."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.message)
        self.found = found


def bounded(function: Callable[[], _Value], timeout_s: float) -> _Value:
    """Call what knows no timeout of its own; its thread ends when it does.

    Raises
    ------
    TimeoutError
        It took longer. Anything else that it raised is raised here.
    """
    outcome: queue.SimpleQueue[tuple[_Value | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((function(), None))
        except Exception as error:
            outcome.put((None, error))

    threading.Thread(target=run, name="llmroute-doctor-step", daemon=True).start()
    try:
        value, error = outcome.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # its own None included


@dataclasses.dataclass
class _Walk:
    """The way to one endpoint, with what was found on it."""

    endpoint: Endpoint
    timeout_s: float
    found: list[Found] = dataclasses.field(default_factory=list)

    def note(self, *values: Any) -> None:
        self.found.append(Found(*values))


def examine_line(endpoint: Endpoint, timeout_s: float) -> list[Found]:
    """Walk to an endpoint and say what each step found; what follows a broken one is skipped.

    Parameters
    ----------
    endpoint : Endpoint
        Nothing is sent to it beyond a TLS handshake; to a proxy, CONNECT before that.
    timeout_s : float
        Of each step.
    """
    walk = _Walk(endpoint, timeout_s)
    try:
        line = _walk(walk)
    except Broken as broken:
        walk.found.append(broken.found)
    else:
        line.close()
    done = {found.what for found in walk.found}
    for what in ("name", "connection", "tls"):
        if what not in done:
            why = "plain http" if what == "tls" and not endpoint.tls else "not reached"
            walk.note(what, "skipped", why)
    return walk.found


def open_line(endpoint: Endpoint, timeout_s: float) -> socket.socket:
    """Return a connected socket, with TLS where the endpoint has it.

    Raises
    ------
    Broken
        With the step that failed.
    """
    return _walk(_Walk(endpoint, timeout_s))


def _walk(walk: _Walk) -> socket.socket:
    endpoint = walk.endpoint
    proxy = urlsplit(endpoint.proxy) if endpoint.proxy else None
    host, port = (endpoint.host, endpoint.port) if proxy is None else _proxy_place(proxy)
    addresses = _resolve(walk, host, port)
    line = _connect(walk, addresses, host, port)
    try:
        if proxy is not None and (proxy.scheme.lower() != "http"):
            raise Broken(
                Found("tls", "skipped", f"the way through a {proxy.scheme} proxy is not tried")
            )
        if not endpoint.tls:
            return line
        if proxy is not None:
            _tunnel(walk, line, proxy)
        return _handshake(walk, line)
    except BaseException:
        line.close()
        raise


def _proxy_place(proxy: SplitResult) -> tuple[str, int]:
    usual = {"https": 443, "http": 1080}  # as curl has them: 1080 where none is given
    return proxy.hostname or "", proxy.port or usual.get(proxy.scheme.lower(), 1080)


def _resolve(walk: _Walk, host: str, port: int) -> list[Any]:
    whose = "the proxy's name " if walk.endpoint.proxy else ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        walk.note("name", "ok", f"{whose}{host} is an address")
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    began = time.monotonic()
    problem = ""
    found: list[Any] = []
    try:
        found = bounded(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), walk.timeout_s
        )
    except TimeoutError:
        problem = f"no answer in {walk.timeout_s:g} s"
    except (OSError, UnicodeError) as error:
        problem = getattr(error, "strerror", None) or "it is no valid name"
    if problem or not found:
        advice = "check the spelling in " + ("proxy" if walk.endpoint.proxy else "base_url")
        raise Broken(
            Found(
                "name",
                "broken",
                f"{whose}{host} cannot be resolved: {problem or 'no address'}",
                f"{advice}, and this machine's DNS",
            )
        )
    took = (time.monotonic() - began) * 1e3
    shown = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:2]
    walk.note("name", "ok", f"{whose}{host} is {', '.join(shown)}", "", round(took, 1))
    return found


def _connect(walk: _Walk, addresses: list[Any], host: str, port: int) -> socket.socket:
    deadline = time.monotonic() + walk.timeout_s
    problem = ""
    for family, kind, protocol, _, address in addresses[:_MAX_ADDRESSES]:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        began = time.monotonic()
        line = socket.socket(family, kind, protocol)
        line.settimeout(left)
        try:
            line.connect(address)
        except TimeoutError:
            problem = f"no answer in {walk.timeout_s:g} s"
        except OSError as error:
            problem = error.strerror or type(error).__name__
        else:
            took = (time.monotonic() - began) * 1e3
            to = "the proxy's port" if walk.endpoint.proxy else "port"
            walk.note("connection", "ok", f"{to} {port}, {took:.0f} ms", "", round(took, 1))
            line.settimeout(walk.timeout_s)
            return line
        line.close()
    raise Broken(Found("connection", "broken", f"{host} port {port}: {problem}", _why_not(walk)))


def _why_not(walk: _Walk) -> str:
    if walk.endpoint.proxy:
        return "check that the proxy runs, and its address"
    if walk.endpoint.host in ("localhost", "127.0.0.1", "::1"):
        return "start the server, or correct base_url"
    return "check base_url and the firewall; where only a proxy leads out, set proxy"


def _tunnel(walk: _Walk, line: socket.socket, proxy: SplitResult) -> None:
    endpoint = walk.endpoint
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    head = [f"CONNECT {host}:{endpoint.port} HTTP/1.1", f"Host: {host}:{endpoint.port}"]
    authorization = proxy_authorization(proxy)
    if authorization:
        head.append(f"Proxy-Authorization: {authorization}")
    answer = b""
    problem = ""
    try:
        line.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace"))
        # A byte at a time: what comes behind the head is TLS already.
        while not answer.endswith(b"\r\n\r\n") and len(answer) < _MAX_HEAD_BYTES:
            piece = line.recv(1)
            if not piece:
                break
            answer += piece
    except OSError as error:
        problem = error.strerror or "no answer in time"
    words = answer.split(None, 2)
    status = words[1].decode("ascii", "replace") if len(words) > 1 else ""
    if status == "200":
        return
    said = problem or (f"it answered {status}" if status[:3].isdigit() else "it hung up")
    advice = "check user and password in proxy" if status == "407" else "ask whoever runs it"
    message = f"the proxy opens no tunnel to {host}: {said}"
    raise Broken(Found("tls", "broken", message, advice))


def proxy_authorization(proxy: SplitResult) -> str:
    """Return the header's value for user and password in a proxy's URL; empty without them."""
    if not proxy.username:
        return ""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _handshake(walk: _Walk, line: socket.socket) -> socket.socket:
    trust = find_trust(walk.endpoint.ca_file)
    if trust.problem:
        raise Broken(_no_trust(trust))
    try:
        context = context_of(trust)
    except OSError:
        raise Broken(_no_trust(dataclasses.replace(trust, problem="is no bundle"))) from None
    try:
        wrapped = context.wrap_socket(line, server_hostname=walk.endpoint.host)
    except ssl.SSLCertVerificationError as error:
        raise Broken(_not_trusted(error, walk.endpoint.host, trust)) from None
    except OSError as error:  # ssl.SSLError is one, TimeoutError too
        raise Broken(_no_handshake(error)) from None
    _describe(walk, wrapped, trust)
    return wrapped


def _no_trust(trust: Trust) -> Found:
    if not trust.path:
        advice = "install ca-certificates, or set ca_file"
        return Found("tls", "broken", "no bundle of trusted certificates was found", advice)
    message = f"{trust.by} {trust.path} {trust.problem}"
    return Found("tls", "broken", message, f"correct {trust.by}: a file of certificates in PEM")


def _not_trusted(error: ssl.SSLCertVerificationError, host: str, trust: Trust) -> Found:
    why = error.verify_message or "it cannot be verified"
    by = f"{trust.by} ({trust.path})"
    advice = f"set ca_file to the bundle of the CA that signed it; looked at: {by}"
    if "expired" in why or "not yet valid" in why:
        advice = "check this machine's clock; else the server needs another certificate"
    elif "mismatch" in why or "match" in why:
        advice = "base_url has to use a name that the certificate is for"
    return Found("tls", "broken", f"the certificate of {host} is refused: {why}", advice)


def _no_handshake(error: OSError) -> Found:
    reason = getattr(error, "reason", None)
    if isinstance(error, TimeoutError):
        reason = "no answer in time"
    message = f"no TLS: {reason or error.strerror or type(error).__name__}"
    advice = "check that this port speaks TLS; base_url may want http://, or another port"
    return Found("tls", "broken", message, advice)


def _describe(walk: _Walk, line: ssl.SSLSocket, trust: Trust) -> None:
    certificate: Any = line.getpeercert() or {}
    issuer = {key: value for part in certificate.get("issuer", ()) for key, value in part}
    signed = issuer.get("organizationName") or issuer.get("commonName") or "an unnamed CA"
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY_S
    message = (
        f"{line.version()}, signed by {signed}, trusted by {trust.by} ({trust.path}), "
        f"valid for {days:.0f} days"
    )
    if days < _SOON_DAYS:
        advice = "whoever runs the server has to renew the certificate"
        walk.note("tls", "warning", message, advice, round(days, 1))
        return
    walk.note("tls", "ok", message, "", round(days, 1))
