"""Lists of models: the call that costs nothing and says whether a key is good."""

from __future__ import annotations

import dataclasses
import email.utils
import http.client
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from llmroute.doctor.places import Place
from llmroute.doctor.reach import open_line, proxy_authorization

__all__ = ["Answer", "Listing", "Way", "ask", "list_all", "one_model", "way_of"]

_MAX_BODY_BYTES: Final = 16 << 20  # OpenRouter's list, the longest known, is below 1 MiB
_MAX_PAGES: Final = 10
_PAGE: Final = 1_000  # the most that Anthropic, Gemini and Cohere give at once
_ANTHROPIC_VERSION: Final = "2023-06-01"
_AZURE_VERSION: Final = "2024-10-21"  # the newest of Azure's data plane that is no preview

Ids = Callable[[Any], list[str]]


@dataclasses.dataclass(frozen=True)
class Way:
    """How a provider lists its models.

    Parameters
    ----------
    url : str
        Where.
    header : str
        Which header carries the key; ``authorization`` carries it as a bearer token.
    ids : callable
        From the parsed answer to names; `NoListError` for what is no list.
    more : callable
        From the parsed answer to the query of the next page, empty at the end.
    headers : mapping
        Further ones.
    names_models : bool
        Whether `Place.model` is such a name; of Azure it is a deployment's.
    one : bool
        Whether a single model can be asked for behind the list's own path.
    key_url : str
        Another free call that judges a key, where the list is public.
    """

    url: str
    header: str
    ids: Ids
    more: Callable[[Any], dict[str, str]] = lambda _: {}
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    names_models: bool = True
    one: bool = True
    key_url: str = ""


def way_of(place: Place) -> Way | str:
    """Return how a deployment's provider lists its models, or why it does not.

    Examples
    --------
    >>> from llmroute.doctor.places import read_places
    >>> way_of(read_places(["openai/gpt-4o"])[0]).url
    'https://api.openai.com/v1/models'
    """
    url = urlsplit(place.base_url)
    host = (url.hostname or "").lower()
    if place.provider == "azure" or host.endswith((".openai.azure.com", ".services.ai.azure.com")):
        return _azure(place)
    if place.provider == "vertex" or host.endswith("aiplatform.googleapis.com"):
        return "Vertex lists no models for a project"
    maker = _WAYS.get(place.dialect)
    if maker is None:
        return _NO_LIST.get(place.dialect, f"no list is known for the dialect {place.dialect}")
    way = maker(place)
    return dataclasses.replace(way, header=place.key_header or way.header)


def _below(place: Place, path: str, query: Mapping[str, str] | None = None) -> str:
    """Append a path to the base URL, before its query."""
    parts = urlsplit(place.base_url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    asked.update(query or {})
    whole = parts.path.rstrip("/") + path
    return urlunsplit((parts.scheme, parts.netloc, whole, urlencode(asked), ""))


def _rooted(place: Place, path: str, query: Mapping[str, str] | None = None) -> str:
    parts = urlsplit(place.base_url)
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(query or {}), ""))


class NoListError(Exception):
    """What was answered is JSON, but no list of models."""


def _names(table: str, key: str) -> Ids:
    def read(document: Any) -> list[str]:
        items = document.get(table) if isinstance(document, dict) else document
        if not isinstance(items, list):
            raise NoListError
        found = (row.get(key) for row in items if isinstance(row, dict))
        return [name for name in found if isinstance(name, str)]

    return read


def _openai(place: Place) -> Way:
    host = (urlsplit(place.base_url).hostname or "").lower()
    key_url = _below(place, "/key") if host == "openrouter.ai" else ""
    return Way(_below(place, "/models"), "authorization", _names("data", "id"), key_url=key_url)


def _anthropic(place: Place) -> Way:
    def more(document: Any) -> dict[str, str]:
        last = document.get("last_id")
        return {"after_id": last} if document.get("has_more") and isinstance(last, str) else {}

    return Way(
        _below(place, "/models", {"limit": str(_PAGE)}),
        "x-api-key",
        _names("data", "id"),
        more,
        {"anthropic-version": _ANTHROPIC_VERSION},
    )


def _gemini(place: Place) -> Way:
    names = _names("models", "name")
    return Way(
        _below(place, "/models", {"pageSize": str(_PAGE)}),
        "x-goog-api-key",
        lambda document: [name.removeprefix("models/") for name in names(document)],
        _token("nextPageToken", "pageToken"),
    )


def _cohere(place: Place) -> Way:
    path = urlsplit(place.base_url).path.rstrip("/")
    stem = path[:-3] if path.endswith(("/v1", "/v2")) else path  # only version 1 has the list
    return Way(
        _rooted(place, f"{stem}/v1/models", {"page_size": str(_PAGE)}),
        "authorization",
        _names("models", "name"),
        _token("next_page_token", "page_token"),
    )


def _ollama(place: Place) -> Way:
    path = urlsplit(place.base_url).path.rstrip("/")
    stem = path.removesuffix("/v1").removesuffix("/api")
    names = _names("models", "name")
    return Way(_rooted(place, f"{stem}/api/tags"), "authorization", names, one=False)


