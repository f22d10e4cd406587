"""In: findings, the answers to them in the code and in the configuration, and the baseline. Out: their status."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress as passing_over
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import msgspec

from qualitygate.globs import matcher
from qualitygate.model.evidence import Scanned
from qualitygate.model.facts import Directive, FileFacts
from qualitygate.model.finding import Finding, Status
from qualitygate.model.policy import Waiver
from qualitygate.model.project import Answer, Project
from qualitygate.model.source import Language, Role, Span
from qualitygate.model.verdict import Report

BASELINE = Path(".qgate") / "baseline.json"
_VERSION = 1


class BaselineError(Exception):
    """A baseline that was asked for cannot be used; the argument is one clear line."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding that is known. The fingerprint is what counts; the rest is for people who read the file."""

    fingerprint: str
    check: str
    path: str
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.check} {self.path}: {self.message}"


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The findings that stood when the baseline was written. No line is among them, so that edits do not age it."""

    version: int
    findings: tuple[Entry, ...]


def apply_answers(
    findings: Sequence[Finding], project: Project, ran: Collection[str], known: Collection[str], today: date
) -> tuple[tuple[Finding, ...], tuple[Answer, ...]]:
    """Mark the findings that an inline answer speaks of, and tell what each answer was good for.

    An answer counts with a reason only. It speaks of its own line, of the line after it where it stands alone, and of a
    whole definition where it stands at its header or alone before it. ``ran`` are the checks that ran to their end,
    ``known`` all that are installed. ``today`` tells which answers are past their last day: those count no more.
    """
    files = {file.path: file for file in project.files if file.directives}
    used: set[tuple[str, Directive, str]] = set()
    marked = []
    for finding in findings:
        speaking = _speaking(finding, files.get(finding.path))
        used.update((finding.path, directive, finding.check) for directive in speaking)
        reasons = [_told(directive) for directive in speaking if directive.reason and not _expired(directive, today)]
        marked.append(
            msgspec.structs.replace(finding, status=Status.SUPPRESSED, answer=reasons[0]) if reasons else finding
        )
    answers = tuple(
        Answer(
            file.path,
            file.language,
            file.role,
            directive,
            unknown=tuple((name, _nearest(name, known)) for name in directive.checks if name not in known),
            idle=tuple(
                name
                for name in directive.checks
                # Of a file that could not be read whole nobody knows what would have been found.
                if name in ran and not file.unread and (file.path, directive, name) not in used
            ),
            expired=_expired(directive, today),
            days_left=_days_left(directive, today),
        )
        for file in files.values()
        for directive in file.directives
    )
    return tuple(marked), answers


def apply_waivers(
    findings: Sequence[Finding], waivers: Sequence[Waiver], root: Path, way: str, ran: Collection[str], today: date
) -> tuple[tuple[Finding, ...], tuple[Answer, ...]]:
    """Mark the active findings that a waiver of the configuration speaks of, and tell what each waiver was good for.

    ``root`` is the scanned one, ``way`` leads to it from the folder of the configuration, as globs are meant there.
    ``ran`` are the checks that ran to their end. ``today`` tells which waivers are past their last day: those count no more.
    A waiver without a finding is told where the whole tree that it may speak of was scanned.
    """
    named = [matcher((waiver.path,), way) if waiver.path else _anywhere for waiver in waivers]
    used: set[int] = set()
    marked = []
    for finding in findings:
        speaking = [
            (number, waiver)
            for number, waiver in enumerate(waivers)
            if waiver.check == finding.check and named[number](finding.path)
        ]
        used.update(number for number, _ in speaking)
        standing = [waiver for _, waiver in speaking if waiver.until >= today]
        marked.append(
            msgspec.structs.replace(finding, status=Status.WAIVED, answer=_told(_directive(standing[0])))
            if standing and finding.status is Status.ACTIVE
            else finding
        )
    return tuple(marked), tuple(
        Answer(
            Path(os.path.relpath(waiver.place.path, root)).as_posix(),
            Language.TOML,
            Role.APPLICATION,
            _directive(waiver),
            idle=(waiver.check,) if waiver.check in ran and number not in used and not way else (),
            expired=waiver.until < today,
            days_left=(waiver.until - today).days,
        )
        for number, waiver in enumerate(waivers)
        if waiver.place is not None
    )


def waive_alerts(scanned: Scanned, waivers: Sequence[Waiver], way: str, today: date) -> Scanned:
    """The results of another scanner, those answered that a waiver speaks of by rule; ``way`` is as for findings."""
    standing = [
        (waiver.rule, matcher((waiver.path,), way) if waiver.path else _anywhere, _told(_directive(waiver)))
        for waiver in waivers
        if waiver.rule and waiver.until >= today
    ]
    return msgspec.structs.replace(
        scanned,
        alerts=tuple(
            next(
                (
                    msgspec.structs.replace(alert, answer=answer)
                    for rule, named, answer in standing
                    if rule == alert.rule and named(alert.path)
                ),
                alert,
            )
            for alert in scanned.alerts
        ),
    )


def _anywhere(path: str) -> bool:
    return True


def _directive(waiver: Waiver) -> Directive:
    """A waiver as an answer in the configuration, to a check or to a row of the gate."""
    span = waiver.place.span if waiver.place is not None else Span(0, 0, 0, 0)
    named = (waiver.check or waiver.condition or waiver.rule,)
    return Directive(named, waiver.reason, span, True, span.line, waiver.until.isoformat(), waiver.owner)


def _told(answer: Directive) -> str:
    """The reason of an answer, with who answers for it and how long."""
    until = f"until {answer.until}" if answer.until else ""
    more = ", ".join(filter(None, (answer.owner, until)))
    return f"{answer.reason} ({more})" if more else answer.reason


def _speaking(finding: Finding, file: FileFacts | None) -> list[Directive]:
    """The answers in ``file`` that speak of ``finding``."""
    if file is None:
        return []
    headers = {header for header, end in file.scopes if header <= finding.span.line <= end}
    return [
        directive
        for directive in file.directives
        if finding.check in directive.checks
        and (
            directive.target in headers
            or finding.span.line in (directive.target, directive.span.line)
            # after the last line of a statement that goes over several
            or (not directive.alone and finding.span.line <= directive.target <= finding.span.end_line)
        )
    ]


def _expired(directive: Directive, today: date) -> bool:
    """Whether the last day of an answer is over; what is no date is no day to come."""
    days = _days_left(directive, today)
    return bool(directive.until) and (days is None or days < 0)


def _days_left(directive: Directive, today: date) -> int | None:
    try:
        return (date.fromisoformat(directive.until) - today).days
    except ValueError:
        return None


def _nearest(name: str, known: Collection[str]) -> str:
    return next(iter(get_close_matches(name, sorted(known), 1)), "")


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises :class:`BaselineError` where it is missing or no baseline."""
    if not path.exists():
        raise BaselineError(f"baseline {path}: there is no such file; `qgate baseline write` makes it")
    if not path.is_file():
        raise BaselineError(f"baseline {path}: not a file")
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise BaselineError(f"baseline {path}: {error.strerror or error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"baseline {path} is no baseline: {error}") from None
    if baseline.version != _VERSION:
        raise BaselineError(f"baseline {path} has version {baseline.version}; this qgate reads version {_VERSION}")
    return baseline


def apply_baseline(
    findings: Iterable[Finding], baseline: Baseline, judged: Callable[[Entry], bool]
) -> tuple[tuple[Finding, ...], tuple[Entry, ...]]:
    """Mark the active findings that the baseline knows. Also its stale entries: ``judged``, and found no more."""
    known = {entry.fingerprint for entry in baseline.findings}
    marked = tuple(
        msgspec.structs.replace(finding, status=Status.BASELINED)
        if finding.status is Status.ACTIVE and finding.fingerprint in known
        else finding
        for finding in findings
    )
    found = {finding.fingerprint for finding in marked}
    return marked, tuple(entry for entry in baseline.findings if entry.fingerprint not in found and judged(entry))


def write_baseline(report: Report, path: Path) -> int:
    """Write all findings of a report that are not answered in the code or the configuration; their number. Raises ``OSError``."""
    entries = {
        finding.fingerprint: Entry(finding.fingerprint, finding.check, finding.path, finding.subject, finding.message)
        for finding in report.findings
        if finding.status not in (Status.SUPPRESSED, Status.WAIVED)
    }
    _write(path, entries.values())
    return len(entries)


def update_baseline(report: Report, path: Path) -> int:
    """Drop from a baseline what ``report`` (a scan against it) found stale; the number dropped. Nothing is ever added.

    Raises :class:`BaselineError` where there is no baseline, ``OSError`` where it cannot be written.
    """
    entries = read_baseline(path).findings
    stale = set(report.stale_fingerprints)
    kept = [entry for entry in entries if entry.fingerprint not in stale]
    if len(kept) != len(entries):
        _write(path, kept)
    return len(entries) - len(kept)


def _write(path: Path, entries: Iterable[Entry]) -> None:
    """Write at once or not at all: a reader never sees half of it."""
    ordered = sorted(entries, key=lambda entry: (entry.path, entry.check, entry.subject, entry.fingerprint))
    data = msgspec.json.format(msgspec.json.encode(Baseline(_VERSION, tuple(ordered))), indent=2) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with passing_over(OSError):
            os.unlink(name)
        raise
