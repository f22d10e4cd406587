"""For authors of checks. In: a check and an example. Out: the lines that it flags, through the real pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from qualitygate.analyse import analyse
from qualitygate.analyse.base import attach_base
from qualitygate.authoring import Check, Example
from qualitygate.check import run_checks
from qualitygate.discover import Layout, language_of
from qualitygate.load import load
from qualitygate.model.finding import Finding
from qualitygate.model.policy import Policy
from qualitygate.model.source import SourceFile
from qualitygate.suppress import apply_answers


def findings_of(check: Check, example: Example) -> tuple[Finding, ...]:
    """The findings of ``check`` on ``example``. Raises ``AssertionError`` where the check crashes or a file is unread.

    A check that audits answers is tried beside all installed ones, since they are what is answered.
    """
    files = _files(example.sources())
    others = [other for other in load().checks if not other.audits] if check.audits else []
    project = analyse(files, [*others, check], {})
    if example.base is not None:
        before = _files(example.base_sources())
        project = attach_base(project, files, analyse(before, [*others, check], {}), before)
    if project.unread:
        raise AssertionError(f"{check.id}: the example cannot be read: {project.unread}")
    if check.audits:
        findings = [finding for run in run_checks(project, others, Policy()) for finding in run.findings]
        ids = frozenset(other.id for other in others)
        _, answers = apply_answers(findings, project, ran=ids, known=ids | {check.id}, today=date.today())
        project = msgspec.structs.replace(project, answers=answers)
    (run,) = run_checks(project, [check], Policy())
    if run.error:
        raise AssertionError(f"{check.id} crashed: {run.error}")
    return run.findings


def _files(sources: Mapping[str, bytes]) -> list[SourceFile]:
    layout = Layout.of(sources)
    return [
        SourceFile(Path("/example"), path, language_of(path, content), layout.role(path), content)
        for path, content in sorted(sources.items())
    ]


def flagged_by(check: Check, example: Example) -> frozenset[tuple[str, int]]:
    """Path and line of every finding of ``check`` on ``example``, to be compared with ``example.flagged``."""
    return frozenset((finding.path, finding.span.line) for finding in findings_of(check, example))
