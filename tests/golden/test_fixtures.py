"""Whole small backends: a faulty one shows exactly the findings that a careful reviewer listed, a sound one shows none."""

import json
import shutil
from pathlib import Path

import pytest

from qualitygate.load import load
from qualitygate.model.finding import Confidence
from qualitygate.model.policy import Policy
from qualitygate.run import Request, scan

FIXTURES = Path(__file__).parents[2] / "fixtures"
BACKENDS = sorted(path.parent for path in FIXTURES.glob("*/*/expected.json"))


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_backend_shows_exactly_what_a_reviewer_listed(backend: Path) -> None:
    listed = {
        (entry["check"], entry["path"], entry["line"]) for entry in json.loads((backend / "expected.json").read_text())
    }
    report = scan(Request((backend,), Policy(min_confidence=Confidence.LOW), use_cache=False), load())
    found = {(finding.check, finding.path, finding.span.line) for finding in report.findings}
    assert not report.broken
    assert not report.unread
    assert sorted(found - listed) == [], "shown, but not listed"
    assert sorted(listed - found) == [], "listed, but not shown"
    assert len(report.findings) == len(listed)


@pytest.mark.parametrize("name", sorted({backend.parent.name for backend in BACKENDS}))
def test_each_backend_stands_in_both_forms_and_the_gate_tells_them_apart(name: str) -> None:
    assert len(json.loads((FIXTURES / name / "faulty" / "expected.json").read_text())) >= 6
    assert json.loads((FIXTURES / name / "sound" / "expected.json").read_text()) == []
    installed = load()
    exits = {
        form: scan(Request((FIXTURES / name / form,), Policy(), use_cache=False), installed).verdict.exit_code
        for form in ("faulty", "sound")
    }
    assert exits == {"faulty": 1, "sound": 0}


@pytest.mark.parametrize(
    ("backend", "name"),
    sorted(
        {
            (backend, name)
            for backend in BACKENDS
            for entry in json.loads((backend / "expected.json").read_text())
            for name in entry.get("needs", ())
        }
    ),
    ids=lambda value: value if isinstance(value, str) else f"{value.parent.name}-{value.name}",
)
def test_a_finding_that_joins_three_files_is_gone_or_less_sure_without_one_of_them(
    backend: Path, name: str, tmp_path: Path
) -> None:
    def shown(root: Path) -> dict[tuple[str, str, int], int]:
        report = scan(Request((root,), Policy(min_confidence=Confidence.LOW), use_cache=False), load())
        return {
            (finding.check, finding.path, finding.span.line): finding.confidence.rank for finding in report.findings
        }

    without = tmp_path / "backend"
    shutil.copytree(backend, without)
    (without / name).unlink()
    whole, rest = shown(backend), shown(without)
    for entry in json.loads((backend / "expected.json").read_text()):
        if name in entry.get("needs", ()):
            key = (entry["check"], entry["path"], entry["line"])
            assert len(entry["needs"]) >= 3
            assert key not in rest or rest[key] > whole[key], f"{entry['check']} does not need {name}"
