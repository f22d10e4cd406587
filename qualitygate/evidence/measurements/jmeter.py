"""In: what JMeter writes: a JTL as CSV or XML, or the dashboard's `statistics.json`. Out: measurements."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from xml.parsers import expat

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic, whole
from qualitygate.evidence.measurements.samples import Samples
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.texts import endpoint, iso
from qualitygate.model.evidence import Measured, Measurement

# JMeter takes both ends of a request in whole milliseconds.
_ROUNDING = 1.0
_DELIMITERS = ",\t;|"
# What a JTL without a header has, by its number of columns: `jmeter.save.saveservice.*` as it is by default.
_BARE = "timestamp elapsed label responsecode responsemessage threadname datatype success failuremessage bytes".split()
_TAILS = {
    16: "grpthreads allthreads url latency idletime connect".split(),
    17: "sentbytes grpthreads allthreads url latency idletime connect".split(),
}
# A transaction is a row beside those of the requests that it consists of.
_TRANSACTION = "Number of samples in transaction"
_NO_ANSWER = "Non HTTP response code"
_DEEPEST = 100
# JMeter adds a run to the file that it finds: hours without a request part one run from the next.
_PAUSE = 3600.0
# Samples that the dashboard computes percentiles from: `jmeter.reportgenerator.statistic_window`.
_WINDOW = 20_000
_LARGEST_TOKEN = 8 << 20


class _Kinds:
    """HTTP requests, and samples of other kinds, which count only where there is no HTTP request."""

    def __init__(self) -> None:
        self.http = Samples()
        self.other = Samples()
        self.transactions = 0
        self.earlier = 0  # samples of runs before the last one
        self.typed = True  # the file tells which samples are HTTP requests
        self.zoned = True  # its times are not of a clock whose zone is not known

    def add(self, *, is_http: bool, start: float | None, elapsed: float, failed: bool | None, label: str) -> None:
        if start is not None:
            last = max(self.http.last, self.other.last)
            if last > 0 and start > last + _PAUSE:
                self.earlier += len(self.http) + len(self.other)
                self.http, self.other, self.transactions = Samples(), Samples(), 0
        samples = self.http if is_http else self.other
        samples.add(elapsed, failed, label)
        if start is not None:
            samples.span(start, start + elapsed / 1000)

    def told(self, source: Opened, form: str) -> Measured:
        samples = self.http if len(self.http) else self.other
        if not len(samples):
            raise Unreadable("holds no sample: JMeter made no request")
        notes = list(samples.notes())
        if samples is self.http and len(self.other):
            notes.append(f"{len(self.other):,} samples are no HTTP requests and do not count")
        if samples is self.other and self.typed:
            notes.append("no sample is an HTTP request: the times are of samplers of another kind")
        if self.transactions:
            notes.append(f"{self.transactions:,} transactions do not count: their requests have rows of their own")
        if self.earlier:
            notes.append(f"{self.earlier:,} samples of earlier runs do not count: JMeter adds to a file that is there")
        if samples.seconds is None:
            notes.append("no time of the samples is understood, so there is no rate by the second")
        origin = source.origin(form, "jmeter", finished=iso(samples.last) if self.zoned else "")
        return Measured(origin, tuple(samples.measurements(_ROUNDING)), tuple(notes))


def _csv(source: Opened) -> Measured:
    first = source.head.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.reader(source.lines(), delimiter=delimiter, strict=True)
    kinds = _Kinds()
    header: list[str] = []
    try:
        for row in rows:
            if not row:
                continue
            if not header:
                header = _header(row)
                kinds.typed = "url" in header
            # where several files were joined it comes again
            if row[0].strip().lower() == header[0]:
                continue
            if len(row) != len(header):
                raise Unreadable(
                    f"line {rows.line_num:,} has {len(row)} of {len(header)} fields: it is damaged or cut off"
                )
            _row(kinds, dict(zip(header, row, strict=True)), rows.line_num)
    except csv.Error as error:
        raise Unreadable(f"line {rows.line_num:,} is not CSV: {error}") from None
    return kinds.told(source, "JMeter JTL (CSV)")


def _header(row: list[str]) -> list[str]:
    """The columns in small letters: those of the file, or the usual ones where it does not name them."""
    if not row[0].isdigit():
        return [name.strip().lower() for name in row]
    tail = _TAILS.get(len(row))
    if tail is None:
        raise Unreadable(f"is a JTL without a header and with {len(row)} columns: have JMeter write the header")
    return [*_BARE, *tail]


def _row(kinds: _Kinds, row: Mapping[str, str], line: int) -> None:
    if row.get("responsemessage", "").startswith(_TRANSACTION):
        kinds.transactions += 1
        return
    code = row.get("responsecode", "")
    kinds.zoned = kinds.zoned and row.get("timestamp", "").isdigit()
    kinds.add(
        is_http="url" not in row or row["url"] not in ("", "null") or code.startswith(_NO_ANSWER),
        start=_time(row.get("timestamp", "")),
        elapsed=number(row["elapsed"], f"elapsed of line {line:,}"),
        failed=_failed(row.get("success", ""), code),
        label=row.get("label", ""),
    )


def _failed(success: str, code: str) -> bool | None:
    """Whether a request failed: as JMeter says, with its assertions, else by the status; None where neither is saved."""
    if (word := success.strip().lower()) in ("true", "false"):
        return word == "false"
    if code.isdigit():
        return not 200 <= int(code) < 400
    return True if code.startswith(_NO_ANSWER) else None


def _time(text: str) -> float | None:
    """Seconds since 1970, from milliseconds, or of a clock of any zone from the usual forms of dates."""
    if text.isdigit() and len(text) < 16:
        return int(text) / 1000
    for form in ("%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp()
        except ValueError:
            continue
    return None


def _xml(source: Opened) -> Measured:
    """Streamed, with no tree: only the outermost HTTP request counts, not what it was redirected to or embeds."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    fed = 0
    try:
        for chunk in source.chunks():
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _LARGEST_TOKEN:
                raise Unreadable(f"has an element of more than {_LARGEST_TOKEN >> 20} MiB")
        parser.Parse(b"", True)
    except (LookupError, ValueError):  # what Python's codecs say to an encoding that the file claims to have
        raise Unreadable("is in an encoding that is not known") from None
    except expat.ExpatError as error:
        raise Unreadable(
            f"line {error.lineno:,} is not XML, or the file is cut off: JMeter writes its end when it stops"
        ) from None
    return reader.kinds.told(source, "JMeter JTL (XML)")


