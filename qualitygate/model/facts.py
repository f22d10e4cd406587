"""Facts of one file: what extraction writes, the cache keeps and linking joins. Trees do not leave the worker."""

from __future__ import annotations

import msgspec

from qualitygate.model.contract import Contract
from qualitygate.model.deployment import Decision, Unit
from qualitygate.model.finding import Hit
from qualitygate.model.schema import Script
from qualitygate.model.source import Language, Role, Span, Unread
from qualitygate.model.syntax import Module


class Directive(msgspec.Struct, frozen=True, array_like=True):
    """An inline answer: ``qgate: ignore[check-id, ...] reason``, with the span of the comment; or ``x-qgate-ignore``.

    ``target`` is the line that it speaks of: its own, or, where the comment is ``alone`` on its line, the first line
    after it that is no comment; of ``x-qgate-ignore`` the first line of the object that holds it. ``until`` is the last
    day that it counts (ISO 8601, as written), empty where it has no end; ``owner`` who answers for it, where that is said.
    """

    checks: tuple[str, ...]
    reason: str
    span: Span
    alone: bool
    target: int
    until: str = ""
    owner: str = ""


class Setting(msgspec.Struct, frozen=True, array_like=True):
    """One value of a configuration file: its dotted key and scalar value (text as written; secrets masked)."""

    key: str
    value: str
    span: Span


class FileCheckRun(msgspec.Struct, frozen=True, array_like=True):
    """What one file check did on this file: its hits, the number of things examined, the reason where it crashed."""

    check: str
    hits: tuple[Hit, ...]
    examined: int
    error: str = ""


class FileFacts(msgspec.Struct, frozen=True):
    """All that is kept of one file.

    ``depends_on`` names other files whose bytes went into these facts (a contract's ``$ref``), as path and digest: the
    cache believes the facts only while they still hold. ``secrets`` are the spans that no output may show.
    ``fault`` says what of the engine broke while it read the file, so that these facts lack what they should hold.
    ``scopes`` are pairs of lines, the header and the last one, of what an answer may stand on and speak of whole: a
    definition (counted from each of its decorators too), an SQL statement, a block of YAML. ``variables`` are those
    that the file sets in the environment of a process. ``limits_requests`` tells the configuration of a gateway that
    limits the rate of requests. ``units`` are what the file builds or runs; ``decision`` is the record that it is.
    ``identity`` is a digest of what :func:`linked` leaves of the facts, empty where it is not known.
    """

    path: str
    language: Language
    role: Role
    lines: int = 0
    module: Module | None = None
    script: Script | None = None
    contract: Contract | None = None
    settings: tuple[Setting, ...] = ()
    directives: tuple[Directive, ...] = ()
    secrets: tuple[Span, ...] = ()
    scopes: tuple[tuple[int, int], ...] = ()
    unread: tuple[Unread, ...] = ()
    runs: tuple[FileCheckRun, ...] = ()
    depends_on: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    variables: tuple[Setting, ...] = ()
    limits_requests: bool = False
    units: tuple[Unit, ...] = ()
    decision: Decision | None = None
    identity: str = ""


def linked(facts: FileFacts) -> FileFacts:
    """What linking, and the checks over a whole project, are shown of a file.

    Left out is what only answers, reports and the cache read, so that a change of it alone (another test, a longer
    comment at the end of a file) gives what was given before.
    """
    return msgspec.structs.replace(
        facts, lines=0, directives=(), secrets=(), scopes=(), runs=(), depends_on=(), identity=""
    )
