"""``qgate evidence``. In: files of measurements or of other scanners' results. Out: what they are understood to say."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from qualitygate import __version__
from qualitygate.cli import FAILED, OPEN
from qualitygate.cli.shared import emit, wants_color


@click.group(
    "evidence",
    epilog="\b\nExamples:\n  qgate evidence check k6.json\n  qgate evidence check out/*.jtl trivy.json --format json",
)
def command() -> None:
    """Look at files of evidence: load tests, benchmarks, results of other scanners."""


@command.command(
    "check",
    epilog="""\b
Read by their content, whatever their name, packed by gzip or not:
  k6           --summary-export, handleSummary, the machine-readable summary, --out json, --out csv
  Locust       --json-file, --csv (statistics and history)
  JMeter       JTL as CSV or XML, statistics.json
  vegeta       report -type=json, encode --to=csv
  oha, autocannon, hey, wrk, wrk2, ab
  Gatling      stats.json or global_stats.json (up to 3.13.4)
  pytest-benchmark
  Prometheus   answers to a query or a range query, with --metric and --unit
  SARIF of any scanner, pip-audit, Trivy; a JSON report of qgate

\b
Examples:
  qgate evidence check k6.json
  qgate evidence check out/*.jtl trivy.json --format json
  qgate evidence check p95.json --metric http.latency.p95 --unit s

Exit codes: 0 all were understood, 2 one was not.
""",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--kind", default="", metavar="TOOL", help="The tool that has to have written them, such as k6.")
@click.option("--metric", default="", metavar="NAME", help="What an answer of Prometheus holds: http.latency.p95.")
@click.option("--unit", default="", metavar="UNIT", help="The unit of its numbers: s, ms, ratio, %, rps.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Every number of every endpoint, every result.")
def check(files: tuple[Path, ...], kind: str, metric: str, unit: str, form: str, verbose: bool) -> int:
    """Show what files of evidence are understood to say, and what not. Nothing is judged."""
    from qualitygate.evidence import read_evidence
    from qualitygate.model.evidence import Unusable
    from qualitygate.report.evidence import render_json, render_text

    found = [one for file in files for one in read_evidence(file, Path.cwd(), kind=kind, metric=metric, unit=unit)]
    if form == "json":
        emit(render_json(found, __version__))
    else:
        emit(render_text(found, verbose=verbose, color=wants_color(sys.stdout)))
    return FAILED if any(isinstance(one, Unusable) for one in found) else OPEN
