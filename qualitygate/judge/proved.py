"""In: conditions on findings and on what was examined. Out: their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qualitygate.judge.case import Case, count, missing, quantity, row, sourced
from qualitygate.model.evidence import EvidenceClass
from qualitygate.model.finding import Finding, Severity
from qualitygate.model.policy import Condition
from qualitygate.model.verdict import Row, State

# Findings named in one row.
_NAMED = 3
NO_SCAN = "no scan: give the JSON report of one as evidence"


def found(case: Case, condition: Condition) -> list[Finding]:
    """The findings that count against a condition."""
    checks = frozenset(condition.checks)
    return [
        one
        for one in case.counted(condition.scope)
        if one.check in checks and one.severity.rank <= condition.severity.rank
    ]


def named(findings: Sequence[Finding]) -> str:
    """The findings in a few words: each check with the first of its places."""
    counts = Counter(one.check for one in findings)
    first: dict[str, Finding] = {}
    for one in findings:
        first.setdefault(one.check, one)
    parts = []
    for check, number in counts.most_common(_NAMED):
        times = f" ×{number}" if number > 1 else ""
        parts.append(f"{check}{times} ({first[check].path}:{max(1, first[check].span.line)})")
    more = len(counts) - _NAMED
    return ", ".join(parts) + (f" and {count(more, 'other check')}" if more > 0 else "")


def judge_findings(case: Case, condition: Condition) -> Row:
    """A limit on the number of findings. Nothing examined is no proof of anything."""
    if case.proof is None:
        return missing(condition, NO_SCAN)
    findings = found(case, condition)
    number = len(findings)
    assert condition.bound is not None  # noqa: S101 - the configuration refuses one without a limit
    if not condition.bound.holds(number):
        return _proved(case, condition, State.FAIL, str(number), named(findings))
    ran = [check for check in condition.checks if check in case.proof.examined and check not in case.proof.broken]
    broken = [check for check in condition.checks if check in case.proof.broken]
    if broken:
        return _proved(case, condition, State.INCONCLUSIVE, str(number), f"{broken[0]} crashed")
    examined = sum(case.proof.examined[check] for check in ran)
    if not examined:
        why = "none of its checks ran" if not ran else f"nothing to judge for {count(len(ran), 'check')}"
        return missing(condition, why)
    all_of = count(len(condition.checks), "check")
    detail = f"{all_of if len(ran) == len(condition.checks) else f'{len(ran)} of {all_of} ran'}, {examined:,} examined"
    checks = frozenset(condition.checks)
    lesser = [one for one in case.counted(condition.scope) if one.check in checks and one not in findings]
    told = Counter(one.severity for one in lesser)
    levels = [count(told[level], level.value) for level in Severity if told[level]]
    if findings:
        levels.insert(0, named(findings))
    return _proved(case, condition, State.PASS, str(number), "; ".join((detail, *levels)))


def judge_ratio(case: Case, condition: Condition) -> Row:
    """The share of what a check examined that it found nothing wrong with."""
    if case.proof is None:
        return missing(condition, NO_SCAN)
    check = condition.checks[0]
    if check in case.proof.broken:
        return _proved(case, condition, State.INCONCLUSIVE, "", f"{check} crashed")
    examined = case.proof.examined.get(check)
    if not examined:
        return missing(condition, f"{check} did not run" if examined is None else f"nothing to judge for {check}")
    faulty = sum(one.count for one in found(case, condition))
    share = max(0, examined - faulty) / examined
    assert condition.bound is not None  # noqa: S101 - the configuration refuses one without a limit
    state = State.PASS if condition.bound.holds(share) else State.FAIL
    detail = f"{max(0, examined - faulty):,} of {examined:,} without {check}"
    return _proved(case, condition, state, quantity(share, condition.bound), detail)


def _proved(case: Case, condition: Condition, state: State, value: str, detail: str) -> Row:
    made = row(condition, state, value, detail, EvidenceClass.PROVED)
    return sourced(made, case.proof.origin) if case.proof is not None and case.proof.origin.path else made
