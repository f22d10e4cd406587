"""In: the findings of a project and of its base, with the text that they point into. Out: what is new, and what is gone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from qualitygate.model.finding import Change, Finding, Status
from qualitygate.model.source import Text

# As git's rename detection: a file that shares half of its lines with one that is gone is that file.
_ALIKE = 0.5
# More pairs of files than this are not compared line by line, nor one file with more of its name.
_MOST_PAIRS = 2_500
_MOST_NAMED = 100
# A bracket on its own is the same everywhere.
_TELLING = 4


@dataclass(frozen=True)
class Side:
    """One of the two: its findings, the text of every file that they point into, and the paths of all its files."""

    findings: Sequence[Finding]
    texts: Mapping[str, Text]
    paths: Collection[str]

    def code(self, finding: Finding) -> str:
        """The line of a finding without its indentation; empty where it is not known."""
        text = self.texts.get(finding.path)
        return " ".join(text.line(finding.span.line).split()) if text is not None else ""


def compare(head: Side, base: Side) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings of ``head``, each marked as new, changed or unchanged, and those of ``base`` that are gone.

    A finding is known again by its check and subject in the same file, else by check and code there (a function that was
    renamed), else likewise in a file that was renamed, else by check, subject and code in any file. Of several that are
    alike, those at the same code belong together. What was answered in the base, or is waived, did not stand there.
    """
    before = [one for one in base.findings if one.status not in (Status.SUPPRESSED, Status.WAIVED)]
    pairs = _pairs(head, base, before)
    known = {id(old) for old in pairs.values()}
    marked = (
        msgspec.structs.replace(finding, change=_change(finding, pairs.get(number), head, base))
        for number, finding in enumerate(head.findings)
    )
    return tuple(marked), tuple(old for old in before if id(old) not in known)


def _pairs(head: Side, base: Side, before: Sequence[Finding]) -> dict[int, Finding]:
    """For the number of each finding of the head the one of the base that it is."""
    pairs: dict[int, Finding] = {}
    new = dict(enumerate(head.findings))
    old = dict(enumerate(before))

    def pair(key: _Key, renamed: Mapping[str, str]) -> None:
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        for number, finding in old.items():
            waiting[key(finding, base, finding.path)].append(number)
        for number, finding in list(new.items()):
            wanted = key(finding, head, renamed.get(finding.path, finding.path))
            if wanted is not None and waiting[wanted]:
                pairs[number] = old.pop(waiting[wanted].pop(0))
                del new[number]

    for key in (_exact, _named, _told):
        pair(key, {})
    if renamed := _renamed(head, base, new.values(), old.values()):
        for key in (_exact, _named, _told):
            pair(key, renamed)
    pair(_moved, {})
    return pairs


_Key = Callable[[Finding, Side, str], Hashable]


def _exact(finding: Finding, side: Side, path: str) -> Hashable:
    return finding.check, path, finding.subject, side.code(finding)


def _named(finding: Finding, side: Side, path: str) -> Hashable:
    return finding.check, path, finding.subject


def _told(finding: Finding, side: Side, path: str) -> Hashable:
    """The code alone: a subject may hold the name of a function or a module that is another now."""
    code = side.code(finding)
    return (finding.check, path, code) if len(code) >= _TELLING else None


def _moved(finding: Finding, side: Side, path: str) -> Hashable:
    code = side.code(finding)
    return (finding.check, finding.subject, code) if len(code) >= _TELLING else None


def _change(finding: Finding, old: Finding | None, head: Side, base: Side) -> Change:
    # An error that was a warning before is more than it was.
    if old is None or finding.severity.rank < old.severity.rank:
        return Change.NEW
    same = (finding.path, finding.message, finding.severity) == (old.path, old.message, old.severity)
    return Change.UNCHANGED if same and head.code(finding) == base.code(old) else Change.CHANGED


def _renamed(head: Side, base: Side, new: Collection[Finding], old: Collection[Finding]) -> dict[str, str]:
    """The old path of each file that only the head has and that is much like one that only the base has.

    Where a whole tree moved, files are compared with those of the same name only.
    """
    came = {one.path for one in new if one.path not in base.paths and one.path in head.texts}
    left = {one.path for one in old if one.path not in head.paths and one.path in base.texts}
    old_lines = {path: _lines(base.texts[path]) for path in sorted(left)}
    by_name: dict[str, list[str]] = defaultdict(list)
    for before in old_lines:
        by_name[_name(before)].append(before)
    few = len(came) * len(left) <= _MOST_PAIRS
    scored = []
    for path in came:
        lines = _lines(head.texts[path])
        for before in old_lines if few else by_name[_name(path)][:_MOST_NAMED]:
            those = old_lines[before]
            likeness = (lines & those).total() / max(lines.total(), those.total(), 1)
            if likeness >= _ALIKE:
                scored.append((-likeness, _name(path) != _name(before), path, before))
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, path, before in sorted(scored):
        if path not in found and before not in taken:
            found[path] = before
            taken.add(before)
    return found


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _lines(text: Text) -> Counter[str]:
    return Counter(line for line in (each.strip() for each in text.content.splitlines()) if line)
