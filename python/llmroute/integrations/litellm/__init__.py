"""LiteLLM's configurations as llmroute's: what is honoured, and a note on everything that is not.

Examples
--------
>>> from llmroute.integrations import litellm
>>> done = litellm.translate({
...     "model_list": [
...         {"model_name": "fast", "litellm_params": {"model": "groq/llama-3.3-70b", "rpm": 30}},
...     ],
...     "router_settings": {"num_retries": 2, "redis_host": "os.environ/REDIS_HOST"},
... })
>>> done.config["groups"]["fast"]
{'deployments': ['groq/llama-3.3-70b'], 'policy': 'weighted'}
>>> for note in done.notes:
...     print(note)
changed: router_settings.num_retries: attempts are counted over a request, fallbacks included
left out: router_settings.redis_host: state that processes share is a file here: [state]
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from llmroute.errors import ConfigError
from llmroute.integrations.litellm.groups import build_groups
from llmroute.integrations.litellm.models import read_entries
from llmroute.integrations.litellm.notes import Note, Notes, Table
from llmroute.integrations.litellm.settings import TABLES, Settings

__all__ = ["Note", "Translation", "translate"]


@dataclasses.dataclass(frozen=True)
class Translation:
    """What a LiteLLM configuration means here.

    Parameters
    ----------
    config : dict
        A configuration, for `Router`. May hold keys.
    notes : tuple of Note
        Every field that is not honoured, or not exactly.
    """

    config: dict[str, Any] = dataclasses.field(repr=False)
    notes: tuple[Note, ...]

    def to_toml(self) -> str:
        """Write the configuration as a file; keys that are callables cannot be written.

        Raises
        ------
        ConfigError
            A key is a callable.
        """
        from llmroute.integrations.litellm.toml import dumps

        for name, deployment in self.config.get("deployments", {}).items():
            if callable(deployment.get("api_key")):
                raise ConfigError("is a callable, which no file holds", path=f"deployments.{name}")
        return dumps(self.config)


def translate(
    source: str | os.PathLike[str] | Mapping[str, Any], *, keep_keys: bool = True
) -> Translation:
    """Translate a configuration of LiteLLM's proxy, or the arguments of its router.

    Parameters
    ----------
    source : str, os.PathLike or mapping
        A .yaml, .json or .toml file; or a dictionary with ``model_list``, and ``router_settings``,
        ``litellm_settings`` and so on. What `litellm.Router` takes beside ``model_list`` may stand
        at its top too.
    keep_keys : bool
        False: a key that is written out is replaced by a variable's name, which is noted.

    Returns
    -------
    Translation
        The configuration and what it lacks.

    Raises
    ------
    ConfigError
        The file cannot be read, or no entry of ``model_list`` can be used.
    """
    document = _document(source)
    notes = Notes()
    loose = _loose(document)
    table = Table(document, "", notes)
    settings = Settings(table, notes, loose)
    entries = read_entries(
        table.take_raw("model_list"), table.take_raw("credential_list"), keep_keys, notes
    )
    if not entries:
        said = "; ".join(map(str, notes.all[:3]))
        raise ConfigError(f"no entry can be used{': ' if said else ''}{said}", path="model_list")
    deployments, groups = build_groups(entries, settings.policy(), notes)
    settings.fallbacks(groups)
    settings.aliases(groups)
    config: dict[str, Any] = {"version": 1, "groups": groups, "deployments": deployments}
    for name, made in (
        ("resilience", settings.resilience(groups)),
        ("budgets", settings.budgets()),
        ("cache", settings.cache()),
    ):
        if made:
            config[name] = made
    _limit_all(settings, deployments)
    settings.note_the_rest()
    return Translation(config, tuple(notes.all))


def _document(source: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(source, Mapping):
        return dict(source)
    from llmroute.config import read_document

    return read_document(source)


def _loose(document: dict[str, Any]) -> dict[str, Any] | None:
    """Take the arguments of litellm.Router, settings beside model_list, out of a document."""
    if "router_settings" in document or "litellm_settings" in document:
        return None
    loose = {key: value for key, value in document.items() if key not in TABLES}
    for key in loose:
        del document[key]
    return loose


def _limit_all(settings: Settings, deployments: dict[str, dict[str, Any]]) -> None:
    most = settings.router.number("default_max_parallel_requests", above=1)
    if most is None:
        return
    for deployment in deployments.values():
        deployment.setdefault("limits", {}).setdefault("in_flight", int(most))
