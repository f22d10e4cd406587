"""In: an answer of Prometheus to a query, and which metric it holds in which unit. Out: measurements of that metric."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import number
from qualitygate.evidence.measurements.samples import MOST_SUBJECTS
from qualitygate.evidence.opened import Opened, Unreadable, decoded
from qualitygate.evidence.texts import endpoint, iso
from qualitygate.model.evidence import Measured, Measurement, is_metric, is_own, metrics, unit_of
from qualitygate.parse.limit import LimitError, parse_quantity


class _Sample(msgspec.Struct, array_like=True):
    """When, in seconds since 1970, and the number as text."""

    time: float
    value: str


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: _Sample | None = None
    values: list[_Sample] = []


class _Data(msgspec.Struct):
    resultType: str
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    status: str
    data: _Data


class _Failure(msgspec.Struct):
    errorType: str = ""


def _answer(source: Opened) -> Measured:
    answer = source.decode(_Answer)
    if answer.status != "success":
        raise Unreadable("is an answer of Prometheus that says it is no success")
    scale, top = _scale(source.metric, source.unit)
    kind = answer.data.resultType
    if kind in ("scalar", "string"):
        series = [_Series({}, decoded(answer.data.result, _Sample))]
    elif kind in ("vector", "matrix"):
        series = decoded(answer.data.result, list[_Series])
    else:
        raise Unreadable("is an answer of Prometheus of a type that is not known")
    points = [(_subject(one), list(_values(one, scale, top))) for one in series]
    known = [(subject, values) for subject, values in points if values]
    notes = []
    if not series:
        notes.append("the query found nothing: no series has such a name and labels, or none had a sample at that time")
    elif len(known) < len(points):
        notes.append(
            f"{len(points) - len(known):,} of {len(points):,} series hold no number (NaN or Inf): no data there"
        )
    if len(known) > MOST_SUBJECTS:
        notes.append(
            f"more than {MOST_SUBJECTS} series: those after the first {MOST_SUBJECTS} count for the whole alone"
        )
    everything = [value for _, values in known for value in values]
    found = [*_told(source.metric, everything, "", len(known))] if everything else []
    if len(known) > 1:
        for subject, values in known[:MOST_SUBJECTS]:
            found += _told(source.metric, values, subject, 1)
    times = [sample.time for one in series for sample in _samples(one)]
    origin = source.origin("Prometheus answer", "prometheus", finished=iso(max(times)) if times else "")
    return Measured(origin, tuple(found), tuple(notes))


def _told(metric: str, values: list[float], subject: str, series: int) -> Iterator[Measurement]:
    """One number, or bounds for several: of a span of time, or of several series, none is the one that counts."""
    low, high = min(values), max(values)
    if len(values) == 1:
        yield Measurement(metric, low, subject=subject)
        return
    of = f" of {series:,} series" if series > 1 else ""
    note = f"{len(values):,} values{of}: between the smallest and the largest of them"
    yield Measurement(metric, low if low == high else None, low, high, subject=subject, note=note)


def _samples(series: _Series) -> list[_Sample]:
    return [series.value] if series.value else series.values


def _values(series: _Series, scale: float, top: float) -> Iterator[float]:
    for sample in _samples(series):
        try:
            value = float(sample.value)
        except ValueError:
            raise Unreadable("has a text where a number stands in an answer of Prometheus") from None
        if math.isfinite(value):
            scaled = number(value * scale, "value")
            if scaled > top:
                raise Unreadable("has a share of more than 1: say `%` as its unit if it is in percent")
            yield scaled


def _subject(series: _Series) -> str:
    labels = sorted((name, value) for name, value in series.metric.items() if name != "__name__")
    return endpoint(", ".join(f"{name}={value}" for name, value in labels))


def _scale(metric: str, unit: str) -> tuple[float, float]:
    """What a value is multiplied by to be in the unit of ``metric``, and the largest that it may be then."""
    if not metric:
        raise Unreadable("does not say what it measures: name the `metric` (such as http.latency.p95) and its `unit`")
    if is_own(metric):
        return 1.0, math.inf  # its limit is written in the unit of its numbers
    wanted = unit_of(metric)
    if wanted is None or not is_metric(metric):
        raise Unreadable(f"is asked for {metric!r}, which is no metric of qgate; these are: {', '.join(metrics())}")
    if not unit and wanted in ("ms", "s", "ratio"):
        raise Unreadable(
            f"does not say its unit: give `unit`, such as {'s or ms' if wanted != 'ratio' else 'ratio or %'}"
        )
    try:
        return parse_quantity(f"1 {unit or wanted}", wanted), 1.0 if wanted == "ratio" else math.inf
    except LimitError as error:
        raise Unreadable(f"is asked for {metric} in a unit that does not fit: {error}") from None


def _failure(source: Opened) -> Measured:
    kind = source.decode(_Failure).errorType
    raise Unreadable(
        f"is an error that Prometheus answered{f' ({kind[:40]})' if kind.isidentifier() else ''}: mend the query"
    )


FORMATS = (
    Format(
        "Prometheus answer",
        "prometheus",
        _answer,
        keys=("status", "data"),
        fits=lambda source: '"resultType"' in source.head,
    ),
    Format("error of Prometheus", "prometheus", _failure, keys=("status", "errorType")),
)
