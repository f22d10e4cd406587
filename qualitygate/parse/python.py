"""In: the text of a Python file. Out: its libcst tree, the place of any node, and its neutral program form.

libcst is the parser because its grammar does not depend on the running Python. Its metadata wrappers and visitors are
not used: positions come from one pass of code generation that only counts (2.6 MB/s against 0.5), and the tree is
walked by hand, past white space and punctuation (9 MB/s against 0.65).
"""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState

from qualitygate.model import syntax as ir
from qualitygate.model.source import Span, Text
from qualitygate.parse.python_limits import (
    PythonSyntaxError,
    deep_recursion,
    is_generated,
    refuse_deep_nesting,
    sound,
)

_FORM_FEEDS = re.compile(r"(?<![^\n\r])\f+(?=[^\s#])")
_ERROR = re.compile(r"error at (?P<line>\d+):(?P<column>\d+): expected (?P<expected>[^\n]*)")


@dataclass(frozen=True)
class ParsedPython:
    """A parsed file: ``tree`` for file checks, ``span`` for the place of any of its nodes, ``module`` for the facts."""

    tree: cst.Module
    span: Callable[[cst.CSTNode], Span]
    module: Callable[[], ir.Module]

    def remarks(self) -> tuple[Span, ...]:
        """The strings that stand as statements."""
        found = []
        stack: list[Any] = [self.tree]
        while stack:
            node = stack.pop()
            if isinstance(node, cst.Expr):
                if isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString)):
                    found.append(self.span(node.value))
                continue
            for field in ("body", "orelse", "handlers", "finalbody"):
                child = getattr(node, field, None)
                stack.extend(child if isinstance(child, (list, tuple)) else () if child is None else (child,))
        return tuple(found)


def parse_python(text: Text) -> ParsedPython:
    """Parse ``text``. Raises :class:`PythonSyntaxError`."""
    refuse_deep_nesting(text)
    # libcst drops a form feed that begins a line of code: it is taken out first, and counted again in the places.
    dropped: dict[int, int] = {}
    parsed = text
    if "\f" in text.content:
        dropped = {text.span(m.start(), m.start()).line: len(m[0]) for m in _FORM_FEEDS.finditer(text.content)}
        parsed = Text.of(_FORM_FEEDS.sub("", text.content)) if dropped else text
    try:
        tree = cst.parse_module(parsed.content)
    except cst.ParserSyntaxError as error:
        raise _syntax_error(error, text) from None
    except (RecursionError, UnicodeError, cst.CSTValidationError) as error:
        raise PythonSyntaxError(1, f"Python that cannot be parsed ({type(error).__name__})") from None
    places: list[_Places] = []

    def span(node: cst.CSTNode) -> Span:
        if not places:
            with deep_recursion():
                places.append(_Places(tree, parsed))
        span = places[0].span(node)
        if not dropped:
            return span
        first, last = dropped.get(span.line, 0), dropped.get(span.end_line, 0)
        return Span(span.line, span.column + first, span.end_line, span.end_column + last)

    def module() -> ir.Module:
        with warnings.catch_warnings(), deep_recursion():
            # "\d" in a plain string is a warning for the author of the scanned code, not for the reader of findings.
            warnings.simplefilter("ignore")
            try:
                return _Reader(span).module(tree, text)
            except RecursionError:
                raise PythonSyntaxError(1, "Python that is nested too deeply to be read") from None

    return ParsedPython(tree, span, module)


def _syntax_error(error: cst.ParserSyntaxError, text: Text) -> PythonSyntaxError:
    """The parser's error at the line of the token that it stumbled on, which is the one before the place it names."""
    located = _ERROR.search(error.message)
    if located is None:
        reason = error.message.removeprefix("tokenizer error: ").split("\n", 1)[0]
        return PythonSyntaxError(max(error.raw_line, 1), f"Python syntax error: {reason}")
    before = text.content[: text.offset(int(located["line"]), int(located["column"]) + 1)].rstrip()
    expected = located["expected"].removeprefix("one of ")
    short = f", expected {expected}" if expected.count(",") < 5 else ""
    return PythonSyntaxError(text.span(len(before), len(before)).line, f"Python syntax error{short}")


