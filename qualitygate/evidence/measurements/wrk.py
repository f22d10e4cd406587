"""In: what wrk or wrk2 prints. Out: measurements; p95 as bounds, since wrk prints none."""

from __future__ import annotations

import re

from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements.canonical import Value, latencies, number, traffic
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.model.evidence import Measured

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0}
_TIME = r"(\d{1,15}(?:\.\d{1,15})?)(us|ms|s|m|h)"
_TOTAL = re.compile(rf"^[ \t]*(\d{{1,15}}) requests in {_TIME}, ", re.MULTILINE)
_THREADS = re.compile(rf"^[ \t]*Latency[ \t]+{_TIME}[ \t]+\S+[ \t]+{_TIME}[ \t]", re.MULTILINE)
_SHARE = re.compile(rf"^[ \t]*(\d{{2,3}}(?:\.\d{{1,15}})?)%[ \t]+{_TIME}[ \t]*$", re.MULTILINE)
_SOCKET = re.compile(r"Socket errors: connect (\d{1,15}), read (\d{1,15}), write (\d{1,15}), timeout (\d{1,15})")
_STATUS = re.compile(r"Non-2xx or 3xx responses: (\d{1,15})")
_RATE = re.compile(r"^Requests/sec:[ \t]+(\d{1,15}\.\d{1,15})", re.MULTILINE)
# wrk2 prints the whole curve in ms: value, share, count
_CURVE = re.compile(r"^[ \t]*(\d{1,15}\.\d{1,15})[ \t]+(0\.\d{1,15})[ \t]+\d{1,15}[ \t]", re.MULTILINE)

# of requests whose time counts: wrk2 leaves out those of its calibration
_TIMED = re.compile(r"^#\[Max [^\n\]]{0,80}Total count[ \t]*=[ \t]*(\d{1,15})\]", re.MULTILINE)


def _text(source: Opened) -> Measured:
    text = source.text()
    total = _TOTAL.search(text)
    if total is None:
        raise Unreadable("is the output of wrk without its `requests in` line: it is cut off")
    answers, seconds = int(total[1]), _time(total[2], total[3]).value / 1000
    connect, read, write, timeout = _socket(text)
    if (rate := _RATE.search(text)) and float(rate[1]):
        seconds = answers / float(rate[1])  # the time is printed with fewer digits
    status = _STATUS.search(text)
    sent = answers + connect + read + write
    failures = connect + read + write + (int(status[1]) if status else 0)
    if not sent:
        raise Unreadable("holds no request: wrk made none")
    failures = min(failures, sent)
    note = f"{timeout:,} timeouts: wrk counts a request anew whenever it looks and finds it late" if timeout else ""
    found = [*traffic(sent, failures, seconds, most_failures=failures + timeout, note=note)]
    # with --u_latency wrk2 prints a second distribution, of times that do not count the waiting: the first one counts
    shares = {float(share): _time(value, unit) for share, value, unit in reversed(_SHARE.findall(text))}
    curve = {
        round(float(share) * 100, 6): Value.rounded(number(value, "percentile"), 0.0005)
        for value, share in reversed(_CURVE.findall(text))
    }
    largest = shares.pop(100.0, None)
    thread = _THREADS.search(text)
    mean = None
    if thread is not None:
        mean = _time(thread[1], thread[2])
        largest = largest or _time(thread[3], thread[4])
    timed = _TIMED.search(text)
    notes = () if shares else ("no percentiles: run wrk with `--latency`",)
    if answers:
        found += latencies(shares, samples=int(timed[1]) if timed else answers, mean=mean, largest=largest, curve=curve)
    return Measured(source.origin("wrk text", "wrk"), tuple(found), notes)


def _socket(text: str) -> tuple[int, int, int, int]:
    match = _SOCKET.search(text)
    return (int(match[1]), int(match[2]), int(match[3]), int(match[4])) if match else (0, 0, 0, 0)


def _time(value: str, unit: str) -> Value:
    """A time with its unit, in ms; it was rounded to the last digit that is printed."""
    digits = len(value.partition(".")[2])
    return Value.rounded(number(value, "time") * _UNITS[unit], 0.5 * 10**-digits * _UNITS[unit])


FORMATS = (
    Format(
        "wrk text",
        "wrk",
        _text,
        shape=Shape.TEXT,
        fits=lambda source: " threads and " in source.head and "Thread Stats" in source.head,
    ),
)
