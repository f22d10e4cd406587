"""In: what vegeta writes: `report -type=json`, or its raw results as CSV. Out: measurements."""

from __future__ import annotations

import re

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.measurements.samples import Samples
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.texts import epoch, iso
from qualitygate.model.evidence import Measured

_NANO = 1e-6  # nanoseconds to milliseconds
_ROW = re.compile(r"(\d{18,19}),(\d{1,3}),(\d{1,19}),\d{1,19},\d{1,19},")
_LONGEST_RECORD = 16 << 20


class _Latencies(
    msgspec.Struct, rename={"p50": "50th", "p90": "90th", "p95": "95th", "p99": "99th", "least": "min", "most": "max"}
):
    mean: float
    most: float
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    least: float | None = None


class _Report(msgspec.Struct):
    """Times are in nanoseconds; `rate` counts what was sent, `throughput` what succeeded."""

    latencies: _Latencies
    requests: int
    success: float
    duration: float
    wait: float
    status_codes: dict[str, int]
    end: str = ""


def _report(source: Opened) -> Measured:
    report = source.decode(_Report)
    requests = whole(report.requests, "requests")
    if not requests:
        raise Unreadable("holds no request: vegeta made none")
    good = sum(whole(count, "status_codes") for code, count in report.status_codes.items() if code[:1] in ("2", "3"))
    if abs(good / requests - number(report.success, "success")) > 1e-6:
        raise Unreadable("says one share of successes in `success` and another in `status_codes`")
    attack, wait = number(report.duration, "duration") / 1e9, number(report.wait, "wait") / 1e9
    times = report.latencies
    shares = {50.0: times.p50, 90.0: times.p90, 95.0: times.p95, 99.0: times.p99}
    finished = epoch(report.end)
    found = [*traffic(requests, requests - good, attack, waited=wait)]
    found += latencies(
        {
            share: Value(number(time, f"latency {share:g}") * _NANO)
            for share, time in shares.items()
            if time is not None
        },
        samples=requests,
        smallest=None if times.least is None else Value(number(times.least, "latencies.min") * _NANO),
        mean=Value(number(times.mean, "latencies.mean") * _NANO),
        largest=Value(number(times.most, "latencies.max") * _NANO),
    )
    origin = source.origin(
        "vegeta report", "vegeta", finished="" if finished is None or finished < 0 else iso(finished)
    )
    return Measured(origin, tuple(found))


def _encoded(source: Opened) -> Measured:
    """Raw results: nanoseconds since 1970, status, latency, bytes out and in, error, body, attack, number, method, URL."""
    samples = Samples()
    record = ""
    place = 0
    for place, line in enumerate(source.lines(), 1):
        record = f"{record}\n{line}" if record else line
        # an error may be of several lines, in quotes
        if record.count('"') % 2:
            if len(record) > _LONGEST_RECORD:
                raise Unreadable(f"line {place:,} is not CSV: a quote is not closed")
            continue
        if record.strip():
            _result(samples, record, place)
        record = ""
    if record:
        raise Unreadable(f"line {place:,} is cut off")
    if not len(samples):
        raise Unreadable("holds no request: vegeta made none")
    origin = source.origin("vegeta CSV", "vegeta", finished=iso(samples.last))
    return Measured(origin, tuple(samples.measurements()), tuple(samples.notes()))


def _result(samples: Samples, record: str, place: int) -> None:
    match = _ROW.match(record)
    # what follows the error is base64, a name, numbers, a method and a URL
    tail = record.rsplit(",", 5)
    if match is None or len(tail) < 6 or record.count(",") < 11:
        raise Unreadable(f"line {place:,} is not a result of vegeta, or is cut off")
    start, code, latency = int(match[1]) / 1e9, int(match[2]), int(match[3])
    samples.add(latency * _NANO, not 200 <= code < 400, f"{tail[3]} {tail[4]}".strip('" '))
    samples.span(start, start + latency / 1e9)


def _binary(source: Opened) -> Measured:
    raise Unreadable("is vegeta's binary form: give `vegeta report -type=json` or `vegeta encode --to=csv` of it")


FORMATS = (
    Format("vegeta report", "vegeta", _report, keys=("latencies", "status_codes", "success")),
    Format(
        "vegeta CSV",
        "vegeta",
        _encoded,
        shape=Shape.TEXT,
        fits=lambda source: _ROW.match(source.head) is not None,
    ),
    Format(
        "vegeta's binary form",
        "vegeta",
        _binary,
        shape=Shape.TEXT,
        fits=lambda source: all(name in source.head[:512] for name in ("Result", "Attack", "Latency", "BytesIn")),
    ),
)
