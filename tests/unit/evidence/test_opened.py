"""A file of evidence before its tool is known: packed, cut off, foreign, too large, or not a file at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qualitygate.evidence import read_evidence
from qualitygate.evidence.opened import LARGEST, LARGEST_DOCUMENT, LONGEST_LINE

SAMPLES = Path(__file__).parent / "samples"
Measured = Callable[..., Any]
Refused = Callable[..., str]


@pytest.mark.parametrize("name", ["k6_handleSummary.json", "wrk.txt", "locust_stats.csv"])
def test_a_file_may_be_packed_or_in_the_encoding_of_a_windows_shell(measured: Measured, name: str) -> None:
    content = (SAMPLES / name).read_bytes()
    plain = measured(sample=name).all
    assert measured(gzip.compress(content)).all == plain
    assert measured(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")).all == plain
    assert measured(content.decode().encode("utf-16")).all == plain


def test_what_is_cut_off_or_damaged_is_told_as_such(refused: Refused) -> None:
    content = (SAMPLES / "vegeta_report.json").read_bytes()
    assert "not whole" in refused(content[:-20])
    packed = gzip.compress(content)
    assert "damaged" in refused(packed[:-12])
    assert "damaged" in refused(packed[:60] + b"\x00\x00\x00" + packed[63:])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"PK\x03\x04rest", "is a zip archive"),
        (b"BZh91AY&SY", "is packed by bzip2"),
        (b"hello\n", "is text of no format that qgate reads"),
        (b'{"a": 1}', "is a JSON object of no format"),
        (b"[1, 2]", "is text of no format"),
        (b'[{"a": 1}]', "is a JSON array of no format"),
        (b"<html></html>", "is XML or HTML of no format"),
        (b'{"a": 1}\n{"a": 2}\n', "is JSON, one object a line of no format"),
        (b"\x00\x01\x02\xff\xfe", "is text of no format"),
        (b'{"metrics": ' * 50_000, "nested too deeply"),
    ],
)
def test_a_foreign_file_is_refused_in_one_line(refused: Refused, content: bytes, reason: str) -> None:
    assert reason in refused(content)


def test_the_tool_that_was_expected_must_have_written_it(refused: Refused, measured: Measured) -> None:
    assert refused(path=SAMPLES / "locust_stats.csv", kind="k6") == "is not of k6: it is Locust CSV statistics"
    assert refused(b"hello", kind="k6").endswith(": expected k6")
    assert measured(sample="locust_stats.csv", kind="locust").all


def test_a_file_that_is_too_large_is_not_read(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, LARGEST + 1)
    assert "larger than 1,024 MiB" in refused(path=large)
    assert "JSON of more than 100 MiB" in refused(gzip.compress(b'{"a": "' + b"x" * LARGEST_DOCUMENT + b'"}', 1))
    bomb = b"metric_name,timestamp,metric_value,\n" + b"x" * LONGEST_LINE * 2
    assert "line of more than 4 MiB" in refused(gzip.compress(bomb, 1))
    monkeypatch.setattr("qualitygate.evidence.opened.MOST_LINES", 50_000)
    bomb = b"metric_name,timestamp,metric_value,\n" + b"\n" * 50_000
    assert "more than 50,000 lines" in refused(gzip.compress(bomb, 1))


def test_what_is_no_regular_file_is_refused_and_never_waited_for(refused: Refused, tmp_path: Path) -> None:
    assert refused(path=tmp_path) in ("is not a regular file", "Is a directory", "Permission denied")
    assert refused(path=tmp_path / "nothing") == "No such file or directory"
    assert refused(path=tmp_path / "a\0b") == "has a name that no file can have"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert refused(path=tmp_path / "pipe") == "is not a regular file"


def test_a_path_is_kept_inside_the_repository_where_that_is_asked(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    root.mkdir()
    outside.write_bytes((SAMPLES / "wrk.txt").read_bytes())
    (root / "link").symlink_to(outside)
    (found,) = read_evidence(root / "link", root, inside=True)
    assert getattr(found, "reason", "") == "lies outside the repository"
    (found,) = read_evidence(root / "link", root)
    assert not hasattr(found, "reason")


def test_origin_names_the_file_from_the_root_and_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "wrk.txt"
    path.write_bytes((SAMPLES / "wrk.txt").read_bytes())
    os.utime(path, (1795146500, 1795146500))
    (found,) = read_evidence(path, tmp_path)
    origin = getattr(found, "origin", None)
    assert origin is not None
    assert (origin.path, origin.tool, origin.format) == ("out/wrk.txt", "wrk", "wrk text")
    assert (origin.finished, origin.dated_by) == ("2026-11-20T03:48:20+00:00", "file")
    assert len(origin.sha256) == 64
