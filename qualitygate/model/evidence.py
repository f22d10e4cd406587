"""Records of what was measured, found by other tools or stated by people: read from files, judged by the gate's conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import Enum
from pathlib import Path

import msgspec

from qualitygate.model.finding import Finding
from qualitygate.model.source import Unread

# The kind of evidence that a JSON report of qgate is.
REPORT = "qgate"
# Where statements are kept, below the folder of the configuration.
ATTESTATIONS = Path(".qgate") / "attestations.toml"
# The unit of each canonical metric; `*` stands for a percentile, `max` and the like.
_UNITS: Mapping[str, str] = {
    "http.latency.*": "ms",
    "http.rps.*": "rps",
    "http.error_rate": "ratio",
    "http.requests": "",
    "http.duration_s": "s",
    "db.query.*": "ms",
    "benchmark.*": "ms",
    "cpu.utilisation": "ratio",
    "memory.utilisation": "ratio",
    "availability": "ratio",
    "recovery.seconds": "s",
}


_PERCENTILE = re.compile(r"\d{1,2}(?:\.\d{1,4})?")


def unit_of(metric: str) -> str | None:
    """The unit that values of a canonical metric are in (`ms`, `s`, `rps`, `ratio` for 0..1, empty for a count).

    None for a name that is none of ours.
    """
    unit = _UNITS.get(metric)
    if unit is not None:
        return unit
    # the percentile may have a point of its own: p99.9
    return next((one for name, one in _UNITS.items() if name.endswith("*") and metric.startswith(name[:-1])), None)


def is_metric(metric: str) -> bool:
    """Whether ``metric`` is a canonical one, with a part behind it that there can be: a percentile, `success`."""
    if metric in _UNITS:
        return "*" not in metric
    family, _, part = metric.partition(".p") if ".p" in metric else metric.rpartition(".")
    if family == "http.rps":
        return part in ("offered", "success")
    if f"{family}.*" not in _UNITS:
        return False
    return part in ("min", "mean", "max") or (".p" in metric and _PERCENTILE.fullmatch(part) is not None)


def is_own(metric: str) -> bool:
    """Whether ``metric`` is a name that users may give to a number of theirs: none that begins as one of ours."""
    return metric.partition(".")[0] not in {name.partition(".")[0] for name in _UNITS}


def metrics() -> tuple[str, ...]:
    """The canonical metrics, percentiles by the usual ones: what a misspelt name is held against."""
    parts = {"http.rps.*": ("offered", "success")}
    return tuple(
        name.replace("*", part)
        for name in _UNITS
        for part in (parts.get(name, ("p95", "p99", "p50", "max")) if "*" in name else ("",))
    )


class EvidenceClass(str, Enum):
    """What a row of the gate rests on: the code, a measurement, a statement, or nothing."""

    PROVED = "proved"
    MEASURED = "measured"
    ATTESTED = "attested"
    UNKNOWN = "unknown"


class Origin(msgspec.Struct, frozen=True):
    """Where evidence comes from.

    ``path`` is the file as the user named it, from the repository's root where it lies in it; ``sha256`` of its bytes.
    ``format`` is the format in words (`k6 handleSummary`), ``tool`` and ``version`` what wrote it, as far as it says.
    ``finished`` is when the run ended, ISO 8601 in UTC; empty: unknown. ``dated_by`` says where that comes from:
    `content` or `file` (the time at which the file was written, which a checkout or a download changes).
    ``commit`` is the one that was measured, where that is known.
    """

    path: str
    sha256: str
    format: str
    tool: str
    version: str = ""
    finished: str = ""
    dated_by: str = ""
    commit: str = ""


class Measurement(msgspec.Struct, frozen=True):
    """One number of one run.

    ``metric`` is the canonical name (`http.latency.p95` in ms, `http.rps.success`, `http.error_rate` as 0..1, ...).
    ``value`` is None where the tool does not print it; then ``low`` and ``high`` bound it as far as is known (p95 between
    p90 and p99). They also stand beside a value that the tool rounded. ``samples`` counts what it was computed from and
    ``failures`` how many of them failed, for a rate. ``subject`` is the endpoint or label it belongs to; empty: the run.
    ``note`` says what is odd with it.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    samples: int | None = None
    failures: int | None = None
    subject: str = ""
    note: str = ""


