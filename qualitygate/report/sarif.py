"""In: a report and the checks. Out: SARIF 2.1.0: as GitHub code scanning reads it, or with all that the format has.

Numbers from GitHub's "SARIF support for code scanning": 5,000 results of a run and 10 tags of a rule are kept, texts of
descriptions may have 1,024 characters, ``security-severity`` makes a rule a security rule, only active results belong
into the file because ``suppressions`` are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from qualitygate.authoring import Check
from qualitygate.model.finding import Change, Domain, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Unread
from qualitygate.model.verdict import Report
from qualitygate.report.json import encoded, gate
from qualitygate.report.line_hash import line_hashes
from qualitygate.report.page import markdown, page, plain
from qualitygate.report.parts import active, from_top, harmless, mending, rules, sentence, whole
from qualitygate.report.redact import Redactor

MAX_RESULTS = 5_000
MAX_TAGS = 10
MAX_PLACES = 100
MAX_TEXT = 1_024
# A message is read in one glance; the other related places follow without a link.
MAX_LINKS = 5
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"

# GitHub's bands: above 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, below low. One value inside each of ours.
_SECURITY = {Severity.ERROR: "8.0", Severity.WARNING: "5.5", Severity.NOTE: "3.0"}
_PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}

_STATES = {Change.NEW: "new", Change.CHANGED: "updated", Change.UNCHANGED: "unchanged"}


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The active findings as UTF-8 SARIF that ends in a line break, for GitHub. ``checks`` are the installed ones."""
    return encoded(document(report, checks))


def render_full(report: Report, checks: Iterable[Check]) -> bytes:
    """All findings, whatever their status, with their suppressions, fixes and the gate, for programs that read those."""
    return encoded(document(report, checks, full=True))


def document(report: Report, checks: Iterable[Check], *, full: bool = False) -> dict[str, Any]:
    """The SARIF log as plain values."""
    findings = active(report)
    if full:
        findings += [finding for finding in report.findings if finding.status is not Status.ACTIVE]
    kept = findings if full else findings[:MAX_RESULTS]
    described = rules(checks, {*report.examined, *report.broken, *(finding.check for finding in kept)})
    index = {check.id: number for number, check in enumerate(described)}
    redactor = Redactor.of(report)
    hashes = _hashes(report, kept, redactor)
    results = []
    for finding in kept:
        result = _result(finding, index, report.prefix, redactor, hashes.get((finding.path, finding.span.line)))
        results.append(result | _more(report, finding, redactor) if full else result)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "qgate",
                "fullName": f"qgate {report.version}, the quality gate for backend architecture",
                "version": report.version,
                "semanticVersion": report.version,
                "informationUri": "https://pypi.org/project/backend-qgate/",
                "rules": [_rule(check) for check in described],
            }
        },
        "automationDetails": {"id": "qgate/default/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the repository."}}},
        "invocations": [_invocation(report, len(findings) - len(kept), redactor, index)],
        "results": results,
        "properties": {"gate": gate(report.verdict, redactor)},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(check: Check) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tags": list(_tags(check))[:MAX_TAGS],
        "precision": check.confidence.value,
        "problem.severity": _PROBLEM[check.severity],
    }
    if check.domain is Domain.SECURITY:
        properties["security-severity"] = _SECURITY[check.severity]
    return {
        "id": check.id,
        "name": "".join(part.capitalize() for part in check.id.split("-")),
        "shortDescription": {"text": _cut(sentence(check.title))},
        "fullDescription": {"text": _cut(sentence(_first(page(check).section("What it flags")) or check.title))},
        "help": {"text": plain(check), "markdown": markdown(check)},
        "defaultConfiguration": {"level": check.severity.value},
        "properties": properties,
    }


def _tags(check: Check) -> Iterable[str]:
    """Domain first, then the check's own; a weakness in the form by which GitHub knows it."""
    yield check.domain.value
    for tag in check.tags:
        if tag != check.domain.value:
            yield f"external/cwe/{tag.lower()}" if re.fullmatch(r"CWE-\d+", tag) else tag


def _result(
    finding: Finding, index: Mapping[str, int], prefix: str, redactor: Redactor, line_hash: str | None
) -> dict[str, Any]:
    related = [
        {
            "id": number,
            **_location(place, prefix),
            "message": {"text": _unlinked(sentence(harmless(place.note or place.role or "Seen here", redactor)))},
        }
        for number, place in enumerate(finding.places[:MAX_PLACES], start=1)
    ]
    message = _unlinked(whole(finding, redactor))
    if related:
        links = (
            f"[{_bracketless(harmless(place.note or place.role or place.path, redactor))}]({number})"
            for number, place in enumerate(finding.places[:MAX_LINKS], start=1)
        )
        message += f" See {', '.join(links)}."
    fingerprints = {"primaryLocationLineHash": line_hash} if line_hash else {}
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "level": finding.severity.value,
        "message": {"text": message},
        "locations": [_location(finding.place, prefix)],
        "partialFingerprints": {**fingerprints, "qgate/v1": finding.fingerprint},
        "properties": {"confidence": finding.confidence.value, "subject": redactor.text(finding.subject)},
    }
    if finding.change is not None:
        result["baselineState"] = _STATES[finding.change]
    if finding.check in index:
        result["ruleIndex"] = index[finding.check]
    if related:
        result["relatedLocations"] = related
    return result


