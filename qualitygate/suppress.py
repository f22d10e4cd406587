"""In: findings and the answers given to them in the code. Out: the findings with their status."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from qualitygate.model.facts import Directive, FileFacts
from qualitygate.model.finding import Finding, Status
from qualitygate.model.project import Project


def suppress(findings: Iterable[Finding], project: Project) -> tuple[Finding, ...]:
    """Mark the findings that an inline answer with a reason speaks of."""
    files = {file.path: file for file in project.files}
    return tuple(_answered(finding, files.get(finding.path)) for finding in findings)


def _answered(finding: Finding, file: FileFacts | None) -> Finding:
    for directive in file.directives if file is not None else ():
        if finding.check in directive.checks and directive.reason and _speaks_of(directive, finding):
            return msgspec.structs.replace(finding, status=Status.SUPPRESSED, answer=directive.reason)
    return finding


def _speaks_of(directive: Directive, finding: Finding) -> bool:
    line = directive.span.line
    return finding.span.line == (line + 1 if directive.alone else line)
