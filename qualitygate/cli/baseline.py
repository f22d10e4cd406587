"""``qgate baseline``. In: a path. Out: the file of known findings, written, compared with the code, or shrunk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qualitygate.cli import CLOSED, OPEN
from qualitygate.cli.shared import Failure, config_options, configured, emit, installed, run, scan_options
from qualitygate.configure import shown_path
from qualitygate.model.finding import Status
from qualitygate.model.policy import Policy
from qualitygate.model.verdict import Report
from qualitygate.report.display import visible
from qualitygate.suppress import BASELINE, BaselineError, update_baseline, write_baseline

Function = TypeVar("Function", bound=Callable[..., Any])

_EPILOG = """\b
Examples:
  qgate baseline write        accept what stands today; commit the file
  qgate scan                  only what is new counts from now on
  qgate baseline update       after mending: drop what is gone
  qgate baseline check        in CI: fail while entries stand for nothing
"""


@click.group("baseline", epilog=_EPILOG)
def command() -> None:
    """Write, check or update the list of known findings.

    A finding in the baseline is shown as a count and does not close the gate. Entries hold no line, so that edits do
    not age them, and the list only ever shrinks.
    """


def _options(function: Function) -> Function:
    """The options of all three: where the code is, where the baseline is, and how to read."""
    for option in (
        scan_options,
        config_options,
        click.option(
            "--baseline",
            "baseline_file",
            type=click.Path(),
            metavar="FILE",
            help="The baseline file.  [default: .qgate/baseline.json beside the configuration or in the root]",
        ),
        click.argument("path", type=click.Path(path_type=Path), default="."),
    ):
        function = option(function)
    return function


@command.command(
    "write",
    epilog="\b\nExamples:\n  qgate baseline write\n  qgate baseline write --force            anew, also where it grows\n  qgate baseline write services/orders --baseline orders.json",
    short_help="Accept the findings of today.",
)
@_options
@click.option("--force", is_flag=True, help="Replace a baseline that is there; it may grow.")
def write(
    path: Path,
    baseline_file: str | None,
    config_file: Path | None,
    isolated: bool,
    jobs: int,
    no_cache: bool,
    force: bool,
) -> int:
    """Write all findings of today, except those answered in the code."""
    policy, report = _scan(path, baseline_file, config_file, isolated, jobs, no_cache, known=False)
    target = _target(policy, report)
    if target.exists() and not force:
        raise Failure(f"error: {shown_path(target)} exists; `qgate baseline update` shrinks it, --force replaces it")
    try:
        count = write_baseline(report, target)
    except OSError as error:
        raise Failure(f"error: {shown_path(target)}: {error.strerror or error}") from None
    emit(f"{count} known findings written to {visible(shown_path(target))}\n")
    return OPEN


@command.command(
    "check",
    epilog="\b\nExamples:\n  qgate baseline check            in CI: exit code 1 while an entry stands for nothing",
    short_help="Name entries that stand for nothing.",
)
@_options
def check(
    path: Path, baseline_file: str | None, config_file: Path | None, isolated: bool, jobs: int, no_cache: bool
) -> int:
    """Compare the baseline with the code: exit code 1 where an entry stands for nothing any more."""
    policy, report = _scan(path, baseline_file, config_file, isolated, jobs, no_cache, known=True)
    target = _existing(policy, report)
    known = sum(finding.status is Status.BASELINED for finding in report.findings)
    new = sum(finding.status is Status.ACTIVE for finding in report.findings)
    lines = [f"gone: {visible(entry)}" for entry in report.stale_baseline]
    counts = f"{known} known, {len(report.stale_baseline)} gone, {new} not in the baseline"
    emit("\n".join([*lines, f"{visible(shown_path(target))}: {counts}", ""]))
    return CLOSED if report.stale_baseline else OPEN


@command.command(
    "update",
    epilog="\b\nExamples:\n  qgate baseline update && git diff .qgate/baseline.json",
    short_help="Drop entries that stand for nothing.",
)
@_options
def update(
    path: Path, baseline_file: str | None, config_file: Path | None, isolated: bool, jobs: int, no_cache: bool
) -> int:
    """Drop the entries that stand for nothing any more. Nothing is ever added."""
    policy, report = _scan(path, baseline_file, config_file, isolated, jobs, no_cache, known=True)
    target = _existing(policy, report)
    try:
        count = update_baseline(report, target)
    except BaselineError as error:
        raise Failure(f"error: {error}") from None
    except OSError as error:
        raise Failure(f"error: {shown_path(target)}: {error.strerror or error}") from None
    lines = [f"dropped: {visible(entry)}" for entry in report.stale_baseline]
    emit("\n".join([*lines, f"{visible(shown_path(target))}: {count} dropped", ""]))
    return OPEN


def _scan(
    path: Path,
    baseline_file: str | None,
    config_file: Path | None,
    isolated: bool,
    jobs: int,
    no_cache: bool,
    *,
    known: bool,
) -> tuple[Policy, Report]:
    """The policy, and a report against the baseline (``known``) or without one."""
    from qualitygate.run import scan

    checks = installed()
    policy = configured(
        checks, (path,), config_file=config_file, isolated=isolated, arguments={"baseline": baseline_file}
    ).policy
    # A baseline that is about to be written need not be there yet.
    used = policy if known else dataclasses.replace(policy, baseline="")
    return policy, run(scan, checks, used, (path,), use_cache=not no_cache, jobs=jobs)


def _target(policy: Policy, report: Report) -> Path:
    return Path(policy.baseline) if policy.baseline else (policy.directory or report.root) / BASELINE


def _existing(policy: Policy, report: Report) -> Path:
    target = _target(policy, report)
    if not target.exists():
        raise Failure(f"error: {shown_path(target)} does not exist; `qgate baseline write` makes it")
    return target
