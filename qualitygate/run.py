"""What happens when you run qgate. In: a request and the installed checks. Out: a report with its verdict.

paths    -discover-> the source files, in a fixed order
         -analyse->  their facts (from the cache where they are known), linked to one project
         -check->    findings of every selected check; one that crashes does not take the others along
         -suppress-> the same findings, those answered in the code or known from the baseline marked
         -judge->    the verdict: findings, what was examined, what could not be read, against the limits
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from qualitygate import __version__
from qualitygate.analyse import analyse
from qualitygate.check import run_checks, selected
from qualitygate.discover import InputError, Tree, discover
from qualitygate.extract.cache import Cache
from qualitygate.judge import judge
from qualitygate.load import Installed
from qualitygate.model.finding import Finding
from qualitygate.model.policy import Policy
from qualitygate.model.project import Project
from qualitygate.model.source import Text
from qualitygate.model.verdict import Report
from qualitygate.parse.text import Undecodable, decode
from qualitygate.suppress import suppress

__all__ = ["InputError", "NothingToScan", "Request", "scan", "survey"]


class NothingToScan(Exception):
    """Below the paths there is no file that qgate reads; the argument is one clear line."""


@dataclass(frozen=True)
class Request:
    """What to scan and how. ``jobs`` is the number of workers, 0 to decide by the work; ``progress`` is called with the
    number of files done and of all files."""

    paths: tuple[Path, ...]
    policy: Policy
    staged: bool = False
    use_cache: bool = True
    jobs: int = 0
    progress: Callable[[int, int], None] | None = None


def scan(request: Request, installed: Installed) -> Report:
    """Run the whole flow. Raises :class:`InputError` and :class:`NothingToScan`."""
    started = time.perf_counter()
    policy = request.policy
    tree = _files(request)
    project = _project(request, tree, installed)
    runs = run_checks(project, selected(installed.checks, policy.selection), policy.options)
    findings = suppress([finding for run in runs for finding in run.findings], project)
    shown = sorted(
        (finding for finding in findings if finding.confidence.rank <= policy.min_confidence.rank), key=_order
    )
    examined = {run.check: run.examined for run in runs}
    broken = {run.check: run.error for run in runs if run.error}
    texts, contents = _texts(tree, shown)
    return Report(
        version=__version__,
        root=tree.root,
        prefix=tree.prefix,
        files=len(tree.files),
        seconds=time.perf_counter() - started,
        findings=tuple(shown),
        hidden=len(findings) - len(shown),
        examined=examined,
        broken=broken,
        unread=project.unread,
        verdict=judge(shown, examined, broken, project.unread, policy.limits),
        texts=texts,
        contents=contents,
        secrets={file.path: file.secrets for file in project.files if file.secrets},
    )


def survey(request: Request, installed: Installed) -> Project:
    """Read and link, without judging. Raises :class:`InputError` and :class:`NothingToScan`."""
    return _project(request, _files(request), installed)


def _project(request: Request, tree: Tree, installed: Installed) -> Project:
    """The linked project. All file checks run, selected or not: only they know where a secret stands in the text."""
    options = request.policy.options
    cache = Cache(f"{installed.identity}\0{sorted(options.items())!r}") if request.use_cache else None
    project = analyse(tree.files, installed.checks, options, cache=cache, jobs=request.jobs, progress=request.progress)
    unread = sorted((*tree.unread, *project.unread), key=lambda unread: (unread.path, unread.line, unread.reason))
    return msgspec.structs.replace(project, unread=tuple(unread))


def _files(request: Request) -> Tree:
    policy = request.policy
    tree = discover(
        request.paths,
        include=policy.include,
        exclude=policy.exclude,
        directory=policy.directory,
        staged=request.staged,
    )
    if not tree.files:
        raise NothingToScan(f"nothing to scan below {tree.root}: no Python, SQL, YAML, JSON or configuration file")
    return tree


def _order(finding: Finding) -> tuple[object, ...]:
    """Worst first, then surest, then by place: the same on every machine."""
    return (
        finding.severity.rank,
        finding.confidence.rank,
        finding.path,
        finding.span,
        finding.check,
        finding.fingerprint,
    )


def _texts(tree: Tree, findings: list[Finding]) -> tuple[dict[str, Text], dict[str, bytes]]:
    """Text and bytes of every file that a finding points into, for code frames and line hashes."""
    wanted = {place.path for finding in findings for place in (finding.place, *finding.places)}
    texts, contents = {}, {}
    for file in tree.files:
        if file.path in wanted:
            try:
                data = file.read()
                texts[file.path] = decode(data, file.language)
            except (OSError, Undecodable):
                continue
            contents[file.path] = data
    return texts, contents
