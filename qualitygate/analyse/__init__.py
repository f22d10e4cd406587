"""In: source files and file checks. Out: the linked project. Shared by a scan and by the trial of an example."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache as remembered
from typing import Any

from qualitygate.analyse.pool import Work, extract_all
from qualitygate.authoring import Check
from qualitygate.extract.cache import Cache, decode, digest
from qualitygate.link import link
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.source import SourceFile

Progress = Callable[[int, int], None]


def analyse(
    files: Sequence[SourceFile],
    checks: Sequence[Check],
    options: Mapping[str, Any],
    *,
    cache: Cache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Project:
    """Take the facts of every file, from ``cache`` where it knows them, and link them.

    ``jobs`` is the number of workers that read files, 0 to decide by the work; the project is the same for any.
    ``progress`` is called with the number of files done and of all files. The cache is written to and closed.
    """
    work = Work(tuple(files), tuple(check for check in checks if check.reads), dict(options))
    facts: list[FileFacts | None] = [None] * len(files)
    with _uncollected():
        try:
            if cache is not None:
                _recall(files, facts, cache)
            missing = [index for index, known in enumerate(facts) if known is None]
            known_before = len(files) - len(missing)
            for done, (index, content, encoded) in enumerate(extract_all(work, missing, jobs), start=1):
                facts[index] = taken = decode(encoded)
                # What crashed, or could not be read, may do better next time.
                if cache is not None and content and not taken.fault and not any(run.error for run in taken.runs):
                    cache.put(files[index], content, encoded)
                if progress is not None:
                    progress(known_before + done, len(files))
        finally:
            if cache is not None:
                cache.close()
        wanted = frozenset[str]().union(*(check.calls for check in checks))
        assigned = frozenset[str]().union(*(check.assigns for check in checks))
        return link([known for known in facts if known is not None], wanted, assigned)


def _recall(files: Sequence[SourceFile], facts: list[FileFacts | None], cache: Cache) -> None:
    """Fill in the facts that the cache knows."""
    by_path = {file.path: file for file in files}

    @remembered
    def content(path: str) -> str:
        try:
            return digest(by_path[path].read()) if path in by_path else ""
        except OSError:
            return ""

    for index, file in enumerate(files):
        if known := content(file.path):
            facts[index] = cache.get(file, known, content)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection while trees and facts are made: they hold no cycles, and every pass would visit them all."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
