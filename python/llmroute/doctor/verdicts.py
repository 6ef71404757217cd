"""What is said of keys, models, clocks, prices and proxies."""

from __future__ import annotations

import datetime
import difflib
import http.client
import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

from llmroute.doctor.checks import Found, Status
from llmroute.doctor.listing import Listing, Way, ask, list_all, one_model, way_of
from llmroute.doctor.places import Key, KeyMissing, Place
from llmroute.doctor.reach import Broken, bounded

__all__ = ["key_of", "offline", "online", "price_of", "proxy_of"]

_SKEW_S: Final = 60.0  # signed requests are refused at 300 s
_OLD_DAYS: Final = 90  # as llmroute check


def proxy_of(place: Place) -> Found:
    """Say what stands between, and what of the environment is not read."""
    endpoint = place.endpoint
    if endpoint.proxy:
        url = urlsplit(endpoint.proxy)
        return Found("proxy", "ok", f"through {url.scheme}://{url.hostname}:{url.port or 1080}")
    found = getproxies_environment()
    scheme = next((name for name in (endpoint.scheme, "all") if name in found), "")
    if not scheme or _is_local(endpoint.host):
        return Found("proxy", "ok", "none")
    shown = f"{scheme}_proxy"
    if shown.upper() in os.environ:
        shown = shown.upper()
    if _left_out(endpoint.host, found.get("no", "")):
        return Found("proxy", "ok", f"none; NO_PROXY takes {endpoint.host} out of {shown} too")
    advice = 'where it is needed: proxy = "..." of the deployment or its provider'
    return Found("proxy", "warning", f"none; {shown} of the environment is not read", advice)


def _left_out(host: str, no_proxy: str) -> bool:
    """Read NO_PROXY as curl does: names with all below them, ``*`` for everything."""
    for entry in no_proxy.replace(",", " ").split():
        name = entry.partition(":")[0].lower().lstrip(".")
        if name == "*" or host == name or (name and host.endswith(f".{name}")):
            return True
    return False


def key_of(place: Place, key: Key, timeout_s: float) -> tuple[Found, str]:
    """Look a key up; its text is empty where it cannot be had."""
    try:
        text = bounded(key.give, timeout_s)
    except KeyMissing as missing:
        return Found("key", "broken", str(missing), missing.advice), ""
    except TimeoutError:
        message = f"{key.label} gave nothing in {timeout_s:g} s"
        return Found("key", "broken", message, "call it by hand to see why"), ""
    if place.endpoint.scheme == "http" and not _is_local(place.endpoint.host):
        message = f"{key.label} goes to {place.endpoint.host} over plain http"
        return Found("key", "warning", message, "use https:// in base_url"), text
    return Found("key", "ok", f"{key.label} is there"), text


