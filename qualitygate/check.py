"""In: the linked project and the checks. Out: one run per check, with its findings. A check that crashes is isolated."""

from __future__ import annotations

import hashlib
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qualitygate.authoring import Check
from qualitygate.model.finding import CheckRun, Finding, Hit
from qualitygate.model.policy import Selection
from qualitygate.model.project import Project


def selected(checks: Iterable[Check], selection: Selection) -> tuple[Check, ...]:
    """The checks that a selection names by id or by domain; ``ignore`` wins over ``select``."""
    return tuple(
        check
        for check in checks
        if (not selection.select or {check.id, check.domain.value} & set(selection.select))
        and not {check.id, check.domain.value} & set(selection.ignore)
    )


def run_checks(project: Project, checks: Sequence[Check], options: Mapping[str, Any]) -> tuple[CheckRun, ...]:
    """Run every check; file checks ran during extraction, so that their hits are collected here."""
    return tuple(
        _collect(project, check) if check.reads else _run(project, check, options.get(check.id)) for check in checks
    )


def _run(project: Project, check: Check, options: Any) -> CheckRun:
    try:
        return CheckRun(check.id, findings(check, check.hits(project, options)), check.examined(project))
    except Exception as error:  # noqa: BLE001 - one check that crashes must not take the others along
        where = traceback.extract_tb(error.__traceback__)[-1]
        return CheckRun(check.id, (), 0, f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})")


def _collect(project: Project, check: Check) -> CheckRun:
    runs = [run for file in project.files for run in file.runs if run.check == check.id]
    hits = [hit for run in runs for hit in run.hits]
    broken = [run.error for run in runs if run.error]
    return CheckRun(check.id, findings(check, hits), sum(run.examined for run in runs), broken[0] if broken else "")


def findings(check: Check, hits: Iterable[Hit]) -> tuple[Finding, ...]:
    """Hits of a check as findings, in the order of their places, with fingerprints."""
    ordered = sorted(hits, key=lambda hit: (hit.place.path, hit.place.span, hit.subject, hit.message))
    seen: Counter[tuple[str, str]] = Counter()
    result = []
    for hit in ordered:
        key = (hit.place.path, hit.subject)
        result.append(
            Finding(
                check=check.id,
                domain=check.domain,
                severity=hit.severity or check.severity,
                confidence=hit.confidence or check.confidence,
                message=hit.message,
                place=hit.place,
                subject=hit.subject,
                fingerprint=fingerprint(check.id, hit.place.path, hit.subject, seen[key]),
                why=hit.why,
                mend=hit.mend,
                places=hit.places,
                tags=check.tags,
            )
        )
        seen[key] += 1
    return tuple(result)


def fingerprint(check: str, path: str, subject: str, ordinal: int) -> str:
    """The identity of a finding: 32 hexadecimal digits that neither a line nor the text of the code enters."""
    parts = "\0".join((check, path, subject, str(ordinal)))
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
