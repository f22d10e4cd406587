"""In: a report. Out: text for people: findings with code frames, what was hidden, and the gate."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qualitygate.model.finding import Change, Confidence, Finding, Severity, Status
from qualitygate.model.source import Place, Span
from qualitygate.model.verdict import Report
from qualitygate.report.display import Palette, cell, pad, understood, visible, width, wrapped
from qualitygate.report.gate import gate_lines
from qualitygate.report.redact import Redactor

# Lines of a span that are shown in full; of a longer one, its first and last.
_FRAME_LINES = 4
# On a pipe nothing is broken, but a minified line is still cut.
_LONGEST = 160
_UNREAD_SHOWN = 10
_PLACES_SHOWN = 6
# Findings shown whole: of one check with one reason, of one check in one file, and of one check.
_SAME_SHOWN, _IN_FILE_SHOWN, _OF_CHECK_SHOWN = 3, 3, 10
_PLACE_WIDTH = 60
# A reason or mending of more characters is not told twice in a row.
_TOLD_AGAIN = 60
# Wherever it stands in a line of a log, GitHub's runner and Azure's agent obey what begins so: `##[...]`, `##vso[...]`.
_COMMAND = re.compile(r"##(?=\w*\[)")
_COMMIT = re.compile(r"\b([0-9a-f]{10})[0-9a-f]{30,54}\b")


@dataclass(frozen=True)
class Style:
    """How text is laid out. ``width`` is the terminal's in columns, None where lines are not to be broken.

    ``here`` is the directory that shown paths are relative to. ``verbose`` adds what was examined, suppressed and
    unread; ``quiet`` leaves the gate alone; ``statistics`` adds a count for each check. ``everything`` shows the findings
    that stood in the base too. ``links`` makes paths open their files, where the terminal knows how.
    """

    width: int | None = None
    color: bool = False
    here: Path | None = None
    verbose: bool = False
    quiet: bool = False
    statistics: bool = False
    everything: bool = False
    links: bool = False


def render(report: Report, style: Style) -> str:
    """The whole report as text that ends in a line break.

    Findings come by file: files with errors first, then by path; within a file by line.
    """
    return _COMMAND.sub("## ", "\n".join(_Writer(report, style).lines())) + "\n"


class _Writer:
    def __init__(self, report: Report, style: Style) -> None:
        self.report = report
        self.style = style
        self.paint = Palette(style.color, style.links)
        self.redactor = Redactor.of(report)
        self.leading = _leading(report.root, style.here)

    def lines(self) -> Iterator[str]:
        if not self.style.quiet:
            yield from self._findings()
            yield from self._set_aside()
            yield from self._unread()
            yield from self._broken()
            yield from self._stale()
            yield from self._gone()
            yield from self._notes()
            if self.style.verbose:
                yield from self._examined()
            if self.style.statistics:
                yield from self._statistics()
            yield self._summary()
            if self.report.coverage.total:
                yield understood(self.report.coverage)
            yield from self._compared()
        yield from self._gate()

    def _plain(self, text: str) -> str:
        return visible(self.redactor.text(text))

    def _path(self, path: str) -> str:
        return visible(self.leading + path)

    def _position(self, place: Place) -> str:
        return f"{self._path(place.path)}:{max(1, place.span.line)}:{max(1, place.span.column)}"

    def _at(self, place: Place) -> str:
        """The position, which opens the file where the terminal knows links."""
        return self.paint.linked(self._position(place), (self.report.root / place.path).as_posix())

    def _severity(self, severity: Severity) -> Callable[[str], str]:
        return {
            Severity.ERROR: self.paint.error,
            Severity.WARNING: self.paint.warning,
            Severity.NOTE: self.paint.note,
        }[severity]

    # The findings.

    def _findings(self) -> Iterator[str]:
        """Findings by file. Of many like ones the first are shown whole, the others at the end in a line each."""
        findings = _by_file(self._shown())
        whole, short = (findings, []) if self.style.verbose else _parted(findings)
        before: Finding | None = None
        for finding in whole:
            yield from self._finding(finding, before)
            yield ""
            before = finding
        groups: dict[tuple[Severity, str], list[Finding]] = {}
        for finding in short:
            groups.setdefault((finding.severity, finding.check), []).append(finding)
        for (severity, _), group in sorted(groups.items(), key=lambda item: item[0][0].rank):
            yield from self._alike(severity, group)
            yield ""

    def _shown(self) -> list[Finding]:
        """The active findings; where there is a base, only what is new against it."""
        active = [finding for finding in self.report.findings if finding.status is Status.ACTIVE]
        return [one for one in active if self.style.everything or one.change in (None, Change.NEW)]

    def _alike(self, severity: Severity, findings: list[Finding]) -> Iterator[str]:
        head = f"{severity.value}[{visible(findings[0].check)}]"
        yield f"{self._severity(severity)(head)}{self.paint.strong(f': {len(findings):,} more like these')}" + (
            self.paint.faint("  (whole with -v)")
        )
        columns = max(width(self._position(item.place)) for item in findings)
        below = columns > _PLACE_WIDTH
        indent = " " * (6 if below else 4 + columns)
        for item in findings:
            gap = f"\n{indent}" if below else " " * (columns - width(self._position(item.place)) + 2)
            yield f"  {self._at(item.place)}{gap}{wrapped(self._plain(item.message), self.style.width, indent)}"

    def _finding(self, finding: Finding, before: Finding | None) -> Iterator[str]:
        """One finding, whole; of long texts that the one ``before`` it has too it is said that they are the same."""
        paint = self.paint
        mark = self._severity(finding.severity)
        own, all_places = _told_apart(finding)
        few = self.style.verbose or len(all_places) == _PLACES_SHOWN + 1
        places = all_places if few else all_places[:_PLACES_SHOWN]
        digits = max(len(str(_last(place.span))) for place in (finding.place, *places))
        head = f"{finding.severity.value}[{visible(finding.check)}]"
        yield f"{mark(head)}{paint.strong(': ' + self._plain(finding.message))}"
        sure = (
            "" if finding.confidence is Confidence.HIGH else paint.faint(f"  ({finding.confidence.value} confidence)")
        )
        yield f"{paint.link(' ' * digits + '-->')} {self._at(finding.place)}{sure}"
        yield from self._frame(own, digits, "^", mark)
        for place in places:
            role = f"  {visible(place.role)}" if place.role else ""
            yield f"{paint.link(' ' * digits + ':::')} {self._at(place)}{paint.faint(role)}"
            yield from self._frame(place, digits, "-", paint.link)
        if len(all_places) > len(places):
            yield f"{self._gutter('', digits)} {paint.faint(f'… and {len(all_places) - len(places)} more places (shown with -v)')}"
        indent = " " * (digits + 3)
        told = {before.why, before.mend} if before is not None and not self.style.verbose else set()
        for label, text in (("why here", finding.why), ("mend", finding.mend)):
            if text in told and len(text) > _TOLD_AGAIN:
                yield f"{' ' * digits} {paint.link('=')} {paint.strong(label + ':')} {paint.faint('as above')}"
            elif text:
                body = wrapped(self._plain(text), self.style.width, indent + " " * (len(label) + 2))
                yield f"{' ' * digits} {paint.link('=')} {paint.strong(label + ':')} {body}"

    def _frame(self, place: Place, digits: int, mark: str, color: Callable[[str], str]) -> Iterator[str]:
        """The lines of a place, the span marked, its note beside the mark. Nothing where the text is not at hand."""
        text = self.report.texts.get(place.path)
        span = place.span
        if text is None or not 1 <= span.line <= len(text.line_starts):
            if place.note:
                yield f"{self._gutter('', digits)} {color(self._plain(place.note))}"
            return
        last = _last(span)
        if last == span.line:
            line = self.redactor.line(place.path, span.line)
            end = span.end_column if span.end_line == span.line else len(line) + 1
            shown, before, marked = _clipped(line, span.column, max(end, span.column + 1), self._room(digits))
            yield f"{self._gutter(span.line, digits)} {shown}".rstrip()
            yield self._marked(mark * marked, before, place.note, digits, color)
            return
        numbers = list(range(span.line, last + 1))
        gap = len(numbers) > _FRAME_LINES
        for number in numbers[:2] if gap else numbers[:-1]:
            yield self._ruled(place.path, number, digits, "/" if number == span.line else "|", color)
        if gap:
            yield f"{self.paint.link('.' * max(3, digits))}{' ' * max(0, digits - 3)}  {color('|')}"
        yield self._ruled(place.path, last, digits, "|", color)
        line = self.redactor.line(place.path, last)
        end = span.end_column if span.end_line == last else len(line) + 1
        _, before, _ = _clipped(line, end - 1, end, self._room(digits) - 2)
        foot = f"|{'_' * (before + 1)}{mark}"
        note = f" {self._plain(place.note)}" if place.note else ""
        yield f"{self._gutter('', digits)} {color(foot + note)}"

    def _ruled(self, path: str, number: int, digits: int, rule: str, color: Callable[[str], str]) -> str:
        shown, _, _ = _clipped(self.redactor.line(path, number), 1, 2, self._room(digits) - 2)
        return f"{self._gutter(number, digits)} {color(rule)} {shown}".rstrip()

    def _marked(self, marks: str, before: int, note: str, digits: int, color: Callable[[str], str]) -> str:
        gutter = self._gutter("", digits)
        if not note:
            return f"{gutter} {' ' * before}{color(marks)}"
        note = self._plain(note)
        room = self._room(digits)
        if self.style.width is None or before + len(marks) + 1 + width(note) <= room:
            return f"{gutter} {' ' * before}{color(f'{marks} {note}')}"
        indent = min(before, max(0, room - width(note)))
        return f"{gutter} {' ' * before}{color(marks)}\n{gutter} {' ' * indent}{color(note)}"

    def _gutter(self, number: int | str, digits: int) -> str:
        return self.paint.link(f"{number:>{digits}} |")

    def _room(self, digits: int) -> int:
        return max(30, (self.style.width or _LONGEST) - digits - 3)

    # After the findings.

    def _set_aside(self) -> Iterator[str]:
        """Suppressed, waived and baselined findings, a line each, where they are asked for."""
        aside = [finding for finding in self.report.findings if finding.status is not Status.ACTIVE]
        if not aside or not self.style.verbose:
            return
        for finding in aside:
            reason = f": {self._plain(finding.answer)}" if finding.answer else ""
            label = f"{finding.status.value}[{visible(finding.check)}]"
            yield f"{self.paint.faint(label)} {self._at(finding.place)}{reason}"
        yield ""

    def _unread(self) -> Iterator[str]:
        unread = self.report.unread
        if not unread:
            return
        yield self.paint.warning(f"{_count(len(unread), 'part')} could not be read and {_is(len(unread))} not judged:")
        shown = unread if self.style.verbose else unread[:_UNREAD_SHOWN]
        for item in shown:
            line = f":{item.line}" if item.line else ""
            yield f"  {self._path(item.path)}{line}: {self._plain(item.reason)}"
        if len(unread) > len(shown):
            yield f"  … and {len(unread) - len(shown)} more (shown with -v)"
        yield ""

    def _broken(self) -> Iterator[str]:
        for check, reason in self.report.broken.items():
            yield f"{self.paint.error('check crashed')} {visible(check)}: {self._plain(reason)}"
        if self.report.broken:
            yield ""

    def _stale(self) -> Iterator[str]:
        stale = self.report.stale_baseline
        if not stale:
            return
        entries = "entry stands" if len(stale) == 1 else "entries stand"
        yield self.paint.warning(f"{len(stale)} baseline {entries} for nothing any more (`qgate baseline update`):")
        shown = stale if self.style.verbose else stale[:_UNREAD_SHOWN]
        yield from (f"  {self._plain(entry)}" for entry in shown)
        if len(stale) > len(shown):
            yield f"  … and {len(stale) - len(shown)} more (shown with -v)"
        yield ""

    def _gone(self) -> Iterator[str]:
        """What stood in the base and is found no more, where it is asked for."""
        if self.report.base is not None and self.report.base.gone and self.style.verbose:
            yield self.paint.good("Gone since the base:")
            yield from (f"  {self._plain(finding)}" for finding in self.report.base.gone)
            yield ""

    def _notes(self) -> Iterator[str]:
        for note in self.report.notes:
            yield self.paint.faint(f"note: {self._plain(note)}")
            yield ""

    def _examined(self) -> Iterator[str]:
        found = Counter(finding.check for finding in self.report.findings if finding.status is Status.ACTIVE)
        yield self.paint.strong("Examined")
        looked = {check: count for check, count in sorted(self.report.examined.items()) if count}
        columns = max(map(width, looked), default=0)
        for check, count in looked.items():
            yield f"  {pad(visible(check), columns)}  {found[check]} found in {count:,} examined"
        nothing = [visible(check) for check, count in sorted(self.report.examined.items()) if not count]
        if nothing:
            yield f"  nothing to judge: {wrapped(', '.join(nothing), self.style.width or _LONGEST, ' ' * 4)}"
        yield ""

    def _statistics(self) -> Iterator[str]:
        active = [finding for finding in self.report.findings if finding.status is Status.ACTIVE]
        counts = Counter((finding.severity, finding.check, finding.domain.value) for finding in active)
        if not counts:
            return
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0].rank, item[0][1]))
        digits = max(len(str(count)) for _, count in ordered)
        columns = max(len(check) for (_, check, _), _ in ordered)
        yield self.paint.strong("Findings by check")
        for (severity, check, domain), count in ordered:
            level = self._severity(severity)(pad(severity.value, 7))
            yield f"  {count:>{digits}}  {level}  {pad(visible(check), columns)}  {self.paint.faint(domain)}"
        yield ""

    def _summary(self) -> str:
        report = self.report
        active = [finding for finding in report.findings if finding.status is Status.ACTIVE]
        by_severity = Counter(finding.severity for finding in active)
        by_status = Counter(finding.status for finding in report.findings)
        levels = ", ".join(
            self._severity(severity)(_count(by_severity[severity], severity.value))
            for severity in Severity
            if by_severity[severity]
        )
        found = f"{_count(len(active), 'finding')} ({levels})" if active else "No findings"
        hidden = [
            f"{count} {words}"
            for count, words in (
                (by_status[Status.SUPPRESSED], "suppressed"),
                (by_status[Status.WAIVED], "waived"),
                (by_status[Status.BASELINED], "baselined"),
                (report.hidden, "below the confidence asked for"),
            )
            if count
        ]
        aside = f"; hidden: {', '.join(hidden)}" if hidden else ""
        safe = sum(bool(finding.edits) for finding in active)
        mendable = f"; `qgate fix --diff` shows edits for {safe:,}" if safe else ""
        return f"{found} in {_count(report.files, 'file')}, {report.seconds:.1f} s{aside}{mendable}"

    def _compared(self) -> Iterator[str]:
        """With what the findings were compared, and how they stand to it."""
        base = self.report.base
        if base is None:
            if self.report.unbased:
                yield "Compared with nothing: no variable of a pull request is set"
            return
        counts = Counter(one.change for one in self.report.findings if one.status is Status.ACTIVE)
        known = counts[Change.UNCHANGED] + counts[Change.CHANGED]
        shown = " (shown with --all)" if known and not self.style.everything else ""
        revision = _COMMIT.sub(r"\1", base.revision.removeprefix("refs/remotes/"))
        source = f" from {base.variable}" if base.variable else ""
        yield (
            f"Compared with {base.commit[:10]}, where HEAD parted from {self._plain(revision)}{source}: "
            f"{counts[Change.NEW]} new, {known} stood before{shown}, {len(base.gone)} gone"
        )

    def _gate(self) -> Iterator[str]:
        yield from gate_lines(self.report.verdict, self.paint, self._plain, self.style.width, self.style.verbose)


def _by_file(findings: Iterable[Finding]) -> list[Finding]:
    active = list(findings)
    worst: dict[str, int] = {}
    for finding in active:
        worst[finding.path] = min(worst.get(finding.path, finding.severity.rank), finding.severity.rank)
    return sorted(
        active,
        key=lambda finding: (worst[finding.path], finding.path, finding.span, finding.severity.rank, finding.check),
    )


def _parted(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """The findings to show whole, and the repeats of them: of one check there are none, or several."""
    seen: Counter[tuple[str, ...]] = Counter()
    repeated = []
    for finding in findings:
        same, in_file = (finding.check, finding.why, finding.mend), (finding.check, finding.path)
        repeated.append(
            seen[same] >= _SAME_SHOWN or seen[in_file] >= _IN_FILE_SHOWN or seen[(finding.check,)] >= _OF_CHECK_SHOWN
        )
        if not repeated[-1]:
            seen.update((same, in_file, (finding.check,)))
    counts = Counter((one.severity, one.check) for one, again in zip(findings, repeated, strict=True) if again)
    whole: list[Finding] = []
    short: list[Finding] = []
    for finding, again in zip(findings, repeated, strict=True):
        (short if again and counts[finding.severity, finding.check] > 1 else whole).append(finding)
    return whole, short


def _told_apart(finding: Finding) -> tuple[Place, list[Place]]:
    """The finding's own place, with the notes of all places at its span, and the other places."""
    own = finding.place
    here = [place for place in finding.places if (place.path, place.span) == (own.path, own.span)]
    notes = dict.fromkeys(filter(None, (own.note, *(place.note for place in here))))
    return Place(own.path, own.span, ", ".join(notes), own.role), _merged(
        place for place in finding.places if place not in here
    )


