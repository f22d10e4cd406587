"""In: the neutral form of one file. Out: its bodies of code with their names, and what the names of libraries stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qualitygate.authoring import ParsedFile
from qualitygate.model import syntax as ir


@dataclass(frozen=True)
class Step:
    """A statement with the conditions that decide over it, outermost first."""

    statement: ir.Statement
    conditions: tuple[ir.Expression, ...]


def steps(body: Sequence[ir.Statement], conditions: tuple[ir.Expression, ...] = ()) -> Iterator[Step]:
    """Every statement of a body and of its blocks; not those of functions and classes."""
    for statement in body:
        yield Step(statement, conditions)
        if isinstance(statement, (ir.If, ir.While)):
            yield from steps(statement.body, (*conditions, statement.test))
            yield from steps(statement.orelse, (*conditions, statement.test))
        elif isinstance(statement, (ir.For, ir.With, ir.Try)):
            yield from steps(statement.body, conditions)
            for handler in getattr(statement, "handlers", ()):
                yield from steps(handler.body, conditions)
            for rest in (getattr(statement, "orelse", ()), getattr(statement, "final", ())):
                yield from steps(rest, conditions)
        elif isinstance(statement, ir.Match):
            for case in statement.cases:
                yield from steps(case.body, (*conditions, statement.subject))


def scope_steps(scope: ir.Scope) -> Iterator[Step]:
    """The statements of a scope; for the module those of its classes as well."""
    for step in steps(scope.statements):
        yield step
        if isinstance(step.statement, ir.Class):
            yield from _class_steps(step.statement)


def _class_steps(cls: ir.Class) -> Iterator[Step]:
    for step in steps(cls.body):
        yield step
        if isinstance(step.statement, ir.Class):
            yield from _class_steps(step.statement)


def own(statement: ir.Statement) -> Iterator[ir.Expression]:
    """The expressions of a statement itself with everything inside them; not those of its blocks."""
    for name in ("value", "test", "iterable", "exception", "subject"):
        expression = getattr(statement, name, None)
        if expression is not None:
            yield from ir.subexpressions(expression)
    if isinstance(statement, ir.With):
        for expression, _ in statement.items:
            yield from ir.subexpressions(expression)
    for decorator in getattr(statement, "decorators", ()):
        yield from ir.subexpressions(decorator.expression)
    if isinstance(statement, ir.Function):
        for parameter in statement.parameters:
            if parameter.default is not None:
                yield from ir.subexpressions(parameter.default)


def imports(file: ParsedFile) -> dict[str, str]:
    """What the names that the file imports stand for, wherever it imports them: `{"get": "requests.get"}`."""
    found: dict[str, str] = {}
    for scope in file.scopes:
        if ir.Import in scope.kinds:
            _note(scope.walked, found)
    return found


def top_imports(module: ir.Module) -> dict[str, str]:
    """The same without what functions import: no body of a function is decoded for it."""
    found: dict[str, str] = {}
    _note(ir.walk(module.body), found)
    return found


def _note(statements: Iterable[ir.Statement], found: dict[str, str]) -> None:
    for statement in statements:
        if not isinstance(statement, ir.Import) or statement.level:
            continue
        if not statement.names:
            alias = statement.alias or statement.module.split(".", 1)[0]
            found.setdefault(alias, statement.module if statement.alias else alias)
        for name, alias in statement.names:
            found.setdefault(alias or name, f"{statement.module}.{name}")


def written(file: ParsedFile, function: ir.Function | ir.Class) -> str:
    """The text of a definition from its name's line to its end: what its code says in so many words stands there."""
    start, end = bounds(file, function)
    return file.text.content[start:end]


def bounds(file: ParsedFile, function: ir.Function | ir.Class) -> tuple[int, int]:
    """The offsets at which :func:`written` begins and ends."""
    starts = file.text.line_starts
    end = starts[function.end_line] if function.end_line < len(starts) else len(file.text.content)
    return starts[function.span.line - 1], end


def functions(module: ir.Module) -> Iterator[ir.Function]:
    """The functions and methods of a file, those inside of functions left out: no body is decoded for it."""
    stack: list[ir.Statement] = list(module.body)
    while stack:
        statement = stack.pop()
        if isinstance(statement, ir.Function):
            yield statement
        elif isinstance(statement, (ir.Class, ir.If, ir.Try, ir.With)):
            stack.extend(statement.body)


def dotted(expression: ir.Expression, imported: Mapping[str, str]) -> str:
    """The dotted name of an expression with its first word as imported; `?` stands for what is no name."""
    parts: list[str] = []
    while isinstance(expression, ir.Attribute):
        parts.append(expression.name)
        expression = expression.value
    head = imported.get(expression.id, expression.id) if isinstance(expression, ir.Name) else "?"
    return ".".join((head, *reversed(parts)))
