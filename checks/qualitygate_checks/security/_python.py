"""In: the tree of a Python file. Out: the string literals that it binds to names, with their offsets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import libcst as cst

from qualitygate.authoring import ParsedFile
from qualitygate_checks.security._bindings import KEYWORD, Bound


def _fields(kind: type) -> tuple[str, ...]:
    """The fields of a node type that can hold expressions or statements."""
    skipped = ("whitespace", "lpar", "rpar", "leading", "header", "footer", "comma", "semicolon", "equal", "colon")
    return tuple(
        name
        for name in getattr(kind, "__dataclass_fields__", ())
        if not name.startswith(skipped) and name not in ("lines_after_decorators", "trailing_whitespace", "operator")
    )


def python_bindings(file: ParsedFile) -> Iterator[Bound]:
    """The bindings of a Python file that has a tree."""
    fields: dict[type, tuple[str, ...]] = {}
    stack: list[Any] = [file.tree]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind in _LEAVES:
            continue
        reader = _NODES.get(kind)
        if reader is not None:
            for name, value, form in reader(node):
                if name and KEYWORD.search(name):
                    yield from _literals(file, name, value, form)
        names = fields.get(kind)
        if names is None:
            names = fields[kind] = _fields(kind)
        for field in names:
            child = getattr(node, field)
            if isinstance(child, (list, tuple)):
                stack.extend(child)
            elif isinstance(child, cst.CSTNode):
                stack.append(child)


_LEAVES = frozenset({cst.Name, cst.SimpleString, cst.Integer, cst.Float, cst.Import, cst.ImportFrom, cst.Annotation})
"""Most nodes of a tree are of these kinds, and none of them holds a binding."""

_Pair = tuple[str, Any, str]


def _assigned(node: cst.Assign) -> Iterator[_Pair]:
    for target in node.targets:
        if isinstance(target.target, (cst.Tuple, cst.List)):
            if isinstance(node.value, (cst.Tuple, cst.List)) and len(node.value.elements) == len(
                target.target.elements
            ):
                for left, right in zip(target.target.elements, node.value.elements, strict=True):
                    yield _name(left.value), right.value, "assignment"
        else:
            yield _name(target.target), node.value, "assignment"


def _annotated(node: cst.AnnAssign) -> Iterator[_Pair]:
    if node.value is not None:
        yield _name(node.target), node.value, "assignment"


def _argument(node: cst.Arg) -> Iterator[_Pair]:
    if node.keyword is not None:
        yield node.keyword.value, node.value, "argument"


def _entry(node: cst.DictElement) -> Iterator[_Pair]:
    if isinstance(node.key, cst.SimpleString):
        yield node.key.raw_value, node.value, "assignment"


def _parameter(node: cst.Param) -> Iterator[_Pair]:
    if node.default is not None:
        yield node.name.value, node.default, "fallback"


def _compared(node: cst.Comparison) -> Iterator[_Pair]:
    if len(node.comparisons) == 1 and isinstance(node.comparisons[0].operator, (cst.Equal, cst.NotEqual)):
        left, right = node.left, node.comparisons[0].comparator
        yield _name(left), right, "comparison"
        yield _name(right), left, "comparison"


_SETTER = re.compile(
    r"(?:set|make|hash|create|generate|encode|encrypt)_?(?:\w+_)?(?:password|passwd|pwd)(?:_hash)?$", re.IGNORECASE
)


def _called(node: cst.Call) -> Iterator[_Pair]:
    """``getenv("SECRET_KEY", "...")`` in all its spellings, ``set_password("...")``, ``jwt.encode(claims, "...")``."""
    positional = [argument.value for argument in node.args if argument.keyword is None and not argument.star]
    function = _name(node.func)
    first = next((value for value in positional if isinstance(value, cst.SimpleString)), None)
    if first is not None and positional.index(first) < 2:
        after = positional[positional.index(first) + 1 :]
        named = [a.value for a in node.args if a.keyword is not None and a.keyword.value in ("default", "fallback")]
        for value in (*after[:1], *named):
            yield first.raw_value, value, "fallback"
    if positional and _SETTER.search(function):
        yield "password", positional[0], "argument"
    if len(positional) > 1 and _dotted(node.func) in ("jwt.encode", "jwt.decode"):
        yield "jwt signing key", positional[1], "argument"


_NODES: dict[type, Callable[[Any], Iterator[_Pair]]] = {
    cst.Assign: _assigned,
    cst.AnnAssign: _annotated,
    cst.Arg: _argument,
    cst.DictElement: _entry,
    cst.Param: _parameter,
    cst.Comparison: _compared,
    cst.Call: _called,
}


def _name(node: Any) -> str:
    """The last name of a target: ``x``, ``obj.x``, ``obj["x"]``; empty for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        return node.attr.value
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        index = node.slice[0].slice
        if isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString):
            return index.value.raw_value
    return ""


def _dotted(node: Any) -> str:
    return (
        f"{node.value.value}.{node.attr.value}"
        if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name)
        else ""
    )


# Calls that hand their text on: types that hold it, and methods that only change its form.
_HOLDERS = frozenset({"SecretStr", "SecretBytes", "Secret", "str", "bytes", "Field", "Variable"})
_SAME_TEXT = frozenset({"encode", "strip", "decode"})


def _literals(file: ParsedFile, name: str, value: Any, form: str) -> Iterator[Bound]:
    """The string literals that ``value`` can evaluate to."""
    if isinstance(value, cst.SimpleString):
        span = file.span(value)
        quote = len(value.prefix) + len(value.quote)
        start = file.text.offset(span.line, span.column) + quote
        yield Bound(name, value.raw_value, start, start + len(value.raw_value), form)
    elif isinstance(value, cst.BooleanOperation):
        yield from _literals(file, name, value.left, form)
        yield from _literals(file, name, value.right, "fallback")
    elif isinstance(value, cst.IfExp):
        yield from _literals(file, name, value.body, form)
        yield from _literals(file, name, value.orelse, form)
    elif isinstance(value, (cst.List, cst.Tuple, cst.Set)) and form != "fallback":
        for element in value.elements:
            if isinstance(element.value, cst.SimpleString):
                yield from _literals(file, name, element.value, "element")
    elif isinstance(value, cst.Call):
        if isinstance(value.func, cst.Attribute) and value.func.attr.value in _SAME_TEXT:
            yield from _literals(file, name, value.func.value, form)
        elif _name(value.func) in _HOLDERS:
            for argument in value.args:
                if argument.keyword is None or argument.keyword.value in ("default", "value"):
                    yield from _literals(file, name, argument.value, form)
                    break


def documentation(file: ParsedFile) -> Iterator[tuple[int, int]]:
    """The offsets of every string that stands as a statement: docstrings, and text that nothing uses."""
    stack: list[Any] = [file.tree]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Expr):
            if isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString)):
                span = file.span(node.value)
                yield file.text.offset(span.line, span.column), file.text.offset(span.end_line, span.end_column)
            continue
        for field in ("body", "orelse", "handlers", "finalbody"):
            child = getattr(node, field, None)
            stack.extend(child if isinstance(child, (list, tuple)) else () if child is None else (child,))
