"""In: raw requests, one at a time. Out: the measurements of the run and of each of its endpoints."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qualitygate.evidence.measurements.canonical import Value, latencies, traffic
from qualitygate.evidence.opened import Unreadable
from qualitygate.evidence.texts import endpoint
from qualitygate.model.evidence import Measurement
from qualitygate.statistics import percentile

MOST_SUBJECTS = 200
_MOST_LABELS = 10_000
_MOST_SAMPLES = 10_000_000


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
