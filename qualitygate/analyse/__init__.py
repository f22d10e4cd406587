"""In: source files and file checks. Out: the linked project. Shared by a scan and by the trial of an example."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache as remembered
from typing import Any, TypeVar

import msgspec

from qualitygate.analyse.pool import Work, extract_all
from qualitygate.authoring import Check
from qualitygate.extract.cache import Cache, decode, digest
from qualitygate.link import link
from qualitygate.link.packed import Packed, pack, unpack
from qualitygate.link.schema import link_schema, sources_of
from qualitygate.model.facts import FileFacts, linked
from qualitygate.model.program import Program
from qualitygate.model.project import Project
from qualitygate.model.source import Language, SourceFile
from qualitygate.parse.python_limits import deep_recursion

Progress = Callable[[int, int], None]
_T = TypeVar("_T")


def analyse(
    files: Sequence[SourceFile],
    checks: Sequence[Check],
    options: Mapping[str, Any],
    *,
    cache: Cache | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    known: Mapping[str, FileFacts] | None = None,
) -> Project:
    """Take the facts of every file, from ``cache`` where it knows them, and link them.

    ``known`` are facts by path that are at hand, so that the file need not be read.

    ``jobs`` is the number of workers that read files, 0 to decide by the work, None for this process itself; the
    project is the same for any.
    ``progress`` is called with the number of files done and of all files. The cache is the caller's to close.
    """
    work = Work(tuple(files), tuple(check for check in checks if check.reads), dict(options))
    facts = [(known or {}).get(file.path) for file in files]
    with _uncollected(), deep_recursion():
        contents = _recall(files, facts, cache) if cache is not None else [""] * len(files)
        missing = [index for index, known in enumerate(facts) if known is None]
        known_before = len(files) - len(missing)
        for done, (index, content, encoded) in enumerate(extract_all(work, missing, jobs), start=1):
            facts[index] = taken = decode(encoded)
            # What crashed, or could not be read, may do better next time.
            contents[index] = content if not taken.fault and not any(run.error for run in taken.runs) else ""
            if cache is not None and contents[index]:
                cache.put(files[index], content, encoded)
            if progress is not None:
                progress(known_before + done, len(files))
        whole = [known for known in facts if known is not None]
        # Facts of what could not be read, or crashed, may be others the next time.
        sure = {known.path for known, content in zip(whole, contents, strict=True) if cache is not None and content}
        # What else changed is nothing to the code, but for the contracts that it may serve: it is not followed again for it.
        shown = [linked(known) for known in whole]
        code = [known for known in shown if known.language is Language.PYTHON or known.contract is not None]
        wanted = frozenset[str]().union(*(check.calls for check in checks))
        assigned = frozenset[str]().union(*(check.assigns for check in checks))
        program = _remembered(
            cache,
            Program,
            _identity(whole, sure, {one.path for one in code}),
            (*sorted(wanted), "", *sorted(assigned)),
            lambda: _program(code, wanted, assigned),
        )
        # The migrations, and what is said of them elsewhere.
        sources = sources_of(sorted(shown, key=lambda known: known.path))
        schema = _remembered(
            cache,
            Packed,
            _identity(whole, sure, {one.path for one in sources.files}),
            (sources.driver, sources.user_model, sources.automatic),
            lambda: pack(link_schema(sources)),
        )
        project = link(whole, program, unpack(schema))
    return msgspec.structs.replace(project, identity=_identity(whole, sure, {known.path for known in whole}))


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


def _identity(facts: Sequence[FileFacts], sure: set[str], wanted: set[str]) -> str:
    """What identifies the ``wanted`` files by all that linking sees of them; empty where one of them is not ``sure``."""
    if not wanted or not wanted <= sure:
        return ""
    return digest("\n".join(known.identity for known in facts if known.path in wanted).encode())


def _program(facts: Sequence[FileFacts], wanted: frozenset[str], assigned: frozenset[str]) -> Program:
    """What the code makes up."""
    from qualitygate.link.program import link_program  # with all frameworks: a scan that remembers needs none of them

    return link_program(facts, wanted, assigned)


def _remembered(cache: Cache | None, kind: type[_T], identity: str, parts: Iterable[str], make: Callable[[], _T]) -> _T:
    """What ``make`` makes of the files of this identity and of ``parts``, from ``cache`` where it was made before."""
    if cache is None or not identity:
        return make()
    what = digest("\n".join((kind.__name__, identity, *parts)).encode())
    known = cache.recall(what)
    if known is not None:
        with suppress(msgspec.MsgspecError):
            return msgspec.msgpack.decode(known, type=kind)
    made = make()
    cache.keep(what, msgspec.msgpack.encode(made))
    return made


def _recall(files: Sequence[SourceFile], facts: list[FileFacts | None], cache: Cache) -> list[str]:
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
