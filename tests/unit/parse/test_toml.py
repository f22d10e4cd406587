"""TOML with the line of every key and item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualitygate.parse.toml import TomlError, read_toml

TEXT = b"""\
a = 1
"b.c" = [1, 2,
  { x = "]", y.z = [ [], "a,b" ] }, # c
  \"\"\"m
  x = 1
  \"\"\", 1979-05-27 07:32:00,
]
[t.u]
k = 'v' # ]
[[arr]]
n = 1
[arr.sub]
q = {}
[[arr]]
n = 2
[t]
w = []
e.f = 1
"""


def test_every_key_and_item_has_its_line() -> None:
    lines = read_toml(TEXT).lines
    assert {key: line for key, line in lines.items() if key != ("arr",)} == {
        ("a",): 1,
        ("b.c",): 2,
        ("b.c", 0): 2,
        ("b.c", 1): 2,
        ("b.c", 2): 3,
        ("b.c", 2, "x"): 3,
        ("b.c", 2, "y"): 3,
        ("b.c", 2, "y", "z"): 3,
        ("b.c", 2, "y", "z", 0): 3,
        ("b.c", 2, "y", "z", 1): 3,
        ("b.c", 3): 4,
        ("b.c", 4): 6,
        ("t",): 16,
        ("t", "u"): 8,
        ("t", "u", "k"): 9,
        ("arr", 0): 10,
        ("arr", 0, "n"): 11,
        ("arr", 0, "sub"): 12,
        ("arr", 0, "sub", "q"): 13,
        ("arr", 1): 14,
        ("arr", 1, "n"): 15,
        ("t", "w"): 17,
        ("t", "e"): 18,
        ("t", "e", "f"): 18,
    }


def test_a_key_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    document = read_toml(TEXT)
    assert document.line(("t", "u", "missing")) == 8
    assert document.line(("missing",)) == 0


def test_lines_count_the_same_with_windows_line_ends_and_a_byte_order_mark() -> None:
    assert read_toml(b"\xef\xbb\xbf" + TEXT.replace(b"\n", b"\r\n")).lines == read_toml(TEXT).lines


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a = ", 1),
        (b"x = 1\nx = 2\n", 2),
        (b"x = 1\n\xff\n", 2),
        (b"a = " + b"[" * 100_000, 0),
        (b"a = " + b"9" * 10_000, 1),
        (b"x = 1\ny = '''\nz", 3),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(data: bytes, line: int) -> None:
    with pytest.raises(TomlError) as told:
        read_toml(data)
    assert told.value.line == line
    assert told.value.reason


def keys(value: object, path: tuple[object, ...] = ()) -> set[tuple[object, ...]]:
    found = {path} if path else set()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found |= keys(item, (*path, key))
    return found


def array(items: list[str]) -> str:
    return "[" + ", # c ]\n ".join(items) + ("\n]" if items else "]")


def inline(items: list[str]) -> str:
    return "{ " + ", ".join(f'k{number}."q.{number}" = {item}' for number, item in enumerate(items)) + " }"


VALUES = st.recursive(
    st.one_of(
        st.integers(-9, 9).map(str),
        st.sampled_from(['"a]b"', "'x # y'", '"""m\n\\""" n"""', "'''\n'']'''", "true", "1.5", "2020-01-01"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3).map(array), st.lists(inner, max_size=3).map(inline)),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=4))
def test_every_key_of_any_document_has_a_line(values: list[str]) -> None:
    text = "".join(f"# [x]\n[t{number}]\n a.b = {value}\n" for number, value in enumerate(values))
    try:
        document = read_toml(text.encode())
    except TomlError:
        # Line breaks inside an inline table are not allowed before TOML 1.1.
        return
    assert keys(document.data) == set(document.lines)