def _more(report: Report, finding: Finding, redactor: Redactor) -> dict[str, Any]:
    """What GitHub does not read of a result: whether it counts, how it stands to what is known, and what mends it."""
    suppressions = []
    if finding.status is not Status.ACTIVE:
        outside = finding.status is not Status.SUPPRESSED
        reason = finding.answer or ("Known from the baseline" if outside else "")
        suppressions = [
            {"kind": "external" if outside else "inSource", "status": "accepted"}
            | ({"justification": _unlinked(sentence(harmless(reason, redactor)))} if reason else {})
        ]
    more: dict[str, Any] = {"suppressions": suppressions}
    mended = mending(report, finding, redactor)
    if mended:
        changes = [
            {
                "artifactLocation": _artifact(path, report.prefix),
                "replacements": [
                    {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in edits
                ],
            }
            for path, edits in mended.items()
        ]
        fix: dict[str, Any] = {"artifactChanges": changes}
        if finding.mend:
            fix["description"] = {"text": _unlinked(sentence(harmless(finding.mend, redactor)))}
        more["fixes"] = [fix]
    return more


def _location(place: Place, prefix: str) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(place.path, prefix), "region": _region(place.span)}}


def _artifact(path: str, prefix: str) -> dict[str, Any]:
    # A colon is encoded too: in the first segment of a path it would end a scheme.
    raw = from_top(prefix, path).encode("utf-8", "surrogateescape")
    return {"uri": quote(raw, safe="/~!$&'()*+,;=@"), "uriBaseId": ROOT}


def _region(span: Span) -> dict[str, int]:
    line, column = max(1, span.line), max(1, span.column)
    end_line = max(line, span.end_line)
    end_column = max(1, span.end_column)
    if end_line == line:
        end_column = max(column, end_column)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _invocation(report: Report, left_out: int, redactor: Redactor, index: Mapping[str, int]) -> dict[str, Any]:
    notes: list[dict[str, Any]] = [_unread(item, report.prefix, redactor) for item in report.unread]
    for check, reason in sorted(report.broken.items()):
        note: dict[str, Any] = {
            "level": "error",
            "message": {"text": _unlinked(sentence(harmless(f"The check {check} crashed: {reason}", redactor)))},
        }
        if check in index:
            note["associatedRule"] = {"id": check, "index": index[check]}
        notes.append(note)
    if left_out:
        text = f"{MAX_RESULTS:,} of {MAX_RESULTS + left_out:,} results are written, the worst first: code scanning keeps no more."
        notes.append({"level": "note", "message": {"text": text}})
    return {
        "executionSuccessful": not report.broken,
        "exitCode": report.verdict.exit_code,
        "toolExecutionNotifications": notes,
    }


def _unread(item: Unread, prefix: str, redactor: Redactor) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _artifact(item.path, prefix)}
    if item.line:
        location["region"] = {"startLine": item.line}
    return {
        "level": "warning",
        "message": {"text": _unlinked(sentence(harmless(f"Not judged: {item.reason}", redactor)))},
        "locations": [{"physicalLocation": location}],
    }


def _unlinked(text: str) -> str:
    """``text`` with nothing in it that a viewer would take for a link of the message."""
    return re.sub(r"\](?=\(\d+\))", r"\\]", text)


def _bracketless(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _first(text: str) -> str:
    """The first paragraph."""
    return text.split("\n\n", 1)[0]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1].rsplit(' ', 1)[0]}…"


def _hashes(report: Report, findings: Sequence[Finding], redactor: Redactor) -> dict[tuple[str, int], str]:
    """The line hash by path and line. Lines whose hash would be taken over a secret have none: it could be guessed."""
    wanted: dict[str, set[int]] = {}
    for finding in findings:
        wanted.setdefault(finding.path, set()).add(finding.span.line)
    hashes = {}
    for path, lines in wanted.items():
        data = report.contents.get(path)
        if data is None:
            continue
        for line, (value, last) in line_hashes(data, lines).items():
            if not redactor.covers(path, line, last):
                hashes[path, line] = value
    return hashes
