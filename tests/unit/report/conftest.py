"""Reports to write: built from texts by path, so that no scan is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from qualitygate.model.finding import Confidence, Domain, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Text, Unread
from qualitygate.model.verdict import Report, Row, State, Verdict

API = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/orders")
def orders():
    return connect().execute("SELECT * FROM orders").fetchall()
"""
ORDERS = Span(8, 12, 8, 21)
DB = "import psycopg\n\n\ndef connect():\n\treturn psycopg.connect(PASSWORD='s3cret-Value!')\n"


@pytest.fixture
def finding() -> Callable[..., Finding]:
    """Makes a finding; keywords replace its fields."""

    def make(path: str = "app/api.py", span: Span = ORDERS, **changes: Any) -> Finding:
        fields: dict[str, Any] = {
            "check": "connection-per-request",
            "domain": Domain.DATABASE,
            "severity": Severity.ERROR,
            "confidence": Confidence.HIGH,
            "message": "Every request of GET /orders opens its own connection",
            "place": Place(path, span),
            "subject": "GET /orders",
            "fingerprint": "0123456789abcdef0123456789abcdef",
        }
        return Finding(**{**fields, **changes})

    return make


@pytest.fixture
def report() -> Callable[..., Report]:
    """Makes a report; keywords replace its fields, ``files_of`` the texts."""

    def make(*findings: Finding, files_of: Mapping[str, str] | None = None, **changes: Any) -> Report:
        files = {"app/api.py": API, "app/db.py": DB} if files_of is None else files_of
        errors = sum(finding.severity is Severity.ERROR for finding in findings if finding.status is Status.ACTIVE)
        state = State.FAIL if errors else State.PASS
        fields: dict[str, Any] = {
            "version": "1.2.3",
            "root": Path("/srv/orders"),
            "prefix": "",
            "files": 12,
            "seconds": 0.25,
            "findings": findings,
            "hidden": 0,
            "examined": {"connection-per-request": 3, "unversioned-route": 0},
            "broken": {},
            "unread": (),
            "verdict": Verdict(
                "closed" if errors else "open",
                (Row("findings.errors", state, str(errors), "<= 0"),),
                1 if errors else 0,
            ),
            "texts": {path: Text.of(content) for path, content in files.items()},
            "secrets": {},
            "contents": {path: content.encode() for path, content in files.items()},
        }
        return Report(**{**fields, **changes})

    return make


@pytest.fixture
def unread() -> tuple[Unread, ...]:
    """Two parts of a project that could not be judged."""
    return (Unread("app/broken.py", 7, "expected ':'"), Unread("app/logo.py", 0, "binary data (a NUL byte), not text"))
