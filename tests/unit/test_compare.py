"""Which findings of a project are new against those of its base, and which are the same in another place or other words."""

from __future__ import annotations

import time

import msgspec

from qualitygate.compare import Side, compare
from qualitygate.model.finding import Change, Confidence, Domain, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Text

CALL = "value = fetch(address)\n"


def finding(path: str, line: int, subject: str = "fetch", **changes: object) -> Finding:
    place = Place(path, Span(line, 1, line, 5))
    made = Finding(
        "c", Domain.API, Severity.WARNING, Confidence.HIGH, "wrong", place, subject, f"{path}{line}{subject}"
    )
    return msgspec.structs.replace(made, **changes)


def side(texts: dict[str, str], *findings: Finding) -> Side:
    return Side(findings, {path: Text.of(text) for path, text in texts.items()}, frozenset(texts))


def changes(head: Side, base: Side) -> list[Change | None]:
    return [one.change for one in compare(head, base)[0]]


def test_lines_above_a_finding_do_not_make_it_new() -> None:
    head, base = side({"a.py": "\n\n" + CALL}, finding("a.py", 3)), side({"a.py": CALL}, finding("a.py", 1))
    assert changes(head, base) == [Change.UNCHANGED]


def test_of_two_alike_the_one_at_new_code_is_new() -> None:
    head = side({"a.py": "other = fetch(b)\n" + CALL}, finding("a.py", 1), finding("a.py", 2))
    base = side({"a.py": CALL}, finding("a.py", 1))
    assert changes(head, base) == [Change.NEW, Change.UNCHANGED]


def test_a_copy_of_a_fault_is_new() -> None:
    head = side({"a.py": CALL * 2}, finding("a.py", 1), finding("a.py", 2))
    base = side({"a.py": CALL}, finding("a.py", 1))
    assert changes(head, base) == [Change.UNCHANGED, Change.NEW]


def test_other_code_with_the_same_fault_is_changed() -> None:
    head, base = side({"a.py": "x = fetch(y)\n"}, finding("a.py", 1)), side({"a.py": CALL}, finding("a.py", 1))
    assert changes(head, base) == [Change.CHANGED]


def test_a_function_that_was_renamed_brings_nothing_new() -> None:
    head = side({"a.py": CALL}, finding("a.py", 1, "load: fetch"))
    base = side({"a.py": CALL}, finding("a.py", 1, "read: fetch"))
    assert changes(head, base) == [Change.UNCHANGED]


def test_a_file_that_was_renamed_and_edited_is_known_by_its_lines() -> None:
    body = "import net\n\n\ndef read(address):\n    return fetch(address)\n"
    head = side({"new.py": body.replace("fetch(address)", "fetch(address, 1)")}, finding("new.py", 5))
    base = side({"old.py": body, "x.py": "pass\n"}, finding("old.py", 5), finding("x.py", 1, "other"))
    marked, gone = compare(head, base)
    assert [one.change for one in marked] == [Change.CHANGED]
    assert [one.path for one in gone] == ["x.py"]


def test_a_file_with_little_of_another_is_not_that_file() -> None:
    head = side({"new.py": "a\nb\nc\nx = fetch(y)\n"}, finding("new.py", 4))
    base = side({"old.py": "d\ne\nf\n" + CALL}, finding("old.py", 4))
    assert changes(head, base) == [Change.NEW]


def test_code_that_moved_between_two_files_is_known() -> None:
    head = side({"a.py": "pass\n", "b.py": "pass\n" + CALL}, finding("b.py", 2))
    base = side({"a.py": CALL, "b.py": "pass\n"}, finding("a.py", 1))
    marked, gone = compare(head, base)
    assert ([one.change for one in marked], gone) == ([Change.CHANGED], ())


def test_what_weighs_more_than_before_is_new() -> None:
    worse = finding("a.py", 1, severity=Severity.ERROR)
    milder = finding("a.py", 1, severity=Severity.NOTE)
    base = side({"a.py": CALL}, finding("a.py", 1))
    assert changes(side({"a.py": CALL}, worse), base) == [Change.NEW]
    assert changes(side({"a.py": CALL}, milder), base) == [Change.CHANGED]


def test_what_was_answered_in_the_base_did_not_stand_there() -> None:
    answered = finding("a.py", 1, status=Status.SUPPRESSED)
    marked, gone = compare(side({"a.py": CALL}, finding("a.py", 1)), side({"a.py": CALL}, answered))
    assert ([one.change for one in marked], gone) == ([Change.NEW], ())


def test_a_whole_tree_that_moved_is_known_again_and_takes_no_time() -> None:
    files = {f"p{number}/m{number}.py": f"# {number}\n" + CALL * 40 for number in range(400)}
    base = side(files, *(finding(path, 2) for path in files))
    moved = {f"src/{path}": text for path, text in files.items()}
    head = side(moved, *(finding(path, 2, "elsewhere: fetch") for path in moved))
    started = time.process_time()
    assert set(changes(head, base)) == {Change.CHANGED}
    assert time.process_time() - started < 2
