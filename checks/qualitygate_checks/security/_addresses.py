"""In: the text of any file. Out: the passwords inside addresses, with offsets.

Three forms: ``scheme://user:password@host``; the pairs of a driver's connection string (``Server=db;User=sa;Password=...``,
``host=db user=app password=...``); HTTP Basic, which is a name and a password in base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """A connection address that carries a password; ``start`` and ``end`` bound the password alone (of HTTP Basic the base64)."""

    scheme: str
    user: str
    password: str
    host: str
    start: int
    end: int


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,60}$")
_REST = re.compile(
    r"(?P<user>[^\s:/@?#\"'<>`\\,()]{0,80}):(?P<password>[^\s:/@\"'<>`\\,()]{1,200})@(?P<host>[^\s/:?#\"'<>`\\,)]{1,200})"
)


_PAIRED = re.compile(
    r"(?:[;\"']|\s)(?:password|pwd)\s*=\s*(?P<password>[^;\"'\s{}$<>()&|,\\]{3,200})(?=[;\"'\s]|$)", re.IGNORECASE
)
_SERVER = re.compile(
    r"(?:^|[;\"'\s])(?:server|data source|host|hostaddr|addr|address)\s*=\s*([^;\"'\s]{1,200})", re.IGNORECASE
)
_USER = re.compile(r"(?:^|[;\"'\s])(?:user id|user|uid|username)\s*=\s*([^;\"'\s]{1,200})", re.IGNORECASE)
_BASIC = re.compile(r"\bBasic\s{1,3}(?P<value>[A-Za-z0-9+/]{8,400}={0,2})(?![A-Za-z0-9+/=])")
_LINE = 1000


def addresses(text: str) -> Iterator[Address]:
    """Every address of ``text`` that carries a password."""
    yield from _urls(text)
    yield from _connection_strings(text)
    place = text.find("Basic ")
    while place >= 0:
        found = _BASIC.match(text, place)
        if found and (named := _decoded(found["value"])):
            yield Address("HTTP Basic", *named, "", *found.span("value"))
        place = text.find("Basic ", place + 6)


def _decoded(value: str) -> tuple[str, str] | None:
    """The name and the password of HTTP Basic; None for words that only look like base64."""
    try:
        text = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon and password and text.isprintable() else None


def _paired(text: str) -> Iterator[re.Match[str]]:
    """Every match of the pattern, tried only where one of its words stands: a look for a word is a hundred times as fast."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose small form is longer moves what follows it
        yield from _PAIRED.finditer(text)
        return
    ahead = {word: lowered.find(word) for word in ("password", "pwd")}
    last = 0
    while any(place >= 0 for place in ahead.values()):
        word, place = min(((word, place) for word, place in ahead.items() if place >= 0), key=lambda item: item[1])
        ahead[word] = lowered.find(word, place + 1)
        if place > last and (found := _PAIRED.match(text, place - 1)):
            last = found.end()
            yield found


def _connection_strings(text: str) -> Iterator[Address]:
    for found in _paired(text):
        start = max(text.rfind("\n", 0, found.start()) + 1, found.start() - _LINE)
        end = text.find("\n", found.end(), found.end() + _LINE)
        line = text[start : end if end >= 0 else found.end() + _LINE]
        server, user = _SERVER.search(line), _USER.search(line)
        if server and user:
            yield Address("connection string", user[1], found["password"], server[1], *found.span("password"))


def _urls(text: str) -> Iterator[Address]:
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
