"""Answers in the code and the baseline: which findings they speak of, and what is said of those that speak of none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from qualitygate.authoring import Check, Confidence, Domain, Hit, ParsedFile, Place, Severity
from qualitygate.load import Installed, load
from qualitygate.model.finding import Status
from qualitygate.model.policy import Policy, Selection
from qualitygate.model.source import Language
from qualitygate.model.verdict import Report
from qualitygate.run import InputError, Request, scan
from qualitygate.suppress import BaselineError, read_baseline, update_baseline, write_baseline

Files = Callable[..., Path]


def words(file: ParsedFile) -> Iterator[Hit]:
    """Flags every FAULT, and with it the four lines from BEGIN to END."""
    content = file.text.content
    for number, line in enumerate(content.split("\n"), start=1):
        if "FAULT" in line:
            start = sum(len(one) + 1 for one in content.split("\n")[: number - 1]) + line.index("FAULT")
            yield Hit(Place(file.path, file.text.span(start, start + 5)), "a fault", line.split("#")[0].strip())
    if "BEGIN" in content:
        span = file.text.span(content.index("BEGIN"), content.index("END"))
        yield Hit(Place(file.path, span), "a long fault", "long")


PROBE = Check(
    id="probe",
    domain=Domain.API,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="",
    dont="",
    doc="A probe.",
    run=words,
    bad=(),
    good=(),
    reads=frozenset({Language.PYTHON, Language.SQL, Language.TEXT}),
)
AUDITS = tuple(check for check in load().checks if check.audits)
INSTALLED = Installed((PROBE, *AUDITS), "probe")


def scanned(root: Path, **policy: object) -> Report:
    return scan(Request((root,), Policy(**policy)), INSTALLED)  # type: ignore[arg-type]


def statuses(report: Report) -> list[tuple[str, int, str]]:
    """Check, line and status of every finding, by line."""
    rows = [(finding.check, finding.span.line, finding.status.value) for finding in report.findings]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def of(content: str, tree: Files, path: str = "app/a.py") -> list[tuple[str, int, str]]:
    return statuses(scanned(tree({path: content}, name=path.replace("/", "-"))))


def test_an_answer_on_the_line_suppresses_its_findings(tree: Files) -> None:
    report = scanned(tree({"app/a.py": "x = FAULT  # qgate: ignore[probe] as agreed\ny = FAULT\n"}))
    assert statuses(report) == [("probe", 1, "suppressed"), ("probe", 2, "active")]
    assert [finding.answer for finding in report.findings if finding.status is Status.SUPPRESSED] == ["as agreed"]
    assert report.verdict.rows[0].value == "1"


def test_an_answer_on_the_line_before_suppresses(tree: Files) -> None:
    content = "# qgate: ignore[probe] as agreed,\n# for two reasons\nx = FAULT\ny = FAULT\n"
    assert of(content, tree) == [("probe", 3, "suppressed"), ("probe", 4, "active")]


def test_an_answer_on_a_definition_suppresses_all_in_it(tree: Files) -> None:
    content = (
        "def f():  # qgate: ignore[probe] as agreed\n    x = FAULT\n    return FAULT\n\n\n"
        "# qgate: ignore[probe] as agreed\n@decorated\ndef g():\n    return FAULT\n\n\n"
        "class C:  # qgate: ignore[probe] as agreed\n    def h(self):\n        return FAULT\n\n\n"
        "y = FAULT\n"
    )
    assert of(content, tree) == [
        ("probe", 2, "suppressed"),
        ("probe", 3, "suppressed"),
        ("probe", 9, "suppressed"),
        ("probe", 14, "suppressed"),
        ("probe", 17, "active"),
    ]


def test_an_answer_after_the_last_line_of_a_statement_suppresses(tree: Files) -> None:
    content = "x = f(\n    BEGIN,\n    1,\n    2,\n)  # END\n"
    assert of(content.replace("2,", "2,  # qgate: ignore[probe] as agreed"), tree) == [("probe", 2, "suppressed")]


def test_an_answer_counts_up_to_its_last_day_and_is_told_before_it(tree: Files) -> None:
    day = {left: (date.today() + timedelta(days=left)).isoformat() for left in (-2, 3, 60)}
    content = "".join(f"x = FAULT  # qgate: ignore[probe] until={one} as agreed\n" for one in day.values())
    report = scanned(tree({"app/a.py": content}))
    assert statuses(report) == [
        ("expired-suppression", 1, "active"),
        ("probe", 1, "active"),
        ("expired-suppression", 2, "active"),
        ("probe", 2, "suppressed"),
        ("probe", 3, "suppressed"),
    ]
    told = {one.span.line: one.severity for one in report.findings if one.check == "expired-suppression"}
    assert told == {1: Severity.ERROR, 2: Severity.WARNING}


def test_an_answer_without_a_reason_does_not_count_and_is_told(tree: Files) -> None:
    assert of("x = FAULT  # qgate: ignore[probe]\n", tree) == [
        ("probe", 1, "active"),
        ("unexplained-suppression", 1, "active"),
    ]


def test_an_answer_to_an_unknown_check_is_told_with_the_nearest_id(tree: Files) -> None:
    report = scanned(tree({"app/a.py": "x = FAULT  # qgate: ignore[prob] as agreed\n"}))
    assert statuses(report) == [("probe", 1, "active"), ("unknown-suppression", 1, "active")]
    assert [finding.mend for finding in report.findings if finding.check == "unknown-suppression"] == ["write `probe`"]


def test_an_answer_with_nothing_to_answer_is_told(tree: Files) -> None:
    content = "x = 1  # qgate: ignore[probe] as agreed\ny = FAULT  # qgate: ignore[probe] as agreed\n"
    assert of(content, tree) == [("unused-suppression", 1, "active"), ("probe", 2, "suppressed")]


def test_an_answer_to_a_check_that_did_not_run_is_not_judged(tree: Files) -> None:
    root = tree({"app/a.py": "x = 1  # qgate: ignore[probe] as agreed\n"})
    assert statuses(scanned(root, selection=Selection(select=("architecture",)))) == []
    assert len(statuses(scanned(root, selection=Selection(select=("architecture", "probe"))))) == 1


def test_an_answer_in_a_file_that_cannot_be_parsed_is_not_judged(tree: Files) -> None:
    assert of("x = 1  # qgate: ignore[probe] as agreed\ndef (:\n", tree) == []


def test_an_answer_in_a_text_or_in_a_test_is_none(tree: Files) -> None:
    assert of('x = "# qgate: ignore[probe] FAULT"\n', tree) == [("probe", 1, "active")]
    assert of("x = 1  # qgate: ignore[nonsense]\n", tree, "tests/test_a.py") == []


def test_an_answer_in_sql_suppresses(tree: Files) -> None:
    content = "-- qgate: ignore[probe] as agreed\nSELECT FAULT;\nSELECT FAULT; -- qgate: ignore[probe] as agreed\n"
    assert of(content, tree, "db/a.sql") == [("probe", 2, "suppressed"), ("probe", 3, "suppressed")]


def test_an_answer_above_an_sql_statement_speaks_of_the_whole_of_it(tree: Files) -> None:
    content = "-- qgate: ignore[probe] as agreed\nSELECT\n    FAULT,\n    FAULT;\nSELECT FAULT;\n"
    found = [("probe", 3, "suppressed"), ("probe", 4, "suppressed"), ("probe", 5, "active")]
    assert of(content, tree, "db/a.sql") == found


def test_an_answer_on_a_key_of_yaml_speaks_of_all_below_it(tree: Files) -> None:
    content = (
        "a:  # qgate: ignore[probe] as agreed\n  b: FAULT\n\n  c:\n    - FAULT\nd: FAULT\n"
        "e:\n  # qgate: ignore[probe] as agreed\n  - f: 1\n    g: FAULT\n  - h: FAULT\n"
    )
    found = [(2, "suppressed"), (5, "suppressed"), (6, "active"), (10, "suppressed"), (11, "active")]
    assert of(content, tree, "compose.yaml") == [("probe", line, status) for line, status in found]


def test_a_finding_in_an_answer_s_own_comment_can_be_answered(tree: Files) -> None:
    assert of("# FAULT  # qgate: ignore[probe] as agreed\n", tree) == [("probe", 1, "suppressed")]


@pytest.fixture
def written(tree: Files) -> tuple[Path, Path]:
    """A project with two faults that its baseline knows."""
    root = tree({"app/a.py": "x = FAULT\n\ny = FAULT\nz = FAULT  # qgate: ignore[probe] as agreed\n"})
    path = root / ".qgate" / "baseline.json"
    assert write_baseline(scanned(root), path) == 2
    return root, path


def test_a_baseline_holds_neither_lines_nor_answered_findings(written: tuple[Path, Path]) -> None:
    data = json.loads(written[1].read_text())
    assert data["version"] == 1
    assert [set(entry) for entry in data["findings"]] == [{"fingerprint", "check", "path", "subject", "message"}] * 2
    assert [entry["subject"] for entry in data["findings"]] == ["x = FAULT", "y = FAULT"]


def test_what_the_baseline_knows_does_not_count_wherever_it_moves(written: tuple[Path, Path]) -> None:
    root, _ = written
    content = (root / "app/a.py").read_text()
    (root / "app/a.py").write_text("import os\n\n\n" + content + "new = FAULT\n")
    report = scanned(root)
    assert statuses(report) == [
        ("probe", 4, "baselined"),
        ("probe", 6, "baselined"),
        ("probe", 7, "suppressed"),
        ("probe", 8, "active"),
    ]
    assert report.stale_baseline == ()


def test_a_second_fault_of_the_same_kind_is_new(tree: Files) -> None:
    root = tree({"app/a.py": "x = FAULT\n"})
    write_baseline(scanned(root), root / ".qgate" / "baseline.json")
    (root / "app/a.py").write_text("x = FAULT\nx = FAULT\n")
    assert [row[2] for row in statuses(scanned(root))] == ["baselined", "active"]


def test_stale_entries_are_named_and_dropped_by_an_update(written: tuple[Path, Path]) -> None:
    root, path = written
    (root / "app/a.py").write_text("x = 1\ny = FAULT\nnew = FAULT\n")
    report = scanned(root)
    assert report.stale_baseline == ("probe app/a.py: a fault",)
    assert update_baseline(report, path) == 1
    assert [entry.subject for entry in read_baseline(path).findings] == ["y = FAULT"], "nothing is added"
    assert update_baseline(scanned(root), path) == 0


def test_what_was_not_looked_for_is_not_stale(written: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = written
    (root / "app/a.py").write_text("x = 1\n")
    (root / "b.py").write_text("x = 1\n")
    assert scanned(root, selection=Selection(ignore=("probe",))).stale_baseline == ()
    monkeypatch.chdir(root)
    only = scan(Request((Path("b.py"),), Policy(baseline=".qgate/baseline.json")), INSTALLED)
    assert only.stale_baseline == ()
    assert len(scanned(root).stale_baseline) == 2


def test_an_entry_in_a_file_that_cannot_be_read_is_not_stale(written: tuple[Path, Path]) -> None:
    root, _ = written
    (root / "app/a.py").write_bytes(b"\0")
    report = scanned(root)
    assert len(report.unread) == 1
    assert report.stale_baseline == ()


def test_an_entry_of_a_check_that_is_installed_no_more_is_stale(written: tuple[Path, Path]) -> None:
    report = scan(Request((written[0],), Policy()), Installed(AUDITS, "audits"))
    assert len(report.stale_baseline) == 2


def test_a_finding_below_the_confidence_asked_for_is_not_stale(tree: Files) -> None:
    root = tree({"app/a.py": "x = FAULT\n"})
    unsure = Installed((replace(PROBE, confidence=Confidence.LOW),), "unsure")
    low = scan(Request((root,), Policy(min_confidence=Confidence.LOW)), unsure)
    write_baseline(low, root / ".qgate" / "baseline.json")
    report = scan(Request((root,), Policy()), unsure)
    assert (report.hidden, report.findings, report.stale_baseline) == (1, (), ())


def test_a_baseline_lies_beside_the_configuration(tree: Files) -> None:
    root = tree({"service/a.py": "x = FAULT\n"})
    write_baseline(scanned(root / "service"), root / ".qgate" / "baseline.json")
    assert [row[2] for row in statuses(scanned(root / "service"))] == ["active"]
    assert [row[2] for row in statuses(scanned(root / "service", directory=root))] == ["baselined"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is no baseline"),
        ("{", "is no baseline"),
        ("[]", "is no baseline"),
        ('{"version": 1}', "is no baseline"),
        ('{"version": 1, "findings": [{}]}', "is no baseline"),
        ('{"version": 1, "findings": [], "more": 1}', "is no baseline"),
        ('{"version": 2, "findings": []}', "has version 2"),
        ("[" * 100_000, "is no baseline"),
    ],
)
def test_a_file_that_is_no_baseline_is_an_error_and_not_an_empty_one(tree: Files, content: str, reason: str) -> None:
    root = tree({"a.py": "", ".qgate/baseline.json": content})
    with pytest.raises(InputError, match=reason):
        scanned(root)


def test_a_baseline_that_was_asked_for_must_be_there(tree: Files) -> None:
    root = tree({"a.py": ""})
    with pytest.raises(InputError, match="`qgate baseline write` makes it"):
        scanned(root, baseline=str(root / "missing.json"))
    with pytest.raises(BaselineError, match="not a file"):
        read_baseline(root)


def test_a_baseline_that_cannot_be_written_leaves_the_old_one(
    written: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, path = written
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_baseline(scanned(root), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["baseline.json"]
