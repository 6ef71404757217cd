"""Looks at every deployment from here: name, connection, certificate, key, model, clock, price.

Without ``online`` nothing is contacted beyond DNS, TCP and a TLS handshake (a proxy gets CONNECT);
with it the provider's list of models is asked for, which costs nothing. Keys are never shown.

Examples
--------
>>> from llmroute import doctor
>>> from llmroute.testing import SimulatedProvider
>>> with SimulatedProvider(ttft_ms=1) as provider:
...     config = {"deployments": {"a": provider.deployment()}}
...     checks = doctor.examine(config)
>>> [(check.what, check.status) for check in checks if check.status != "skipped"]
[('proxy', 'ok'), ('name', 'ok'), ('connection', 'ok'), ('key', 'ok'), ('price', 'warning')]
"""

from __future__ import annotations

import datetime
import http.client
import queue
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from llmroute.doctor import verdicts
from llmroute.doctor.checks import KINDS, Check, Found
from llmroute.doctor.listing import list_all, way_of
from llmroute.doctor.places import Endpoint, Place, read_places
from llmroute.doctor.reach import Broken, examine_line
from llmroute.errors import ConfigError, InvalidRequestError, error_class

if TYPE_CHECKING:
    from llmroute.config import Source

__all__ = ["Check", "examine", "list_models"]

_WORKERS: Final = 16  # endpoints side by side
_KINDS_OF_STATUS: Final = {
    401: "authentication",
    402: "quota_exhausted",
    403: "permission_denied",
    404: "not_found",
    429: "rate_limit",
}


def examine(
    config: Source,
    *,
    online: bool = False,
    deployments: Iterable[str] = (),
    timeout_s: float = 5.0,
) -> list[Check]:
    """Look at the deployments of a configuration, several at once.

    Parameters
    ----------
    config
        See `Router`.
    online : bool
        Also ask each provider for its list of models: key valid, model known, clocks.
    deployments : iterable of str
        Only these; default: all.
    timeout_s : float
        Longest wait of each step, such as a handshake.

    Returns
    -------
    list of Check
        By deployment in the configuration's order, each in the order of ``checks.KINDS``.

    Raises
    ------
    ConfigError
        The configuration cannot be used, or has no such deployment.

    Examples
    --------
    >>> for check in examine("llmroute.toml", online=True):                    # doctest: +SKIP
    ...     if check.status == "broken":
    ...         print(check)
    """
    if not timeout_s > 0:
        raise ValueError(f"timeout_s must be above 0, got {timeout_s!r}")
    chosen = _chosen(read_places(config), deployments)
    jobs: dict[Endpoint, list[Place]] = {}
    for place in chosen:
        jobs.setdefault(place.endpoint, []).append(place)
    found = _side_by_side(list(jobs.values()), online, timeout_s)
    today = datetime.date.today()
    checks: list[Check] = []
    for place in chosen:
        all_of_it = [
            verdicts.proxy_of(place),
            *found[place.name],
            verdicts.price_of(place, today),
        ]
        all_of_it.sort(key=lambda one: KINDS.index(one.what))
        checks += [one.of(place.name) for one in all_of_it]
    return checks


def _chosen(all_of_them: list[Place], names: Iterable[str]) -> list[Place]:
    wanted = [names] if isinstance(names, str) else list(names)
    known = [place.name for place in all_of_them]
    for name in wanted:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, 1)
            nearest = near[0] if near else None
            raise ConfigError(f'there is no deployment "{name}"', nearest=nearest)
    return [place for place in all_of_them if not wanted or place.name in wanted]


def _side_by_side(
    jobs: list[list[Place]], online: bool, timeout_s: float
) -> dict[str, list[Found]]:
    """Run the jobs on threads that do not keep the process alive when Ctrl-C ends it."""
    waiting: queue.SimpleQueue[list[Place]] = queue.SimpleQueue()
    done: queue.SimpleQueue[dict[str, list[Found]] | Exception] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def work() -> None:
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put(_examine_endpoint(job, online, timeout_s))
            except Exception as error:  # raised where it is waited for
                done.put(error)

    for number in range(min(_WORKERS, len(jobs))):
        threading.Thread(target=work, name=f"llmroute-doctor-{number}", daemon=True).start()
    found: dict[str, list[Found]] = {}
    for _ in jobs:
        outcome = done.get()
        if isinstance(outcome, Exception):
            raise outcome
        found.update(outcome)
    return found


def _examine_endpoint(job: list[Place], online: bool, timeout_s: float) -> dict[str, list[Found]]:
    line = examine_line(job[0].endpoint, timeout_s)
    reached = not any(found.status == "broken" for found in line)
    answers: dict[str, list[Found]] = {}
    for place in job:
        looked_up = [(key, *verdicts.key_of(place, key, timeout_s)) for key in place.keys]
        found = [one for _, one, _ in looked_up]
        if not found:
            found.append(Found("key", "ok", "none is configured"))
        if not online:
            found += verdicts.offline()
        elif not reached:
            found += [
                Found(what, "skipped", "not reached") for what in ("key_valid", "model", "clock")
            ]
        elif looked_up and not any(text for _, _, text in looked_up):
            found += [
                Found(what, "skipped", "there is no key to ask with")
                for what in ("key_valid", "model", "clock")
            ]
        else:
            usable = [(key.label, text) for key, _, text in looked_up if text]
            found += verdicts.online(place, usable, timeout_s)
        answers[place.name] = [*line, *found]
    return answers


def list_models(config: Source, deployment: str, *, timeout_s: float = 10.0) -> list[str]:
    """Ask a deployment's provider which models it has; this costs nothing.

    Parameters
    ----------
    config
        See `Router`.
    deployment : str
        Whose endpoint and first usable key.
    timeout_s : float
        Longest wait of each step.

    Returns
    -------
    list of str
        Names as the provider has them, in its order.

    Raises
    ------
    ConfigError
        The configuration cannot be used, or has no such deployment.
    InvalidRequestError
        The provider has no list of models.
    AttemptError
        It could not be had; ``kind`` says why.

    Examples
    --------
    >>> list_models(["ollama/llama3"], "ollama/llama3")                        # doctest: +SKIP
    ['llama3:latest', 'qwen3:4b']
    """
    return models_of(read_places(config), deployment, timeout_s)


def models_of(places: list[Place], deployment: str, timeout_s: float) -> list[str]:
    """Do the same with places that were read already; see `list_models`."""
    if not timeout_s > 0:
        raise ValueError(f"timeout_s must be above 0, got {timeout_s!r}")
    (place,) = _chosen(places, [deployment])
    way = way_of(place)
    if isinstance(way, str):
        raise InvalidRequestError(f"{deployment}: {way}")
    key, missing = "", ""
    for candidate in place.keys:
        found, key = verdicts.key_of(place, candidate, timeout_s)
        if key:
            break
        missing = found.message
    if place.keys and not key:
        raise error_class("authentication")(f"{deployment}: {missing}")
    failure: tuple[str, str] | None = None
    try:
        listing = list_all(place, way, key, timeout_s)
    except Broken as broken:
        failure = ("connect", broken.found.message)
    except (OSError, http.client.HTTPException, ValueError):
        failure = ("protocol", "the answer broke off, or is no HTTP")
    if failure is None and listing.status == 200:
        return listing.names
    if failure is None:
        kind = _KINDS_OF_STATUS.get(
            listing.status, "server_error" if listing.status >= 500 else "protocol"
        )
        failure = (kind, f"the list of models was answered with {listing.status or 'no list'}")
    raise error_class(failure[0])(f"{deployment}: {failure[1]}")
