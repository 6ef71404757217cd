"""What may mix vectors of different models is named, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from llmroute.lint import Finding, lint_document

SMALL = "openai/text-embedding-3-small"


def mixed(document: dict[str, Any]) -> list[Finding]:
    found = lint_document(document, environ={"OPENAI_API_KEY": "x"})
    return [finding for finding in found if finding.slug == "embedding_models_mixed"]


def test_the_message_names_both_models_and_where_they_are() -> None:
    [finding] = mixed({"groups": {"index": {"deployments": [SMALL, "mistral/mistral-embed"]}}})
    for word in ("index", "text-embedding-3-small", "mistral-embed", "`embedding`"):
        assert word in finding.message
    assert finding.severity == "error"


def test_each_member_that_differs_is_named_once() -> None:
    group = {"deployments": [SMALL, "mistral/mistral-embed", SMALL, "ollama/nomic-embed-text"]}
    paths = [finding.path for finding in mixed({"groups": {"index": group}})]
    assert paths == ["groups.index.deployments[1]", "groups.index.deployments[3]"]


@pytest.mark.parametrize(
    ("table", "mixes"),
    [
        ({"model": "text-embedding-3-small"}, False),
        ({"model": "x", "embedding": "text-embedding-3-small"}, False),
        ({"model": "x", "embedding": "y"}, True),
        ({"model": "x-embed"}, True),
        ({"model": "x-embed", "lacks": ["embeddings"]}, False),
        ({"model": "gpt-4o"}, False),
        ({"model": "voyage-4"}, True),
    ],
)
def test_what_counts_as_an_embedding_model(table: dict[str, Any], mixes: bool) -> None:
    document = {
        "groups": {"index": {"deployments": [SMALL], "fallbacks": ["b"]}},
        "deployments": {"b": {"base_url": "http://127.0.0.1:9/v1", **table}},
    }
    assert bool(mixed(document)) is mixes
