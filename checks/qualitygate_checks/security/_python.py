"""In: a Python file in its neutral form. Out: the string literals that it binds to names, with their offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import ParsedFile, Span
from qualitygate.model import syntax as ir
from qualitygate_checks.security._bindings import KEYWORD, Bound, Keywords
from qualitygate_checks.security._module import bounds

_Pair = tuple[str, ir.Expression, str]

_LITERAL = re.compile(r"""[A-Za-z]{0,2}(?P<quote>\"{3}|'{3}|"|')(?P<raw>.*)(?P=quote)""", re.DOTALL)


def python_bindings(file: ParsedFile) -> Iterator[Bound]:
    """The bindings of a Python file that could be parsed."""
    keywords = Keywords(file.text.content)
    if not keywords:
        return
    for scope in file.scopes:
        if scope.function is None or keywords.within(*bounds(file, scope.function)):
            for name, value, form in _pairs(file, scope.walked, keywords):
                if name and KEYWORD.search(name):
                    yield from _literals(file, name, value, form)


def _pairs(file: ParsedFile, walked: tuple[ir.Statement, ...], keywords: Keywords) -> Iterator[_Pair]:
    """Every name with the value that is bound to it, in the code of a module or a function and the classes in it."""
    blocks = [walked]
    while blocks:
        block = blocks.pop()
        for statement in block:
            if isinstance(statement, ir.Assign):
                yield from _assigned(statement)
            elif isinstance(statement, (ir.Function, ir.Class)):
                yield from _defined(statement)
                if isinstance(statement, ir.Class) and keywords.within(*bounds(file, statement)):
                    blocks.append(tuple(ir.walk(statement.body)))
        for statement in block:
            for expression in ir.evaluated_by(statement):
                for part in ir.subexpressions(expression):
                    yield from _inside(part)


def _assigned(statement: ir.Assign) -> Iterator[_Pair]:
    value = statement.value
    if value is None or statement.operator:
        return
    for target in statement.targets:
        if isinstance(target, ir.Sequence):
            if isinstance(value, ir.Sequence) and len(value.items) == len(target.items):
                for left, right in zip(target.items, value.items, strict=True):
                    yield _name(left), right, "assignment"
        else:
            yield _name(target), value, "assignment"


def _defined(statement: ir.Function | ir.Class) -> Iterator[_Pair]:
    outer: list[ir.Expression] = [decorator.expression for decorator in statement.decorators]
    if isinstance(statement, ir.Function):
        for parameter in statement.parameters:
            if parameter.default is not None:
                yield parameter.name, parameter.default, "fallback"
                outer.append(parameter.default)
    else:
        for base in statement.bases:
            outer.append(base.value)
            if base.name is not None:
                yield base.name, base.value, "argument"
    for expression in outer:
        for part in ir.subexpressions(expression):
            yield from _inside(part)


def _inside(part: ir.Expression) -> Iterator[_Pair]:
    """What an expression binds: arguments by keyword, entries of a dictionary, comparisons, known calls."""
    if isinstance(part, ir.Call):
        for argument in part.arguments:
            if argument.name is not None:
                yield argument.name, argument.value, "argument"
        yield from _called(part)
    elif isinstance(part, ir.Mapping):
        for key, value in part.items:
            if isinstance(key, ir.Constant) and isinstance(key.value, str):
                yield key.value, value, "assignment"
    elif isinstance(part, ir.Operation) and part.operator in ("==", "!=") and len(part.operands) == 2:
        left, right = part.operands
        yield _name(left), right, "comparison"
        yield _name(right), left, "comparison"
    elif isinstance(part, ir.Lambda):
        for parameter in part.parameters:
            if parameter.default is not None:
                yield parameter.name, parameter.default, "fallback"


_SETTER = re.compile(
    r"(?:set|make|hash|create|generate|encode|encrypt)_?(?:\w{1,80}_)?(?:password|passwd|pwd)(?:_hash)?$", re.IGNORECASE
)


def _called(call: ir.Call) -> Iterator[_Pair]:
    """``getenv("SECRET_KEY", "...")`` in all its spellings, ``set_password("...")``, ``jwt.encode(claims, "...")``."""
    positional = [argument.value for argument in call.arguments if argument.name is None and not argument.stars]
    texts = [
        (position, value.value)
        for position, value in enumerate(positional[:2])
        if isinstance(value, ir.Constant) and isinstance(value.value, str)
    ]
    if texts:
        position, name = texts[0]
        named = [argument.value for argument in call.arguments if argument.name in ("default", "fallback")]
        for fallback in (*positional[position + 1 : position + 2], *named):
            yield name, fallback, "fallback"
    if positional and _SETTER.search(_name(call.function)):
        yield "password", positional[0], "argument"
    if len(positional) > 1 and _dotted(call.function) in ("jwt.encode", "jwt.decode"):
        yield "jwt signing key", positional[1], "argument"


def _name(expression: ir.Expression) -> str:
    """The last name of a target: ``x``, ``obj.x``, ``obj["x"]``; empty for anything else."""
    if isinstance(expression, ir.Name):
        return expression.id
    if isinstance(expression, ir.Attribute):
        return expression.name
    if isinstance(expression, ir.Subscript) and isinstance(expression.index, ir.Constant):
        return expression.index.value if isinstance(expression.index.value, str) else ""
    return ""


def _dotted(expression: ir.Expression) -> str:
    if isinstance(expression, ir.Attribute) and isinstance(expression.value, ir.Name):
        return f"{expression.value.id}.{expression.name}"
    return ""


# Calls that hand their text on: types that hold it, and methods that only change its form.
_HOLDERS = frozenset({"SecretStr", "SecretBytes", "Secret", "str", "bytes", "Field", "Variable"})
_SAME_TEXT = frozenset({"encode", "strip", "decode"})


def _literals(file: ParsedFile, name: str, value: ir.Expression, form: str) -> Iterator[Bound]:
    """The string literals that ``value`` can evaluate to."""
    if isinstance(value, ir.Constant):
        if isinstance(value.value, str) and value.span is not None:
            yield from _literal(file, name, value.span, form)
    elif isinstance(value, ir.Operation) and value.operator in ("or", "and"):
        for position, operand in enumerate(value.operands):
            yield from _literals(file, name, operand, "fallback" if position else form)
    elif isinstance(value, ir.Conditional):
        yield from _literals(file, name, value.body, form)
        yield from _literals(file, name, value.orelse, form)
    elif isinstance(value, ir.Sequence) and form != "fallback":
        for item in value.items:
            if isinstance(item, ir.Constant):
                yield from _literals(file, name, item, "element")
    elif isinstance(value, ir.Call):
        if isinstance(value.function, ir.Attribute) and value.function.name in _SAME_TEXT:
            yield from _literals(file, name, value.function.value, form)
        elif _name(value.function) in _HOLDERS:
            for argument in value.arguments:
                if argument.name is None or argument.name in ("default", "value"):
                    yield from _literals(file, name, argument.value, form)
                    break


def _literal(file: ParsedFile, name: str, span: Span, form: str) -> Iterator[Bound]:
    """One literal with the offsets of exactly its characters; adjacent literals have no such stretch."""
    start = file.text.offset(span.line, span.column)
    end = file.text.offset(span.end_line, span.end_column)
    written = _LITERAL.fullmatch(file.text.content, start, end)
    if written is None:
        return
    raw = written["raw"]
    quote = written["quote"]
    if quote not in raw.replace("\\" + quote, ""):
        yield Bound(name, raw, written.start("raw"), written.end("raw"), form, written.span())
