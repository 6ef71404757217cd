"""Whose model ``provider/model`` is: LiteLLM's names of providers, and ours."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Target", "base_of", "split", "target_of"]

# LiteLLM's prefix -> the names an entry of our catalogue may have, the first that is there counts.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": ("openai",),
    "text-completion-openai": (),
    "azure": ("azure",),
    "anthropic": ("anthropic",),
    "gemini": ("google", "gemini"),
    "vertex_ai": ("vertex",),
    "vertex_ai_beta": ("vertex",),
    "bedrock": ("bedrock",),
    "bedrock_converse": ("bedrock",),
    "cohere": ("cohere",),
    "cohere_chat": ("cohere",),
    "mistral": ("mistral",),
    "groq": ("groq",),
    "together_ai": ("together",),
    "fireworks_ai": ("fireworks",),
    "deepseek": ("deepseek",),
    "xai": ("xai",),
    "openrouter": ("openrouter",),
    "cerebras": ("cerebras",),
    "perplexity": ("perplexity",),
    "deepinfra": ("deepinfra",),
    "nvidia_nim": ("nvidia",),
    "huggingface": ("huggingface",),
    "ollama": ("ollama",),
    "ollama_chat": ("ollama",),
    "hosted_vllm": ("vllm",),
    "vllm": ("vllm",),
    "lm_studio": ("lmstudio",),
    "llamafile": ("llama.cpp",),
    "litellm_proxy": ("litellm",),
}

# Prefixes that only say that the server at api_base speaks OpenAI's format.
_OPENAI_LIKE: Final = frozenset(("openai", "custom_openai", "openai_like", "litellm_proxy"))

# What LiteLLM knows by the model's name alone.
_BY_MODEL: Final = (
    (re.compile(r"(gpt-|chatgpt-|o[1-9](-|$)|text-embedding-|ft:)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "vertex_ai"),
    (re.compile(r"(command-|command$|embed-)"), "cohere"),
    (re.compile(r"(mistral|codestral|magistral|ministral)-"), "mistral"),
)

_KEY_OF: Final[Mapping[str, str]] = {
    "openai": "OPENAI_API_KEY",
    "azure": "AZURE_API_KEY",
    "litellm_proxy": "LITELLM_PROXY_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "nvidia_nim": "NVIDIA_NIM_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
}
"""Where LiteLLM looks for a key that is not given, and our catalogue does not."""


@dataclasses.dataclass(frozen=True)
class Target:
    """Where an entry leads.

    Parameters
    ----------
    prefix : str
        LiteLLM's name of the provider.
    provider : str
        Ours; empty: none of the catalogue, the address says all.
    model : str
        The provider's own name of the model.
    default_key : str
        Variable that holds the key where none is given; empty: where the catalogue says.
    guessed : bool
        Whether nothing but an address is known of the provider.
    """

    prefix: str
    provider: str
    model: str
    default_key: str = ""
    guessed: bool = False


def split(model: str, custom: str | None) -> tuple[str, str]:
    """Part LiteLLM's name of a model into provider and model; the provider may be empty.

    Examples
    --------
    >>> split("groq/llama-3.3-70b", None), split("claude-sonnet-4", None)
    (('groq', 'llama-3.3-70b'), ('anthropic', 'claude-sonnet-4'))
    """
    prefix, slash, rest = model.partition("/")
    if custom:
        return custom, rest if slash and prefix == custom else model
    if slash and (prefix in _NAMES or prefix in _OPENAI_LIKE):
        return prefix, rest
    if not slash:
        for pattern, name in _BY_MODEL:
            if pattern.match(model):
                return name, model
    return (prefix, rest) if slash else ("", model)


def target_of(model: str, custom: str | None, has_base: bool) -> Target | str:
    """Return where a model is, or why that cannot be said.

    Parameters
    ----------
    model : str
        LiteLLM's name, as ``azure/my-deployment``.
    custom : str, optional
        ``custom_llm_provider``.
    has_base : bool
        Whether the entry gives an address of its own.
    """
    prefix, name = split(model, custom)
    if prefix.startswith("bedrock"):
        name = name.removeprefix("converse/")
    known = _catalogue()
    provider = next((one for one in _NAMES.get(prefix, (prefix,)) if one in known), "")
    if prefix in _OPENAI_LIKE and has_base:
        # A server of one's own: what OpenAI itself does not take is no reason to refuse it there.
        return Target(prefix, "", name, _KEY_OF.get(prefix, ""))
    if prefix == "azure" or provider:
        default = "" if prefix == "openai" else _KEY_OF.get(prefix, "")
        return Target(prefix, provider, name, default)
    if not prefix:
        return f'no provider is known by the name "{model}"; write it as provider/model'
    if has_base and prefix not in _NAMES:
        return Target(prefix, "", name, guessed=True)
    return (
        f'this version knows no provider "{prefix}"; describe it under [providers], with base_url '
        "and dialect"
    )


def base_of(provider: str, base: str) -> str:
    """Return an address as we write it: LiteLLM appends ``/v1`` by itself where we do not.

    Examples
    --------
    >>> base_of("anthropic", "https://proxy.example/")
    'https://proxy.example/v1'
    """
    base = base.rstrip("/")
    entry = _catalogue().get(provider) or {}
    versioned = provider == "anthropic" or (provider == "ollama" and entry["dialect"] == "openai")
    return f"{base}/v1" if versioned and not base.endswith("/v1") else base


def _catalogue() -> Mapping[str, Any]:
    from llmroute.config import catalogue_json

    providers: Mapping[str, Any] = json.loads(catalogue_json())["providers"]
    return providers
