"""LiteLLM's configurations: what they become, and that nothing is lost without a word."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

import llmroute
from llmroute import config
from llmroute.cli import main
from llmroute.integrations import litellm
from llmroute.integrations.litellm import providers, toml
from llmroute.testing import SimulatedProvider

SERVER = {"model": "openai/m", "api_base": "http://127.0.0.1:9/v1"}


def entry(name: str = "fast", info: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"model_name": name, "litellm_params": {**SERVER, **params}}
    if info is not None:
        row["model_info"] = info
    return row


def done(
    *rows: dict[str, Any], keep_keys: bool = True, **tables: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """Translate, load what comes out, and return it with the notes by path."""
    translated = litellm.translate({"model_list": list(rows), **tables}, keep_keys=keep_keys)
    config.check(translated.config)
    again = config._parse_toml(translated.to_toml())
    assert again == translated.config
    notes: dict[str, str] = {}
    for note in translated.notes:
        notes.setdefault(note.path, f"{note.kind}: {note.why}")
    return translated.config, notes


def only(made: dict[str, Any]) -> dict[str, Any]:
    (deployment,) = made["deployments"].values()
    assert isinstance(deployment, dict)
    return deployment


# --- entries --------------------------------------------------------------------------------------


def test_a_server_of_ones_own() -> None:
    made, notes = done(entry())
    assert made == {
        "version": 1,
        "groups": {"fast": {"deployments": ["openai/m"], "policy": "weighted"}},
        "deployments": {
            "openai/m": {
                "model": "m",
                "base_url": "http://127.0.0.1:9/v1",
                "api_key": "env:OPENAI_API_KEY",
            }
        },
    }
    assert not notes


@pytest.mark.parametrize(
    ("params", "info", "expected"),
    [
        ({"api_key": "os.environ/MY_KEY"}, {}, {"api_key": "env:MY_KEY"}),
        ({"api_key": "sk-1"}, {}, {"api_key": "sk-1"}),
        ({"rpm": 10, "tpm": "2000"}, {}, {"limits": {"requests_per_minute": 10}}),
        ({"max_parallel_requests": 3}, {}, {"limits": {"in_flight": 3}}),
        ({}, {"rpm": 7}, {"limits": {"requests_per_minute": 7}}),
        ({"timeout": 2.5}, {}, {"timeouts": {"attempt_ms": 2500}}),
        ({"tags": ["eu", "paid"]}, {}, {"tags": ["eu", "paid"]}),
        ({"region_name": "eu"}, {}, {"region": "eu"}),
        ({"organization": "org-1"}, {}, {"headers": {"openai-organization": "org-1"}}),
        ({"extra_headers": {"x-team": "a"}}, {}, {"headers": {"x-team": "a"}}),
        (
            {"input_cost_per_token": 1.5e-7, "output_cost_per_token": "6e-7"},
            {},
            {"price": {"input_usd_per_million": 0.15, "output_usd_per_million": 0.6}},
        ),
        (
            {},
            {
                "input_cost_per_token": 3e-6,
                "output_cost_per_token": 15e-6,
                "cache_read_input_token_cost": 3e-7,
                "cache_creation_input_token_cost": 3.75e-6,
            },
            {
                "price": {
                    "input_usd_per_million": 3,
                    "output_usd_per_million": 15,
                    "cached_input_usd_per_million": 0.3,
                    "cache_write_usd_per_million": 3.75,
                }
            },
        ),
        ({}, {"max_output_tokens": 4096, "max_tokens": 4096}, {"max_output_tokens": 4096}),
        (
            {},
            {"supports_vision": False, "supports_function_calling": True},
            {"lacks": ["vision"]},
        ),
    ],
)
def test_what_is_honoured_to_the_letter(
    params: dict[str, Any], info: dict[str, Any], expected: dict[str, Any]
) -> None:
    made, notes = done(entry(info={"mode": "chat", **info}, **params))
    deployment = only(made)
    for key, value in expected.items():
        if isinstance(value, dict):
            assert value.items() <= deployment[key].items()
        else:
            assert deployment[key] == value
    assert not notes


@pytest.mark.parametrize(
    ("params", "info", "path", "word"),
    [
        ({"temperature": 0.2}, {}, "litellm_params.temperature", "with the call"),
        ({"max_retries": 3}, {}, "litellm_params.max_retries", "resilience.attempts"),
        ({"stream_timeout": 3}, {}, "litellm_params.stream_timeout", "changed"),
        ({"rpm": "many"}, {}, "litellm_params.rpm", "is no number"),
        ({"rpm": True}, {}, "litellm_params.rpm", "is no number"),
        ({"timeout": float("nan")}, {}, "litellm_params.timeout", "is no number"),
        ({"tags": "eu"}, {}, "litellm_params.tags", "no list"),
        ({"input_cost_per_token": 1e-6}, {}, "litellm_params.input_cost_per_token", "both"),
        ({"extra_headers": {"Authorization": "x"}}, {}, "extra_headers.Authorization", "api_key"),
        ({"mock_response": "hi"}, {}, "litellm_params.mock_response", "Simulated"),
        ({"ssl_verify": False}, {}, "litellm_params.ssl_verify", "always checked"),
        ({"never_heard_of": 1}, {}, "litellm_params.never_heard_of", "left_out"),
        ({}, {"max_tokens": 100}, "model_info.max_tokens", "prompt or answer"),
        ({}, {"max_input_tokens": 100}, "model_info.max_input_tokens", "changed"),
        ({}, {"base_model": "gpt-4o"}, "model_info.base_model", "given"),
        ({}, {"team": "a"}, "model_info.team", "left_out"),
        ({}, {"supports_vision": "no"}, "model_info.supports_vision", "neither true nor false"),
        ({"api_key": 7}, {}, "litellm_params.api_key", "no text"),
    ],
)
def test_what_is_not_honoured_is_said(
    params: dict[str, Any], info: dict[str, Any], path: str, word: str
) -> None:
    _, notes = done(entry(info=info, **params))
    (found,) = [said for where, said in notes.items() if where.endswith(path)]
    assert word in found
    assert len(notes) == 1


def test_a_key_is_written_down_only_where_it_is_asked_for(capsys: Any) -> None:
    row = entry(api_key="sk-very-secret")
    made, notes = done(row, keep_keys=False)
    assert only(made)["api_key"] == "env:OPENAI_API_KEY"
    assert "export it as OPENAI_API_KEY" in notes["model_list[0].litellm_params.api_key"]
    translated = litellm.translate({"model_list": [row]})
    assert "sk-very-secret" not in repr(translated)


def test_a_key_may_be_a_callable_but_not_in_a_file() -> None:
    translated = litellm.translate({"model_list": [entry(api_key=lambda: "sk-1")]})
    config.check(translated.config)
    with pytest.raises(llmroute.ConfigError, match="callable"):
        translated.to_toml()


def test_addresses_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_BASE", "http://127.0.0.1:7/v1/")
    made, notes = done(entry(api_base="os.environ/MY_BASE"))
    assert only(made)["base_url"] == "http://127.0.0.1:7/v1"
    assert "MY_BASE" in notes["model_list[0].litellm_params.api_base"]
    monkeypatch.delenv("MY_BASE")
    monkeypatch.setattr(providers, "_catalogue", lambda: {"openai": {}})
    made, notes = done(entry(api_base="os.environ/MY_BASE"))
    assert "is not set" in notes["model_list[0].litellm_params.api_base"]


@pytest.mark.parametrize(
    ("row", "path", "word"),
    [
        ({"model_name": "a"}, "model_list[0]", "needs model_name"),
        (
            {"model_name": "x/*", "litellm_params": {"model": "openai/gpt"}},
            "model_list[0].model_name",
            "wildcards",
        ),
        (
            {"model_name": "x", "litellm_params": {"model": "openai/*"}},
            "model_list[0].litellm_params.model",
            "wildcards",
        ),
        (
            {"model_name": "x", "litellm_params": {"model": "sagemaker/a"}},
            "model_list[0].litellm_params.model",
            '"sagemaker"',
        ),
        (
            {"model_name": "x", "litellm_params": {"model": "nobody-knows-me"}},
            "model_list[0].litellm_params.model",
            "provider/model",
        ),
        (entry(info={"mode": "image_generation"}), "model_list[0].model_info.mode", "image"),
        (
            {"model_name": "x", "litellm_params": {"model": "azure/a"}},
            "model_list[0].litellm_params.api_base",
            "Azure",
        ),
        ("text", "model_list[0]", "is no table"),
    ],
)
def test_an_entry_that_cannot_be_used_is_left_out(row: Any, path: str, word: str) -> None:
    made, notes = done(row, entry("other"))
    assert list(made["groups"]) == ["other"]
    assert word in notes[path]


def test_nothing_left_is_an_error() -> None:
    for document in ({}, {"model_list": []}, {"model_list": 3}, {"model_list": [{}]}):
        with pytest.raises(llmroute.ConfigError, match="no entry can be used"):
            litellm.translate(document)


def test_credentials_by_name() -> None:
    made, notes = done(
        entry(litellm_credential_name="mine"),
        credential_list=[
            {
                "credential_name": "mine",
                "credential_values": {"api_key": "os.environ/K", "api_base": "http://h/v1"},
                "credential_info": {"description": "x"},
            }
        ],
    )
    # The entry's own address comes before the credential's.
    assert (only(made)["api_key"], only(made)["base_url"]) == ("env:K", SERVER["api_base"])
    assert not notes
    _, notes = done(entry(litellm_credential_name="gone"))
    assert "model_list[0].litellm_params.litellm_credential_name" in notes


# --- providers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "custom", "expected"),
    [
        ("gpt-4o-mini", None, ("openai", "gpt-4o-mini")),
        ("o3", None, ("openai", "o3")),
        ("claude-sonnet-4", None, ("anthropic", "claude-sonnet-4")),
        ("groq/llama", None, ("groq", "llama")),
        ("together_ai/meta/llama", None, ("together_ai", "meta/llama")),
        ("llama", "groq", ("groq", "llama")),
        ("groq/llama", "groq", ("groq", "llama")),
        ("meta/llama", "openai", ("openai", "meta/llama")),
        ("mystery", None, ("", "mystery")),
        ("strange/llama", None, ("strange", "llama")),
    ],
)
def test_how_models_are_named(model: str, custom: str | None, expected: tuple[str, str]) -> None:
    assert providers.split(model, custom) == expected


def test_every_name_of_the_catalogue_that_is_mapped_to_is_tolerated_where_missing() -> None:
    for prefix, names in providers._NAMES.items():
        target = providers.target_of(f"{prefix}/m", None, False)
        if isinstance(target, str):
            assert prefix in target
        else:
            assert target.provider in (*names, "")


def test_a_provider_of_the_catalogue() -> None:
    row = {"model_name": "x", "litellm_params": {"model": "together_ai/meta/llama"}}
    made, notes = done(row)
    key = "env:TOGETHERAI_API_KEY"  # where LiteLLM looks, which is not where we do
    assert only(made) == {"provider": "together", "model": "meta/llama", "api_key": key}
    assert list(made["deployments"]) == ["together/meta/llama"]
    assert not notes


@pytest.mark.parametrize(
    ("model", "base", "expected"),
    [
        ("anthropic/claude", "https://h", "https://h/v1"),
        ("anthropic/claude", "https://h/v1/", "https://h/v1"),
        ("groq/llama", "https://h/openai", "https://h/openai"),
        ("hosted_vllm/llama", "http://h:8000/v1", "http://h:8000/v1"),
    ],
)
def test_addresses_as_we_write_them(model: str, base: str, expected: str) -> None:
    made, _ = done({"model_name": "x", "litellm_params": {"model": model, "api_base": base}})
    assert only(made)["base_url"] == expected


@pytest.mark.parametrize(("dialect", "end"), [("openai", "/v1"), ("ollama", "")])
def test_ollamas_address_goes_by_its_dialect(
    dialect: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "_catalogue", lambda: {"ollama": {"dialect": dialect}})
    assert providers.base_of("ollama", "http://h:11434/") == f"http://h:11434{end}"


def test_an_unknown_provider_with_an_address_is_a_guess() -> None:
    params = {"model": "acme/llama", "api_base": "http://h/v1"}
    made, notes = done({"model_name": "x", "litellm_params": params})
    assert only(made) == {"model": "llama", "base_url": "http://h/v1"}
    assert "OpenAI's format" in notes["model_list[0].litellm_params.model"]


def test_azure_with_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"model": "azure/my gpt", "api_base": "https://r.openai.azure.com/"}
    row = {"model_name": "x", "litellm_params": {**params, "api_version": "2025-01-01"}}
    made, notes = done(row)
    url = "https://r.openai.azure.com/openai/deployments/my%20gpt?api-version=2025-01-01"
    assert only(made)["base_url"] == url
    assert not notes
    made, notes = done({"model_name": "x", "litellm_params": params})
    assert only(made)["base_url"].endswith("?api-version=2024-10-21")
    assert "changed" in notes["model_list[0].litellm_params.api_version"]
    row = {"model_name": "x", "litellm_params": {**params, "api_version": "preview"}}
    assert only(done(row)[0])["base_url"] == "https://r.openai.azure.com/openai/v1"


def test_azure_without_an_entry_in_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_catalogue", dict)
    params = {"model": "azure/a", "api_base": "https://r.example", "api_version": "2025-01-01"}
    made, _ = done({"model_name": "x", "litellm_params": params})
    assert only(made)["quirks"] == {"key_header": "api-key"}
    assert only(made)["api_key"] == "env:AZURE_API_KEY"


def test_vertex_where_the_catalogue_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_catalogue", lambda: {"vertex": {}})
    vertex = {"model": "vertex_ai/gemini-2.5-pro", "vertex_project": "p", "vertex_location": "eu"}
    rows = [{"model_name": "x", "litellm_params": vertex}]
    rows.append({"model_name": "x", "litellm_params": {"model": "vertex_ai/gemini-2.5-pro"}})
    translated = litellm.translate({"model_list": rows})
    (one,) = translated.config["deployments"].values()
    assert one["base_url"] == (
        "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/publishers/google"
    )
    assert [n.path for n in translated.notes] == ["model_list[1].litellm_params.vertex_project"]


@pytest.mark.parametrize("keep", [True, False])
def test_bedrocks_key_is_one(keep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_catalogue", lambda: {"bedrock": {}})
    monkeypatch.setenv("AWS_SECRET", "hunter2")
    params = {
        "model": "bedrock/converse/anthropic.claude",
        "aws_region_name": "us-east-1",
        "aws_access_key_id": "AKIAEXAMPLE",
        "aws_secret_access_key": "os.environ/AWS_SECRET",
    }
    row = {"model_name": "x", "litellm_params": params}
    translated = litellm.translate({"model_list": [row]}, keep_keys=keep)
    made = only(translated.config)
    assert made["model"] == "anthropic.claude"
    assert made["base_url"] == "https://bedrock-runtime.us-east-1.amazonaws.com"
    if keep:
        assert made["api_key"] == "AKIAEXAMPLE:hunter2"
        assert not translated.notes
    else:
        assert made["api_key"] == "env:BEDROCK_API_KEY"
        assert "ACCESS_KEY_ID:SECRET" in str(translated.notes[0])
        assert "hunter2" not in str(translated.notes)


# --- in use ---------------------------------------------------------------------------------------


@pytest.fixture
def provider():
    with SimulatedProvider("openai", ttft_ms=1) as running:
        yield running


def test_a_router_from_a_dictionary(
    provider: SimulatedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    row = entry(api_base=provider.url, api_key="sim-key", max_retries=1)
    with (
        caplog.at_level(logging.WARNING, "llmroute"),
        llmroute.Router.from_litellm({"model_list": [row]}, seed=1) as router,
    ):
        reply = router.chat("hi", model="fast")
    assert reply.deployment == "openai/m"
    assert "litellm: left out: model_list[0].litellm_params.max_retries" in caplog.text


async def test_an_async_router(provider: SimulatedProvider) -> None:
    row = entry(api_base=provider.url, api_key="sim-key")
    async with llmroute.AsyncRouter.from_litellm({"model_list": [row]}) as router:
        assert (await router.chat("hi", model="fast")).deployment == "openai/m"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    document = {
        "model_list": [
            entry(api_key="sk-literal", max_retries=1),
            entry("b", api_key="os.environ/B"),
        ],
        "litellm_settings": {"fallbacks": [{"fast": ["b"]}]},
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_command(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "llmroute.toml"
    assert main(["import", "litellm", str(file), "-o", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "left out: model_list[0].litellm_params.max_retries" in captured.err
    assert "2 groups, 2 deployments; fields left out: 1, changed: 1" in captured.err
    assert "sk-literal" not in captured.err + out.read_text()
    assert main(["check", str(out)]) in (0, 1)
    with llmroute.Router(out) as router:
        assert router.models == ["fast", "b", "openai/m", "openai/m#2"]


def test_the_command_on_standard_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "litellm", str(file)]) == 0
    assert config._parse_toml(capsys.readouterr().out)["version"] == 1
    assert main(["import", "litellm", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"path", "kind", "why"} == set(document["notes"][0])
    assert "sk-literal" not in json.dumps(document)


def test_the_command_with_a_file_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "litellm", str(tmp_path / "gone.yaml")]) == 2
    (tmp_path / "broken.yaml").write_text("model_list: [")
    assert main(["import", "litellm", str(tmp_path / "broken.yaml")]) == 2
    (tmp_path / "empty.yaml").write_text("model_list: []\n")
    assert main(["import", "litellm", str(tmp_path / "empty.yaml")]) == 2
    assert "model_list" in capsys.readouterr().err


@pytest.mark.parametrize(
    "document",
    [
        {"a": 'quote " back \\ line \n tab \t bell \x07 del \x7f ü 😀'},
        {"a key": {"b.c": {"x": 1, "nested": {"y": [1, 2.5, True]}}}},
        {"groups": {"": {"deployments": []}}, "empty": {}},
        {"list": [{"a": 1, "b": {"c": "d"}}], "small": 1e-9, "large": 1e20},
    ],
)
def test_toml_is_read_back_as_it_was(document: dict[str, Any]) -> None:
    assert config._parse_toml(toml.dumps(document)) == document
