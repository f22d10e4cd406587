"""In: what hey prints, as text or with `-o csv`. Out: measurements."""

from __future__ import annotations

import re

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic
from qualitygate.evidence.measurements.samples import Samples
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.texts import table
from qualitygate.model.evidence import Measured

# Seconds with four digits, in ms.
_ROUNDING = 0.05
_MOST_ROWS = 1_000_000
_FIELD = re.compile(r"^  (Total|Slowest|Fastest|Average):\s+(\d{1,15}\.\d{1,15}) secs?$", re.MULTILINE)
_SHARE = re.compile(r"^  (\d{1,2})% in (\d{1,15}\.\d{1,15}) secs$", re.MULTILINE)
_STATUS = re.compile(r"^  \[(\d{3})\]\s+(\d{1,15}) responses$", re.MULTILINE)
_ERROR = re.compile(r"^  \[(\d{1,15})\]\t", re.MULTILINE)


def _text(source: Opened) -> Measured:
    text = source.text()
    body, _, errors = text.partition("\nError distribution:\n")
    fields = {name: number(value, name) for name, value in _FIELD.findall(body)}
    codes = [(int(code), int(count)) for code, count in _STATUS.findall(body)]
    lost = sum(int(count) for count in _ERROR.findall(errors))
    if "Total" not in fields or not (codes or lost):
        raise Unreadable(
            "is the text of hey without its total or its status codes: it is cut off, or no request was made"
        )
    answers = sum(count for _, count in codes)
    failures = lost + sum(count for code, count in codes if not 200 <= code < 400)
    found = [*traffic(answers + lost, failures, fields["Total"])]
    if answers:
        named = {name: Value.rounded(value * 1000, _ROUNDING) for name, value in fields.items()}
        found += latencies(
            {
                float(share): Value.rounded(number(time, share) * 1000, _ROUNDING)
                for share, time in _SHARE.findall(body)
            },
            samples=answers,
            smallest=named.get("Fastest"),
            mean=named.get("Average"),
            largest=named.get("Slowest"),
        )
    notes = (f"{lost:,} requests had no answer and are in no percentile",) if lost else ()
    return Measured(source.origin("hey text", "hey"), tuple(found), notes)


def _csv(source: Opened) -> Measured:
    samples = Samples()
    for line, row in table(source, ("response-time", "status-code", "offset")):
        time = number(row["response-time"], f"response-time of line {line:,}")
        start = number(row["offset"], f"offset of line {line:,}")
        code = row["status-code"]
        if not code.isdigit():
            raise Unreadable(f"has no number as status-code of line {line:,}")
        samples.add(time * 1000, not 200 <= int(code) < 400)
        samples.span(start, start + time)
    if not len(samples):
        raise Unreadable("holds no request that was answered")
    notes = ["hey leaves requests without an answer out of its CSV: the error rate is of the answers alone"]
    if len(samples) >= _MOST_ROWS:
        notes.append(f"hey keeps {_MOST_ROWS:,} rows at most: there may have been more requests")
    found = tuple(samples.measurements(_ROUNDING))
    return Measured(source.origin("hey CSV", "hey"), found, (*notes, *samples.notes()))


FORMATS = (
    Format(
        "hey text",
        "hey",
        _text,
        shape=Shape.TEXT,
        fits=lambda source: (
            all(word in source.head for word in ("Summary:", "Requests/sec:", "Status code distribution:"))
            and "Success rate:" not in source.head
        ),
    ),
    Format(
        "hey CSV",
        "hey",
        _csv,
        shape=Shape.TEXT,
        fits=lambda source: source.head.startswith("response-time,DNS+dialup,"),
    ),
)
