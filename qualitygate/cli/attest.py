"""``qgate attest``. In: a row of the gate. Out: the entry that states it; or all statements with their standing, or exported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import click

from qualitygate import __version__
from qualitygate.cli import CLOSED, OPEN
from qualitygate.cli.shared import Failure, config_options, configured, emit, installed, start, wants_color
from qualitygate.configure import shown_path, suggest
from qualitygate.evidence.attestations import LONGEST, read_attestations
from qualitygate.model.evidence import ATTESTATIONS, Attestation, Unusable
from qualitygate.model.policy import SOON, Condition, Policy
from qualitygate.report.display import Palette, pad, visible, width

# A new entry proposes this many days: a quarter.
_PROPOSED = 90
FORMATS = ("text", "cyclonedx")

_EPILOG = """\b
Examples:
  qgate attest availability >> .qgate/attestations.toml     a draft: fill it in, have it reviewed, commit it
  qgate attest                                              what is stated, until when, and what is wrong
  qgate attest --format cyclonedx > declarations.json       for auditors: CycloneDX 1.6 declarations

\b
A statement counts where its condition takes statements and nothing was measured, and only with evidence, with a
reviewer who is not its author, and up to its last day.
"""


@click.command("attest", epilog=_EPILOG)
@click.argument("condition", required=False)
@click.option(
    "--path", type=click.Path(path_type=Path, exists=True), default=".", help="The repository.  [default: this folder]"
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@config_options
def command(condition: str | None, path: Path, form: str, config_file: Path | None, isolated: bool) -> int:
    """State what no tool shows, with evidence, a reviewer and an end.

    With CONDITION, a row of the gate, the entry for .qgate/attestations.toml is printed. Without it, the statements that
    are there: exit code 1 where one does not count.
    """
    policy = configured(installed(), (path,), config_file=config_file, isolated=isolated).policy
    conditions = {one.id: one for one in policy.conditions}
    if condition is not None:
        if form != "text":
            raise click.UsageError("--format is for the statements that are there: leave CONDITION out")
        emit(_draft(_known(condition, conditions), date.today()))
        return OPEN
    root = policy.directory or start((path,))
    file = root / ATTESTATIONS
    found = read_attestations(file, root, date.today())
    if form == "cyclonedx":
        return _export(found, conditions, root)
    if not found:
        emit(f"{visible(shown_path(file))}: no statements; `qgate attest CONDITION` drafts one\n")
        return OPEN
    return _list(found, policy, file, date.today())


def _known(name: str, conditions: dict[str, Condition]) -> Condition:
    """The condition with this name, where it takes statements."""
    if name not in conditions:
        raise Failure(f"error: no condition {name!r}{suggest(name, conditions)}")
    if not conditions[name].attest:
        raise Failure(f"error: {name} takes no statement: it is shown by a tool (`attest = true` of the condition)")
    return conditions[name]


def _draft(condition: Condition, today: date) -> str:
    """An entry to be filled in. What is left empty in it is told as a fault, so that a draft never counts."""
    lines = ["[[attestation]]", f'condition = "{condition.id}"']
    if condition.bound is not None:
        unit = f" {condition.bound.unit}" if condition.bound.unit else ""
        lines.append(f"# value =              # the number{unit}; {condition.bound.text} is asked for")
    lines += [
        'statement = ""         # what was tried or counted, when, and with what result',
        'evidence = []          # [{ url = "https://...", sha256 = "..." }] or [{ path = "docs/drill.md" }]',
        'author = ""',
        'reviewer = ""          # somebody else',
        f"issued = {today}",
        f"expires = {today + timedelta(days=_PROPOSED)}   # at most {LONGEST} days later",
    ]
    return visible_lines(lines)


def visible_lines(lines: Sequence[str]) -> str:
    """Lines as a terminal may show them."""
    return "".join(f"{visible(line)}\n" for line in lines)


def _list(found: Sequence[Attestation | Unusable], policy: Policy, file: Path, today: date) -> int:
    paint = Palette(wants_color(sys.stdout))
    rows = [_row(one, policy, today) for one in found]
    columns = [max(width(visible(row[number])) for row in rows) for number in (1, 2)]
    lines = [paint.strong(visible(shown_path(file)))]
    for mark, name, value, told in rows:
        color = {"ok": paint.good, "!": paint.warning}.get(mark, paint.error)
        cells = (pad(visible(name), columns[0]), pad(visible(value), columns[1]), visible(told))
        lines.append(f"  {color(pad(mark, 2))} {'  '.join(cells)}".rstrip())
    emit("\n".join(lines) + "\n")
    return CLOSED if any(row[0] == "x" for row in rows) else OPEN


def _row(one: Attestation | Unusable, policy: Policy, today: date) -> tuple[str, str, str, str]:
    """Mark, name, value and standing of one statement."""
    if isinstance(one, Unusable):
        return "x", one.path, "", one.reason
    value = "" if one.value is None else f"{one.value:g}"
    condition = next((row for row in policy.conditions if row.id == one.condition), None)
    faults = list(one.faults)
    if condition is None:
        faults.append(f"the gate has no condition {one.condition!r}")
    elif not condition.attest:
        faults.append("its condition takes no statement")
    elif condition.bound is not None and one.value is None:
        faults.append(f"it has no value, where {condition.bound.text} is asked for")
    if faults:
        return "x", one.condition, value, f"does not count: {'; '.join(faults)} (line {one.line})"
    left = one.days_left(today)
    if left < 0:
        return "x", one.condition, value, f"expired on {one.expires} (line {one.line})"
    days = "today" if left == 0 else f"in {left} day{'s' if left > 1 else ''}"
    told = f"until {one.expires}, reviewed by {one.reviewer}"
    return ("!", one.condition, value, f"{told}: ends {days}") if left <= SOON else ("ok", one.condition, value, told)


def _export(found: Sequence[Attestation | Unusable], conditions: dict[str, Condition], root: Path) -> int:
    """Write what can count; the rest is told on standard error, and the exit code is 1."""
    from qualitygate.evidence.cyclonedx import document
    from qualitygate.report.json import encoded

    whole = [one for one in found if isinstance(one, Attestation) and not one.faults]
    for one in found:
        if isinstance(one, Unusable):
            click.echo(f"qgate: left out: {visible(f'{one.path}: {one.reason}')}", err=True)
        elif one.faults:
            click.echo(f"qgate: left out: {visible(f'{one.path}:{one.line}: {one.faults[0]}')}", err=True)
    emit(encoded(document(whole, conditions, root.resolve().name, __version__)))
    return OPEN if len(whole) == len(found) else CLOSED
