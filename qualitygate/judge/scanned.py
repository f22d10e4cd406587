"""In: conditions on the results of other scanners. Out: their rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec

from qualitygate.judge.case import Case, aged, count, missing, row
from qualitygate.model.evidence import Alert, EvidenceClass, Given, Scanned
from qualitygate.model.policy import Condition
from qualitygate.model.verdict import Row, State

RANKS = ("critical", "high", "medium", "low", "note")
_NAMED = 3


def judge_scanners(case: Case, condition: Condition) -> Row:
    """A limit on the number of results. A tool that is needed and did not run is missing, not clean.

    A row that names no tools speaks of all but those that another row is for: a linter has a limit of its own.
    """
    others = [tool for one in case.conditions if one.applies and one.id != condition.id for tool in one.tools]
    runs: list[tuple[Given, Scanned]] = [
        (given, given.evidence)
        for given in case.given
        if isinstance(given.evidence, Scanned)
        and (
            any(map(given.evidence.written_by, condition.tools))
            if condition.tools
            else not any(map(given.evidence.written_by, others))
        )
    ]
    runs.sort(key=lambda run: (run[1].origin.path, run[1].origin.tool))
    if condition.required is None:
        condition = replace(condition, required=bool(runs))
    whole = (condition.scope or case.limits.scope) == "all"
    counted = {
        (scanned.origin.tool, alert.fingerprint or f"{alert.rule} {alert.path}:{alert.line}"): alert
        for _, scanned in runs
        for alert in scanned.alerts
        if RANKS.index(alert.severity) <= RANKS.index(condition.min_severity) and (whole or not alert.stood)
    }
    alerts = {key: alert for key, alert in counted.items() if not alert.answer}
    waived = [alert for alert in counted.values() if alert.answer]
    assert condition.bound is not None  # noqa: S101 - the configuration refuses one without a limit
    if runs and not condition.bound.holds(len(alerts)):
        detail = "; ".join(filter(None, (_named(list(alerts.values())), _waived(waived))))
        return _row(condition, runs, State.FAIL, len(alerts), detail)
    faults = [f"{scanned.origin.tool}: {scanned.fault}" for _, scanned in runs if scanned.fault]
    if faults:
        return _row(condition, runs, State.ERROR, len(alerts), "; ".join(faults))
    absent = [tool for tool in condition.needs if not any(scanned.written_by(tool) for _, scanned in runs)]
    if absent or not runs:
        what = ", ".join(absent or condition.tools) or "another scanner"
        return missing(condition, f"no results of {what}")
    old = [why for given, scanned in runs if (why := aged(scanned.origin, given.stale, condition.max_age, case.now))]
    if old:
        return _row(condition, runs, State.STALE, len(alerts), old[0])
    skipped = [one for _, scanned in runs for one in scanned.skipped]
    if skipped:
        return _row(
            condition, runs, State.INCONCLUSIVE, len(alerts), f"{count(len(skipped), 'thing')} not looked at: {skipped[0]}"
        )  # fmt: skip
    stood = sum(alert.stood and not whole for _, scanned in runs for alert in scanned.alerts)
    lesser = sum(len(scanned.alerts) for _, scanned in runs) - len(counted) - stood
    told = [f"{stood} stood before"] if stood else []
    if waived:
        told.append(_waived(waived))
    if lesser > 0:
        told.append(count(lesser, "lesser result"))
    if idle := sorted({one.rule for one in case.waivers if one.rule} - _rules(case)):
        told.append(f"nothing to waive of {', '.join(idle)}")
    return _row(condition, runs, State.PASS, len(alerts), ", ".join(told))


def _waived(alerts: list[Alert]) -> str:
    """The results that a waiver speaks of; empty where there are none."""
    return f"{len(alerts)} waived: {alerts[0].rule}, {alerts[0].answer}" if alerts else ""


def _rules(case: Case) -> set[str]:
    """The rules that any result at all is of."""
    return {
        alert.rule for given in case.given if isinstance(given.evidence, Scanned) for alert in given.evidence.alerts
    }


def _row(condition: Condition, runs: list[tuple[Given, Scanned]], state: State, number: int, detail: str) -> Row:
    made = row(condition, state, str(number), detail, EvidenceClass.MEASURED)
    origins = [scanned.origin for _, scanned in runs]
    oldest = min((origin for origin in origins if origin.finished), key=lambda one: one.finished, default=origins[0])
    return msgspec.structs.replace(
        made,
        source=", ".join(dict.fromkeys(origin.path for origin in origins)),
        observed=oldest.finished,
        dated_by=oldest.dated_by,
    )


def _named(alerts: list[Alert]) -> str:
    """The worst results: rule, and where it is."""
    counts = Counter(alert.severity for alert in alerts)
    levels = ", ".join(f"{counts[level]} {level}" for level in RANKS if counts[level])
    worst = sorted(alerts, key=lambda alert: (RANKS.index(alert.severity), alert.rule, alert.path, alert.line))
    shown = ", ".join(f"{one.rule} ({one.package or f'{one.path}:{one.line}'})" for one in worst[:_NAMED])
    return f"{levels}: {shown}" + (" …" if len(worst) > _NAMED else "")
