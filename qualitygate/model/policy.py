"""Records of what the user wants: which files, which checks, how sure, and when the gate is open."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from qualitygate.model.finding import Confidence, Severity
from qualitygate.model.source import Place


@dataclass(frozen=True)
class Selection:
    """Which checks run: ids and domains; an empty ``select`` means all. ``ignore`` wins over ``select``.

    ``per_path`` pairs a glob with the ids and domains whose findings in such files are left out.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_path: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Limits:
    """When the gate is open. None switches a row off.

    ``unread`` says what an unreadable file does: `fail`, `warn` (shown, counted) or `ignore`. ``required`` names checks
    that must have examined something: with nothing to judge they leave the gate undecided instead of open. ``scope`` says
    which findings count where there is a base to compare with: `new` or `all`.
    """

    errors: int | None = 0
    warnings: int | None = None
    notes: int | None = None
    unread: str = "warn"
    required: tuple[str, ...] = ()
    scope: str = "new"


OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Bound:
    """A limit that one number must keep: ``< 200 ms``.

    ``text`` is what people read. ``value`` is in the canonical unit of what is limited; None: it rests on the variable
    ``variable`` of the profile, which is not set. ``unit`` is the unit that it was written in and ``scale`` how many canonical
    units one of these is: values are shown, and statements made, in it.
    """

    text: str
    operator: str
    value: float | None
    unit: str = ""
    scale: float = 1.0
    variable: str = ""

    @property
    def upper(self) -> bool:
        """Whether less is better."""
        return self.operator in ("<", "<=")

    def holds(self, number: float) -> bool:
        """Whether a number in the canonical unit keeps the limit. Raises ``ValueError`` where there is none."""
        if self.value is None:
            raise ValueError(f"{self.variable} is not set")
        return OPERATORS[self.operator](number, self.value)


class Kind(str, Enum):
    """What a condition looks at.

    `findings`: how many findings of its checks there are. `ratio`: the share of what its checks examined that has no
    finding. `metric`: a measured number. `scanner`: how many results of other scanners there are. `statement`: what a
    person stated.
    """

    FINDINGS = "findings"
    RATIO = "ratio"
    METRIC = "metric"
    SCANNER = "scanner"
    STATEMENT = "statement"


@dataclass(frozen=True)
class Condition:
    """One row that the gate is to have.

    ``bound`` is the limit; None only for a statement without a number. ``checks`` are ids; ``severity`` is the least of
    their findings that counts. For a measured number they are those whose findings refute it: they never prove it.
    ``metric`` is a canonical name, ``subject`` the endpoint or label (empty: the whole run). ``tools`` are the scanners
    whose results count (empty: all that no other condition names), from ``min_severity`` upwards; ``needs`` those that must have run. ``scope`` is `new`,
    `all` or empty for that of the gate. ``min_samples`` 0 takes what the percentile needs, ``max_age`` is in seconds (0: any
    age), ``confidence`` is `95%` or `none` for the plain ratio. ``attest``: a statement counts where nothing was measured.
    ``required`` decides; None: only where evidence of it is given. ``on_missing`` `warn` shows a required row without data
    and lets the gate open. ``applies`` is false where ``because``, which says why, excludes it. ``origin`` is `default`, or where
    the configuration asks for it, at ``place``.
    """

    id: str
    kind: Kind
    bound: Bound | None
    checks: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    metric: str = ""
    subject: str = ""
    tools: tuple[str, ...] = ()
    min_severity: str = ""
    needs: tuple[str, ...] = ()
    scope: str = ""
    min_samples: int = 0
    max_age: float = 0.0
    confidence: str = "95%"
    attest: bool = False
    required: bool | None = True
    on_missing: str = "fail"
    applies: bool = True
    because: str = ""
    origin: str = "default"
    place: Place | None = None


@dataclass(frozen=True)
class EvidenceSource:
    """A file of evidence that the gate is to read.

    ``path`` is a path or a glob, relative to the folder of the configuration file, or as given on the command line. ``kind``
    names the format where its content is not to decide. ``commit`` is the one that was measured, where the file does not say; its
    evidence holds for a later one while nothing below the globs ``paths`` changed (empty: nothing at all). ``subject`` is what was
    measured; ``metric`` and ``unit`` name the number of a file that does not.
    """

    path: str
    kind: str = ""
    commit: str = ""
    paths: tuple[str, ...] = ()
    subject: str = ""
    metric: str = ""
    unit: str = ""
    place: Place | None = None


# Days before the last one at which an end is told: of a waiver, an answer in the code, a statement.
SOON = 14


@dataclass(frozen=True)
class Waiver:
    """A fault that somebody answers for up to a day.

    It speaks of one of three: findings of ``check``, the row ``condition`` of the gate, or results of other scanners by their
    ``rule`` (`CVE-2026-1234`, `B608`). ``path`` is a glob relative to the folder of the configuration file; empty: everywhere.
    ``until`` is the last day on which it counts.
    """

    reason: str
    owner: str
    until: date
    check: str = ""
    condition: str = ""
    rule: str = ""
    path: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Policy:
    """The configuration in force.

    ``include``, ``exclude`` and the patterns of ``selection.per_path`` are globs relative to ``directory``, the folder of
    the configuration file (None: there is no file, and they are relative to the scanned root). ``baseline`` is a path,
    absolute or relative to the current directory; empty: the default place below ``directory``, where it exists.
    ``base`` is the revision to compare with, `auto` for that of a pull request; empty: none.
    ``applied`` names migrations that are applied everywhere, with all that come before them.
    ``options`` maps a check's id to its options in force, where they are not its defaults; ``severities`` maps it to the
    severity that the user gave it, which wins over the check's own. ``origins`` maps each dotted key to where its value
    comes from. ``profile`` maps what is known of the service to its value: `api_style` to `rest`, `expected_load.rps` to 500.
    ``gate`` is the line of the configuration file that the gate is set at, its path absolute (None: there is no file).
    ``inapplicable`` maps a check to why the profile switches it off.
    """

    selection: Selection = Selection()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_confidence: Confidence = Confidence.MEDIUM
    limits: Limits = Limits()
    baseline: str = ""
    base: str = ""
    applied: tuple[str, ...] = ()
    directory: Path | None = None
    profile: Mapping[str, str | float] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    evidence: tuple[EvidenceSource, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    gate: Place | None = None
    inapplicable: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
