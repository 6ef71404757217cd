"""The model catalogue: prices, limits and abilities of known models, with a date.

It comes with the package and can be renewed by ``llmroute catalogue update FILE``. What a
deployment states itself always wins; the catalogue fills in the rest, and only for models whose
provider and name are its own to the letter: a dated snapshot may cost other than its family.

>>> shipped = Catalogue.shipped()
>>> shipped.find("openai/gpt-4o")["price"]["input_usd_per_million"]
2.5
"""

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from llmroute.errors import ConfigError

__all__ = ["Catalogue", "active", "known_models", "read", "store", "user_path"]

_MAX_BYTES: Final = 64 << 20  # unpacked
_VARIABLE: Final = "LLMROUTE_CATALOGUE"
_OFF: Final = "off"
# Where models.dev calls a provider otherwise than this package does.
_THEIR_NAMES: Final = {
    "bedrock": "amazon-bedrock",
    "fireworks": "fireworks-ai",
    "gemini": "google",
    "moonshot": "moonshotai",
    "together": "togetherai",
    "vertex": "google-vertex",
}
# A deployment of Azure's has whatever name its owner gave it; the others are servers of one's own,
# which cost what their machine costs. `catalogue = "azure/gpt-4o"` in a deployment says what it is.
_NEVER_BY_NAME: Final = frozenset({"azure", "lmstudio", "ollama"})
# Of an entry, what the core reads.
_FILLS: Final = ("price", "context_tokens", "max_output_tokens")


class Catalogue:
    """Entries by ``provider/model``, with the date they were looked up.

    Parameters
    ----------
    text : str
        In the form that `dumps` gives: one entry a line, so that a few can be read without the
        rest.
    origin : str
        Where it is from, for people.

    Examples
    --------
    >>> small = Catalogue.of({"acme/m": {"context_tokens": 1000}}, date="2026-07-02")
    >>> "acme/m" in small, len(small), small.date
    (True, 1, '2026-07-02')
    """

    __slots__ = ("_lines", "_text", "about", "origin")

    def __init__(self, text: str, *, origin: str) -> None:
        self._text = text
        self.origin = origin
        head = text.index("\n")
        self.about: dict[str, str] = json.loads(text[:head].removesuffix(', "models": {') + "}")[
            "about"
        ]
        # Entries as text, each on its line; one is parsed when somebody asks for it.
        self._lines: dict[str, str] = {}
        for line in text[head + 1 :].split("\n"):
            if line.startswith('"'):
                name, _, entry = line.partition('": ')
                self._lines[name[1:]] = entry

    @classmethod
    def of(
        cls, models: Mapping[str, Mapping[str, Any]], *, date: str, source: str = "your own"
    ) -> Catalogue:
        """Make one of entries that have been checked.

        Parameters
        ----------
        models : mapping
            Entries by ``provider/model``.
        date : str
            When they were looked up, as ``2026-07-02``.
        source : str
            Who says so.
        """
        about = {"date": date, "source": source}
        return cls(_dumps(about, models), origin=source)

    @classmethod
    def shipped(cls) -> Catalogue:
        """Return the one that comes with this package."""
        return _load(_shipped_path())

    @property
    def date(self) -> str:
        """When it was looked up, as ``2026-07-02``."""
        return self.about["date"]

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"<Catalogue of {self.date}: {len(self)} models, from {self.origin}>"

    def find(self, name: str) -> dict[str, Any] | None:
        """Return what is known of ``provider/model``; None where nothing is.

        Parameters
        ----------
        name : str
            The provider as models.dev or as this package calls it.

        Returns
        -------
        dict or None
            ``price`` (with its date), ``context_tokens``, ``max_output_tokens``, ``tools``,
            ``structured_output``, ``reasoning``, ``input`` and ``output`` (modalities), ``status``;
            what is unknown is absent.

        Examples
        --------
        >>> Catalogue.shipped().find("openai/no-such-model") is None
        True
        """
        line = self._lines.get(name)
        if line is None:
            provider, _, model = name.partition("/")
            line = self._lines.get(f"{_THEIR_NAMES.get(provider, provider)}/{model}")
        if line is None:
            return None
        entry: dict[str, Any] = json.loads(line.rstrip(","))
        if "price" in entry:
            entry["price"].setdefault("date", self.date)
        return entry

    def entries(self) -> dict[str, dict[str, Any]]:
        """Return all entries as they are kept, without dates."""
        models: dict[str, dict[str, Any]] = json.loads(self._text)["models"]
        return models

    def dumps(self) -> bytes:
        """Return the bytes of its file: the same for the same content."""
        packer = zlib.compressobj(9, wbits=31)  # gzip, with no name and no time in it
        return packer.compress(self._text.encode()) + packer.flush()


