"""What happens when you run qgate. In: a request and the installed checks. Out: a report with its verdict.

paths    -discover-> the source files, in a fixed order
         -analyse->  their facts (from the cache where they are known), linked to one project
         -check->    findings of every selected check; one that crashes does not take the others along
         -suppress-> the same findings, those answered in the code or known from the baseline marked
         -judge->    the verdict: findings, what was examined, what could not be read, against the limits
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from qualitygate import __version__
from qualitygate.analyse import analyse
from qualitygate.check import run_checks, selected
from qualitygate.discover import InputError, Tree, discover
from qualitygate.extract import PARSED
from qualitygate.extract.cache import Cache
from qualitygate.judge import judge
from qualitygate.link.applied import UnknownMigration, mark_applied
from qualitygate.load import Installed
from qualitygate.model.finding import Finding
from qualitygate.model.policy import Policy
from qualitygate.model.project import Project
from qualitygate.model.source import Text
from qualitygate.model.verdict import Report
from qualitygate.parse.text import Undecodable, decode
from qualitygate.suppress import BASELINE, Baseline, BaselineError, apply_answers, apply_baseline, read_baseline

__all__ = ["InputError", "NothingToScan", "Request", "scan", "survey"]


class NothingToScan(Exception):
    """Below the paths there is no file that qgate reads; the argument is one clear line."""


@dataclass(frozen=True)
class Request:
    """What to scan and how.

    ``staged`` takes the git index for the work tree. ``jobs`` is the number of workers, 0 to decide by the work;
    ``progress`` is called with the number of files done and of all files.
    """

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
    tree = _files(request, installed)
    baseline = _baseline(_baseline_path(policy, tree.root), bool(policy.baseline))
    project = _with_history(_project(request, tree, installed), policy.applied)

    checks = selected(installed.checks, policy.selection)
    runs = run_checks(project, [check for check in checks if not check.audits], policy, tree.way)
    findings, answers = apply_answers(
        [finding for run in runs for finding in run.findings],
        project,
        ran=frozenset(run.check for run in runs if not run.error),
        known=frozenset(check.id for check in installed.checks),
    )
    answered = msgspec.structs.replace(project, answers=answers)
    audits = run_checks(answered, [check for check in checks if check.audits], policy, tree.way)
    findings += tuple(finding for run in audits for finding in run.findings)
    runs += audits

    unread = tuple(one for one in project.unread if tree.judged(one.path))
    # What was not looked for, or could not be read, is not gone; a check that is installed no more finds nothing again.
    passed_over = {check.id for check in installed.checks} - {run.check for run in runs if not run.error}
    closed = {one.path for one in unread}
    findings, stale = apply_baseline(
        (finding for finding in findings if tree.judged(finding.path)),
        baseline,
        judged=lambda entry: tree.judged(entry.path) and entry.check not in passed_over and entry.path not in closed,
    )
    shown = sorted((one for one in findings if one.confidence.rank <= policy.min_confidence.rank), key=_order)
    examined = {run.check: run.examined for run in runs}
    broken = {run.check: run.error for run in runs if run.error} | _faults(project)
    contents = _contents(tree, shown)
    return Report(
        version=__version__,
        root=tree.root,
        prefix=tree.prefix,
        files=sum(tree.judged(file.path) for file in tree.files),
        seconds=time.perf_counter() - started,
        findings=tuple(shown),
        hidden=len(findings) - len(shown),
        examined=examined,
        broken=broken,
        unread=unread,
        verdict=judge(shown, examined, broken, unread, policy.limits),
        texts={path: text for path, (_, text) in contents.items()},
        secrets={file.path: file.secrets for file in project.files if file.secrets},
        contents={path: content for path, (content, _) in contents.items()},
        stale_baseline=tuple(str(entry) for entry in stale),
        stale_fingerprints=tuple(entry.fingerprint for entry in stale),
    )


def survey(request: Request, installed: Installed) -> Project:
    """Read and link, without judging. Raises :class:`InputError` and :class:`NothingToScan`."""
    return _project(request, _files(request, installed), installed)


def _files(request: Request, installed: Installed) -> Tree:
    policy = request.policy
    tree = discover(
        request.paths,
        include=policy.include,
        exclude=policy.exclude,
        directory=policy.directory,
        languages=PARSED | {language for check in installed.checks for language in check.reads},
        staged=request.staged,
    )
    # What the baseline repeats of the code is not the code.
    baseline = Path(os.path.realpath(_baseline_path(policy, tree.root)))
    tree = replace(tree, files=tuple(file for file in tree.files if tree.root / file.path != baseline))
    if not any(tree.judged(file.path) for file in tree.files):
        told = f" ({len(tree.unread)} could not be read: {tree.unread[0].reason})" if tree.unread else ""
        raise NothingToScan(f"nothing to scan in {tree.root}: no file that qgate reads{told}")
    return tree


def _project(request: Request, tree: Tree, installed: Installed) -> Project:
    """The linked project. All file checks run, selected or not: only they know where a secret stands in the text."""
    options = request.policy.options
    cache = Cache(f"{installed.identity}\0{sorted(options.items())!r}") if request.use_cache else None
    project = analyse(tree.files, installed.checks, options, cache=cache, jobs=request.jobs, progress=request.progress)
    unread = sorted((*tree.unread, *project.unread), key=lambda unread: (unread.path, unread.line, unread.reason))
    return msgspec.structs.replace(project, unread=tuple(unread))


def _with_history(project: Project, applied: Sequence[str]) -> Project:
    """The project, its migrations marked up to those that the policy calls applied."""
    try:
        return msgspec.structs.replace(project, histories=mark_applied(project.histories, applied))
    except UnknownMigration as error:
        raise InputError(f"migrations.since: no migration here is called {str(error)!r}") from None


def _faults(project: Project) -> dict[str, str]:
    """What of the engine itself broke while it read files: like a crashed check, it leaves the gate undecided."""
    faults = [f"{file.fault}, reading {file.path}" for file in project.files if file.fault]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return {"extract": faults[0] + more} if faults else {}


def _baseline_path(policy: Policy, root: Path) -> Path:
    return Path(policy.baseline) if policy.baseline else (policy.directory or root) / BASELINE


def _baseline(path: Path, asked_for: bool) -> Baseline:
    """The baseline in force; one that was asked for by name must be there."""
    if not asked_for and not path.exists():
        return Baseline(1, ())
    try:
        return read_baseline(path)
    except BaselineError as error:
        raise InputError(str(error)) from None


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


def _contents(tree: Tree, findings: Sequence[Finding]) -> dict[str, tuple[bytes, Text]]:
    """Bytes and text of every file that a finding points into, for code frames and line hashes."""
    wanted = {place.path for finding in findings for place in (finding.place, *finding.places)}
    contents = {}
    for file in tree.files:
        if file.path in wanted:
            try:
                content = file.read()
                contents[file.path] = (content, decode(content, file.language))
            except (OSError, Undecodable):
                continue  # it changed since: the finding is shown without its code
    return contents
