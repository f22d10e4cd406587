"""In: the sources of evidence that the policy and the command line name. Out: what was read of each, and of which commit it is."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from pathlib import Path, PurePath

from qualitygate.evidence import read_evidence
from qualitygate.globs import matcher
from qualitygate.model.evidence import Evidence, Given, Unusable
from qualitygate.model.policy import EvidenceSource

# A glob that names more is a mistake.
_MOST_FILES = 100
_NAMED = 3
# What the gate itself keeps there changes nothing of what was measured.
_OWN = ".qgate/"

# The files below the folder that changed from a commit to HEAD, or why that cannot be told.
Changed = Callable[[str], "tuple[str, ...] | str"]


def collect(sources: Iterable[EvidenceSource], directory: Path, root: Path, changed: Changed) -> tuple[Given, ...]:
    """Read every source; one that names no file is given as missing, not left out.

    Paths of the configuration are relative to ``directory`` and stay below it; those of the command line, which have no
    ``place``, are absolute. ``root`` is the scanned root, which results of scanners are resolved against. ``changed`` is
    asked with a commit.
    """
    read: list[tuple[EvidenceSource, str, Path | None]] = []
    unusable = []
    for source in sources:
        files = _files(source, directory)
        shown = _below(directory / source.path, directory)
        if len(files) > _MOST_FILES:
            unusable.append(Given(shown, Unusable(shown, f"names more than {_MOST_FILES} files"), source.subject))
            continue
        read += [(source, shown, file) for file in files] if files else [(source, shown, None)]
    evidence_files = frozenset(_below(file, directory) for _, _, file in read if file is not None)
    given = [
        one
        for source, shown, file in read
        for one in _given(source, shown, file, directory, root, changed, evidence_files)
    ]
    return (*given, *unusable)


def _given(
    source: EvidenceSource,
    shown: str,
    file: Path | None,
    directory: Path,
    root: Path,
    changed: Changed,
    evidence_files: frozenset[str],
) -> Iterator[Given]:
    if file is None:
        yield Given(shown, None, source.subject)
        return
    if source.place is not None and not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(directory)):
        outside = Unusable(_below(file, directory), "leads outside the folder of the configuration file")
        yield Given(shown, outside, source.subject)
        return
    for one in read_evidence(file, root, kind=source.kind, metric=source.metric, unit=source.unit):
        commit = source.commit or _commit(one)
        stale = _stale(commit, source, changed, evidence_files) if commit else ""
        yield Given(shown, one, source.subject, stale)


def _commit(one: Evidence) -> str:
    return "" if isinstance(one, Unusable) else one.origin.commit


def _stale(commit: str, source: EvidenceSource, changed: Changed, evidence_files: frozenset[str]) -> str:
    """Why evidence of a commit does not speak of HEAD; empty where nothing of what it is about has changed since."""
    names = changed(commit)
    if isinstance(names, str):
        return names
    meant = matcher(source.paths) if source.paths else lambda _: True
    since = [one for one in names if meant(one) and one not in evidence_files and not one.startswith(_OWN)]
    if not since:
        return ""
    more = f" and {len(since) - _NAMED} more" if len(since) > _NAMED else ""
    return f"it is of commit {commit[:10]}; changed since: {', '.join(since[:_NAMED])}{more}"


def _files(source: EvidenceSource, directory: Path) -> list[Path]:
    """The files that a source names; one more than is read where there are too many."""
    path = directory / source.path
    if path.exists() or not glob.has_magic(source.path):
        return [path] if path.exists() else []
    parts = PurePath(source.path).parts
    fixed = list(takewhile(lambda part: not glob.has_magic(part), parts))
    base = directory.joinpath(*fixed)
    named = matcher(("/" + "/".join(parts[len(fixed) :]),))
    found = []
    # Links to folders are not followed: one may lead to a folder that it lies in.
    for folder, folders, names in os.walk(base):
        folders[:] = sorted(one for one in folders if one != ".git")
        below = Path(folder).relative_to(base)
        found += [base / below / name for name in sorted(names) if named((below / name).as_posix())]
        if len(found) > _MOST_FILES:
            break
    return sorted(found)[: _MOST_FILES + 1]


def _below(file: Path, directory: Path) -> str:
    """How a file is named: relative to the folder of the configuration where it lies below it."""
    absolute = os.path.abspath(file)
    try:
        return Path(absolute).relative_to(os.path.abspath(directory)).as_posix()
    except ValueError:
        return Path(absolute).as_posix()