class _Reader:
    def __init__(self) -> None:
        self.kinds = _Kinds()
        self.depth = 0
        self.http = 0  # the depth of the HTTP request that is open
        self.open: list[tuple[dict[str, str], bool]] = []  # samples around, and whether each counts by itself

    def doctype(self, *_: object) -> None:
        raise Unreadable("declares a document type, which JMeter never does: it is not read")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unreadable("is nested too deeply")
        if name == "httpSample" and not self.http:
            self.http = self.depth
            self.open = [(held, False) for held, _ in self.open]
            self._add(attributes, True)
        elif name == "sample":
            self.open = [(held, False) for held, _ in self.open]
            self.open.append((attributes, not self.http))

    def end(self, name: str) -> None:
        if name == "httpSample" and self.http == self.depth:
            self.http = 0
        elif name == "sample" and self.open:
            attributes, alone = self.open.pop()
            if alone and not attributes.get("rm", "").startswith(_TRANSACTION):
                self._add(attributes, False)
            else:
                self.kinds.transactions += not self.http
        self.depth -= 1

    def _add(self, attributes: Mapping[str, str], is_http: bool) -> None:
        failed = _failed(attributes.get("s", ""), attributes.get("rc", ""))
        start = _time(attributes.get("ts", ""))
        elapsed = number(attributes.get("t"), "t of a sample")
        self.kinds.add(is_http=is_http, start=start, elapsed=elapsed, failed=failed, label=attributes.get("lb", ""))


