"""``qgate inventory``. In: a path. Out: the architecture that the code there really has, without judging it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from qualitygate import __version__
from qualitygate.cli.shared import config_options, configured, emit, installed, run, scan_options, wants_color


@click.command(
    "inventory",
    epilog="\b\nExamples:\n  qgate inventory\n  qgate inventory --format json | jq -r '.routes[] | \"\\(.method) \\(.path)\"'",
)
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@config_options
@scan_options
def command(path: Path, form: str, config_file: Path | None, isolated: bool, jobs: int, no_cache: bool) -> int:
    """Show the architecture that the code really has.

    Routes with their full paths, operations of the contract, tables after all migrations, connections and calls to
    other systems, tasks, queues, caches, and what could not be followed. Nothing is judged.
    """
    checks = installed()
    policy = configured(checks, (path,), config_file=config_file, isolated=isolated).policy
    from qualitygate.report.inventory import render_json, render_text
    from qualitygate.run import survey

    project = run(survey, checks, policy, (path,), use_cache=not no_cache, jobs=jobs)
    if form == "json":
        emit(render_json(project, Path(os.path.abspath(path)), __version__))
    else:
        emit(render_text(project, color=wants_color(sys.stdout)))
    return 0
