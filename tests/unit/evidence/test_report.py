"""A report of qgate as evidence: read back as it was, and refused where it is another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qualitygate.evidence import read_evidence
from qualitygate.load import load
from qualitygate.model.evidence import Proof, Unusable
from qualitygate.model.finding import Finding
from qualitygate.model.policy import Policy
from qualitygate.report import json as report_json
from qualitygate.run import Request, scan

BACKEND = Path(__file__).parents[3] / "fixtures" / "flask-helpdesk" / "faulty"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    report = scan(Request((BACKEND,), Policy(), use_cache=False), load())
    path = tmp_path_factory.mktemp("out") / "anything.txt"
    path.write_bytes(report_json.render(report))
    return path, report


def key(finding: Finding) -> tuple[object, ...]:
    return (
        finding.check,
        finding.severity,
        finding.confidence,
        finding.place.path,
        finding.span,
        finding.fingerprint,
        finding.status,
        finding.count,
    )


def test_what_a_scan_proved_is_read_back(written: tuple[Path, Any]) -> None:
    path, report = written
    (proof,) = read_evidence(path, path.parent)
    assert isinstance(proof, Proof)
    assert list(map(key, proof.findings)) == list(map(key, report.findings))
    assert (proof.examined, proof.broken, proof.unread) == (report.examined, report.broken, report.unread)
    assert (proof.origin.tool, proof.origin.version, proof.origin.commit) == ("qgate", report.version, report.commit)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tool": {"name": "other", "version": "1"}}, "is a report of 'other' in form 1"),
        ({"schema_version": 2}, "in form 2, not of this qgate"),
        ({"findings": [{"check": "a"}]}, "does not have the form of its format"),
        ({"examined": {"a": "many"}}, "does not have the form of its format"),
        ({"examined": None}, "does not have the form of its format"),
    ],
)
def test_what_is_no_report_of_this_form_is_refused(
    written: tuple[Path, Any], tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    document = json.loads(written[0].read_text())
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**document, **change}))
    (refused,) = read_evidence(path, tmp_path)
    assert isinstance(refused, Unusable)
    assert reason in refused.reason


def test_a_finding_stands_for_no_less_than_itself(written: tuple[Path, Any], tmp_path: Path) -> None:
    document = json.loads(written[0].read_text())
    document["findings"][0]["count"] = -40
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))
    assert isinstance(read_evidence(path, tmp_path)[0], Unusable)
