"""For authors of checks. In: a check and an example. Out: the lines that it flags, through the real pipeline."""

from __future__ import annotations

from pathlib import Path

from qualitygate.analyse import analyse
from qualitygate.authoring import Check, Example
from qualitygate.check import run_checks
from qualitygate.discover import Layout, language_of
from qualitygate.model.finding import Finding
from qualitygate.model.source import SourceFile


def findings_of(check: Check, example: Example) -> tuple[Finding, ...]:
    """The findings of ``check`` on ``example``. Raises ``AssertionError`` where the check crashes or a file is unread."""
    sources = sorted(example.sources().items())
    layout = Layout.of(path for path, _ in sources)
    files = [
        SourceFile(Path("/example"), path, language_of(path, content), layout.role(path), content)
        for path, content in sources
    ]
    project = analyse(files, [check], {})
    if project.unread:
        raise AssertionError(f"{check.id}: the example cannot be read: {project.unread}")
    (run,) = run_checks(project, [check], {})
    if run.error:
        raise AssertionError(f"{check.id} crashed: {run.error}")
    return run.findings


def flagged_by(check: Check, example: Example) -> frozenset[tuple[str, int]]:
    """Path and line of every finding of ``check`` on ``example``, to be compared with ``example.flagged``."""
    return frozenset((finding.path, finding.span.line) for finding in findings_of(check, example))
