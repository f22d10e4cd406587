"""In: the path of a file of evidence. Out: its text, in bounded pieces and unpacked, and what it looks like."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from qualitygate.model.evidence import Origin

T = TypeVar("T")

LARGEST = 1 << 30  # bytes of a file that is read in pieces, packed and unpacked
# Bytes of JSON, which is held whole. The 25,000 results that GitHub takes of a tool come to some 60 MB of SARIF.
LARGEST_DOCUMENT = 100 << 20
LONGEST_LINE = 4 << 20  # characters
MOST_LINES = 20_000_000
_HEAD = 64 << 10
_CHUNK = 256 << 10
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"(\xb5/\xfd": "packed by zstd",
}


class Unreadable(Exception):
    """The file cannot be used; the message says why, and what to do, in one line without anything from inside it."""


class Shape(Enum):
    """What the bytes look like, before any tool is known."""

    OBJECT = "a JSON object"
    ARRAY = "a JSON array"
    LINES = "JSON, one object a line"
    MARKUP = "XML or HTML"
    TEXT = "text"


@dataclass(frozen=True)
class Opened:
    """A file of evidence while it is open.

    ``path`` is how it is told. ``sha256`` is of its bytes as they lie on the disk, ``written`` the time of the last
    change there, ISO 8601 in UTC. ``head`` is the beginning of the text. ``document`` holds all of the JSON (UTF-8)
    where ``shape`` is an object or an array, else nothing. ``root``, ``metric`` and ``unit`` are as asked for.
    """

    path: str
    root: Path
    sha256: str
    written: str
    shape: Shape
    head: str
    document: bytes
    encoding: str
    metric: str
    unit: str
    stream: BinaryIO

    def decode(self, kind: type[T]) -> T:
        """The JSON document as ``kind``; what that does not name is passed over. Raises Unreadable."""
        return decoded(self.document, kind)

    def chunks(self) -> Iterator[bytes]:
        """The unpacked bytes, a piece at a time. Raises Unreadable where there are too many or they are damaged."""
        return _chunks(self.stream)

    def lines(self) -> Iterator[str]:
        """The lines of the text without their ends. Raises Unreadable where one is too long or they are too many."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        rest, count = "", 0
        for chunk in self.chunks():
            *whole, rest = (rest + decoder.decode(chunk)).replace("\r\n", "\n").split("\n")
            yield from whole
            count += len(whole)
            if count > MOST_LINES:
                raise Unreadable(f"has more than {MOST_LINES:,} lines: give a summary in its place")
            if len(rest) > LONGEST_LINE:
                raise Unreadable(f"has a line of more than {LONGEST_LINE >> 20} MiB")
        rest += decoder.decode(b"", final=True)
        if rest:
            yield rest

    def text(self) -> str:
        """The whole of a short text. Raises Unreadable for more than fits into `head`."""
        if len(self.head.encode("utf-8", "replace")) >= _HEAD:
            raise Unreadable(f"is longer than the {_HEAD >> 10} KiB that such a report takes")
        return self.head.replace("\r\n", "\n")

    def origin(self, form: str, tool: str, *, version: str = "", finished: str = "", commit: str = "") -> Origin:
        """Where it comes from; without ``finished`` the time of the file stands in."""
        return Origin(
            self.path,
            self.sha256,
            form,
            tool,
            version,
            finished or self.written,
            "content" if finished else "file",
            commit,
        )


def decoded(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """JSON as ``kind``. Raises Unreadable with the place of what does not fit."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Unreadable(f"does not have the form of its format: {error}") from None
    except msgspec.DecodeError as error:
        raise Unreadable(f"is not whole or not JSON: {error}") from None
    except UnicodeDecodeError:
        raise Unreadable("is not whole or not JSON: a text in it is not UTF-8") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None


def named(path: Path, root: Path) -> str:
    """How ``path`` is told: relative to ``root`` where it lies below, else as it was given."""
    try:
        return Path(os.path.abspath(path)).relative_to(os.path.abspath(root)).as_posix()
    except ValueError:
        return path.as_posix()


@contextmanager
def opened(path: Path, root: Path, *, metric: str = "", unit: str = "", inside: bool = False) -> Iterator[Opened]:
    """Open ``path``. Raises OSError, and Unreadable for what is no regular file, empty, packed otherwise or too large."""
    if "\0" in str(path):
        raise Unreadable("has a name that no file can have")
    if inside and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise Unreadable("lies outside the repository")
    # a pipe must not keep the run waiting for its other end
    with os.fdopen(
        os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
    ) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("is not a regular file")
        if status.st_size > LARGEST:
            raise Unreadable(f"is larger than {LARGEST >> 20:,} MiB: give a summary in its place")
        digest = hashlib.sha256()
        while piece := file.read(_CHUNK):
            digest.update(piece)
        head = _head(file)
        encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
        text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
        shape = _shape(text)
        document = b""
        if shape in (Shape.OBJECT, Shape.ARRAY):
            document = _document(file, encoding)
        written = datetime.fromtimestamp(status.st_mtime, timezone.utc).isoformat(timespec="seconds")
        yield Opened(
            named(path, root), root, digest.hexdigest(), written, shape, text, document, encoding, metric, unit, file
        )


def _head(file: BinaryIO) -> bytes:
    head = b""
    for chunk in _chunks(file):
        head += chunk
        if len(head) >= _HEAD:
            break
    if not head.strip():
        raise Unreadable("is empty")
    for magic, what in _PACKED.items():
        if head.startswith(magic):
            raise Unreadable(f"is {what}: unpack it, or pack it with gzip")
    return head[:_HEAD]


def _shape(head: str) -> Shape:
    start = head.lstrip()
    if start.startswith("<"):
        return Shape.MARKUP
    if start.startswith("{"):
        first, end, rest = start.partition("\n")
        if end and rest.lstrip().startswith("{"):
            try:
                msgspec.json.decode(first, type=msgspec.Raw)
            except (msgspec.DecodeError, RecursionError):
                return Shape.OBJECT
            return Shape.LINES
        return Shape.OBJECT
    return Shape.ARRAY if re.match(r"\[\s*[\[{\]]", start) else Shape.TEXT


def _document(file: BinaryIO, encoding: str) -> bytes:
    data = bytearray()
    for chunk in _chunks(file):
        data += chunk
        if len(data) > LARGEST_DOCUMENT:
            raise Unreadable(f"is JSON of more than {LARGEST_DOCUMENT >> 20} MiB")
    if encoding == "utf-8":
        return bytes(data)
    return bytes(data).decode(encoding, "replace").encode("utf-8")


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file, mode="rb") if packed else file
    total = 0
    try:
        while chunk := stream.read(_CHUNK):
            total += len(chunk)
            if total > LARGEST:
                raise Unreadable(f"unpacks to more than {LARGEST >> 20:,} MiB")
            yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise Unreadable("is damaged: its gzip data ends early or does not fit its checksum") from None
