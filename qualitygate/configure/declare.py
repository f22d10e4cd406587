"""In: the installed checks. Out: every key of the configuration with type, default and description, and its JSON Schema."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from qualitygate.authoring import Check
from qualitygate.model.finding import Confidence, Domain, Severity
from qualitygate.model.policy import Limits

_Globs = tuple[str, ...]

# What the variables of the profile may be; an empty tuple takes any text.
PROFILE: Mapping[str, tuple[tuple[str, ...], str]] = {
    "service_architecture": (
        ("monolith", "modular-monolith", "microservices", "serverless", "event-driven"),
        "How the system is cut into services.",
    ),
    "api_style": (("rest", "graphql", "grpc", "rpc", "websocket", "mixed"), "What its interface is."),
    "database_approach": (
        ("relational", "document", "key-value", "wide-column", "graph", "polyglot", "none"),
        "What kind of database it keeps its data in.",
    ),
    "deployment_model": (
        ("containers", "kubernetes", "serverless", "paas", "virtual-machines", "bare-metal", "on-premises"),
        "What it runs on.",
    ),
    "primary_language": ((), "The language that most of it is written in."),
    "web_framework": ((), "The framework of its routes."),
    "database_primary": ((), "The database that it is the owner of."),
    "caching_solution": ((), "What it caches in."),
    "scaling_strategy": (("horizontal", "vertical", "automatic", "none"), "How it takes more load."),
}
# The targets of performance with their units, and what each is a target of.
PERFORMANCE_TARGETS: Mapping[str, tuple[str, str]] = {
    "p95": ("ms", "The 95th percentile of the response time, `150 ms`."),
    "p99": ("ms", "The 99th percentile of the response time."),
    "database_p95": ("ms", "The 95th percentile of the time of a query."),
    "error_rate": ("%", "The share of requests that fail, `0.1 %`."),
    "cpu": ("%", "The share of the processors in use under normal load."),
    "memory": ("%", "The share of the memory in use under normal load."),
    "recovery_time": ("min", "The time from a failure to service, `5 min`."),
}


def schema(checks: Sequence[Check]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, with the options of the installed checks."""
    generated = msgspec.json.schema(declaration(checks))
    definitions = generated["$defs"]
    top = definitions.pop("Configuration")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of qgate",
        "description": "The content of qgate.toml and .qgate.toml, and of [tool.qgate] in pyproject.toml.",
        **{key: value for key, value in top.items() if key != "title"},
        "$defs": definitions,
    }


def declaration(checks: Sequence[Check]) -> type[msgspec.Struct]:
    """All keys: a Struct type whose fields carry type, default and description."""
    ids = tuple(check.id for check in checks)
    domains = tuple(sorted({domain.value for domain in Domain} | {check.domain.value for check in checks}))
    named: Any = Annotated[Literal[(*ids, *domains)], msgspec.Meta(title="check or domain")]
    known: Any = Annotated[Literal[ids], msgspec.Meta(title="check")]
    limit = Annotated[int, msgspec.Meta(ge=0)] | Literal["off"]
    default = Limits()
    gate = _struct(
        "Gate",
        ("errors", limit, default.errors, "How many errors leave the gate open; `off` for any number."),
        (
            "warnings",
            limit,
            limit_value(default.warnings),
            "How many warnings leave the gate open; `off` for any number.",
        ),
        ("notes", limit, limit_value(default.notes), "How many notes leave the gate open; `off` for any number."),
        (
            "unread",
            Literal["fail", "warn", "ignore"],
            default.unread,
            "What a file that cannot be read does: close the gate, be shown and counted, or nothing.",
        ),
        (
            "required",
            tuple[known, ...],
            default.required,
            "Checks that must have something to judge; without it the gate is undecided.",
        ),
        (
            "scope",
            Literal["new", "all"],
            default.scope,
            "Which findings count where there is a base to compare with: those that it does not have, or all.",
        ),
    )
    when = _when()
    tables = [(check.id, _table(check, when), None, check.title) for check in checks]
    return _struct(
        "Configuration",
        ("select", tuple[named, ...], (), "Checks and domains that run; empty for all."),
        ("ignore", tuple[named, ...], (), "Checks and domains that do not run."),
        ("include", _Globs, (), "Globs of the files that are read; empty for all that qgate knows."),
        ("exclude", _Globs, (), "Globs of files that are left out."),
        (
            "min-confidence",
            Literal[tuple(level.value for level in Confidence)],
            Confidence.MEDIUM.value,
            "The weakest evidence that is shown and judged.",
        ),
        (
            "preset",
            Literal["default", "strict"],
            "default",
            "How much is asked for: `strict` changes the defaults of those options that demand more than most APIs have.",
        ),
        ("baseline", str, "", "The baseline file, relative to this file."),
        (
            "base",
            str,
            "",
            "The revision that a change is compared with, at the commit where it parted from it; `auto` for that of a "
            "pull request, where there is one.",
        ),
        (
            "per-path-ignores",
            dict[str, tuple[named, ...]],
            None,
            "Checks and domains that are not judged in files that match a glob.",
        ),
        ("profile", _profile(), None, "What the service is and what is asked of it; what is not set is not known."),
        ("gate", gate, None, "When the gate is open."),
        ("condition", _rows(_condition(named, known, when)), (), "Rows that the gate has to have."),
        (
            "evidence",
            _rows(_evidence()),
            (),
            "Files of measurements, of other scanners' results, or of a report.",
        ),
        ("waiver", _rows(_waiver(known)), (), "Faults that somebody answers for up to a day."),
        (
            "migrations",
            _struct(
                "Migrations",
                (
                    "since",
                    str | tuple[str, ...],
                    (),
                    "The last migration that is applied everywhere, by revision or file; several for several histories. "
                    "It and what comes before it is not judged for what it locks.",
                ),
            ),
            None,
            "What is known about the migrations.",
        ),
        ("checks", _struct("Checks", *tables), None, "Severity and options of single checks."),
    )


