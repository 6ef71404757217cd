"""The provider catalogue as data, and how this program introduces itself."""

from __future__ import annotations

import gzip
import json
import sys
from importlib import metadata, resources
from typing import Any

import pytest

import llmroute
from conftest import ROOT
from provider_probe import Listener

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHARED = ROOT.parent / "shared" / "data" / "catalogue" / "models_dev.json.gz"
OTHER_NAMES = {"fireworks": "fireworks-ai", "moonshot": "moonshotai", "together": "togetherai"}
# The variables that the makers' own SDKs read.
OTHER_KEYS = {"azure": "AZURE_OPENAI_API_KEY", "zai": "ZAI_API_KEY"}
# The other catalogue leaves out the version that the provider's own pages give.
SPELLED_OTHERWISE = {"deepseek": "https://api.deepseek.com/v1"}


@pytest.fixture(scope="module")
def providers() -> dict[str, dict[str, Any]]:
    text = resources.files("llmroute").joinpath("data/providers.toml").read_text()
    found: dict[str, dict[str, Any]] = tomllib.loads(text)["providers"]
    return found


def test_addresses_and_key_variables_are_those_of_another_catalogue(
    providers: dict[str, dict[str, Any]],
) -> None:
    if not SHARED.exists():
        pytest.skip("the shared data are not beside this checkout")
    others = json.loads(gzip.decompress(SHARED.read_bytes()))["providers"]
    compared = 0
    for name, provider in providers.items():
        other = others.get(OTHER_NAMES.get(name, name))
        if other is None:
            continue
        compared += 1
        if "api_key" in provider:
            key = provider["api_key"].removeprefix("env:")
            assert key in [*other["env"], OTHER_KEYS.get(name)], name
        if "api" in other and name not in SPELLED_OTHERWISE:
            assert provider["base_url"] == other["api"].rstrip("/"), name
    assert compared >= 10


def test_the_user_agent_has_the_versions_first_two_numbers() -> None:
    listener = Listener()
    try:
        with llmroute.Router.from_dict({"deployments": {"a": listener.deployment()}}) as router:
            router.chat("hi", model="a")
    finally:
        listener.close()
    major, minor = metadata.version("llmroute").split(".")[:2]
    assert listener.heard[0][0]["user-agent"] == f"llmroute/{major}.{minor}"
