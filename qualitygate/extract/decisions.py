"""In: the text of a Markdown file among decision records. Out: the record: its title, status and date, as it states them.

The forms are those of Michael Nygard (sections `Status`, `Context`, `Decision`) and of MADR (a list of fields, or the
front matter of a page), and what people make of them.
"""

from __future__ import annotations

import re
from posixpath import basename, dirname

from qualitygate.model.deployment import Decision
from qualitygate.model.source import Role, SourceFile, Span, Text

_LARGEST = 500_000
_LONGEST = 200
_FOLDER = re.compile(r"(?:architecture[-_ ]?)?(?:adrs?|decisions?(?:[-_ ]?(?:records?|logs?))?)", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:adr[-_ ]?)?\d+[-_. ]", re.IGNORECASE)
_NO_RECORD = re.compile(r"(?:readme|index|summary|_index|.{0,99}template.{0,99})\.", re.IGNORECASE)
_FIELD = re.compile(
    r"[ \t]*(?:[-*+][ \t]+)?(?:\*\*|__)?(status|date|decided|accepted|superseded[ _-]by|supersedes|replaces|title)(?:\*\*|__)?[ \t]*:"
    r"(?:\*\*|__)?[ \t]*(\S.*)",
    re.IGNORECASE,
)
_ROW = re.compile(r"\|[ \t*]*(status|date)[ \t*]*\|(?=[ \t]{0,40}[^ \t|])([^|]{1,300})\|", re.IGNORECASE)
_HEADING = re.compile(r"(#{1,6})[ \t]{1,20}(.{0,300}?)[ \t]{0,20}#{0,20}[ \t]{0,20}$")
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{4}|[A-Z][a-z]{2,8}\.? \d{1,2},? \d{4}|\d{1,2} [A-Z][a-z]{2,8} \d{4}"
)
_BY = re.compile(r"(?:supersed|replac)ed[ \t]+by:?[ \t]+(\S.*)", re.IGNORECASE)
_OF = re.compile(r"(?:supersed|replac)es:?[ \t]+(\S.*)", re.IGNORECASE)
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\(([^)\n]{1,300})\)")
_HEAD = 60  # lines in which a record says what it is


def records_decision(file: SourceFile) -> bool:
    """Whether a file is a decision record, by its name and its folder."""
    name = basename(file.path)
    if not name.lower().endswith((".md", ".markdown")) or _NO_RECORD.match(name):
        return False
    folder = basename(dirname(file.path))
    return _FOLDER.fullmatch(folder) is not None and (_NUMBERED.match(name) is not None or "adr" in folder.lower())


def find_decision(file: SourceFile, text: Text) -> Decision | None:
    """What the record states of itself; None where the file is none. ``text`` must already be without secrets."""
    if file.role is Role.VENDORED or not records_decision(file) or len(text.content) > _LARGEST:
        return None
    title, span = "", Span(1, 1, 1, 1)
    known: dict[str, str] = {}
    section = ""
    for number in range(1, min(len(text.line_starts), 400) + 1):
        line = text.line(number)[:2_000]
        if heading := _HEADING.match(line):
            section = heading[2].strip().lower()
            if not title and len(heading[1]) == 1:
                title, span = heading[2], Span(number, 1, number, len(line) + 1)
        elif line.strip() and section in ("status", "date"):
            known.setdefault(section, line.strip())
            if section == "status":
                _relations(line, known)
        elif number <= _HEAD and (field := _FIELD.match(line) or _ROW.match(line)):
            name = re.sub(r"[ _-]", " ", field[1].lower())
            value = field[2].strip()
            if name == "title":
                title = title or value.strip("\"'")
            else:
                known.setdefault(
                    {"decided": "date", "accepted": "date", "replaces": "supersedes"}.get(name, name), value
                )
                if name == "status":
                    _relations(value, known)
    date = _DATE.search(known.get("date", ""))
    status = _plain(known.get("status", ""))
    return Decision(
        title=_plain(title) or basename(file.path).rpartition(".")[0],
        status=re.split(r"[.;,(]| [-–—] |[ \t](?:on|at|by)[ \t]", status, maxsplit=1)[0].strip(),
        date=date[0] if date else "",
        span=span,
        replaced_by=_plain(known.get("superseded by", "")),
        replaces=_plain(known.get("supersedes", "")),
    )


def _relations(line: str, known: dict[str, str]) -> None:
    if found := _BY.search(line):
        known.setdefault("superseded by", found[1])
    if found := _OF.search(line):
        known.setdefault("supersedes", found[1])


def _plain(written: str) -> str:
    """A line of Markdown as its words: links by their text, no emphasis, no comment."""
    words = re.sub(r"<!--.{0,199}?-->|<[^<>]{0,199}>", " ", _LINK.sub(r"\1", written[:2_000]))
    words = " ".join(re.sub(r"[*`\"]|(?<!\w)_+|_+(?!\w)", "", words).split()).strip("'")
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
