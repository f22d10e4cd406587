"""In: what oha writes with `--output-format json`. Out: measurements."""

from __future__ import annotations

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.model.evidence import Measured

# Requests that were under way when the time was up: the end of the run, not a failure.
_END = "aborted due to deadline"


class _Summary(msgspec.Struct):
    """`successRate` is not read: it counts every answer as a success, whatever its status."""

    total: float
    slowest: float | None = None
    fastest: float | None = None
    average: float | None = None


class _Report(msgspec.Struct):
    """Times are in seconds."""

    summary: _Summary
    statusCodeDistribution: dict[str, int]
    latencyPercentiles: dict[str, float | None]
    errorDistribution: dict[str, int] = {}


def _report(source: Opened) -> Measured:
    report = source.decode(_Report)
    answers = sum(whole(count, "statusCodeDistribution") for count in report.statusCodeDistribution.values())
    bad = sum(count for code, count in report.statusCodeDistribution.items() if code[:1] not in ("2", "3"))
    lost = sum(whole(count, "errorDistribution") for error, count in report.errorDistribution.items() if error != _END)
    if not answers + lost:
        raise Unreadable("holds no request that was answered or failed")
    found = [*traffic(answers + lost, bad + lost, number(report.summary.total, "summary.total"))]
    summary = report.summary
    if answers:
        found += latencies(
            {
                number(name[1:], "latencyPercentiles"): _seconds(value, name)
                for name, value in report.latencyPercentiles.items()
                if name.startswith("p") and value is not None
            },
            samples=answers,
            smallest=None if summary.fastest is None else _seconds(summary.fastest, "summary.fastest"),
            mean=None if summary.average is None else _seconds(summary.average, "summary.average"),
            largest=None if summary.slowest is None else _seconds(summary.slowest, "summary.slowest"),
        )
    notes = ["the success rate that oha prints is not read: it does not look at the status of an answer"]
    if lost:
        notes.append(f"{lost:,} requests had no answer and are in no percentile")
    if ended := report.errorDistribution.get(_END):
        notes.append(f"{ended:,} requests were under way when the time was up and do not count")
    return Measured(source.origin("oha JSON", "oha"), tuple(found), tuple(notes))


def _seconds(value: float, what: str) -> Value:
    return Value(number(value, what) * 1000)


def _text(source: Opened) -> Measured:
    raise Unreadable("is the text of oha: run it with `--output-format json`")


FORMATS = (
    Format("oha JSON", "oha", _report, keys=("summary", "statusCodeDistribution", "latencyPercentiles")),
    Format(
        "text of oha",
        "oha",
        _text,
        shape=Shape.TEXT,
        fits=lambda source: "Summary:" in source.head and "Success rate:" in source.head and "Slowest:" in source.head,
    ),
)
