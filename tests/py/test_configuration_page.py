"""docs/configuration.md: its tables are those of the core, its examples can be used."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from llmroute import _core, config


@pytest.fixture(scope="module")
def page(source_root: Path) -> str:
    return (source_root / "docs/configuration.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator(source_root: Path) -> ModuleType:
    path = source_root / "docs/configuration_tables.py"
    spec = importlib.util.spec_from_file_location("configuration_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(config.json_schema())
    return value


def test_the_tables_are_up_to_date(
    page: str, generator: ModuleType, schema: dict[str, Any]
) -> None:
    policies = json.loads(_core.policy_schema_json())
    assert generator.write_into(page, generator.tables(schema, policies)) == page


def test_every_policy_is_listed(page: str) -> None:
    for name in json.loads(_core.policy_schema_json()):
        assert f"| `{name}` |" in page


def test_the_first_example_can_be_used(page: str, tmp_path: Path) -> None:
    first, *_ = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "llmroute.toml"
    file.write_text(first)
    assert list(config.check(file)["groups"]) == ["fast"]


def test_the_example_of_amounts_can_be_used(page: str, tmp_path: Path) -> None:
    _, amounts = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "amounts.toml"
    file.write_text(amounts)
    meaning = config.check(file)
    for table in ("limits", "budgets", "queue", "cache", "state"):
        assert meaning[table]
    assert meaning["groups"]["fast"]["on_exhausted"] == [{"queue_ms": 2000.0}, "reject"]


def test_the_python_example_can_be_used(page: str) -> None:
    example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[-1]
    names: dict[str, Any] = {}
    exec(example, names)
    assert config.check(names["config"])["groups"]["fast"]["policy"] == "nearest"


# --- the schema for editors, and the core's own judgement -----------------------------------------

WHOLE = {
    "version": 1,
    "groups": {
        "fast": {
            "deployments": [
                "openai/gpt-4o-mini",
                {"use": "local", "weight": 3, "priorities": ["batch", 9]},
            ],
            "policy": {"name": "least_latency", "jitter": 0.2},
            "fallbacks": ["slow"],
            "on_exhausted": [{"queue_ms": 2000}, "least_bad", {"group": "slow"}, "reject"],
        },
        "slow": {"deployments": ["local"], "policy": "ordered"},
    },
    "deployments": {
        "local": {
            "provider": "ollama",
            "model": "llama3",
            "lacks": ["vision"],
            "price": {"input_usd_per_million": 0, "output_usd_per_million": 0},
            "timeouts": {"ttft_ms": 500},
        }
    },
    "resilience": {"attempts": 3, "breaker": {"probes": 2}},
    "limits": {"tenants": {"by": "metadata.tenant", "requests_per_minute": 5}},
    "budgets": {
        "batch": {
            "limit_usd": 40,
            "per": "day",
            "timezone": "Europe/Berlin",
            "by": "metadata.tenant",
            "groups": ["*"],
            "at": [{"share": 0.8, "group": "slow"}],
            "on_exhausted": "allow",
        }
    },
    "queue": {"max_waiting": 10, "weights": {"acme": 2}},
    "cache": {"exact": {"ttl_s": 60}, "affinity": {}},
    "state": {"path": "llmroute.state"},
    "providers": {"corp": {"base_url": "https://llm.example/v1", "api_key": "env:CORP_KEY"}},
}


def changed(**top: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(WHOLE)), **top}


@pytest.mark.parametrize(
    ("document", "good"),
    [
        (WHOLE, True),
        (changed(version=2), False),
        (changed(gruops={}), False),
        (changed(groups={"g": {"deployments": []}}), False),
        (changed(groups={"g": {"deployments": ["openai/a"], "policy": "nope"}}), False),
        (
            changed(
                groups={"g": {"deployments": ["openai/a"], "policy": {"name": "ordered", "x": 1}}}
            ),
            False,
        ),
        (changed(resilience={"attempts": 0}), False),
        (changed(resilience={"timeouts": {"ttft": 1}}), False),
        (changed(limits={"l": {"in_flight": 0}}), False),
        (changed(limits={"l": {"in_flight": 1, "by": 3}}), False),
        (changed(budgets={"b": {"limit_usd": 0}}), False),
        (changed(budgets={"b": {"limit_usd": 1, "per": "week"}}), False),
        (changed(budgets={"b": {"limit_usd": 1, "timezone_offsets": [[0, 0]]}}), False),
        (changed(budgets={"b": {"limit_usd": 1, "at": [{"share": 1}]}}), False),
        (changed(queue={"max_waiting": 0}), False),
        (changed(cache={"exact": {"ttl": 5}}), False),
        (changed(state={}), False),
        (
            changed(groups={"slow": {"deployments": ["openai/a"], "on_exhausted": ["wait"]}}),
            False,
        ),
        (changed(deployments={"d": {"provider": "openai", "model": "m", "lacks": ["x"]}}), False),
    ],
)
def test_schema_and_core_agree(
    schema: dict[str, Any], document: dict[str, Any], good: bool
) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert jsonschema.Draft202012Validator(schema).is_valid(document) == good
    try:
        config.check(document)
    except config.ConfigError:
        assert not good
    else:
        assert good


def test_the_cores_errors_have_a_line(tmp_path: Path) -> None:
    file = tmp_path / "llmroute.toml"
    file.write_text(
        '[groups.fast]\ndeployments = [\n  "openai/a",\n  {use = "openai/b", wieght = 2},\n]\n'
    )
    with pytest.raises(config.ConfigError) as caught:
        config.check(file)
    error = caught.value
    assert (error.path, error.line, error.nearest) == (
        "groups.fast.deployments[1].wieght",
        4,
        "weight",
    )
    assert error.__context__ is None


def test_the_catalogue_is_one_that_the_core_takes() -> None:
    providers = json.loads(config.catalogue_json())["providers"]
    # The others have an address for each customer.
    models = [f"{name}/some-model" for name, entry in providers.items() if "base_url" in entry]
    assert len(models) > 20
    assert len(config.check(models)["deployments"]) == len(models)
