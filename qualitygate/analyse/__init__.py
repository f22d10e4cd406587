"""In: source files and file checks. Out: the linked project. Shared by a scan and by the trial of an example."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache as remembered
from typing import Any

import msgspec

from qualitygate.analyse.pool import Work, extract_all
from qualitygate.authoring import Check
from qualitygate.extract.cache import Cache, decode, digest
from qualitygate.link import link
from qualitygate.link.program import Program, link_program
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
    known: Mapping[str, FileFacts] | None = None,
) -> Project:
    """Take the facts of every file, from ``cache`` where it knows them, and link them.

    ``known`` are facts by path that are at hand, so that the file need not be read.

    ``jobs`` is the number of workers that read files, 0 to decide by the work; the project is the same for any.
    ``progress`` is called with the number of files done and of all files. The cache is written to and closed.
    """
    work = Work(tuple(files), tuple(check for check in checks if check.reads), dict(options))
    facts = [(known or {}).get(file.path) for file in files]
    with _uncollected():
        try:
            contents = _recall(files, facts, cache) if cache is not None else ()
            missing = [index for index, known in enumerate(facts) if known is None]
            known_before = len(files) - len(missing)
            for done, (index, content, encoded) in enumerate(extract_all(work, missing, jobs), start=1):
                facts[index] = taken = decode(encoded)
                # What crashed, or could not be read, may do better next time.
                if cache is not None and content and not taken.fault and not any(run.error for run in taken.runs):
                    cache.put(files[index], content, encoded)
                if progress is not None:
                    progress(known_before + done, len(files))
            whole = [known for known in facts if known is not None]
            program = _program(files, whole, contents, checks, cache)
        finally:
            if cache is not None:
                cache.close()
        return link(whole, program)


def unchanged(
    files: Sequence[SourceFile], before: Sequence[SourceFile], facts: Iterable[FileFacts]
) -> dict[str, FileFacts]:
    """The facts, by path, of those ``files`` that stand just so ``before`` too, and all that they rest on.

    ``facts`` were taken from the files of before.
    """
    there = set(before)
    same = {file.path for file in files if file in there}
    paths = {file.path for file in files}
    return {
        known.path: known
        for known in facts
        if known.path in same
        and all(path in same if content else path not in paths for path, content in known.depends_on)
    }


def _program(
    files: Sequence[SourceFile],
    facts: Sequence[FileFacts],
    contents: Sequence[str],
    checks: Sequence[Check],
    cache: Cache | None,
) -> Program:
    """What the code makes up, from ``cache`` where no file changed since it was followed."""
    wanted = frozenset[str]().union(*(check.calls for check in checks))
    assigned = frozenset[str]().union(*(check.assigns for check in checks))
    sound = cache is not None and all(contents) and not any(known.fault for known in facts)
    if cache is None or not sound:
        return link_program(facts, wanted, assigned)
    names = [f"{file.path}\0{file.role.value}\0{content}" for file, content in zip(files, contents, strict=True)]
    what = digest("\n".join((*names, *sorted(wanted), "", *sorted(assigned))).encode())
    known = cache.recall(what)
    if known is not None:
        with suppress(msgspec.MsgspecError):
            return msgspec.msgpack.decode(known, type=Program)
    program = link_program(facts, wanted, assigned)
    cache.keep(what, msgspec.msgpack.encode(program))
    return program


def _recall(files: Sequence[SourceFile], facts: list[FileFacts | None], cache: Cache) -> Sequence[str]:
    """Fill in the facts that the cache knows; the digest of each file's content, empty where it cannot be read."""
    by_path = {file.path: file for file in files}

    @remembered
    def content(path: str) -> str:
        try:
            return digest(by_path[path].read()) if path in by_path else ""
        except OSError:
            return ""

    for index, file in enumerate(files):
        if facts[index] is None and (known := content(file.path)):
            facts[index] = cache.get(file, known, content)
    return [content(file.path) for file in files]


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
