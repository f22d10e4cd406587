"""In: what was read of files of evidence. Out: it as text or JSON, with what was not understood; nothing is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from qualitygate.model.evidence import Evidence, Measured, Measurement, Origin, Proof, Scanned, Unusable, unit_of
from qualitygate.report.display import Palette, pad, visible, width
from qualitygate.report.json import SCHEMA_VERSION, encoded
from qualitygate.statistics import minimum_samples, upper_rate

_SEVERITIES = ("critical", "high", "medium", "low", "note")
# Whether a base has it too is not known here.
_ALERT = ("rule", "severity", "message", "path", "line", "package", "fingerprint")
_PRINTED = ("p50", "p95", "p99", "max")
_SUBJECTS = 20
_WIDEST = 60
_TELLING = 0.01  # how far apart, of the value, bounds are before they are worth a word


def render_json(found: Sequence[Evidence], version: str) -> bytes:
    """What was understood as UTF-8 JSON, in the form of ``schemas/evidence-1.json``."""
    return encoded(
        {
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "qgate", "version": version},
            "files": [_document(one) for one in found],
        }
    )


def _document(evidence: Evidence) -> dict[str, Any]:
    if isinstance(evidence, Unusable):
        return {"path": evidence.path, "understood": False, "reason": evidence.reason}
    known = {"path": evidence.origin.path, "understood": True, "origin": msgspec.to_builtins(evidence.origin)}
    if isinstance(evidence, Measured):
        rows = [{**msgspec.to_builtins(one), "unit": unit_of(one.metric)} for one in evidence.measurements]
        return {**known, "measurements": rows, "notes": list(evidence.notes)}
    if isinstance(evidence, Proof):
        return {**known, "findings": len(evidence.findings), "examined": dict(sorted(evidence.examined.items()))}
    return {
        **known,
        "alerts": [{name: getattr(one, name) for name in _ALERT} for one in evidence.alerts],
        "skipped": list(evidence.skipped),
        "fault": evidence.fault,
        "notes": list(evidence.notes),
    }


def render_text(found: Sequence[Evidence], *, verbose: bool = False, color: bool = False) -> str:
    """What was understood, a block for each file; ``verbose`` shows every number of every endpoint and every result."""
    paint = Palette(color)
    return "\n\n".join("\n".join(_block(one, verbose, paint)) for one in found) + "\n"


def _block(evidence: Evidence, verbose: bool, paint: Palette) -> Iterator[str]:
    if isinstance(evidence, Unusable):
        yield f"{paint.strong(visible(evidence.path))}: {paint.error('not understood')}"
        yield f"  it {visible(evidence.reason)}"
        return
    origin = evidence.origin
    yield f"{paint.strong(visible(origin.path))}: {visible(_named(origin))}"
    yield f"  {_dated(origin)}"
    if isinstance(evidence, Measured):
        yield from _measurements(evidence.measurements, verbose)
    elif isinstance(evidence, Proof):
        yield f"  {len(evidence.findings):,} findings; {len(evidence.examined):,} checks ran"
        return
    else:
        yield from _alerts(evidence, verbose, paint)
    for note in evidence.notes:
        yield f"  {paint.note('note')}: {visible(note)}"


def _named(origin: Origin) -> str:
    version = f" {origin.version}" if origin.version else ""
    tool = "" if origin.format.lower().startswith(origin.tool.lower()) else f" of {origin.tool}"
    return f"{origin.format}{tool}{version}"


def _dated(origin: Origin) -> str:
    when = origin.finished.replace("T", " ").replace("+00:00", " UTC")
    commit = f"; commit {origin.commit[:12]}" if origin.commit else ""
    if origin.dated_by == "content":
        return f"the run ended {visible(when)}{commit}"
    return f"the file was written {visible(when)}; it does not say when the run ended{commit}"


def _measurements(found: Iterable[Measurement], verbose: bool) -> Iterator[str]:
    by_subject: dict[str, list[Measurement]] = {}
    for one in found:
        by_subject.setdefault(one.subject, []).append(one)
    if not by_subject:
        yield "  no numbers"
    run = by_subject.pop("", [])
    yield from _numbers(run)
    if verbose:
        for subject, numbers in by_subject.items():
            yield f"  {visible(subject)}"
            yield from _numbers(numbers, "    ")
    elif by_subject:
        yield ""
        yield from _table([_short(subject, numbers) for subject, numbers in [*by_subject.items()][:_SUBJECTS]])
        if len(by_subject) > _SUBJECTS:
            yield f"  ... and {len(by_subject) - _SUBJECTS:,} more (-v shows them)"


def _numbers(found: Sequence[Measurement], indent: str = "  ") -> Iterator[str]:
    columns = max((len(one.metric) for one in found), default=0)
    shown = [_value(one) for one in found]
    values = max(map(width, shown), default=0)
    for one, value in zip(found, shown, strict=True):
        remark = _remark(one)
        yield f"{indent}{pad(one.metric, columns)}  {pad(value, values) if remark else value}{f'  {remark}' if remark else ''}"


def _value(one: Measurement) -> str:
    unit = unit_of(one.metric) or ""
    if one.value is None:
        return f"{_number(one.low, unit)} to {_number(one.high, unit)}"
    return _number(one.value, unit)


def _number(value: float | None, unit: str) -> str:
    """Four digits that tell, and no more than the number has; shares in percent."""
    if value is None:
        return "?"
    if unit == "ratio":
        return f"{100 * value:.4g} %"
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


def _remark(one: Measurement) -> str:
    parts = []
    unit = unit_of(one.metric) or ""
    if one.metric == "http.error_rate" and one.samples is not None and one.failures is not None:
        parts.append(f"{one.failures:,} of {one.samples:,} failed")
        parts.append(f"under {_number(upper_rate(one.failures, one.samples), unit)} with 95 % confidence")
    share = _share(one.metric)
    if share is not None and one.samples is not None and one.samples < (needed := minimum_samples(share)):
        parts.append(f"{one.samples:,} samples, and it takes {needed:,}")
    if one.value and one.low is not None and one.high is not None and one.high - one.low > _TELLING * one.value:
        parts.append(f"{_number(one.low, unit)} to {_number(one.high, unit)}")
    if one.note:
        parts.append(visible(one.note))
    return "; ".join(parts)


def _share(metric: str) -> float | None:
    """The share of a percentile above the half (`http.latency.p95`: 0.95); None for any other metric."""
    name = metric.rpartition(".p")[2] if ".p" in metric else ""
    try:
        share = float(name) / 100
    except ValueError:
        return None
    return share if 0.5 < share < 1 else None


def _short(subject: str, found: Sequence[Measurement]) -> tuple[str, ...]:
    by_name = {one.metric: one for one in found}
    rate = by_name.get("http.error_rate")
    times = [next((one for one in found if one.metric.endswith(f".{name}")), None) for name in _PRINTED]
    requests = by_name.get("http.requests")
    name = visible(subject)
    return (
        name if width(name) <= _WIDEST else f"{name[: _WIDEST - 3]}...",
        _value(requests) if requests else "",
        _value(rate) if rate else "",
        *("" if one is None else _value(one) for one in times),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    whole = [("", "requests", "failed", *_PRINTED), *rows]
    used = [column for column in range(len(whole[0])) if any(row[column] for row in rows)]
    widths = {column: max(width(row[column]) for row in whole) for column in used}
    for row in whole:
        cells = [pad(row[0], widths[0]), *(" " * (widths[one] - width(row[one])) + row[one] for one in used if one)]
        yield ("  " + "  ".join(cells)).rstrip()


def _alerts(scanned: Scanned, verbose: bool, paint: Palette) -> Iterator[str]:
    counts = Counter(one.severity for one in scanned.alerts)
    told = ", ".join(f"{counts[severity]:,} {severity}" for severity in _SEVERITIES if counts[severity])
    yield f"  {len(scanned.alerts):,} results{f': {told}' if told else ''}"
    if verbose:
        for one in scanned.alerts:
            place = f"{one.path}:{one.line}" if one.path and one.line else one.path or one.package
            yield f"  {one.severity}  {visible(one.rule)}  {visible(place)}  {visible(one.message)}"
    if scanned.fault:
        yield f"  {paint.error('fault')}: {visible(scanned.fault)}"
    if scanned.skipped:
        names = [visible(one) for one in scanned.skipped]
        more = f" and {len(names) - 5:,} more" if len(names) > 5 and not verbose else ""
        yield f"  not looked at: {', '.join(names if verbose else names[:5])}{more}"
