"""In: words, the installed checks and their guides. Out: the pages that answer them, best first, without a network.

A guide is a Markdown file, ``<domain>/<topic>.md``: a title, a summary, lines that begin with ``Also known as:``, ``Do:``,
``Don't:``, ``Checks:`` or ``Source:``, and any other headings and text. ``stacks/<stack>.md`` holds one such page a second
heading, written ``## <domain>: <title>``. The documentation of each check is a page too.

The index is SQLite's full-text search (FTS5, ranked by BM25), kept in the user's cache directory for the packs that are
installed; where it cannot be kept it is made in memory, which takes the time of importing every check.
"""

from __future__ import annotations

import difflib
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from qualitygate.authoring import Check
from qualitygate.extract.cache import digest, directory
from qualitygate.load import Installed
from qualitygate.report import page as report_page

CHECK, GUIDE, STACK = "check", "guide", "stack"
_STACKS = "stacks"
_LABELLED = re.compile(r"(Also known as|Do|Don't|Checks|Source): +(.+)")
_SECTION = re.compile(r"^## +(?=[a-z]+: )", re.MULTILINE)
_HEADING = re.compile(r"#{2,} +(.+)")
_WORD = re.compile(r"\w+")
# Of the columns title, name, also, summary, advice, body, code: how much more a word weighs there.
_WEIGHTS = (10.0, 8.0, 8.0, 4.0, 2.0, 1.0, 0.1)
# What is found with less than this share of the best score mentions one of the words in passing.
_NEAR = 0.25
# Words of a question that say nothing of its subject; they are on most pages.
_EMPTY = frozenset(
    "a an and are by do for from how i in is it my of on or our should the to use using what when why with".split()
)


class GuideError(Exception):
    """A guide cannot be read as one; the argument names the file and what it lacks."""


class Page(msgspec.Struct, frozen=True):
    """One page of the knowledge base.

    ``kind`` is `check`, `guide` or `stack`; ``id`` a check's id, `domain/topic` or `stack/topic`. ``stack`` is the one that
    the page speaks of, empty where it holds for all. ``sections`` pairs headings with text; ``checks`` are the ids of
    those that watch over it; ``sources`` say where it comes from.
    """

    kind: str
    id: str
    title: str
    domain: str
    stack: str
    summary: str
    do: tuple[str, ...]
    dont: tuple[str, ...]
    sections: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    code: str = ""


def pages(installed: Installed) -> tuple[Page, ...]:
    """All pages, in a fixed order. Raises :class:`GuideError`."""
    found = [_of_check(check) for check in installed.checks]
    for folder in installed.guides:
        for path in sorted(folder.glob("*/*.md")):
            text = path.read_text(encoding="utf-8")
            if path.parent.name == _STACKS:
                found.extend(_of_stack(path, text))
            else:
                found.append(_parsed(path, text, GUIDE, path.parent.name, ""))
    return tuple(found)


def _of_check(check: Check) -> Page:
    described = report_page.page(check)
    examples = [*check.bad, *check.good]
    paths = {path for example in examples for path in example.files}
    return Page(
        CHECK,
        check.id,
        check.title,
        check.domain.value,
        "python" if paths and all(path.endswith(".py") for path in paths) else "",
        described.section("Why"),
        (check.do,),
        (check.dont,),
        tuple(pair for pair in described.sections if pair[0] != "Why"),
        also=check.tags,
        checks=(check.id,),
        code="\n".join(content for example in examples for content in example.files.values()),
    )


def _of_stack(path: Path, text: str) -> Iterator[Page]:
    for part in _SECTION.split(text)[1:]:
        domain, _, rest = part.partition(": ")
        yield _parsed(path, f"# {rest}", STACK, domain, path.stem)


def _parsed(path: Path, text: str, kind: str, domain: str, stack: str) -> Page:
    first, _, rest = text.strip().partition("\n")
    title = first.removeprefix("# ").strip()
    labelled: dict[str, list[str]] = {}
    blocks: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in rest.split("\n"):
        fenced ^= line.startswith("```")
        heading, label = _HEADING.fullmatch(line), _LABELLED.fullmatch(line)
        if heading and not fenced:
            blocks.append((heading[1], []))
        elif label and not fenced:
            labelled.setdefault(label[1], []).append(label[2].strip())
        else:
            blocks[-1][1].append(line)
    summary, _, more = "\n".join(blocks[0][1]).strip().partition("\n\n")
    sections = [("", more), *((heading, "\n".join(lines)) for heading, lines in blocks[1:])]
    name = path.stem if kind == GUIDE else "-".join(_WORD.findall(title.lower()))
    page = Page(
        kind,
        f"{domain if kind == GUIDE else stack}/{name}",
        title,
        domain,
        stack,
        " ".join(summary.split()),
        tuple(labelled.get("Do", ())),
        tuple(labelled.get("Don't", ())),
        tuple((heading, body.strip()) for heading, body in sections if body.strip()),
        also=_listed(labelled.get("Also known as", ())),
        checks=_listed(labelled.get("Checks", ())),
        sources=tuple(labelled.get("Source", ())),
    )
    lacking = [
        word
        for word, value in (("title", title), ("summary", page.summary), ("Do", page.do), ("Don't", page.dont))
        if not value
    ]
    if lacking:
        raise GuideError(f"{path}: {title or 'a page'} has no {', no '.join(lacking)}")
    return page