# --- which one counts -----------------------------------------------------------------------------


def active() -> Catalogue | None:
    """Return the catalogue that configurations are filled in from.

    ``LLMROUTE_CATALOGUE`` names a file, or is ``off``. Without it the newer one counts of that in
    `user_path` and the shipped one.

    Returns
    -------
    Catalogue or None
        None where it is off.

    Raises
    ------
    ConfigError
        The named file cannot be read.

    Examples
    --------
    >>> active().date >= "2026-07-02"
    True
    """
    named = os.environ.get(_VARIABLE)
    if named == _OFF:
        return None
    if named:
        return _load(Path(named))
    shipped = Catalogue.shipped()
    own = user_path()
    if not own.is_file():
        return shipped
    try:
        mine = _load(own)
    except ConfigError as error:
        warnings.warn(f"the shipped catalogue is used: {error}", stacklevel=2)
        return shipped
    return mine if mine.date > shipped.date else shipped


def user_path() -> Path:
    """Return where ``llmroute catalogue update`` puts a newer catalogue.

    Examples
    --------
    >>> user_path().name
    'catalogue.json.gz'
    """
    if os.environ.get(_VARIABLE, _OFF) != _OFF:
        return Path(os.environ[_VARIABLE])
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "llmroute" / "catalogue.json.gz"


