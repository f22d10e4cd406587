"""In: results of a scanner, and the files that they stand in as a base has them. Out: the results, those that stood there marked.

A result is none of the change where its line is one that the base has too. A scanner need not be run on the base for that,
and its rules may have changed in between. What this cannot see: a fault in an unchanged line that a change elsewhere made
(a sanitiser that is called no more), and a file that was renamed, whose results all count as new.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from qualitygate.model.evidence import Alert, Scanned
from qualitygate.model.source import Language, Text
from qualitygate.parse.text import Undecodable, decode

# A bracket on its own is the same everywhere: it counts with the line after it.
_TELLING = 4
# A lock file names a package in one line, and its version in one of the next.
_NEAR = 2
_AT_ONCE = 100


def mark_stood(
    scanned: Scanned, head: Callable[[str], bytes | None], base: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> Scanned:
    """``scanned`` with ``stood`` set on each result that the base has too.

    ``head`` gives the content of a file of the scanned tree by path (None: it cannot be had), ``base`` those of several
    files of the base, as far as it has them. A result in line 1, or in none, is one of the whole file, since tools write 1
    where they know no line: it stood where the file is the same, or names the same version of the package. A result
    without a place counts as new.
    """
    by_path: dict[str, list[int]] = {}
    for number, alert in enumerate(scanned.alerts):
        if alert.path:
            by_path.setdefault(alert.path, []).append(number)
    alerts = list(scanned.alerts)
    paths = sorted(by_path)
    # Contents are held for a few files at a time.
    for start in range(0, len(paths), _AT_ONCE):
        batch = paths[start : start + _AT_ONCE]
        before = base(batch)
        for path in batch:
            now = head(path) if path in before else None
            if now is not None:
                compared = _Compared(now, before[path])
                for number in by_path[path]:
                    stood = compared.stood(alerts[number])
                    alerts[number] = msgspec.structs.replace(alerts[number], stood=stood)
    return msgspec.structs.replace(scanned, alerts=tuple(alerts))


class _Compared:
    """One file on both sides."""

    def __init__(self, head: bytes, base: bytes) -> None:
        self.same = head == base
        self.known: frozenset[int] = frozenset()
        self.base = ""
        now, old = (None, None) if self.same else (_text(head), _text(base))
        if now is not None and old is not None:
            self.base = old.content
            self.known = _known(_lines(now), _lines(old))

    def stood(self, alert: Alert) -> bool:
        """Whether a result in this file is one of the base too."""
        if self.same:
            return True
        if alert.package:
            name, _, version = alert.package.rpartition(" ")
            return _states(self.base, name, version)
        return alert.line > 1 and alert.line in self.known


def _known(head: list[str], base: list[str]) -> frozenset[int]:
    """The numbers of the lines of ``head`` that ``base`` has too; of several that are alike, as many as it has of them."""
    left = Counter(line for line in _telling(base) if line)
    known = set()
    for number, line in enumerate(_telling(head), start=1):
        if left[line] > 0:
            left[line] -= 1
            known.add(number)
    return frozenset(known)


def _telling(lines: list[str]) -> Iterator[str]:
    """Each line, a short one with the line after it; empty where that tells no more."""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        whole = line if len(line) >= _TELLING else f"{line} {after}"
        yield whole if len(whole) >= _TELLING else ""


def _states(content: str, name: str, version: str) -> bool:
    """Whether a manifest or a lock file names this version of a package."""
    if not name or not version:
        return False
    # PEP 503: runs of these three signs are one.
    spelt = r"[-_.]+".join(re.escape(part) for part in re.split(r"[-_.]+", name))
    named = re.compile(rf"(?<![\w.-]){spelt}(?![\w.-]*\w)", re.IGNORECASE)
    exact = re.compile(rf"(?<![\w.])v?{re.escape(version)}(?![\w.+-]*\w)")
    lines = content.splitlines()
    return any(
        exact.search("\n".join(lines[number : number + 1 + _NEAR]))
        for number, line in enumerate(lines)
        if named.search(line)
    )


def _lines(text: Text) -> list[str]:
    return [" ".join(text.line(number).split()) for number in range(1, len(text.line_starts) + 1)]


def _text(content: bytes) -> Text | None:
    try:
        return decode(content, Language.TEXT)
    except Undecodable:
        return None
