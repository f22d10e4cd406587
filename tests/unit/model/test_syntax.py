"""Which kinds of code may stand in a function, told without decoding it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from qualitygate.model import syntax as ir
from qualitygate.model.source import Text
from qualitygate.parse.python_fast import read_module

_FIXTURES = Path(__file__).parents[3] / "fixtures"
_KINDS = (ir.For, ir.Comprehension, ir.Import, ir.Try, ir.Raise, ir.With, ir.Await, ir.Lambda, ir.Yield, ir.Subscript)


def _function(code: str) -> ir.Function:
    module, _ = read_module(Text.of(code)) or pytest.fail("not read")
    function = module.body[0]
    assert isinstance(function, ir.Function)
    return function


def _kinds_in(body: tuple[ir.Statement, ...]) -> Iterator[type[msgspec.Struct]]:
    for statement in ir.walk(body):
        yield type(statement)
        if isinstance(statement, ir.Function):
            yield from _kinds_in(ir.statements(statement))
    for expression in ir.expressions(body):
        yield from map(type, ir.subexpressions(expression))


def test_a_function_without_a_loop_is_passed_over() -> None:
    function = _function("def total(lines):\n    return sum(lines)\n")
    assert not ir.may_hold(function, ir.For, ir.Comprehension)


def test_a_loop_in_an_inner_function_counts() -> None:
    code = "def outer(rows):\n    def inner():\n        for row in rows:\n            print(row)\n    return inner\n"
    assert ir.may_hold(_function(code), ir.For)
    assert not ir.may_hold(_function(code), ir.Comprehension)


def test_no_kind_that_stands_in_a_body_is_ever_missed() -> None:
    looked_at = 0
    for path in sorted(_FIXTURES.rglob("*.py")):
        read = read_module(Text.of(path.read_text()))
        for scope in ir.scopes(read[0]) if read is not None else ():
            if scope.function is not None:
                found = set(_kinds_in(scope.statements))
                for kind in found.intersection(_KINDS):
                    looked_at += 1
                    assert ir.may_hold(scope.function, kind), (path, scope.qualname, kind)
    assert looked_at > 200


def test_a_record_that_stands_for_no_node_has_no_mark() -> None:
    with pytest.raises(TypeError, match="Argument has no mark"):
        ir.may_hold(_function("def f():\n    return 1\n"), ir.Argument)
