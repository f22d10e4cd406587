"""``qgate fix``. In: paths. Out: the files, mended where a finding carries a safe edit, or the edits as a diff."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from qualitygate.cli import CLOSED, FAILED, OPEN
from qualitygate.cli.shared import (
    config_options,
    configured,
    emit,
    installed,
    listed,
    run,
    scan_options,
    selection_options,
)
from qualitygate.report.display import visible

_EPILOG = """\b
Examples:
  qgate fix --diff                 show what would change, with secrets masked
  qgate fix --select hardcoded-secret src

A value that stood in the code has been read: rotate it, and set the variable where the service runs.
Exit codes: 0 done, or nothing to do; 1 with --diff, where something would change; 2 a file could not be mended.
"""


@click.command("fix", epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATHS]...")
@click.option("--diff", is_flag=True, help="Show the edits and write nothing.")
@selection_options
@config_options
@scan_options
def command(
    paths: tuple[Path, ...],
    diff: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    min_confidence: str | None,
    exclude: tuple[str, ...],
    config_file: Path | None,
    isolated: bool,
    jobs: int,
    no_cache: bool,
) -> int:
    """Mend findings that carry a safe edit.

    Only edits that keep what the code means are made; everything else of a file stays byte for byte. Where a file
    cannot be mended for sure it is left alone, and the reason told.
    """
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
        },
    )
    from qualitygate.mend import mended, unmendable, write
    from qualitygate.parse.rewrite import edited
    from qualitygate.report.redact import Redactor
    from qualitygate.run import scan

    report = run(scan, checks, configuration.policy, paths, use_cache=not no_cache, jobs=jobs)
    redactor = Redactor.of(report)
    files = places = failed = 0
    for one in mended(report):
        shown = visible(one.path)
        if one.refused:
            emit(f"{shown}: left alone, {one.refused}\n")
            failed += 1
            continue
        if diff:
            masked = one.text.of("\n".join(redactor.line(one.path, n + 1) for n in range(len(one.text.line_starts))))
            after = edited(masked, one.edits).splitlines()
            lines = difflib.unified_diff(masked.content.splitlines(), after, f"a/{shown}", f"b/{shown}", lineterm="")
            emit("".join(f"{visible(line)}\n" for line in lines))
        else:
            try:
                write(report, one)
            except OSError as error:
                emit(f"{shown}: left alone, {error.strerror or error}\n")
                failed += 1
                continue
            emit(f"{shown}: {one.count} mended\n")
        files += 1
        places += one.count
    done = "would be mended" if diff else "mended"
    left = len(unmendable(report))
    emit(
        f"{places} place{'' if places == 1 else 's'} {done} in {files} file{'' if files == 1 else 's'}; {left} finding{'' if left == 1 else 's'} left for a person (`qgate scan` shows them)\n"
    )
    if failed:
        return FAILED
    return CLOSED if diff and places else OPEN
