"""``qgate search``. In: words, a domain, a stack. Out: the pages of the knowledge base that speak of them, best first."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from qualitygate.cli import NOTHING, OPEN
from qualitygate.cli.shared import Failure, emit, installed, terminal_width, wants_color
from qualitygate.model.finding import Domain
from qualitygate.report.display import Palette, visible, wrapped

if TYPE_CHECKING:
    from qualitygate.knowledge import Page

_WIDEST = 100
# Advice shown of a page in a list of results; the whole page has all.
_SHORT = 2
# Characters of a summary shown there, to the end of a sentence.
_OPENING = 400

_EPILOG = """\b
Examples:
  qgate search "cursor pagination"
  qgate search "n+1 queries" --stack python
  qgate search --domain messaging "lost message"
  qgate search api/pagination             one page, whole
  qgate search timeout --format json | jq '.results[].id'
"""


@click.command("search", epilog=_EPILOG)
@click.argument("words", nargs=-1, required=True, metavar="WORDS...")
@click.option("--domain", type=click.Choice([domain.value for domain in Domain]), help="Only pages of this domain.")
@click.option(
    "--stack", metavar="STACK", help="This stack's pages first, and none of another one: python, node, go, ..."
)
@click.option("--limit", "-n", type=click.IntRange(1, 50), default=5, show_default=True, help="How many pages.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(words: tuple[str, ...], domain: str | None, stack: str | None, limit: int, form: str) -> int:
    """Search the knowledge base, offline: every check, and a guide to each topic of backend architecture.

    The id of a page in place of words prints it whole. Exits with 3 where nothing speaks of the words.
    """
    from qualitygate.knowledge import GuideError, open_index
    from qualitygate.load import PackError, identity

    question = " ".join(words)
    try:
        with open_index(identity(), installed) as index:
            if stack and stack not in index.stacks():
                raise Failure(f"error: no pages for the stack {stack!r}; there are {', '.join(index.stacks())}")
            whole = index.page(question)
            found = (whole,) if whole else index.search(question, domain or "", stack or "", limit)
            nearest = "" if found else index.nearest(question)
    except (PackError, GuideError) as error:
        raise Failure(f"error: {error}") from None
    except sqlite3.OperationalError as error:
        raise Failure(f"error: this Python's SQLite has no full-text search (FTS5): {error}") from None
    if form == "json":
        from qualitygate.report.json import encoded

        emit(encoded({"schema_version": 1, "query": question, "results": [_plain(page) for page in found]}))
        return OPEN if found else NOTHING
    if not found:
        hint = f"; did you mean {visible(nearest)!r}?" if nearest else ""
        wider = " in this domain or stack" if domain or stack else ""
        click.echo(f"qgate: nothing speaks of {visible(question)!r}{wider}{hint}", err=True)
        return NOTHING
    paint = Palette(wants_color(sys.stdout))
    columns = min(_WIDEST, terminal_width(sys.stdout) or _WIDEST)
    emit("\n".join(_whole(whole, paint, columns) if whole else _results(found, paint, columns)) + "\n")
    return OPEN


def _plain(page: Page) -> dict[str, object]:
    return {
        "kind": page.kind,
        "id": page.id,
        "title": page.title,
        "domain": page.domain,
        "stack": page.stack,
        "summary": page.summary,
        "do": list(page.do),
        "dont": list(page.dont),
        "sections": [{"heading": heading, "text": text} for heading, text in page.sections],
        "also": list(page.also),
        "checks": list(page.checks),
        "sources": list(page.sources),
    }


def _results(found: tuple[Page, ...], paint: Palette, columns: int) -> Iterator[str]:
    for number, page in enumerate(found):
        if number:
            yield ""
        yield from _head(page, paint, columns, False)
        yield from _advice(page, paint, columns, _SHORT)
        where = f"qgate rule {page.id}" if page.kind == "check" else f"qgate search {page.id}"
        yield f"  {paint.faint(where)}"


def _whole(page: Page, paint: Palette, columns: int) -> Iterator[str]:
    yield from _head(page, paint, columns, True)
    yield ""
    yield from _advice(page, paint, columns, None)
    for heading, text in page.sections:
        yield ""
        if heading:
            yield paint.strong(visible(heading))
        fenced = False
        for line in text.split("\n"):
            if line.startswith("```"):
                fenced = not fenced
                continue
            yield f"    {visible(line)}".rstrip() if fenced else f"  {wrapped(visible(line), columns, '  ')}".rstrip()
    if page.checks and page.kind != "check":
        yield ""
        yield f"{paint.strong('Checks')}  {wrapped(', '.join(page.checks), columns, ' ' * 8)}"
    if page.sources:
        yield ""
        yield paint.strong("Sources")
        yield from (f"  {visible(source)}" for source in page.sources)


def _head(page: Page, paint: Palette, columns: int, whole: bool) -> Iterator[str]:
    what = f"{page.kind}, {page.domain}" + (f", {page.stack}" if page.kind == "stack" else "")
    name = f"{page.title}  {page.id}" if page.kind == "check" else page.title
    yield f"{paint.strong(visible(name))}  {paint.faint(what)}"
    for line in (page.summary if whole else _opening(page.summary)).split("\n"):
        yield f"  {wrapped(visible(line), columns, '  ')}".rstrip()


def _opening(text: str) -> str:
    """The first sentences of a text."""
    first = text.partition("\n")[0]
    while len(first) > _OPENING and ". " in first:
        first = first.rpartition(". ")[0] + "."
    return first


def _advice(page: Page, paint: Palette, columns: int, limit: int | None) -> Iterator[str]:
    for label, lines, color in (("Do   ", page.do, paint.good), ("Don’t", page.dont, paint.error)):
        for line in lines[:limit]:
            yield f"  {color(label)}  {wrapped(visible(line), columns, ' ' * 9)}"
