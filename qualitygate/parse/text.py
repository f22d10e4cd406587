"""In: the bytes of a file. Out: its text with line starts, or the reason why it has none."""

from __future__ import annotations

import codecs
import re

from qualitygate.model.source import Language, Text

# PEP 263: the declaration stands in one of the first two lines.
_DECLARED = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


class Undecodable(Exception):
    """The bytes are not text; the argument says why, in words for the user."""


def decode(data: bytes, language: Language) -> Text:
    """Decode as UTF-8 (with or without a byte order mark), UTF-16 with one, or what a Python file declares.

    Raises :class:`Undecodable` for binary data and for text that is not in its encoding.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    else:
        encoding = "utf-8"
        if b"\0" in data:
            raise Undecodable("binary data (a NUL byte), not text")
        if language is Language.PYTHON:
            encoding = _declared(data)
    try:
        return Text.of(data.decode(encoding))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Undecodable(f"not valid {encoding} (byte {data[error.start]:#04x} in line {line})") from None


def _declared(data: bytes) -> str:
    for line in data.split(b"\n", 2)[:2]:
        if match := _DECLARED.match(line):
            name = match.group(1).decode("ascii")
            try:
                # Codecs such as base64 or rot13 turn text into other things: only text encodings may decode a file.
                info = codecs.lookup(name)
            except LookupError:
                raise Undecodable(f"declares the unknown encoding {name!r}") from None
            if not getattr(info, "_is_text_encoding", True):
                raise Undecodable(f"declares {name!r}, which is not a text encoding")
            return info.name
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
    return "utf-8"
