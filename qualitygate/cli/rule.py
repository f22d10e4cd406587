"""``qgate rule ID``. In: the id of a check. Out: its whole documentation, offline."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import log1p
from pathlib import Path

import click

from qualitygate.authoring import Check, Example
from qualitygate.cli.rules import described, plain
from qualitygate.cli.shared import Failure, check_ids, emit, installed, terminal_width, wants_color
from qualitygate.configure import option_fields, suggest, type_words
from qualitygate.report.display import Palette, visible, wrapped
from qualitygate.report.page import page

_WIDEST = 100


_EPILOG = """\b
Examples:
  qgate rule missing-pagination
  qgate rule missing-pagination --framework flask
  qgate rule hardcoded-secret --format json
"""


@click.command("rule", epilog=_EPILOG)
@click.argument("check_id", metavar="ID", shell_complete=check_ids)
@click.option(
    "--framework",
    metavar="LIBRARY",
    help="Examples that import this library first.  [default: what the repository around is made of]",
)
@click.option("--format", "form", type=click.Choice(("text", "markdown", "json")), default="text", show_default=True)
def command(check_id: str, framework: str | None, form: str) -> int:
    """Show the whole documentation of a check: what it flags, why, how to mend it, options and examples.

    Examples that fit the repository around come first: those that import what it imports. JSON keeps their order.
    """
    by_id = {check.id: check for check in installed().checks}
    check = by_id.get(check_id)
    if check is None:
        raise Failure(f"error: unknown check {check_id!r}{suggest(check_id, by_id) or '; `qgate rules` lists them'}")
    if form != "json" or framework:
        check = _ordered(check, by_id.values(), framework)
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


def _ordered(check: Check, checks: Iterable[Check], framework: str | None) -> Check:
    """The check, its examples with those first that import what the user's code imports, and little else."""
    from qualitygate.discover.libraries import imported, libraries

    used = {id(one): set(imported(one.sources())) for one in (*check.bad, *check.good)}
    # The libraries whose calls any check asks for; what else an example imports may be a module of its own.
    asked = {call.partition(".")[0] for one in checks for call in one.calls}
    if framework is None:
        around = libraries(Path())
    else:
        name = framework.lower().replace("-", "_")
        names = set().union(*used.values())
        if name not in names:
            known = sorted(names & asked)
            there = f"they use {', '.join(known)}" if known else "they use none"
            raise Failure(f"error: no example of {check.id} uses {framework!r}{suggest(name, known)}; {there}")
        around = Counter((name,))

    def distance(one: Example) -> tuple[int, float]:
        near, far = used[id(one)] & set(around), used[id(one)] & asked - set(around)
        # What a few files import says less than what all do; a library that is not there weighs as one in a score of
        # files. An example of SQL or a contract is nearer than one of another framework.
        sums = sum(log1p(around[name]) for name in near) - 3 * len(far)
        return (0 if near else 2 if far else 1), -sums / max(1, len(near) + len(far))

    return replace(check, bad=tuple(sorted(check.bad, key=distance)), good=tuple(sorted(check.good, key=distance)))


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
