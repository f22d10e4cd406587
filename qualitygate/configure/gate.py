"""In: the keys of the profile, the conditions, the evidence and the waivers. Out: their records, and all that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from qualitygate.authoring import Check
from qualitygate.configure.declare import PERFORMANCE_TARGETS
from qualitygate.configure.validate import suggest
from qualitygate.gates import GATES, Gate
from qualitygate.model.evidence import is_metric, is_own, metrics, unit_of
from qualitygate.model.finding import Severity
from qualitygate.model.policy import Bound, Condition, EvidenceSource, Kind, Waiver
from qualitygate.model.source import Place
from qualitygate.parse.limit import LimitError, Variable, parse_bound, parse_quantity
from qualitygate.parse.toml import Key

AVAILABILITY = (99.9, 99.95, 99.99, 99.999)
# Rows that the gate makes by itself have these at the front of their names.
_RESERVED = ("findings.", "files.", "checks.", "required.", "evidence.")
_KINDS = {
    "metric": Kind.METRIC,
    "ratio": Kind.RATIO,
    "sarif": Kind.SCANNER,
    "checks": Kind.FINDINGS,
    "severity": Kind.FINDINGS,
    "attest": Kind.STATEMENT,
}
_OF_KIND: Mapping[Kind, frozenset[str]] = {
    Kind.METRIC: frozenset(
        {"metric", "subject", "min_samples", "max_age", "confidence", "attest", "checks", "severity"}
    ),
    Kind.RATIO: frozenset({"ratio", "scope"}),
    Kind.SCANNER: frozenset({"sarif", "needs", "scope", "max_age"}),
    Kind.FINDINGS: frozenset({"checks", "severity", "scope", "attest"}),
    Kind.STATEMENT: frozenset({"attest"}),
}
_COMMON = frozenset({"id", "limit", "required", "on_missing", "when"})
_UNITS = {Kind.RATIO: "ratio", Kind.SCANNER: "", Kind.FINDINGS: ""}


@dataclass
class Faults:
    """All that is wrong, each with the key that it is at."""

    found: list[tuple[Key, str]] = field(default_factory=list)

    def __call__(self, key: Key, message: str) -> None:
        """Take note of one."""
        self.found.append((key, message))


def profile_of(values: Mapping[Key, Any], fault: Faults) -> dict[str, str | float]:
    """What is known of the service, by dotted name; performance targets are in the unit of their variable."""
    profile: dict[str, str | float] = {}
    for key, value in values.items():
        if key[0] != "profile":
            continue
        name = ".".join(map(str, key[1:]))
        if name == "availability_target":
            if value not in AVAILABILITY:
                fault(key, f"profile.{name} must be one of {', '.join(map(str, AVAILABILITY))}, not {value}")
                continue
            profile[name] = float(value)
        elif len(key) == 3 and key[1] == "performance_targets":
            try:
                profile[name] = parse_quantity(value, PERFORMANCE_TARGETS[str(key[2])][0])
            except LimitError as error:
                fault(key, f"profile.{name}: {error}")
        else:
            profile[name] = float(value) if isinstance(value, (int, float)) else str(value)
    return profile


def variables(profile: Mapping[str, str | float]) -> dict[str, Variable]:
    """The variables of the profile that a limit may rest on."""
    units = {"expected_load.rps": "rps", "availability_target": "%"} | {
        f"performance_targets.{name}": unit for name, (unit, _) in PERFORMANCE_TARGETS.items()
    }
    known = {name: profile.get(name) for name in units}
    return {
        name: Variable(unit, value if isinstance(value := known[name], float) else None) for name, unit in units.items()
    }


def applicability(
    when: Mapping[str, Any], profile: Mapping[str, str | float], key: Key, fault: Faults
) -> tuple[bool, str]:
    """Whether ``when`` is true of the profile, and why; a variable that is not set is a fault: nothing is guessed."""
    reasons = []
    for name, wanted in when.items():
        choices = [wanted] if isinstance(wanted, str) else list(wanted)
        value = profile.get(name)
        if value is None:
            fault((*key, name), f"when asks for {name}, which [profile] does not set")
        elif str(value).casefold() not in (choice.casefold() for choice in choices):
            return False, f"{name} is {value}, not {' or '.join(choices)}"
        else:
            reasons.append(f"{name} is {value}")
    return True, ", ".join(reasons)


def conditions_of(
    written: Sequence[Mapping[str, Any]],
    checks: Sequence[Check],
    profile: Mapping[str, str | float],
    sources: Iterable[EvidenceSource],
    origins: Mapping[Key, str],
    place: Callable[[Key], Place | None],
    fault: Faults,
) -> tuple[Condition, ...]:
    """The rows that the gate is to have: those of the default policy, as the configuration moves them, and its own."""
    maker = _Maker(checks, profile, frozenset(one.metric for one in sources if one.metric), origins, place, fault)
    given: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for index, table in enumerate(written):
        name = table.get("id")
        if name is None:
            fault(("condition", index), "a condition needs an id")
        elif name.startswith(_RESERVED):
            fault(("condition", index, "id"), f"id: names that begin with {name.split('.')[0]}. are qgate's own")
        elif name in given:
            fault(("condition", index, "id"), f"id: there is a condition {name!r} already")
        else:
            given[name] = index, table
    rows = [maker.default(gate, *given.pop(gate.id, (-1, {}))) for gate in GATES]
    rows += [maker.own(index, table) for index, table in given.values()]
    return tuple(row for row in rows if row is not None)


@dataclass(frozen=True)
class _Maker:
    checks: Sequence[Check]
    profile: Mapping[str, str | float]
    custom: frozenset[str]
    origins: Mapping[Key, str]
    place: Callable[[Key], Place | None]
    fault: Faults

    def default(self, gate: Gate, index: int, table: Mapping[str, Any]) -> Condition | None:
        """A row of the default policy; what ``table`` says of it wins."""
        target = self.profile.get(gate.target)
        limit, origin, required = gate.limit, "default", gate.required
        if target is not None:
            required = True if required is None else required
            origin = self.origins.get(("profile", *gate.target.split(".")), origin)
            if gate.target not in limit:
                limit = f"{limit.split()[0]} {gate.target}"
        condition = Condition(
            gate.id,
            gate.kind,
            None,
            checks=tuple(check.id for check in self.checks if gate.id in check.gates),
            severity=gate.severity,
            metric=gate.metric,
            min_severity=gate.min_severity,
            scope="new" if gate.kind is Kind.SCANNER else "",
            max_age=gate.max_age,
            attest=gate.attest,
            required=required,
            origin=origin,
        )
        if index >= 0 and any(key in table for key in ("metric", "ratio", "sarif")):
            # Another kind of evidence under the name of a default row takes its place whole.
            return self.own(index, table)
        if index >= 0:
            condition = replace(
                condition,
                required=True,
                origin=self.origins.get(("condition", index), ""),
                place=self.place(("condition", index)),
            )
        return self._finished(condition, index, {"limit": limit, **table})

    def own(self, index: int, table: Mapping[str, Any]) -> Condition | None:
        """A row that the configuration alone asks for."""
        key: Key = ("condition", index)
        named = {kind: name for name, kind in _KINDS.items() if table.get(name) not in (None, False, ())}
        for outer in (Kind.METRIC, Kind.RATIO, Kind.SCANNER, Kind.FINDINGS):
            if outer in named:
                # What refutes a measured number, and a statement beside other evidence.
                inner = {Kind.STATEMENT, Kind.FINDINGS} if outer is Kind.METRIC else {Kind.STATEMENT}
                named = {kind: name for kind, name in named.items() if kind not in inner or kind is outer}
                break
        if len(named) != 1:
            what = " and ".join(sorted(named.values())) if named else "none of them"
            self.fault(
                key, f"condition {table['id']!r} needs one of metric, ratio, checks, sarif, attest; it has {what}"
            )
            return None
        kind = next(iter(named))
        condition = Condition(
            table["id"],
            kind,
            None,
            severity=Severity.NOTE if kind is Kind.FINDINGS else Severity.ERROR,
            min_severity="note",
            origin=self.origins.get(key, ""),
            place=self.place(key),
        )
        return self._finished(condition, index, table)

    def _finished(self, condition: Condition, index: int, table: Mapping[str, Any]) -> Condition | None:
        """``condition`` with the keys of ``table`` in it; None where it is switched off or cannot be."""
        key: Key = ("condition", index)
        for name in table:
            if name not in _COMMON and name not in _OF_KIND[condition.kind]:
                self.fault((*key, name), f"{name} says nothing of a condition on {_WORDS[condition.kind]}")
        limit = table.get("limit")
        if limit == "off":
            return None
        changes: dict[str, Any] = {
            name: table[name]
            for name in ("subject", "min_samples", "confidence", "attest", "required", "on_missing")
            if name in table
        }
        if "metric" in table:
            changes["metric"] = table["metric"]
            metric = table["metric"]
            if not is_metric(metric) and not (is_own(metric) and metric in self.custom):
                self.fault((*key, "metric"), f"unknown metric {metric!r}{suggest(metric, metrics())}")
        if "checks" in table:
            changes["checks"] = self._named(table["checks"])
        elif condition.kind is Kind.FINDINGS and not condition.checks:
            changes["checks"] = tuple(check.id for check in self.checks)
        if "ratio" in table:
            changes["checks"], changes["severity"] = (table["ratio"],), Severity.NOTE
        if "severity" in table:
            changes["severity"] = Severity(table["severity"])
        if "scope" in table:
            changes["scope"] = table["scope"]
        if "sarif" in table:
            scanner = table["sarif"]
            changes["tools"] = tuple(scanner.get("tools", ()))
            changes["min_severity"] = scanner.get("min_severity", "note")
            changes["scope"] = scanner.get("scope", changes.get("scope", ""))
        if "needs" in table:
            changes["needs"] = tuple(table["needs"])
        if "max_age" in table:
            changes["max_age"] = self._quantity((*key, "max_age"), table["max_age"])
        condition = replace(condition, **changes)
        if limit is None and condition.kind is not Kind.STATEMENT:
            self.fault(key, f"condition {condition.id!r} needs a limit, such as {_EXAMPLES[condition.kind]!r}")
        if limit is not None:
            try:
                bound = parse_bound(limit, self._unit(condition), variables(self.profile))
                _fits(condition.kind, bound)
                condition = replace(condition, bound=bound)
            except LimitError as error:
                self.fault((*key, "limit"), f"limit of {condition.id!r}: {error}")
        applies, because = applicability(table.get("when", {}), self.profile, (*key, "when"), self.fault)
        if not because and condition.origin == "default":
            because = "of the default policy"
        elif not because:
            because = "the configuration asks for it" if index >= 0 else "the profile sets its target"
        return replace(condition, applies=applies, because=because)

    def _unit(self, condition: Condition) -> str | None:
        return unit_of(condition.metric) if condition.kind is Kind.METRIC else _UNITS.get(condition.kind)

    def _named(self, names: Iterable[str]) -> tuple[str, ...]:
        wanted = set(names)
        return tuple(check.id for check in self.checks if check.id in wanted or check.domain.value in wanted)

    def _quantity(self, key: Key, text: str) -> float:
        try:
            return parse_quantity(text, "s")
        except LimitError as error:
            self.fault(key, f"{key[-1]}: {error}")
            return 0.0


def _fits(kind: Kind, bound: Bound) -> None:
    """More findings are never better, nor is a smaller share without one: another limit is a mistake. Raises LimitError."""
    if kind in (Kind.FINDINGS, Kind.SCANNER) and not (bound.upper or (bound.operator, bound.value) == ("==", 0)):
        raise LimitError("it must be an upper one, such as == 0 or <= 5")
    if kind is Kind.RATIO and bound.operator not in (">", ">=") and (bound.operator, bound.value) != ("==", 1):
        raise LimitError("it must be a lower one, such as >= 95 %")


_WORDS = {
    Kind.METRIC: "a metric",
    Kind.RATIO: "a ratio",
    Kind.SCANNER: "other scanners",
    Kind.FINDINGS: "findings",
    Kind.STATEMENT: "a statement",
}
_EXAMPLES = {Kind.METRIC: "< 200 ms", Kind.RATIO: ">= 95 %", Kind.SCANNER: "== 0", Kind.FINDINGS: "== 0"}


def sources_of(
    written: Sequence[Mapping[str, Any]], place: Callable[[Key], Place | None], fault: Faults
) -> tuple[EvidenceSource, ...]:
    """The files of evidence that the configuration names."""
    sources = []
    for index, table in enumerate(written):
        key: Key = ("evidence", index)
        if not table.get("path"):
            fault(key, "evidence needs a path")
            continue
        metric = table.get("metric", "")
        if metric and not is_metric(metric) and not is_own(metric):
            fault((*key, "metric"), f"unknown metric {metric!r}{suggest(metric, metrics())}")
        given: dict[str, Any] = {name: tuple(value) if name == "paths" else value for name, value in table.items()}
        sources.append(EvidenceSource(**given, place=place(key)))
    return tuple(sources)


def waivers_of(
    written: Sequence[Mapping[str, Any]], place: Callable[[Key], Place | None], fault: Faults
) -> tuple[Waiver, ...]:
    """The waivers; each needs a reason, an owner, a last day, and one thing that it speaks of."""
    waivers = []
    for index, table in enumerate(written):
        key: Key = ("waiver", index)
        missing = [name for name in ("reason", "owner", "until") if not str(table.get(name, "")).strip()]
        named = [name for name in ("check", "condition", "rule") if table.get(name)]
        if not named:
            missing.append("check, condition or rule")
        if missing:
            fault(key, f"a waiver needs {', '.join(missing)}")
            continue
        if len(named) > 1:
            fault(key, f"a waiver speaks of one thing, not of {' and '.join(named)}")
            continue
        if table.get("path") and table.get("condition"):
            fault((*key, "path"), "a row of the gate is waived whole: path says nothing of it")
            continue
        until = table["until"]
        given = {name: table[name] for name in (*named, "path", "reason", "owner") if table.get(name)}
        day = until if isinstance(until, date) else date.fromisoformat(until)
        waivers.append(Waiver(**given, until=day, place=place(key)))
    return tuple(waivers)


def unknown_conditions(waivers: Sequence[Waiver], conditions: Iterable[Condition]) -> Iterator[tuple[Key, str]]:
    """Waivers of rows that there are not."""
    known = {one.id for one in conditions}
    for index, waiver in enumerate(waivers):
        if waiver.condition and waiver.condition not in known:
            near = suggest(waiver.condition, known)
            yield ("waiver", index, "condition"), f"unknown condition {waiver.condition!r}{near}"