def _is_local(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


def price_of(place: Place, today: datetime.date) -> Found:
    """Say whether costs can be known, and how old what they are made of is."""
    if place.price is None and not place.price_known:
        advice = "add price = { input_usd_per_million = ..., output_usd_per_million = ..., date }"
        return Found("price", "warning", "unknown, so costs are too", advice)
    shown = _shown_price(place.price)
    written = (place.price or {}).get("date") or place.price_date
    try:
        date = datetime.date.fromisoformat(str(written))
    except ValueError:
        advice = 'look it up and add date = "YYYY-MM-DD"'
        return Found("price", "warning", f"{shown}, of no known date", advice)
    days = (today - date).days
    message = f"{shown}, {days} days old"
    if days > _OLD_DAYS:
        return Found("price", "warning", message, "look it up again", float(days))
    return Found("price", "ok", message, "", float(days))


def _shown_price(price: Mapping[str, Any] | None) -> str:
    if price is None:
        return "known, from the catalogue"
    if price.get("usd_per_hour") is not None:
        return f"{price['usd_per_hour']:g} USD per hour"
    sides = (price.get(f"{side}_usd_per_million") for side in ("input", "output"))
    numbers = ("?" if number is None else f"{number:g}" for number in sides)
    return "{} / {} USD per million tokens in / out".format(*numbers)


# --- what needs a call ----------------------------------------------------------------------------


def offline() -> list[Found]:
    """Say what was not asked."""
    why = "needs a call: --online"
    return [Found(what, "skipped", why) for what in ("key_valid", "model", "clock")]


def online(place: Place, keys: list[tuple[str, str]], timeout_s: float) -> list[Found]:
    """Ask the provider's list of models with every key of a deployment.

    Parameters
    ----------
    place : Place
        Whose line is good.
    keys : list of tuple
        Label and text of each key that could be had; none: the list is asked for without one.
    timeout_s : float
        Of each step.
    """
    way = way_of(place)
    if isinstance(way, str):
        return [Found(what, "skipped", way) for what in ("key_valid", "model", "clock")]
    found: list[Found] = []
    best: tuple[Listing, str] | None = None
    skew: float | None = None
    for label, text in keys or [("", "")]:
        listing, problem = _try_listing(place, way, text, timeout_s)
        if listing is None:
            found.append(Found("key_valid", "warning", problem, "try again; is it the API's URL?"))
            continue
        skew = listing.skew_s if skew is None else skew
        if listing.status == 200 and best is None:
            best = (listing, text)
        found.append(_judge_key(place, way, label, text, listing, timeout_s))
    found.append(_judge_model(place, way, best, timeout_s))
    found.append(_judge_clock(skew))
    return found


def _try_listing(place: Place, way: Way, key: str, timeout_s: float) -> tuple[Listing | None, str]:
    try:
        return list_all(place, way, key, timeout_s), ""
    except Broken as broken:
        return None, f"the list of models was not reached: {broken.found.message}"
    except TimeoutError:
        return None, f"the list of models did not come in {timeout_s:g} s"
    except (OSError, http.client.HTTPException, ValueError, UnicodeError):
        return None, "the answer to the list of models broke off, or is no HTTP"


_VERDICTS: Final[dict[int, tuple[Status, str, str]]] = {
    401: ("broken", "is refused (401)", "make a new key at the provider, or correct this one"),
    402: ("warning", "is known, but its account has no credit (402)", "top the account up"),
    403: (
        "warning",
        "may not list models (403); whether it may chat is not known",
        "allow it to, or send one request: llmroute chat",
    ),
    429: ("warning", "is limited at present (429)", "wait, or raise the account's limits"),
}


def _judge_key(
    place: Place, way: Way, label: str, key: str, listing: Listing, timeout_s: float
) -> Found:
    if not key and listing.status == 200:
        return Found("key_valid", "ok", "none is needed")
    whose = label or "a call without key"
    if listing.status in _VERDICTS:
        status, what, advice = _VERDICTS[listing.status]
        return Found("key_valid", status, f"{whose} {what}", advice)
    if listing.status == 200:
        return _judge_open_list(place, way, label, key, timeout_s)
    if listing.status in (404, 405, 0):
        return Found("key_valid", "skipped", f"there is no list of models at {way_path(way)}")
    message = f"the list of models was answered with {listing.status}"
    return Found("key_valid", "warning", message, "try again later, or look at its status page")


def way_path(way: Way) -> str:
    """Return the path of a list, without host and query."""
    return urlsplit(way.url).path


def _judge_open_list(place: Place, way: Way, label: str, key: str, timeout_s: float) -> Found:
    """Tell a list that proves a key from one that everybody may read."""
    good = Found("key_valid", "ok", f"{label} is accepted")
    try:
        if way.key_url:
            status = ask(place, way, way.key_url, key, timeout_s).status
            if status == 401:
                return Found("key_valid", "broken", f"{label} is refused (401)", _VERDICTS[401][2])
            if status == 200:
                return good
        elif ask(place, way, way.url, "", timeout_s).status != 200:
            return good
    except (Broken, OSError, http.client.HTTPException, ValueError):
        return Found("key_valid", "skipped", f"{label} was not refused, but the proof broke off")
    message = f"the list is open to everybody here, which says nothing of {label}"
    return Found("key_valid", "skipped", message)


def _judge_model(
    place: Place, way: Way, best: tuple[Listing, str] | None, timeout_s: float
) -> Found:
    if not way.names_models:
        why = "Azure lists base models, not the names of deployments"
        return Found("model", "skipped", why)
    if best is None:
        return Found("model", "skipped", "there was no list to look it up in")
    listing, key = best
    if not listing.names:
        return Found("model", "skipped", "the list is empty")
    known = {name: name for name in listing.names}
    known.update({name.removesuffix(":latest"): name for name in listing.names})
    if place.model in known:
        return Found("model", "ok", f"{place.model} is one of {len(listing.names)} listed")
    near = difflib.get_close_matches(place.model, listing.names, 3, 0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "name one that is listed"
    status = _single(place, way, key, timeout_s) if way.one else 404
    if status == 200:
        return Found("model", "ok", f"{place.model} is not listed, but known: an alias")
    message = f"{place.model} is not among the {len(listing.names)} listed"
    if status == 404 and listing.whole:
        return Found("model", "broken", message, hint)
    return Found("model", "warning", f"{message}, which need not be all", hint)


def _single(place: Place, way: Way, key: str, timeout_s: float) -> int:
    try:
        return one_model(place, way, key, timeout_s)
    except (Broken, OSError, http.client.HTTPException, ValueError):
        return 0


def _judge_clock(skew: float | None) -> Found:
    if skew is None:
        return Found("clock", "skipped", "no answer had a date")
    value = round(skew, 1)
    if abs(skew) <= _SKEW_S:
        return Found("clock", "ok", f"within {max(1, round(abs(skew)))} s of theirs", "", value)
    word = "behind" if skew > 0 else "ahead of"
    message = f"ours is {abs(skew):.0f} s {word} theirs"
    advice = "set this machine's clock (NTP); signed requests are refused at 300 s"
    return Found("clock", "warning", message, advice, value)
