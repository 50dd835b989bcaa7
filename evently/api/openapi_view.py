"""The OpenAPI document as people read it: addresses by subject, and the fields of a shape as rows of a table."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from evently.http import json

Node = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
# JSON Schema's words, and ours
KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null", "object": "object"}
FORMATS = {"uuid": "UUID", "date-time": "moment", "date": "day", "uri": "address"}
LIMITS = {
    "minimum": "{:,} or more", "maximum": "{:,} or less", "minLength": "{:,} characters or more", "maxLength": "{:,} characters at most",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One row: `name` leads into nested shapes, `results[].event.id`."""

    name: str
    kind: str
    is_required: bool
    rules: str
    description: str


@dataclass(frozen=True)
class Operation:
    """What one method does at one path."""

    method: str
    path: str
    told: Node

    @property
    def id(self) -> str:
        return str(self.told["operationId"])

    @property
    def is_public(self) -> bool:
        return "security" not in self.told


def operations_of(document: Node, tag: str) -> list[Operation]:
    found = [
        Operation(method.upper(), path, item[method] | {"parameters": [*item.get("parameters", []), *item[method]["parameters"]]})
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    return [operation for operation in found if tag in operation.told["tags"]]


def parameters_of(operation: Operation) -> list[Field]:
    """Those of the address: path and query. Headers are the same everywhere."""
    return [
        _field(parameter["name"], parameter["schema"] | _said(parameter), is_required=parameter.get("required", False))
        for parameter in operation.told["parameters"]
        if parameter.get("in") in {"path", "query"}
    ]


def responses_of(operation: Operation) -> list[tuple[str, Node]]:
    """By status, the one that is hoped for first; refusals apart."""
    answers = sorted(operation.told["responses"].items())
    return [(status, answer) for status, answer in answers if "example" in answer.get("content", {}).get("application/json", {})]


def errors_of(operation: Operation) -> list[tuple[str, list[str]]]:
    """Codes by status."""
    answers = sorted(operation.told["responses"].items())
    contents = [(status, answer.get("content", {}).get("application/json", {})) for status, answer in answers]
    return [(status, list(content["examples"])) for status, content in contents if "examples" in content]


def indented(example: Any) -> str:
    """JSON for people, its fields in order."""
    return json.write(example, is_indented=True).decode()


def fields_of(document: Node, schema: Node, prefix: str = "") -> Iterator[Field]:
    """Every field of a shape, those of nested shapes right behind the one that holds them."""
    schema = resolved(document, schema)
    for name, found in schema.get("properties", {}).items():
        inner = resolved(document, found.get("items", found))
        yield _field(f"{prefix}{name}", found | {"inner": inner}, is_required=name in schema.get("required", ()))
        yield from fields_of(document, inner, prefix=f"{prefix}{name}{'[]' if 'items' in found else ''}.")


def response_fields_of(document: Node, schema: Node) -> list[Field]:
    """Every field of an answer; all of them are there, so none says so."""
    return [replace(field, is_required=False) for field in fields_of(document, schema)]


def resolved(document: Node, node: Node) -> Node:
    """What a reference leads to."""
    if "$ref" not in node:
        return node
    for key in node["$ref"].removeprefix("#/").split("/"):
        document = document[key]
    return document


def _field(name: str, schema: Node, *, is_required: bool) -> Field:
    rules = [words.format(schema[limit]) for limit, words in LIMITS.items() if limit in schema]
    if "enum" in schema:
        rules = [", ".join(str(choice) for choice in schema["enum"] if choice is not None)]
    if schema.get("default") not in {None, ""}:
        rules.append(f"{str(schema['default']).lower()} unless given")
    return Field(name, _kind(schema), is_required, "; ".join(rules), schema.get("description", ""))


def _kind(schema: Node) -> str:
    inner = schema.get("inner", {})
    if "items" in schema:
        return "list of objects" if "properties" in inner else f"list of {_kind(inner)}s"
    if "properties" in inner:
        return "object"
    kinds = schema.get("type", "object")
    words = [FORMATS.get(schema.get("format", "")) or KINDS[kind] if kind != "null" else "null" for kind in _listed(kinds)]
    return " or ".join(words)


def _listed(kinds: Any) -> list[str]:
    return list(kinds) if isinstance(kinds, list) else [kinds]


def _said(parameter: Node) -> Node:
    return {"description": parameter["description"]} if "description" in parameter else {}