class Measured(msgspec.Struct, frozen=True):
    """All that was understood of one file of measurements; ``notes`` say, a sentence each, what was not."""

    origin: Origin
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()


class Alert(msgspec.Struct, frozen=True):
    """One result of another scanner.

    ``severity`` is `critical`, `high`, `medium`, `low` or `note`. ``path`` is relative to the scanned root (empty: it has
    no place), ``line`` is 1-based, 0 where there is none. ``fingerprint`` is ours, of tool, rule, path and line content
    (or package and version), with an ordinal, since what tools write there is not to be trusted. ``stood`` tells that
    the base of a comparison has it too, as far as that can be told; ``answer`` is the reason of the waiver that speaks of it.
    """

    rule: str
    severity: str
    message: str
    path: str = ""
    line: int = 0
    package: str = ""
    fingerprint: str = ""
    stood: bool = False
    answer: str = ""


class Scanned(msgspec.Struct, frozen=True):
    """The results of another scanner. ``skipped`` names what it did not look at; ``fault`` says that its run failed."""

    origin: Origin
    alerts: tuple[Alert, ...]
    skipped: tuple[str, ...] = ()
    fault: str = ""
    notes: tuple[str, ...] = ()

    def written_by(self, tool: str) -> bool:
        """Whether it is of the scanner that people call ``tool``: `semgrep` for what `Semgrep OSS` wrote."""
        name, wanted = self.origin.tool.casefold(), tool.casefold()
        return wanted in (name, name.partition(" ")[0])


class Attestation(msgspec.Struct, frozen=True):
    """A statement of a person about one condition, as written in the file of attestations.

    ``issued`` and ``expires`` are ISO dates. ``evidence`` pairs a URL or path with the SHA-256 of what was seen there
    (empty: not recorded). ``faults`` say why it cannot count (no reviewer, reviewer is the author, no evidence, ...).
    ``line`` is where it stands in ``path``.
    """

    condition: str
    statement: str
    author: str
    reviewer: str
    issued: str
    expires: str
    evidence: tuple[tuple[str, str], ...]
    value: float | None = None
    path: str = ""
    line: int = 0
    faults: tuple[str, ...] = ()

    def days_left(self, today: date) -> int:
        """How many days it still holds; below 0: it has expired, or its end is no day."""
        try:
            return (date.fromisoformat(self.expires) - today).days
        except ValueError:
            return -1


class Unusable(msgspec.Struct, frozen=True):
    """A file of evidence that could not be used: an error of the rows that wanted it, never skipped."""

    path: str
    reason: str


class Proof(msgspec.Struct, frozen=True):
    """What a scan of the code proved: the part of a report that the gate judges.

    ``examined`` has each check that ran; ``broken`` maps a check that crashed to the reason. ``origin`` is the file of a
    report that is judged again; it has no path for the scan of this run.
    """

    findings: tuple[Finding, ...]
    examined: Mapping[str, int]
    broken: Mapping[str, str]
    unread: tuple[Unread, ...]
    origin: Origin = Origin("", "", "scan", "qgate")


Evidence = Measured | Scanned | Proof | Unusable


class Given(msgspec.Struct, frozen=True):
    """Evidence as it was asked for.

    ``source`` is the path or the glob that named it; ``evidence`` is None where there is no such file. ``subject`` is the service or
    environment that it was taken from. ``stale`` says why it does not speak of the commit that is judged (empty: it does).
    """

    source: str
    evidence: Evidence | None
    subject: str = ""
    stale: str = ""
