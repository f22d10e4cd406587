"""In: the bytes of a file. Out: the hash of its lines by which GitHub knows an alert again.

It is the one that the upload action computes (``fingerprints.ts`` of github/codeql-action): another value would be
reported as inconsistent.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable

_BLOCK = 100
_FACTOR = 37
_WRAP = (1 << 64) - 1
_END = "\uffff"


def line_hashes(data: bytes, wanted: Iterable[int]) -> dict[int, tuple[str, int]]:
    """``primaryLocationLineHash`` of the 1-based lines ``wanted``, each with the last line that went into it.

    The hash runs over the 100 UTF-16 code units that begin at the line, blanks and tabs left out, CR and CRLF taken as
    LF, an end marker and zeros after the last; the number behind the colon counts equal ones from the top of the file.
    """
    text = data.decode("utf-8", "replace")
    if not text.isascii() and max(text) > "\uffff":
        text = "".join(map(chr, array("H", text.encode("utf-16", "surrogatepass")[2:])))
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    end = len(text)
    text += _END + "\0" * _BLOCK
    lines = set(wanted)
    seen: Counter[str] = Counter()
    hashes = {}
    start, number, last = 0, 1, max(lines, default=0)
    while number <= last:
        window = text[start : start + _BLOCK]
        seen[window] += 1
        if number in lines:
            hashes[number] = (f"{_polynomial(window):x}:{seen[window]}", number + window.count("\n"))
        start = text.find("\n", start, end) + 1
        number += 1
        if not start:
            break
    return hashes


def _polynomial(window: str) -> int:
    value = 0
    for character in window:
        value = value * _FACTOR + ord(character) & _WRAP
    return value
