"""In: what Locust writes: its statistics as JSON, as CSV, or their history as CSV. Out: measurements."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.texts import endpoint, iso, table
from qualitygate.model.evidence import Measured, Measurement

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%$")
_TOLD = (50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.9)
# Before version 1.
_OLD = {"# requests": "request count", "# failures": "failure count"}
_LATE = "Locust's CSV may lack the requests of the last second: prefer `locust --json-file`"


class _Entry(msgspec.Struct):
    """One endpoint; the times are a histogram in ms, rounded."""

    name: str
    num_requests: int
    num_failures: int
    response_times: dict[str, int]
    method: str | None = ""
    start_time: float | None = None
    last_request_timestamp: float | None = None
    total_response_time: float | None = None
    min_response_time: float | None = None
    max_response_time: float | None = None
    num_none_requests: int = 0


def _json(source: Opened) -> Measured:
    entries = [entry for entry in source.decode(list[_Entry]) if entry.num_requests]
    if not entries:
        raise Unreadable("holds no request: Locust made none")
    starts = [entry.start_time for entry in entries if entry.start_time]
    ends = [entry.last_request_timestamp for entry in entries if entry.last_request_timestamp]
    seconds = number(max(ends) - min(starts), "start_time and last_request_timestamp") if starts and ends else None
    found = list(_entries("", entries, seconds))
    if len(entries) > 1:
        for entry in entries:
            found += _entries(_label(entry.method or "", entry.name), [entry], seconds)
    notes = []
    if untimed := sum(entry.num_none_requests for entry in entries):
        notes.append(f"{untimed:,} requests have no time and are in no percentile")
    finished = iso(max(ends)) if ends else ""
    return Measured(source.origin("Locust JSON", "locust", finished=finished), tuple(found), tuple(notes))


def _entries(subject: str, entries: list[_Entry], seconds: float | None) -> Iterator[Measurement]:
    """The measurements of some endpoints together: their histograms are merged."""
    requests = sum(whole(entry.num_requests, "num_requests") for entry in entries)
    failures = sum(whole(entry.num_failures, "num_failures") for entry in entries)
    yield from traffic(requests, failures, seconds, subject=subject)
    merged: dict[float, int] = {}
    for entry in entries:
        for key, count in entry.response_times.items():
            time = number(key, "response_times")
            merged[time] = merged.get(time, 0) + whole(count, "response_times")
    timed = sum(merged.values())
    if not timed:
        return
    shares: dict[float, Value] = {}
    for share in _TOLD:
        rank, passed = math.ceil(round(share / 100 * timed, 9)), 0
        for time in sorted(merged):
            passed += merged[time]
            if passed >= rank:
                shares[share] = _bucket(time)
                break
    smallest = [entry.min_response_time for entry in entries if entry.min_response_time is not None]
    largest = [entry.max_response_time for entry in entries if entry.max_response_time is not None]
    totals = [entry.total_response_time for entry in entries if entry.total_response_time is not None]
    yield from latencies(
        shares,
        samples=timed,
        subject=subject,
        smallest=Value(number(min(smallest), "min_response_time")) if smallest else None,
        mean=Value(number(sum(totals), "total_response_time") / timed) if totals else None,
        largest=Value(number(max(largest), "max_response_time")) if largest else None,
    )


def _bucket(time: float) -> Value:
    """What a time stands for: Locust rounds to 1 ms below 100, to 10 below 1,000, to 100 below 10,000, above to 1,000."""
    below = next(half for limit, half in ((100, 0.5), (1000, 5.0), (10000, 50.0), (math.inf, 500.0)) if time <= limit)
    above = next(half for limit, half in ((100, 0.5), (1000, 5.0), (10000, 50.0), (math.inf, 500.0)) if time < limit)
    return Value(time, max(0.0, time - below), time + above)


def _label(method: str, name: str) -> str:
    return endpoint(f"{method} {name}".strip())


def _stats(source: Opened) -> Measured:
    found: list[Measurement] = []
    total = False
    for place, row in table(source, ("name", "request count", "failure count"), _OLD):
        requests, failures = _counts(row, "request count", "failure count", place)
        aggregated = row["name"] == "Aggregated" or (row["name"] == "Total" and not row.get("type"))
        if not requests:
            continue
        total = total or aggregated
        subject = "" if aggregated else _label(row.get("type") or row.get("method") or "", row["name"])
        rate = number(row.get("requests/s") or "0", f"Requests/s of line {place}")
        yields = traffic(requests, failures, requests / rate if rate else None, subject=subject)
        found += (*yields, *_row(row, requests, subject, place))
    if not total:
        raise Unreadable("has no row `Aggregated` with requests: Locust made none, or it is cut off")
    found.sort(key=lambda one: one.subject)
    return Measured(source.origin("Locust CSV statistics", "locust"), tuple(found), (_LATE,))


def _row(row: Mapping[str, str], requests: int, subject: str, place: int) -> Iterator[Measurement]:
    shares = {
        share: _bucket(number(value, f"{key} of line {place}"))
        for key, value in row.items()
        if (match := _SHARE.match(key)) and value not in ("", "N/A") and (share := float(match[1])) < 100
    }
    # They are printed as whole milliseconds by old versions, with fractions by new ones.
    of = {
        name: Value.rounded(number(row[key], f"{key} of line {place}"), 0.5 if row[key].isdigit() else 0.0)
        for name, key in (("min", "min response time"), ("mean", "average response time"), ("max", "max response time"))
        if row.get(key) not in (None, "", "N/A")
    }
    yield from latencies(
        shares, samples=requests, subject=subject, smallest=of.get("min"), mean=of.get("mean"), largest=of.get("max")
    )


def _history(source: Opened) -> Measured:
    """The last row's totals are of the whole run; its percentiles may be those of the last ten seconds alone."""
    seen: dict[float, list[float]] = {}
    first = last = 0.0
    final: Mapping[str, str] = {}
    line = 0
    wanted = ("timestamp", "name", "total request count", "total failure count")
    for place, row in table(source, wanted):
        if row["name"] != "Aggregated":
            continue
        when, total = number(row["timestamp"], f"Timestamp of line {place}"), row["total request count"]
        if total.strip("0.") == "":
            first = when
        # it goes on to write rows when there are no users left
        if total != final.get("total request count"):
            last = when
        line, final = place, row
        first = first or when
        for key, value in row.items():
            if (match := _SHARE.match(key)) and value not in ("", "N/A") and (time := number(value, key)):
                seen.setdefault(float(match[1]), []).append(time)
    if not final or not (counts := _counts(final, "total request count", "total failure count", line))[0]:
        raise Unreadable("has no row `Aggregated` with requests: Locust made none")
    seconds = last - first if last > first else None
    found = [*traffic(*counts, seconds, tick=1.0)]
    note = "of spans of ten seconds: that of the run lies between the smallest and the largest of them"
    for share, times in sorted(seen.items()):
        if share < 100:
            low, high = _bucket(min(times)).low, _bucket(max(times)).high
            found.append(Measurement(f"http.latency.p{share:g}", None, low, high, counts[0], note=note))
    for name, key in (("min", "min"), ("mean", "average"), ("max", "max")):
        time = number(final.get(f"total {key} response time"), f"total {key} response time of line {line}")
        found.append(Measurement(f"http.latency.{name}", time, samples=counts[0]))
    origin = source.origin("Locust CSV history", "locust", finished=iso(last))
    return Measured(origin, tuple(found), ("a history gives percentiles as bounds: prefer `locust --json-file`", _LATE))


