"""``qgate rule ID``. In: the id of a check. Out: its whole documentation, offline."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from qualitygate.authoring import Check, Example
from qualitygate.cli.rules import described, plain
from qualitygate.cli.shared import Failure, emit, installed, terminal_width, wants_color
from qualitygate.configure import option_fields, suggest, type_words
from qualitygate.report.display import Palette, visible, wrapped
from qualitygate.report.page import page

_WIDEST = 100


@click.command(
    "rule", epilog="\b\nExamples:\n  qgate rule missing-pagination\n  qgate rule hardcoded-secret --format json"
)
@click.argument("check_id", metavar="ID")
@click.option("--format", "form", type=click.Choice(("text", "markdown", "json")), default="text", show_default=True)
def command(check_id: str, form: str) -> int:
    """Show the whole documentation of a check: what it flags, why, how to mend it, options and examples."""
    by_id = {check.id: check for check in installed().checks}
    check = by_id.get(check_id)
    if check is None:
        raise Failure(f"error: unknown check {check_id!r}{suggest(check_id, by_id) or '; `qgate rules` lists them'}")
    if form == "json":
        from qualitygate.report.json import encoded

        emit(encoded({"schema_version": 1, **described(check)}))
    elif form == "markdown":
        from qualitygate.report.page import markdown

        emit(markdown(check))
    else:
        columns = min(_WIDEST, terminal_width(sys.stdout) or _WIDEST)
        emit("\n".join(_page(check, Palette(wants_color(sys.stdout)), columns)) + "\n")
    return 0


def _page(check: Check, paint: Palette, columns: int) -> Iterator[str]:
    colors = {"error": paint.error, "warning": paint.warning, "note": paint.note}
    severity = colors[check.severity.value](check.severity.value)
    yield f"{paint.strong(check.id)}  {severity}, {check.confidence.value} confidence, {check.domain.value}"
    yield wrapped(f"{visible(check.title)}.", columns, "")
    for heading, text in page(check).sections:
        yield ""
        yield paint.strong(heading)
        for line in text.split("\n"):
            yield f"  {wrapped(visible(line), columns, '  ')}" if line else ""
    yield ""
    yield f"{paint.good('Do')}     {wrapped(visible(check.do), columns, ' ' * 7)}"
    yield f"{paint.error('Don’t')}  {wrapped(visible(check.dont), columns, ' ' * 7)}"
    fields = option_fields(check)
    if fields:
        yield ""
        yield f"{paint.strong('Options')}  in [checks.{check.id}] of qgate.toml, or [tool.qgate.checks.{check.id}]"
        for name, hint, default in fields:
            strict = getattr(check.strict, name, default)
            more = f", {written(strict)} in the preset `strict`" if strict != default else ""
            yield f"  {name.replace('_', '-')} = {written(default)}  {paint.faint(type_words(hint) + more)}"
    for label, values in (("Tags", check.tags), ("Gates", check.gates)):
        if values:
            yield ""
            yield f"{paint.strong(label)}  {visible(', '.join(values))}"
    for label, examples, color in (("Flagged", check.bad, paint.error), ("Not flagged", check.good, paint.good)):
        for example in examples:
            yield ""
            title = f": {visible(example.title)}" if example.title else ""
            yield f"{color(label)}{title}"
            yield from _example(example, paint)


def _example(example: Example, paint: Palette) -> Iterator[str]:
    flagged = example.flagged
    for path, content in example.base_sources().items():
        yield f"  {paint.faint(f'{path} before the change')}"
        yield from (f"    {visible(line.expandtabs(4))}".rstrip() for line in content.decode().rstrip("\n").split("\n"))
    for path, content in example.sources().items():
        yield f"  {paint.faint(path)}"
        for number, line in enumerate(content.decode().rstrip("\n").split("\n"), start=1):
            mark = paint.error(">") if (path, number) in flagged else " "
            yield f"  {mark} {visible(line.expandtabs(4))}".rstrip()


def written(value: object) -> str:
    """A value as TOML writes it; an option without a value as ``unset``."""
    simple = plain(value)
    if simple is None:
        return "unset"
    if isinstance(simple, bool):
        return "true" if simple else "false"
    if isinstance(simple, str):
        import json

        return json.dumps(simple, ensure_ascii=False)
    if isinstance(simple, (list, tuple)):
        return f"[{', '.join(written(item) for item in simple)}]"
    if isinstance(simple, dict):
        return f"{{{', '.join(f'{key} = {written(item)}' for key, item in simple.items())}}}"
    return str(simple)
