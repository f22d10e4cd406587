"""In: the bytes of a sound file, others of its kind, and a source of chance. Out: the bytes, broken somewhere.

No grammar is known here: words come from the other files, so that what is made often still parses and reaches the code
behind the parser, and brackets, numbers and odd characters are put where a parser is least ready for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

LARGEST = 200_000

_WORD = re.compile(rb"[A-Za-z0-9_]+|\s+|[^\sA-Za-z0-9_]")
_NUMBER = re.compile(rb"[0-9]+")
_STRING = re.compile(rb"\"[^\"\n]*\"|'[^'\n]*'")
# What readers of text stumble over: ends of lines that are none, marks, halves of characters, what moves a cursor.
_ODD = (
    b"\0", b"\r", b"\r\n", b"\n", b"\t", b"\x0b", b"\x0c", b"\x1b[2J", b"\x7f", b"\x85", b"\xa0", b"\xff", b"\xfe\xff",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80",
    b"e\xcc\x81", b"\xc3", b"\\", b"\\\n", b"\\u0000", b"\\ud800", b"\\N{DASH}", b"{{", b"}}", b"%", b"%s", b"${", b"<<: ",
    b"&a ", b"*a", b"!!python/object:os.system ", b"$ref: ", b"# coding: utf-7\n", b"# coding: rot13\n", b"--", b"/*", b"*/",
    b"$$", b"$a$", b";", b"'", b'"', b"'''", b'"""', b"`", b"#", b"---\n", b"...\n", b"=", b":", b",", b".", b"@", b"~",
    b"qgate: ignore[", b"# qgate: ignore[x] because\n",
)  # fmt: skip
_NUMBERS = (
    b"0", b"-1", b"00", b"1" * 400, b"9" * 5000, b"9223372036854775808", b"1e999", b"-1e999", b"nan", b"0x", b"1_0", b"0b2",
    b"1j", b"1.", b"4294967296", b"18446744073709551616", b"2147483648", b"-0",
)  # fmt: skip
# Pairs that can stand in one another, and what only opens.
_NESTS = (
    (b"(", b")"), (b"[", b"]"), (b"{", b"}"), (b'{"a":', b"}"), (b"[{", b"}]"), (b"((", b")"), (b"f(", b")"), (b"", b"()"),
    (b"", b".a"), (b"", b"[0]"), (b"-", b""), (b"not ", b""), (b"lambda: ", b""), (b"await ", b""), (b"- ", b""), (b"? ", b""),
    (b"a: {", b"}"), (b"f'{", b"}'"), (b"(SELECT ", b")"), (b"CASE WHEN ", b" END"), (b"BEGIN ", b" END;"), (b"/*", b"*/"),
    (b"", b" or x"), (b"", b" + x"), (b"", b" if x else "), (b"x = ", b""), (b"*", b""), (b"**", b""), (b"$$", b"$$"),
)  # fmt: skip
_DEPTHS = (2, 5, 30, 90, 200, 900, 3000, 20_000)

Mutation = Callable[[bytes, Sequence[bytes], Random], bytes]


