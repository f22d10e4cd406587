"""In: the text of a Python module and edits of it. Out: the text with them made, and what they import at its top."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from qualitygate.model.finding import Edit
from qualitygate.model.source import Span, Text


class Unwritable(Exception):
    """The edits cannot be made for sure; the argument says why."""


def completed(text: Text, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits in the order of the text, with one that imports what they name and the module does not.

    Raises :class:`Unwritable` where the module cannot be parsed, before or after, where two edits overlap, and where a
    name that an edit needs means something else in the module.
    """
    wanted = sorted(edits, key=lambda edit: edit.span)
    for before, after in pairwise(wanted):
        if (before.span.end_line, before.span.end_column) > (after.span.line, after.span.column):
            raise Unwritable("two edits of it overlap")
    names = sorted({name for edit in wanted for name in edit.imports})
    module = _parsed(text.content)
    missing = [name for name in names if not _imported(module, name, wanted[0].span.line)]
    if missing:
        wanted.insert(0, _import(module, text, missing))
        wanted.sort(key=lambda edit: edit.span)
    _parsed(edited(text, wanted))
    return tuple(wanted)


def edited(text: Text, edits: Sequence[Edit]) -> str:
    """The text with ``edits``, which are in its order and do not overlap; all other characters stay as they are."""
    parts = []
    last = 0
    for edit in edits:
        parts += [text.content[last : text.offset(edit.span.line, edit.span.column)], edit.text]
        last = text.offset(edit.span.end_line, edit.span.end_column)
    return "".join((*parts, text.content[last:]))


def _parsed(content: str) -> cst.Module:
    try:
        return cst.parse_module(content)
    except (cst.ParserSyntaxError, RecursionError):
        raise Unwritable("it is not Python that can be parsed") from None


def _imported(module: cst.Module, name: str, line: int) -> bool:
    """Whether ``import name`` stands at the top of the module. Raises :class:`Unwritable` where the name is another's."""
    found = False
    for statement in module.body:
        for small in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
            if isinstance(small, cst.Import):
                for alias in small.names:
                    if alias.asname is None and isinstance(alias.name, cst.Name) and alias.name.value == name:
                        found = True
    if not found and name in _bound(module):
        raise Unwritable(f"`{name}` is a name of its own there")
    return found


def _bound(module: cst.Module) -> Iterable[str]:
    """Every name that the module, or something in it, gives a meaning to; imports of whole modules apart."""
    stack: list[cst.CSTNode] = [module]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.ImportFrom):
            aliases = node.names if not isinstance(node.names, cst.ImportStar) else ()
            yield from (alias.evaluated_alias or alias.evaluated_name for alias in aliases)
        elif isinstance(node, cst.ImportAlias) and node.evaluated_alias:
            yield node.evaluated_alias
        elif isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Param)):
            yield node.name.value
        elif isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.For, cst.NamedExpr, cst.CompFor)):
            yield from _targets(node.target)
        elif isinstance(node, cst.AsName):
            yield from _targets(node.name)
        if not isinstance(node, cst.ImportFrom):
            stack.extend(node.children)


def _targets(target: cst.CSTNode) -> Iterable[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _targets(element.value)


def _import(module: cst.Module, text: Text, names: Sequence[str]) -> Edit:
    """An edit that imports ``names`` before the first statement that may stand after them."""
    place = 0
    body = module.body
    if body and module.get_docstring() is not None:
        place = 1
    while place < len(body) and _is_future(body[place]):
        place += 1
    newline = module.default_newline
    lines = "".join(f"import {name}{newline}" for name in names)
    if place == len(body):
        raise Unwritable("there is no code in it")
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    start = wrapper.resolve(PositionProvider)[body[place]].start
    if not _is_import(body[place]):
        lines += newline
    return Edit(Span(start.line, 1, start.line, 1), lines)


def _is_import(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], (cst.Import, cst.ImportFrom)
    )


def _is_future(statement: cst.CSTNode) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(first := statement.body[0], cst.ImportFrom)
        and isinstance(first.module, cst.Name)
        and first.module.value == "__future__"
    )
