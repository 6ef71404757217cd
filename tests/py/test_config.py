"""Sources of configurations, their syntax errors with lines, and what must never show."""

from __future__ import annotations

import bisect
import gc
import json
import pickle
import time
import traceback
import zoneinfo
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmroute import _zones, config
from llmroute.errors import ConfigError
from llmroute.policies import Policy

DIALECTS = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "ollama")
SECRET = "sk-very-secret-value"
WriteFile = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    def write_file(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write_file


def document(source: config.Source) -> Any:
    return json.loads(config.load(source).json)


TOML = 'version = 1\n[groups.fast]\ndeployments = ["openai/gpt-4o-mini"]\n'
YAML = "version: 1\ngroups:\n  fast:\n    deployments: [openai/gpt-4o-mini]\n"
JSON = '{"version": 1, "groups": {"fast": {"deployments": ["openai/gpt-4o-mini"]}}}'
SAME = {"version": 1, "groups": {"fast": {"deployments": ["openai/gpt-4o-mini"]}}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", TOML),
        ("a.yaml", YAML),
        ("a.YML", YAML),
        ("a.json", JSON),
        ("bom.json", "\ufeff" + JSON),
    ],
)
def test_every_format_means_the_same(write: WriteFile, name: str, text: str) -> None:
    path = write(name, text)
    assert document(path) == SAME
    assert document(Path(path)) == SAME
    assert config.load(path).file == path


def test_a_dictionary_is_taken_as_it_is() -> None:
    assert document(SAME) == SAME
    assert config.load(SAME).file is None


def test_a_list_of_models_makes_one_ordered_group() -> None:
    models = ["openai/gpt-4o-mini", "ollama/llama3"]
    for source in (models, tuple(models)):
        group = {"deployments": models, "policy": "ordered"}
        assert document(source) == {"version": 1, "groups": {"default": group}}


@pytest.mark.parametrize("source", [None, 3, b"bytes", object()])
def test_other_sources_are_refused(source: Any) -> None:
    with pytest.raises(ConfigError, match="a path, a dictionary or a list of models"):
        config.load(source)


