"""The life of a configuration: numbered versions, what changed, the way back, a watched file.

Every configuration that a router serves has a number, which each of its decisions names
(``snapshot_version``), and is never changed afterwards. `History` keeps them in memory and, where
the router has a state file, there too, so that processes that share the file never give one number
to two configurations and each sees what the others did.
"""

from __future__ import annotations

import datetime
import importlib
import json
import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from llmroute import _core, _documents, config
from llmroute.errors import CapacityError, ConfigError, LlmrouteError

if TYPE_CHECKING:
    from llmroute._submit import Shared
    from llmroute.config import LoadedConfig

__all__ = ["History", "StateStore", "Version", "Watcher", "read_history"]

_KEPT: Final = 100
"""Versions that are kept, in memory and in the state file each."""

_PREFIX: Final = "config/"
_LATEST: Final = "config-latest"
_LOG: Final = logging.getLogger("llmroute")


class StateStore(Protocol):
    """What a router and an opened state file have in common."""

    def store_put(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Write an entry; it stays where there is no `ttl_s`."""

    def store_put_new(self, key: str, value: bytes, ttl_s: float | None = None) -> bool:
        """Write an entry where there is none; say whether it was so."""

    def store_get(self, key: str) -> bytes | None:
        """Read an entry."""

    def store_erase(self, key: str) -> None:
        """Forget an entry."""

    def store_scan(self, prefix: str, most: int) -> list[tuple[str, bytes]]:
        """List entries in order of key."""


@dataclass(frozen=True, slots=True)
class Version:
    """One configuration as it was served.

    Attributes
    ----------
    number : int
        Unique in the router and, with ``[state]``, among all that share the file.
    at : str
        When it began, UTC.
    who, why : str or None
        As they were given to `Router.reload`; ``watch`` for a watched file.
    source : str
        The file it was read from, or ``a list or dictionary``.
    changes : tuple of str
        What it changed, in short lines.
    whole : bool
        Whether `document` is all of it. False where it held literal keys, headers or functions,
        which are not kept: after a restart it cannot be gone back to.
    document : dict
        What it says, without secrets.
    """

    number: int
    at: str
    who: str | None
    why: str | None
    source: str
    changes: tuple[str, ...]
    whole: bool
    document: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, without the document."""
        return {
            "version": self.number,
            "at": self.at,
            "who": self.who,
            "why": self.why,
            "source": self.source,
            "changes": list(self.changes),
            "whole": self.whole,
        }

    def __str__(self) -> str:
        by = f" by {self.who}" if self.who else ""
        why = f": {self.why}" if self.why else ""
        lines = [f"v{self.number}  {self.at}{by}  from {self.source}{why}"]
        return "\n    ".join([*lines, *self.changes])


def _to_bytes(version: Version) -> bytes:
    return json.dumps({**version.to_dict(), "document": version.document}).encode()


def _from_bytes(raw: bytes) -> Version | None:
    """Read what a process wrote, maybe of another release; None where it cannot be understood."""
    try:
        value = json.loads(raw)
        return Version(
            number=int(value["version"]),
            at=str(value["at"]),
            who=value["who"],
            why=value["why"],
            source=str(value["source"]),
            changes=tuple(value["changes"]),
            whole=bool(value["whole"]),
            document=dict(value["document"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _key(number: int) -> str:
    return f"{_PREFIX}{number:012d}"


def read_history(store: StateStore) -> list[Version]:
    """Return the versions that a state store holds, oldest first.

    Parameters
    ----------
    store : StateStore
        A router's core, or an opened state file.

    Raises
    ------
    CapacityError
        The store does not answer.
    """
    found = [_from_bytes(raw) for _, raw in store.store_scan(_PREFIX, 2 * _KEPT)]
    return [version for version in found if version is not None]


class History:
    """The versions of one router. Thread-safe.

    Parameters
    ----------
    core : Core
        Serves them, and keeps them in its state store.
    loaded : LoadedConfig
        What it serves now, as version 1.
    """

    def __init__(self, core: _core.Core, loaded: LoadedConfig) -> None:
        self._core = core
        self._lock = threading.RLock()
        document, whole = _documents.document_of(loaded)
        self._shared_file = bool((document.get("state") or {}).get("path"))
        self._loaded: dict[int, LoadedConfig] = {}
        self._versions: dict[int, Version] = {}
        first = self._record(1, document, whole, loaded, None, None, None)
        number = self._claim(first) if self._shared_file else 1
        if number != 1:
            core.configure(loaded.json, loaded.catalogue_json, number)
        self._keep(self._numbered(first, number), loaded)

    @property
    def serving(self) -> Version:
        """What new requests begin with."""
        with self._lock:
            return self._versions[self._core.version]

    def serve(
        self,
        loaded: LoadedConfig,
        who: str | None = None,
        why: str | None = None,
        *,
        force: bool = False,
        adopt: Callable[[LoadedConfig], None] = lambda _: None,
    ) -> Version:
        """Make a configuration the one that new requests begin with.

        Parameters
        ----------
        loaded : LoadedConfig
            What to serve.
        who, why : str, optional
            For the history.
        force : bool
            Also where it would be refused for what it takes away.
        adopt : callable
            Told of it once it serves, before any other is.

        Returns
        -------
        Version
            Its number is a new one, unless it says the same as the latest.

        Raises
        ------
        ConfigError
            It cannot be used, or takes away what is in use; the old one goes on.
        """
        with self._lock:
            old = self.serving
            meaning = json.loads(_core.check_config(loaded.json, loaded.catalogue_json))
            document, whole = _documents.document_of(loaded)
            if not force:
                self._refuse_loss(old, loaded, meaning)
            wanted = self._record(old.number + 1, document, whole, loaded, who, why, old)
            number = self._claim(wanted)
            try:
                self._core.configure(loaded.json, loaded.catalogue_json, number)
            except BaseException:
                self._withdraw(number)
                raise
            version = self._numbered(wanted, number)
            self._keep(version, loaded)
            adopt(loaded)
            return version

    def _refuse_loss(self, old: Version, loaded: LoadedConfig, meaning: dict[str, Any]) -> None:
        traffic = self._core.traffic()
        known = {*meaning["groups"], *meaning["deployments"]}
        callable_alone = len(meaning["groups"] or meaning["deployments"]) == 1
        for name in traffic:
            if name == "" and not callable_alone:
                raise ConfigError(
                    f"there are several groups, and {traffic[name]} requests named none since the "
                    "start; keep one group, or reload with force=True",
                    path="groups",
                )
            if name and name not in known:
                part = "groups" if name in (old.document.get("groups") or {}) else "deployments"
                raise ConfigError(
                    f"is gone, and {traffic[name]} requests asked for it since the start; keep it, "
                    "or reload with force=True",
                    path=f"{part}.{name}",
                )
        try:
            lint = importlib.import_module("llmroute.lint")
        except ImportError:
            return
        named = old.document.get("groups") or old.document.get("deployments") or {}
        unnamed, only = traffic.pop("", 0), next(iter(named), "")
        if unnamed and only in known:  # else they go to the only one that there is now
            traffic[only] = traffic.get(only, 0) + unnamed
        before = json.loads(self._loaded[old.number].json)
        for finding in lint.refusals(before, json.loads(loaded.json), traffic):
            raise ConfigError(
                f"{finding.message} ({finding.slug}); change it, or reload with force=True",
                path=finding.path,
            )

    def after_fork(self) -> None:
        """In a child: whoever held the lock does not exist here."""
        self._lock = threading.RLock()

    # --- numbers ------------------------------------------------------------------------------

    def _record(
        self,
        number: int,
        document: dict[str, Any],
        whole: bool,
        loaded: LoadedConfig,
        who: str | None,
        why: str | None,
        before: Version | None,
    ) -> Version:
        now = datetime.datetime.now(datetime.timezone.utc)
        return Version(
            number=number,
            at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            who=who,
            why=why,
            source=loaded.file or "a list or dictionary",
            changes=tuple(_documents.changes(before.document, document)) if before else (),
            whole=whole,
            document=document,
        )

    @staticmethod
    def _numbered(version: Version, number: int) -> Version:
        import dataclasses

        return dataclasses.replace(version, number=number)

    def _claim(self, wanted: Version) -> int:
        """Find the number of a version, and write it down where there is a file."""
        latest = max(self._versions, default=0)
        if not self._shared_file:
            return latest if _same(self._versions[latest], wanted) else latest + 1
        try:
            return self._claim_in_store(wanted, latest)
        except CapacityError as error:
            # A configuration must be changeable while a disk is full; its history can wait.
            _LOG.warning("configuration version %d is not in the history: %s", latest + 1, error)
            return latest + 1

    def _claim_in_store(self, wanted: Version, own: int) -> int:
        store = self._core
        hint = store.store_get(_LATEST)
        if hint is not None and hint.isdigit():
            latest = int(hint)
        else:
            latest = max((version.number for version in read_history(store)), default=0)
        number = max(latest, own) + 1
        while True:
            before = store.store_get(_key(number - 1))
            version = None if before is None else _from_bytes(before)
            same = version is not None and _same(version, wanted)
            if same and store.store_get(_key(number)) is None:
                return number - 1
            if store.store_put_new(_key(number), _to_bytes(self._numbered(wanted, number))):
                break
            number += 1
        store.store_put(_LATEST, str(number).encode())
        store.store_erase(_key(max(0, number - _KEPT)))
        return number

    def _withdraw(self, number: int) -> None:
        if not self._shared_file or number in self._versions:
            return
        try:
            self._core.store_erase(_key(number))
        except LlmrouteError as error:
            _LOG.warning("configuration version %d was never served: %s", number, error)

    def _keep(self, version: Version, loaded: LoadedConfig) -> None:
        self._versions.setdefault(version.number, version)
        self._loaded[version.number] = loaded
        while len(self._versions) > _KEPT:
            oldest = min(self._versions)
            del self._versions[oldest]
            self._loaded.pop(oldest, None)

    # --- looking back -------------------------------------------------------------------------

    def versions(self) -> list[Version]:
        """Return what is known of all versions, oldest first; of other processes too."""
        found: dict[int, Version] = {}
        if self._shared_file:
            try:
                found = {version.number: version for version in read_history(self._core)}
            except CapacityError as error:
                _LOG.warning("the history shows this process alone: %s", error)
        with self._lock:
            for number, version in self._versions.items():
                found.setdefault(number, version)
        return [found[number] for number in sorted(found)]

    def find(self, number: int) -> Version:
        """Return one version.

        Raises
        ------
        ConfigError
            There is none of that number, or it is not kept any more.
        """
        versions = self.versions()
        for version in versions:
            if version.number == number:
                return version
        known = f"{versions[0].number} to {versions[-1].number}"
        raise ConfigError(f"there is no version {number}; versions {known} are kept")

    def loaded(self, number: int) -> LoadedConfig:
        """Return the configuration of a version, ready to be served again.

        Raises
        ------
        ConfigError
            There is none of that number, or it held what is not kept.
        """
        with self._lock:
            version = self.find(number)
            ours = self._versions.get(number)
            if ours is not None and ours.at == version.at and number in self._loaded:
                return self._loaded[number]
        if not version.whole:
            raise ConfigError(
                f"version {number} held keys, headers or functions, which are not kept; reload it "
                f"from where it came from: {version.source}"
            )
        return config.load(version.document)


def _same(one: Version, other: Version) -> bool:
    """Say whether two versions are one: what is not whole may differ in what is hidden."""
    if not (one.whole and other.whole):
        return False
    return _documents.digest(one.document) == _documents.digest(other.document)


# --- watching a file ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Seen:
    """What a file looked like."""

    mark: tuple[int, int, int] | None = None  # time, size, inode; None: it was not there
    content: bytes = b""  # its hash


class Watcher:
    """Reloads a router when its file changes.

    A thread looks every `seconds`; `poll` looks now. A file that cannot be used is refused once and
    said to the logger ``llmroute``; the version before it goes on. A forked child watches for
    itself.

    Parameters
    ----------
    shared : Shared
        The router; the watcher ends with it.
    file : str or os.PathLike
        What to watch.
    seconds : float
        Between two looks; 0 starts no thread, and `poll` is all there is.
    now_s : callable
        Seconds since the epoch, for tests.
    """

    def __init__(
        self,
        shared: Shared,
        file: str | os.PathLike[str],
        seconds: float,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        import time

        self.file = os.fspath(file)
        self.seconds = seconds
        self._now_s = now_s or time.time
        self._shared = weakref.ref(shared)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._seen = self._look(_Seen())
        self._said = ""
        self.start()

    def start(self) -> None:
        """Begin to look; in a forked child once more, for there the thread is missing."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        if self.seconds > 0:
            arguments = (weakref.ref(self), self._stop, self.seconds)
            name = "llmroute-watch"
            threading.Thread(target=_watch, args=arguments, name=name, daemon=True).start()

    def poll(self) -> Version | None:
        """Look at the file now.

        Returns
        -------
        Version or None
            What serves since this look; None where nothing changed or the change was refused.
        """
        with self._lock:
            try:
                return self._poll()
            except Exception as problem:  # whatever it is, the next look may fare better
                self._say(f"{type(problem).__name__}: {problem}")
                return None

    def _poll(self) -> Version | None:
        shared = self._shared()
        if shared is None or shared.core.closed or self._stop.is_set():
            return None
        seen = self._look(self._seen)
        if seen.mark is None:
            self._say(f"{self.file} is gone")
            return None
        if seen.content == self._seen.content:
            self._seen = seen
            return None
        self._seen = seen
        version = shared.reload(self.file, "watch", "the file changed")
        self._said = ""
        _LOG.info("configuration version %d serves, from %s", version.number, self.file)
        return version

    def _look(self, before: _Seen) -> _Seen:
        import hashlib

        try:
            status = os.stat(self.file)
            mark = (status.st_mtime_ns, status.st_size, status.st_ino)
            # Of a file that changed a moment ago the time may stay the same with the next change.
            settled = self._now_s() - status.st_mtime > 2
            if mark == before.mark and settled:
                return before
            with open(self.file, "rb") as stream:
                return _Seen(mark, hashlib.sha256(stream.read()).digest())
        except FileNotFoundError:
            return _Seen(None, before.content)

    def _say(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            _LOG.warning("the configuration stays as it is: %s", problem)

    def close(self) -> None:
        """Stop looking; idempotent."""
        self._stop.set()

    def __repr__(self) -> str:
        return f"<Watcher of {self.file}>"


def _watch(reference: weakref.ref[Watcher], stop: threading.Event, seconds: float) -> None:
    while not stop.wait(seconds):
        watcher = reference()
        if watcher is None:
            return
        watcher.poll()
        del watcher


def document_of_version(versions: Mapping[int, Version], number: int) -> dict[str, Any]:
    """Return the document of one of some versions.

    Raises
    ------
    ConfigError
        There is none of that number.
    """
    if number not in versions:
        known = ", ".join(map(str, versions)) or "none"
        raise ConfigError(f"there is no version {number}; there is {known}")
    return versions[number].document