def _merged(places: Iterable[Place]) -> list[Place]:
    """The places, those at one span as one with all their notes: a line that makes several routes is shown once."""
    notes: dict[tuple[str, Span, str], list[str]] = {}
    for place in places:
        notes.setdefault((place.path, place.span, place.role), []).append(place.note)
    return [
        Place(path, span, ", ".join(dict.fromkeys(filter(None, texts))), role)
        for (path, span, role), texts in notes.items()
    ]


def _last(span: Span) -> int:
    """The last line that has a character of the span."""
    return span.end_line - 1 if span.end_line > span.line and span.end_column <= 1 else max(span.line, span.end_line)


def _clipped(line: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """A line cut to ``room`` columns around the 1-based columns ``start`` to ``end`` (exclusive).

    Returns the text to show, the display columns before the mark, and the mark's length (at least 1).
    """
    start, end = max(0, start - 1), max(1, end - 1)
    # A line of a minified file is cut before it is measured.
    first = max(0, start - 2 * room) if len(line) > 4 * room else 0
    cells = []
    column = before = until = 0
    for number in range(first, min(len(line), max(start + 2 * room, 4 * room))):
        if number == start:
            before = column
        shown, size = cell(line[number], column)
        cells.append((column, shown, size))
        column += size
        if number < end:
            until = column
    if start >= first + len(cells):
        before = column
        until = column + 1
    total = column + (1 if first + len(cells) < len(line) else 0)
    if total <= room and not first:
        return "".join(shown for _, shown, _ in cells), before, max(1, until - before)
    left = 0 if until < room and not first else max(0, before - room // 4)
    right = left + room - 1
    kept = [item for item in cells if item[0] >= left + (1 if left or first else 0) and item[0] + item[2] <= right]
    text = "".join(shown for _, shown, _ in kept)
    offset = (kept[0][0] if kept else left) - (1 if left or first else 0)
    tail = "…" if total > right or first + len(cells) < len(line) else ""
    marked = min(until, right) - before
    return ("…" if left or first else "") + text + tail, max(0, before - offset), max(1, marked)


def _leading(root: Path, here: Path | None) -> str:
    """What to put before a path of the report so that it can be opened from the directory ``here``."""
    if here is None:
        return ""
    shown = os.path.relpath(root, here) if root.is_relative_to(here) or here.is_relative_to(root) else str(root)
    shown = shown.replace(os.sep, "/")
    return "" if shown == "." else f"{shown.rstrip('/')}/"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
