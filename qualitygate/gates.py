"""In: nothing. Out: the fifteen rows of the default policy, before a configuration moves them."""

from __future__ import annotations

from dataclasses import dataclass

from qualitygate.model.finding import Severity
from qualitygate.model.policy import Kind


@dataclass(frozen=True)
class Gate:
    """One row of the default policy.

    Its checks are those that declare its ``id`` among their gates. ``target`` is the variable of the profile that takes the
    place of the number of ``limit`` and makes the row required; ``attest``, ``severity``, ``min_severity`` and ``max_age``
    (seconds) are as in :class:`~qualitygate.model.policy.Condition`. ``required`` None: where evidence of it is given.
    """

    id: str
    kind: Kind
    limit: str
    metric: str = ""
    target: str = ""
    attest: bool = False
    severity: Severity = Severity.ERROR
    min_severity: str = ""
    max_age: float = 0.0
    required: bool | None = None


_DAY = 86400.0
# A load test says something about what was tested; after a month of changes it says it of another service.
_RUN = 30 * _DAY
# New vulnerabilities are published daily.
_SCAN = 7 * _DAY


def _measured(name: str, metric: str, limit: str, target: str, attest: bool = False) -> Gate:
    return Gate(name, Kind.METRIC, limit, metric, target, attest, max_age=_RUN)


def _proved(name: str, severity: Severity = Severity.ERROR) -> Gate:
    # Shown, not required: the rows on all findings decide, and a user who moves their limits moves them for these.
    return Gate(name, Kind.FINDINGS, "== 0", attest=True, severity=severity, required=False)


GATES: tuple[Gate, ...] = (
    _measured("api_response_time", "http.latency.p95", "< 200 ms", "performance_targets.p95"),
    Gate(
        "api_response_time_p99",
        Kind.METRIC,
        "< 500 ms",
        "http.latency.p99",
        "performance_targets.p99",
        max_age=_RUN,
        required=False,
    ),
    _measured("throughput", "http.rps.success", ">= expected_load.rps * 1.2", "expected_load.rps"),
    _measured("database_performance", "db.query.p95", "< 100 ms", "performance_targets.database_p95"),
    _measured("memory_usage", "memory.utilisation", "< 80 %", "performance_targets.memory"),
    _measured("cpu_utilization", "cpu.utilisation", "< 70 %", "performance_targets.cpu"),
    _measured("availability", "availability", ">= 99.9 %", "availability_target", attest=True),
    _measured("error_rate", "http.error_rate", "< 0.1 %", "performance_targets.error_rate"),
    _measured("recovery_time", "recovery.seconds", "< 5 min", "performance_targets.recovery_time", attest=True),
    # Its checks warn: they see where consistency can be lost, not that it is.
    _proved("data_consistency", Severity.WARNING),
    _proved("graceful_degradation"),
    _proved("authentication"),
    _proved("authorization"),
    _proved("data_protection"),
    _proved("input_validation"),
    Gate("vulnerability_scanning", Kind.SCANNER, "== 0", min_severity="high", max_age=_SCAN),
)