class _Mark:
    """Notes the token indexes between which a node was written, without the parentheses and white space it owns."""

    __slots__ = ("end_node", "first", "node", "start_node", "state")

    def __init__(self, state: _Counting, node: Any, start_node: Any, end_node: Any) -> None:
        self.state = state
        self.node = node
        self.start_node = start_node
        self.end_node = end_node

    def __enter__(self) -> None:
        self.first = len(self.state.tokens)

    def __exit__(self, *_: object) -> None:
        marks = self.state.marks
        # A node may name another for its start or end; punctuation (the `)` of an import) has no mark of its own.
        first = marks.get(id(self.start_node), (self.first, 0))[0]
        last = marks.get(id(self.end_node), (0, len(self.state.tokens)))[1]
        marks[id(self.node)] = (first, last)


class _Counting(CodegenState):
    """A code generation that notes where each node begins and ends, as token indexes."""

    __slots__ = ("marks",)

    def __init__(self, indent: str, newline: str) -> None:
        super().__init__(indent, newline)
        self.marks: dict[int, tuple[int, int]] = {}

    def record_syntactic_position(self, node: Any, *, start_node: Any = None, end_node: Any = None) -> Any:
        return _Mark(self, node, start_node, end_node)


class _Places:
    """The span of every node of one tree."""

    def __init__(self, tree: cst.Module, text: Text) -> None:
        state = _Counting(tree.default_indent, tree.default_newline)
        tree._codegen(state)
        offsets = [0]
        total = 0
        for token in state.tokens:
            total += len(token)
            offsets.append(total)
        self._offsets = offsets
        self._marks = state.marks
        self._text = text

    def span(self, node: cst.CSTNode) -> Span:
        """Raises ``KeyError`` for a node that has no place of its own (white space, punctuation)."""
        first, last = self._marks[id(node)]
        return self._text.span(self._offsets[first], self._offsets[last])


_OPERATORS: dict[str, str] = {
    "NotIn": "not in",
    "IsNot": "is not",
    "NotEqual": "!=",
}


def _operator(node: Any) -> str:
    return _OPERATORS.get(type(node).__name__) or str(node._get_token())


_TRUTH = {"True": True, "False": False, "None": None}
_INTEGER_LIMIT = 2**63