def known_models(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return, for the core, what the catalogue knows of models that a configuration names.

    Parameters
    ----------
    document : mapping
        A configuration that nobody has checked yet.

    Returns
    -------
    dict
        By ``provider/model`` as the configuration has it: price, token limits and what it lacks.

    Examples
    --------
    >>> known = known_models({"groups": {"g": {"deployments": ["openai/gpt-4o"]}}})
    >>> known["openai/gpt-4o"]["context_tokens"]
    128000
    """
    named = dict.fromkeys(_named_entries(document))
    if document.get("catalogue") is not False:
        named |= dict.fromkeys(n for n in _named_models(document) if _safe(n))
    if not named:
        return {}
    catalogue = active()
    if catalogue is None:
        return {}
    found = {name: catalogue.find(name) for name in named}
    return {name: _for_core(entry) for name, entry in found.items() if entry is not None}


def _safe(name: str) -> bool:
    return name.partition("/")[0] not in _NEVER_BY_NAME


def _named_entries(document: Mapping[str, Any]) -> Iterator[str]:
    for table in _tables(document.get("deployments")):
        if isinstance(table.get("catalogue"), str):
            yield table["catalogue"]


def _named_models(document: Mapping[str, Any]) -> Iterator[str]:
    deployments = document.get("deployments")
    if isinstance(deployments, Mapping):
        for name, table in deployments.items():
            if isinstance(table, Mapping):
                provider, _, model = str(name).partition("/")
                yield f"{table.get('provider', provider)}/{table.get('model', model)}"
    for part in ("groups", "rules", "experiments", "budgets"):
        yield from _texts(document.get(part))


def _texts(value: Any) -> Iterator[str]:
    """Every text with a slash: bare names stand in groups, chains, pins and arms."""
    if isinstance(value, str):
        if "/" in value:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _tables(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield from (table for table in value.values() if isinstance(table, Mapping))


def _for_core(entry: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: entry[key] for key in _FILLS if key in entry}
    lacks = list(_lacks(entry))
    if lacks:
        known["lacks"] = lacks
    return known


def _lacks(entry: Mapping[str, Any]) -> Iterator[str]:
    """Only what is said in so many words."""
    if entry.get("tools") is False:
        yield "tools"
    if entry.get("structured_output") is False:
        yield "json_schema"
    modalities = entry.get("input")
    if modalities:
        # Not files: whether a provider takes them apart for any model is not said there.
        for modality, capability in (("image", "vision"), ("audio", "audio")):
            if modality not in modalities:
                yield capability


# --- files ----------------------------------------------------------------------------------------


def read(file: str | os.PathLike[str], *, date: str | None = None) -> Catalogue:
    """Read and check a catalogue: this package's form, or what models.dev publishes (api.json).

    Parameters
    ----------
    file : str or os.PathLike
        JSON, gzipped or not.
    date : str, optional
        When it was looked up, for a file that does not say.

    Returns
    -------
    Catalogue
        Every value of it is of its type and within its bounds.

    Raises
    ------
    ConfigError
        With the path in the file and what is wrong there.

    Examples
    --------
    >>> read("prices.json", date="2026-11-26")                                 # doctest: +SKIP
    <Catalogue of 2026-11-26: 1,507 models, from prices.json>
    """
    from llmroute import _models_dev
    from llmroute._catalogue_check import check_entries

    where = os.fspath(file)
    document = _document(where)
    about = document.pop("about", None) or document.pop("_about", None) or {}
    if _models_dev.is_models_dev(document):
        document = {"models": _entries_of_models_dev(document, where)}
    if not isinstance(about, dict):
        raise ConfigError("must be a table", path="about", file=where)
    stated = date or about.get("date")
    if stated is None:
        raise ConfigError("the file does not say when it was looked up; give a date", file=where)
    models = check_entries(document, str(stated), where)
    kept = {key: str(about[key]) for key in sorted(about) if key != "date"}
    return Catalogue(_dumps({"date": str(stated), **kept}, models), origin=where)


def store(catalogue: Catalogue, path: Path) -> None:
    """Put a catalogue in the place of another, at once or not at all.

    Parameters
    ----------
    catalogue : Catalogue
        One that `read` has checked.
    path : Path
        Its file; folders are made.

    Examples
    --------
    >>> store(Catalogue.shipped(), user_path())                                # doctest: +SKIP
    """
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".catalogue-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(catalogue.dumps())
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _dumps(about: Mapping[str, str], models: Mapping[str, Any]) -> str:
    lines = ",\n".join(f"{_json(name)}: {_json(models[name])}" for name in sorted(models))
    return f'{{"about": {_json(dict(about))}, "models": {{\n{lines}\n}}}}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shipped_path() -> Path:
    return Path(__file__).parent / "data" / "catalogue.json.gz"


def _load(path: Path) -> Catalogue:
    """Read one that was checked when it was written."""
    problem = ""
    try:
        stamp = path.stat()
        return _loaded(str(path), stamp.st_mtime_ns, stamp.st_size)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    except (ValueError, KeyError, TypeError, zlib.error):
        problem = "is no catalogue; run `llmroute catalogue update` with a good one"
    raise ConfigError(problem, file=str(path))


@functools.lru_cache(maxsize=4)
def _loaded(path: str, _changed: int, _size: int) -> Catalogue:
    text = _unpack(Path(path).read_bytes()).decode()
    if '"models": {\n' not in text:  # written by hand: check it, and bring it into our form
        return read(path)
    return Catalogue(text, origin=path)


def _unpack(raw: bytes) -> bytes:
    if raw[:2] != b"\x1f\x8b":
        return raw
    unpacker = zlib.decompressobj(wbits=31)
    text = unpacker.decompress(raw, _MAX_BYTES)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("is cut, or larger than is read")
    return text


def _document(file: str) -> dict[str, Any]:
    problem, document = "", None
    try:
        raw = Path(file).read_bytes()
        document = json.loads(_unpack(raw))
        if not isinstance(document, dict):
            problem = "must be a table at its top"
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON: {error.msg} in line {error.lineno}"
    except RecursionError:
        problem = "is nested too deeply"
    except (ValueError, zlib.error):
        problem = "is not whole: its compressed form cannot be read"
    if problem or not isinstance(document, dict):
        raise ConfigError(problem, file=file)
    return document


def _entries_of_models_dev(document: Mapping[str, Any], file: str) -> dict[str, dict[str, Any]]:
    from llmroute import _models_dev

    try:
        return _models_dev.entries_of(document)
    except (TypeError, AttributeError, KeyError, ValueError):
        pass
    raise ConfigError("is not of the form that models.dev publishes", file=file)
