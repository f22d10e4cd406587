"""``qgate scan``. In: paths and options. Out: findings in the formats asked for, and the gate as exit code."""

from __future__ import annotations

from pathlib import Path

import click

from qualitygate.cli.output import deliver, exit_zero_option, output_options, printed
from qualitygate.cli.shared import (
    config_options,
    configured,
    evidence_option,
    installed,
    listed,
    run,
    scan_options,
    selection_options,
)
from qualitygate.model.policy import EvidenceSource
from qualitygate.report.formats import FORMATS
from qualitygate.report.text import Style

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
  qgate scan --evidence k6=out/summary.json --evidence trivy.sarif
  qgate scan --select hardcoded-secret --history

Exit codes, the same in every format: 0 gate open, 1 gate closed, 2 wrong usage or configuration or an internal error, 3
nothing to scan, 4 required evidence is missing.
"""


def _history(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value is not None and Path(value).exists():
        raise click.BadParameter(f"{value!r} is a path; write the paths first, or `--history=REV..`")
    return value or ""


@click.command("scan", epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATHS]...")
@output_options
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
@evidence_option
@config_options
@scan_options
@exit_zero_option
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
    evidence: tuple[EvidenceSource, ...],
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
    shown = printed(stdout, outputs)
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
        scan,
        checks,
        policy,
        paths,
        staged=staged,
        base=policy.base,
        history=history,
        use_cache=not no_cache,
        jobs=jobs,
        evidence=evidence,
    )
    style = Style(verbose=verbose, quiet=quiet, statistics=statistics, everything=everything)
    return deliver(report, checks.checks, policy, outputs, shown, style, exit_zero)
