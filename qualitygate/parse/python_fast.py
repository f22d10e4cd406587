"""In: the text of a Python file. Out: its neutral program form by the running Python's own parser, or nothing.

Ten times as fast as libcst, and it stops where the running Python's grammar ends: what it refuses is left to libcst, which
reads every version. Both give the same form; the tests hold them against each other.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from qualitygate.model import syntax as ir
from qualitygate.model.source import Span, Text
from qualitygate.parse.python_limits import (
    deep_recursion,
    is_generated,
    may_be_hostile,
    refuse_deep_nesting,
    refuse_long_statements,
    sound,
)

# A name of a definition, in whatever letters: `\w` knows no combining marks.
_WORD = re.compile(r"[^\s(:\[\\#]+")
_DEFINITION = re.compile(r"(?:async\s+)?(?:def|class)\s+")
_T = TypeVar("_T")
_INTEGER_LIMIT = 2**63
_BINARY: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitAnd: "&",
    ast.BitXor: "^",
    ast.MatMult: "@",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.Invert: "~",
    ast.UAdd: "+",
    ast.USub: "-",
    ast.Lt: "<",
    ast.Gt: ">",
    ast.Eq: "==",
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}


class ReadModule(NamedTuple):
    """A module, and the statements of its functions, which it holds encoded, by the identity of the function."""

    module: ir.Module
    bodies: ir.Bodies


def read_module(text: Text) -> ReadModule | None:
    """The neutral form, or None where the running Python cannot parse the text.

    Raises ``PythonSyntaxError`` for what is nested too deeply for any parser.
    """
    if may_be_hostile(text):
        refuse_deep_nesting(text)
    reader = _Reader(text)
    body = _read(text, lambda tree: reader.body(tree.body))
    if body is None:
        return None
    refuse_long_statements(text, sorted(reader.beginnings))
    return ReadModule(ir.Module(body, is_generated(text)), reader.bodies)


def read_remarks(text: Text) -> tuple[Span, ...] | None:
    """The strings that stand as statements, of text that :func:`read_module` read; None where it could not."""
    reader = _Reader(text)
    return _read(
        text,
        lambda tree: tuple(
            reader.span(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, (str, bytes))
        ),
    )


def _read(text: Text, take: Callable[[ast.Module], _T]) -> _T | None:
    with warnings.catch_warnings(), deep_recursion():
        # "\d" in a plain string is a warning for the author of the scanned code, not for the reader of findings.
        warnings.simplefilter("ignore")
        try:
            return take(ast.parse(text.content))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


class _Reader:
    """Turns the nodes of one tree into the neutral form.

    ``beginnings`` collects the offsets of the lines with which a statement begins, ``bodies`` the statements of each
    function by its identity.
    """

    def __init__(self, text: Text) -> None:
        self.beginnings: list[int] = []
        self.bodies: dict[int, tuple[ir.Statement, ...]] = {}
        self._text = text
        self._ascii = text.content.isascii()
        self._columns: dict[int, bytes | None] = {}
        self._calls: set[str] = set()
        self._yields = False

    # -- places

    def span(self, node: Any) -> Span:
        """The place of a node."""
        kind = type(node)
        # A tuple and a generator reach from their first part to their last: parentheses are no part of them.
        if kind is ast.Tuple:
            if node.elts:
                return self._from_to(node.elts[0], node.elts[-1])
            column = self._column(node.lineno, node.col_offset) + 1
            return Span(node.lineno, column, node.lineno, column)
        if kind is ast.GeneratorExp:
            last = node.generators[-1]
            return self._from_to(node.elt, last.ifs[-1] if last.ifs else last.iter)
        if self._ascii:
            return Span(node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1)
        return Span(
            node.lineno,
            self._column(node.lineno, node.col_offset),
            node.end_lineno,
            self._column(node.end_lineno, node.end_col_offset),
        )

    def _column(self, line: int, offset: int) -> int:
        """The column in characters of an offset in bytes."""
        if line not in self._columns:
            content = self._text.line(line)
            self._columns[line] = None if content.isascii() else content.encode("utf-8", "surrogatepass")
        encoded = self._columns[line]
        return offset + 1 if encoded is None else len(encoded[:offset].decode("utf-8", "replace")) + 1

    def _from_to(self, first: Any, last: Any) -> Span:
        start, end = self.span(first), self.span(last)
        return Span(start.line, start.column, end.end_line, end.end_column)

    def _name_span(self, node: Any) -> Span:
        """The place of a definition's name: behind `def` or `class`, which the tree gives the place of."""
        start = self._text.offset(node.lineno, self.span(node).column)
        match = _DEFINITION.match(self._text.content, start)
        offset = match.end() if match is not None else self._text.content.find(node.name, start)
        # The tree has the name as Python knows it; in the text its letters may be written in another way.
        written = _WORD.match(self._text.content, offset)
        return self._text.span(offset, written.end() if written is not None else offset + len(node.name))

    # -- statements

    def body(self, nodes: Sequence[Any]) -> tuple[ir.Statement, ...]:
        """The statements of a block."""
        result: list[ir.Statement] = []
        content, starts = self._text.content, self._text.line_starts
        for node in nodes:
            begin = starts[node.lineno - 1]
            # Not behind a semicolon or a colon, where the line began with another statement, nor behind a backslash.
            if content[begin : begin + node.col_offset].strip() == "" and content[begin - 2 : begin] != "\\\n":
                self.beginnings.append(begin)
            if isinstance(node, ast.Import):
                result.extend(
                    ir.Import(alias.name, (), 0, alias.asname or "", self.span(alias)) for alias in node.names
                )
                continue
            build = _STATEMENTS.get(type(node))
            if build is not None and (statement := build(self, node)) is not None:
                result.append(statement)
        return tuple(result)

    def _evaluate(self, node: ast.Expr) -> ir.Statement | None:
        value = node.value
        if isinstance(value, ast.Constant) and (isinstance(value.value, (str, bytes)) or value.value is ...):
            return None  # a docstring or a placeholder does nothing
        return ir.Evaluate(self.expression(value), self.span(node))

    def _delete(self, node: ast.Delete) -> ir.Statement:
        if len(node.targets) == 1:
            return ir.Forget((self.expression(node.targets[0]),))
        targets = tuple(self.expression(target) for target in node.targets)
        return ir.Forget((ir.Sequence("tuple", targets, self._from_to(node.targets[0], node.targets[-1])),))

    def _import_from(self, node: ast.ImportFrom) -> ir.Statement:
        names = tuple((alias.name, alias.asname or "") for alias in node.names)
        return ir.Import(node.module or "", names, node.level, "", self.span(node))

    def _for(self, node: ast.For | ast.AsyncFor) -> ir.Statement:
        return ir.For(
            self.expression(node.target),
            self.expression(node.iter),
            self.body(node.body),
            self.body(node.orelse),
            self.span(node.iter),
        )

    def _with(self, node: ast.With | ast.AsyncWith) -> ir.Statement:
        items = tuple((self.expression(item.context_expr), self._optional(item.optional_vars)) for item in node.items)
        return ir.With(items, self.body(node.body), self.span(node.items[0].context_expr))

    def _try(self, node: Any) -> ir.Statement:
        handlers = tuple(
            ir.Handler(
                self._optional(handler.type),
                handler.name or "",
                self.body(handler.body),
                self.span(handler.type) if handler.type is not None else self._keyword(handler, "except"),
            )
            for handler in node.handlers
        )
        return ir.Try(
            self.body(node.body),
            handlers,
            self.body(node.orelse),
            self.body(node.finalbody),
            self._keyword(node, "try"),
        )

    def _keyword(self, node: Any, word: str) -> Span:
        start = self.span(node)
        return Span(start.line, start.column, start.line, start.column + len(word))

    def _match(self, node: ast.Match) -> ir.Statement:
        cases = tuple(ir.Case(self._optional(case.guard), self.body(case.body)) for case in node.cases)
        return ir.Match(self.expression(node.subject), cases, self.span(node.subject))

    def _decorators(self, nodes: Iterable[Any]) -> tuple[ir.Decorator, ...]:
        return tuple(ir.Decorator(self.expression(node), self.span(node)) for node in nodes)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ir.Statement:
        decorators = self._decorators(node.decorator_list)
        parameters = self._parameters(node.args)
        outer_calls, outer_yields = self._calls, self._yields
        self._calls, self._yields = set(), False
        body = self.body(node.body)
        calls, yields = self._calls, self._yields
        self._calls, self._yields = outer_calls | calls, outer_yields
        function = ir.Function(
            node.name,
            parameters,
            decorators,
            self._optional(node.returns),
            isinstance(node, ast.AsyncFunctionDef),
            yields,
            self._name_span(node),
            node.end_lineno or node.lineno,
            tuple(sorted(calls)),
            ir.encode_statements(body),
        )
        self.bodies[id(function)] = body
        return function

    def _class(self, node: ast.ClassDef) -> ir.Statement:
        bases = tuple(self._positional(base) for base in node.bases)
        keywords = tuple(self._keyword_argument(keyword) for keyword in node.keywords)
        return ir.Class(
            node.name,
            (*bases, *keywords),
            self._decorators(node.decorator_list),
            self.body(node.body),
            self._name_span(node),
            node.end_lineno or node.lineno,
        )

    # -- expressions

    def expression(self, node: Any) -> ir.Expression:
        """The neutral form of an expression; what has none is opaque."""
        build = _EXPRESSIONS.get(type(node))
        return build(self, node) if build is not None else ir.Opaque(type(node).__name__)

    def _optional(self, node: Any) -> ir.Expression | None:
        return None if node is None else self.expression(node)

    def _attribute(self, node: ast.Attribute) -> ir.Expression:
        return ir.Attribute(self.expression(node.value), node.attr)

    def _call(self, node: ast.Call) -> ir.Expression:
        function = node.func
        if isinstance(function, ast.Name):
            self._calls.add(function.id)
        elif isinstance(function, ast.Attribute):
            self._calls.add(function.attr)
        given: list[Any] = [*node.args, *node.keywords]
        if node.keywords and any(isinstance(argument, ast.Starred) for argument in node.args):
            # `f(a=1, *rest)`: the tree keeps the two kinds apart, the text does not.
            given.sort(key=lambda item: (item.lineno, item.col_offset))
        return ir.Call(
            self.expression(function),
            tuple(
                self._keyword_argument(item) if isinstance(item, ast.keyword) else self._positional(item)
                for item in given
            ),
            self.span(node),
            self.span(function),
        )

    def _positional(self, node: Any) -> ir.Argument:
        if isinstance(node, ast.Starred):
            return ir.Argument(self.expression(node.value), None, 1, self.span(node.value))
        return ir.Argument(self.expression(node), None, 0, self.span(node))

    def _keyword_argument(self, node: ast.keyword) -> ir.Argument:
        value = self.expression(node.value)
        if node.arg is None:
            return ir.Argument(value, None, 2, self.span(node.value))
        return ir.Argument(value, node.arg, 0, self._from_to(node, node.value))

    def _constant(self, node: ast.Constant) -> ir.Expression:
        value = node.value
        if isinstance(value, str):
            return ir.Constant(sound(value), self.span(node))
        if isinstance(value, bytes):
            return ir.Constant(sound(value.decode("latin-1")), self.span(node))
        if value is None or isinstance(value, (bool, float)):
            return ir.Constant(value)
        if isinstance(value, int):
            return ir.Constant(value) if -_INTEGER_LIMIT <= value < _INTEGER_LIMIT else ir.Opaque("integer")
        return ir.Opaque("ellipsis" if value is ... else "Imaginary")

    def _joined(self, node: ast.JoinedStr) -> ir.Expression:
        parts: list[ir.Expression] = []
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                parts.append(self.expression(value.value))
            elif isinstance(value, ast.Constant):
                parts.append(ir.Constant(sound(str(value.value))))
        return ir.Template(tuple(parts), self.span(node))

    def _binary(self, node: ast.BinOp) -> ir.Expression:
        operator = type(node.op)
        operands = [node.right]
        left: Any = node.left
        while (
            isinstance(left, ast.BinOp) and type(left.op) is operator and not self._in_parentheses(left, operands[-1])
        ):
            operands.append(left.right)
            left = left.left
        operands.append(left)
        return ir.Operation(_BINARY[operator], tuple(self.expression(operand) for operand in reversed(operands)))

    def _in_parentheses(self, left: Any, right: Any) -> bool:
        """Whether `left` of `left + right` stands in parentheses: a `)` between the two, or one that opens before it."""
        end = self._text.offset(left.end_lineno, self.span(left).end_column)
        start = self._text.offset(right.lineno, self.span(right).column)
        return ")" in self._text.content[end:start]

    def _boolean(self, node: ast.BoolOp) -> ir.Expression:
        return ir.Operation(_BINARY[type(node.op)], tuple(self.expression(value) for value in node.values))

    def _comparison(self, node: ast.Compare) -> ir.Expression:
        left = self.expression(node.left)
        parts: list[ir.Expression] = []
        for operator, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.expression(comparator)
            parts.append(ir.Operation(_BINARY[type(operator)], (left, right)))
            left = right
        return parts[0] if len(parts) == 1 else ir.Operation("and", tuple(parts))

    def _unary(self, node: ast.UnaryOp) -> ir.Expression:
        operator = _BINARY[type(node.op)]
        operand = self.expression(node.operand)
        if operator == "-" and isinstance(operand, ir.Constant) and type(operand.value) in (int, float):
            return ir.Constant(-operand.value)  # type: ignore[operator]  # the line above made it a number
        return ir.Operation(operator, (operand,))

    def _sequence(self, kind: str, node: Any) -> ir.Expression:
        items = tuple(self.expression(item) for item in node.elts)
        return ir.Sequence(kind, items, self.span(node))

    def _mapping(self, node: ast.Dict) -> ir.Expression:
        items = tuple(
            (self._optional(key), self.expression(value)) for key, value in zip(node.keys, node.values, strict=True)
        )
        return ir.Mapping(items, self.span(node))

    def _index(self, node: Any, whole: Any) -> ir.Expression:
        if isinstance(node, ast.Slice):
            bounds = (node.lower, node.upper, node.step)
            return ir.Operation(
                ":", tuple(ir.Constant(None) if bound is None else self.expression(bound) for bound in bounds)
            )
        if isinstance(node, ast.Tuple) and any(isinstance(item, ast.Slice) for item in node.elts):
            items = tuple(self._index(item, whole) for item in node.elts)
            return ir.Sequence("tuple", items, self.span(whole))
        return self.expression(node)

    def _comprehension(self, kind: str, node: Any, element: ir.Expression) -> ir.Expression:
        generators = tuple(
            ir.Generator(
                self.expression(clause.target),
                self.expression(clause.iter),
                tuple(self.expression(condition) for condition in clause.ifs),
            )
            for clause in node.generators
        )
        return ir.Comprehension(kind, element, generators, self.span(node))

    def _dictionary_comprehension(self, node: ast.DictComp) -> ir.Expression:
        pair = ir.Sequence(
            "tuple", (self.expression(node.key), self.expression(node.value)), self._from_to(node.key, node.value)
        )
        return self._comprehension("dict", node, pair)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> ir.Expression:
        self._yields = True
        return ir.Yield(self._optional(node.value))

    def _parameters(self, node: ast.arguments) -> tuple[ir.Parameter, ...]:
        plain = [*node.posonlyargs, *node.args]
        defaults: list[Any] = [None] * (len(plain) - len(node.defaults)) + list(node.defaults)
        kinds = ["positional"] * len(node.posonlyargs) + ["plain"] * len(node.args)
        result = [
            self._parameter(parameter, kind, default)
            for parameter, kind, default in zip(plain, kinds, defaults, strict=True)
        ]
        if node.vararg is not None:
            result.append(self._parameter(node.vararg, "rest", None))
        result += [
            self._parameter(parameter, "keyword", default)
            for parameter, default in zip(node.kwonlyargs, node.kw_defaults, strict=True)
        ]
        if node.kwarg is not None:
            result.append(self._parameter(node.kwarg, "keywords", None))
        return tuple(result)

    def _parameter(self, node: ast.arg, kind: str, default: Any) -> ir.Parameter:
        return ir.Parameter(node.arg, kind, self._optional(node.annotation), self._optional(default))


