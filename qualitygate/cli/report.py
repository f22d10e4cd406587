"""``qgate report --architecture``. In: a path. Out: the architecture of the code there as a page of Markdown."""

from __future__ import annotations

from pathlib import Path

import click

from qualitygate.cli import FAILED, OPEN
from qualitygate.cli.shared import config_options, configured, emit, installed, run, scan_options, write_file

_EPILOG = """\b
Examples:
  qgate report --architecture
  qgate report --architecture -o docs/architecture.md
  qgate report --architecture services/orders | less

Reports of the findings are written by the scan: `qgate scan -o sarif=out.sarif`.
"""


@click.command("report", epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option(
    "--architecture", is_flag=True, help="The architecture that the code has, with its risks and open questions."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the page to a file, whose folder its links lead from.  [default: standard output, links from PATH]",
)
@config_options
@scan_options
def command(
    path: Path,
    architecture: bool,
    output: Path | None,
    config_file: Path | None,
    isolated: bool,
    jobs: int,
    no_cache: bool,
) -> int:
    """Write a report about a repository.

    The architecture report is Markdown with diagrams of Mermaid, as GitHub and GitLab draw them: services, components, API,
    data, caches, communication, access, resilience, risks, the decision records of the repository, and what code cannot
    tell as open questions. Every statement leads to its line. It judges nothing and exits with 0, or with 2 where a check broke.
    """
    if not architecture:
        raise click.UsageError(
            "say which report: `qgate report --architecture`; reports of the findings are written by `qgate scan -o FORMAT=FILE`"
        )
    if output is not None and not output.absolute().parent.is_dir():
        raise click.BadParameter(f"{output}: the folder does not exist", param_hint="'--output' / '-o'")
    checks = installed()
    policy = configured(checks, (path,), config_file=config_file, isolated=isolated).policy
    from qualitygate.report.architecture import render
    from qualitygate.run import scan

    report = run(scan, checks, policy, (path,), use_cache=not no_cache, jobs=jobs)
    page = render(
        report, checks.checks, policy.profile, output.absolute().parent if output is not None else report.root
    )
    if output is None:
        emit(page)
    else:
        write_file(output, page)
    return FAILED if report.broken else OPEN