@pytest.mark.parametrize(
    ("name", "text", "words", "line"),
    [
        ("a.toml", "version = 1\n\nx = = 2\n", "is not valid TOML: Invalid value", 3),
        ("a.toml", "a = 1\na = 2\n", "Cannot overwrite a value", 2),
        ("a.toml", "[groups\n", "is not valid TOML", 1),
        ("a.yaml", "a: 1\nb: [1,\n", "is not valid YAML", 3),
        ("a.yaml", "a: 1\n\tb: 2\n", "is not valid YAML: found character", 2),
        ("a.yaml", "a: 1\nb: 2\na: 3\n", 'the key "a" is given twice', 3),
        ("a.yaml", "x:\n  a: 1\n  a: 2\n", 'the key "a" is given twice', 3),
        ("a.yaml", "a: !!python/object:os.system x\n", "alias, tag or key cannot be used", 1),
        ("a.yaml", "a: 1\nb: *nowhere\n", "alias, tag or key cannot be used", 2),
        ("a.yaml", "a: \x07\n", "cannot be used", None),
        ("a.json", '{"a": 1,\n "b": }', "is not valid JSON: Expecting value", 2),
        ("a.json", '{"a": 1,\n "b": 2,\n "a": 3}', 'the key "a" is given twice', 3),
        ("a.json", "[" * 100_000, "nested deeper", None),
        ("a.json", '{"a": ' + "9" * 5_000 + "}", "too l", None),
        ("a.json", "[1]", "must be a table of keys at its top, not list", 1),
        ("a.yaml", "", "not empty", 1),
        ("a.yaml", "just text", "not str", 1),
        ("a.ini", "", "ends in .toml, .yaml, .yml, .json", None),
    ],
)
def test_syntax_errors_have_a_line(
    write: WriteFile, name: str, text: str, words: str, line: int | None
) -> None:
    path = write(name, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert words in str(caught.value)
    assert caught.value.file == path
    if line is not None:
        assert caught.value.line == line
        assert f"{path}:{line}: " in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        config.load(tmp_path / "absent.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.load(tmp_path / "folder.toml")
    (tmp_path / "latin.toml").write_bytes(b"a = 1\nb = '\xe4'\n")
    with pytest.raises(ConfigError, match="is not UTF-8") as caught:
        config.load(tmp_path / "latin.toml")
    assert caught.value.line == 2


def test_a_model_name_given_as_a_path_names_the_fix() -> None:
    with pytest.raises(ConfigError, match=r'pass a list: \["openai/gpt-4o"\]'):
        config.load("openai/gpt-4o")


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ({"a": float("nan")}, "a", "must be a finite number, not nan"),
        ({"a": [1, float("inf")]}, "a[1]", "must be a finite number, not inf"),
        ({"a": {"b": 10**30}}, "a.b", "too large"),
        ({"a": b"bytes"}, "a", "must be a plain value, not bytes"),
        ({"a": {1, 2}}, "a", "must be a plain value, not set"),
        ({"a": {2: "x"}}, "a", "has a key that is int, not text"),
        ({"a": "\ud800"}, "a", "surrogate"),
        ({"a": print}, "a", "must not be a callable"),
        ({"groups": {"g": {"deployments": print}}}, "groups.g.deployments", "not be a callable"),
        (
            {"groups": {"g": {"policy": {"name": "x", "python": True}}}},
            "groups.g.policy.python",
            "unknown option",
        ),
        ({"deployments": {"gpt-4.1": {"x": b""}}}, 'deployments."gpt-4.1".x', "plain value"),
    ],
)
def test_values_that_json_cannot_hold(value: Any, path: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        config.load(value)
    assert caught.value.path == path


def test_dates_in_files_are_refused_with_their_line(write: WriteFile) -> None:
    for name, text in (("a.toml", "a = 1\nb = 2026-01-01\n"), ("a.yaml", "a: 1\nb: 2026-01-01\n")):
        with pytest.raises(ConfigError, match="not date; quote it") as caught:
            config.load(write(name, text))
        assert (caught.value.path, caught.value.line) == ("b", 2)


def test_depth_and_size_are_bounded(write: WriteFile) -> None:
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(100):
        inner["a"] = {}
        inner = inner["a"]
    with pytest.raises(ConfigError, match="nested deeper than 64"):
        config.load(deep)
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(ConfigError, match="nested deeper than 64"):
        config.load(loop)
    with pytest.raises(ConfigError, match="nested deeper than 64"):
        config.load(write("loop.yaml", "a: &x [*x]\n"))
    laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    with pytest.raises(ConfigError, match="holds more than"):
        config.load(write("laughs.yaml", laughs))


# --- callables ------------------------------------------------------------------------------------


def test_callable_keys_become_labels() -> None:
    def vault() -> str:
        return SECRET

    table = {"provider": "openai", "model": "m"}
    loaded = config.load(
        {
            "deployments": {
                "a": {**table, "api_key": vault},
                "b": {**table, "api_keys": ["env:KEY", vault, lambda: SECRET]},
            },
            "providers": {"p": {"base_url": "https://p", "api_key": vault}},
        }
    )
    made = json.loads(loaded.json)
    assert made["deployments"]["a"]["api_key"] == "callable:vault#0"
    keys = ["env:KEY", "callable:vault#1", "callable:<lambda>#2"]
    assert made["deployments"]["b"]["api_keys"] == keys
    assert made["providers"]["p"]["api_key"] == "callable:vault#3"
    assert sorted(loaded.secrets) == ["<lambda>#2", "vault#0", "vault#1", "vault#3"]
    assert all(give() == SECRET for give in loaded.secrets.values())


def test_policies_become_the_internal_form() -> None:
    def mine(request: Any, candidates: Any, context: Any) -> Any:
        return candidates

    declared = Policy(mine, name="declared", stand_in="ordered")
    other = Policy(mine, name="declared")
    groups = {
        "a": {"deployments": ["ollama/x"], "policy": mine},
        "b": {"deployments": ["ollama/x"], "policy": declared},
        "c": {"deployments": ["ollama/x"], "policy": declared},
        "d": {"deployments": ["ollama/x"], "policy": other},
    }
    loaded = config.load({"groups": groups})
    made = {name: group["policy"] for name, group in json.loads(loaded.json)["groups"].items()}
    assert made == {
        "a": {"name": "mine", "python": True, "stand_in": "weighted"},
        "b": {"name": "declared", "python": True, "stand_in": "ordered"},
        "c": {"name": "declared", "python": True, "stand_in": "ordered"},
        "d": {"name": "declared#2", "python": True, "stand_in": "weighted"},
    }
    assert loaded.policies["declared"] is declared
    assert loaded.policies["declared#2"] is other


# --- places ---------------------------------------------------------------------------------------


def test_the_cores_errors_get_their_place(write: WriteFile) -> None:
    path = write("a.toml", TOML + "polcy = 1\n")
    loaded = config.load(path)
    raw = ConfigError("is an unknown key", path="groups.fast.polcy", nearest="policy")
    placed = loaded.located(raw)
    assert str(placed) == f'{path}:4: groups.fast.polcy: is an unknown key; did you mean "policy"?'
    assert config.load(SAME).located(raw).line is None
    assert config.load(SAME).locate("groups") is None


# --- secrets --------------------------------------------------------------------------------------

SECRET_SOURCES = {
    "dict": {"deployments": {"d": {"api_key": SECRET, "x": b""}}},
    "dict-surrogate": {"deployments": {"d": {"api_key": SECRET + "\ud800"}}},
    "nan": {"deployments": {"d": {"api_key": SECRET, "price": float("nan")}}},
    "toml": f'[deployments.d]\napi_key = "{SECRET}"\nx = \n',
    "toml-open": f'[deployments.d]\napi_key = "{SECRET}\n',
    "yaml": f"deployments:\n  d:\n    api_key: {SECRET}\n    x: [\n",
    "yaml-alias": f"deployments:\n  d:\n    api_key: *{SECRET}\n",
    "yaml-tag": f"deployments:\n  d:\n    api_key: !{SECRET} x\n",
    "json": f'{{"deployments": {{"d": {{"api_key": "{SECRET}", }}}}}}',
}


@pytest.mark.parametrize("name", SECRET_SOURCES)
def test_no_exception_shows_a_secret(write: WriteFile, name: str) -> None:
    source = SECRET_SOURCES[name]
    if isinstance(source, str):
        source = write(f"a.{name.split('-')[0]}", source)
    with pytest.raises(ConfigError) as caught:
        config.load(source)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
    assert SECRET not in shown
    assert error.__context__ is None
    assert error.__cause__ is None
    assert SECRET not in repr(vars(error))


def test_a_loaded_configuration_hides_what_it_holds() -> None:
    loaded = config.load({"deployments": {"d": {"api_key": SECRET}}})
    assert SECRET not in repr(loaded)
    assert SECRET not in str(loaded)
    with pytest.raises(TypeError, match="may hold secrets"):
        pickle.dumps(loaded)
    gc.collect()


# --- the catalogue --------------------------------------------------------------------------------


def test_the_catalogue_has_the_known_providers() -> None:
    providers = json.loads(config.catalogue_json())["providers"]
    expected = (
        "openai anthropic openrouter cohere groq mistral deepseek xai together fireworks ollama "
        "ollama-openai vllm llama.cpp"
    )
    assert set(expected.split()) <= set(providers)
    for name, provider in providers.items():
        assert provider["dialect"] in DIALECTS, name
        # Where each customer has an address of its own, there is none here.
        base_url = provider.get("base_url", "https://")
        local = base_url.startswith("http://127.0.0.1:")
        assert local or base_url.startswith("https://"), name
        assert ("api_key" in provider) != local, name
        assert local or provider["api_key"].startswith("env:"), name


def test_warnings_name_what_will_not_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SET_KEY", "x")
    monkeypatch.delenv("UNSET_KEY", raising=False)
    there = tmp_path / "key"
    there.write_text("x")
    deployments = {
        "good": {"keys": ["env:SET_KEY", f"file:{there}"], "base_url": "https://h/v1"},
        "bad": {"keys": ["env:UNSET_KEY", "file:/nonexistent"], "base_url": "http://h.example/v1"},
        "local": {"keys": ["literal"], "base_url": "http://127.0.0.1:1/v1"},
    }
    assert config._warnings(deployments) == [
        "bad: the environment variable UNSET_KEY is not set",
        "bad: the key file /nonexistent cannot be read",
        "bad: its key goes to h.example over plain http",
    ]


# --- time zones -----------------------------------------------------------------------------------


def zoned(**budget: Any) -> dict[str, Any]:
    return {"groups": {"g": {"deployments": ["ollama/m"]}}, "budgets": {"b": budget}}


@pytest.mark.parametrize("name", ["UTC", "+02:00", "-05:30", ""])
def test_what_the_core_understands_is_left_to_it(name: str) -> None:
    assert document(zoned(timezone=name)) == zoned(timezone=name)


def test_a_zones_name_becomes_offsets() -> None:
    budget = document(zoned(timezone="Europe/Berlin"))["budgets"]["b"]
    assert budget["timezone"] == "Europe/Berlin"
    offsets = budget["timezone_offsets"]
    assert offsets[0][1] == 3600
    assert [1585443600, 7200] in offsets  # 2020-03-29, 01:00 UTC
    assert config.check(zoned(timezone="Europe/Berlin", limit_usd=1))["budgets"]["b"] == {
        "limit_usd": 1.0,
        "per": "day",
        "timezone": "Europe/Berlin",
        "by": "all",
        "only": [],
        "groups": [],
        "at": [],
        "on_exhausted": "reject",
    }


@pytest.mark.parametrize(
    ("budgets", "path", "nearest", "words"),
    [
        ({"b": {"timezone": "Europe/Berln"}}, "b.timezone", "Europe/Berlin", "unknown time zone"),
        ({"b": {"timezone": "europe"}}, "b.timezone", None, "unknown time zone"),
        ({"b": {"timezone": "../x"}}, "b.timezone", None, "unknown time zone"),
        ({"b": {"timezone": "a\0b"}}, "b.timezone", None, "unknown time zone"),
        ({"b": {"timezone": "x" * 5000}}, "b.timezone", None, "unknown time zone"),
        ({"b": {"timezone_offsets": []}}, "b.timezone_offsets", "timezone", "unknown key"),
        ({"a.b": {"timezone": "Mars"}}, '"a.b".timezone', None, "unknown time zone"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_zone_that_is_none(
    budgets: dict[str, Any], path: str, nearest: str | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        config.load({"budgets": budgets})
    assert caught.value.path == f"budgets.{path}"
    if nearest is not None:
        assert caught.value.nearest == nearest
    assert caught.value.__context__ is None


def test_a_zone_that_is_none_has_its_line(write: WriteFile) -> None:
    path = write("a.toml", '[budgets.b]\nlimit_usd = 1\ntimezone = "Europe/Pariss"\n')
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert (caught.value.line, caught.value.nearest) == (3, "Europe/Paris")


def test_a_machine_without_zones_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(_zones.zoneinfo, "ZoneInfo", missing)
    monkeypatch.setattr(_zones.zoneinfo, "available_timezones", set)
    with pytest.raises(ConfigError, match="no time zone data; install the package tzdata"):
        config.load(zoned(timezone="Asia/Kathmandu"))


@pytest.mark.parametrize("budgets", [3, [], {"b": 3}, {"b": {"timezone": 3}}, {"b": {}}])
def test_other_shapes_are_left_to_the_core(budgets: Any) -> None:
    assert document({"budgets": budgets}) == {"budgets": budgets}


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "Africa/Casablanca", "America/New_York", "Asia/Tokyo"]
)
def test_offsets_are_those_of_the_zone(name: str) -> None:
    changes = _zones.offsets(name)
    starts = [start for start, _ in changes]
    assert starts == sorted(set(starts))
    now = int(time.time())
    assert starts[0] <= now - 365 * 86_400
    zone = zoneinfo.ZoneInfo(name)
    around = [start + delta for start in starts[1:] for delta in (-1, 0, 1)]
    for second in [*around, now, now + 39 * 365 * 86_400]:
        ahead = changes[bisect.bisect_right(starts, second) - 1][1]
        assert datetime.fromtimestamp(second, zone).utcoffset() == timedelta(seconds=ahead)


def test_budgets_in_memory_are_warned_of(tmp_path: Path) -> None:
    warning = "budgets: without [state] a restart forgets what was spent"
    source = zoned(limit_requests=5)
    assert warning in config.check(source)["warnings"]
    kept = {**source, "state": {"path": str(tmp_path / "state")}}
    assert config.check(kept)["warnings"] == []
    assert warning not in config.check({"groups": source["groups"]})["warnings"]
