"""In: the keys that the sources give, the weakest source first. Out: the values in force with their origins, and the policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from qualitygate.authoring import Check
from qualitygate.configure.declare import bare_type, fields_of, is_mapping, is_table, limit_value, option_fields
from qualitygate.configure.gate import (
    Faults,
    applicability,
    conditions_of,
    profile_of,
    sources_of,
    unknown_conditions,
    waivers_of,
)
from qualitygate.configure.sources import Layer
from qualitygate.model.finding import Confidence, Severity
from qualitygate.model.policy import Limits, Policy, Selection
from qualitygate.model.source import Place, Span
from qualitygate.parse.toml import Key

# Arrays of tables, which have no default to be shown.
_ROWS = ("condition", "evidence", "waiver")


class Refused(Exception):
    """An option value that the check's own dataclass refused."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where
        self.message = message


def merged(layers: Iterable[Layer], declared: Any) -> tuple[dict[Key, Any], dict[Key, str], frozenset[Key]]:
    """The given keys with their values and origins, and those that the file decides; ``layers`` come weakest first."""
    written: set[Key] = set()
    values: dict[Key, Any] = {}
    origins: dict[Key, str] = {}
    for layer in layers:
        given = dict(_leaves(layer.data, declared, ()))
        if ("select",) in given:
            for name in ("select", "ignore"):
                values.pop((name,), None)
                origins.pop((name,), None)
        for key, value in given.items():
            if key == ("ignore",) and key in values:
                values[key] = (*values[key], *(name for name in value if name not in values[key]))
                origins[key] = f"{origins[key]}, {layer.where(key)}"
            else:
                values[key] = value
                origins[key] = layer.where(key)
                (written.add if layer.is_file else written.discard)(key)
    return values, origins, frozenset(written)


def _leaves(value: Any, hint: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if is_table(hint):
        fields = fields_of(bare_type(hint))
        for name, item in value.items():
            yield from _leaves(item, fields[name], (*key, name))
    elif key == ("per-path-ignores",):
        for name, item in value.items():
            yield (*key, name), tuple(item)
    else:
        yield key, tuple(value) if isinstance(value, list) else value


def defaults(
    checks: Sequence[Check], declared: type[msgspec.Struct], values: Mapping[Key, Any]
) -> Iterator[tuple[Key, Any]]:
    for member in msgspec.structs.fields(declared):
        if member.encode_name in _ROWS:
            continue
        if member.encode_name in ("gate", "migrations"):
            for inner in msgspec.structs.fields(bare_type(member.type)):
                yield (
                    (member.encode_name, inner.encode_name),
                    inner.default if inner.default is not msgspec.NODEFAULT else (),
                )
        elif not is_table(member.type) and not is_mapping(member.type):
            yield (member.encode_name,), member.default
    for check in checks:
        base = _base_options(check, values)
        for name, _, _ in option_fields(check):
            yield ("checks", check.id, name.replace("_", "-")), getattr(base, name)


def _base_options(check: Check, values: Mapping[Key, Any]) -> Any:
    """The options of a check under the chosen preset, before any is given."""
    return check.strict if values.get(("preset",)) == "strict" and check.strict is not None else check.options


def policy_of(
    checks: Sequence[Check],
    values: Mapping[Key, Any],
    origins: Mapping[Key, str],
    written: frozenset[Key],
    file: Layer | None,
    fault: Faults,
) -> Policy:
    def limit(name: str, default: int | None) -> int | None:
        value = values.get(("gate", name), limit_value(default))
        return None if value == "off" else int(value)

    def place(key: Key) -> Place | None:
        return file.place(key) if file is not None else None

    directory = file.file.parent if file is not None and file.file is not None else None
    default = Policy()
    profile = profile_of(values, fault)
    evidence = sources_of(values.get(("evidence",), ()), place, fault)
    rows = values.get(("condition",), ())
    placed = dict(origins)
    if file is not None:
        placed |= {("condition", index): file.where(("condition", index)) for index in range(len(rows))}
    conditions = conditions_of(rows, checks, profile, evidence, placed, place, fault)
    waivers = waivers_of(values.get(("waiver",), ()), place, fault)
    for key, message in unknown_conditions(waivers, conditions):
        fault(key, message)
    since = values.get(("migrations", "since"), ())
    baseline = values.get(("baseline",), "")
    if baseline and directory is not None and ("baseline",) in written:
        # A path in a file is relative to that file; in the other sources, to the current directory.
        baseline = str(directory / baseline)
    return Policy(
        selection=Selection(
            select=values.get(("select",), ()),
            ignore=values.get(("ignore",), ()),
            per_path=tuple((str(key[1]), names) for key, names in values.items() if key[0] == "per-path-ignores"),
        ),
        include=values.get(("include",), ()),
        exclude=values.get(("exclude",), ()),
        min_confidence=Confidence(values.get(("min-confidence",), default.min_confidence.value)),
        limits=Limits(
            errors=limit("errors", default.limits.errors),
            warnings=limit("warnings", default.limits.warnings),
            notes=limit("notes", default.limits.notes),
            unread=values.get(("gate", "unread"), default.limits.unread),
            required=values.get(("gate", "required"), default.limits.required),
            scope=values.get(("gate", "scope"), default.limits.scope),
        ),
        baseline=baseline,
        base=values.get(("base",), ""),
        applied=(since,) if isinstance(since, str) else since,
        directory=directory,
        profile=profile,
        conditions=conditions,
        evidence=evidence,
        waivers=waivers,
        gate=place(("gate",)) or place(()) or _first_line(file),
        inapplicable=dict(_inapplicable(values, profile, fault)),
        options={check.id: given for check in checks if (given := _options(check, values, origins)) is not None},
        severities={
            str(key[1]): Severity(value)
            for key, value in values.items()
            if key[0] == "checks" and len(key) == 3 and key[2] == "severity"
        },
    )


def _first_line(file: Layer | None) -> Place | None:
    return Place(str(file.file), Span(1, 1, 1, 1)) if file is not None and file.file is not None else None


def _inapplicable(
    values: Mapping[Key, Any], profile: Mapping[str, str | float], fault: Faults
) -> Iterator[tuple[str, str]]:
    """The checks that the profile switches off, each with the reason."""
    whens: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key[0] == "checks" and len(key) == 4 and key[2] == "when":
            whens.setdefault(str(key[1]), {})[str(key[3])] = value
    for check, when in whens.items():
        applies, because = applicability(when, profile, ("checks", check, "when"), fault)
        if not applies:
            yield check, because


def _options(check: Check, values: Mapping[Key, Any], origins: Mapping[Key, str]) -> Any:
    """The options of a check with the given values in them; None where they are the check's own."""
    given = {}
    where = ""
    for name, hint, _ in option_fields(check):
        key = ("checks", check.id, name.replace("_", "-"))
        if key in values:
            given[name] = msgspec.convert(values[key], hint)
            where = origins[key]
    base = _base_options(check, values)
    if not given:
        return None if base is check.options else base
    try:
        return dataclasses.replace(base, **given)
    except ValueError as error:
        raise Refused(where, f"checks.{check.id}: {error}") from None