class _Reader:
    """Turns the nodes of one tree into the neutral form."""

    def __init__(self, span: Callable[[cst.CSTNode], Span]) -> None:
        self._place = span
        self._calls: set[str] = set()
        self._yields = False
        self._expressions: dict[type, Callable[[Any], ir.Expression]] = {
            cst.Name: self._name,
            cst.Attribute: self._attribute,
            cst.Call: self._call,
            cst.SimpleString: self._string,
            cst.ConcatenatedString: self._concatenated,
            cst.FormattedString: self._formatted,
            cst.Integer: self._integer,
            cst.Float: lambda node: ir.Constant(float(node.value.replace("_", "")), None),
            cst.BinaryOperation: self._binary,
            cst.BooleanOperation: self._binary,
            cst.Comparison: self._comparison,
            cst.UnaryOperation: self._unary,
            cst.List: lambda node: self._sequence("list", node),
            cst.Tuple: lambda node: self._sequence("tuple", node),
            cst.Set: lambda node: self._sequence("set", node),
            cst.Dict: self._mapping,
            cst.Subscript: self._subscript,
            cst.IfExp: lambda node: ir.Conditional(
                self.expression(node.test), self.expression(node.body), self.expression(node.orelse)
            ),
            cst.Await: lambda node: ir.Await(self.expression(node.expression)),
            cst.Lambda: lambda node: ir.Lambda(self._parameters(node.params), self.expression(node.body)),
            cst.ListComp: lambda node: self._comprehension("list", node, self.expression(node.elt)),
            cst.SetComp: lambda node: self._comprehension("set", node, self.expression(node.elt)),
            cst.GeneratorExp: lambda node: self._comprehension("generator", node, self.expression(node.elt)),
            cst.DictComp: self._dictionary_comprehension,
            cst.NamedExpr: lambda node: ir.Walrus(self.expression(node.target), self.expression(node.value)),
            cst.Yield: self._yield,
            cst.StarredElement: lambda node: ir.Starred(self.expression(node.value)),
            cst.Ellipsis: lambda _: ir.Opaque("ellipsis"),
        }
        self._statements: dict[type, Callable[[Any], ir.Statement | None]] = {
            cst.Expr: self._evaluate,
            cst.Assign: self._assign,
            cst.AnnAssign: self._annotated,
            cst.AugAssign: self._augmented,
            cst.Return: lambda node: ir.Return(self._optional(node.value), self._span(node)),
            cst.Raise: self._raise,
            cst.Import: lambda node: None,
            cst.ImportFrom: self._import_from,
            cst.Assert: lambda node: ir.Evaluate(
                ir.Operation("assert", (self.expression(node.test),)), self._span(node)
            ),
            cst.Del: lambda node: ir.Forget((self.expression(node.target),)),
            cst.Global: lambda node: ir.Outer(tuple(_name(item.name) for item in node.names)),
            cst.Break: lambda node: ir.Jump("break"),
            cst.Continue: lambda node: ir.Jump("continue"),
            cst.Nonlocal: lambda node: ir.Outer(tuple(_name(item.name) for item in node.names)),
            cst.If: self._if,
            cst.For: self._for,
            cst.While: lambda node: ir.While(
                self.expression(node.test), self.block(node.body), self._orelse(node.orelse), self._span(node.test)
            ),
            cst.With: self._with,
            cst.Try: self._try,
            cst.TryStar: self._try,
            cst.Match: self._match,
            cst.FunctionDef: self._function,
            cst.ClassDef: self._class,
        }

    def _span(self, node: Any) -> Span:
        # A tuple and a generator reach from their first part to their last: parentheses are no part of them.
        if isinstance(node, cst.Tuple) and node.elements:
            first, last = node.elements[0], node.elements[-1]
            return self._from_to(
                first if isinstance(first, cst.StarredElement) else first.value,
                last if isinstance(last, cst.StarredElement) else last.value,
            )
        if isinstance(node, cst.GeneratorExp):
            clause = node.for_in
            while clause.inner_for_in is not None:
                clause = clause.inner_for_in
            return self._from_to(node.elt, clause.ifs[-1].test if clause.ifs else clause.iter)
        return self._place(node)

    def module(self, tree: cst.Module, text: Text) -> ir.Module:
        """The neutral form of a whole file."""
        return ir.Module(self._body(tree.body), is_generated(text))

    # -- statements

    def _body(self, nodes: Iterable[Any]) -> tuple[ir.Statement, ...]:
        result: list[ir.Statement] = []
        for node in nodes:
            if isinstance(node, cst.SimpleStatementLine):
                self._small(node.body, result)
            else:
                self._one(node, result)
        return tuple(result)

    def _small(self, nodes: Iterable[Any], result: list[ir.Statement]) -> None:
        for node in nodes:
            if isinstance(node, cst.Import):
                for alias in node.names:
                    name, known = _imported(alias)
                    result.append(ir.Import(name, (), 0, known, self._span(alias)))
            else:
                self._one(node, result)

    def _one(self, node: Any, result: list[ir.Statement]) -> None:
        build = self._statements.get(type(node))
        if build is not None and (statement := build(node)) is not None:
            result.append(statement)

    def block(self, node: Any) -> tuple[ir.Statement, ...]:
        """The statements of a suite, indented or on one line."""
        if isinstance(node, cst.SimpleStatementSuite):
            result: list[ir.Statement] = []
            self._small(node.body, result)
            return tuple(result)
        return self._body(node.body)

    def _orelse(self, node: Any) -> tuple[ir.Statement, ...]:
        if node is None:
            return ()
        if isinstance(node, cst.If):
            return (self._if(node),)
        return self.block(node.body)

    def _evaluate(self, node: cst.Expr) -> ir.Statement | None:
        value = self.expression(node.value)
        if isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString, cst.Ellipsis)) and not isinstance(
            value, ir.Template
        ):
            return None  # a docstring or a placeholder does nothing
        return ir.Evaluate(value, self._span(node))

    def _assign(self, node: cst.Assign) -> ir.Statement:
        targets = tuple(self.expression(target.target) for target in node.targets)
        return ir.Assign(targets, self.expression(node.value), self._span(node))

    def _annotated(self, node: cst.AnnAssign) -> ir.Statement:
        return ir.Assign(
            (self.expression(node.target),),
            self._optional(node.value),
            self._span(node),
            self.expression(node.annotation.annotation),
        )

    def _augmented(self, node: cst.AugAssign) -> ir.Statement:
        return ir.Assign(
            (self.expression(node.target),),
            self.expression(node.value),
            self._span(node),
            operator=_operator(node.operator),
        )

    def _raise(self, node: cst.Raise) -> ir.Statement:
        cause = node.cause.item if node.cause is not None else None
        return ir.Raise(self._optional(node.exc), self._optional(cause), self._span(node))

    def _import_from(self, node: cst.ImportFrom) -> ir.Statement:
        module = "" if node.module is None else _dotted(node.module)
        if isinstance(node.names, cst.ImportStar):
            names: tuple[tuple[str, str], ...] = (("*", ""),)
        else:
            names = tuple(map(_imported, node.names))
        return ir.Import(module, names, len(node.relative), "", self._span(node))

    def _if(self, node: cst.If) -> ir.If:
        return ir.If(
            self.expression(node.test), self.block(node.body), self._orelse(node.orelse), self._span(node.test)
        )

    def _for(self, node: cst.For) -> ir.Statement:
        return ir.For(
            self.expression(node.target),
            self.expression(node.iter),
            self.block(node.body),
            self._orelse(node.orelse),
            self._span(node.iter),
        )

    def _with(self, node: cst.With) -> ir.Statement:
        items = tuple(
            (self.expression(item.item), None if item.asname is None else self.expression(item.asname.name))
            for item in node.items
        )
        return ir.With(items, self.block(node.body), self._span(node.items[0].item))

    def _try(self, node: cst.Try | cst.TryStar) -> ir.Statement:
        handlers = tuple(
            ir.Handler(
                self._optional(handler.type),
                _dotted(handler.name.name) if handler.name is not None else "",
                self.block(handler.body),
                self._span(handler.type) if handler.type is not None else self._keyword(handler, "except"),
            )
            for handler in node.handlers
        )
        return ir.Try(
            self.block(node.body),
            handlers,
            self._orelse(node.orelse),
            () if node.finalbody is None else self.block(node.finalbody.body),
            self._keyword(node, "try"),
        )

    def _keyword(self, node: Any, word: str) -> Span:
        start = self._span(node)
        return Span(start.line, start.column, start.line, start.column + len(word))

    def _match(self, node: cst.Match) -> ir.Statement:
        cases = tuple(ir.Case(self._optional(case.guard), self.block(case.body)) for case in node.cases)
        return ir.Match(self.expression(node.subject), cases, self._span(node.subject))

    def _decorators(self, nodes: Sequence[cst.Decorator]) -> tuple[ir.Decorator, ...]:
        return tuple(ir.Decorator(self.expression(node.decorator), self._span(node.decorator)) for node in nodes)

    def _function(self, node: cst.FunctionDef) -> ir.Statement:
        decorators = self._decorators(node.decorators)
        parameters = self._parameters(node.params)
        outer_calls, outer_yields = self._calls, self._yields
        self._calls, self._yields = set(), False
        body = self.block(node.body)
        calls, yields = self._calls, self._yields
        self._calls, self._yields = outer_calls | calls, outer_yields
        return ir.Function(
            _name(node.name),
            parameters,
            decorators,
            None if node.returns is None else self.expression(node.returns.annotation),
            node.asynchronous is not None,
            yields,
            self._span(node.name),
            self._span(node).end_line,
            tuple(sorted(calls)),
            ir.encode_statements(body),
        )

    def _class(self, node: cst.ClassDef) -> ir.Statement:
        return ir.Class(
            _name(node.name),
            tuple(self._argument(argument) for argument in (*node.bases, *node.keywords)),
            self._decorators(node.decorators),
            self.block(node.body),
            self._span(node.name),
            self._span(node).end_line,
        )

    # -- expressions

    def expression(self, node: Any) -> ir.Expression:
        """The neutral form of an expression; what has none is opaque."""
        build = self._expressions.get(type(node))
        return build(node) if build is not None else ir.Opaque(type(node).__name__)

    def _optional(self, node: Any) -> ir.Expression | None:
        return None if node is None else self.expression(node)

    def _name(self, node: cst.Name) -> ir.Expression:
        name = _name(node)
        return ir.Constant(_TRUTH[name]) if name in _TRUTH else ir.Name(name)

    def _attribute(self, node: cst.Attribute) -> ir.Expression:
        return ir.Attribute(self.expression(node.value), _name(node.attr))

    def _call(self, node: cst.Call) -> ir.Expression:
        function = node.func
        if isinstance(function, cst.Name):
            self._calls.add(_name(function))
        elif isinstance(function, cst.Attribute):
            self._calls.add(_name(function.attr))
        return ir.Call(
            self.expression(function),
            tuple(self._argument(argument) for argument in node.args),
            self._span(node),
            self._span(function),
        )

    def _argument(self, node: cst.Arg) -> ir.Argument:
        value = self.expression(node.value)
        span = self._span(node.value)
        if node.keyword is None:
            return ir.Argument(value, None, len(node.star), span)
        start = self._span(node.keyword)
        whole = Span(start.line, start.column, span.end_line, span.end_column)
        return ir.Argument(value, _name(node.keyword), 0, whole)

    def _string(self, node: cst.SimpleString) -> ir.Expression:
        return ir.Constant(_literal(node), self._span(node))

    def _concatenated(self, node: cst.ConcatenatedString) -> ir.Expression:
        # Adjacent literals lean to the right, hundreds of them in embedded texts: they are taken apart in a loop.
        literals: list[Any] = [node.left]
        right: Any = node.right
        while isinstance(right, cst.ConcatenatedString):
            literals.append(right.left)
            right = right.right
        literals.append(right)
        if any(isinstance(literal, cst.FormattedString) for literal in literals):
            parts = [part for literal in literals for part in self._parts(literal)]
            return ir.Template(_joined(parts), self._span(node))
        return ir.Constant("".join(_literal(literal) for literal in literals), self._span(node))

    def _formatted(self, node: cst.FormattedString) -> ir.Expression:
        return ir.Template(_joined(self._parts(node)), self._span(node))

    def _parts(self, node: cst.SimpleString | cst.FormattedString) -> list[ir.Expression]:
        if isinstance(node, cst.SimpleString):
            return [ir.Constant(_literal(node))]
        parts: list[ir.Expression] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(ir.Constant(_formatted_text(part.value, node.start)))
            elif isinstance(part, cst.FormattedStringExpression):
                if part.equal is not None:
                    # `{x = }` writes itself before its value, white space and all.
                    code = cst.Module([]).code_for_node
                    written = (part.whitespace_before_expression, part.expression, part.equal)
                    parts.append(ir.Constant("".join(code(piece) for piece in written)))
                parts.append(self.expression(part.expression))
        return parts

    def _integer(self, node: cst.Integer) -> ir.Expression:
        try:
            value = int(node.value.replace("_", ""), 0)
        except ValueError:  # more digits than Python converts
            return ir.Opaque("integer")
        return ir.Constant(value) if -_INTEGER_LIMIT <= value < _INTEGER_LIMIT else ir.Opaque("integer")

    def _binary(self, node: cst.BinaryOperation | cst.BooleanOperation) -> ir.Expression:
        # `a + b + c + ...` leans to the left, thousands of operands long in generated code: it is taken apart in a loop.
        operator = _operator(node.operator)
        operands = [node.right]
        left: Any = node.left
        while type(left) is type(node) and not left.lpar and _operator(left.operator) == operator:
            operands.append(left.right)
            left = left.left
        operands.append(left)
        return ir.Operation(operator, tuple(self.expression(operand) for operand in reversed(operands)))

    def _comparison(self, node: cst.Comparison) -> ir.Expression:
        left = self.expression(node.left)
        parts: list[ir.Expression] = []
        for target in node.comparisons:
            right = self.expression(target.comparator)
            parts.append(ir.Operation(_operator(target.operator), (left, right)))
            left = right
        return parts[0] if len(parts) == 1 else ir.Operation("and", tuple(parts))

    def _unary(self, node: cst.UnaryOperation) -> ir.Expression:
        operator = _operator(node.operator)
        operand = self.expression(node.expression)
        if operator == "-" and isinstance(operand, ir.Constant) and type(operand.value) in (int, float):
            return ir.Constant(-operand.value)  # type: ignore[operator]  # the line above made it a number
        return ir.Operation(operator, (operand,))

    def _sequence(self, kind: str, node: Any) -> ir.Expression:
        items = []
        for element in node.elements:
            value = self.expression(element.value)
            items.append(ir.Starred(value) if isinstance(element, cst.StarredElement) else value)
        return ir.Sequence(kind, tuple(items), self._span(node))

    def _from_to(self, first: Any, last: Any) -> Span:
        start, end = self._span(first), self._span(last)
        return Span(start.line, start.column, end.end_line, end.end_column)

    def _mapping(self, node: cst.Dict) -> ir.Expression:
        items: list[tuple[ir.Expression | None, ir.Expression]] = []
        for element in node.elements:
            key = self.expression(element.key) if isinstance(element, cst.DictElement) else None
            items.append((key, self.expression(element.value)))
        return ir.Mapping(tuple(items), self._span(node))

    def _subscript(self, node: cst.Subscript) -> ir.Expression:
        indexes = [self._index(element.slice) for element in node.slice]
        value = self.expression(node.value)
        if len(indexes) == 1:
            return ir.Subscript(value, indexes[0])
        values = [element.slice.value for element in node.slice if isinstance(element.slice, cst.Index)]
        # Where a slice is among them they have no common place but the whole.
        span = self._from_to(values[0], values[-1]) if len(values) == len(node.slice) else self._span(node)
        return ir.Subscript(value, ir.Sequence("tuple", tuple(indexes), span))

    def _index(self, node: Any) -> ir.Expression:
        if isinstance(node, cst.Index):
            return self.expression(node.value)
        bounds = (node.lower, node.upper, node.step)
        return ir.Operation(
            ":", tuple(ir.Constant(None) if bound is None else self.expression(bound) for bound in bounds)
        )

    def _comprehension(self, kind: str, node: Any, element: ir.Expression) -> ir.Expression:
        generators = []
        clause = node.for_in
        while clause is not None:
            conditions = tuple(self.expression(condition.test) for condition in clause.ifs)
            generators.append(ir.Generator(self.expression(clause.target), self.expression(clause.iter), conditions))
            clause = clause.inner_for_in
        return ir.Comprehension(kind, element, tuple(generators), self._span(node))

    def _dictionary_comprehension(self, node: cst.DictComp) -> ir.Expression:
        span = self._from_to(node.key, node.value)
        pair = ir.Sequence("tuple", (self.expression(node.key), self.expression(node.value)), span)
        return self._comprehension("dict", node, pair)

    def _yield(self, node: cst.Yield) -> ir.Expression:
        self._yields = True
        value = node.value.item if isinstance(node.value, cst.From) else node.value
        return ir.Yield(self._optional(value))

    def _parameters(self, node: cst.Parameters) -> tuple[ir.Parameter, ...]:
        result = [self._parameter(parameter, "positional") for parameter in node.posonly_params]
        result += [self._parameter(parameter, "plain") for parameter in node.params]
        if isinstance(node.star_arg, cst.Param):
            result.append(self._parameter(node.star_arg, "rest"))
        result += [self._parameter(parameter, "keyword") for parameter in node.kwonly_params]
        if node.star_kwarg is not None:
            result.append(self._parameter(node.star_kwarg, "keywords"))
        return tuple(result)

    def _parameter(self, node: cst.Param, kind: str) -> ir.Parameter:
        annotation = None if node.annotation is None else self.expression(node.annotation.annotation)
        return ir.Parameter(_name(node.name), kind, annotation, self._optional(node.default))


