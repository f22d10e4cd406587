"""In: what k6 writes: a summary in one of its three forms, or raw points as JSON lines or CSV. Out: measurements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.measurements.samples import Samples
from qualitygate.evidence.opened import Opened, Shape, Unreadable, decoded
from qualitygate.evidence.texts import endpoint, epoch, iso, table
from qualitygate.model.evidence import Measured, Measurement, Origin

_PERCENTILE = re.compile(r"p\(?(\d{1,2}(?:\.\d{1,4})?)\)?$")
_DURATION, _REQUESTS, _FAILED = "http_req_duration", "http_reqs", "http_req_failed"
# Every run of k6 has these, whatever it does.
_ALWAYS = frozenset({"iterations", "vus", "vus_max", "data_sent", "data_received", _REQUESTS, _DURATION})
_Number = int | float | None
_Values = Mapping[str, _Number]


class _Metric(msgspec.Struct):
    """A metric of `handleSummary`. How its thresholds ended is not read: `--summary-export` writes that inverted."""

    values: dict[str, _Number]
    thresholds: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _State(msgspec.Struct):
    testRunDurationMs: float | None = None


class _Summary(msgspec.Struct):
    metrics: dict[str, _Metric]
    state: _State = msgspec.field(default_factory=_State)


class _Exported(msgspec.Struct):
    metrics: dict[str, dict[str, msgspec.Raw]]


class _Named(msgspec.Struct):
    name: str
    values: dict[str, _Number]


class _Count(msgspec.Struct):
    name: str
    passes: int = 0
    fails: int = 0


class _Checks(msgspec.Struct):
    results: list[_Count] = msgspec.field(default_factory=list)


class _Results(msgspec.Struct):
    metrics: list[_Named]
    checks: _Checks | None = None


class _Metadata(msgspec.Struct):
    generated_at: str = ""
    k6_version: str = ""


class _Config(msgspec.Struct):
    """`script`, the text of the whole test with all its secrets, is passed over."""

    duration: float


class _Machine(msgspec.Struct):
    results: _Results
    config: _Config
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Data(msgspec.Struct):
    time: str
    value: float
    tags: dict[str, str] | None = None


class _Point(msgspec.Struct):
    type: str
    metric: str
    data: msgspec.Raw


def _handle_summary(source: Opened) -> Measured:
    summary = source.decode(_Summary)
    metrics = {name: metric.values for name, metric in summary.metrics.items()}
    seconds = None
    if summary.state.testRunDurationMs is not None:
        seconds = number(summary.state.testRunDurationMs, "testRunDurationMs") / 1000
    limits = any(metric.thresholds is not msgspec.UNSET for metric in summary.metrics.values())
    return _told(source.origin("k6 handleSummary", "k6"), metrics, seconds, limits)


def _summary_export(source: Opened) -> Measured:
    exported = source.decode(_Exported).metrics
    metrics: dict[str, _Values] = {}
    for name, values in exported.items():
        metrics[name] = {
            # the share of a rate is called `value` here, `rate` elsewhere
            "rate" if key == "value" else key: decoded(raw, float)
            for key, raw in values.items()
            if bytes(raw)[:1] in (b"-", *(b"%d" % digit for digit in range(10)))
        }
    limits = any("thresholds" in values for values in exported.values())
    return _told(source.origin("k6 --summary-export", "k6"), metrics, None, limits)


def _machine_readable(source: Opened) -> Measured:
    document = source.decode(_Machine)
    metrics: dict[str, _Values] = {metric.name: metric.values for metric in document.results.metrics}
    if document.results.checks is not None:
        counts = document.results.checks.results
        metrics["checks"] = {"passes": sum(one.passes for one in counts), "fails": sum(one.fails for one in counts)}
    finished = epoch(document.metadata.generated_at)
    origin = source.origin(
        "k6 machine-readable summary",
        "k6",
        version=document.metadata.k6_version,
        finished="" if finished is None else iso(finished),
    )
    return _told(origin, metrics, number(document.config.duration, "config.duration"), False)


def _told(origin: Origin, metrics: Mapping[str, _Values], seconds: float | None, limits: bool) -> Measured:
    """The measurements of a summary, whatever form it had; ``limits``: it holds thresholds of k6."""
    total = metrics.get(_REQUESTS, {})
    if seconds is None and total.get("rate") and total.get("count"):
        seconds = number(total["count"], "count of http_reqs") / number(total["rate"], "rate of http_reqs")
    subjects = {
        subject for name in metrics for base, subject in (_split(name),) if base in (_DURATION, _REQUESTS, _FAILED)
    }
    if "" not in subjects:
        raise Unreadable(f"is a summary of k6 without {_DURATION}: it measured no HTTP request")
    found = [one for subject in sorted(subjects) for one in _subject(metrics, subject, seconds)]
    return Measured(origin, tuple(found), tuple(_notes(metrics, limits)))


def _subject(metrics: Mapping[str, _Values], subject: str, seconds: float | None) -> Iterator[Measurement]:
    """What is said of one sub-metric (`http_req_duration{name:orders}`), or of the run, whose subject is empty."""

    def of(metric: str) -> _Values:
        return metrics.get(f"{metric}{{{subject}}}" if subject else metric, {})

    duration, failed, requests = of(_DURATION), of(_FAILED), of(_REQUESTS)
    failures, judged = _failures(failed)
    count = next((one for one in (requests.get("count"), judged, duration.get("count")) if one is not None), None)
    samples = None if count is None else whole(count, "count of http_reqs")
    if samples == 0:
        if not subject:
            raise Unreadable("is a summary of k6 in which no HTTP request was made")
        return
    label = endpoint(subject)
    if samples is not None:
        yield from traffic(samples, failures, seconds, subject=label)
    elif failed.get("rate") is not None:
        yield Measurement("http.error_rate", number(failed["rate"], "rate of http_req_failed"), subject=label)
    shares = {
        float(match[1]): Value(number(value, f"{key} of http_req_duration"))
        for key, value in duration.items()
        if (match := _PERCENTILE.match(key)) and value is not None
    }
    named = {
        key: Value(number(value, f"{key} of http_req_duration"))
        for key in ("med", "min", "avg", "max")
        if (value := duration.get(key)) is not None
    }
    if "med" in named:
        shares[50.0] = named["med"]
    smallest, mean, largest = named.get("min"), named.get("avg"), named.get("max")
    yield from latencies(shares, samples=samples, subject=label, smallest=smallest, mean=mean, largest=largest)


def _failures(values: _Values) -> tuple[int | None, int | None]:
    """How many requests failed, of how many: `passes` of this metric are the failed ones, since it counts what is true."""
    if (passes := values.get("passes")) is not None and (fails := values.get("fails")) is not None:
        failures = whole(passes, "passes of http_req_failed")
        return failures, failures + whole(fails, "fails of http_req_failed")
    if (matches := values.get("matches")) is not None and (total := values.get("total")) is not None:
        return whole(matches, "matches of http_req_failed"), whole(total, "total of http_req_failed")
    return None, None


def _notes(metrics: Mapping[str, _Values], limits: bool) -> Iterator[str]:
    if _FAILED not in metrics:
        yield "no http_req_failed, so there is no error rate: k6 before 0.31 does not write it"
    if (fails := metrics.get("checks", {}).get("fails")) and (passes := metrics["checks"].get("passes")) is not None:
        failed = whole(fails, "fails of checks")
        yield f"{failed:,} of {failed + whole(passes, 'passes of checks'):,} checks of k6 failed; the error rate counts requests alone"
    if dropped := metrics.get("dropped_iterations", {}).get("count"):
        yield f"k6 dropped {whole(dropped, 'count of dropped_iterations'):,} iterations: it did not offer the rate asked for"
    if limits:
        yield "thresholds of k6 are not read: conditions of the gate judge the numbers"


def _split(name: str) -> tuple[str, str]:
    """The metric and what stands in the braces after it."""
    base, brace, rest = name.partition("{")
    return base, rest[:-1] if brace and rest.endswith("}") else ""


def _points(source: Opened) -> Measured:
    samples = Samples()
    last = -1.0
    for place, line in enumerate(source.lines(), 1):
        # Most lines are of metrics that are not asked for.
        if _DURATION not in line and line.startswith("{") and line.endswith("}"):
            continue
        if not line.strip():
            continue
        try:
            point = decoded(line.encode(), _Point)
            if point.type != "Point" or point.metric != _DURATION:
                continue
            data = decoded(point.data, _Data)
        except Unreadable as error:
            raise Unreadable(f"line {place:,} {error}") from None
        tags = data.tags or {}
        last = max(last, _sample(samples, place, data.time, data.value, tags))
    return _raw(source, "k6 JSON lines", samples, last)


def _rows(source: Opened) -> Measured:
    samples = Samples()
    last = -1.0
    for line, row in table(source, ("metric_name", "timestamp", "metric_value")):
        if row["metric_name"] == _DURATION:
            value = number(row["metric_value"], f"metric_value of line {line:,}")
            last = max(last, _sample(samples, line, row["timestamp"], value, row))
    return _raw(source, "k6 CSV", samples, last)


def _sample(samples: Samples, place: int, time: str, milliseconds: float, tags: Mapping[str, str]) -> float:
    """Add one point; returns when the request ended, in seconds since 1970."""
    value = number(milliseconds, f"value in line {place:,}")
    failed: bool | None = None
    if expected := tags.get("expected_response"):
        failed = expected != "true"
    elif (status := tags.get("status", "")).isdigit():
        failed = not 200 <= int(status) < 400
    if time.isdigit():
        # `K6_CSV_TIME_FORMAT`: seconds, milliseconds, microseconds or nanoseconds
        unit = 10 ** (3 * max(0, (len(time) - 10 + 2) // 3))
        if unit == 1:
            samples.tick = 1.0
        end: float | None = number(time, f"time in line {place:,}") / unit
    else:
        end = epoch(time)
    if end is None:
        raise Unreadable(f"line {place:,} has no time that is understood")
    samples.add(value, failed, f"{tags.get('method', '')} {tags.get('name', '')}".strip())
    samples.span(end - value / 1000, end)
    return end


def _raw(source: Opened, form: str, samples: Samples, last: float) -> Measured:
    if not len(samples):
        raise Unreadable(f"has no point of {_DURATION}: k6 measured no HTTP request")
    origin = source.origin(form, "k6", finished=iso(last))
    return Measured(origin, tuple(samples.measurements()), tuple(samples.notes()))


def _printed(source: Opened) -> Measured:
    raise Unreadable("is what k6 prints: let it write a summary (`k6 run --summary-export=k6.json`, or handleSummary)")


def _has_metrics(source: Opened, nested: bool) -> bool:
    try:
        metrics = source.decode(_Exported).metrics
    except Unreadable:
        return False
    bases = {_split(name)[0] for name in metrics}
    return bool(bases & _ALWAYS) and any("values" in values for values in metrics.values()) is nested


FORMATS = (
    Format(
        "k6 handleSummary", "k6", _handle_summary, keys=("metrics",), fits=lambda source: _has_metrics(source, True)
    ),
    Format(
        "k6 --summary-export", "k6", _summary_export, keys=("metrics",), fits=lambda source: _has_metrics(source, False)
    ),
    Format("k6 machine-readable summary", "k6", _machine_readable, keys=("results", "config", "version", "metadata")),
    Format(
        "k6 JSON lines",
        "k6",
        _points,
        shape=Shape.LINES,
        fits=lambda source: (
            re.match(r'\s*\{(?=[^\n]*"metric":)[^\n]*"type":"(?:Metric|Point)"', source.head) is not None
        ),
    ),
    Format(
        "k6 CSV",
        "k6",
        _rows,
        shape=Shape.TEXT,
        fits=lambda source: source.head.startswith("metric_name,timestamp,metric_value,"),
    ),
    Format(
        "text of k6",
        "k6",
        _printed,
        shape=Shape.TEXT,
        fits=lambda source: "http_req_duration." in source.head or "iteration_duration." in source.head,
    ),
)
