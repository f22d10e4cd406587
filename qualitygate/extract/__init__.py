"""In: one source file and the file checks. Out: its facts. Runs in a worker; the tree dies here."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from qualitygate.authoring import Check, ParsedFile
from qualitygate.extract.decisions import find_decision, records_decision
from qualitygate.extract.deployment import deploys, find_units
from qualitygate.extract.environment import find_variables, sets_environment
from qualitygate.extract.gateways import configures_gateway, limits_requests
from qualitygate.extract.images import find_images
from qualitygate.extract.import_rules import declares_import_rules, find_import_rules
from qualitygate.extract.reading import Reading, Unparsable
from qualitygate.model.facts import FileCheckRun, FileFacts
from qualitygate.model.finding import Hit
from qualitygate.model.source import Language, Role, SourceFile, Span, Text, Unread
from qualitygate.parse.text import Undecodable, decode

MAX_BYTES = 20_000_000

_CODE = frozenset((Language.PYTHON, Language.SQL))
_JUDGED = frozenset((Role.APPLICATION, Role.MIGRATION))
_DOCUMENTS = frozenset((Language.YAML, Language.JSON))
PARSED = _CODE | _DOCUMENTS | {Language.TOML}
# Where a contract may lie that clients are promised; one among tests or examples may be broken on purpose.
_PUBLISHED = frozenset((Role.APPLICATION, Role.MIGRATION, Role.DOCUMENTATION))

Sibling = Callable[[str], "SourceFile | None"]


def extract(file: SourceFile, checks: Sequence[Check], options: dict[str, Any], sibling: Sibling) -> FileFacts:
    """Facts of ``file``, with the hits of those ``checks`` that read its language in its role.

    ``options`` maps check ids to the options in force. ``sibling`` gives another file of the same scan by path (for a
    contract's references), or None. What cannot be read or parsed becomes an ``Unread`` of the result; nothing but a
    fault of the engine raises. A file that neither a front end nor a check reads is not even opened.
    """
    wanted = [check for check in checks if file.role in check.roles and {file.language, Language.TEXT} & check.reads]
    named = (configures_gateway, sets_environment, declares_import_rules, deploys, records_decision)
    if not wanted and not has_front_end(file) and not any(tells(file) for tells in named):
        return FileFacts(file.path, file.language, file.role)
    try:
        data = file.read()
    except OSError as error:
        return _unread(file, 0, f"cannot be read: {error.strerror or error}")
    if len(data) > MAX_BYTES:
        return _unread(file, 0, f"larger than {MAX_BYTES // 1_000_000} MB ({len(data) / 1_000_000:.1f} MB): not read")
    try:
        text = decode(data, file.language)
    except Undecodable as error:
        # A file of no known kind was only a guess to be text; one that is named as code must be.
        if file.language is Language.TEXT:
            return FileFacts(file.path, file.language, file.role)
        return _unread(file, 0, str(error))
    # The text of a secret enters no fact. Where every check is content with the text, its secrets are known before
    # anything is parsed; else the file is read a second time with the secrets masked.
    on_text = not any(file.language in check.reads for check in wanted)
    runs = _run(file, text, None, wanted, options) if on_text else []
    secrets = _secrets(runs)
    try:
        reading = _read(file, _masked(text, secrets) if secrets else text, sibling)
    except Unparsable as error:
        # The text can still be judged as text: a secret in a broken file is a secret.
        facts = _assemble(file, text, None, runs if on_text else _run(file, text, None, wanted, options))
        return _with(facts, unread=(Unread(file.path, error.line, error.reason),))
    if not on_text:
        runs = _run(file, text, reading, wanted, options)
        if reading is not None and (secrets := _secrets(runs)):
            try:
                reading = _read(file, _masked(text, secrets), sibling)
            except Unparsable:
                reading = None
    return _assemble(file, text, reading, runs)


def judge_text(file: SourceFile, checks: Iterable[Check], options: dict[str, Any]) -> Iterator[tuple[Check, Hit, str]]:
    """The hits of checks on a file that is read as text and not parsed, each with the text that it points at.

    What cannot be decoded has none, nor has a check that crashes.
    """
    try:
        text = decode(file.read(), file.language)
    except (OSError, Undecodable):
        return
    by_id = {check.id: check for check in checks if file.role in check.roles and Language.TEXT in check.reads}
    for run in _run(file, text, None, by_id.values(), options):
        for hit in run.hits:
            span = hit.place.span
            start, end = text.offset(span.line, span.column), text.offset(span.end_line, span.end_column)
            yield by_id[run.check], hit, text.content[start:end]


def has_front_end(file: SourceFile) -> bool:
    """Whether the file is parsed in its language, or only its text counts."""
    return (
        (file.language in _CODE and file.role in _JUDGED)
        or (file.language in _DOCUMENTS and file.role in _PUBLISHED)
        # beside migrations: which database they are for, and whether a step runs in a transaction
        or (file.language is Language.TOML and file.role is Role.MIGRATION)
    )


def _read(file: SourceFile, text: Text, sibling: Sibling) -> Reading | None:
    """Parse in the file's language; None where only its text counts."""
    if not has_front_end(file):
        return None
    if file.language is Language.PYTHON:
        from qualitygate.extract.python import read_python

        return read_python(file.path, text)
    if file.language is Language.SQL:
        from qualitygate.extract.sql import read_sql

        return read_sql(file.path, text)
    if file.language is Language.TOML:
        from qualitygate.extract.settings import read_settings

        return read_settings(text)
    from qualitygate.extract.openapi import read_document

    return read_document(file.path, text, file.language, sibling)


def _run(
    file: SourceFile,
    text: Text,
    reading: Reading | None,
    checks: Iterable[Check],
    options: dict[str, Any],
) -> list[FileCheckRun]:
    """Run each check once: on the tree where it reads the file's language, else on the text where it reads that.

    The checks are isolated from one another.
    """
    runs = []
    plain = ParsedFile(file.path, file.language, file.role, text, lambda offsets: text.span(*offsets))
    parsed = plain
    if reading is not None:
        parsed = replace(
            plain,
            grow=reading.grow,
            span=reading.span,
            module=reading.module,
            scopes=reading.scopes,
            remarked=reading.remarks,
        )
    for check in checks:
        if check.words and not any(word in text.content for word in check.words):
            continue
        if reading is not None and file.language in check.reads:
            subject = parsed
        elif Language.TEXT in check.reads:
            subject = plain
        else:
            continue
        try:
            hits = tuple(check.hits(subject, options.get(check.id)))
            runs.append(FileCheckRun(check.id, hits, check.examined(subject)))
        except Exception as error:  # noqa: BLE001 - one check that crashes must not take the others along
            runs.append(FileCheckRun(check.id, (), 0, f"{crash(error)}, reading {file.path}"))
    return runs


def crash(error: Exception) -> str:
    """What a check crashed with, and where in its code. The error's own words are left out: they may quote a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({PurePath(frame.filename).name}, line {frame.lineno})"


def _assemble(file: SourceFile, text: Text, reading: Reading | None, runs: Sequence[FileCheckRun]) -> FileFacts:
    from qualitygate.extract.directives import blocks, find_directives
    from qualitygate.extract.extensions import find_extensions

    secrets = _secrets(runs)
    directives = find_directives(text, file.language)
    known = reading.facts() if reading is not None else {}
    if file.language is Language.YAML:
        known["scopes"] = blocks(text, directives)
    if file.language in _DOCUMENTS:
        extensions, objects = find_extensions(text, file.language)
        directives += extensions
        known["scopes"] = known.get("scopes", ()) + objects
    masked = _masked(text, secrets) if secrets else text
    known.setdefault("settings", (*find_import_rules(file, masked), *find_images(masked, file.language)))
    return FileFacts(
        path=file.path,
        language=file.language,
        role=file.role,
        lines=len(text.line_starts),
        directives=directives,
        secrets=secrets,
        runs=tuple(runs),
        variables=find_variables(file, masked),
        limits_requests=limits_requests(text, file.language),
        units=find_units(file, masked),
        decision=find_decision(file, masked),
        **known,
    )


def _secrets(runs: Iterable[FileCheckRun]) -> tuple[Span, ...]:
    return tuple(sorted({hit.place.span for run in runs for hit in run.hits if hit.secret}))


_KEPT = "\r\n\"'\\"


def _masked(text: Text, secrets: Iterable[Span]) -> Text:
    """The text with every secret crossed out, still of the same form: quotes, line ends and their escapes stay.

    A letter stands in, since a star would be an alias of YAML.
    """
    content = text.content
    pieces: list[str] = []
    done = 0
    # Only what is a secret is looked at letter by letter: a list of the letters of a large file takes eight times its room.
    for span in sorted(secrets):
        start, end = text.offset(span.line, span.column), text.offset(span.end_line, span.end_column)
        if end > done:
            start = max(start, done)
            pieces += (content[done:start], *_crossed_out(content, start, end))
            done = end
    return Text("".join((*pieces, content[done:])), text.line_starts)


def _crossed_out(content: str, offset: int, end: int) -> Iterator[str]:
    """The characters from ``offset`` up to, not including, ``end``, one by one."""
    while offset < end:
        character = content[offset]
        follows = offset + 1 < end
        if character == "\\" and follows and content[offset + 1] in _KEPT:
            yield content[offset : offset + 2]
            offset += 2
            continue
        # An escape is crossed out with its backslash: a lone backslash would begin another one.
        yield character if character in _KEPT and not (character == "\\" and follows) else "x"
        offset += 1


def _unread(file: SourceFile, line: int, reason: str) -> FileFacts:
    return FileFacts(file.path, file.language, file.role, unread=(Unread(file.path, line, reason),))


def _with(facts: FileFacts, **changes: Any) -> FileFacts:
    import msgspec

    return msgspec.structs.replace(facts, **changes)