def _listed(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(item.strip() for line in lines for item in line.split(",") if item.strip())


class Index:
    """The pages, ready to be searched. Use as a context manager."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def page(self, name: str) -> Page | None:
        """The page with this id."""
        row = self._database.execute("SELECT page FROM pages WHERE id = ?", (name,)).fetchone()
        return _DECODER.decode(row[0]) if row else None

    def search(self, words: str, domain: str = "", stack: str = "", limit: int = 5) -> tuple[Page, ...]:
        """The pages that speak of ``words``, best first.

        With a ``stack``, pages of other stacks are left out and those of this one count double; without one, pages of
        stacks count half, since six of them say the same in six ways.
        """
        tokens = _tokens(words)
        if not tokens:
            return ()
        # SQLite counts a better match as a smaller number, below zero.
        rows = self._database.execute(
            f"SELECT page, bm25(words, {', '.join(map(str, _WEIGHTS))}) * CASE WHEN kind <> 'stack' THEN 1 WHEN ? <> '' THEN 2 ELSE 0.5 END AS score "
            "FROM pages JOIN words ON words.rowid = pages.rowid WHERE words MATCH ? "
            "AND (? = '' OR domain = ?) AND (? = '' OR stack IN ('', ?)) ORDER BY score, id LIMIT ?",
            (stack, " OR ".join(f'"{token}"' for token in tokens), domain, domain, stack, stack, limit),
        ).fetchall()
        return tuple(_DECODER.decode(page) for page, score in rows if score <= rows[0][1] * _NEAR)

    def stacks(self) -> tuple[str, ...]:
        """The stacks that there are pages for."""
        rows = self._database.execute("SELECT DISTINCT stack FROM pages WHERE kind = 'stack' ORDER BY stack")
        return tuple(row[0] for row in rows)

    def nearest(self, words: str) -> str:
        """Words of the pages that are written much like ``words``; empty where there are none."""
        known = [row[0] for row in self._database.execute("SELECT DISTINCT word FROM vocabulary")]
        close = [difflib.get_close_matches(token, known, 1, 0.75) for token in _tokens(words)]
        return " ".join(match[0] for match in close if match)


_DECODER = msgspec.msgpack.Decoder(Page)


def _tokens(words: str) -> list[str]:
    tokens = _WORD.findall(words.lower())
    return [token for token in tokens if token not in _EMPTY] or tokens


def open_index(identity: str, load: Callable[[], Installed]) -> Index:
    """The index of the packs with this ``identity``; ``load`` is called only where it has to be made.

    Raises :class:`GuideError`, and ``sqlite3.OperationalError`` where Python's SQLite is built without FTS5.
    """
    kept = directory()
    # What a page is made of is written here and in the module that takes the documentation of a check apart.
    written = b"".join(Path(source).read_bytes() for source in (__file__, report_page.__file__))
    identity = f"{identity} {digest(written)}"
    path = kept / "knowledge.sqlite3" if kept is not None and kept.is_absolute() else None
    if path is not None and (known := _reopened(path, identity)):
        return Index(known)
    found = pages(load())
    if path is not None:
        with suppress(OSError, sqlite3.Error):
            _keep(path, found, identity)
    database = sqlite3.connect(":memory:")
    _fill(database, found, identity)
    return Index(database)


def _reopened(path: Path, identity: str) -> sqlite3.Connection | None:
    """The kept index, where it is ours and of what is installed."""
    if not path.is_file():
        return None
    try:
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            if database.execute("SELECT identity FROM kept").fetchone() == (identity,):
                return database
        except sqlite3.Error:
            pass
        database.close()
    except sqlite3.Error:
        pass
    return None


def _keep(path: Path, found: tuple[Page, ...], identity: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="knowledge-")
    os.close(handle)
    try:
        with closing(sqlite3.connect(temporary)) as database:
            _fill(database, found, identity)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _fill(database: sqlite3.Connection, found: tuple[Page, ...], identity: str) -> None:
    with database:
        database.execute("CREATE TABLE kept (identity TEXT)")
        database.execute("CREATE TABLE pages (id TEXT, kind TEXT, domain TEXT, stack TEXT, page BLOB)")
        database.execute("CREATE TABLE vocabulary (word TEXT)")
        database.execute(
            "CREATE VIRTUAL TABLE words USING fts5"
            "(title, name, also, summary, advice, body, code, content='', tokenize='porter unicode61')"
        )
        spoken: set[str] = set()
        for number, page in enumerate(found, start=1):
            columns = (
                page.title,
                page.id,
                " ".join(page.also),
                page.summary,
                " ".join(
                    (*page.do, *page.dont, *(text for heading, text in page.sections if heading == "How to mend"))
                ),
                " ".join((*(f"{heading} {text}" for heading, text in page.sections), *page.sources)),
                page.code,
            )
            row = (number, page.id, page.kind, page.domain, page.stack, msgspec.msgpack.encode(page))
            database.execute("INSERT INTO pages (rowid, id, kind, domain, stack, page) VALUES (?, ?, ?, ?, ?, ?)", row)
            database.execute(
                "INSERT INTO words (rowid, title, name, also, summary, advice, body, code) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (number, *columns),
            )
            spoken.update(word for column in columns[:5] for word in _WORD.findall(column.lower()) if len(word) > 3)
        database.executemany("INSERT INTO vocabulary VALUES (?)", [(word,) for word in sorted(spoken)])
        database.execute("INSERT INTO kept VALUES (?)", (identity,))
