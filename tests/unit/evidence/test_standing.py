"""Results of scanners against a base: which of them the change did not bring."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from qualitygate.evidence.scanners.standing import mark_stood
from qualitygate.model.evidence import Alert, Origin, Scanned

ORIGIN = Origin("report.json", "", "", "tool")


def stood(head: str | None, base: str | None, *alerts: tuple[int, str], path: str = "app.py") -> list[bool]:
    """Whether each alert (line, package) stood, in a file with these contents."""
    scanned = Scanned(ORIGIN, tuple(Alert("R", "high", "m", path, line, package) for line, package in alerts))
    marked = mark_stood(
        scanned,
        lambda _: head.encode() if head is not None else None,
        lambda _: {"app.py": base.encode()} if base is not None else {},
    )
    return [alert.stood for alert in marked.alerts]


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


def test_a_result_in_a_line_that_the_base_has_is_not_new() -> None:
    base = lines("import os", "os.system(a)", "done()")
    head = lines("import os", "import sys", "    os.system(a)", "os.system(b)")
    assert stood(head, base, (3, ""), (4, "")) == [True, False]


def test_of_lines_that_are_alike_as_many_stood_as_the_base_has() -> None:
    base = lines("first", "os.system(a)")
    head = lines("first", "os.system(a)", "other", "os.system(a)")
    assert stood(head, base, (2, ""), (4, "")) == [True, False]


def test_a_line_that_is_the_same_everywhere_tells_nothing() -> None:
    assert stood(lines("a = [", "]", "b = [", "]"), lines("a = [", "]"), (4, "")) == [False]
    base = lines("check(", "{", '"key": "first"')
    head = lines("check(", "{", '"key": "first"', "{", '"key": "second"')
    assert stood(head, base, (2, ""), (4, "")) == [True, False]


def test_all_results_of_an_unchanged_file_stood() -> None:
    assert stood("x\n", "x\n", (0, ""), (1, ""), (9, ""), (1, "django 3.2")) == [True] * 4


@pytest.mark.parametrize("line", [0, 1])
def test_a_result_of_a_whole_file_is_new_where_the_file_changed(line: int) -> None:
    assert stood(lines("first line", "new"), lines("first line"), (line, "")) == [False]


def test_without_a_place_or_without_the_file_in_the_base_a_result_is_new() -> None:
    assert stood("x = 1\n", None, (1, "")) == [False]
    assert stood(None, "x = 1\n", (1, "")) == [False]
    assert stood("x = 1\n", "x = 1\n", (0, "django 3.2"), path="") == [False]


@pytest.mark.parametrize(
    ("base", "package", "expected"),
    [
        ("Django==3.2.0\n", "django 3.2.0", True),
        ("Django==3.2.1\n", "django 3.2.0", False),
        ("django==3.2.0.post1\n", "django 3.2.0", False),
        ("django-rest==3.2.0\n", "django 3.2.0", False),
        ("rest_framework.simplejwt==5.0\n", "rest-framework-simplejwt 5.0", True),
        ('[[package]]\nname = "jinja2"\nversion = "2.4.1"\n', "jinja2 2.4.1", True),
        ('[[package]]\nname = "jinja2"\nversion = "2.4.2"\n', "jinja2 2.4.1", False),
        ('"node_modules/@babel/core": {\n  "version": "7.1.0"\n}', "@babel/core 7.1.0", True),
        ("golang.org/x/net v0.7.0 // indirect\n", "golang.org/x/net 0.7.0", True),
        ("django==3.2.0\n", "django", False),
    ],
)
def test_a_package_stood_where_the_base_names_the_same_version(base: str, package: str, expected: bool) -> None:
    assert stood(f"{base}added==1.0\n", base, (0, package), (1, package)) == [expected, expected]


def test_files_that_are_no_text_are_compared_as_a_whole() -> None:
    scanned = Scanned(ORIGIN, (Alert("R", "high", "m", "app.py", 3),))
    for head, expected in ((b"\0\1", True), (b"\0\2", False)):
        (alert,) = mark_stood(scanned, lambda _, head=head: head, lambda _: {"app.py": b"\0\1"}).alerts
        assert alert.stood is expected


def test_many_files_are_compared_a_few_at_a_time() -> None:
    asked: list[int] = []

    def base(paths: Sequence[str]) -> dict[str, bytes]:
        asked.append(len(paths))
        return dict.fromkeys(paths, b"first\nsecond\n")

    alerts = tuple(Alert("R", "high", "m", f"{number}.py", 2) for number in range(250))
    marked = mark_stood(Scanned(ORIGIN, alerts), lambda _: b"new\nsecond\n", base)
    assert all(alert.stood for alert in marked.alerts)
    assert [alert.path for alert in marked.alerts] == [alert.path for alert in alerts]
    assert asked == [100, 100, 50]
