"""In: the numbers that a tool prints. Out: measurements under canonical names, in canonical units, with bounds for what it does not print."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from qualitygate.evidence.opened import Unreadable
from qualitygate.model.evidence import Measurement

# The percentiles that are told of every run, as numbers or as bounds.
_ASKED = (50.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True)
class Value:
    """A number as a tool prints it; ``low`` and ``high`` where the true one may lie, if it was rounded."""

    value: float
    low: float | None = None
    high: float | None = None

    @staticmethod
    def rounded(value: float, half: float) -> Value:
        """A value that the tool has rounded by at most ``half``."""
        return Value(value, max(0.0, value - half), value + half) if half else Value(value)


def number(value: float | int | str | None, what: str) -> float:
    """``value`` as a finite number that is not negative. Raises Unreadable, which names ``what`` was read."""
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise Unreadable(f"has no number as {what}") from None
    if not math.isfinite(result) or result < 0:
        raise Unreadable(f"has an impossible number as {what}")
    return result


def whole(value: float | int | str | None, what: str) -> int:
    """``value`` as a count. Raises Unreadable, which names ``what`` was read."""
    result = number(value, what)
    if result != int(result):
        raise Unreadable(f"has a fraction as {what}")
    return int(result)


def latencies(
    percentiles: Mapping[float, Value],
    *,
    samples: int | None,
    subject: str = "",
    smallest: Value | None = None,
    mean: Value | None = None,
    largest: Value | None = None,
    curve: Mapping[float, Value] | None = None,
    prefix: str = "http.latency",
) -> Iterator[Measurement]:
    """Latencies in ms, the percentiles by their number (95.0) and the run's smallest, mean and largest.

    One of the percentiles that are always asked for and that the tool does not print lies between its neighbours;
    ``curve`` holds further ones that serve for this alone. Raises Unreadable where a higher percentile is below a lower
    one: then the numbers are not what they are taken for.
    """
    known = dict(percentiles)
    if largest is not None:
        known[100.0] = largest
    if smallest is not None:
        known[0.0] = smallest
    ordered = sorted(known.items())
    for (low, below), (high, above) in pairwise(ordered):
        if _top(below) < _bottom(below) or _top(above) < _bottom(below):
            raise Unreadable(f"says that p{high:g} is below p{low:g}: its percentiles are not those of one run")
    told = set(known)
    known = {**(curve or {}), **known}
    for share in sorted({*told, *_ASKED}):
        name = {0.0: "min", 100.0: "max"}.get(share, f"p{share:g}")
        if share in known:
            value = known[share]
            yield _measurement(f"{prefix}.{name}", value.value, value.low, value.high, samples, None, subject)
            continue
        under = max((one for one in known if one < share), default=None)
        over = min((one for one in known if one > share), default=None)
        if under is None or over is None:
            continue
        between = " and ".join(
            {0.0: "the smallest", 100.0: "the largest"}.get(one, f"p{one:g}") for one in (under, over)
        )
        yield _measurement(
            f"{prefix}.{name}", None, _bottom(known[under]), _top(known[over]), samples, None, subject,
            f"not printed; it lies between {between}",
        )  # fmt: skip
    if mean is not None:
        yield _measurement(f"{prefix}.mean", mean.value, mean.low, mean.high, samples, None, subject)


def _measurement(
    metric: str,
    value: float | None,
    low: float | None,
    high: float | None,
    samples: int | None,
    failures: int | None,
    subject: str,
    note: str = "",
) -> Measurement:
    """A measurement without the digits that a change of unit in binary fractions adds (0.0231 s is 23.1 ms)."""
    value, low, high = (None if one is None else number(f"{one:.12g}", metric) for one in (value, low, high))
    return Measurement(metric, value, low, high, samples, failures, subject, note)


def _bottom(value: Value) -> float:
    return value.value if value.low is None else value.low


def _top(value: Value) -> float:
    return value.value if value.high is None else value.high


def traffic(
    requests: int,
    failures: int | None,
    seconds: float | None,
    *,
    tick: float = 0.0,
    waited: float = 0.0,
    subject: str = "",
    most_failures: int | None = None,
    note: str = "",
) -> Iterator[Measurement]:
    """How many requests were sent, how many of them failed, and both by the second.

    ``failures`` is None where the tool does not say; ``most_failures`` is the largest number there may have been, where
    it counts some of them doubtfully. ``seconds`` may be wrong by ``tick``; it took ``waited`` more until
    the last answer. ``http.rps.offered`` is of the requests sent,
    ``http.rps.success`` of those answered well. Raises Unreadable where more failed than were sent.
    """
    if failures is not None and failures > requests:
        raise Unreadable("says that more requests failed than were sent")
    yield Measurement("http.requests", requests, samples=requests, subject=subject)
    if seconds is not None and seconds > 0:
        sending = Value.rounded(seconds, tick)
        duration = Value(seconds + waited, sending.low, sending.high)
        yield _measurement("http.duration_s", seconds, duration.low, duration.high, requests, None, subject)
        yield _rate("http.rps.offered", requests, requests, sending, samples=requests, subject=subject)
    if failures is None:
        return
    worst = min(requests, failures if most_failures is None else max(failures, most_failures))
    if requests:
        low, high = (failures / requests, worst / requests) if worst > failures else (None, None)
        yield _measurement("http.error_rate", failures / requests, low, high, requests, failures, subject, note)
    if seconds is not None and seconds > 0:
        good = requests - failures
        yield _rate(
            "http.rps.success", good, requests - worst, duration, samples=requests, failures=failures, subject=subject
        )


def _rate(
    metric: str, count: int, least: int, duration: Value, *, samples: int, failures: int | None = None, subject: str
) -> Measurement:
    """``count`` by the second, at least ``least`` of them, with bounds where one of the two is not exact."""
    value = count / duration.value
    low = high = None
    if least < count or duration.low is not None:
        low = least / _top(duration)
        high = count / _bottom(duration) if _bottom(duration) > 0 else None
    return _measurement(metric, value, low, high, samples, failures, subject)
