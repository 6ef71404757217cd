"""The doctor: each step against a server that has exactly one thing wrong."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmroute
from listing_probe import KEY, MODELS, Provider, guarded, look, states
from llmroute import doctor
from llmroute.cli import main
from llmroute.doctor import places, trust, verdicts

# --- what is right --------------------------------------------------------------------------------


def test_all_is_well() -> None:
    today = datetime.date.today().isoformat()
    price = {"input_usd_per_million": 0.15, "output_usd_per_million": 0.6, "date": today}
    with Provider(guarded) as provider:
        checks = look(provider.deployment(price=price), online=True)
    assert states(checks) == {
        "proxy": "ok",
        "name": "ok",
        "connection": "ok",
        "tls": "skipped",
        "key": "ok",
        "key_valid": "ok",
        "model": "ok",
        "clock": "ok",
        "price": "ok",
    }
    assert "0.15 / 0.6" in checks["price"].message
    assert not any(check.advice for check in checks.values())
    # With the key, and without it, to see that the list is a proof.
    assert [headers.get("authorization") for _, headers in provider.asked] == [
        f"Bearer {KEY}",
        None,
    ]


def test_without_online_nothing_is_asked() -> None:
    with Provider(guarded) as provider:
        checks = look(provider.deployment())
    assert not provider.asked
    assert {w for w, c in checks.items() if "--online" in c.message} == {
        "key_valid",
        "model",
        "clock",
    }


def test_checks_come_in_the_order_of_the_configuration() -> None:
    with Provider(guarded) as provider:
        deployments = {name: provider.deployment() for name in ("c", "a", "b")}
        checks = doctor.examine({"deployments": deployments})
        one = doctor.examine({"deployments": deployments}, deployments=["a"])
    assert list(dict.fromkeys(check.deployment for check in checks)) == ["c", "a", "b"]
    assert [check.what for check in one] == list(doctor.checks.KINDS)


def test_an_unknown_deployment_is_named_with_the_nearest() -> None:
    with pytest.raises(llmroute.ConfigError, match="ollama/llama3"):
        doctor.examine(["ollama/llama3"], deployments=["ollama/lama3"])
    with pytest.raises(ValueError, match="timeout_s"):
        doctor.examine(["ollama/llama3"], timeout_s=0)


# --- the way there --------------------------------------------------------------------------------


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        checks = look({"base_url": f"http://127.0.0.1:{port}", "model": "m"}, online=True)
    assert checks["connection"].status == "broken"
    assert "start the server" in checks["connection"].advice
    assert checks["key_valid"].message == "not reached"


def test_a_name_that_nobody_has() -> None:
    checks = look({"base_url": "http://nobody.invalid/v1", "model": "m"})
    assert checks["name"].status == "broken"
    assert "base_url" in checks["name"].advice
    assert checks["connection"].status == "skipped"


def test_a_name_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stop.wait(20))
    deployment = {"base_url": "http://slow.invalid/v1", "model": "m"}
    checks = doctor.examine({"deployments": {"a": deployment}}, timeout_s=0.05)
    stop.set()
    assert {c.what: c.message for c in checks}["name"].endswith("no answer in 0.05 s")


def test_a_server_that_accepts_and_says_nothing(ca: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deployment = {
            "base_url": f"https://127.0.0.1:{silent.getsockname()[1]}",
            "model": "m",
            "ca_file": str(ca.file),
        }
        checks = doctor.examine({"deployments": {"a": deployment}}, timeout_s=0.5)
    found = {check.what: check for check in checks}
    assert found["connection"].status == "ok"
    assert found["tls"].status == "broken"
    assert "no answer in time" in found["tls"].message


# --- TLS ------------------------------------------------------------------------------------------


class Authority:
    """A CA that nobody else has heard of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "ca.pem"
        self._run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 "
            f"-subj '/O=Throwaway CA/CN=root' -keyout {folder}/ca.key -out {self.file}"
        )

    def _run(self, command: str) -> None:
        subprocess.run(command, shell=True, check=True, capture_output=True, timeout=60)

    def server(self, name: str, alternative: str = "IP:127.0.0.1", days: int = 200) -> Any:
        stem = self.folder / name
        extension = self.folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternative}\n")
        self._run(
            f"openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} "
            f"-keyout {stem}.key -out {stem}.csr && openssl x509 -req -in {stem}.csr "
            f"-CA {self.file} -CAkey {self.folder}/ca.key -CAcreateserial -days {days} "
            f"-extfile {extension} -out {stem}.pem"
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{stem}.pem", f"{stem}.key")
        return context


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return Authority(tmp_path_factory.mktemp("ca"))


def test_tls_says_who_signed_and_who_trusts(ca: Authority) -> None:
    with Provider(guarded, tls=ca.server("good")) as provider:
        checks = look(provider.deployment(ca_file=str(ca.file)), online=True)
    assert states(checks)["tls"] == "ok"
    message = checks["tls"].message
    assert "signed by Throwaway CA" in message
    assert f"trusted by ca_file ({ca.file})" in message
    assert checks["tls"].value == pytest.approx(200, abs=1.1)
    assert states(checks)["key_valid"] == "ok"


def test_the_bundle_may_come_from_the_environment(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
    with Provider(guarded, tls=ca.server("good")) as provider:
        assert "trusted by SSL_CERT_FILE" in look(provider.deployment())["tls"].message


@pytest.mark.parametrize(
    ("made", "message", "advice"),
    [
        ({"alternative": "DNS:elsewhere.example"}, "mismatch", "base_url has to use a name"),
        ({"days": -1}, "expired", "clock"),
    ],
)
def test_a_certificate_that_is_wrong(
    ca: Authority, made: dict[str, Any], message: str, advice: str
) -> None:
    try:
        context = ca.server("wrong", **made)
    except subprocess.CalledProcessError:
        pytest.skip("this openssl makes no such certificate")
    with Provider(guarded, tls=context) as provider:
        check = look(provider.deployment(ca_file=str(ca.file)))["tls"]
    assert check.status == "broken"
    assert message in check.message
    assert advice in check.advice


def test_a_certificate_that_ends_soon_is_a_warning(ca: Authority) -> None:
    with Provider(guarded, tls=ca.server("soon", days=3)) as provider:
        check = look(provider.deployment(ca_file=str(ca.file)))["tls"]
    assert (check.status, round(check.value or 0)) == ("warning", 3)


def test_a_ca_that_is_not_trusted(ca: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with Provider(guarded, tls=ca.server("good")) as provider:
        checks = look(provider.deployment(ca_file=str(other.file)), online=True)
    assert checks["tls"].status == "broken"
    assert "set ca_file" in checks["tls"].advice
    assert not provider.asked  # no key over a line that is not trusted
    assert checks["model"].status == "skipped"


def test_a_bundle_that_is_none(tmp_path: Path, ca: Authority) -> None:
    text = tmp_path / "ca.txt"
    text.write_text("hello")
    with Provider(guarded, tls=ca.server("good")) as provider:
        nonsense = look(provider.deployment(ca_file=str(text)))["tls"]
        missing = look(provider.deployment(ca_file=str(tmp_path / "gone")))["tls"]
    assert "is no bundle" in nonsense.message
    assert "cannot be read" in missing.message


def test_plain_http_where_tls_is_expected(ca: Authority) -> None:
    with Provider(guarded) as provider:
        url = provider.origin.replace("http:", "https:")
        check = look(provider.deployment(base_url=url, ca_file=str(ca.file)))["tls"]
    assert check.status == "broken"
    assert "http://" in check.advice


def test_the_ladder_is_the_cores(
    source_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = (source_root / "cpp/llmroute/net/ca_ladder.cpp").read_text()
    table = source[source.index("kSystemFiles") : source.index("};")]
    assert tuple(re.findall(r'"([^"]+)"', table)) == trust.SYSTEM_FILES
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone"))
    assert trust.find_trust("") == trust.Trust(
        str(tmp_path / "gone"), "SSL_CERT_FILE", "cannot be read"
    )
    monkeypatch.delenv("SSL_CERT_FILE")
    assert trust.find_trust("").by == "SSL_CERT_DIR"
    monkeypatch.delenv("SSL_CERT_DIR")
    monkeypatch.setattr(trust, "SYSTEM_FILES", ())
    assert trust.find_trust("").problem == "no bundle was found"


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_that_is_refused() -> None:
    with Provider(guarded) as provider:
        checks = look(provider.deployment(api_key="sk-doctor-wrong"), online=True)
    assert checks["key_valid"].status == "broken"
    assert "sk-doctor-wrong" not in str(checks)
    assert checks["model"].status == "skipped"


@pytest.mark.parametrize(
    ("status", "found", "word"),
    [
        (402, "warning", "credit"),
        (403, "warning", "may not list"),
        (404, "skipped", "no list of models at /v1/models"),
        (429, "warning", "limited"),
        (503, "warning", "503"),
        (302, "warning", "302"),
    ],
)
def test_what_the_status_says(status: int, found: str, word: str) -> None:
    with Provider(lambda *_: (status, {"error": f"{KEY} 401"})) as provider:
        checks = look(provider.deployment(), online=True)
    assert checks["key_valid"].status == found
    assert word in checks["key_valid"].message
    assert checks["model"].status == "skipped"


def test_a_list_for_everybody_proves_no_key() -> None:
    with Provider(lambda *_: (200, MODELS)) as provider:
        checks = look(provider.deployment(), online=True)
        without = look(provider.deployment(api_key=None), online=True)
    assert checks["key_valid"].status == "skipped"
    assert "open to everybody" in checks["key_valid"].message
    assert checks["model"].status == "ok"
    assert without["key_valid"].message == "none is needed"
    assert without["key"].message == "none is configured"


def test_every_key_of_a_pool_is_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    monkeypatch.setenv("DOCTOR_BAD", "sk-bad")
    monkeypatch.delenv("DOCTOR_GONE", raising=False)
    keys = [f"file:{file}", "env:DOCTOR_BAD", "env:DOCTOR_GONE", lambda: KEY, lambda: 1 / 0]
    with Provider(guarded) as provider:
        deployment = provider.deployment(api_key=None, api_keys=keys)
        checks = doctor.examine({"deployments": {"a": deployment}}, online=True)
    there = [check.status for check in checks if check.what == "key"]
    valid = [check.status for check in checks if check.what == "key_valid"]
    assert there == ["ok", "ok", "broken", "ok", "broken"]
    assert valid == ["ok", "broken", "ok"]
    said = "\n".join(map(str, checks))
    assert "export DOCTOR_GONE" in said
    assert "raised ZeroDivisionError" in said
    assert KEY not in said
    assert "sk-bad" not in said


@pytest.mark.parametrize("key", ["sk with space", "sk-line\nsecond", "sk-ümlaut"])
def test_a_key_that_no_header_carries(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_KEY", key)
    with Provider(guarded) as provider:
        checks = look(provider.deployment(api_key="env:DOCTOR_KEY"), online=True)
    assert checks["key"].status == "broken"
    assert key not in str(checks)
    assert not provider.asked


def test_a_callable_that_hangs_is_bounded() -> None:
    stop = threading.Event()

    def slow() -> str:
        stop.wait(20)
        return KEY

    with Provider(guarded) as provider:
        config = {"deployments": {"a": provider.deployment(api_key=slow)}}
        checks = doctor.examine(config, timeout_s=0.1)
    stop.set()
    assert "gave nothing in 0.1 s" in {c.what: c.message for c in checks}["key"]


def test_an_empty_key_file_and_a_folder(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with Provider(guarded) as provider:
        for source, word in ((empty, "is empty"), (tmp_path, "cannot be read")):
            check = look(provider.deployment(api_key=f"file:{source}"))["key"]
            assert check.status == "broken"
            assert word in check.message


# --- proxies --------------------------------------------------------------------------------------


@pytest.fixture
def tunnel() -> Iterator[Any]:
    from test_proxy import ConnectProxy

    with ConnectProxy() as running:
        yield running
        running.shutdown()


def test_through_a_proxy(ca: Authority, tunnel: Any) -> None:
    proxy = f"http://user:hunter2@127.0.0.1:{tunnel.server_address[1]}"
    with Provider(guarded, tls=ca.server("good")) as provider:
        checks = look(provider.deployment(ca_file=str(ca.file), proxy=proxy), online=True)
    assert {checks[what].status for what in ("proxy", "name", "tls", "key_valid")} == {"ok"}
    assert "hunter2" not in "".join(map(str, checks.values()))
    assert all(head.startswith(b"CONNECT 127.0.0.1:") for head in tunnel.asked)
    assert KEY.encode() not in b"".join(tunnel.asked)
    assert b"Proxy-Authorization: Basic dXNlcjpodW50ZXIy" in tunnel.asked[0]


def test_a_proxy_that_refuses(ca: Authority) -> None:
    from test_proxy import ConnectProxy

    answer = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    with ConnectProxy(answer) as running, Provider(guarded, tls=ca.server("good")) as provider:
        proxy = f"http://127.0.0.1:{running.server_address[1]}"
        check = look(provider.deployment(ca_file=str(ca.file), proxy=proxy))["tls"]
        running.shutdown()
    assert "407" in check.message
    assert "password" in check.advice


def test_a_plain_request_through_a_proxy_names_the_whole_address() -> None:
    with Provider(lambda *_: (200, MODELS)) as proxy:
        deployment = {"base_url": "http://upstream.invalid/v1", "model": "good-model"}
        deployment["proxy"] = f"http://u:p@127.0.0.1:{proxy.port}"
        checks = look(deployment, online=True)
    path, headers = proxy.asked[0]
    assert path == "http://upstream.invalid/v1/models"
    assert headers["proxy-authorization"] == "Basic dTpw"
    assert checks["model"].status == "ok"


def test_a_socks_proxy_is_only_connected_to(tunnel: Any) -> None:
    proxy = f"socks5://127.0.0.1:{tunnel.server_address[1]}"
    deployment = {"base_url": "https://upstream.invalid/v1", "model": "m", "proxy": proxy}
    checks = look(deployment, online=True)
    assert checks["connection"].status == "ok"
    assert "not tried" in checks["tls"].message


@pytest.mark.parametrize(
    ("environment", "status", "word"),
    [
        ({}, "ok", "none"),
        ({"HTTPS_PROXY": "http://p:1"}, "warning", "HTTPS_PROXY of the environment is not read"),
        ({"all_proxy": "http://p:1"}, "warning", "all_proxy"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, "ok", "NO_PROXY"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "ok", "NO_PROXY"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample"}, "warning", "HTTPS_PROXY"),
        ({"HTTP_PROXY": "http://p:1"}, "ok", "none"),
    ],
)
def test_proxies_of_the_environment(
    environment: dict[str, str], status: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_PROXY".upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    deployment = {"base_url": "https://api.example/v1", "model": "m"}
    (place,) = places.read_places({"deployments": {"a": deployment}})
    found = verdicts.proxy_of(place)
    assert found.status == status
    assert word in found.message


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def running() -> Iterator[Provider]:
    with Provider(guarded) as provider:
        yield provider


def written(tmp_path: Path, deployments: dict[str, Any]) -> str:
    path = tmp_path / "llmroute.json"
    path.write_text(json.dumps({"deployments": deployments}))
    return str(path)


def test_the_command(running: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(
        tmp_path, {"a": running.deployment(), "b": running.deployment(model="god-model")}
    )
    assert main(["doctor", file]) == 0
    assert "--online asks" in capsys.readouterr().out
    assert main(["doctor", file, "--online", "--deployment", "a"]) == 0
    out = capsys.readouterr().out
    assert "1 deployment: 1 warning" in out
    assert main(["doctor", file, "--online"]) == 1
    out = capsys.readouterr().out
    assert "-> did you mean good-model" in out
    assert KEY not in out


def test_the_command_for_machines(
    running: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, {"a": running.deployment(api_key="sk-other")})
    assert main(["doctor", file, "--online", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert document["broken"] == 1
    assert {"deployment", "what", "status", "message", "advice", "value"} == set(
        document["checks"][0]
    )


def test_the_command_without_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 2
    (tmp_path / "llmroute.toml").write_text("groups = 3\n")
    assert main(["doctor"]) == 2
    assert "groups" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["doctor", "--timeout", "-1"])


def test_control_c_ends_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        file = written(tmp_path, {"a": {"base_url": url, "model": "m"}})
        process = subprocess.Popen(
            [sys.executable, "-m", "llmroute", "doctor", file, "--timeout", "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(30)
        line, _ = silent.accept()  # it is in the handshake now
        line.settimeout(30)
        assert line.recv(1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        line.close()
    assert process.returncode == 130
    assert err.strip() == "interrupted"
