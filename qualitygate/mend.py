"""In: a report. Out: the files that its findings' own edits would mend, before and after, and why others stay."""

from __future__ import annotations

import io
import os
import tempfile
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from qualitygate.model.finding import Edit, Finding, Status
from qualitygate.model.source import Text
from qualitygate.model.verdict import Report
from qualitygate.parse.rewrite import Unwritable, completed, edited


@dataclass(frozen=True)
class Mended:
    """One file: its text, the edits in their order, and the bytes to write. ``refused`` says why there are none."""

    path: str
    text: Text
    edits: tuple[Edit, ...] = ()
    count: int = 0
    content: bytes = b""
    refused: str = ""


def mended(report: Report) -> Iterator[Mended]:
    """Every file that an active finding has an edit for, in the order of the paths."""
    wanted: dict[str, list[Edit]] = defaultdict(list)
    for finding in report.findings:
        for path, edit in finding.edits if finding.status is Status.ACTIVE else ():
            wanted[path].append(edit)
    for path, edits in sorted(wanted.items()):
        content, text = report.contents.get(path), report.texts.get(path)
        if content is None or text is None:
            continue
        try:
            whole = completed(text, edits)
            yield Mended(path, text, whole, len(edits), _encoded(edited(text, whole), content))
        except Unwritable as error:
            yield Mended(path, text, refused=str(error))


def _encoded(text: str, before: bytes) -> bytes:
    """``text`` in the encoding that the bytes of ``before`` declare, with their byte order mark."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(before).readline)
        return text.encode(encoding)
    except (SyntaxError, UnicodeEncodeError):
        raise Unwritable("its encoding is not what it declares") from None


def write(report: Report, one: Mended) -> None:
    """Write a file at once or not at all, with its permissions. Raises ``OSError``: also where it changed since."""
    target = report.root / one.path
    if target.is_symlink() or target.read_bytes() != report.contents.get(one.path):
        raise OSError("it changed while it was scanned")
    mode = target.stat().st_mode
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(one.content)
        os.chmod(name, mode & 0o7777)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def unmendable(report: Report) -> tuple[Finding, ...]:
    """The active findings that carry no edit."""
    return tuple(one for one in report.findings if one.status is Status.ACTIVE and not one.edits)
