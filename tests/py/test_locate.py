"""Lines of paths in TOML, YAML and JSON texts."""

from __future__ import annotations

import json

import pytest

from llmroute._locate import duplicate_key, line_of, split_path

TOML = """\
# a comment with [brackets] and = signs
version = 1
[groups.fast]    # a header
deployments = [
  "openai/a",    # first ]
  { use = "local", weight = 3 },

  { use = 'eu' },
]
policy.name = "weighted"
text = \"\"\"
[not.a.header]
x = 1
\"\"\"

[deployments."gpt-4.1"]
provider = "openai"
timeouts = { connect_ms = 1, ttft_ms = 2 }
'quoted key' = 1
big = 400_000
date = 1979-05-27T07:32:00-08:00
lit = '''
]]'''
[[rules]]
name = "one"
[rules.when]
x = 1
[[rules]]
name = "two"
[rules.when]
x = 2
[providers.p.quirks]
unsupported = ["a", "b"]
"""

YAML = """\
# a comment
version: 1
groups:
  fast:
    deployments:
      - openai/a
      - use: local
        weight: 3
    policy: {name: weighted,
             jitter: 1}
deployments:
  gpt-4.1:
    api_keys: [a,
      b]
"""

JSON = json.dumps(
    {"version": 1, "groups": {"fast": {"deployments": ["a", {"use": "b", "weight": 1}]}}},
    indent="\t",
)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("groups", ("groups",)),
        ("groups.fast.deployments[1].weight", ("groups", "fast", "deployments", 1, "weight")),
        ("deployments.openai/gpt-4o.model", ("deployments", "openai/gpt-4o", "model")),
        ('deployments."gpt-4.1"', ("deployments", "gpt-4.1")),
        ('a."say \\"hi\\""[0]', ("a", 'say "hi"', 0)),
        ('a.""', ("a", "")),
        ("", ()),
    ],
)
def test_split_path(path: str, steps: tuple[str | int, ...]) -> None:
    assert split_path(path) == steps


@pytest.mark.parametrize(
    ("text", "form", "path", "line"),
    [
        (TOML, "toml", "version", 2),
        (TOML, "toml", "groups", 3),
        (TOML, "toml", "groups.fast", 3),
        (TOML, "toml", "groups.fast.deployments", 4),
        (TOML, "toml", "groups.fast.deployments[0]", 5),
        (TOML, "toml", "groups.fast.deployments[1].weight", 6),
        (TOML, "toml", "groups.fast.deployments[2].use", 8),
        (TOML, "toml", "groups.fast.policy.name", 10),
        (TOML, "toml", "groups.fast.text", 11),
        (TOML, "toml", "groups.fast.absent", 3),
        (TOML, "toml", 'deployments."gpt-4.1"', 16),
        (TOML, "toml", 'deployments."gpt-4.1".timeouts.ttft_ms', 18),
        (TOML, "toml", 'deployments."gpt-4.1"."quoted key"', 19),
        (TOML, "toml", 'deployments."gpt-4.1".date', 21),
        (TOML, "toml", 'deployments."gpt-4.1".lit', 22),
        (TOML, "toml", "rules", 24),
        (TOML, "toml", "rules[0].name", 25),
        (TOML, "toml", "rules[0].when.x", 27),
        (TOML, "toml", "rules[1].name", 29),
        (TOML, "toml", "rules[1].when.x", 31),
        (TOML, "toml", "providers.p.quirks.unsupported[1]", 33),
        (TOML, "toml", "not.a.header", None),
        (YAML, "yaml", "version", 2),
        (YAML, "yaml", "groups.fast.deployments[0]", 6),
        (YAML, "yaml", "groups.fast.deployments[1].weight", 8),
        (YAML, "yaml", "groups.fast.policy.jitter", 10),
        (YAML, "yaml", "groups.fast.fallbacks", 4),
        (YAML, "yaml", 'deployments."gpt-4.1".api_keys[1]', 14),
        (JSON, "json", "version", 2),
        (JSON, "json", "groups.fast.deployments[1].weight", 9),
        (YAML, "yaml", "", None),
        ("a: [", "yaml", "a", None),
        ("a: &x [*x]", "yaml", "a[0]", 1),
    ],
)
def test_line_of(text: str, form: str, path: str, line: int | None) -> None:
    assert line_of(text, form, path) == line


def test_windows_line_ends() -> None:
    assert line_of(TOML.replace("\n", "\r\n"), "toml", "rules[1].name") == 29


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\n", None),
        ("a: 1\nb:\n  a: 1\n  c: 2\n", None),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", ("c", 4)),
        ("- a: 1\n- a: 1\n", None),
    ],
)
def test_duplicate_key(text: str, found: tuple[str, int] | None) -> None:
    assert duplicate_key(text, "yaml") == found
