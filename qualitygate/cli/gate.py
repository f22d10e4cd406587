"""``qgate gate``. In: evidence that was stored. Out: the gate alone, in the formats asked for, and its exit code."""

from __future__ import annotations

from pathlib import Path

import click

from qualitygate.cli.output import deliver, exit_zero_option, output_options, printed
from qualitygate.cli.shared import Failure, config_options, configured, evidence_option, installed
from qualitygate.model.policy import EvidenceSource
from qualitygate.report.formats import FORMATS
from qualitygate.report.text import Style

_FORMATS = "\n".join(f"  {name:<10}  {what}" for name, what in FORMATS.items())
_EPILOG = f"""\b
Formats:
{_FORMATS}

\b
Examples:
  qgate scan -o json=out/qgate.json --exit-zero      # in one job
  qgate gate --evidence out/qgate.json --evidence k6=out/summary.json
  qgate gate -v --format json

What the code proves is known from a JSON report of `qgate scan` among the evidence; without one, the rows on findings
have no data. Exit codes: 0 gate open, 1 gate closed, 2 wrong usage or configuration, 4 required evidence is missing,
too old or too weak.
"""


@click.command("gate", epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
@output_options
@evidence_option
@config_options
@exit_zero_option
@click.option("--verbose", "-v", is_flag=True, help="Show every row, with what it rests on.")
def command(
    path: Path,
    stdout: str | None,
    outputs: tuple[tuple[str, str], ...],
    evidence: tuple[EvidenceSource, ...],
    config_file: Path | None,
    isolated: bool,
    exit_zero: bool,
    verbose: bool,
) -> int:
    """Judge stored evidence, without a scan.

    The evidence is what the configuration for PATH (the current folder) names and what --evidence adds.
    """
    shown = printed(stdout, outputs)
    checks = installed()
    configuration = configured(checks, (path,), config_file=config_file, isolated=isolated)
    from qualitygate.run import InputError, Request, gate

    try:
        report = gate(Request((path,), configuration.policy, evidence=evidence))
    except InputError as error:
        raise Failure(f"error: {error}") from None
    style = Style(verbose=verbose, quiet=True)
    return deliver(report, checks.checks, configuration.policy, outputs, shown, style, exit_zero)
