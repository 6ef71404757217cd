"""The doctor's questions to providers: lists of models in every dialect, clocks, prices."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import llmroute
from listing_probe import KEY, Provider, guarded, look
from llmroute import doctor
from llmroute.doctor import listing, places, verdicts

URL = "http://127.0.0.1:9/v1"


def place_of(**fields: Any) -> places.Place:
    """Make a place whatever dialects the core has."""
    usual = {"provider": "custom", "dialect": "openai", "model": "m", "key_header": ""}
    made = {**usual, **fields}
    return places.Place(
        name="a",
        endpoint=places.Endpoint("https", "h", 443),
        keys=(),
        headers={},
        price=None,
        price_known=False,
        **made,
    )


# --- models, clocks, prices -----------------------------------------------------------------------


def test_a_model_that_is_spelt_wrongly() -> None:
    with Provider(guarded) as provider:
        check = look(provider.deployment(model="god-model"), online=True)["model"]
    assert check.status == "broken"
    assert "did you mean good-model" in check.advice


def test_an_alias_is_known_though_not_listed() -> None:
    def route(path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if path == "/v1/models/good-latest":
            return 200, {"id": "good-model"}
        return guarded(path, headers)

    with Provider(route) as provider:
        check = look(provider.deployment(model="good-latest"), online=True)["model"]
    assert (check.status, "alias" in check.message) == ("ok", True)


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"{}", b'{"data": [1, {"id": 2}]}'])
def test_what_is_no_list(body: bytes) -> None:
    with Provider(lambda *_: (200, body)) as provider:
        checks = look(provider.deployment(), online=True)
    assert checks["model"].status == "skipped"
    assert checks["key_valid"].status == "skipped"


@pytest.mark.parametrize(
    ("off", "status", "word"), [(600, "warning", "behind"), (-400, "warning", "ahead of")]
)
def test_the_clock_against_theirs(off: float, status: str, word: str) -> None:
    with Provider(guarded, date=off) as provider:
        check = look(provider.deployment(), online=True)["clock"]
    assert check.status == status
    assert word in check.message
    assert check.value == pytest.approx(off, abs=5)
    assert "NTP" in check.advice


@pytest.mark.parametrize(
    ("date", "status", "word"),
    [
        ("2020-01-01", "warning", "look it up again"),
        ("last spring", "warning", "date"),
        (None, "warning", "date"),
    ],
)
def test_prices_have_an_age(date: str | None, status: str, word: str) -> None:
    price = {"input_usd_per_million": 1, "output_usd_per_million": 2}
    if date:
        price["date"] = date  # type: ignore[assignment]
    deployment = {"base_url": "http://127.0.0.1:9", "model": "m", "price": price}
    (place,) = places.read_places({"deployments": {"a": deployment}})
    found = verdicts.price_of(place, datetime.date(2026, 11, 26))
    assert found.status == status
    assert word in found.advice
    assert (found.value == 2521) is (date == "2020-01-01")


def test_an_unknown_price_is_not_free() -> None:
    place = place_of(base_url=URL)
    found = verdicts.price_of(place, datetime.date.today())
    assert (found.status, "unknown" in found.message) == ("warning", True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"price_known": True, "price_date": "2026-11-01"}, "from the catalogue, 25 days old"),
        ({"price_known": True}, "from the catalogue, of no known date"),
        (
            {"price": {"usd_per_hour": 2.5, "date": "2026-11-25"}, "price_known": True},
            "2.5 USD per hour, 1 days old",
        ),
    ],
)
def test_prices_from_elsewhere(fields: dict[str, Any], message: str) -> None:
    place = listing.dataclasses.replace(place_of(base_url=URL), **fields)
    assert message in verdicts.price_of(place, datetime.date(2026, 11, 26)).message


# --- how each dialect lists its models ------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "url", "header"),
    [
        ({"base_url": "https://h/v1"}, "https://h/v1/models", "authorization"),
        ({"base_url": "https://h/v1?a=b"}, "https://h/v1/models?a=b", "authorization"),
        (
            {"base_url": "https://h/v1", "key_header": "api-key"},
            "https://h/v1/models",
            "api-key",
        ),
        (
            {"dialect": "responses", "base_url": "https://h/v1"},
            "https://h/v1/models",
            "authorization",
        ),
        (
            {"dialect": "anthropic", "base_url": "https://h/v1"},
            "https://h/v1/models?limit=1000",
            "x-api-key",
        ),
        (
            {"dialect": "gemini", "base_url": "https://h/v1beta"},
            "https://h/v1beta/models?pageSize=1000",
            "x-goog-api-key",
        ),
        (
            {"dialect": "cohere", "base_url": "https://h/v2"},
            "https://h/v1/models?page_size=1000",
            "authorization",
        ),
        (
            {"dialect": "cohere", "base_url": "https://h"},
            "https://h/v1/models?page_size=1000",
            "authorization",
        ),
        (
            {"dialect": "ollama", "base_url": "http://h:1/api"},
            "http://h:1/api/tags",
            "authorization",
        ),
        ({"dialect": "ollama", "base_url": "http://h:1"}, "http://h:1/api/tags", "authorization"),
        (
            {
                "provider": "azure",
                "base_url": "https://r.openai.azure.com/openai/deployments/x?api-version=2025-01-01",
            },
            "https://r.openai.azure.com/openai/models?api-version=2025-01-01",
            "api-key",
        ),
        (
            {"base_url": "https://r.openai.azure.com/openai/v1"},
            "https://r.openai.azure.com/openai/v1/models",
            "api-key",
        ),
    ],
)
def test_where_the_list_is(fields: dict[str, Any], url: str, header: str) -> None:
    way = listing.way_of(place_of(**fields))
    assert not isinstance(way, str)
    assert (way.url, way.header) == (url, header)


def test_openrouters_key_is_judged_by_another_call() -> None:
    way = listing.way_of(place_of(base_url="https://openrouter.ai/api/v1"))
    assert not isinstance(way, str)
    assert way.key_url == "https://openrouter.ai/api/v1/key"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"dialect": "bedrock", "base_url": "https://h"}, "signed"),
        ({"dialect": "unheard-of", "base_url": "https://h"}, "no list is known"),
        ({"dialect": "gemini", "base_url": "https://x-aiplatform.googleapis.com"}, "no list"),
        ({"provider": "vertex", "dialect": "gemini", "base_url": "https://h"}, "Vertex"),
    ],
)
def test_who_has_no_list(fields: dict[str, Any], why: str) -> None:
    way = listing.way_of(place_of(**fields))
    if "x-aiplatform" in fields["base_url"]:
        assert way == "Vertex lists no models for a project"
        return
    assert isinstance(way, str)
    assert why in way


@pytest.mark.parametrize(
    ("dialect", "first", "second", "names"),
    [
        (
            "anthropic",
            {"data": [{"id": "one"}], "has_more": True, "last_id": "one"},
            {"data": [{"id": "two"}], "has_more": False, "last_id": "two"},
            ["one", "two"],
        ),
        (
            "gemini",
            {"models": [{"name": "models/one"}], "nextPageToken": "t"},
            {"models": [{"name": "models/two"}]},
            ["one", "two"],
        ),
        (
            "cohere",
            {"models": [{"name": "one"}], "next_page_token": "t"},
            {"models": [{"name": "two"}], "next_page_token": ""},
            ["one", "two"],
        ),
    ],
)
def test_lists_are_read_to_their_end(
    dialect: str, first: Any, second: Any, names: list[str]
) -> None:
    further = ("after_id=", "pageToken=", "page_token=")

    def route(path: str, headers: dict[str, str]) -> tuple[int, Any]:
        return 200, second if any(word in path for word in further) else first

    with Provider(route) as provider:
        place = place_of(dialect=dialect, base_url=provider.origin)
        place = listing.dataclasses.replace(
            place, endpoint=places.Endpoint("http", "127.0.0.1", provider.port)
        )
        way = listing.way_of(place)
        assert not isinstance(way, str)
        found = listing.list_all(place, way, KEY, 5)
    assert found.names == names
    assert found.whole
    assert len(provider.asked) == 2


def test_a_list_without_end_is_bounded() -> None:
    document = {"data": [{"id": "one"}], "has_more": True, "last_id": "one"}
    with Provider(lambda path, _: (404 if "zzz" in path else 200, document)) as provider:
        config = {"deployments": {"a": provider.deployment(dialect="anthropic", model="zzz")}}
        checks = {c.what: c for c in doctor.examine(config, online=True)}
    assert checks["model"].status == "warning"
    assert len(provider.asked) < 25


def test_list_models() -> None:
    with Provider(guarded) as provider:
        config = {
            "deployments": {
                "a": provider.deployment(),
                "b": provider.deployment(api_key="sk-wrong"),
                "c": provider.deployment(api_key="env:DOCTOR_NOT_SET"),
                "d": provider.deployment(base_url=f"{provider.origin}/v9"),
            }
        }
        assert doctor.list_models(config, "a") == ["good-model", "other-model"]
        with pytest.raises(llmroute.AuthenticationError, match="401"):
            doctor.list_models(config, "b")
        with pytest.raises(llmroute.AuthenticationError, match="DOCTOR_NOT_SET"):
            doctor.list_models(config, "c")
        with pytest.raises(llmroute.NotFoundError):
            doctor.list_models(config, "d")
    with pytest.raises(llmroute.ConnectError):
        doctor.list_models(config, "a")
    with pytest.raises(llmroute.ConfigError):
        doctor.list_models(config, "e")


@pytest.mark.parametrize("body", [b"{}", b'"models"', b'{"data": {}}', b"<html>"])
def test_an_answer_that_is_no_list(body: bytes) -> None:
    with Provider(lambda *_: (200, body)) as provider:
        config = {"deployments": {"a": provider.deployment()}}
        with pytest.raises(llmroute.ProtocolError, match="no list"):
            doctor.list_models(config, "a")


def test_an_empty_list_is_one() -> None:
    with Provider(lambda *_: (200, b'{"data": []}')) as provider:
        assert doctor.list_models({"deployments": {"a": provider.deployment()}}, "a") == []


# --- the same, asked of a router ------------------------------------------------------------------


def table(provider: Provider) -> dict[str, Any]:
    return {
        "deployments": {
            "a": provider.deployment(),
            "b": provider.deployment(api_key="sk-wrong"),
            "c": provider.deployment(api_key=lambda: KEY),
            "d": provider.deployment(dialect="bedrock"),
        }
    }


ANSWERED = (
    ("a", None),
    ("b", llmroute.AuthenticationError),
    ("c", None),
    ("d", llmroute.InvalidRequestError),
    ("e", llmroute.ConfigError),
)


@pytest.mark.parametrize(("deployment", "error"), ANSWERED)
def test_a_router_lists_models(deployment: str, error: type[Exception] | None) -> None:
    with Provider(guarded) as provider, llmroute.Router(table(provider)) as router:
        if error is None:
            assert router.list_models(deployment) == ["good-model", "other-model"]
            return
        with pytest.raises(error) as caught:
            router.list_models(deployment)
    assert "sk-wrong" not in str(caught.value)


@pytest.mark.parametrize(("deployment", "error"), ANSWERED)
async def test_and_one_for_event_loops(deployment: str, error: type[Exception] | None) -> None:
    with Provider(guarded) as provider:
        async with llmroute.AsyncRouter(table(provider)) as router:
            if error is None:
                assert await router.list_models(deployment) == ["good-model", "other-model"]
                return
            with pytest.raises(error):
                await router.list_models(deployment)


def test_a_router_asks_as_it_serves_now() -> None:
    with Provider(guarded) as provider:
        with llmroute.Router({"deployments": {"a": provider.deployment(api_key="sk-x")}}) as router:
            with pytest.raises(llmroute.AuthenticationError):
                router.list_models("a")
            router.reload({"deployments": {"a": provider.deployment()}})
            assert router.list_models("a") == ["good-model", "other-model"]
            with pytest.raises(ValueError, match="timeout_s"):
                router.list_models("a", timeout_s=0)
            asked = len(provider.asked)
        with pytest.raises(llmroute.ClosedError):
            router.list_models("a")
    assert len(provider.asked) == asked
