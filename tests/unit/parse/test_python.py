"""Places and the neutral form of Python, on text that is awkward to count in."""

from __future__ import annotations

import gc
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from qualitygate.model import syntax as ir
from qualitygate.model.source import Language, Span, Text
from qualitygate.parse.python import parse_python
from qualitygate.parse.python_fast import read_module, read_remarks
from qualitygate.parse.python_limits import MAX_CHAIN, MAX_NESTING, PythonSyntaxError
from qualitygate.parse.text import decode

AWKWARD = {
    "plain": "import os\n\ndef f(a):\n    return g(a, b=1)\n",
    "tabs": "def f():\n\tif x:\n\t\treturn g(\n\t\t\t'a',\tb\n\t\t)\n",
    "carriage returns and line feeds": "x = 1\r\ndef f():\r\n    return g('a')\r\n",
    "lone carriage returns": "x = 1\rdef f():\r    return g('a')\r",
    "letters beyond ASCII": "größe = 'é😀'; f(größe, '漢字')\ndef ß():\n    return h('😀')\n",
    "form feeds": "x = 1\n\x0c\ndef f():\n    return g(1)\n\x0cy = f()\n",
    "line separators in a string": "x = 'a\u2028b\x85c'\ny = f(x)\n",
    "a backslash at the end": "x = 1 + \\\n    f(2)\n",
    "parentheses and comments": "x = (  # why\n    f(1)\n    .g(2)\n)\n",
    "decorators": "@a.b(1)\n@c\nasync def f(): return await g()\n\nclass D(E, metaclass=F):\n    @property\n    def h(self): ...\n",
    "no newline at the end": "def f():\n    return g()",
    "semicolons": "a = f(1); b = g(2)\nif a: h(3); i(4)\n",
}


AS_WRITTEN = [content for content in AWKWARD.values() if cst.parse_module(content).code == content]


@pytest.mark.parametrize("content", AS_WRITTEN)
def test_places_agree_with_the_metadata_of_the_parser(content: str) -> None:
    parsed = parse_python(Text.of(content))
    wrapper = MetadataWrapper(parsed.tree, unsafe_skip_copy=True)
    ranges = wrapper.resolve(PositionProvider)
    compared = 0
    for node, expected in ranges.items():
        if isinstance(node, (cst.Call, cst.Name, cst.SimpleString, cst.FunctionDef, cst.ClassDef, cst.Return, cst.If)):
            span = parsed.span(node)
            assert span == Span(
                expected.start.line, expected.start.column + 1, expected.end.line, expected.end.column + 1
            ), type(node).__name__
            compared += 1
    assert compared > 2


def test_a_byte_order_mark_is_no_column() -> None:
    text = decode(b"\xef\xbb\xbff(1)\n", Language.PYTHON)
    module = parse_python(text).module()
    (statement,) = module.body
    assert isinstance(statement, ir.Evaluate)
    assert statement.span == Span(1, 1, 1, 5)


def test_a_declared_encoding_decides_over_the_columns() -> None:
    text = decode("# -*- coding: latin-1 -*-\nname = 'é'; f(name)\n".encode("latin-1"), Language.PYTHON)
    calls = [s for s in parse_python(text).module().body if isinstance(s, ir.Evaluate)]
    assert calls[0].span == Span(2, 13, 2, 20)


def module(content: str) -> ir.Module:
    """The neutral form, the same by both parsers where the running Python can parse the text."""
    text = Text.of(content)
    module = parse_python(text).module()
    fast = read_module(text)
    assert fast is None or fast.module == module
    return module