def _struct(name: str, *fields: tuple[str, Any, Any, str]) -> type[msgspec.Struct]:
    members: list[tuple[str, Any, Any]] = []
    for key, hint, default, description in fields:
        described = Annotated[hint, msgspec.Meta(description=description)] if description else hint
        hashable = default is not None and not isinstance(default, (list, dict, set))
        value = default if hashable else msgspec.field(default_factory=_Absent(hint, default))
        members.append((identifier(key), described, value))
    return msgspec.defstruct(
        name,
        members,
        rename={identifier(key): key for key, *_ in fields},
        forbid_unknown_fields=True,
        frozen=True,
        kw_only=True,
    )


@dataclass(frozen=True)
class _Absent:
    """Makes the value of a key that is not given: a copy of the default, or an empty value of its type."""

    hint: Any
    default: Any

    def __call__(self) -> Any:
        return type(self.default)(self.default) if self.default is not None else self.hint()


def identifier(key: str) -> str:
    return key.replace("-", "_")


def limit_value(value: int | None) -> int | str:
    return "off" if value is None else value


def _profile() -> type[msgspec.Struct]:
    targets = ((name, str, None, words) for name, (_, words) in PERFORMANCE_TARGETS.items())
    variables = (
        (name, Literal[choices] if choices else str, None, words) for name, (choices, words) in PROFILE.items()
    )
    rate = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
    load = _struct("ExpectedLoad", ("rps", rate, None, "Requests a second at the busiest."))
    return _struct(
        "Profile",
        *variables,
        ("expected_load", load, None, "The load that it is made for; throughput is held against it."),
        ("performance_targets", _struct("PerformanceTargets", *targets), None, "What is asked of it."),
        (
            "availability_target",
            float,
            None,
            "The share of the time that it is to be there, in percent: 99.9, 99.95, ...",
        ),
    )


def _when() -> type[msgspec.Struct]:
    """Variables of the profile, each with the value or the values at which something applies."""
    hints: dict[str, Any] = {name: Literal[choices] if choices else str for name, (choices, _) in PROFILE.items()}
    return _struct("When", *((name, hint | _rows(hint), None, "") for name, hint in hints.items()))


def _rows(item: Any) -> Any:
    """The type of an array of ``item``."""
    return tuple.__class_getitem__((item, ...))


