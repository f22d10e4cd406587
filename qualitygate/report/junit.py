"""In: a report and the checks. Out: JUnit XML: a case for each condition of the gate and for each check that ran.

The cases are red where the gate is, and nowhere else: a check fails by findings of a severity whose limit is broken.
What it found besides stands in its output. Known and answered findings, and a check with nothing to judge, are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from qualitygate.authoring import Check
from qualitygate.model.finding import Finding, Severity, Status
from qualitygate.model.verdict import Report, Row, State
from qualitygate.report.parts import address, harmless, new, whole
from qualitygate.report.redact import Redactor

_UNDECIDED = frozenset({State.NO_DATA, State.INCONCLUSIVE, State.STALE})
_ASIDE = frozenset({State.WAIVED, State.NOT_APPLICABLE})


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The gate and the checks as UTF-8 XML that ends in a line break."""
    redactor = Redactor.of(report)
    root = ET.Element("testsuites", name="qgate")
    _suite(root, "qgate.gate", [_condition(row, redactor) for row in report.verdict.rows])
    ran = [check for check in checks if check.id in report.examined or check.id in report.broken]
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.check, []).append(finding)
    broken = {severity for row in report.verdict.rows for severity in Severity if _closes(row, severity)}
    for domain, group in groupby(sorted(ran, key=lambda one: (one.domain.value, one.id)), key=lambda one: one.domain):
        cases = [_check(report, check, found.get(check.id, []), broken, redactor) for check in group]
        _suite(root, f"qgate.{domain.value}", cases)
    known = {check.id for check in ran}
    others = {name: reason for name, reason in report.broken.items() if name not in known}
    if others:
        _suite(root, "qgate", [_crash(harmless(name, redactor), reason, redactor) for name, reason in others.items()])
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _closes(row: Row, severity: Severity) -> bool:
    return row.id == f"findings.{severity.value}s" and row.state is State.FAIL


def _suite(root: ET.Element, name: str, cases: Sequence[ET.Element]) -> None:
    kinds = [child.tag for case in cases for child in case]
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    suite = ET.SubElement(root, "testsuite", name=name, tests=str(len(cases)))
    for attribute, kind in counts.items():
        suite.set(attribute, str(kinds.count(kind)))
    for case in cases:
        case.set("classname", name)
        suite.append(case)


def _condition(row: Row, redactor: Redactor) -> ET.Element:
    case = ET.Element("testcase", name=harmless(row.id, redactor))
    state = row.state.value.replace("_", " ")
    told = harmless(f"{row.value or state}, asked for {row.limit}", redactor)
    detail = harmless("; ".join(filter(None, (row.evidence, row.detail, row.source, row.observed))), redactor)
    if row.state is State.PASS:
        ET.SubElement(case, "system-out").text = f"{told}; {detail}"
    elif row.state in _ASIDE or not row.required:
        why = state if row.state in _ASIDE else f"{state}, but not required"
        ET.SubElement(case, "skipped", message=f"{why}: {told}; {detail}")
    elif row.state is State.FAIL:
        ET.SubElement(case, "failure", type=row.state.value, message=told).text = detail
    else:
        ET.SubElement(
            case, "error", type=row.state.value, message=told if row.value in ("", state) else f"{state}: {told}"
        ).text = detail
    return case


def _check(
    report: Report, check: Check, findings: Sequence[Finding], broken: set[Severity], redactor: Redactor
) -> ET.Element:
    if check.id in report.broken:
        return _crash(check.id, report.broken[check.id], redactor)
    case = ET.Element("testcase", name=check.id)
    active = [finding for finding in findings if finding.status is Status.ACTIVE]
    closing = [finding for finding in new(active) if finding.severity in broken]
    others = [finding for finding in active if finding not in closing]
    examined = report.examined.get(check.id, 0)
    aside = len(findings) - len(active)
    if closing:
        message = f"{len(closing)} of {examined} examined" if examined else str(len(closing))
        failure = ET.SubElement(case, "failure", type=closing[0].severity.value, message=f"{check.title}: {message}")
        failure.text = _lines(report, closing, redactor)
    elif not active and aside:
        ET.SubElement(case, "skipped", message=f"{aside} known from the baseline or answered in the code")
    elif not active and not examined:
        ET.SubElement(case, "skipped", message="nothing to judge")
    if others:
        ET.SubElement(case, "system-out").text = _lines(report, others, redactor)
    return case


def _crash(name: str, reason: str, redactor: Redactor) -> ET.Element:
    case = ET.Element("testcase", name=name)
    ET.SubElement(case, "error", type="crash", message=harmless(reason, redactor))
    return case


def _lines(report: Report, findings: Iterable[Finding], redactor: Redactor) -> str:
    lines = "\n".join(
        f"{finding.severity.value} {harmless(address(report, finding.path), redactor)}:{max(1, finding.span.line)}: "
        f"{whole(finding, redactor)}"
        for finding in findings
    )
    # Jenkins and GitLab would look for a file that this names.
    return lines.replace("[[ATTACHMENT", "[ [ATTACHMENT")