def _counts(row: Mapping[str, str], requests: str, failures: str, place: int) -> tuple[int, int]:
    return whole(row[requests], f"{requests} of line {place}"), whole(row[failures], f"{failures} of line {place}")


def _other(source: Opened) -> Measured:
    raise Unreadable("is Locust's list of failures or exceptions: give its statistics (`_stats.csv`, or `--json-file`)")


def _begins(pattern: str) -> Callable[[Opened], bool]:
    return lambda source: re.match(pattern, source.head.replace('"', "")) is not None


FORMATS = (
    Format(
        "Locust JSON",
        "locust",
        _json,
        shape=Shape.ARRAY,
        fits=lambda source: '"num_requests"' in source.head and '"response_times"' in source.head,
    ),
    Format(
        "Locust CSV statistics",
        "locust",
        _stats,
        shape=Shape.TEXT,
        fits=_begins("(?:Type|Method),Name,(?:# requests|Request Count),"),
    ),
    Format("Locust CSV history", "locust", _history, shape=Shape.TEXT, fits=_begins("Timestamp,User Count,Type,Name,")),
    Format(
        "Locust's failures",
        "locust",
        _other,
        shape=Shape.TEXT,
        fits=_begins("Method,Name,Error,Occurrences|Count,Message,Traceback,Nodes"),
    ),
)