SNIPPETS = {
    **AWKWARD,
    "tuples": "a = ()\nb = (1,)\nc = 1, 2\nd = ((1, 2), (f(), *g))\nfor x, (y, z) in h: del x, y\nreturn_ = lambda *a, b=(1, 2): (a, b)\n",
    "generators": "f(x for x in y)\ng = (x for x in (1, 2) if x)\nh((x for x in y), 1)\n",
    "subscripts": "a[1]; a[1, 2]; a[1:2, ::3]; a[(1, 2)]; a[f(), :]\n",
    "formatted": "f'a{b!r:>{w}}c'; f'{{x}}{y}' 'z' f'{1}{\"q\"}'; f''; f'{x = }'; 'a' f'b'; rf'\\d{x}\\d'; f'\\n{x}\\x41'\n",
    "bytes": "b'a' b'\\xff'; x = b''\n",
    "operators": "(a + b) + c + (d + e) * f - -1; a and b and (c and d) or e; not a; ~b; a @ b\n",
    "calls": "f(a, *b, c=1, **d); f(c=1, *b); (f)(a)(b).c(d,)\n",
    "exceptions": "try:\n    f()\nexcept (A, B) as e:\n    raise C from e\nexcept:\n    raise\nelse:\n    g()\nfinally:\n    h()\n",
    "classes": "@d\nclass A(B, *c, metaclass=M, **k):\n    x: int = 1\n    y: str\n    async def f(self, a, /, b: int = 2, *, c=3) -> int: ...\n",
    "with": "with a as b, c() as (d, e): pass\nwith (a as b, c): pass\nasync def f():\n    async with g() as h: pass\n    async for i in j: await k\n",
    "match": "match x:\n    case [1, y] if y: f(y)\n    case _: pass\n",
    "imports": "import a.b, c as d\nfrom . import e\nfrom ..f.g import (h as i, j,)\nfrom k import *\n",
    "comments between operands": "x = (a  # one )\n     + b  # two\n     + c)\n",
    "strings over lines": "x = ('a'\n     'b'\n     f'{c}'\n     'd')\ny = \"\"\"e\n\tf\"\"\"\n",
    # A letter with its accent beside it, a ligature, and the same as one letter: to Python they are one name.
    "names of several spellings": "import re\u0301seau as ﬁle\nfrom a import e\u0301 as é\nclass ﬂag(réseau): pass\ndef e\u0301oﬀ(e\u0301, *, ﬁ=1) -> ﬁle: return e\u0301.ﬁx(ﬁ=ﬁ)\ntry: pass\nexcept E as ﬁ: global ﬂ\n",
    "jumps": "for x in y:\n    if x: break\n    else: continue\nwhile x: pass\nelse: f()\nglobal z\nassert a, b\nyield_ = [(yield), (yield from g)] if h else i\n",
}


@pytest.mark.parametrize("content", SNIPPETS.values(), ids=SNIPPETS.keys())
def test_both_parsers_give_the_same_form(content: str) -> None:
    fast = read_module(Text.of(content))
    assert fast is not None
    assert fast.module == parse_python(Text.of(content)).module()


def _real_code() -> list[Path]:
    """Code at hand on any machine: this project, and packages of the standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    project = Path(__file__).parents[3]
    folders = [project / "qualitygate", project / "checks", *(library / name for name in ("asyncio", "email", "http"))]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@pytest.fixture
def _trees_uncollected() -> Iterator[None]:
    """As the engine parses: else the collector goes through all that the other tests left, over and over."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_trees_uncollected")
def test_the_bodies_at_hand_are_those_that_are_encoded() -> None:
    for path in _real_code()[:40]:
        read = read_module(decode(path.read_bytes(), Language.PYTHON))
        assert read is not None
        assert [scope.statements for scope in ir.scopes(read.module, read.bodies)] == [
            scope.statements for scope in ir.scopes(read.module)
        ]


def test_both_parsers_find_the_strings_that_stand_as_statements() -> None:
    text = Text.of(
        '"""é"""\nx = """no"""\nclass A:\n    ("one"\n     "two")\n    def f(self):\n        b"x"; f"{no}"\n'
    )
    assert read_remarks(text) == tuple(sorted(parse_python(text).remarks()))
    assert read_remarks(text) == (Span(1, 1, 1, 8), Span(4, 6, 5, 11), Span(7, 9, 7, 13))


@pytest.mark.usefixtures("_trees_uncollected")
def test_both_parsers_give_the_same_form_of_real_code() -> None:
    compared = 0
    for path in _real_code():
        text = decode(path.read_bytes(), Language.PYTHON)
        fast = read_module(text)
        if fast is not None:
            assert fast.module == parse_python(text).module(), path
            compared += 1
    assert compared > 150


def value(expression: str) -> ir.Expression:
    (statement,) = module(f"x = {expression}\n").body
    assert isinstance(statement, ir.Assign)
    assert statement.value is not None
    return statement.value


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("'a' 'b'", "ab"),
        (r"'\d\n'", "\\d\n"),
        ("r'\\n'", "\\n"),
        ("b'abc'", "abc"),
        ("1_000", 1000),
        ("0x1F", 31),
        ("-3", -3),
        ("1.5e3", 1500.0),
        ("True", True),
        ("None", None),
        (r"'\ud800'", "?"),
    ],
)
def test_a_literal_is_what_it_stands_for(written: str, means: object) -> None:
    constant = value(written)
    assert isinstance(constant, ir.Constant)
    assert constant.value == means
    assert type(constant.value) is type(means)


