"""Reads configurations: TOML, YAML and JSON files, dictionaries, lists of models.

What a configuration may hold is known to the core alone (``llmroute check --schema`` prints it, and
``docs/configuration.md`` describes it); this module turns a source into the one JSON document that
the core reads, and turns the core's errors into places in the user's file. Secrets pass through but
never into a repr, a message or a chained exception.
"""

from __future__ import annotations

import functools
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from llmroute import _locate
from llmroute._timed import timed_tables
from llmroute.errors import ConfigError

if TYPE_CHECKING:
    from llmroute.policies import Policy

__all__ = [
    "LoadedConfig",
    "Source",
    "catalogue_json",
    "check",
    "json_schema",
    "load",
    "read_document",
]

Source = str | os.PathLike[str] | Mapping[str, Any] | Sequence[Any]
"""A path to a .toml, .yaml, .yml or .json file, a dictionary, or a list of models."""

_FORMS: Final = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}
_OF_SIMULATIONS: Final = ("world", "traffic")
_MAX_FILE_BYTES: Final = 64 << 20
_MAX_DEPTH: Final = 64
_MAX_VALUES: Final = 500_000  # a YAML of a few lines can mean billions
_MAX_INTEGER: Final = 2**63 - 1


class LoadedConfig:
    """A configuration as the core takes it, with the callables it cannot hold.

    Parameters
    ----------
    json_text : str
        The document for the core.
    secrets : mapping of str to callable
        Callables that give keys, by the label that stands for them in the document.
    policies : mapping of str to Policy
        Python policies by their label in the document.
    file : str, optional
        Where it came from.
    text : str, optional
        The file's text, from which lines are found.
    form : str, optional
        ``toml``, ``yaml`` or ``json``.
    models : mapping, optional
        What the model catalogue knows of models that it names.

    Examples
    --------
    >>> loaded = load(["openai/gpt-4o-mini", "ollama/llama3"])
    >>> loaded
    <LoadedConfig from a list or dictionary>
    """

    __slots__ = ("_form", "_models", "_text", "file", "json", "policies", "secrets")

    def __init__(
        self,
        json_text: str,
        *,
        secrets: Mapping[str, Callable[[], Any]],
        policies: Mapping[str, Policy],
        file: str | None = None,
        text: str | None = None,
        form: str | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> None:
        self.json = json_text
        self._models = models or {}
        self.secrets = dict(secrets)
        self.policies = dict(policies)
        self.file = file
        self._text = text
        self._form = form

    def __repr__(self) -> str:
        return f"<LoadedConfig from {self.file or 'a list or dictionary'}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a loaded configuration may hold secrets; pickle its source instead")

    @property
    def catalogue_json(self) -> str:
        """What comes with this package and is of use here, as JSON text."""
        models = f', "models": {json.dumps(self._models)}' if self._models else ""
        return f"{catalogue_json()[:-1]}{models}}}"

    def locate(self, path: str) -> int | None:
        """Find the line of a path such as ``groups.fast.policy``.

        Parameters
        ----------
        path : str
            As `ConfigError.path` gives it.

        Returns
        -------
        int or None
            Line from 1 of the deepest part that is there; None without a file.
        """
        if self._text is None or self._form is None:
            return None
        try:
            return _locate.line_of(self._text, self._form, path)
        except (ValueError, RecursionError):
            return None  # a place is a courtesy; the error itself matters more

    def located(self, error: ConfigError) -> ConfigError:
        """Return the same error with file and line of its path.

        Parameters
        ----------
        error : ConfigError
            As the core raised it.

        Returns
        -------
        ConfigError
            A new one that says where in the file.
        """
        line = self.locate(error.path) if error.path else None
        return ConfigError(
            error.message, path=error.path, nearest=error.nearest, file=self.file, line=line
        )


def load(source: Source) -> LoadedConfig:
    """Read a configuration into the form that the core takes.

    Parameters
    ----------
    source : str, os.PathLike, mapping or sequence
        A path to a .toml, .yaml, .yml or .json file; a dictionary of the same shape, in which a key
        may also be a callable and a policy a function; or models as ``"provider/model"``, which
        make one group named ``default`` that tries them in that order.

    Returns
    -------
    LoadedConfig
        Not yet checked against the schema: the core does that.

    Raises
    ------
    ConfigError
        The source cannot be read, or is not of its own format.

    Examples
    --------
    >>> import json
    >>> json.loads(load({"version": 1}).json)
    {'version': 1}
    """
    given: Any = source
    if isinstance(given, Mapping):
        return _Builder().build(given)
    if isinstance(given, (str, os.PathLike)):
        return _load_file(os.fspath(given))
    if isinstance(given, Sequence) and not isinstance(given, (bytes, bytearray)):
        group = {"deployments": list(given), "policy": "ordered"}
        return _Builder().build({"version": 1, "groups": {"default": group}})
    raise ConfigError(
        f"a configuration is a path, a dictionary or a list of models, not {type(given).__name__}"
    )