_EXPRESSIONS: dict[type, Callable[[_Reader, Any], ir.Expression]] = {
    ast.Name: lambda self, node: ir.Name(node.id),
    ast.Attribute: _Reader._attribute,
    ast.Call: _Reader._call,
    ast.Constant: _Reader._constant,
    ast.JoinedStr: _Reader._joined,
    ast.BinOp: _Reader._binary,
    ast.BoolOp: _Reader._boolean,
    ast.Compare: _Reader._comparison,
    ast.UnaryOp: _Reader._unary,
    ast.List: lambda self, node: self._sequence("list", node),
    ast.Tuple: lambda self, node: self._sequence("tuple", node),
    ast.Set: lambda self, node: self._sequence("set", node),
    ast.Dict: _Reader._mapping,
    ast.Subscript: lambda self, node: ir.Subscript(self.expression(node.value), self._index(node.slice, node)),
    ast.IfExp: lambda self, node: ir.Conditional(
        self.expression(node.test), self.expression(node.body), self.expression(node.orelse)
    ),
    ast.Await: lambda self, node: ir.Await(self.expression(node.value)),
    ast.Lambda: lambda self, node: ir.Lambda(self._parameters(node.args), self.expression(node.body)),
    ast.ListComp: lambda self, node: self._comprehension("list", node, self.expression(node.elt)),
    ast.SetComp: lambda self, node: self._comprehension("set", node, self.expression(node.elt)),
    ast.GeneratorExp: lambda self, node: self._comprehension("generator", node, self.expression(node.elt)),
    ast.DictComp: _Reader._dictionary_comprehension,
    ast.NamedExpr: lambda self, node: ir.Walrus(self.expression(node.target), self.expression(node.value)),
    ast.Yield: _Reader._yield,
    ast.YieldFrom: _Reader._yield,
    ast.Starred: lambda self, node: ir.Starred(self.expression(node.value)),
}
_STATEMENTS: dict[type, Callable[[_Reader, Any], ir.Statement | None]] = {
    ast.Expr: _Reader._evaluate,
    ast.Assign: lambda self, node: ir.Assign(
        tuple(self.expression(target) for target in node.targets), self.expression(node.value), self.span(node)
    ),
    ast.AnnAssign: lambda self, node: ir.Assign(
        (self.expression(node.target),),
        self._optional(node.value),
        self.span(node),
        self.expression(node.annotation),
    ),
    ast.AugAssign: lambda self, node: ir.Assign(
        (self.expression(node.target),),
        self.expression(node.value),
        self.span(node),
        operator=f"{_BINARY[type(node.op)]}=",
    ),
    ast.Return: lambda self, node: ir.Return(self._optional(node.value), self.span(node)),
    ast.Raise: lambda self, node: ir.Raise(self._optional(node.exc), self._optional(node.cause), self.span(node)),
    ast.ImportFrom: _Reader._import_from,
    ast.Assert: lambda self, node: ir.Evaluate(ir.Operation("assert", (self.expression(node.test),)), self.span(node)),
    ast.Delete: _Reader._delete,
    ast.Global: lambda self, node: ir.Outer(tuple(node.names)),
    ast.Nonlocal: lambda self, node: ir.Outer(tuple(node.names)),
    ast.Break: lambda self, node: ir.Jump("break"),
    ast.Continue: lambda self, node: ir.Jump("continue"),
    ast.If: lambda self, node: ir.If(
        self.expression(node.test), self.body(node.body), self.body(node.orelse), self.span(node.test)
    ),
    ast.For: _Reader._for,
    ast.AsyncFor: _Reader._for,
    ast.While: lambda self, node: ir.While(
        self.expression(node.test), self.body(node.body), self.body(node.orelse), self.span(node.test)
    ),
    ast.With: _Reader._with,
    ast.AsyncWith: _Reader._with,
    ast.Try: _Reader._try,
    ast.Match: _Reader._match,
    ast.FunctionDef: _Reader._function,
    ast.AsyncFunctionDef: _Reader._function,
    ast.ClassDef: _Reader._class,
}
if hasattr(ast, "TryStar"):  # from Python 3.11
    _STATEMENTS[ast.TryStar] = _Reader._try
