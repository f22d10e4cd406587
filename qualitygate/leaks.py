"""In: findings, and the values of the secrets among them. Out: one finding a leak, with every place of the same value.

A value is compared in memory only and goes nowhere. What of it enters a fingerprint is two bytes of a keyed digest: enough
that another value under the same name is a new finding (but once in 65,536 times), too little to try guesses against.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from qualitygate.model.finding import Confidence, Finding, Status
from qualitygate.model.source import Place, Span

_BASELINE_OF_DETECT_SECRETS = ".secrets.baseline"
_IGNORED_BY_GITLEAKS = ".gitleaksignore"
_IN_COMMIT = re.compile(r"[0-9a-f]{10}:")
_LARGEST = 20_000_000
_KEY = b"qgate: a secret in a fingerprint"
# A shorter value may be the same by chance: `root` in two places is not one leak.
_SHORTEST = 8


@dataclass(frozen=True)
class Known:
    """What a team has already accepted with another scanner of secrets.

    ``hashes`` pairs a path with the SHA-1 of a value (`.secrets.baseline`), ``lines`` a path with a 1-based line
    (`.gitleaksignore`).
    """

    hashes: frozenset[tuple[str, str]] = frozenset()
    lines: frozenset[tuple[str, int]] = frozenset()

    def accepts(self, finding: Finding, value: str) -> bool:
        """Whether one of the two files names this secret."""
        digest = hashlib.sha1(value.encode(), usedforsecurity=False).hexdigest()
        return (finding.path, digest) in self.hashes or (finding.path, finding.span.line) in self.lines


def read_known(root: Path) -> Known:
    """What `.secrets.baseline` and `.gitleaksignore` of a scanned root say; one that cannot be read says nothing."""
    hashes: set[tuple[str, str]] = set()
    with suppress(OSError, ValueError, RecursionError, AttributeError, TypeError):
        for path, entries in json.loads(_text(root / _BASELINE_OF_DETECT_SECRETS))["results"].items():
            hashes.update((path.replace("\\", "/"), str(entry["hashed_secret"])) for entry in entries)
    lines: set[tuple[str, int]] = set()
    with suppress(OSError, ValueError):
        for entry in _text(root / _IGNORED_BY_GITLEAKS).splitlines():
            # `file:rule:line`, with the commit before it where it speaks of history
            *_, path, _rule, line = ["", *entry.strip().split(":")] if entry.count(":") >= 2 else ["", "", ""]
            if line.isdigit():
                lines.add((path, int(line)))
    return Known(frozenset(hashes), frozenset(lines))


def _text(path: Path) -> str:
    """The text of a file that is no link and not too large. Raises ``OSError`` and ``ValueError``."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        raise OSError(f"{path.name} is not read")
    return path.read_text(encoding="utf-8")


def unite(findings: Iterable[Finding], values: Mapping[tuple[str, Span], str], known: Known) -> tuple[Finding, ...]:
    """The findings, those of one secret value united at its surest place.

    ``values`` are the secrets by path and span; a finding that stands at none of them is handed on as it is; one that
    another scanner's files accept counts as known from the baseline. Answered
    findings are marked with their value and stay by themselves: an answer at one place says nothing of another. So do
    those of low confidence alone: the same default in ten files is ten choices, not one leak.
    """
    others = []
    leaks: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        value = values.get((finding.path, finding.span))
        if value is None:
            others.append(finding)
            continue
        marked = msgspec.structs.replace(finding, fingerprint=_marked(finding, value))
        if marked.status is Status.ACTIVE and known.accepts(marked, value):
            marked = msgspec.structs.replace(marked, status=Status.BASELINED)
        if marked.status is Status.ACTIVE and len(value) >= _SHORTEST:
            leaks[finding.check, value].append(marked)
        else:
            others.append(marked)
    for leak in leaks.values():
        others += [_united(leak)] if any(one.confidence is not Confidence.LOW for one in leak) else leak
    return tuple(others)


def _marked(finding: Finding, value: str) -> str:
    """The fingerprint of a secret: that of its place and name, and a trace of the value."""
    trace = hashlib.blake2b(f"{finding.fingerprint}\0{value}".encode(), key=_KEY, digest_size=2).digest()
    return hashlib.blake2b(finding.fingerprint.encode() + trace, digest_size=16).hexdigest()


def _united(leak: list[Finding]) -> Finding:
    """The surest of several findings of one value, which names the places of the others."""
    first, *rest = sorted(leak, key=lambda one: (one.confidence.rank, one.path, one.span))
    if not rest:
        return first
    places = tuple(Place(one.path, one.span, "the same value", "setting") for one in rest)
    elsewhere = f"it stands in {len(rest)} more place{'s' if len(rest) > 1 else ''}"
    return msgspec.structs.replace(
        first,
        places=first.places + places,
        why=f"{first.why}; {elsewhere}" if first.why else elsewhere,
        edits=tuple(edit for one in (first, *rest) for edit in one.edits),
    )


@dataclass(frozen=True)
class Past:
    """A secret in an earlier commit: the finding, its value, the commit that first brought it, and that commit's day."""

    finding: Finding
    value: str
    commit: str
    date: str


def with_past(
    findings: Iterable[Finding],
    values: Mapping[tuple[str, Span], str],
    past: Iterable[Past],
    stands: Callable[[str, str], bool],
) -> tuple[Finding, ...]:
    """The findings of today and those of ``past``, oldest first, each value once.

    A value that is found today too is told there, with the commit that brought it. The place of any other is
    `commit:path`, as git writes it. ``stands`` tells whether a path still holds a value.
    """
    today = frozenset(values.values())
    first: dict[tuple[str, str], Past] = {}
    for one in past:
        first.setdefault((one.finding.check, one.value), one)
    dated = (
        _dated(finding, first.get((finding.check, values.get((finding.path, finding.span), ""))))
        for finding in findings
    )
    gone = (_gone(one, stands(one.finding.path, one.value)) for one in first.values() if one.value not in today)
    return (*dated, *gone)


def is_past(path: str) -> bool:
    """Whether the path of a finding is one in an earlier commit."""
    return _IN_COMMIT.match(path) is not None


def _gone(past: Past, stands: bool) -> Finding:
    finding = past.finding
    told = "it still stands there" if stands else "it is gone from there, but not from the history"
    return msgspec.structs.replace(
        finding,
        place=Place(f"{past.commit[:10]}:{finding.path}", finding.span),
        message=f"{finding.message}, since a commit of {past.date}",
        why=f"{finding.why}; {told}",
        fingerprint=_marked(finding, past.value),
    )


def _dated(finding: Finding, past: Past | None) -> Finding:
    if past is None:
        return finding
    told = f"in the history since commit {past.commit[:10]} of {past.date}"
    return msgspec.structs.replace(finding, why=f"{finding.why}; {told}" if finding.why else told)