def check(source: Source, *, days: int = 90) -> dict[str, Any]:
    """Check a configuration without making a router.

    Parameters
    ----------
    source
        See `load`.
    days : int
        Age in days from which a price is old.

    Returns
    -------
    dict
        ``groups``, ``deployments``, ``limits``, ``budgets``, ``queue``, ``cache`` and ``state`` as
        they were understood; ``warnings``: what is allowed but will not work as it stands, such
        as a key variable that is not set; and ``findings``: what `llmroute.lint` says of it, each
        as a dictionary.

    Raises
    ------
    ConfigError
        With path, line and the nearest valid name.

    Examples
    --------
    >>> check(["ollama/llama3"])["warnings"]  # doctest: +SKIP
    []
    """
    from llmroute import _core

    loaded = load(source)
    failure: ConfigError | None = None
    meaning: dict[str, Any] = {}
    try:
        meaning = json.loads(_core.check_config(loaded.json, loaded.catalogue_json))
    except ConfigError as error:
        failure = loaded.located(error)
    if failure is not None:
        raise failure
    meaning["warnings"] = _warnings(meaning.get("deployments", {}))
    if meaning.get("budgets") and meaning["state"]["path"] is None:
        meaning["warnings"].append("budgets: without [state] a restart forgets what was spent")
    meaning["findings"] = _findings(loaded, days)
    return meaning


def json_schema() -> str:
    """Return the JSON Schema (2020-12) of a configuration, for editors.

    Returns
    -------
    str
        JSON text, generated from the table that the core checks with.
    """
    from llmroute import _core

    return _core.config_json_schema()


@functools.cache
def catalogue_json() -> str:
    """Return what comes with this package: providers, and what is known of regions.

    Returns
    -------
    str
        ``data/providers.toml`` and ``data/regions.toml`` as JSON text.

    Examples
    --------
    >>> import json
    >>> json.loads(catalogue_json())["providers"]["openai"]["api_key"]
    'env:OPENAI_API_KEY'
    """
    data = Path(__file__).parent / "data"
    tables: dict[str, Any] = {}
    for name in ("providers", "regions"):
        tables.update(_toml().loads((data / f"{name}.toml").read_text(encoding="utf-8")))
    return json.dumps(tables)


def _findings(loaded: LoadedConfig, days: int) -> list[dict[str, Any]]:
    from llmroute.lint import lint_document

    found = [finding.to_dict() for finding in lint_document(json.loads(loaded.json), days=days)]
    return [{**finding, "line": loaded.locate(finding["path"])} for finding in found]


