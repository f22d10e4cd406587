"""What of a changed contract breaks clients, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qualitygate.authoring import Example
from qualitygate.load import load
from qualitygate.model.finding import Finding, Severity
from qualitygate.testing import findings_of

CHECK = next(check for check in load().checks if check.id == "breaking-change")

Json = dict[str, Any]


def document(operation: Json, schemas: Json | None = None, **more: Any) -> Json:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1.0.0"},
        "paths": {"/v1/things": {"post": {"responses": {"201": {"description": "Made"}}, **operation}}},
        "components": {"schemas": schemas or {}},
        **more,
    }


def found(new: Json, old: Json) -> list[Finding]:
    texts = [{"openapi.json": json.dumps(one, indent=1)} for one in (new, old)]
    return list(findings_of(CHECK, Example(texts[0], "", texts[1])))


def messages(new: Json, old: Json) -> list[str]:
    return [finding.message for finding in found(new, old)]


def taking(schema: Json, **schemas: Json) -> Json:
    return document({"requestBody": {"content": {"application/json": {"schema": schema}}}}, schemas)


def giving(schema: Json, **schemas: Json) -> Json:
    body = {"description": "Made", "content": {"application/json": {"schema": schema}}}
    return document({"responses": {"201": body}}, schemas)


REQUESTS: list[tuple[Json, Json, str]] = [
    ({"type": ["integer", "string"]}, {"type": "integer"}, "must be integer in requests (integer, string before)"),
    ({"type": "number"}, {"type": "integer"}, "must be integer in requests (number before)"),
    ({"type": ["string", "null"]}, {"type": "string"}, "may not be null in requests any more"),
    ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["a"]}, 'does not take "b" any more'),
    ({"type": "string"}, {"type": "string", "enum": ["a"]}, "takes 1 value only, and took any"),
    ({"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 5}, "takes at most 5 characters"),
    ({"type": "array"}, {"type": "array", "maxItems": 5}, "takes at most 5 items in requests (no limit before)"),
    ({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}, "takes at least 1 in requests (0 before)"),
    ({"type": "integer", "format": "int64"}, {"type": "integer", "format": "int32"}, "has the format int32"),
    (
        {"type": "object", "properties": {"b": {}}},
        {"type": "object", "additionalProperties": False},
        "is refused in requests",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), REQUESTS)
def test_a_request_that_takes_less_is_a_break_and_the_way_back_is_none(old: Json, new: Json, told: str) -> None:
    before, after = ({"type": "object", "properties": {"a": one}} for one in (old, new))
    (message,) = messages(taking(after), taking(before))
    assert message.startswith("`POST /v1/things body.a")
    assert told in message
    assert messages(taking(before), taking(after)) == []


RESPONSES: list[tuple[Json, Json, str]] = [
    ({"type": "integer"}, {"type": ["integer", "string"]}, "is integer, string in responses (integer before)"),
    ({"type": "integer"}, {"type": "number"}, "is number in responses (integer before)"),
    ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "may be null in responses"),
    ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a", "b"]}, 'may be "b" in responses'),
    ({"type": "object", "properties": {"b": {}}}, {"type": "object"}, ".b` is gone from responses"),
    ({"type": "object", "properties": {"b": {}}}, {}, "is not described in responses any more (1 property before)"),
    (
        {"type": "object", "properties": {"b": {}}, "required": ["b"]},
        {"type": "object", "properties": {"b": {}}},
        ".b` may be missing from responses",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), RESPONSES)
def test_a_response_that_promises_less_is_a_break_and_the_way_back_is_none(old: Json, new: Json, told: str) -> None:
    before, after = ({"type": "object", "properties": {"a": one}} for one in (old, new))
    (message,) = messages(giving(after), giving(before))
    assert told in message
    assert messages(giving(before), giving(after)) == []


QUIET: list[tuple[Json, Json]] = [
    (taking({"type": "object"}), taking({"type": "object", "properties": {"a": {"type": "string"}}})),
    (taking({"type": "jsonb"}), taking({"type": "string"})),
    (
        taking({"type": "object", "properties": {"a": {"readOnly": True, "type": "string"}}}),
        taking({"type": "object", "required": ["b"], "properties": {"a": {"readOnly": True, "type": "integer"}}}),
    ),
    (
        giving({"type": "object", "properties": {"a": {"type": "string", "deprecated": True}}}),
        giving({"type": "object", "properties": {"b": {"type": "string"}}}),
    ),
    (
        giving({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/Old"}}}, Old={"deprecated": True}),
        giving({"type": "object", "properties": {"b": {"type": "string"}}}),
    ),
    (
        giving({"anyOf": [{"type": "string"}, {"type": "string", "enum": ["a"]}]}),
        giving({"anyOf": [{"type": "string"}, {"type": "string", "enum": ["a", "b"]}]}),
    ),
    (
        giving({"$ref": "#/components/schemas/T"}, T={"type": "object", "properties": {"a": {"type": "string"}}}),
        giving({"type": "object", "properties": {"a": {"type": "string"}}}),
    ),
    (
        giving({"type": "object", "required": ["a"], "properties": {"a": {}}}),
        giving({"allOf": [{"type": "object", "properties": {"a": {}}}, {"required": ["a"]}]}),
    ),
    (
        document({"parameters": [{"name": "Accept", "in": "header", "schema": {"type": "string"}}]}),
        document({}),
    ),
    (document({"responses": {"200": {"description": "a"}}}), document({"responses": {"2XX": {"description": "a"}}})),
    (document({"responses": {"404": {"description": "a"}}}), document({"responses": {"410": {"description": "a"}}})),
    (document({"security": [{"key": []}]}), document({"security": [{"token": []}]})),
]


@pytest.mark.parametrize(("old", "new"), QUIET)
def test_what_looks_like_a_break_and_is_none(old: Json, new: Json) -> None:
    assert messages(new, old) == []


def test_a_scheme_may_have_another_name_but_not_another_form() -> None:
    def secured(name: str, scheme: Json) -> Json:
        made = document({"security": [{name: []}]})
        made["components"]["securitySchemes"] = {name: scheme}
        return made

    key, token = {"type": "apiKey", "in": "header", "name": "X-Key"}, {"type": "http", "scheme": "bearer"}
    assert messages(secured("apiKey", key), secured("ApiKey", key)) == []
    assert messages(secured("key", token), secured("key", key)) == [
        "POST /v1/things cannot be called with apikey header x-key any more"
    ]


def test_a_schema_is_told_once_with_all_that_it_reaches() -> None:
    def things(schema: Json) -> Json:
        made = giving({"$ref": "#/components/schemas/Thing"}, Thing=schema)
        listed = {"type": "array", "items": {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]}}
        content = {"application/json": {"schema": listed}}
        made["paths"]["/v1/things"]["get"] = {"responses": {"200": {"description": "All", "content": content}}}
        return made

    properties: Json = {"id": {"type": "string"}, "parent": {"$ref": "#/components/schemas/Thing"}}
    old = things({"type": "object", "properties": properties})
    new = things({"type": "object", "properties": {"parent": properties["parent"]}})
    (finding,) = found(new, old)
    assert finding.message == "`Thing.id` is gone from responses"
    assert "fails on POST /v1/things, GET /v1/things" in finding.why


def test_many_of_a_kind_are_told_once() -> None:
    old = giving({"type": "object", "properties": {f"p{number}": {} for number in range(12)}})
    (message,) = messages(giving({"type": "object", "properties": {"x": {}}}), old)
    assert message.endswith("is gone from responses, and 11 changes like it break clients")


def test_a_release_that_raises_its_major_number_is_noted() -> None:
    old = giving({"type": "object", "properties": {"a": {}}})
    new = giving({"type": "object", "properties": {"b": {}}})
    new["info"]["version"] = "2.0.0"
    (finding,) = found(new, old)
    assert finding.severity is Severity.NOTE
    assert finding.why == "version 2.0.0 announces that it breaks clients"


def test_operations_are_known_by_their_whole_path_wherever_the_server_is() -> None:
    old = document({}, servers=[{"url": "https://api.example.com"}])
    new = document({}, servers=[{"url": "https://api.example.com/v1"}])
    new["paths"] = {"/things": new["paths"]["/v1/things"]}
    assert messages(new, old) == []
    elsewhere = document({}, servers=[{"url": "https://api.example.com/gateway"}])
    assert messages(elsewhere, old) == []


def test_of_a_path_that_stays_each_operation_that_is_gone_is_told_there() -> None:
    old, new = document({}), document({})
    old["paths"]["/v1/things"]["get"] = {"responses": {"200": {"description": "All"}}}
    (finding,) = found(new, old)
    assert finding.message == "GET /v1/things is gone"
    line = json.dumps(new, indent=1).split("\n")[finding.span.line - 1]
    assert "/v1/things" in line


@pytest.mark.parametrize("mark", [{"x-stability-level": "draft"}, {"x-internal": True}, {"deprecated": True}])
def test_what_is_no_promise_may_go(mark: Json) -> None:
    old = document({})
    old["paths"]["/v1/drafts"] = {"post": {"responses": {"201": {"description": "Made"}}, **mark}}
    assert messages(document({}), old) == []


def test_a_schema_that_holds_itself_is_compared_to_its_end() -> None:
    node: Json = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "a": {}}}
    less: Json = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    root = {"$ref": "#/components/schemas/Node"}
    assert messages(giving(root, Node=less), giving(root, Node=node)) == ["`Node.a` is gone from responses"]
