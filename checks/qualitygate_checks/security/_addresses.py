"""In: the text of any file. Out: the passwords inside addresses, ``scheme://user:password@host``, with offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """A connection address that carries a password; ``start`` and ``end`` bound the password alone."""

    scheme: str
    user: str
    password: str
    host: str
    start: int
    end: int


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*$")
_REST = re.compile(
    r"(?P<user>[^\s:/@?#\"'<>`\\,()]{0,80}):(?P<password>[^\s:/@\"'<>`\\,()]{1,200})@(?P<host>[^\s/:?#\"'<>`\\,)]{1,200})"
)


def addresses(text: str) -> Iterator[Address]:
    """Every address of ``text`` that carries a password."""
    place = text.find("://")
    while place >= 0:
        rest = _REST.match(text, place + 3)
        if rest:
            scheme = _SCHEME.search(text[max(0, place - 32) : place])
            yield Address(
                scheme[0].lower() if scheme else "",
                rest["user"],
                rest["password"],
                rest["host"],
                *rest.span("password"),
            )
        place = text.find("://", place + 3)