def _warnings(deployments: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name, deployment in deployments.items():
        for key in deployment["keys"]:
            origin, _, where = key.partition(":")
            if origin == "env" and not os.environ.get(where):
                found.append(f"{name}: the environment variable {where} is not set")
            elif origin == "file" and not os.access(where, os.R_OK):
                found.append(f"{name}: the key file {where} cannot be read")
        url = urlsplit(deployment["base_url"])
        local = url.hostname in ("localhost", "127.0.0.1", "::1")
        if url.scheme.lower() == "http" and deployment["keys"] and not local:
            found.append(f"{name}: its key goes to {url.hostname} over plain http")
    return found


# --- files ----------------------------------------------------------------------------------------


def read_document(source: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a .toml, .yaml or .json file that holds one table, whatever its keys mean.

    Parameters
    ----------
    source : str or os.PathLike
        The file.

    Raises
    ------
    ConfigError
        With the line, where the file cannot be read or is no table.
    """
    return _read_table(os.fspath(source))[0]


def _read_table(file: str) -> tuple[dict[str, Any], str, str]:
    form = _FORMS.get(Path(file).suffix.lower())
    if form is None:
        hint = f'; for a model, pass a list: ["{file}"]' if "/" in file else ""
        raise ConfigError(f"a configuration file ends in {', '.join(_FORMS)}{hint}", file=file)
    text = _read(file)
    document = _parse(text, form, file)
    if not isinstance(document, dict):
        kind = "empty" if document is None else type(document).__name__
        raise ConfigError(f"must be a table of keys at its top, not {kind}", file=file, line=1)
    return document, text, form


def _load_file(file: str) -> LoadedConfig:
    document, text, form = _read_table(file)
    # What `llmroute simulate` reads of the same file is nothing to a router.
    document = {key: table for key, table in document.items() if key not in _OF_SIMULATIONS}
    return _Builder(file, text, form).build(document)


def _read(file: str) -> str:
    problem = ""
    raw = b""
    try:
        with open(file, "rb") as stream:
            raw = stream.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    if problem:
        raise ConfigError(problem, file=file)
    if len(raw) > _MAX_FILE_BYTES:
        raise ConfigError(f"is larger than {_MAX_FILE_BYTES >> 20} MiB", file=file)
    line = None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    raise ConfigError("is not UTF-8", file=file, line=line)


def _parse(text: str, form: str, file: str) -> Any:
    """Parse; every failure becomes a ConfigError without a chain, for the chain holds the text."""
    reader = {"toml": _parse_toml, "yaml": _parse_yaml, "json": _parse_json}[form]
    failure: ConfigError | None = None
    document: Any = None
    try:
        document = reader(text)
    except _SyntaxProblem as problem:
        failure = ConfigError(problem.what, file=file, line=problem.line)
    except RecursionError:
        failure = ConfigError(f"is nested deeper than {_MAX_DEPTH} levels", file=file)
    if failure is not None:
        raise failure
    return document


class _SyntaxProblem(Exception):
    def __init__(self, what: str, line: int | None) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


def _toml() -> Any:
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    return importlib.import_module(name)


def _parse_toml(text: str) -> Any:
    import re

    tomllib = _toml()
    problem: tuple[str, int | None] | None = None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"^(.*?) ?\(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        what = match[1] if match else "it cannot be read"
        line = int(match[2]) if match and match[2] else text.count("\n") + 1
        problem = (f"is not valid TOML: {what}", line)
    raise _SyntaxProblem(*problem)


def _parse_json(text: str) -> Any:
    twice: list[str] = []

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            twice.append("")
        return made

    problem: tuple[str, int | None] | None = None
    try:
        document = json.loads(text, object_pairs_hook=table)
    except json.JSONDecodeError as error:
        problem = (f"is not valid JSON: {error.msg}", error.lineno)
    except ValueError:  # a number of more digits than Python reads
        problem = ("is not valid JSON: a number is too long", None)
    if problem is not None:
        raise _SyntaxProblem(*problem)
    if twice:
        key, line = _locate.duplicate_key(text, "json") or ("?", None)
        raise _SyntaxProblem(f'the key "{key}" is given twice; keep one of them', line)
    return document


def _parse_yaml(text: str) -> Any:
    import yaml

    problem: tuple[str, int | None] | None = None
    try:
        duplicate = _locate.duplicate_key(text, "yaml")
        if duplicate is not None:
            key, line = duplicate
            problem = (f'the key "{key}" is given twice; keep one of them', line)
        else:
            return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Scanner and parser speak of single characters and tokens; the others quote the text.
        safe = isinstance(error, (yaml.scanner.ScannerError, yaml.parser.ParserError))
        what = error.problem if safe and error.problem else "an alias, tag or key cannot be used"
        problem = (
            f"is not valid YAML: {what}",
            error.problem_mark.line + 1 if error.problem_mark else None,
        )
    except (yaml.YAMLError, ValueError):
        problem = ("is not valid YAML: it holds a character or value that cannot be used", None)
    raise _SyntaxProblem(*problem)


# --- documents ------------------------------------------------------------------------------------


class _Builder:
    """Makes the core's document: plain JSON values, callables replaced by labels."""

    def __init__(
        self, file: str | None = None, text: str | None = None, form: str | None = None
    ) -> None:
        self.place = LoadedConfig("", secrets={}, policies={}, file=file, text=text, form=form)
        self.secrets: dict[str, Callable[[], Any]] = {}
        self.policies: dict[str, Policy] = {}
        self.values = 0

    def build(self, document: Mapping[str, Any]) -> LoadedConfig:
        from llmroute import catalogue

        plain = self.table(document, ())
        self.resolve_zones(plain)
        return LoadedConfig(
            json.dumps(plain, allow_nan=False),
            secrets=self.secrets,
            policies=self.policies,
            file=self.place.file,
            text=self.place._text,
            form=self.place._form,
            models=catalogue.known_models(plain),
        )

    def fail(
        self, steps: tuple[str | int, ...], message: str, nearest: str | None = None
    ) -> ConfigError:
        return self.place.located(ConfigError(message, path=_path(steps), nearest=nearest))

    def plain(self, value: Any, steps: tuple[str | int, ...]) -> Any:
        self.values += 1
        if self.values > _MAX_VALUES:
            raise self.fail(steps[:1], f"holds more than {_MAX_VALUES} values")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value, steps)
        if isinstance(value, (int, float)):
            return self.number(value, steps)
        if isinstance(value, Mapping):
            return self.table(value, steps)
        if isinstance(value, (list, tuple)):
            self.check_depth(steps)
            return [self.plain(item, (*steps, index)) for index, item in enumerate(value)]
        if callable(value):
            return self.callable(value, steps)
        raise self.fail(
            steps, f"must be a plain value, not {type(value).__name__}; quote it to make it text"
        )

    def table(self, value: Mapping[Any, Any], steps: tuple[str | int, ...]) -> dict[str, Any]:
        self.check_depth(steps)
        made: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise self.fail(
                    steps, f"has a key that is {type(key).__name__}, not text; quote it"
                )
            below = (*steps, self.text(key, steps))
            if _is_policy(below) and isinstance(item, Mapping) and "python" in item:
                raise self.fail(
                    (*below, "python"), "is an unknown option; pass the function itself"
                )
            made[key] = self.plain(item, below)
        return made

    def resolve_zones(self, document: dict[str, Any]) -> None:
        """Put its offsets beside the name of every time zone; the core has no zones."""
        for table, steps in timed_tables(document):
            if "timezone_offsets" in table:
                raise self.fail((*steps, "timezone_offsets"), "is an unknown key", "timezone")
            if isinstance(table.get("timezone"), str):
                self.resolve_zone(table, (*steps, "timezone"))

    def resolve_zone(self, table: dict[str, Any], steps: tuple[str | int, ...]) -> None:
        from llmroute import _zones

        if not _zones.is_name(table["timezone"]):
            return
        failure: ConfigError | None = None
        try:
            table["timezone_offsets"] = _zones.offsets(table["timezone"])
        except _zones.UnknownZone as unknown:
            failure = self.fail(steps, str(unknown), unknown.nearest)
        if failure is not None:
            raise failure

    def check_depth(self, steps: tuple[str | int, ...]) -> None:
        if len(steps) >= _MAX_DEPTH:
            raise self.fail(steps[:1], f"is nested deeper than {_MAX_DEPTH} levels")

    def text(self, value: str, steps: tuple[str | int, ...]) -> str:
        if value.isascii():
            return str(value)
        broken = False
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            broken = True  # raised below: the exception at hand holds the text, maybe a secret
        if broken:
            raise self.fail(steps, "holds half of a surrogate pair, which is no character")
        return str(value)

    def number(self, value: Any, steps: tuple[str | int, ...]) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            raise self.fail(steps, f"must be a finite number, not {value}")
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            raise self.fail(steps, "is too large a number")
        return value

    def callable(self, value: Callable[..., Any], steps: tuple[str | int, ...]) -> Any:
        if _is_policy(steps):
            return self.policy(value)
        if _is_key(steps):
            name = getattr(value, "__name__", type(value).__name__)
            label = f"{name}#{len(self.secrets)}"
            self.secrets[label] = value
            return f"callable:{label}"
        raise self.fail(steps, "must not be a callable; only keys and policies may be")

    def policy(self, value: Callable[..., Any]) -> dict[str, Any]:
        from llmroute.policies import Policy

        policy = value if isinstance(value, Policy) else Policy(value)
        label = str(policy.name)
        count = 1
        while label in self.policies and self.policies[label] is not policy:
            count += 1
            label = f"{policy.name}#{count}"
        self.policies[label] = policy
        return {"name": label, "python": True, "stand_in": policy.stand_in}


def _is_policy(steps: tuple[str | int, ...]) -> bool:
    return len(steps) == 3 and steps[0] == "groups" and steps[2] == "policy"


def _is_key(steps: tuple[str | int, ...]) -> bool:
    if len(steps) < 3 or steps[0] not in ("deployments", "providers"):
        return False
    return steps[2:] == ("api_key",) or (len(steps) == 4 and steps[2] == "api_keys")


def _path(steps: Sequence[str | int]) -> str:
    out = ""
    for step in steps:
        if isinstance(step, int):
            out += f"[{step}]"
            continue
        plain = step != "" and all(" " < c < "\x7f" and c not in '.[]"\\' for c in step)
        out += ("." if out else "") + (step if plain else json.dumps(step, ensure_ascii=False))
    return out