def mutated(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """``content`` after one to five mutations; ``others`` lend words and parts. At most ``LARGEST`` bytes."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        content = chance.choice(_MUTATIONS)(content, others, chance)[:LARGEST]
    return content


def _place(content: bytes, chance: Random) -> int:
    return chance.randint(0, len(content))


def _bytes(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Some bytes are others."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8) if changed else 0):
        changed[chance.randrange(len(changed))] = chance.choice((chance.randrange(256), chance.randrange(32, 127)))
    return bytes(changed)


def _odd(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Something odd stands somewhere, once or at many places."""
    odd = chance.choice(_ODD)
    for _ in range(chance.choice((1, 1, 1, 3, 20))):
        at = _place(content, chance)
        content = content[:at] + odd + content[at:]
    return content


def _cut(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """It ends too early, or begins too late."""
    at = _place(content, chance)
    return content[:at] if chance.random() < 0.7 else content[at:]


def _removed(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """A part is gone."""
    at = _place(content, chance)
    return content[:at] + content[at + chance.choice((1, 2, 10, 100)) :]


def _repeated(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """A part stands there again, or a thousand times."""
    at = _place(content, chance)
    part = content[at : at + chance.choice((1, 3, 20, 200))]
    return content[:at] + part * chance.choice((2, 2, 3, 30, 1000)) + content[at:]


def _spliced(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Its head, and the tail of another."""
    other = chance.choice(others)
    if chance.random() < 0.5:
        return content[: _place(content, chance)] + other[_place(other, chance) :]
    own, foreign = content.splitlines(True), other.splitlines(True)
    return b"".join(own[: chance.randint(0, len(own))] + foreign[chance.randint(0, len(foreign)) :])


def _grafted(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Some lines of another stand in it."""
    own, foreign = content.splitlines(True), chance.choice(others).splitlines(True)
    at, start = chance.randint(0, len(own)), chance.randint(0, len(foreign))
    return b"".join(own[:at] + foreign[start : start + chance.randint(1, 12)] + own[at:])


def _lines(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Lines are gone, doubled, exchanged, joined or moved to the right or left."""
    lines = content.splitlines(True)
    if not lines:
        return content
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        way = chance.randrange(5)
        if way == 0:
            lines[at] = b""
        elif way == 1:
            lines[at] *= chance.choice((2, 2, 40))
        elif way == 2:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif way == 3:
            lines[at] = lines[at].rstrip(b"\r\n")
        else:
            by = chance.choice((b" ", b"    ", b"\t"))
            end = min(len(lines), at + chance.randint(1, 10))
            lines[at:end] = [
                by + line if chance.random() < 0.6 else line.removeprefix(b" " * 4) for line in lines[at:end]
            ]
    return b"".join(lines)


def _words(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Words are gone, doubled, exchanged, or taken from another file."""
    words = _WORD.findall(content)
    lent = _WORD.findall(chance.choice(others)[:20_000])
    for _ in range(chance.randint(1, 6) if words and lent else 0):
        at = chance.randrange(len(words))
        way = chance.randrange(5)
        if way == 0:
            words[at] = b""
        elif way == 1:
            words[at] = words[at] + b" " + words[at]
        elif way == 2:
            other = chance.randrange(len(words))
            words[at], words[other] = words[other], words[at]
        elif way == 3:
            words[at] = chance.choice(lent)
        else:
            words[at] = chance.choice(words)
    return b"".join(words)


def _values(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """A number or a string is of another kind: too large, empty, odd, very long, or no such thing."""
    found = [match.span() for match in _NUMBER.finditer(content)] + [
        match.span() for match in _STRING.finditer(content)
    ]
    if not found:
        return content
    start, end = chance.choice(found)
    quote = content[start : start + 1] if content[start : start + 1] in (b'"', b"'") else b""
    inside = chance.choice(
        (
            chance.choice(_NUMBERS),
            chance.choice(_ODD),
            b"",
            b"x" * 100_000,
            b"a b",
            b"None",
            b"null",
            b"/" * 50,
            b"{}" * 50,
        )
    )
    closing = quote if chance.random() < 0.8 else b""
    return content[:start] + (quote if chance.random() < 0.9 else b"") + inside + closing + content[end:]


def _nested(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """A part stands in brackets, or in something like them, many times over."""
    opening, closing = chance.choice(_NESTS)
    depth = chance.choice(_DEPTHS)
    words = [match.span() for match in _WORD.finditer(content)] or [(0, 0)]
    first = chance.randrange(len(words))
    start, end = words[first][0], words[min(len(words) - 1, first + chance.choice((0, 0, 0, 2, 10)))][1]
    shut = depth if chance.random() < 0.8 else chance.randint(0, depth)
    return content[:start] + opening * depth + content[start:end] + closing * shut + content[end:]


def _indented(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Blocks in blocks, each one step further in."""
    opening = chance.choice(
        (b"if x:", b"def f():", b"class C:", b"a:", b"-", b"for x in y:", b"with f() as g:", b"try:")
    )
    depth = chance.choice((3, 20, 60, 99, 101, 400))
    step = b" " * chance.choice((1, 1, 2, 4))
    block = b"".join(step * level + opening + b"\n" for level in range(depth)) + step * depth + b"pass\n"
    lines = content.splitlines(True)
    at = chance.randint(0, len(lines))
    return b"".join(lines[:at]) + block + b"".join(lines[at:])


_MUTATIONS: tuple[Mutation, ...] = (
    _bytes, _odd, _cut, _removed, _repeated, _spliced, _grafted, _grafted, _lines, _words, _words, _words, _values, _nested,
    _indented,
)  # fmt: skip
