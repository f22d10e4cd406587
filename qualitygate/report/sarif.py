"""In: a report and the checks. Out: SARIF 2.1.0 as GitHub code scanning reads it.

Numbers from GitHub's "SARIF support for code scanning": 5,000 results of a run and 10 tags of a rule are kept, texts of
descriptions may have 1,024 characters, ``security-severity`` makes a rule a security rule, only active results belong
into the file because ``suppressions`` are ignored. The line hash is the one that its upload action computes
(``fingerprints.ts`` of github/codeql-action): another value would be reported as inconsistent.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from qualitygate.authoring import Check
from qualitygate.model.finding import Change, Domain, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Unread
from qualitygate.model.verdict import Report
from qualitygate.report.json import encoded
from qualitygate.report.page import markdown, page, plain
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

_BLOCK = 100
_FACTOR = 37
_WRAP = (1 << 64) - 1
_END = "\uffff"


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The active findings as UTF-8 SARIF that ends in a line break. ``checks`` are the installed ones."""
    return encoded(document(report, checks))


def document(report: Report, checks: Iterable[Check]) -> dict[str, Any]:
    """The SARIF log as plain values."""
    active = [finding for finding in report.findings if finding.status is Status.ACTIVE]
    active.sort(key=lambda finding: (finding.severity.rank, finding.confidence.rank, finding.path, finding.span))
    kept = active[:MAX_RESULTS]
    named = {*report.examined, *report.broken, *(finding.check for finding in kept)}
    rules = sorted((check for check in checks if check.id in named), key=lambda check: check.id)
    index = {check.id: number for number, check in enumerate(rules)}
    redactor = Redactor.of(report)
    hashes = _hashes(report, kept, redactor)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "qgate",
                        "fullName": f"qgate {report.version}, the quality gate for backend architecture",
                        "version": report.version,
                        "semanticVersion": report.version,
                        "informationUri": "https://pypi.org/project/backend-qgate/",
                        "rules": [_rule(check) for check in rules],
                    }
                },
                "automationDetails": {"id": "qgate/default/"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the repository."}}},
                "invocations": [_invocation(report, len(active), redactor, index)],
                "results": [
                    _result(finding, index, report.prefix, redactor, hashes.get((finding.path, finding.span.line)))
                    for finding in kept
                ],
            }
        ],
    }


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
        "shortDescription": {"text": _cut(_sentence(check.title))},
        "fullDescription": {"text": _cut(_sentence(_first(page(check).section("What it flags")) or check.title))},
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
            "message": {"text": _sentence(_safe(redactor.text(place.note or place.role or "Seen here")))},
        }
        for number, place in enumerate(finding.places[:MAX_PLACES], start=1)
    ]
    sentences = [_sentence(_safe(redactor.text(text))) for text in (finding.message, finding.why, finding.mend) if text]
    if related:
        links = (
            f"[{_bracketless(_safe(redactor.text(place.note or place.role or place.path)))}]({number})"
            for number, place in enumerate(finding.places[:MAX_LINKS], start=1)
        )
        sentences.append(f"See {', '.join(links)}.")
    fingerprints = {"primaryLocationLineHash": line_hash} if line_hash else {}
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "level": finding.severity.value,
        "message": {"text": " ".join(sentences)},
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


def _location(place: Place, prefix: str) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(place.path, prefix), "region": _region(place.span)}}


def _artifact(path: str, prefix: str) -> dict[str, Any]:
    # A colon is encoded too: in the first segment of a path it would end a scheme.
    raw = f"{prefix}{path}".encode("utf-8", "surrogateescape")
    return {"uri": quote(raw, safe="/~!$&'()*+,;=@"), "uriBaseId": ROOT}


def _region(span: Span) -> dict[str, int]:
    line, column = max(1, span.line), max(1, span.column)
    end_line = max(line, span.end_line)
    end_column = max(1, span.end_column)
    if end_line == line:
        end_column = max(column, end_column)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _invocation(report: Report, active: int, redactor: Redactor, index: Mapping[str, int]) -> dict[str, Any]:
    notes: list[dict[str, Any]] = [_unread(item, report.prefix, redactor) for item in report.unread]
    for check, reason in sorted(report.broken.items()):
        note: dict[str, Any] = {
            "level": "error",
            "message": {"text": _sentence(_safe(f"The check {check} crashed: {redactor.text(reason)}"))},
        }
        if check in index:
            note["associatedRule"] = {"id": check, "index": index[check]}
        notes.append(note)
    if active > MAX_RESULTS:
        text = f"{MAX_RESULTS:,} of {active:,} results are written, the worst first: code scanning keeps no more."
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
        "message": {"text": _sentence(_safe(f"Not judged: {redactor.text(item.reason)}"))},
        "locations": [{"physicalLocation": location}],
    }


def _sentence(text: str) -> str:
    """``text`` with a full stop where it has no end of its own."""
    text = text.strip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _safe(text: str) -> str:
    """``text`` without control characters, and with nothing that a viewer would take for a link of the message."""
    shown = "".join(
        character if character.isprintable() or character == " " else f"\\u{ord(character):04x}" for character in text
    )
    return re.sub(r"\](?=\(\d+\))", r"\\]", shown)


def _bracketless(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _first(text: str) -> str:
    """The first paragraph."""
    return text.split("\n\n", 1)[0]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1].rsplit(' ', 1)[0]}…"


# The line hash.


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


def line_hashes(data: bytes, wanted: Iterable[int]) -> dict[int, tuple[str, int]]:
    """``primaryLocationLineHash`` of the 1-based lines ``wanted``, each with the last line that went into it.

    The hash runs over the 100 UTF-16 code units that begin at the line, blanks and tabs left out, CR and CRLF taken as
    LF, an end marker and zeros after the last; the number behind the colon counts equal ones from the top of the file.
    """
    text = data.decode("utf-8", "replace")
    if not text.isascii() and max(text) > "\uffff":
        text = "".join(map(chr, array("H", text.encode("utf-16", "surrogatepass")[2:])))
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    end = len(text)
    text += _END + "\0" * _BLOCK
    lines = set(wanted)
    seen: Counter[str] = Counter()
    hashes = {}
    start, number, last = 0, 1, max(lines, default=0)
    while number <= last:
        window = text[start : start + _BLOCK]
        seen[window] += 1
        if number in lines:
            hashes[number] = (f"{_polynomial(window):x}:{seen[window]}", number + window.count("\n"))
        start = text.find("\n", start, end) + 1
        number += 1
        if not start:
            break
    return hashes


def _polynomial(window: str) -> int:
    value = 0
    for character in window:
        value = value * _FACTOR + ord(character) & _WRAP
    return value