def _dotted(node: Any) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{_name(node.attr)}"
    return _name(node) if isinstance(node, cst.Name) else ""


def _imported(alias: cst.ImportAlias) -> tuple[str, str]:
    """What is imported, and the name that it gets; empty where it keeps its own."""
    return _dotted(alias.name), "" if alias.asname is None else _dotted(alias.asname.name)


def _name(node: cst.Name) -> str:
    """A name as Python knows it: letters that are written in several ways are one (NFKC, as its reference says)."""
    return node.value if node.value.isascii() else unicodedata.normalize("NFKC", node.value)


def _literal(node: cst.SimpleString) -> str:
    raw = node.raw_value
    if "\\" not in raw:
        return raw
    try:
        value = ast.literal_eval(node.value)
    except (ValueError, SyntaxError):
        return sound(raw)
    return sound(value.decode("latin-1") if isinstance(value, bytes) else value)


def _formatted_text(raw: str, start: str) -> str:
    """What a piece of a formatted string stands for; ``start`` is its prefix and opening quotes."""
    text = raw.replace("{{", "{").replace("}}", "}")
    quotes = start.lstrip("fFrRtT")
    if "\\" not in text or "r" in start.lower():
        return sound(text)
    try:
        return sound(str(ast.literal_eval(f"{quotes}{text}{quotes}")))
    except (ValueError, SyntaxError):
        return sound(text)


def _joined(parts: list[ir.Expression]) -> tuple[ir.Expression, ...]:
    """Parts of a text with neighbouring pieces of text made one, and empty ones left out."""
    result: list[ir.Expression] = []
    for part in parts:
        text = _own_text(part)
        before = _own_text(result[-1]) if result else None
        if text is not None and before is not None:
            result[-1] = ir.Constant(before + text)
        elif text != "":
            result.append(part)
    return tuple(result)


def _own_text(part: ir.Expression) -> str | None:
    """A part that is text of the string itself; a literal inside braces is none, it has a place of its own."""
    if isinstance(part, ir.Constant) and isinstance(part.value, str) and part.span is None:
        return part.value
    return None
