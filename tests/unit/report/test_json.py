"""The JSON report keeps its published form."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from qualitygate.model.finding import Finding, Status
from qualitygate.model.source import Place, Span, Unread
from qualitygate.model.verdict import Report
from qualitygate.report.json import encoded, render

Make = Callable[..., Report]
MakeFinding = Callable[..., Finding]


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    content = json.loads((files("qualitygate") / "schemas" / "report-1.json").read_text("utf-8"))
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


def test_a_full_report_has_the_published_form(
    report: Make, finding: MakeFinding, unread: tuple[Unread, ...], schema: Draft202012Validator
) -> None:
    found = finding(
        why="w", mend="m", tags=("CWE-770",), places=(Place("app/api.py", Span(6, 1, 6, 20), "GET /orders", "route"),)
    )
    document = json.loads(
        render(report(found, finding(status=Status.SUPPRESSED, answer="a"), unread=unread, broken={"x": "y"}, hidden=2))
    )
    schema.validate(document)
    assert document["findings"][0] == {
        "check": "connection-per-request",
        "domain": "database",
        "severity": "error",
        "confidence": "high",
        "message": "Every request of GET /orders opens its own connection",
        "path": "app/api.py",
        "line": 8,
        "column": 12,
        "end_line": 8,
        "end_column": 21,
        "subject": "GET /orders",
        "fingerprint": "0123456789abcdef0123456789abcdef",
        "status": "active",
        "change": None,
        "answer": "",
        "why": "w",
        "mend": "m",
        "places": [
            {
                "path": "app/api.py",
                "line": 6,
                "column": 1,
                "end_line": 6,
                "end_column": 20,
                "note": "GET /orders",
                "role": "route",
            }
        ],
        "tags": ["CWE-770"],
        "count": 1,
    }
    assert document["findings"][1]["status"] == "suppressed"
    assert document["unread"][0] == {"path": "app/broken.py", "line": 7, "reason": "expected ':'"}
    assert document["gate"]["exit_code"] == 1
    assert document["tool"] == {"name": "qgate", "version": "1.2.3"}


def test_an_empty_report_has_the_published_form(report: Make, schema: Draft202012Validator) -> None:
    document = json.loads(render(report()))
    schema.validate(document)
    assert document["findings"] == []
    assert document["examined"] == {"connection-per-request": 3, "unversioned-route": 0}


def test_the_schema_refuses_a_field_that_it_does_not_know(report: Make, schema: Draft202012Validator) -> None:
    document = {**json.loads(render(report())), "surprise": 1}
    assert not schema.is_valid(document)


def test_the_value_of_a_known_secret_leaves_no_message(report: Make, finding: MakeFinding) -> None:
    found = finding(message="uses s3cret-Value! twice", subject="s3cret-Value!", why="s3cret-Value!", mend="")
    data = render(report(found, secrets={"app/db.py": (Span(5, 35, 5, 48),)}))
    assert b"s3cret" not in data


def test_half_of_a_surrogate_pair_does_not_stop_the_report(report: Make, finding: MakeFinding) -> None:
    document = json.loads(render(report(finding("caf\udce9.py"), files_of={})))
    assert document["findings"][0]["path"] == "caf?.py"


@pytest.mark.parametrize("value", [{"a": ["é", 1, None, {"b": "\ud800"}]}])
def test_what_utf8_cannot_carry_becomes_a_question_mark(value: Any) -> None:
    assert json.loads(encoded(value)) == {"a": ["é", 1, None, {"b": "?"}]}


def test_characters_that_a_terminal_would_obey_are_escaped() -> None:
    value = "a\x1b\x7f\x9b\u202e\u2028\U000e0041 größe 価 😀"
    data = encoded([value])
    assert json.loads(data) == [value]
    assert not any(character in data.decode() for character in "\x1b\x7f\x9b\u202e\u2028\U000e0041")
    assert "größe 価 😀" in data.decode()
