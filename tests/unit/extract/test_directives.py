"""Inline answers: where they are seen, and what they speak of."""

from __future__ import annotations

import time

import pytest

from qualitygate.extract.directives import blocks, find_directives
from qualitygate.model.source import Language, Text

PYTHON = Language.PYTHON


def found(content: str, language: Language = PYTHON) -> list[tuple[tuple[str, ...], str, int]]:
    """Checks, reason and target line of every answer."""
    return [(one.checks, one.reason, one.target) for one in find_directives(Text.of(content), language)]


def test_an_answer_on_a_line_speaks_of_it() -> None:
    (one,) = find_directives(Text.of("x = 1\ny = 2  # qgate: ignore[a-b] because\n"), PYTHON)
    assert (one.checks, one.reason, one.target, one.alone) == (("a-b",), "because", 2, False)
    assert (one.span.line, one.span.column, one.span.end_line, one.span.end_column) == (2, 8, 2, 36)


def test_an_answer_alone_on_its_line_speaks_of_the_next_line_that_is_no_comment() -> None:
    assert found("# qgate: ignore[a] one\n# of two lines\nx = 1\n") == [(("a",), "one", 3)]
    assert found("# qgate: ignore[a] one\n  # qgate: ignore[b] two\n  x = 1\n") == [
        (("a",), "one", 3),
        (("b",), "two", 3),
    ]


def test_an_answer_may_name_several_checks_and_a_reason_may_be_missing() -> None:
    assert found("x = 1  # qgate: ignore[a, b,c]") == [(("a", "b", "c"), "", 1)]
    assert found("x = 1  # qgate: ignore[]") == [((), "", 1)]
    assert found("x = 1  # qgate: ignore") == [((), "", 1)]


def test_a_sign_between_bracket_and_reason_is_not_the_reason() -> None:
    assert found("x = 1  # qgate: ignore[a] -- because") == [(("a",), "because", 1)]
    assert found("x = 1  # qgate: ignore[a]:") == [(("a",), "", 1)]


@pytest.mark.parametrize(
    ("written", "reason", "until"),
    [
        ("until=2027-01-31 one report a night", "one report a night", "2027-01-31"),
        ("one report a night (until=2027-01-31)", "one report a night", "2027-01-31"),
        ("until=soon one report", "one report", "soon"),
        ("until= one report", "one report", "?"),
        ("it stays until=x", "it stays", "x"),
        ("open until the new login", "open until the new login", ""),
    ],
)
def test_an_answer_may_have_a_last_day(written: str, reason: str, until: str) -> None:
    (answer,) = find_directives(Text.of(f"x = 1  # qgate: ignore[a] {written}\n"), PYTHON)
    assert (answer.reason, answer.until) == (reason, until)


@pytest.mark.parametrize(
    ("written", "reason", "until", "owner"),
    [
        ("until=2027-01-31 owner=ada one report", "one report", "2027-01-31", "ada"),
        ("one report (owner=ada@example.com, until=2027-01-31)", "one report", "2027-01-31", "ada@example.com"),
        ("owner= one report", "one report", "", ""),
        ("its owner knows", "its owner knows", "", ""),
    ],
)
def test_an_answer_may_have_an_owner(written: str, reason: str, until: str, owner: str) -> None:
    (answer,) = find_directives(Text.of(f"x = 1  # qgate: ignore[a] {written}\n"), PYTHON)
    assert (answer.reason, answer.until, answer.owner) == (reason, until, owner)


def test_an_answer_may_follow_another_comment() -> None:
    assert found("x = 1  # noqa: E501  # qgate: ignore[a] because") == [(("a",), "because", 1)]


@pytest.mark.parametrize(
    "content",
    [
        'x = "# qgate: ignore[a] because"',
        "x = '# qgate: ignore[a] because'",
        '"""\n# qgate: ignore[a] because\n"""',
        "'''\n\\'''\n# qgate: ignore[a] because\n'''",
        'x = r"""\\\n# qgate: ignore[a] because"""',
        '"""never closed\n# qgate: ignore[a] because',
        "x = f'{y}# qgate: ignore[a] because'",
    ],
)
def test_a_text_of_python_holds_no_answers(content: str) -> None:
    assert found(content) == []


