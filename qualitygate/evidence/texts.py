"""In: the text of a file of evidence. Out: its tables, the times and the endpoints that it names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from qualitygate.evidence.opened import Opened, Unreadable

_CREDENTIALS = re.compile(r"//[^/@\s]{0,200}@")


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
