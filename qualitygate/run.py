"""What happens when you run qgate. In: a request and the installed checks. Out: a report with its verdict.

paths    -discover-> the source files, in a fixed order
         -analyse->  their facts (from the cache where they are known), linked to one project; with a base to compare
                     with, those of its commit as well
         -check->    findings of every selected check; one that crashes does not take the others along
         -suppress-> the same findings, those answered in the code or known from the baseline marked
         -compare->  the same findings, each new, changed or unchanged, where there is a base
         -judge->    the verdict: findings, what was examined, what could not be read, and the evidence that is given,
                     against the conditions of the policy
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import msgspec

from qualitygate import __version__
from qualitygate.analyse import analyse, unchanged
from qualitygate.analyse.base import attach_base
from qualitygate.check import findings as findings_of
from qualitygate.check import run_checks, selected
from qualitygate.compare import Side, compare
from qualitygate.discover import Filters, InputError, Layout, Tree, discover, discover_commit
from qualitygate.discover.contents import Contents
from qualitygate.discover.history import versions
from qualitygate.discover.revision import find_base
from qualitygate.discover.since import head
from qualitygate.extract import MAX_BYTES, PARSED, judge_text
from qualitygate.extract.cache import Cache
from qualitygate.globs import matcher
from qualitygate.leaks import Past, is_past, read_known, unite, with_past
from qualitygate.link.applied import UnknownMigration, mark_applied
from qualitygate.load import Installed
from qualitygate.model.evidence import Proof
from qualitygate.model.facts import FileFacts
from qualitygate.model.finding import CheckRun, Finding
from qualitygate.model.policy import EvidenceSource, Policy
from qualitygate.model.project import Project
from qualitygate.model.source import Language, Place, Span
from qualitygate.model.verdict import Base, Report, Verdict
from qualitygate.parse.text import Undecodable, decode
from qualitygate.suppress import (
    BASELINE,
    Baseline,
    BaselineError,
    apply_answers,
    apply_baseline,
    apply_waivers,
    read_baseline,
)
from qualitygate.weigh import gather, on_code, placed, proved_by, weigh

__all__ = ["InputError", "NothingToScan", "Request", "gate", "scan", "survey"]


# Files named in one note.
_NOTED = 5
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py", "requirements.txt")


class NothingToScan(Exception):
    """Below the paths there is no file that qgate reads; the argument is one clear line."""


@dataclass(frozen=True)
class Request:
    """What to scan and how.

    ``staged`` takes the git index for the work tree. ``base`` is the revision to compare with, `auto` for that of a pull
    request; empty: none. ``history`` is the revision or range whose commits are searched for secrets. ``jobs`` is the number of workers, 0 to decide by the work;
    ``progress`` is called with the number of files done and of all files. ``evidence`` is what the command line names
    beside the evidence of the policy.
    """

    paths: tuple[Path, ...]
    policy: Policy
    staged: bool = False
    base: str = ""
    history: str = ""
    use_cache: bool = True
    jobs: int = 0
    progress: Callable[[int, int], None] | None = None
    evidence: tuple[EvidenceSource, ...] = ()


def scan(request: Request, installed: Installed) -> Report:
    """Run the whole flow. Raises :class:`InputError` and :class:`NothingToScan`."""
    with _cache(request, installed) as cache:
        return _scan(request, installed, cache)


def _scan(request: Request, installed: Installed, cache: Cache | None) -> Report:
    started = time.perf_counter()
    policy = request.policy
    tree = _files(request, installed)
    baseline = _baseline(_baseline_path(policy, tree.root), bool(policy.baseline))
    base = find_base(tree.root, request.base, os.environ) if request.base else None
    project = _with_history(_project(request, tree, installed, cache), policy.applied)
    old_tree = None
    if base is not None:
        old_tree = _without_baseline(discover_commit(tree, base.commit, _filters(policy, installed)), policy)
        known = unchanged(old_tree.files, tree.files, project.files)
        old = _project(request, old_tree, installed, cache, known)
        project = attach_base(project, tree.files, old, old_tree.files)

    findings, runs = _judged(project, tree, policy, installed, cache, request.jobs, date.today())
    if request.history:
        findings = _with_past(findings, request.history, project, tree, policy, installed)
    unread = tuple(one for one in project.unread if tree.judged(one.path))
    # What was not looked for, or could not be read, is not gone; a check that is installed no more finds nothing again.
    passed_over = {check.id for check in installed.checks} - {run.check for run in runs if not run.error}
    closed = {one.path for one in unread}
    findings, stale = apply_baseline(
        findings,
        baseline,
        judged=lambda entry: (
            tree.judged(entry.path)
            and entry.check not in passed_over
            and entry.path not in closed
            and (bool(request.history) or not is_past(entry.path))
        ),
    )
    hidden = len(findings)
    findings = _shown(findings, policy)
    hidden -= len(findings)
    contents = _contents(tree, findings)
    broken = {run.check: run.error for run in runs if run.error} | _faults(project)
    if base is not None and old_tree is not None and project.base is not None:
        # In the base every answer still holds: what one hides no longer is new on the day after, as it is without a base.
        stood, old_runs = _judged(project.base, old_tree, policy, installed, cache, request.jobs, date.min)
        broken |= {f"{run.check} (on the base)": run.error for run in old_runs if run.error}
        findings, gone = compare(_side(tree, findings), _side(old_tree, _shown(stood, policy)))
        base = msgspec.structs.replace(base, gone=tuple(f"{one.check} {one.path}: {one.message}" for one in gone))
    examined = {run.check: run.examined for run in runs}
    return Report(
        version=__version__,
        root=tree.root,
        prefix=tree.prefix,
        files=sum(tree.judged(file.path) for file in tree.files),
        seconds=time.perf_counter() - started,
        findings=findings,
        hidden=hidden,
        examined=examined,
        broken=broken,
        unread=unread,
        verdict=_verdict(Proof(findings, examined, broken, unread), request, tree, base),
        texts=contents.texts(),
        secrets={file.path: file.secrets for file in project.files if file.secrets},
        contents=contents.data(),
        stale_baseline=tuple(str(entry) for entry in stale),
        stale_fingerprints=tuple(entry.fingerprint for entry in stale),
        notes=tuple(_notes(project, tree, policy)),
        coverage=project.coverage,
        project=project,
        base=base,
        unbased=bool(request.base) and base is None,
        commit=head(tree.root),
        gate_place=_gate_place(policy, tree),
    )


def gate(request: Request) -> Report:
    """Judge evidence that was stored, without a scan: what the code proved comes from a report of qgate among it.

    Raises :class:`InputError`.
    """
    started = time.perf_counter()
    policy = request.policy
    root = Path(os.path.abspath(request.paths[0]))
    given = gather(policy, request.evidence, root)
    proof = proved_by(given)
    findings = tuple(sorted(proof.findings, key=_order)) if proof is not None else ()
    return Report(
        version=__version__,
        root=root,
        prefix="",
        files=0,
        seconds=time.perf_counter() - started,
        findings=findings,
        hidden=0,
        examined=proof.examined if proof is not None else {},
        broken=proof.broken if proof is not None else {},
        unread=proof.unread if proof is not None else (),
        verdict=weigh(proof, given, policy, root, stated=True),
        texts={},
        secrets={},
        commit=head(root),
        gate_place=placed(policy.gate, root),
    )


def _verdict(proof: Proof, request: Request, tree: Tree, base: Base | None) -> Verdict:
    """The verdict on a scan. What is staged is in no commit yet, so that nothing can have been measured of it."""
    policy = request.policy
    if request.staged:
        return weigh(proof, (), replace(policy, conditions=on_code(policy.conditions)), tree.root, tree.prefix)
    given = gather(policy, request.evidence, tree.root, proved=True, base=base.commit if base is not None else "")
    return weigh(proof, given, policy, tree.root, tree.prefix, stated=True)


def _gate_place(policy: Policy, tree: Tree) -> Place:
    """A line for what stands in no file: of the configuration, else of a manifest at the top, else of the first file."""
    if (place := placed(policy.gate, tree.root, tree.prefix)) is not None:
        return place
    paths = sorted((file.path for file in tree.files), key=lambda path: (path not in _MANIFESTS, path.count("/"), path))
    return Place(paths[0], Span(1, 1, 1, 1))


def _judged(
    project: Project, tree: Tree, policy: Policy, installed: Installed, cache: Cache | None, jobs: int, today: date
) -> tuple[tuple[Finding, ...], tuple[CheckRun, ...]]:
    """What the checks find in one project, the findings that are answered marked, and what each check did."""
    checks = [one for one in selected(installed.checks, policy.selection) if one.id not in policy.inapplicable]
    runs = run_checks(project, [check for check in checks if not check.audits], policy, tree.way, cache, jobs)
    ran = frozenset(run.check for run in runs if not run.error)
    findings, answers = apply_answers(
        [finding for run in runs for finding in run.findings],
        project,
        ran=ran,
        known=frozenset(check.id for check in installed.checks),
        today=today,
    )
    findings, waived = apply_waivers(findings, policy.waivers, tree.root, tree.way, ran, today)
    answered = msgspec.structs.replace(project, answers=answers + waived)
    audits = run_checks(answered, [check for check in checks if check.audits], policy, tree.way)
    audited = tuple(finding for run in audits for finding in run.findings)
    findings += apply_waivers(audited, policy.waivers, tree.root, tree.way, (), today)[0]
    findings = tuple(finding for finding in findings if tree.judged(finding.path))
    return unite(findings, _secrets(tree, project, findings), read_known(tree.root)), runs + audits


def _with_past(
    findings: Sequence[Finding], revisions: str, project: Project, tree: Tree, policy: Policy, installed: Installed
) -> tuple[Finding, ...]:
    """The findings, with what stood in the commits of ``revisions``. Raises :class:`InputError`."""
    checks = [check for check in selected(installed.checks, policy.selection) if check.history]
    layout = Layout.of(file.path for file in tree.files)
    included, excluded = matcher(policy.include, tree.way), matcher(policy.exclude, tree.way)
    files = {file.path: file for file in tree.files}

    def past() -> Iterator[Past]:
        for version in versions(tree.root, revisions, layout, MAX_BYTES):
            path = version.file.path
            if not tree.judged(path) or (policy.include and not included(path)) or excluded(path):
                continue
            for check, hit, value in judge_text(version.file, checks, dict(policy.options)):
                for finding in findings_of(check, [hit], policy.severities.get(check.id)):
                    if finding.confidence.rank <= policy.min_confidence.rank and not finding.answer:
                        yield Past(finding, value, version.commit, version.date)

    def stands(path: str, value: str) -> bool:
        try:
            return path in files and value in decode(files[path].read(), files[path].language).content
        except (OSError, Undecodable):
            return False

    try:
        return with_past(findings, _secrets(tree, project, findings), past(), stands)
    except OSError as error:
        raise InputError(f"history: cannot read {revisions} of {tree.root}: {error}") from None


def _secrets(tree: Tree, project: Project, findings: Sequence[Finding]) -> dict[tuple[str, Span], str]:
    """The values of the secrets that findings point at, by path and span."""
    spans = {file.path: frozenset(file.secrets) for file in project.files if file.secrets}
    pointed = [one for one in findings if one.span in spans.get(one.path, ())]
    contents = _contents(tree, [msgspec.structs.replace(one, places=()) for one in pointed])
    return {
        (one.path, one.span): text.content[
            text.offset(one.span.line, one.span.column) : text.offset(one.span.end_line, one.span.end_column)
        ]
        for one in pointed
        if one.path in contents and (text := contents[one.path][1])
    }


def _shown(findings: Iterable[Finding], policy: Policy) -> tuple[Finding, ...]:
    """The findings that are sure enough, in the order of a report."""
    return tuple(sorted((one for one in findings if one.confidence.rank <= policy.min_confidence.rank), key=_order))


def survey(request: Request, installed: Installed) -> Project:
    """Read and link, without judging. Raises :class:`InputError` and :class:`NothingToScan`."""
    with _cache(request, installed) as cache:
        return _project(request, _files(request, installed), installed, cache)


def _files(request: Request, installed: Installed) -> Tree:
    policy = request.policy
    tree = _without_baseline(discover(request.paths, _filters(policy, installed), staged=request.staged), policy)
    if not any(tree.judged(file.path) for file in tree.files):
        told = f" ({len(tree.unread)} could not be read: {tree.unread[0].reason})" if tree.unread else ""
        raise NothingToScan(f"nothing to scan in {tree.root}: no file that qgate reads{told}")
    return tree


def _filters(policy: Policy, installed: Installed) -> Filters:
    wanted = frozenset(language for check in installed.checks for language in check.reads)
    # A check that reads text reads every kind of it: also .env and Dockerfiles, which no check names.
    languages = frozenset(Language) if Language.TEXT in wanted else PARSED | wanted
    return Filters(policy.include, policy.exclude, policy.directory, languages)


def _without_baseline(tree: Tree, policy: Policy) -> Tree:
    """What the baseline repeats of the code is not the code."""
    baseline = Path(os.path.realpath(_baseline_path(policy, tree.root)))
    return replace(tree, files=tuple(file for file in tree.files if tree.root / file.path != baseline))


def _project(
    request: Request,
    tree: Tree,
    installed: Installed,
    cache: Cache | None,
    known: Mapping[str, FileFacts] | None = None,
) -> Project:
    """The linked project. All file checks run, selected or not: only they know where a secret stands in the text."""
    project = analyse(
        tree.files,
        installed.checks,
        request.policy.options,
        cache=cache,
        jobs=request.jobs,
        progress=request.progress,
        known=known,
    )
    unread = sorted((*tree.unread, *project.unread), key=lambda unread: (unread.path, unread.line, unread.reason))
    return msgspec.structs.replace(project, unread=tuple(unread))


@contextmanager
def _cache(request: Request, installed: Installed) -> Iterator[Cache | None]:
    """The cache of this run, where it is to have one; what is new in it is written at the end, also of one that fails."""
    if not request.use_cache:
        yield None
        return
    cache = Cache(f"{installed.identity}\0{sorted(request.policy.options.items())!r}")
    try:
        yield cache
    finally:
        cache.close()


def _with_history(project: Project, applied: Sequence[str]) -> Project:
    """The project, its migrations marked up to those that the policy calls applied."""
    try:
        return msgspec.structs.replace(project, histories=mark_applied(project.histories, applied))
    except UnknownMigration as error:
        raise InputError(f"migrations.since: no migration here is called {str(error)!r}") from None


def _notes(project: Project, tree: Tree, policy: Policy) -> Iterator[str]:
    """What is no finding, and should be known of the run."""
    for check, because in policy.inapplicable.items():
        yield f"{check} did not run: {because}"
    foreign = [
        one.contract.path for one in project.agreements if one.state == "foreign" and tree.judged(one.contract.path)
    ]
    if foreign:
        more = f" and {len(foreign) - _NOTED} more" if len(foreign) > _NOTED else ""
        yield f"not compared with the code, whose routes serve other paths: {', '.join(foreign[:_NOTED])}{more}"


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


def _side(tree: Tree, findings: Sequence[Finding]) -> Side:
    """One side of a comparison."""
    return Side(findings, _contents(tree, findings).texts(), frozenset(file.path for file in tree.files))


def _contents(tree: Tree, findings: Sequence[Finding]) -> Contents:
    """Bytes and text of every file that a finding points into, for code frames and line hashes."""
    wanted = {place.path for finding in findings for place in (finding.place, *finding.places)}
    return Contents(file for file in tree.files if file.path in wanted)
