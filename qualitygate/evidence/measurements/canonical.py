"""In: the numbers that a tool prints. Out: measurements under canonical names, in canonical units, with bounds for what it does not print."""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import pairwise

from qualitygate.evidence.opened import Opened, Unreadable
from qualitygate.model.evidence import Measurement
from qualitygate.statistics import percentile

# The percentiles that are told of every run, as numbers or as bounds.
_ASKED = (50.0, 90.0, 95.0, 99.0)
_CREDENTIALS = re.compile(r"//[^/@\s]{0,200}@")
MOST_SUBJECTS = 200
_MOST_LABELS = 10_000
_MOST_SAMPLES = 10_000_000


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


@dataclass
class _Group:
    times: array[float] = field(default_factory=lambda: array("d"))
    failures: int = 0


class Samples:
    """Raw requests, one at a time: what a run and each of its endpoints come to.

    ``tick`` is the step of the clock in seconds where it is so coarse that it matters.
    """

    def __init__(self) -> None:
        self.first = math.inf
        self.last = -math.inf
        self.tick = 0.0
        self.unjudged = 0
        self._run = _Group()
        self._subjects: dict[str, _Group] = {}
        self._labels: dict[str, _Group | None] = {}  # as they stand in the file
        self._more = False

    def __len__(self) -> int:
        return len(self._run.times)

    def add(self, milliseconds: float, failed: bool | None, label: str = "") -> None:
        """One request; ``failed`` None: the file does not say. Raises Unreadable for more than can be held."""
        if len(self._run.times) >= _MOST_SAMPLES:
            raise Unreadable(f"has more than {_MOST_SAMPLES:,} samples: give a summary in its place")
        self._run.times.append(milliseconds)
        if failed is None:
            self.unjudged += 1
        elif failed:
            self._run.failures += 1
        if label and (group := self._of(label)) is not None:
            group.times.append(milliseconds)
            group.failures += failed is True

    def span(self, start: float, end: float) -> None:
        """A request was under way from ``start`` to ``end``, in seconds on any clock of the run."""
        self.first = min(self.first, start)
        self.last = max(self.last, end)

    def _of(self, label: str) -> _Group | None:
        """The endpoint that the label names; None for one too many."""
        if label in self._labels:
            return self._labels[label]
        subject = endpoint(label)
        group = self._subjects.get(subject)
        if group is None and len(self._subjects) < MOST_SUBJECTS:
            group = self._subjects[subject] = _Group()
        self._more = self._more or group is None
        if len(self._labels) < _MOST_LABELS:
            self._labels[label] = group
        return group

    @property
    def seconds(self) -> float | None:
        """How long the run took, from the first request to the last answer; None where no time is known."""
        return round(self.last - self.first, 6) if self.last > self.first else None

    def measurements(self, rounding: float = 0.0) -> Iterator[Measurement]:
        """All of the run, then of each endpoint; the times were rounded by at most ``rounding`` ms."""
        # One endpoint says the same as the run.
        groups = [("", self._run), *(sorted(self._subjects.items()) if len(self._subjects) > 1 or self._more else ())]
        for subject, group in groups:
            failures = None if self.unjudged else group.failures
            yield from traffic(len(group.times), failures, self.seconds, tick=self.tick, subject=subject)
            yield from from_rows(group.times, rounding, subject=subject)

    def notes(self) -> Iterator[str]:
        """What of the rows could not be told."""
        if self.unjudged:
            yield f"{self.unjudged:,} of {len(self):,} rows do not say whether the request failed, so there is no error rate"
        if self._more:
            yield f"more than {MOST_SUBJECTS} endpoints: those after the first {MOST_SUBJECTS} count for the run alone"


def from_rows(times: Iterable[float], rounding: float = 0.0, *, subject: str = "") -> Iterator[Measurement]:
    """The latencies of raw times in ms, by nearest rank; each time was rounded by at most ``rounding``."""
    ordered: Sequence[float] = sorted(times)
    if not ordered:
        return
    shown = {share: percentile(ordered, share / 100) for share in (50.0, 75.0, 90.0, 95.0, 99.0)}
    yield from latencies(
        {share: Value.rounded(one, rounding) for share, one in shown.items()},
        samples=len(ordered),
        subject=subject,
        smallest=Value.rounded(ordered[0], rounding),
        mean=Value.rounded(math.fsum(ordered) / len(ordered), rounding),
        largest=Value.rounded(ordered[-1], rounding),
    )


def table(
    source: Opened, needed: Sequence[str], renamed: Mapping[str, str] | None = None, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV with a header, each with the number of its line, by the header's names in small letters.

    ``renamed`` maps what old versions call a column. Raises Unreadable where a column of ``needed`` is missing or a row
    has not as many fields as the header: then the file was cut off.
    """
    rows = csv.reader(source.lines(), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        header = [(renamed or {}).get(name, name) for name in header]
        if missing := [name for name in needed if name not in header]:
            raise Unreadable(f"has no column {missing[0]!r}")
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise Unreadable(
                    f"line {rows.line_num:,} has {len(row)} of {len(header)} fields: it is damaged or cut off"
                )
            yield rows.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise Unreadable(f"line {rows.line_num:,} is not CSV: {error}") from None


def endpoint(label: str) -> str:
    """``label`` without the query, the fragment and the credentials of a URL in it, which may be secret; 200 characters."""
    return _CREDENTIALS.sub("//", re.split(r"[?#]", label, maxsplit=1)[0])[:200].strip()


def iso(seconds: float) -> str:
    """A time in seconds since 1970 as ISO 8601 in UTC; empty where it is no time of our age."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return ""


def epoch(text: str) -> float | None:
    """The seconds since 1970 of an ISO 8601 time with its zone, whatever number of digits its fraction has; else None."""
    try:
        # Python 3.10 reads neither Z nor nine digits
        head, point, tail = text.strip().replace("Z", "+00:00").partition(".")
        if point:
            digits = len(tail) - len(tail.lstrip("0123456789"))
            head += f".{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
        time = datetime.fromisoformat(head)
        return time.timestamp() if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
