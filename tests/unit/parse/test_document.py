"""Places and values of YAML and JSON documents."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualitygate.model.source import Language, Span, Text
from qualitygate.parse.document import Document, Malformed, load, split_pointer


def read(content: str, language: Language = Language.YAML) -> Document:
    (document,) = load(Text.of(content), language)
    return document


def underlined(document: Document, span: Span) -> str:
    text = document.text
    return text.content[text.offset(span.line, span.column) : text.offset(span.end_line, span.end_column)]


def fault(content: str, language: Language = Language.YAML) -> Malformed:
    with pytest.raises(Malformed) as caught:
        list(load(Text.of(content), language))
    return caught.value


def test_keys_and_values_have_places_in_code_points() -> None:
    document = read("paths:\r\n  /größe:\r\n    get: {summary: '😀 ok', tags: [ä, b]}\r\n")
    assert document.span("/paths/~1größe") == Span(2, 3, 2, 9)
    assert document.span("/paths/~1größe/get/tags/1") == Span(3, 38, 3, 39)
    get = document.data["paths"]["/größe"]["get"]
    assert underlined(document, document.value(get, "summary")) == "'😀 ok'"
    assert underlined(document, document.key(get, "tags")) == "tags"


@pytest.mark.parametrize("strange", ["\x85", "\u2028", "\u2029", "\x0c"])
def test_a_character_that_is_no_line_break_to_an_editor_starts_no_line(strange: str) -> None:
    content = json.dumps({"a": f"x{strange}y", "b": 1}, ensure_ascii=False, indent=1)
    if strange == "\x0c":
        content = content.replace("\\f", "\\u000c")
    document = read(content, Language.JSON)
    assert document.data == {"a": f"x{strange}y", "b": 1}
    assert document.span("/b").line == 3


def test_a_block_value_ends_with_its_last_character() -> None:
    document = read("a:\n  b: 1\n\n\nc: |\n  text\n\nd: 2\n")
    assert underlined(document, document.value(document.data, "a")) == "b: 1"
    assert underlined(document, document.value(document.data, "c")) == "|\n  text"


def test_a_pointer_that_leads_nowhere_gives_the_last_place_on_its_way() -> None:
    document = read("a:\n  b: [1, 2]\n")
    assert document.span("/a/x/y") == document.span("/a")
    assert document.span("/a/b/7") == document.span("/a/b")
    assert document.span("").line == 1


def test_the_parts_of_a_pointer_are_unescaped() -> None:
    assert split_pointer("/a~1b/c~01") == ("a/b", "c~1")
    assert split_pointer("") == ()


def test_scalars_follow_yaml_1_2() -> None:
    document = read(
        "on: yes\ntime: 12:30\nday: 2024-01-01\n200: 0o17\nhex: 0x1F\nfloat: 1e3\nnone: ~\nempty:\nyes: true\nquoted: '1'\n"
        "tagged: !!str 12\ncustom: !thing 3\nplus: +1\ndot: .5\nnot: 1_000\n"
    )
    assert document.data == {
        "on": "yes",
        "time": "12:30",
        "day": "2024-01-01",
        "200": 15,
        "hex": 31,
        "float": 1000.0,
        "none": None,
        "empty": None,
        "yes": True,
        "quoted": "1",
        "tagged": "12",
        "custom": 3,
        "plus": 1,
        "dot": 0.5,
        "not": "1_000",
    }


def test_endless_digits_stay_text() -> None:
    assert read("a: " + "9" * 5000).data == {"a": "9" * 5000}


def test_an_alias_shares_what_its_anchor_names_and_a_merge_key_brings_its_keys_with_their_places() -> None:
    document = read("base: &base {x: 1, y: 2}\nuse: *base\nmerged:\n  <<: *base\n  y: 3\n")
    assert document.data["use"] is document.data["base"]
    assert document.data["merged"] == {"x": 1, "y": 3}
    assert document.span("/merged/x").line == 1
    assert document.span("/merged/y").line == 5


def test_a_later_key_wins_and_is_told() -> None:
    document = read("get: 1\nput: 2\nget: 3\n")
    assert document.data == {"get": 3, "put": 2}
    assert document.span("/get").line == 3
    assert document.span("/put").line == 2
    (duplicate,) = document.duplicates
    assert (duplicate.key, duplicate.first.line, duplicate.again.line) == ("get", 1, 3)


def test_a_stream_may_hold_several_documents() -> None:
    documents = list(load(Text.of("a: 1\n---\nb: 2\n---\n- c\n"), Language.YAML))
    assert [document.data for document in documents] == [{"a": 1}, {"b": 2}, ["c"]]
    assert documents[1].span("/b").line == 3


def test_an_empty_file_holds_no_document() -> None:
    assert list(load(Text.of("# nothing\n"), Language.YAML)) == []


def test_json_with_tabs_escapes_and_control_characters_is_read_as_json_reads_it() -> None:
    content = '{\n\t"a":\t"\\ud83d\\ude00 \\\\ud83d \\/",\n\t"b": ["\x7f\x9f", "\\ud800", "\ufeff"]\n}'
    document = read(content, Language.JSON)
    assert document.data == json.loads(content)
    assert document.span("/b/2") == Span(3, 24, 3, 27)
    assert underlined(document, document.key(document.data, "a")) == '"a"'


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? "])
def test_endless_nesting_is_refused_at_once(opening: str) -> None:
    started = time.process_time()
    assert fault(opening * 1_000_000).line == 1
    assert time.process_time() - started < 5


def test_aliases_that_stand_for_a_billion_nodes_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    error = fault("\n".join(lines))
    assert error.bound
    assert "aliases stand for more than 100,000 nodes" in error.reason


def test_merge_keys_cannot_multiply_either() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: *a{n - 1}, b: *a{n - 1}, c: *a{n - 1}}}" for n in range(1, 40)]
    assert fault("\n".join(lines)).bound


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("a: 1\nb: [1,\n", 2, "did not find expected node content"),
        ("a: 1\nb: c: d\n", 2, "mapping values are not allowed"),
        ("a:\n\t- b\n", 2, "cannot start any token"),
        ("a: *b\n", 1, "no anchor"),
        ("a: &b [*b]\n", 1, "inside what it names"),
        ("a: 1\nb: 'x\x01'\n", 2, "U+0001"),
        ("a: 1\n{{ key }}: 2\n", 2, "stands as a key"),
    ],
)
def test_what_is_malformed_is_told_with_its_line(content: str, line: int, reason: str) -> None:
    error = fault(content)
    assert reason in error.reason
    assert error.line == line
    assert not error.bound


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), children),
    max_leaves=20,
)


@given(_JSON, st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_any_json_reads_as_the_standard_library_reads_it(
    value: object, ascii_only: bool, indent: int | str | None
) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert read(content, Language.JSON).data == value


@given(_JSON)
def test_every_value_lies_where_its_place_says(value: object) -> None:
    document = read(json.dumps(value, ensure_ascii=False, indent=1), Language.JSON)

    def visit(node: object) -> None:
        names = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for name in names:
            assert json.loads(underlined(document, document.value(node, name))) == node[name]  # type: ignore[index]
            visit(node[name])  # type: ignore[index]

    visit(document.data)


@pytest.mark.parametrize(
    "value", [{"k" * 3000: [1, -2.5, {"a": {}}, [], None, True, "\t\U0001f600"]}, {"x" * 1100: {"b": 1}}]
)
def test_a_key_may_be_of_any_length(value: object) -> None:
    for indent in (None, "\t"):
        document = read(json.dumps(value, indent=indent), Language.JSON)
        assert document.data == value
    assert document.span("").line == 1


@pytest.mark.parametrize("rest", ["", ",", "]", "}}", ": 1}", "1]", '"x" 1}', '{"a" 1}}', "[1 2]}", "tru}", '"x'])
def test_a_long_key_excuses_no_fault(rest: str) -> None:
    fault('{"' + "k" * 3000 + '": ' + rest, Language.JSON)


def test_without_libyaml_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "a: &x {on: 12:30, 'b': [1, é😀, ~]}\nc:\n  <<: *x\n  d: |\n    text\n---\n- e\n"
    expected = list(load(Text.of(content), Language.YAML))
    monkeypatch.setattr("yaml.__with_libyaml__", False)
    found = list(load(Text.of(content), Language.YAML))
    assert [document.data for document in found] == [document.data for document in expected]
    for pointer in ("/a/b/1", "/c/d", "/c/on"):
        assert found[0].span(pointer) == expected[0].span(pointer)
    assert fault("a: 'x\x01'\n").line == 1
    assert fault("a: [1,\n").line == 1
