"""In: the files to read and how many workers may. Out: their encoded facts, as they are done.

A worker is a process with a pipe: it is sent the numbers of files and sends back what it took from each, so that it is
known which file one died on, or takes too long for. Workers are forked where that is safe; elsewhere they start anew and
load the packs. Where they are forked, parsing is left to one even if there is little of it: a parser is native code,
which a hostile file can crash or keep busy for hours.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qualitygate.authoring import Check
from qualitygate.extract import crash, extract, has_front_end
from qualitygate.extract.cache import digest, encode, identified
from qualitygate.load import load
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import SourceFile, Unread
from qualitygate.parse.python_limits import deep_recursion

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

# A worker costs about 30 ms to start; half a megabyte of code takes half a second to read.
_WORTH_A_WORKER = 300_000
# Text that is not parsed is searched in some milliseconds, unless it is long and made to be searched slowly.
_LONG_TEXT = 100_000
_MOST_WORKERS = 8
# Numbers of files sent ahead, so that a worker never waits for the next one.
_AHEAD = 4
_BETWEEN_COLLECTIONS = 64
# What a file may take: a parser reads a megabyte in some seconds, and twenty thousand minus signs in a minute.
_SECONDS_A_FILE = 30.0
_SECONDS_A_BYTE = 20e-6

Taken = tuple[int, str, bytes]


@dataclass(frozen=True)
class Work:
    """All files of the scan (each may ask for another), the file checks, and the options in force."""

    files: tuple[SourceFile, ...]
    checks: tuple[Check, ...]
    options: dict[str, Any]


def extract_all(work: Work, wanted: Sequence[int], jobs: int | None) -> Iterator[Taken]:
    """Number, content digest and encoded facts of each of the ``wanted`` files, in no fixed order.

    The digest is empty where the file could not be read. ``jobs`` is the number of workers, 0 to decide by the work; None
    is this process itself, which nothing guards against a file that takes too long.
    """
    weights = {index: _weight(work.files[index]) for index in wanted}
    workers = 0
    if jobs is not None:
        long = any(_size(work.files[index]) > _LONG_TEXT for index in wanted if not weights[index])
        workers = jobs or _worth(sum(weights.values())) or int(long)
    context = _context() if workers else None
    # Forked, a worker guards against hostile files at the price of 30 ms; anew, only a share of the work pays for it.
    if context is None or (workers < 2 and context.get_start_method() != "fork"):
        yield from _take_all(work, wanted)
    else:
        # The longest first, so that no worker is left alone with one at the end.
        ordered = sorted(wanted, key=lambda index: (-weights[index], index))
        yield from _share_out(work, ordered, min(workers, len(wanted)), context)


def _weight(file: SourceFile) -> int:
    return _size(file) if has_front_end(file) else 0


def _size(file: SourceFile) -> int:
    try:
        return len(file.content) if file.content is not None else (file.root / file.path).stat().st_size
    except OSError:
        return 0


def _worth(weight: int) -> int:
    if not weight:
        return 0
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(available, _MOST_WORKERS, weight // _WORTH_A_WORKER))


def _context() -> BaseContext | None:
    """How workers start: forked, anew, or not at all (None).

    Forking is unsafe beside threads, and on macOS beside the system's own. A process that starts anew first looks for
    modules in the current directory, which may be the scanned tree: only Python 3.11 and later can be told not to.
    """
    import multiprocessing  # where everything is known, no worker starts

    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn") if sys.version_info >= (3, 11) else None


def _take_all(work: Work, wanted: Sequence[int]) -> Iterator[Taken]:
    by_path = {file.path: file for file in work.files}
    for index in wanted:
        yield _take(work, index, by_path)


def _take(work: Work, index: int, by_path: dict[str, SourceFile]) -> Taken:
    """The facts of one file, with the digest of exactly the bytes that they were taken from."""
    file = work.files[index]
    content = ""
    try:
        data = file.read()
    except OSError:
        pass  # told by the extraction
    else:
        content = digest(data)
        file = replace(file, content=data)
    try:
        with deep_recursion():
            return index, content, encode(identified(extract(file, work.checks, work.options, by_path.get)))
    except RecursionError:
        facts = _unread(file, "nested too deeply: not read")
    except Exception as error:  # noqa: BLE001 - a fault of the engine on one file must not hide what the others hold
        facts = _fault(file, crash(error))
    return index, content, encode(identified(facts))


def _unread(file: SourceFile, reason: str) -> FileFacts:
    return FileFacts(file.path, file.language, file.role, unread=(Unread(file.path, 0, reason),))


def _fault(file: SourceFile, reason: str) -> FileFacts:
    unread = Unread(file.path, 0, f"not read: qgate itself failed on it: {reason}")
    return FileFacts(file.path, file.language, file.role, unread=(unread,), fault=reason)


@dataclass
class _Worker:
    """``ahead`` are the files it was sent and has not answered for; it has been reading the first ``since`` then."""

    process: BaseProcess
    pipe: Connection
    ahead: deque[int]
    since: float


def _share_out(work: Work, ordered: Sequence[int], count: int, context: BaseContext) -> Iterator[Taken]:
    from multiprocessing.connection import wait

    pending = deque(ordered)
    workers: list[_Worker] = []
    try:
        while pending or any(worker.ahead for worker in workers):
            while pending and len(workers) < count:
                workers.append(_start(work, context, [worker.pipe for worker in workers]))
            for worker in workers:
                while pending and len(worker.ahead) < _AHEAD:
                    _send(worker, pending.popleft())
            ready = wait([worker.pipe for worker in workers], timeout=1)
            for worker in list(workers):
                taken = _receive(worker) if worker.pipe in ready else None
                if taken is not None:
                    yield taken
                elif worker.pipe in ready or _is_late(work, worker):
                    workers.remove(worker)
                    _stop(worker)
                    if worker.ahead:
                        yield _lost(work, worker.ahead.popleft(), worker.process.exitcode, worker.pipe not in ready)
                        pending.extendleft(reversed(worker.ahead))
    finally:
        for worker in workers:
            _stop(worker)


def _receive(worker: _Worker) -> Taken | None:
    """The next answer of a worker; None where it died."""
    try:
        taken: Taken = worker.pipe.recv()
    except (EOFError, OSError):
        return None
    worker.ahead.remove(taken[0])
    worker.since = time.monotonic()
    return taken


def _is_late(work: Work, worker: _Worker) -> bool:
    if not worker.ahead:
        return False
    budget = _SECONDS_A_FILE + _SECONDS_A_BYTE * _weight(work.files[worker.ahead[0]])
    return time.monotonic() - worker.since > budget


def _start(work: Work, context: BaseContext, inherited: list[Connection]) -> _Worker:
    ours, theirs = context.Pipe()
    if context.get_start_method() == "fork":
        # A forked worker holds copies of our ends of all pipes; none would ever see the end of its own.
        process = context.Process(target=_serve, args=(theirs, work, [ours, *inherited]), daemon=True)  # type: ignore[attr-defined]
        process.start()
    else:
        named = replace(work, checks=()), [check.id for check in work.checks]
        process = context.Process(target=_load_and_serve, args=(theirs, *named), daemon=True)  # type: ignore[attr-defined]
        with _safe_path():
            process.start()
    theirs.close()
    return _Worker(process, ours, deque(), time.monotonic())


@contextmanager
def _safe_path() -> Iterator[None]:
    """Start children that do not look for modules in the current directory."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _send(worker: _Worker, index: int) -> None:
    if not worker.ahead:
        worker.since = time.monotonic()
    worker.ahead.append(index)
    # Where it died, that is seen when its answer is waited for.
    with suppress(OSError):
        worker.pipe.send(index)


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _lost(work: Work, index: int, code: int | None, late: bool) -> Taken:
    file = work.files[index]
    if late:
        return index, "", encode(_unread(file, "reading it took too long: given up"))
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return index, "", encode(_fault(file, f"the process that read it died ({how})"))


def _serve(pipe: Connection, work: Work, inherited: Sequence[Connection] = ()) -> None:
    """The life of a worker: take facts until the pipe ends."""
    for other in inherited:
        other.close()
    # An interrupt from the keyboard reaches the whole group; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    gc.freeze()
    by_path = {file.path: file for file in work.files}
    count = 0
    while True:
        try:
            pipe.send(_take(work, pipe.recv(), by_path))
        except (EOFError, OSError):
            return
        count += 1
        if count % _BETWEEN_COLLECTIONS == 0:
            gc.collect()


def _load_and_serve(pipe: Connection, work: Work, ids: Sequence[str]) -> None:
    wanted = set(ids)
    _serve(pipe, replace(work, checks=tuple(check for check in load().checks if check.id in wanted)))
