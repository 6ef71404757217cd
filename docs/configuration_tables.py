"""Writes the tables of docs/configuration.md from the core's own schema.

Run ``python docs/configuration_tables.py`` after a change of the schema; a test fails until then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BEGIN = "<!-- generated: begin -->"
END = "<!-- generated: end -->"


def tables(schema: dict[str, Any], policies: dict[str, Any]) -> str:
    """Return every key with its type, default and meaning, as Markdown."""
    parts = [_table(title, fields) for title, fields in _sections(schema, "")]
    named = {name: table for name, table in schema["$defs"].items() if name != "policy"}
    for name, table in sorted(named.items()):
        parts += [_table(title, fields, name) for title, fields in _sections(table, "")]
    parts.append(_policies(policies))
    return "\n\n".join(parts)


def write_into(page: str, generated: str) -> str:
    """Return the page with the part between its two marks replaced."""
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{generated}\n\n{END}{tail}"


def _sections(table: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, table
    for key, field in table["properties"].items():
        below = f"{path}.{key}" if path else key
        yield from _nested(field, below)


def _nested(field: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if "properties" in field:
        yield from _sections(field, path)
    elif isinstance(field.get("additionalProperties"), dict):
        yield from _nested(field["additionalProperties"], f"{path}.NAME")
    elif "items" in field:
        yield from _nested(field["items"], f"{path}[]")
    else:
        for choice in field.get("anyOf", ()):
            yield from _nested(choice, path)


def _table(path: str, table: dict[str, Any], name: str = "") -> str:
    required = table.get("required", ())
    title = (
        f"### `[{path}]`" if path and "[]" not in path else f"### `{path}`" if path else "### Top"
    )
    if name:
        title = f"### A {name}"
    rows = [
        f"| `{key}` | {_type(field)} | {_default(key, field, required)} | {field['description']} |"
        for key, field in table["properties"].items()
    ]
    return "\n".join([title, "", "| key | type | default | meaning |", "|---|---|---|---|", *rows])


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return "name or table" if name == "policy" else f"a {name}"
    if "anyOf" in field:
        return " or ".join(_type(choice) for choice in field["anyOf"])
    if "enum" in field:
        words = ", ".join(f"`{word}`" for word in field["enum"])
        return words if len(field["enum"]) <= 8 else "word"
    kind = field["type"]
    if kind in ("integer", "number"):
        return f"{kind}, {_range(field)}"
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object":
        return "table" if "properties" in field else "table of names"
    return {"string": "text", "boolean": "true or false"}[kind]


def _range(field: dict[str, Any]) -> str:
    low, high = field["minimum"], field.get("maximum")
    if low == high:
        return f"{low}"
    return f"{low:,} to {high:,}" if high is not None else f"from {low:,}"


def _default(key: str, field: dict[str, Any], required: Any) -> str:
    if key in required:
        return "required"
    if "default" in field:
        return f"`{json.dumps(field['default'])}`"
    return ""


def _policies(policies: dict[str, Any]) -> str:
    rows = []
    for name, entry in policies.items():
        rows.append(f"| `{name}` | | | {entry['summary']} |")
        for option, about in entry["options"].items():
            rows.append(
                f"| | `{option}`, {about['min']:g} to {about['max']:g} | `{about['default']:g}` "
                f"| {about['meaning']} |"
            )
    head = ["### Policies", "", "| policy | option | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def main() -> None:
    """Rewrite the page beside this file."""
    from llmroute import _core, config

    page = Path(__file__).with_name("configuration.md")
    schema = json.loads(config.json_schema())
    generated = tables(schema, json.loads(_core.policy_schema_json()))
    page.write_text(write_into(page.read_text(encoding="utf-8"), generated), encoding="utf-8")


if __name__ == "__main__":
    main()
