"""``qgate scan``. In: paths and options. Out: findings in the formats asked for, and the gate as exit code."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from qualitygate.cli import CLOSED, NO_EVIDENCE, OPEN
from qualitygate.cli.shared import (
    append_file,
    config_options,
    configured,
    emit,
    installed,
    knows_links,
    listed,
    run,
    scan_options,
    selection_options,
    terminal_width,
    wants_color,
    write_file,
)
from qualitygate.configure import suggest
from qualitygate.report.formats import FORMATS, rendered
from qualitygate.report.text import Style

STDOUT = "-"

_FORMATS = "\n".join(f"  {name:<10}  {what}" for name, what in FORMATS.items())
_EPILOG = f"""\b
Formats:
{_FORMATS}

\b
Examples:
  qgate scan
  qgate scan --select api,hardcoded-secret
  qgate scan --format json | jq '.findings[].check'
  qgate scan -o sarif=out.sarif -o junit=out.xml
  qgate scan --baseline .qgate/baseline.json --statistics
  qgate scan --base origin/main
  qgate scan --select hardcoded-secret --history

Exit codes, the same in every format: 0 gate open, 1 gate closed, 2 wrong usage or configuration or an internal error, 3
nothing to scan, 4 required evidence is missing.
"""


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


def _history(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value is not None and Path(value).exists():
        raise click.BadParameter(f"{value!r} is a path; write the paths first, or `--history=REV..`")
    return value or ""


@click.command("scan", epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATHS]...")
@click.option(
    "--format",
    "stdout",
    type=click.Choice(tuple(FORMATS)),
    metavar="FORMAT",
    help="What to print: one of those below.  [default: text]",
)
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    callback=_outputs,
    shell_complete=_forms,
    metavar="FORMAT=FILE",
    help="Write a format to a file too (`-` is standard output). Repeatable.",
)
@selection_options
@click.option("--baseline", type=click.Path(), metavar="FILE", help="Known findings, which do not count.")
@click.option(
    "--base",
    metavar="REV",
    help="Compare with the commit where HEAD parted from this revision: what it has too is not new. `auto`: the one that "
    "a pull request is to be merged into.",
)
@click.option(
    "--history",
    is_flag=False,
    flag_value="HEAD",
    metavar="[=REV..]",
    callback=_history,
    help="Search the commits for secrets too: those of HEAD, or of a range (`--history=v1.0..`).",
)
@click.option("--staged", is_flag=True, help="Read the staged content, exactly as in git's index.")
@config_options
@scan_options
@click.option(
    "--exit-zero", is_flag=True, help="Exit with 0 where the gate is closed or undecided for lack of evidence."
)
@click.option("--all", "-a", "everything", is_flag=True, help="With a base: show what stood there too.")
@click.option("--statistics", is_flag=True, help="Add the number of findings of each check.")
@click.option("--verbose", "-v", is_flag=True, help="Add what was examined, suppressed and unread.")
@click.option("--quiet", "-q", is_flag=True, help="Print the gate alone.")
def command(
    paths: tuple[Path, ...],
    stdout: str | None,
    outputs: tuple[tuple[str, str], ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    min_confidence: str | None,
    exclude: tuple[str, ...],
    baseline: str | None,
    base: str | None,
    history: str,
    staged: bool,
    config_file: Path | None,
    isolated: bool,
    jobs: int,
    no_cache: bool,
    exit_zero: bool,
    everything: bool,
    statistics: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Scan a repository and say whether it may go out.

    PATHS are folders and files; without any, the current folder. One folder is the root that all reported paths are
    relative to.
    """
    printed = _printed(stdout, outputs)
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other")
    if base and history:
        raise click.UsageError(f"--base and --history exclude each other; `--history={base}..` searches what it adds")
    checks = installed()
    configuration = configured(
        checks,
        paths,
        config_file=config_file,
        isolated=isolated,
        arguments={
            "select": listed(select),
            "ignore": listed(ignore),
            "min-confidence": min_confidence,
            "exclude": exclude or None,
            "baseline": baseline,
            "base": base,
        },
    )
    from qualitygate.run import scan

    policy = configuration.policy
    report = run(
        scan, checks, policy, paths, staged=staged, base=policy.base, history=history, use_cache=not no_cache, jobs=jobs
    )
    severities = policy.severities
    described = [dataclasses.replace(one, severity=severities.get(one.id, one.severity)) for one in checks.checks]
    for name, target in outputs:
        if target != STDOUT:
            write_file(
                Path(target),
                rendered(report, described, name, Style(statistics=statistics, verbose=verbose, everything=everything)),
            )
    if printed == "text":
        style = Style(
            width=terminal_width(sys.stdout),
            color=wants_color(sys.stdout),
            here=Path.cwd(),
            verbose=verbose,
            quiet=quiet,
            statistics=statistics,
            everything=everything,
            links=knows_links(sys.stdout),
        )
        emit(rendered(report, described, printed, style).decode())
    else:
        emit(rendered(report, described, printed, Style()))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and "github" in (printed, *(name for name, _ in outputs)):
        append_file(Path(summary), rendered(report, described, "markdown", Style()))
    code = report.verdict.exit_code
    return OPEN if exit_zero and code in (CLOSED, NO_EVIDENCE) else code


def _printed(stdout: str | None, outputs: tuple[tuple[str, str], ...]) -> str:
    """The one format that goes to standard output."""
    wanted = [name for name, target in outputs if target == STDOUT]
    if len(wanted) + (stdout is not None) > 1:
        raise click.UsageError("standard output takes one format; `-o FORMAT=FILE` writes the others to files")
    return stdout or (wanted[0] if wanted else "text")
