"""In: the file in which people state what no tool shows, ``.qgate/attestations.toml``. Out: its statements, with what is wrong.

[[attestation]]
condition = "availability"
value = 99.95
statement = "Availability of October 2026, from the status page"
evidence = [{ url = "https://status.example.com/2026-10", sha256 = "..." }]
author = "orders@example.com"
reviewer = "sre@example.com"
issued = 2026-11-01
expires = 2027-02-01
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from qualitygate.model.evidence import Attestation, Unusable
from qualitygate.parse.toml import Document, Key, TomlError, read_toml

# Days for which a statement may hold at most. Half a year is the longest time that "we tried it" is worth.
LONGEST = 180
# A file is written by hand; what is larger is something else under its name.
MAX_BYTES = 1_000_000
_MAX_EVIDENCE_BYTES = 1 << 30
_CHUNK = 1 << 18
# Who states something east of here may be a day ahead.
_AHEAD = timedelta(days=1)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s/]+", re.IGNORECASE)
_MAIL = re.compile(r"<([^<>]*@[^<>]*)>")


class Proof(msgspec.Struct, forbid_unknown_fields=True):
    """What the statement rests on: a URL, or a path below the repository's root, with the SHA-256 of what was seen there."""

    url: str = ""
    path: str = ""
    sha256: str = ""


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One statement about one row of the gate."""

    condition: str
    statement: str
    evidence: tuple[Proof, ...]
    author: str
    reviewer: str
    issued: date
    expires: date
    value: int | float | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    attestation: tuple[Entry, ...] = ()


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the file, for editors."""
    generated = msgspec.json.schema(_File)
    definitions = generated["$defs"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Attestations of qgate",
        "description": "The content of .qgate/attestations.toml: what people state about rows of the gate.",
        **{key: value for key, value in definitions.pop("_File").items() if key != "title"},
        "$defs": definitions,
    }


