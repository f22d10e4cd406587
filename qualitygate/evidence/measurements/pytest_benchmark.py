"""In: what pytest-benchmark writes with `--benchmark-json`. Out: measurements `benchmark.*` in ms, one subject a benchmark."""

from __future__ import annotations

import re

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, whole
from qualitygate.evidence.opened import Opened, Unreadable
from qualitygate.evidence.texts import epoch, iso
from qualitygate.model.evidence import Measured, Measurement
from qualitygate.statistics import percentile

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class _Stats(msgspec.Struct):
    """Times are in seconds; `data` holds each round where the user kept them."""

    min: float
    max: float
    mean: float
    median: float
    rounds: int
    data: list[float] | None = None


class _Benchmark(msgspec.Struct):
    fullname: str
    stats: _Stats


class _Commit(msgspec.Struct):
    id: str | None = None
    dirty: bool | None = None


class _Report(msgspec.Struct):
    benchmarks: list[_Benchmark]
    datetime: str = ""
    version: str = ""
    commit_info: _Commit | None = None


def _report(source: Opened) -> Measured:
    report = source.decode(_Report)
    if not report.benchmarks:
        raise Unreadable("holds no benchmark")
    found: list[Measurement] = []
    for benchmark in report.benchmarks:
        stats, subject = benchmark.stats, benchmark.fullname[:200]
        shares = {50.0: _time(stats.median, "median")}
        if stats.data:
            ordered = sorted(number(value, "data") for value in stats.data)
            shares |= {share: _time(percentile(ordered, share / 100), "data") for share in (90.0, 95.0, 99.0)}
        found += latencies(
            shares,
            samples=whole(stats.rounds, "rounds"),
            subject=subject,
            smallest=_time(stats.min, "min"),
            mean=_time(stats.mean, "mean"),
            largest=_time(stats.max, "max"),
            prefix="benchmark",
        )
    commit, notes = "", []
    if (info := report.commit_info) is not None and info.id is not None and _COMMIT.fullmatch(info.id):
        if info.dirty:
            notes.append("the working tree had changes that were not committed, so the commit is not known")
        else:
            commit = info.id
    # older versions write the time without a zone, in UTC
    finished = epoch(report.datetime) or epoch(f"{report.datetime}+00:00")
    origin = source.origin(
        "pytest-benchmark JSON",
        "pytest-benchmark",
        version=report.version[:40],
        finished="" if finished is None else iso(finished),
        commit=commit,
    )
    return Measured(origin, tuple(found), tuple(notes))


def _time(seconds: float, what: str) -> Value:
    return Value(number(seconds, what) * 1000)


FORMATS = (
    Format("pytest-benchmark JSON", "pytest-benchmark", _report, keys=("benchmarks", "machine_info", "version")),
)
