"""In: what autocannon prints with `--json`. Out: measurements; p95 as bounds, since autocannon prints none."""

from __future__ import annotations

import re

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.opened import Opened, Unreadable, decoded
from qualitygate.evidence.texts import epoch, iso
from qualitygate.model.evidence import Measured

# Whole milliseconds, by a histogram that may give the next one.
_ROUNDING = 1.0
_SHARE = re.compile(r"p(\d{1,2}(?:_\d{1,3})?)$")
_TOLD = frozenset({50.0, 75.0, 90.0, 97.5, 99.0, 99.9})


class _Requests(msgspec.Struct):
    total: int


class _Result(msgspec.Struct, rename={"s4": "4xx", "s5": "5xx", "s1": "1xx"}):
    """One run. `non2xx` counts redirects too, so the classes of statuses are summed where they are given."""

    latency: msgspec.Raw
    requests: _Requests
    duration: float
    non2xx: int
    errors: int = 0
    timeouts: int = 0
    mismatches: int = 0
    s1: int | None = None
    s4: int | None = None
    s5: int | None = None
    finish: str = ""


def _result(source: Opened) -> Measured:
    result = source.decode(_Result)
    latency = {
        key: value for key, value in decoded(result.latency, dict[str, float | None]).items() if value is not None
    }
    answers = whole(result.requests.total, "requests.total")
    errors = whole(result.errors, "errors")
    if not answers + errors:
        raise Unreadable("holds no request: autocannon made none")
    if result.s4 is not None and result.s5 is not None:
        bad = sum(whole(count, "statuses") for count in (result.s1 or 0, result.s4, result.s5))
    else:
        bad = whole(result.non2xx, "non2xx")
    found = [*traffic(answers + errors, bad + errors, number(result.duration, "duration"))]
    if answers:
        named = {
            key: Value.rounded(number(latency[key], f"latency.{key}"), _ROUNDING)
            for key in ("min", "max")
            if key in latency
        }
        shares = {
            float(match[1].replace("_", ".")): Value.rounded(number(value, f"latency.{key}"), _ROUNDING)
            for key, value in latency.items()
            if (match := _SHARE.match(key))
        }
        average = latency.get("average")
        found += latencies(
            {share: value for share, value in shares.items() if share in _TOLD},
            samples=answers,
            smallest=named.get("min"),
            mean=None if average is None else Value.rounded(number(average, "latency.average"), _ROUNDING),
            largest=named.get("max"),
            curve=shares,
        )
    notes = []
    if errors:
        timeouts = whole(result.timeouts, "timeouts")
        notes.append(f"{errors:,} requests had no answer ({timeouts:,} in time) and are in no percentile")
    if result.mismatches:
        notes.append(
            f"{whole(result.mismatches, 'mismatches'):,} answers had another body than expected; they count as good"
        )
    finished = epoch(result.finish)
    origin = source.origin("autocannon JSON", "autocannon", finished="" if finished is None else iso(finished))
    return Measured(origin, tuple(found), tuple(notes))


FORMATS = (Format("autocannon JSON", "autocannon", _result, keys=("latency", "requests", "non2xx", "throughput")),)
