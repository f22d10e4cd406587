"""Cases to judge, built from records: no file is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from qualitygate.judge import Case, judge
from qualitygate.model.evidence import Given, Measured, Measurement, Origin, Proof, unit_of
from qualitygate.model.finding import Confidence, Domain, Finding, Severity
from qualitygate.model.policy import Condition, Kind
from qualitygate.model.source import Place, Span
from qualitygate.model.verdict import Row, Verdict
from qualitygate.parse.limit import Variable, parse_bound

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
_UNITS = {Kind.FINDINGS: "", Kind.SCANNER: "", Kind.RATIO: "ratio"}


class Making:
    """Makes the records of a case."""

    now = NOW

    def origin(self, path: str = "out/k6.json", finished: str = "2026-11-19T08:00:00+00:00", **more: Any) -> Origin:
        return Origin(path, "0" * 64, "k6 handleSummary", more.pop("tool", "k6"), "", finished, "content", **more)

    def measured(
        self, *measurements: Measurement, path: str = "out/k6.json", stale: str = "", subject: str = "", **more: Any
    ) -> Given:
        return Given(path, Measured(self.origin(path, **more), measurements), subject, stale)

    def run(self, p95: float = 30.0, requests: int = 5000, failures: int = 0, path: str = "out/k6.json") -> Given:
        """A load test as a tool tells it."""
        return self.measured(
            Measurement("http.latency.p95", p95, samples=requests),
            Measurement("http.error_rate", failures / requests, samples=requests, failures=failures),
            Measurement("http.rps.offered", 700.0, samples=requests),
            Measurement("http.rps.success", 700.0 * (1 - failures / requests), samples=requests, failures=failures),
            path=path,
        )

    def condition(self, limit: str | None, kind: Kind = Kind.METRIC, **more: Any) -> Condition:
        variables: Mapping[str, Variable] = more.pop("variables", {"expected_load.rps": Variable("rps", None)})
        unit = unit_of(more.get("metric", "")) if kind is Kind.METRIC else _UNITS.get(kind)
        bound = parse_bound(limit, unit, variables) if limit is not None else None
        return Condition(more.pop("id", "row"), kind, bound, **more)

    def finding(self, check: str = "query-in-loop", severity: Severity = Severity.ERROR, **more: Any) -> Finding:
        place = Place("app/a.py", Span(3, 1, 3, 9))
        fields = {"subject": "a", "fingerprint": f"{check}-{more.get('subject', 'a')}", **more}
        return Finding(check, Domain.DATABASE, severity, Confidence.HIGH, "Slow", place, **fields)

    def proof(self, *findings: Finding, examined: Mapping[str, int] | None = None) -> Proof:
        return Proof(findings, {"query-in-loop": 7} if examined is None else examined, {}, ())

    def verdict(self, **fields: Any) -> Verdict:
        return judge(Case(**{"now": NOW, "proof": self.proof(), **fields}))

    def row(self, condition: Condition, *given: Given, **fields: Any) -> Row:
        """The one row of a condition."""
        told = self.verdict(conditions=(condition, *fields.pop("more", ())), given=given, **fields)
        return next(row for row in told.rows if row.id == condition.id)


@pytest.fixture
def make() -> Making:
    return Making()


Judge = Callable[..., Row]