def read_attestations(
    path: Path, root: Path, today: date, longest: int = LONGEST
) -> tuple[Attestation | Unusable, ...]:
    """The statements in the file ``path`` in its order; none where there is no such file.

    Each tells in ``faults`` why it cannot count: a key that is not known, no evidence, a reviewer who is the author, an
    end that is more than ``longest`` days away, a file of evidence below ``root`` that is not what it was. ``path`` lies
    below ``root``. What is no
    statement about a row at all is :class:`Unusable`. Raises nothing.
    """
    shown = _shown(path, root)
    if not os.path.lexists(path):
        return ()
    try:
        document = read_toml(_read(path, root))
    except _NotRead as error:
        return (Unusable(shown, str(error)),)
    except TomlError as error:
        return (Unusable(f"{shown}:{error.line}" if error.line else shown, f"not TOML: {error.reason}"),)
    found: list[Attestation | Unusable] = [
        Unusable(f"{shown}:{document.line((key,))}", f"unknown key {key!r}{_suggested(key, _names(_File))}")
        for key in document.data
        if key not in _names(_File)
    ]
    entries = document.data.get("attestation", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        line = document.line(("attestation",))
        return (*found, Unusable(f"{shown}:{line}", "attestation must be an array of tables: [[attestation]]"))
    for number, entry in enumerate(entries):
        found.append(_Reader(entry, ("attestation", number), document, root, today, longest).read(shown))
    return tuple(found)


class _NotRead(Exception):
    """The file cannot be read; the argument says why."""


def _read(path: Path, root: Path) -> bytes:
    try:
        if Path(os.path.realpath(root)) not in Path(os.path.realpath(path)).parents:
            raise _NotRead("a link out of the repository: not followed")
        if not path.is_file():
            raise _NotRead("not a file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _NotRead(f"cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise _NotRead(f"is larger than {MAX_BYTES // 1_000_000} MB")
    return data


@dataclass(frozen=True)
class _Reader:
    """One entry, which stands under ``key`` in ``document``."""

    entry: Mapping[str, Any]
    key: Key
    document: Document
    root: Path
    today: date
    longest: int

    def read(self, path: str) -> Attestation | Unusable:
        condition = self.entry.get("condition")
        if not isinstance(condition, str) or not condition.strip():
            return Unusable(f"{path}:{self.line(())}", "the attestation names no condition")
        value = self.entry.get("value")
        return Attestation(
            condition=condition,
            statement=self._text("statement"),
            author=self._text("author"),
            reviewer=self._text("reviewer"),
            issued=self._day("issued"),
            expires=self._day("expires"),
            evidence=tuple(
                (one.get("url") or one.get("path") or "", str(one.get("sha256", "")))
                for one in self._evidence()
                if isinstance(one.get("url") or one.get("path"), str)
            ),
            value=_number(value),
            path=path,
            line=self.line(()),
            faults=tuple(self._faults()),
        )

    def line(self, key: Key) -> int:
        return self.document.line((*self.key, *key))

    def _faults(self) -> Iterator[str]:
        known = _names(Entry)
        for key in self.entry:
            if key not in known:
                yield f"line {self.line((key,))}: unknown key {key!r}{_suggested(key, known)}"
        for key in ("statement", "author", "reviewer"):
            if not isinstance(self.entry.get(key, ""), str):
                yield f"line {self.line((key,))}: {key} must be text"
            elif not self._text(key):
                yield f"it has no {key}"
        author, reviewer = _person(self._text("author")), _person(self._text("reviewer"))
        if author and author == reviewer:
            yield "its reviewer is its author"
        if "value" in self.entry and _number(self.entry["value"]) is None:
            yield f"line {self.line(('value',))}: value must be a number"
        yield from self._time()
        yield from self._proofs()

    def _time(self) -> Iterator[str]:
        days = {}
        for key in ("issued", "expires"):
            if day := self._day(key):
                days[key] = date.fromisoformat(day)
            else:
                at = f"line {self.line((key,))}: " if key in self.entry else ""
                yield f"{at}{key} must be a day, such as 2027-02-01"
        if "issued" in days and days["issued"] > self.today + _AHEAD:
            yield f"it was issued on {days['issued']}, which is to come"
        if len(days) == 2:
            span = (days["expires"] - days["issued"]).days
            if span <= 0:
                yield "it expires before it is issued" if span < 0 else "it expires on the day that it is issued"
            elif span > self.longest:
                yield f"it is to hold for {span} days; at most {self.longest} are taken"

    def _proofs(self) -> Iterator[str]:
        given = self.entry.get("evidence")
        if given in (None, [], {}):
            yield "it has no evidence"
        elif not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            yield f'line {self.line(("evidence",))}: evidence must be an array of tables: [{{ url = "https://..." }}]'
        for number, one in enumerate(self._evidence()):
            at = f"line {self.line(('evidence', number))}: "
            for key in one:
                if key not in _names(Proof):
                    yield f"{at}unknown key {key!r} of evidence{_suggested(key, _names(Proof))}"
            url, path, sha256 = (one.get(key, "") for key in ("url", "path", "sha256"))
            if not all(isinstance(part, str) for part in (url, path, sha256)):
                yield f"{at}url, path and sha256 of evidence must be text"
            elif bool(url) == bool(path):
                yield f"{at}evidence needs either a url or a path"
            elif url and not _URL.match(url):
                yield f"{at}the url of evidence must begin with https:// or http://"
            elif sha256 and not _SHA256.fullmatch(sha256):
                yield f"{at}sha256 must be 64 hexadecimal digits"
            elif path and (reason := self._file(path, sha256)):
                yield f"{at}{reason}"

    def _evidence(self) -> list[Mapping[str, Any]]:
        given = self.entry.get("evidence")
        return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []

    def _file(self, path: str, sha256: str) -> str:
        """Why a file of evidence is not what it was; empty where it is."""
        root = Path(os.path.realpath(self.root))
        try:
            file = Path(os.path.realpath(root / path))
            if root not in file.parents:
                return f"{path} is outside the repository"
            if not file.is_file():
                return f"{path} is not there"
            if not sha256:
                return ""
            if file.stat().st_size > _MAX_EVIDENCE_BYTES:
                return f"{path} is too large to be compared with its sha256"
            digest = hashlib.sha256()
            with file.open("rb") as stream:
                while piece := stream.read(_CHUNK):
                    digest.update(piece)
        except (OSError, ValueError) as error:
            return f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        return "" if digest.hexdigest() == sha256.lower() else f"{path} is not what it was: its sha256 is another"

    def _text(self, key: str) -> str:
        value = self.entry.get(key)
        return value.strip() if isinstance(value, str) else ""

    def _day(self, key: str) -> str:
        """A day as ISO 8601; empty where it is none."""
        value = self.entry.get(key)
        if isinstance(value, datetime):
            value = value.date()
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                return ""
        return value.isoformat() if isinstance(value, date) else ""


def _names(table: type[msgspec.Struct]) -> tuple[str, ...]:
    return table.__struct_fields__


def _number(value: Any) -> float | None:
    # An integer of hundreds of digits is none that a float holds.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        return None
    return float(value)


def _person(name: str) -> str:
    """A person as one is compared with another: by the address where there is one."""
    mail = _MAIL.search(name)
    return " ".join((mail[1] if mail else name).split()).casefold()


def _suggested(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name[:100].lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(path: Path, root: Path) -> str:
    try:
        return Path(os.path.abspath(path)).relative_to(os.path.realpath(root)).as_posix()
    except ValueError:
        return path.as_posix()