_Number = float | str | None


class _Statistics(msgspec.Struct):
    """One row of the dashboard; what could not be computed is the text `NaN`."""

    sampleCount: int
    errorCount: int
    throughput: _Number = None
    meanResTime: _Number = None
    medianResTime: _Number = None
    minResTime: _Number = None
    maxResTime: _Number = None
    pct1ResTime: _Number = None
    pct2ResTime: _Number = None
    pct3ResTime: _Number = None


def _statistics(source: Opened) -> Measured:
    rows = source.decode(dict[str, _Statistics])
    if not rows["Total"].sampleCount:
        raise Unreadable("holds no sample: JMeter made no request")
    found: list[Measurement] = []
    for label, row in sorted(rows.items(), key=lambda item: item[0] != "Total"):
        if row.sampleCount and (label == "Total" or len(rows) > 2):
            found += _statistic(row, "" if label == "Total" else endpoint(label))
    notes = [
        "p90, p95 and p99 are taken to be pct1, pct2 and pct3, as they are unless `aggregate_rpt_pct*` says otherwise"
    ]
    if rows["Total"].sampleCount > _WINDOW:
        notes.append(
            f"JMeter takes percentiles from the last {_WINDOW:,} samples alone (`statistic_window`): prefer the JTL"
        )
    return Measured(source.origin("JMeter statistics.json", "jmeter"), tuple(found), tuple(notes))


def _statistic(row: _Statistics, subject: str) -> Iterator[Measurement]:
    samples, failures = whole(row.sampleCount, "sampleCount"), whole(row.errorCount, "errorCount")
    rate = number(row.throughput or 0, "throughput")
    yield from traffic(samples, failures, samples / rate if rate else None, subject=subject)
    named = {
        key: Value.rounded(number(value, f"{key} of {subject or 'Total'}"), _ROUNDING)
        for key in (
            "meanResTime",
            "medianResTime",
            "minResTime",
            "maxResTime",
            "pct1ResTime",
            "pct2ResTime",
            "pct3ResTime",
        )
        if (value := getattr(row, key)) is not None
    }
    numbers = {50.0: "medianResTime", 90.0: "pct1ResTime", 95.0: "pct2ResTime", 99.0: "pct3ResTime"}
    yield from latencies(
        {share: named[key] for share, key in numbers.items() if key in named},
        samples=min(samples, _WINDOW),
        subject=subject,
        smallest=named.get("minResTime"),
        mean=named.get("meanResTime"),
        largest=named.get("maxResTime"),
    )


def _is_csv(source: Opened) -> bool:
    first = source.head.partition("\n")[0].strip()
    delimiter = max(_DELIMITERS, key=first.count)
    names = [name.strip('" ').lower() for name in first.split(delimiter)]
    if "elapsed" in names and ("label" in names or "timestamp" in names):
        return True
    # without a header: when it started, how long it took, ..., whether it succeeded
    return (
        len(names) > 8
        and bool(re.fullmatch(r"\d{13}", names[0]))
        and names[1].isdigit()
        and names[7] in ("true", "false")
    )


FORMATS = (
    Format("JMeter JTL (CSV)", "jmeter", _csv, shape=Shape.TEXT, fits=_is_csv),
    Format(
        "JMeter JTL (XML)",
        "jmeter",
        _xml,
        shape=Shape.MARKUP,
        fits=lambda source: re.search(r"<testResults[\s>]", source.head[:4096]) is not None,
    ),
    Format(
        "JMeter statistics.json",
        "jmeter",
        _statistics,
        keys=("Total",),
        fits=lambda source: '"sampleCount"' in source.head,
    ),
)