def _condition(named: Any, known: Any, when: Any) -> type[msgspec.Struct]:
    ranks: Any = Literal["critical", "high", "medium", "low", "note"]
    scope: Any = Literal["new", "all"]
    levels: Any = Literal[tuple(level.value for level in Severity)]
    scanner = _struct(
        "Scanner",
        (
            "tools",
            tuple[str, ...],
            (),
            "The scanners whose results count; empty for all that no other condition names.",
        ),
        ("min_severity", ranks, "note", "The least severity that counts."),
        ("scope", scope, None, "Which results count: all, or those that the base does not have."),
    )
    name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_.-]{0,99}$")]
    return _struct(
        "Condition",
        ("id", name, None, "Its name; that of a row of the default policy changes this row."),
        ("limit", str, None, "An operator and a number with its unit, or a variable of the profile; `off` takes a row away."),
        ("metric", str, None, "A measured number, such as http.latency.p95."),
        ("subject", str, None, "The endpoint or label that is measured; without it the whole run."),
        ("checks", tuple[named, ...], (), "Count the findings of these checks and domains; beside a metric they refute it."),
        ("severity", levels, None, "The least severity of a finding that counts."),
        ("ratio", known, None, "The share of what this check examined that has no finding."),
        ("sarif", scanner, None, "Count the results of other scanners."),
        ("needs", tuple[str, ...], (), "Scanners without whose results there is no answer."),
        ("attest", bool, False, "A statement of a person counts, where nothing else tells."),
        ("scope", scope, None, "Which findings count where there is a base; without it as the whole gate."),
        ("min_samples", Annotated[int, msgspec.Meta(ge=1)], None, "The least number of samples; without it what the percentile needs."),
        ("max_age", str, None, "How old evidence may be, such as 14 d."),
        ("confidence", Literal["95%", "none"], "95%", "How sure an error rate must be; `none` takes the plain ratio."),
        ("required", bool, True, "Whether it decides; else it is shown."),
        ("on_missing", Literal["fail", "warn"], "fail", "What it means that there is no evidence: incomplete, or a warning."),
        ("when", when, None, "The values of the profile at which it applies."),
    )  # fmt: skip


def _evidence() -> type[msgspec.Struct]:
    return _struct(
        "Evidence",
        ("path", str, None, "A path or a glob, relative to this file."),
        ("kind", str, None, "The tool that wrote it (`k6`, `trivy`); without it any."),
        ("commit", str, None, "The commit that was measured, where the file does not say."),
        ("paths", _Globs, (), "What was measured, as globs: evidence of an earlier commit holds while none of it changed."),
        ("subject", str, None, "The service or environment that was measured."),
        ("metric", str, None, "What a file holds that does not say so itself (an answer of Prometheus)."),
        ("unit", str, None, "The unit of its numbers."),
    )  # fmt: skip


def _waiver(known: Any) -> type[msgspec.Struct]:
    return _struct(
        "Waiver",
        ("check", known, None, "The check whose findings are answered for."),
        ("condition", str, None, "The row of the gate that is answered for."),
        ("rule", str, None, "The rule of another scanner whose results are answered for (`CVE-2026-1234`, `B608`)."),
        ("path", str, None, "A glob of the files that it speaks of, relative to this file."),
        ("reason", str, None, "Why."),
        ("owner", str, None, "Who answers for it."),
        ("until", date, None, "The last day on which it counts, such as 2027-01-31."),
    )


def _table(check: Check, when: Any) -> type[msgspec.Struct]:
    """The table ``[checks.<id>]``: a severity, and the fields of the check's options."""
    return _struct(
        check.id,
        (
            "severity",
            Literal[tuple(level.value for level in Severity)],
            check.severity.value,
            "The severity of every finding of this check, in place of its own.",
        ),
        ("when", when, None, "The values of the profile at which this check runs."),
        *((name.replace("_", "-"), hint, default, "") for name, hint, default in option_fields(check)),
    )


def option_fields(check: Check) -> tuple[tuple[str, Any, Any], ...]:
    """Name, type and default of every option of a check."""
    if check.options is None:
        return ()
    hints = typing.get_type_hints(type(check.options), include_extras=True)
    return tuple(
        (member.name, hints[member.name], getattr(check.options, member.name))
        for member in dataclasses.fields(check.options)
        if member.init
    )


def fields_of(declared: Any) -> dict[str, Any]:
    return {member.encode_name: member.type for member in msgspec.structs.fields(declared)}


def is_table(hint: Any) -> bool:
    bare = bare_type(hint)
    return isinstance(bare, type) and issubclass(bare, msgspec.Struct)


def is_mapping(hint: Any) -> bool:
    return typing.get_origin(bare_type(hint)) in (dict, Mapping)


def bare_type(hint: Any) -> Any:
    while typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    return hint
