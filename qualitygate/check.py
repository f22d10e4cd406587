"""In: the linked project and the checks. Out: one run per check, with its findings. A check that crashes is isolated."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from qualitygate.authoring import Check
from qualitygate.extract import crash
from qualitygate.extract.cache import Cache, digest
from qualitygate.globs import matcher
from qualitygate.model.facts import FileCheckRun, linked
from qualitygate.model.finding import CheckRun, Finding, Hit, Severity, Status
from qualitygate.model.policy import Policy, Selection
from qualitygate.model.project import Project
from qualitygate.parse.python_limits import deep_recursion

_WORTH_A_PROCESS = 150
"""Modules of code: the checks go through fewer of them in less time than a second process saves."""


def selected(checks: Iterable[Check], selection: Selection) -> tuple[Check, ...]:
    """The checks that a selection names by id or by domain; ``ignore`` wins over ``select``."""
    select, ignore = set(selection.select), set(selection.ignore)
    return tuple(check for check in checks if (not select or _named(check, select)) and not _named(check, ignore))


def run_checks(
    project: Project,
    checks: Sequence[Check],
    policy: Policy,
    way: str = "",
    cache: Cache | None = None,
    jobs: int = 1,
) -> tuple[CheckRun, ...]:
    """Run every one of ``checks``; file checks ran during extraction, so that their hits are collected here.

    ``cache`` may know what the others found in this very project; what it does not know it is given to keep.

    Of ``policy`` the options, the severities and the ids that are ignored in some paths are followed; ``way`` leads
    from the folder that its globs are relative to down to the scanned root. ``jobs`` is how many processes may run them, 0
    to decide by the work; what they find is the same for any.
    """
    file_runs: dict[str, list[FileCheckRun]] = defaultdict(list)
    for file in project.files:
        for run in file.runs:
            file_runs[run.check].append(run)
    ignored = [(matcher((glob,), way), frozenset(ids)) for glob, ids in policy.selection.per_path]
    runs = []
    with deep_recursion():
        linked = _run_linked(project, [check for check in checks if not check.reads], policy, cache, jobs)
    for check in checks:
        if check.reads:
            hits, examined, error = _collect(file_runs[check.id])
        else:
            known = linked[check.id]
            hits, examined, error = known.hits, known.examined, known.error
        applied = [skips for skips, ids in ignored if _named(check, ids)]
        kept = [hit for hit in hits if not any(skips(hit.place.path) for skips in applied)]
        runs.append(CheckRun(check.id, findings(check, kept, policy.severities.get(check.id)), examined, error))
    return tuple(runs)


def _named(check: Check, names: Iterable[str]) -> bool:
    return check.id in names or check.domain.value in names


def _run_linked(
    project: Project, checks: Sequence[Check], policy: Policy, cache: Cache | None, jobs: int
) -> dict[str, FileCheckRun]:
    """What each check over the whole project did."""
    what = ""
    if cache is not None and project.identity and not project.answers:
        # The engine, the checks and their options are part of every key.
        unread = [f"{one.path}:{one.line}:{one.reason}" for one in project.unread]
        parts = (project.identity, *policy.applied, "", *(check.id for check in checks), "", *unread)
        what = digest("\0".join(parts).encode())
        if (known := cache.recall(what)) is not None:
            with suppress(msgspec.MsgspecError):
                return {run.check: run for run in msgspec.msgpack.decode(known, type=list[FileCheckRun])}
    runs = _run_all(_linked(project), checks, policy.options, jobs)
    if cache is not None and what and not any(run.error for run in runs):
        cache.keep(what, msgspec.msgpack.encode(runs))
    return {run.check: run for run in runs}


def _linked(project: Project) -> Project:
    """The project as checks are shown it: with no more of its files than its identity tells."""
    base = _linked(project.base) if project.base is not None else None
    return msgspec.structs.replace(project, files=tuple(map(linked, project.files)), base=base)


def _run_all(project: Project, checks: Sequence[Check], options: Mapping[str, object], jobs: int) -> list[FileCheckRun]:
    """Run the checks, shared with a second process where that is safe and worth its start."""
    modules = sum(file.module is not None for file in project.files)
    if jobs == 1 or modules < _WORTH_A_PROCESS or not 1 < len(checks) < 256 or not _may_fork():
        return [_run(project, check, options) for check in checks]
    # Whoever is free takes the next number, until none is left.
    turns, numbers = os.pipe()
    os.write(numbers, bytes(range(len(checks))))
    os.close(numbers)
    answers, answer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
            with open(answer, "wb") as stream:
                stream.write(msgspec.msgpack.encode(_take_turns(project, checks, options, turns)))
        finally:
            os._exit(0)
    os.close(answer)
    try:
        runs = _take_turns(project, checks, options, turns)
        with open(answers, "rb", closefd=False) as answered, suppress(msgspec.MsgspecError):
            runs += msgspec.msgpack.decode(answered.read(), type=list[FileCheckRun])
    finally:
        os.close(answers)
        os.close(turns)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    done = {run.check: run for run in runs}
    # A process that died leaves its share to this one.
    return [done.get(check.id) or _run(project, check, options) for check in checks]


def _may_fork() -> bool:
    """Whether a copy of this process can work beside it: not beside threads, nor on macOS, nor on one processor."""
    return sys.platform == "linux" and threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


def _take_turns(
    project: Project, checks: Sequence[Check], options: Mapping[str, object], turns: int
) -> list[FileCheckRun]:
    runs = []
    while number := os.read(turns, 1):
        runs.append(_run(project, checks[number[0]], options))
    return runs


def _run(project: Project, check: Check, options: Mapping[str, object]) -> FileCheckRun:
    try:
        return FileCheckRun(check.id, tuple(check.hits(project, options.get(check.id))), check.examined(project))
    except Exception as error:  # noqa: BLE001 - one check that crashes must not take the others along
        return FileCheckRun(check.id, (), 0, crash(error))


def _collect(runs: Sequence[FileCheckRun]) -> tuple[Sequence[Hit], int, str]:
    broken = [run.error for run in runs if run.error]
    error = broken[0] if broken else ""
    if len(broken) > 1:
        error += f" (and {len(broken) - 1} more)"
    return [hit for run in runs for hit in run.hits], sum(run.examined for run in runs), error


def findings(check: Check, hits: Iterable[Hit], severity: Severity | None = None) -> tuple[Finding, ...]:
    """Hits of a check as findings, in the order of their places, each once, with fingerprints.

    ``severity`` is what the user gave the check; it wins over the hit's and the check's own.
    """
    unique = {(hit.place.path, hit.place.span, hit.subject, hit.message): hit for hit in hits}
    ordered = [unique[key] for key in sorted(unique)]
    seen: Counter[tuple[str, str]] = Counter()
    result = []
    for hit in ordered:
        key = (hit.place.path, hit.subject)
        result.append(
            Finding(
                check=check.id,
                domain=check.domain,
                severity=severity or hit.severity or check.severity,
                confidence=hit.confidence or check.confidence,
                message=hit.message,
                place=hit.place,
                subject=hit.subject,
                fingerprint=fingerprint(check.id, hit.place.path, hit.subject, seen[key]),
                why=hit.why,
                mend=hit.mend,
                places=hit.places,
                tags=check.tags,
                status=Status.SUPPRESSED if hit.answer else Status.ACTIVE,
                answer=hit.answer,
                edits=((hit.place.path, hit.edit),) if hit.edit is not None else (),
                count=hit.count,
            )
        )
        seen[key] += 1
    return tuple(result)


def fingerprint(check: str, path: str, subject: str, ordinal: int) -> str:
    """The identity of a finding: 32 hexadecimal digits that neither a line nor the text of the code enters."""
    parts = "\0".join((check, path, subject, str(ordinal)))
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