@pytest.mark.parametrize("written", ["10**5000 and " + "9" * 5000, "1j", "..."])
def test_a_value_that_no_record_holds_is_opaque_or_computed(written: str) -> None:
    assert isinstance(value(written), (ir.Opaque, ir.Operation))


def test_a_chain_of_operators_is_one_operation() -> None:
    operation = value("a + b + c + 'd'")
    assert isinstance(operation, ir.Operation)
    assert [type(operand).__name__ for operand in operation.operands] == ["Name", "Name", "Name", "Constant"]


def test_a_chained_comparison_keeps_every_step() -> None:
    comparison = value("1 < a <= 9")
    assert isinstance(comparison, ir.Operation)
    assert comparison.operator == "and"
    assert [part.operator for part in comparison.operands if isinstance(part, ir.Operation)] == ["<", "<="]


def test_a_function_names_what_it_calls_without_being_decoded() -> None:
    (function,) = module("def f():\n    def g():\n        return a.b(c)\n    return [d(x) for x in e()]\n").body
    assert isinstance(function, ir.Function)
    assert function.calls == ("b", "d", "e")
    assert function.end_line == 4


def test_the_body_of_a_function_survives_encoding() -> None:
    (function,) = module("async def f(a, /, b=1, *c, d, **e) -> int:\n    with g() as h: yield h\n").body
    assert isinstance(function, ir.Function)
    assert function.asynchronous
    assert function.generator
    assert [(p.name, p.kind) for p in function.parameters] == [
        ("a", "positional"),
        ("b", "plain"),
        ("c", "rest"),
        ("d", "keyword"),
        ("e", "keywords"),
    ]
    (statement,) = ir.statements(function)
    assert isinstance(statement, ir.With)


def test_syntax_that_is_newer_than_the_running_python_is_read() -> None:
    assert module("try:\n    f()\nexcept ValueError, TypeError:\n    pass\n").body
    assert module("type Pair[T] = tuple[T, T]\ndef first[T](x: list[T]) -> T: return x[0]\n").body


def test_a_syntax_error_names_its_line() -> None:
    with pytest.raises(PythonSyntaxError) as caught:
        parse_python(Text.of("x = 1\n\ndef f(:\n    pass\n"))
    assert caught.value.line == 3
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    "content",
    [
        "x = " + "[" * (MAX_NESTING + 1) * 10 + "]" * (MAX_NESTING + 1) * 10,
        "x = " + " + ".join(["a"] * (MAX_CHAIN + 2)),
        "x = a" + ".b" * (MAX_CHAIN + 2),
        "x = a" + "()" * (MAX_CHAIN + 2),
        "x = " + "not " * (MAX_CHAIN + 2) + "a",
        "x = " + "-" * 100_000 + "a",
        "x = (\n" + "\n+ ".join(["a"] * (MAX_CHAIN + 2)) + "\n)",
        "if a: pass\n" + "elif a: pass\n" * (MAX_CHAIN + 2),
        "routes " + "(" * 1_385,
    ],
    ids=[
        "brackets",
        "sum",
        "attributes",
        "calls",
        "not",
        "minus",
        "sum over lines",
        "elif",
        "brackets of a short file",
    ],
)
def test_what_would_overflow_the_parser_is_refused_in_one_line(content: str) -> None:
    with pytest.raises(PythonSyntaxError) as caught:
        parse_python(Text.of(content)).module()
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    "content",
    [
        "x = " + " + ".join(["a"] * (MAX_CHAIN - 5)),
        "x = (" + "\n".join(["'a'"] * (MAX_CHAIN - 5)) + ")",
        "x = [" + ", ".join(["a.b + 1"] * 5_000) + "]",
        "if a: pass\n" + "elif a: pass\n" * 400,
    ],
    ids=["sum", "literals", "a long list", "elif"],
)
def test_long_code_within_the_bounds_is_read(content: str) -> None:
    # libcst alone may stop earlier: Python 3.12 bounds how deep native code may call back.
    read = read_module(Text.of(content))
    assert read is not None
    assert len(read.module.body) == 1


def test_a_header_tells_generated_code() -> None:
    assert module("# Code generated by protoc. DO NOT EDIT.\nx = 1\n").generated
    assert not module('"""Do not edit this in anger."""\nx = 1\n').generated
