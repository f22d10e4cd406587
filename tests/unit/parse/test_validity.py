"""Contracts against the schemas of their formats: the same verdict as a general validator gives, with places."""

import copy
import json
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qualitygate.parse.validity import violations

SPEC = find_spec("openapi_spec_validator")
assert SPEC is not None
assert SPEC.origin is not None
SCHEMAS = Path(SPEC.origin).parent / "resources" / "schemas"

OLD: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "t", "version": "1"},
    "host": "h.example:80",
    "basePath": "/v",
    "schemes": ["https"],
    "paths": {
        "/a": {
            "parameters": [{"name": "b", "in": "body", "schema": {"type": "object"}}],
            "get": {
                "parameters": [
                    {"name": "q", "in": "query", "type": "array", "items": {"type": "string", "maxLength": 3}},
                    {"name": "n", "in": "query", "type": "number", "minimum": 1, "exclusiveMinimum": True},
                    {"name": "f", "in": "formData", "type": "file"},
                ],
                "responses": {"200": {"description": "x", "schema": {"type": "file"}}, "default": {"description": "d"}},
                "security": [{"k": []}],
            },
        }
    },
    "definitions": {
        "D": {"type": "object", "allOf": [{"type": "object"}], "required": ["a"], "additionalProperties": False}
    },
    "securityDefinitions": {"k": {"type": "apiKey", "in": "query", "name": "n"}, "b": {"type": "basic"}},
}
NEW: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1", "license": {"name": "MIT", "identifier": "MIT"}},
    "servers": [{"url": "/", "variables": {"a": {"default": "b", "enum": ["b"]}}}],
    "paths": {
        "/a/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "x",
                "parameters": [
                    {"name": "q", "in": "query", "style": "form", "explode": True, "schema": {}, "example": 1}
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "headers": {"X": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"type": "array"}, "examples": {"e": {"value": 1}}}},
                        "links": {"l": {"operationId": "x"}},
                    }
                },
                "callbacks": {"c": {"{$request}": {"post": {"responses": {"200": {"description": "x"}}}}}},
            },
            "post": {"requestBody": {"content": {"a/b": {"schema": {}}}, "required": True}},
        }
    },
    "components": {
        "securitySchemes": {
            "k": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "o": {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "u", "scopes": {"a": "b"}}}},
        },
        "schemas": {"S": {"type": "object"}},
    },
    "tags": [{"name": "a"}],
}


def sound(version: str) -> dict[str, Any]:
    if version == "2.0":
        return copy.deepcopy(OLD)
    document = copy.deepcopy(NEW)
    document["openapi"] = f"{version}.0"
    if version == "3.0":
        del document["info"]["license"]["identifier"]
        document["paths"]["/a/{id}"]["post"]["responses"] = {"201": {"description": "x"}}
    if version == "3.2":
        document["paths"]["/a/{id}"]["query"] = {"responses": {"200": {"description": "d", "summary": "s"}}}
    return document


def general(version: str) -> Any:
    schema = json.loads((SCHEMAS / f"v{version}" / "schema.json").read_text())
    return (jsonschema.Draft4Validator if version in ("2.0", "3.0") else jsonschema.Draft202012Validator)(schema)


def places(node: Any) -> list[tuple[Any, Any]]:
    found = []
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        found.append((node, key))
        found += places(node[key])
    return found


VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2.5,
    "",
    "x",
    "/x",
    [],
    ["a", "a"],
    {},
    {"a": 1},
    {"x-a": 1},
    "query",
    "path",
    "http",
]
NAMES = ["x-y", "foo", "type", "in", "schema", "content", "required", "get", "example", "examples", "style", "default"]


@pytest.mark.parametrize("version", ["2.0", "3.0", "3.1", "3.2"])
def test_a_changed_contract_gets_the_verdict_of_a_general_validator(version: str) -> None:
    validator, chance, broken = general(version), random.Random(7), 0
    assert validator.is_valid(sound(version))
    assert violations(sound(version), version, 50) == ()
    for _ in range(60):
        document = sound(version)
        for _ in range(chance.choice((1, 1, 2))):
            holder, key = chance.choice(places(document))
            change = chance.random()
            if change < 0.4:
                holder[key] = copy.deepcopy(chance.choice(VALUES))
            elif isinstance(holder, dict) and change < 0.6:
                del holder[key]
            elif isinstance(holder, dict):
                holder[chance.choice(NAMES)] = copy.deepcopy(chance.choice(VALUES))
        valid = validator.is_valid(document)
        broken += not valid
        assert (violations(document, version, 50) == ()) is valid, document
    assert broken > 20


def messages(document: dict[str, Any], version: str = "3.0") -> list[tuple[tuple[str | int, ...], str]]:
    return [(violation.path, violation.message) for violation in violations(document, version, 50)]


def test_a_fault_is_named_where_it_lies() -> None:
    document = sound("3.0")
    del document["info"]["version"]
    get = document["paths"]["/a/{id}"]["get"]
    get["responses"]["200"]["descripton"] = "typed wrongly"
    get["parameters"][0]["in"] = "Query"
    get["operationId"] = 7
    assert messages(document) == [
        (("info",), "lacks `version`"),
        (("paths", "/a/{id}", "get", "operationId"), "is a number where text belongs"),
        (("paths", "/a/{id}", "get", "parameters", 0, "in"), "is none of query"),
        (("paths", "/a/{id}", "get", "responses", "200", "descripton"), "is no key of this place"),
    ]


def test_what_is_no_reference_is_judged_as_what_it_was_meant_to_be() -> None:
    document = sound("3.0")
    document["paths"]["/a/{id}"]["get"]["responses"]["404"] = {"content": {}}
    assert messages(document) == [(("paths", "/a/{id}", "get", "responses", "404"), "lacks `description`")]


def test_a_reference_is_taken_at_its_word_anywhere() -> None:
    document = sound("3.1")
    document["info"]["description"] = {"$ref": "text.md"}
    document["paths"]["/a/{id}"]["get"] = {"$ref": "get.yaml"}
    assert messages(document, "3.1") == []


def test_of_many_faults_the_first_ones_are_told() -> None:
    document = sound("3.0")
    document["info"].update({f"key{number}": 1 for number in range(100)})
    assert len(violations(document, "3.0", 5)) == 5
