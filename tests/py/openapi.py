"""OpenAI's description of its API, as JSON Schema that requests and answers are checked against.

How it is read, where it says more or less than JSON Schema:

- It calls itself OpenAPI 3.1, whose schemas are JSON Schema 2020-12, and is read as such.
- ``nullable`` is left over from OpenAPI 3.0 and means nothing in 3.1. It is read as it was meant:
  null is allowed beside what the schema says. Ignored, it would refuse null where OpenAI sends it.
- ``discriminator`` chooses the branches whose own list of values for that member holds the value;
  where the member is missing, or a branch lists no values, any branch may fit. This allows nothing
  that the branches do not: it makes checks quick, and faults those of the branch that was meant.
- ``oneOf`` is read as ``anyOf``. Taken by the word it refuses what it means to allow: a user's
  message with a type is an `EasyInputMessage` and an `InputMessage` at once.
- ``format`` and ``$recursiveRef`` (filters of a file search within filters) are not checked.

A schema that is silent about other members allows them; that API refuses parameters that it does
not know, so `unnamed` finds those that a schema does not name.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

FILE = Path(__file__).resolve().parents[2].parent / "shared/data/specs/openai.openapi.json.gz"

Schema = dict[str, Any]

_PLACE = "#/components/schemas/"
_LEFT_OUT = {
    *("description", "title", "example", "examples", "default", "deprecated"),
    *("nullable", "discriminator", "$recursiveRef"),
}


def faults(name: str, value: Any) -> list[str]:
    """Return what is wrong with a value: places and words; empty where it is accepted."""
    return sorted({_told(error) for error in validator(name).iter_errors(value)})


def unnamed(name: str, value: Mapping[str, Any]) -> list[str]:
    """Return the members of a value that its schema does not name."""
    return [
        f"$.{key}: nobody knows it"
        for key in sorted(value.keys() - _named({"$ref": _PLACE + name}))
    ]


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return what checks a value against a schema and all that it refers to."""
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _whole()})


@cache
def described() -> dict[str, Schema]:
    """Return the schemas as they are written."""
    with gzip.open(FILE, "rt") as file:
        schemas: dict[str, Schema] = json.load(file)["components"]["schemas"]
    return schemas


def _at(reference: str) -> Schema:
    return described()[reference.removeprefix(_PLACE)]


def _named(schema: Schema) -> set[str]:
    if "$ref" in schema:
        return _named(_at(schema["$ref"]))
    return {*schema.get("properties", ())}.union(*map(_named, schema.get("allOf", ())))


@cache
def _whole() -> dict[str, Any]:
    return {name: read(node) for name, node in described().items()}


def read(node: Any) -> Any:
    """Translate one schema of the description."""
    if not isinstance(node, dict):
        return node
    made: Schema = {}
    for key, value in node.items():
        if key in _LEFT_OUT:
            continue
        if key == "$ref":
            made[key] = value.replace(_PLACE, "#/$defs/")
        elif key == "allOf":
            made.setdefault(key, []).extend(read(one) for one in value)
        elif key in ("oneOf", "anyOf"):
            made.setdefault("allOf", []).append(_either(value, node.get("discriminator")))
        elif key in ("items", "additionalProperties", "not", "propertyNames"):
            made[key] = read(value)
        elif key == "properties":
            made[key] = {name: read(one) for name, one in value.items()}
        else:
            made[key] = value
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def _either(branches: list[Schema], discriminator: Schema | None) -> Schema:
    anyone: Schema = {"anyOf": [read(branch) for branch in branches]}
    member = (discriminator or {}).get("propertyName", "")
    listed = [_values(branch, member) for branch in branches]
    if not member or not all(listed):
        return anyone
    values = list(dict.fromkeys(value for some in listed for value in some))
    known = {"properties": {member: {"enum": values}}}
    chosen: Schema = {"if": {"required": [member]}, "then": known, "else": anyone}
    for value in values:
        meant = [read(one) for one, some in zip(branches, listed, strict=True) if value in some]
        chosen = {
            "if": {"required": [member], "properties": {member: {"const": value}}},
            "then": meant[0] if len(meant) == 1 else {"anyOf": meant},
            "else": chosen,
        }
    return {"if": {"type": "object"}, "then": chosen, "else": anyone}


def _values(schema: Schema, member: str) -> list[Any]:
    """Return all that a schema allows a member to be; empty where it does not say so."""
    if "$ref" in schema:
        return _values(_at(schema["$ref"]), member)
    for key in ("oneOf", "anyOf"):
        if key in schema:
            inner = [_values(branch, member) for branch in schema[key]]
            return [value for some in inner for value in some] if all(inner) else []
    for part in schema.get("allOf", ()):
        if found := _values(part, member):
            return found
    return _listed(schema.get("properties", {}).get(member, {}))


def _listed(schema: Schema) -> list[Any]:
    if "$ref" in schema:
        return _listed(_at(schema["$ref"]))
    if "anyOf" in schema:
        inner = [_listed(branch) for branch in schema["anyOf"]]
        return [value for some in inner for value in some] if all(inner) else []
    return [None] if schema.get("type") == "null" else list(schema.get("enum", ()))


# --- words ----------------------------------------------------------------------------------------


def _told(error: ValidationError) -> str:
    """Name the fault of the branch that came furthest."""
    while error.context:
        inner = max(error.context, key=_depth)
        if _depth(inner) <= len(error.absolute_path):
            break  # none came further than to look at the value itself
        error = inner
    return f"{error.json_path}: {error.message[:200]}"


def _depth(error: ValidationError) -> int:
    return max([len(error.absolute_path), *map(_depth, error.context or ())])
