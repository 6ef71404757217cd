"""A linter that thinks: it asks about all requests whether there is one that a configuration fails.

``llmroute.lint(source)`` and this module are one: the module can be called.

Conditions of rules and constraints become formulas over what a request can be; a small exact
search answers whether a rule ever matches, whether earlier rules leave it anything, and whether
constraints, priorities and abilities can leave a group empty. What it finds comes with a request
that shows it. Whatever cannot be computed (patterns, words, scores) may be anything; a finding says
so where it rests on that.

Examples
--------
>>> import llmroute
>>> findings = llmroute.lint({
...     "groups": {"fast": {"deployments": ["ollama/llama3"]}},
...     "deployments": {"spare": {"base_url": "http://127.0.0.1:9/v1", "model": "m"}},
... })
>>> print(findings[0])
warning: deployments.spare: no group, ... leads to "spare"; ... (deployment_unreachable)
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import sys
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from llmroute.lint.finding import SLUGS, Finding, Severity, in_order

if TYPE_CHECKING:
    from llmroute.config import Source

__all__ = [
    "PRICE_DAYS",
    "SLUGS",
    "Finding",
    "Severity",
    "compare",
    "lint",
    "lint_document",
    "refusals",
]

PRICE_DAYS: Final = 90
"""Prices that were looked up longer ago are old."""


def lint(
    source: Source,
    *,
    days: int = PRICE_DAYS,
    today: datetime.date | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Find what is allowed in a configuration and cannot be meant.

    Parameters
    ----------
    source
        A path, a dictionary or a list of models, as `llmroute.Router` takes it.
    days : int
        Age in days from which a price is old.
    today : datetime.date, optional
        Default: this day.
    environ : mapping of str to str, optional
        Where keys are looked for; default: ``os.environ``.

    Returns
    -------
    list of Finding
        Errors, warnings, then information.

    Raises
    ------
    ConfigError
        The configuration cannot be used at all.

    Examples
    --------
    >>> [finding.slug for finding in lint(["ollama/llama3"])]
    ['worst_case']
    """
    from llmroute import _core, config
    from llmroute.errors import ConfigError

    loaded = config.load(source)
    failure: ConfigError | None = None
    try:
        _core.check_config(loaded.json, loaded.catalogue_json)
    except ConfigError as error:
        failure = loaded.located(error)
    if failure is not None:
        raise failure
    document = json.loads(loaded.json)
    found = lint_document(document, days=days, today=today, environ=environ)
    return [dataclasses.replace(finding, line=loaded.locate(finding.path)) for finding in found]


def lint_document(
    document: Mapping[str, Any],
    *,
    days: int = PRICE_DAYS,
    today: datetime.date | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Find the same in a document that the core has accepted.

    Parameters
    ----------
    document : mapping
        Of plain values.
    days, today, environ
        See `lint`.

    Returns
    -------
    list of Finding
        Errors, warnings, then information.
    """
    from llmroute.lint import amounts, embeddings, experiments, places, reach, requests, rules
    from llmroute.lint.solver import Effort
    from llmroute.lint.world import World

    world = World.of(document)
    ask = requests.Questions(world, requests.vocabulary_of([world]), Effort())
    return in_order(
        [
            *rules.check_rules(ask),
            *places.check_constraints(ask),
            *places.check_groups(ask),
            *embeddings.check_embeddings(world),
            *reach.check_reach(world),
            *reach.check_cycles(world),
            *experiments.check_experiments(ask),
            *amounts.check_prices(world, today or datetime.date.today(), days),
            *amounts.check_keys(world, os.environ if environ is None else environ),
            *amounts.check_limits(world),
            *amounts.check_worst_case(world),
        ]
    )


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], traffic: Mapping[str, int]
) -> list[Finding]:
    """Name what makes a new configuration worse than the running one, for the traffic there is.

    Parameters
    ----------
    old, new : mapping
        Documents that the core accepts.
    traffic : mapping of str to int
        How many requests asked for each group or deployment lately.

    Returns
    -------
    list of Finding
        Of severity ``error`` where requests that are served now would find nobody.

    Examples
    --------
    >>> old = {"groups": {"fast": {"deployments": ["ollama/llama3"]}}}
    >>> new = {"groups": {"quick": {"deployments": ["ollama/llama3"]}}}
    >>> [finding.slug for finding in compare(old, new, {"fast": 120})]
    ['group_gone']
    """
    from llmroute.lint import reload

    return reload.compare(old, new, traffic)


def refusals(
    old: Mapping[str, Any], new: Mapping[str, Any], traffic: Mapping[str, int]
) -> list[Finding]:
    """Return the reasons for which a reload is to be refused: the errors of `compare`.

    Parameters
    ----------
    old, new, traffic
        See `compare`.

    Returns
    -------
    list of Finding
        Empty where the new configuration may take over.
    """
    return [finding for finding in compare(old, new, traffic) if finding.severity == "error"]


class _Callable(types.ModuleType):
    """A module that is also the function of its name."""

    def __call__(self, source: Source, **options: Any) -> list[Finding]:
        return lint(source, **options)


sys.modules[__name__].__class__ = _Callable