def _azure(place: Place) -> Way:
    parts = urlsplit(place.base_url)
    header = place.key_header or "api-key"
    if "/openai/v1" in parts.path:
        url = _below(place, "/models")
    else:
        version = parse_qs(parts.query).get("api-version", [_AZURE_VERSION])[-1]
        url = _rooted(place, "/openai/models", {"api-version": version})
    return Way(url, header, _names("data", "id"), names_models=False, one=False)


def _token(given: str, asked: str) -> Callable[[Any], dict[str, str]]:
    def more(document: Any) -> dict[str, str]:
        token = document.get(given)
        return {asked: token} if isinstance(token, str) and token else {}

    return more


_WAYS: Final[Mapping[str, Callable[[Place], Way]]] = {
    "openai": _openai,
    "responses": _openai,
    "mistral": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "cohere": _cohere,
    "ollama": _ollama,
}

_NO_LIST: Final = {"bedrock": "Bedrock's list needs a signed call to another host"}


# --- calls ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back: status, parsed body, and their clock against ours in seconds (theirs - ours).

    `document` is None where the body is no JSON.
    """

    status: int
    document: Any
    skew_s: float | None


@dataclasses.dataclass(frozen=True)
class Listing:
    """All pages of a list, or the answer that ended it early; status 0: one that is no list."""

    status: int
    names: list[str]
    skew_s: float | None
    whole: bool


def ask(place: Place, way: Way, url: str, key: str, timeout_s: float) -> Answer:
    """Send one GET to the deployment's endpoint; redirections are not followed.

    Parameters
    ----------
    place, way
        Whose, and how.
    url : str
        On the host of the endpoint.
    key : str
        Empty: without one.
    timeout_s : float
        Of each step, and of the whole body.

    Raises
    ------
    Broken
        The line could not be opened.
    OSError, http.client.HTTPException, ValueError
        It broke, or what came is no HTTP or larger than 16 MiB. Their words may hold anything.
    """
    endpoint = place.endpoint
    parts = urlsplit(url)
    target = urlunsplit(("", "", parts.path, parts.query, ""))
    headers = {"accept": "application/json", "user-agent": "llmroute-doctor", **place.headers}
    headers.update(way.headers)
    if key:
        headers[way.header] = f"Bearer {key}" if way.header == "authorization" else key
    if endpoint.proxy and not endpoint.tls:  # no tunnel: the proxy is told the whole address
        target = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], *parts[2:4], ""))
        authorization = proxy_authorization(urlsplit(endpoint.proxy))
        if authorization:
            headers["proxy-authorization"] = authorization
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    connection.sock = open_line(endpoint, timeout_s)
    if endpoint.tls:
        connection.default_port = 443
    try:
        sent = time.time()
        connection.request("GET", target, headers=headers)
        reply = connection.getresponse()
        came = time.time()
        skew = _skew(reply.getheader("date"), (sent + came) / 2)
        return Answer(reply.status, _document(reply, time.monotonic() + timeout_s), skew)
    finally:
        connection.close()


def _document(reply: http.client.HTTPResponse, deadline: float) -> Any:
    body = bytearray()
    while piece := reply.read(65_536):
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            raise ValueError
        if time.monotonic() > deadline:
            raise TimeoutError
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        return None


def _skew(date: str | None, ours: float) -> float | None:
    if not date:
        return None
    try:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return theirs + 0.5 - ours  # the header has whole seconds


def list_all(place: Place, way: Way, key: str, timeout_s: float) -> Listing:
    """Read a list to its end.

    Raises
    ------
    As `ask` does.
    """
    names: list[str] = []
    url = way.url
    skew: float | None = None
    for _ in range(_MAX_PAGES):
        answer = ask(place, way, url, key, timeout_s)
        skew = answer.skew_s if skew is None else skew
        if answer.status != 200:
            return Listing(answer.status, names, skew, False)
        try:
            names += way.ids(answer.document)
        except NoListError:
            return Listing(0, names, skew, False)
        document = answer.document
        further = way.more(document) if isinstance(document, dict) else {}
        if not further:
            return Listing(200, names, skew, True)
        parts = urlsplit(way.url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        url = urlunsplit((*parts[:3], urlencode({**asked, **further}), ""))
    return Listing(200, names, skew, False)


def one_model(place: Place, way: Way, key: str, timeout_s: float) -> int:
    """Ask for the deployment's own model, by which aliases are found too; the status.

    Raises
    ------
    As `ask` does.
    """
    parts = urlsplit(way.url)
    asked = {
        name: values[-1]
        for name, values in parse_qs(parts.query).items()
        if name not in ("limit", "pageSize", "page_size")
    }
    path = f"{parts.path}/{quote(place.model, safe='/:@')}"
    url = urlunsplit((parts.scheme, parts.netloc, path, urlencode(asked), ""))
    return ask(place, way, url, key, timeout_s).status
