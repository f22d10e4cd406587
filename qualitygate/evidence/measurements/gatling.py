"""In: the statistics that Gatling wrote as JSON up to 3.13.4. Out: measurements; one clear line for what it writes since."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.texts import endpoint
from qualitygate.model.evidence import Measured, Measurement

_ROUNDING = 1.0  # whole milliseconds
_SHARES = (50.0, 75.0, 95.0, 99.0)


class _Three(msgspec.Struct):
    """A number over all requests, the good and the bad; as text in some versions, `-` where there is none."""

    total: float | str
    ok: float | str = "-"
    ko: float | str = "-"


class _Statistics(msgspec.Struct):
    numberOfRequests: _Three
    minResponseTime: _Three
    maxResponseTime: _Three
    meanResponseTime: _Three
    percentiles1: _Three
    percentiles2: _Three
    percentiles3: _Three
    percentiles4: _Three
    meanNumberOfRequestsPerSecond: _Three


class _Part(msgspec.Struct):
    type: str
    stats: _Statistics
    path: str = ""
    contents: dict[str, _Part] = {}


def _global(source: Opened) -> Measured:
    return _measured(source, "Gatling global_stats.json", list(_told(source.decode(_Statistics), "")))


def _stats(source: Opened) -> Measured:
    whole_run = source.decode(_Part)
    found = list(_told(whole_run.stats, ""))
    pending = list(whole_run.contents.values())
    requests: list[_Part] = []
    while pending:
        part = pending.pop(0)
        pending += part.contents.values()
        # a group sums up what is in it
        if part.type == "REQUEST":
            requests.append(part)
    if len(requests) > 1:
        for part in requests:
            found += _told(part.stats, endpoint(part.path))
    return _measured(source, "Gatling stats.json", found)


def _measured(source: Opened, form: str, found: list[Measurement]) -> Measured:
    if not found:
        raise Unreadable("holds no request: Gatling made none")
    note = "p50, p75, p95 and p99 are taken to be percentiles1 to 4, as they are unless `gatling.charting.indicators` says otherwise"
    return Measured(source.origin(form, "gatling"), tuple(found), (note,))


def _told(stats: _Statistics, subject: str) -> Iterator[Measurement]:
    requests = whole(stats.numberOfRequests.total, "numberOfRequests")
    if not requests:
        return
    failures = 0 if stats.numberOfRequests.ko == "-" else whole(stats.numberOfRequests.ko, "numberOfRequests.ko")
    rate = stats.meanNumberOfRequestsPerSecond.total
    seconds = (
        requests / persecond if rate != "-" and (persecond := number(rate, "meanNumberOfRequestsPerSecond")) else None
    )
    yield from traffic(requests, failures, seconds, subject=subject)
    shares = zip(_SHARES, (stats.percentiles1, stats.percentiles2, stats.percentiles3, stats.percentiles4), strict=True)
    yield from latencies(
        {share: _rounded(value, f"percentile {share:g}") for share, value in shares},
        samples=requests,
        subject=subject,
        smallest=_rounded(stats.minResponseTime, "minResponseTime"),
        mean=_rounded(stats.meanResponseTime, "meanResponseTime"),
        largest=_rounded(stats.maxResponseTime, "maxResponseTime"),
    )


def _rounded(value: _Three, what: str) -> Value:
    return Value.rounded(number(value.total, what), _ROUNDING)


def _report(source: Opened) -> Measured:
    raise Unreadable(
        "is a report of Gatling, which is not read: give its `js/stats.json` (Gatling up to 3.13.4; later ones write none)"
    )


FORMATS = (
    Format("Gatling global_stats.json", "gatling", _global, keys=("numberOfRequests", "percentiles3")),
    Format("Gatling stats.json", "gatling", _stats, keys=("type", "stats", "contents")),
    Format(
        "report of Gatling",
        "gatling",
        _report,
        shape=Shape.MARKUP,
        fits=lambda source: "gatling" in source.head.lower(),
    ),
    Format(
        "log of Gatling",
        "gatling",
        _report,
        shape=Shape.TEXT,
        fits=lambda source: source.head.startswith("RUN\t") or "var stats = {" in source.head[:200],
    ),
)
