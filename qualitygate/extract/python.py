"""In: the text of a Python file. Out: its neutral program form as facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from qualitygate.extract.reading import Reading, Unparsable
from qualitygate.model.source import Text
from qualitygate.model.syntax import Class, For, Function, If, Statement, Try, While, With, statements
from qualitygate.parse.python_fast import read_module
from qualitygate.parse.python_limits import PythonSyntaxError

if TYPE_CHECKING:
    from qualitygate.parse.python import ParsedPython


def read_python(text: Text) -> Reading:
    """Read one Python file: by the running Python's own parser where it can, else by libcst, which reads every version.

    Raises ``Unparsable`` for a syntax error.
    """
    trees: list[ParsedPython] = []

    def parsed() -> ParsedPython:
        if not trees:
            from qualitygate.parse.python import parse_python

            trees.append(parse_python(text))
        return trees[0]

    try:
        module = read_module(text)
        if module is None:
            module = parsed().module()
    except PythonSyntaxError as error:
        raise Unparsable(error.line, error.reason) from None

    def facts() -> dict[str, Any]:
        return {"module": module, "scopes": tuple(sorted(_scopes(module.body)))}

    return Reading(lambda: parsed().tree, lambda node: parsed().span(node), facts, module)


def _scopes(body: Iterable[Statement]) -> Iterator[tuple[int, int]]:
    """First and last line of every definition, counted from its header and from each of its decorators."""
    for statement in body:
        if isinstance(statement, (Function, Class)):
            yield statement.span.line, statement.end_line
            for decorator in statement.decorators:
                yield decorator.span.line, statement.end_line
            yield from _scopes(statements(statement) if isinstance(statement, Function) else statement.body)
        elif isinstance(statement, (If, For, While, With, Try)):
            yield from _scopes(statement.body)
            if not isinstance(statement, With):
                yield from _scopes(statement.orelse)
            if isinstance(statement, Try):
                yield from _scopes(statement.final)
                for handler in statement.handlers:
                    yield from _scopes(handler.body)
