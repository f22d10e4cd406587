"""Answers that stand in a contract itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qualitygate.extract.extensions import find_extensions
from qualitygate.load import load
from qualitygate.model.finding import Status
from qualitygate.model.policy import Policy
from qualitygate.model.source import Language, Text
from qualitygate.run import Request, scan

LIST = {
    "200": {
        "description": "All",
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    }
}


def contract(**extensions: Any) -> dict[str, Any]:
    def at(name: str) -> dict[str, Any]:
        return {"x-qgate-ignore": extensions[name]} if name in extensions else {}

    return {
        "openapi": "3.0.3",
        **at("document"),
        "info": {"title": "Shop", "version": "1.0.0"},
        "paths": {
            "/v1/months": {**at("path"), "get": {**at("operation"), "responses": LIST}},
            "/v1/things": {"get": {"responses": LIST}},
        },
    }


def statuses(root: Path, document: dict[str, Any], indent: int | None = 2) -> dict[str, tuple[Status, str]]:
    (root / "openapi.json").write_text(json.dumps(document, indent=indent))
    report = scan(Request((root,), Policy(), use_cache=False), load())
    return {
        finding.subject: (finding.status, finding.answer)
        for finding in report.findings
        if finding.check == "missing-pagination"
    }


def test_an_answer_speaks_of_the_object_that_it_stands_in(tmp_path: Path) -> None:
    answer = [{"check": "missing-pagination", "reason": "twelve at most"}]
    for place in ("operation", "path"):
        found = statuses(tmp_path, contract(**{place: answer}))
        assert found["GET /v1/months"] == (Status.SUPPRESSED, "twelve at most")
        assert found["GET /v1/things"][0] is Status.ACTIVE
    found = statuses(tmp_path, contract(document=answer))
    assert {status for status, _ in found.values()} == {Status.SUPPRESSED}


def test_an_answer_counts_with_a_reason_and_until_its_last_day(tmp_path: Path) -> None:
    for entry, status in (
        ({"check": "missing-pagination"}, Status.ACTIVE),
        ({"check": "missing-pagination", "reason": "few", "until": "2001-01-01"}, Status.ACTIVE),
        ({"check": "missing-pagination", "reason": "few", "until": "soon"}, Status.ACTIVE),
        ({"check": "missing-pagination", "reason": "few", "until": "2999-01-01"}, Status.SUPPRESSED),
        ({"check": "unversioned-operation", "reason": "few"}, Status.ACTIVE),
    ):
        assert statuses(tmp_path, contract(operation=entry))["GET /v1/months"][0] is status


def test_an_answer_that_is_wrong_is_told(tmp_path: Path) -> None:
    entries = [
        {"check": "missing-paginatoin", "reason": "few"},
        {"check": "missing-pagination"},
        {"check": "unsecured-operation", "reason": "old", "until": "2001-01-01"},
        {"check": "unversioned-operation", "reason": "nothing to answer"},
        "missing-pagination",
        7,
    ]
    (tmp_path / "openapi.json").write_text(json.dumps(contract(operation=entries), indent=2))
    report = scan(Request((tmp_path,), Policy(), use_cache=False), load())
    told = [finding.check for finding in report.findings if finding.check.endswith("-suppression")]
    assert told.count("unexplained-suppression") == 3
    assert {"unknown-suppression", "unused-suppression", "expired-suppression"} <= set(told)


def test_a_document_that_cannot_be_read_has_no_answers() -> None:
    for content in ("x-qgate-ignore: [", "{x-qgate-ignore: }: }"):
        assert find_extensions(Text.of(content), Language.YAML) == ((), ())


def test_an_answer_stands_where_it_is_written() -> None:
    content = "a:\n  b:\n    x-qgate-ignore:\n      - check: one, two\n        reason: why\n    c: 1\n  d: 2\n"
    directives, scopes = find_extensions(Text.of(content), Language.YAML)
    (directive,) = directives
    assert (directive.checks, directive.reason, directive.target, directive.span.line) == (("one", "two"), "why", 2, 4)
    assert scopes == ((2, 6),)
