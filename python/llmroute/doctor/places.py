"""Where the deployments of a configuration are: addresses, keys, proxies, as the core reads them.

The core says what a configuration means but keeps keys, proxies and bundles to itself; those are
looked up here by the same rule: the deployment's own, else its provider's in the configuration,
else the catalogue's.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from llmroute.errors import ConfigError

if TYPE_CHECKING:
    from llmroute.config import LoadedConfig, Source

__all__ = ["Endpoint", "Key", "KeyMissing", "Place", "places_of", "read_places"]

_MAX_KEY_BYTES: Final = 64 << 10  # what the core reads of a key file, base/secret.cpp


class KeyMissing(Exception):
    """A key that cannot be had. Its words and advice hold nothing of the key."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.advice = advice


@dataclasses.dataclass(frozen=True, eq=False)
class Key:
    """One key of a pool.

    Parameters
    ----------
    label : str
        Where it comes from, as ``env:NAME``; ``the key given`` for one that stands there itself.
    give : callable
        Returns the key's text, or raises `KeyMissing`.
    """

    label: str
    give: Callable[[], str] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """What is connected to: the same for deployments that share host, proxy and bundle."""

    scheme: str
    host: str
    port: int
    proxy: str = dataclasses.field(default="", repr=False)  # may hold a password
    ca_file: str = ""

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""
        return self.scheme == "https"


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """One deployment."""

    name: str
    provider: str
    model: str
    dialect: str
    base_url: str
    endpoint: Endpoint
    keys: tuple[Key, ...]
    headers: Mapping[str, str] = dataclasses.field(repr=False)
    key_header: str
    price: Mapping[str, Any] | None
    price_known: bool
    price_date: str = ""

    @property
    def shown(self) -> str:
        """Its address without what may be secret."""
        path = urlsplit(self.base_url).path.rstrip("/")
        host = f"[{self.endpoint.host}]" if ":" in self.endpoint.host else self.endpoint.host
        usual = self.endpoint.port == (443 if self.endpoint.tls else 80)
        port = "" if usual else f":{self.endpoint.port}"
        return f"{self.endpoint.scheme}://{host}{port}{path}"


def read_places(source: Source) -> list[Place]:
    """Read a configuration into its places, in its own order.

    Raises
    ------
    ConfigError
        It cannot be used.
    """
    from llmroute import config

    return places_of(config.load(source))


def places_of(loaded: LoadedConfig) -> list[Place]:
    """Do the same with a configuration that was read already."""
    from llmroute import _core

    failure: ConfigError | None = None
    try:
        meaning = json.loads(_core.check_config(loaded.json, loaded.catalogue_json))
    except ConfigError as error:
        failure = loaded.located(error)
    if failure is not None:
        raise failure
    document = json.loads(loaded.json)
    catalogue = json.loads(loaded.catalogue_json)["providers"]
    return [
        _place(name, meant, _Layers(document, catalogue, name, meant["provider"]), loaded)
        for name, meant in meaning["deployments"].items()
    ]


class _Layers:
    """The tables that say something of a deployment, the strongest first."""

    def __init__(
        self,
        document: Mapping[str, Any],
        catalogue: Mapping[str, Any],
        name: str,
        provider: str,
    ) -> None:
        self.own: Mapping[str, Any] = (document.get("deployments") or {}).get(name) or {}
        providers = document.get("providers") or {}
        self.tables = (self.own, providers.get(provider) or {}, catalogue.get(provider) or {})

    def first(self, *names: str) -> Any:
        """Return what the strongest table says that says anything by one of these names."""
        for table in self.tables:
            for name in names:
                if table.get(name) is not None:
                    return table[name]
        return None

    def headers(self) -> dict[str, str]:
        """Return the headers of all tables together, names in lower case."""
        made: dict[str, str] = {}
        for table in reversed(self.tables):
            for name, value in (table.get("headers") or {}).items():
                made[name.lower()] = value
        return made

    def quirk(self, name: str) -> Any:
        """Return a quirk; each is overridden for itself."""
        for table in self.tables:
            value = (table.get("quirks") or {}).get(name)
            if value is not None:
                return value
        return None


def _place(name: str, meant: Mapping[str, Any], layers: _Layers, loaded: LoadedConfig) -> Place:
    keys = layers.first("api_key", "api_keys")
    if keys is None:
        keys = []
    written = [keys] if isinstance(keys, str) else list(keys)
    url = urlsplit(meant["base_url"])
    scheme = url.scheme.lower()
    endpoint = Endpoint(
        scheme,
        url.hostname or "",
        url.port or (443 if scheme == "https" else 80),
        layers.first("proxy") or "",
        layers.first("ca_file") or "",
    )
    return Place(
        name=name,
        provider=meant["provider"],
        model=meant["model"],
        dialect=meant["dialect"],
        base_url=meant["base_url"],
        endpoint=endpoint,
        keys=tuple(_key(text, loaded) for text in written if text),
        headers=layers.headers(),
        key_header=layers.quirk("key_header") or "",
        price=layers.own.get("price"),
        price_known=bool(meant["price_known"]),
        price_date=str(meant.get("price_date") or ""),
    )


def _key(text: str, loaded: LoadedConfig) -> Key:
    origin, colon, where = text.partition(":")
    if colon and origin == "env":
        return Key(text, lambda: _from_environment(where))
    if colon and origin == "file":
        return Key(text, lambda: _from_file(where))
    if colon and origin == "callable" and where in loaded.secrets:
        name = where.partition("#")[0]
        return Key(f"callable:{name}", lambda: _from_callable(loaded.secrets[where], name))
    return Key("the key given", lambda: _checked(text, "the key given"))


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        said = "is not set" if value is None else "is empty"
        raise KeyMissing(f"the environment variable {name} {said}", f"export {name}")
    return _checked(value, f"the environment variable {name}")


def _from_file(path: str) -> str:
    raw = b""
    problem = ""
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_KEY_BYTES + 1)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise KeyMissing(
            f"the key file {path} cannot be read: {problem}", "check the path and its permissions"
        )
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    if not text:
        raise KeyMissing(f"the key file {path} is empty", "write the key into it")
    return _checked(text, f"the key file {path}")


def _from_callable(give: Callable[[], Any], name: str) -> str:
    failed = ""
    value: Any = None
    try:
        value = give()
    except Exception as error:
        failed = type(error).__name__  # its own words may hold anything
    if failed:
        raise KeyMissing(f"{name}() raised {failed}", "call it by hand to see why")
    if not isinstance(value, str) or not value:
        kind = "an empty text" if value == "" else type(value).__name__
        raise KeyMissing(f"{name}() returned {kind}", "it has to return the key as text")
    return _checked(value, f"what {name}() returned")


def _checked(text: str, where: str) -> str:
    """Refuse what no header can carry; such a key was cut or pasted wrongly."""
    if not all("!" <= character <= "~" for character in text):
        raise KeyMissing(
            f"{where} holds a space, a line end or another character that no header can carry",
            "write the key again, without what is around it",
        )
    return text