@pytest.mark.parametrize(
    "before",
    ["x = 'it''s'", 'x = "\\""', "x = '''a''' + \"\"\"b\"\"\"", 'x = f"{d["k"]}"', "x = 'never closed", "# it's"],
)
def test_a_text_before_an_answer_does_not_hide_it(before: str) -> None:
    assert found(f"{before}\ny = 1  # qgate: ignore[a] because\n") == [(("a",), "because", 2)]


def test_answers_in_sql_stand_in_its_comments() -> None:
    content = (
        "-- qgate: ignore[a] alone\n"
        "SELECT 'it''s -- qgate: ignore[b] no';\n"
        "SELECT 1; -- qgate: ignore[c] line\n"
        "SELECT 2; /* qgate: ignore[d] block */\n"
        "# qgate: ignore[e] no comment here\n"
        'SELECT "-- qgate: ignore[f] no";\n'
    )
    assert found(content, Language.SQL) == [(("a",), "alone", 2), (("c",), "line", 3), (("d",), "block", 4)]


def test_answers_in_yaml_stand_in_its_comments() -> None:
    content = (
        "# qgate: ignore[a] alone\n"
        "key: value # qgate: ignore[b] line\n"
        "url: http://x/#qgate: ignore[c] no\n"
        'text: "# qgate: ignore[d] no"\n'
        "list: [1, # qgate: ignore[e] inside\n"
        "  2]\n"
    )
    assert found(content, Language.YAML) == [(("a",), "alone", 2), (("b",), "line", 2), (("e",), "inside", 5)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("a: 1  # qgate: ignore[x] r\nb: 2\n", [(1, 1)]),
        ("a:  # qgate: ignore[x] r\n  b: 2\n\n# c\n  d: 3\ne: 4\n", [(1, 5)]),
        ("a:  # qgate: ignore[x] r\n- b\n- c: 1\n  d: 2\ne: 4\n", [(1, 4)]),
        ("a:\n- b:  # qgate: ignore[x] r\n    c: 1\n  d: 2\n- e\n", [(2, 4)]),
        ("a:\n  # qgate: ignore[x] r\n  b: |\n    text\n    # text\n  c: 1\n", [(3, 4)]),
        ("a:\r\n  b:  # qgate: ignore[x] r\r\n    c: 1\r\n---\r\nd: 1\r\n", [(2, 3)]),
        ("a: 1\n# qgate: ignore[x] r", []),
    ],
)
def test_a_block_of_yaml_ends_where_its_indentation_does(content: str, found: list[tuple[int, int]]) -> None:
    text = Text.of(content)
    assert list(blocks(text, find_directives(text, Language.YAML))) == found


def test_json_has_no_comments_and_so_no_answers() -> None:
    assert found('{"a": "# qgate: ignore[a] because"}', Language.JSON) == []


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("// qgate: ignore[a] because", 2),
        ("call(); # qgate: ignore[a] because", 1),
        ("call(); /* qgate: ignore[a] because */", 1),
        ("<!-- qgate: ignore[a] because -->", 2),
    ],
)
def test_plain_text_takes_every_kind_of_comment(line: str, target: int) -> None:
    assert found(line, Language.TEXT) == [(("a",), "because", target)]


@pytest.mark.parametrize("language", list(Language))
def test_a_hostile_text_is_read_in_linear_time(language: Language) -> None:
    units = ("'", '"', "'\n", '"""', "\\", "# qgate: ", "/*", "--", "[", "# qgate: ignore[", "f'{", " \t", "<!--")
    for unit in units:
        for text in (f"qgate:{unit * 50_000}", f"# qgate: ignore[a] x{unit * 50_000}y"):
            started = time.perf_counter()
            find_directives(Text.of(text), language)
            # a quadratic reader needs minutes for this, a linear one some milliseconds
            assert time.perf_counter() - started < 2, f"slow on {unit!r}"
