"""In: what ab (ApacheBench) prints, its percentiles (`-e`) or its raw rows (`-g`). Out: measurements."""

from __future__ import annotations

import re

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.measurements.samples import from_rows
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.texts import iso, table
from qualitygate.model.evidence import Measured

_HALF = 0.5
_TOLD = (50.0, 75.0, 90.0, 95.0, 98.0, 99.0)
_FIELD = re.compile(r"^([A-Z][A-Za-z0-9 -]{3,30}):[ \t]+(\d{1,15}(?:\.\d{1,15})?)", re.MULTILINE)
_KINDS = re.compile(
    r"^[ \t]+\(Connect: (\d{1,15}), Receive: (\d{1,15}), Length: (\d{1,15}), Exceptions: (\d{1,15})\)", re.MULTILINE
)
_SHARE = re.compile(r"^[ \t]+(\d{1,3})%[ \t]+(\d{1,15})", re.MULTILINE)
_TOTAL = re.compile(
    r"^Total:[ \t]+(\d{1,15})[ \t]+(\d{1,15})[ \t]+\d{1,15}(?:\.\d{1,15})?[ \t]+(\d{1,15})[ \t]+(\d{1,15})",
    re.MULTILINE,
)
_VERSION = re.compile(r"^This is ApacheBench, Version (\d{1,15}(?:\.\d{1,15}){0,3})", re.MULTILINE)


def _text(source: Opened) -> Measured:
    text = source.text()
    fields = dict(reversed(_FIELD.findall(text)))
    missing = [name for name in ("Complete requests", "Failed requests", "Time taken for tests") if name not in fields]
    if missing:
        raise Unreadable(f"is the output of ab without `{missing[0]}`: it is cut off, or ab gave up")
    complete = whole(fields["Complete requests"], "Complete requests")
    if not complete:
        raise Unreadable("holds no request: ab made none")
    kinds = _KINDS.search(text)
    connect, receive, length, exceptions = (int(one) for one in kinds.groups()) if kinds else (0, 0, 0, 0)
    status = whole(fields.get("Non-2xx responses", "0"), "Non-2xx responses")
    notes = []
    if length:
        notes.append(f"answers of another length than the first ({length:,}) count as good here; ab calls them failed")
    if status:
        notes.append("redirects count as failed: ab does not tell them from errors")
    failures = min(complete, connect + receive + exceptions + status)
    found = [*traffic(complete, failures, number(fields["Time taken for tests"], "Time taken for tests"))]
    total = _TOTAL.search(text)
    # the table of percentiles is left out for a single request
    shares = {float(share): Value.rounded(int(value), _HALF) for share, value in _SHARE.findall(text)}
    longest = shares.pop(100.0, None)
    found += latencies(
        {share: value for share, value in shares.items() if share in _TOLD},
        samples=complete,
        smallest=Value.rounded(int(total[1]), _HALF) if total else None,
        mean=Value.rounded(int(total[2]), _HALF) if total else None,
        largest=longest or (Value.rounded(int(total[4]), _HALF) if total else None),
        curve=shares,
    )
    version = _VERSION.search(text)
    return Measured(source.origin("ab text", "ab", version=version[1] if version else ""), tuple(found), tuple(notes))


def _percentiles(source: Opened) -> Measured:
    shares: dict[float, Value] = {}
    for line, row in table(source, ("percentage served", "time in ms")):
        share = number(row["percentage served"], f"line {line}")
        shares[share] = Value.rounded(number(row["time in ms"], f"line {line}"), 0.0005)
    smallest, largest = shares.pop(0.0, None), shares.pop(100.0, None)
    if not shares or largest is None:
        raise Unreadable("has no row of 100 percent: it is cut off")
    told = {share: value for share, value in shares.items() if share in _TOLD}
    found = latencies(told, samples=None, smallest=smallest, largest=largest, curve=shares)
    note = "says neither how many requests there were nor how many failed: give the text of ab beside it"
    return Measured(source.origin("ab percentiles (CSV)", "ab"), tuple(found), (note,))


def _gnuplot(source: Opened) -> Measured:
    times = []
    first = last = 0.0
    for line, row in table(source, ("seconds", "ttime"), delimiter="\t"):
        times.append(number(row["ttime"], f"ttime of line {line:,}"))
        start = number(row["seconds"], f"seconds of line {line:,}")
        first, last = min(first or start, start), max(last, start + times[-1] / 1000)
    if not times:
        raise Unreadable("holds no request")
    found = (*traffic(len(times), None, last - first, tick=1.0), *from_rows(times, 1.0))
    note = "says not which requests failed, so there is no error rate: give the text of ab beside it"
    return Measured(source.origin("ab raw rows", "ab", finished=iso(last)), found, (note,))


FORMATS = (
    Format(
        "ab text",
        "ab",
        _text,
        shape=Shape.TEXT,
        fits=lambda source: (
            "This is ApacheBench" in source.head
            or ("Concurrency Level:" in source.head and "Complete requests:" in source.head)
        ),
    ),
    Format(
        "ab percentiles (CSV)",
        "ab",
        _percentiles,
        shape=Shape.TEXT,
        fits=lambda source: source.head.startswith("Percentage served,Time in ms"),
    ),
    Format(
        "ab raw rows",
        "ab",
        _gnuplot,
        shape=Shape.TEXT,
        fits=lambda source: source.head.startswith("starttime\tseconds\tctime\tdtime\tttime\twait"),
    ),
)
