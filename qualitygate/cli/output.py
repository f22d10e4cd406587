"""In: a report and where it is to go. Out: it there, in the formats asked for, and the exit code. Shared by what judges."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from qualitygate.authoring import Check
from qualitygate.cli import CLOSED, NO_EVIDENCE, OPEN
from qualitygate.cli.shared import append_file, emit, knows_links, terminal_width, wants_color, write_file
from qualitygate.configure import suggest
from qualitygate.model.policy import Policy
from qualitygate.model.verdict import Report
from qualitygate.report.formats import FORMATS, rendered
from qualitygate.report.text import Style

STDOUT = "-"
Function = TypeVar("Function", bound=Callable[..., Any])


def output_options(function: Function) -> Function:
    """The options that say what is written, and where."""
    for option in (
        click.option(
            "--output",
            "-o",
            "outputs",
            multiple=True,
            callback=_outputs,
            shell_complete=_forms,
            metavar="FORMAT=FILE",
            help="Write a format to a file too (`-` is standard output). Repeatable.",
        ),
        click.option(
            "--format",
            "stdout",
            type=click.Choice(tuple(FORMATS)),
            metavar="FORMAT",
            help="What to print: one of those below.  [default: text]",
        ),
    ):
        function = option(function)
    return function


def exit_zero_option(function: Function) -> Function:
    """The option that lets a closed gate be no failure."""
    words = "Exit with 0 where the gate is closed or undecided for lack of evidence."
    return click.option("--exit-zero", is_flag=True, help=words)(function)


def _outputs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of format and file. A folder that is not there is told before the scan, not after it."""
    pairs = []
    for value in values:
        name, separator, target = value.partition("=")
        if name not in FORMATS or not separator or not target:
            raise click.BadParameter(f"{value!r} is not FORMAT=FILE{_nearest_output(value)}")
        if target != STDOUT and not Path(target).absolute().parent.is_dir():
            raise click.BadParameter(f"{target}: the folder does not exist")
        if target != STDOUT and Path(target).is_dir():
            raise click.BadParameter(f"{target} is a folder")
        pairs.append((name, target))
    return tuple(pairs)


def _nearest_output(value: str) -> str:
    """What was probably meant, or what there is."""
    name, _, target = value.partition("=")
    suffix = Path(name).suffix.lstrip(".")
    if name in FORMATS:
        return f"; say where to: `-o {name}={target or 'FILE'}`"
    if suffix in FORMATS:
        return f"; did you mean `-o {suffix}={name}`?"
    return suggest(name, FORMATS) or f" with one of the formats {', '.join(FORMATS)}"


def _forms(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell: the formats, and files behind one."""
    name, separator, target = incomplete.partition("=")
    if separator:
        return [CompletionItem(target, type="file")]
    return [CompletionItem(f"{form}=", help=what) for form, what in FORMATS.items() if form.startswith(name)]


def printed(stdout: str | None, outputs: tuple[tuple[str, str], ...]) -> str:
    """The one format that goes to standard output. Raises ``UsageError`` where there are two."""
    wanted = [name for name, target in outputs if target == STDOUT]
    if len(wanted) + (stdout is not None) > 1:
        raise click.UsageError("standard output takes one format; `-o FORMAT=FILE` writes the others to files")
    return stdout or (wanted[0] if wanted else "text")


def deliver(
    report: Report,
    checks: Sequence[Check],
    policy: Policy,
    outputs: tuple[tuple[str, str], ...],
    shown: str,
    style: Style,
    exit_zero: bool,
) -> int:
    """Write the report to the files of ``outputs`` and, in the format ``shown``, to standard output.

    ``style`` says what of it is text; how wide it is and whether in colour, the terminal does. Returns the exit code.
    """
    severities = policy.severities
    described = [dataclasses.replace(one, severity=severities.get(one.id, one.severity)) for one in checks]
    for name, target in outputs:
        if target != STDOUT:
            write_file(Path(target), rendered(report, described, name, dataclasses.replace(style, quiet=False)))
    if shown == "text":
        width, color = terminal_width(sys.stdout), wants_color(sys.stdout)
        links = knows_links(sys.stdout)
        terminal = dataclasses.replace(style, width=width, color=color, here=Path.cwd(), links=links)
        emit(rendered(report, described, shown, terminal).decode())
    else:
        emit(rendered(report, described, shown, Style()))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and "github" in (shown, *(name for name, _ in outputs)):
        append_file(Path(summary), rendered(report, described, "markdown", Style()))
    code = report.verdict.exit_code
    return OPEN if exit_zero and code in (CLOSED, NO_EVIDENCE) else code
