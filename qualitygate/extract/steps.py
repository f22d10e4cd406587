"""In: a migration, in SQL or in Python. Out: its steps, each with a digest that neither comments nor layout enter."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from qualitygate.frameworks import alembic, django_migrations
from qualitygate.model.schema import CODE, PLAIN, SQL, Step
from qualitygate.model.source import Span, Text
from qualitygate.model.syntax import (
    Argument,
    Assign,
    Attribute,
    Call,
    Class,
    Constant,
    Evaluate,
    Expression,
    Function,
    Module,
    Name,
    Parameter,
    Sequence,
    Statement,
    Template,
    With,
    statements,
)

if TYPE_CHECKING:
    from qualitygate.parse import sql

_Named = Function | Class | Assign

_PLAIN = alembic.SCHEMA_STEPS | django_migrations.SCHEMA_STEPS
_RUNS_SQL = frozenset({"execute", "RunSQL"})
_WRAPPERS = frozenset({"text", "op", "sa", "sqlalchemy"})
# Comments, what is in quotes, words, and every other sign. What is opened and never closed goes on to the end.
_SQL_WORD = re.compile(
    r"""--[^\n]*|/\*(?:.*?\*/|.*)|('(?:[^']|'')*'|"[^"]*")|(\w+)|([^\w\s])""",
    re.DOTALL,
)
# What Django runs on the way up; the second argument of both is the way back.
_WITH_WAY_BACK = frozenset({"RunPython", "RunSQL"})


def steps_of_sql(found: Iterable[sql.Statement], text: Text, down: Iterable[tuple[int, int]]) -> tuple[Step, ...]:
    """One step for each statement but those of the way back, which stand between the offsets ``down``."""
    sections = tuple(down)
    steps = []
    for statement in found:
        # What stands in a block is part of the block's own text.
        if statement.conditional or any(start <= statement.start < end for start, end in sections):
            continue
        source = statement.source[statement.start : statement.end]
        steps.append(Step(text.span(statement.start, statement.end), _digest(_words_of_text(source)), SQL))
    return tuple(steps)


def _words_of_text(text: str) -> Iterator[str]:
    """The words and signs of SQL; the body of a function is laid out like everything else, and read likewise."""
    for quoted, word, sign in _SQL_WORD.findall(text):
        yield quoted or word.upper() or sign or ""


def steps_of_alembic(module: Module) -> tuple[Step, ...]:
    """The statements of ``upgrade``, and what else of the file they use."""
    upgrade = next((one for one in module.body if isinstance(one, Function) and one.name == "upgrade"), None)
    body = statements(upgrade) if upgrade is not None else ()
    own = [
        _step(span, one.value if isinstance(one, Evaluate) else one)
        for one in body
        if not _is_text(one) and (span := getattr(one, "span", None)) is not None
    ]
    return (*own, *_used(module, body))


def steps_of_django(module: Module) -> tuple[Step, ...]:
    """The operations of the class `Migration`, and what else of the file they use."""
    migration = next((one for one in module.body if isinstance(one, Class) and one.name == "Migration"), None)
    body = migration.body if migration is not None else ()
    listed = [
        item
        for one in body
        if isinstance(one, Assign) and any(isinstance(each, Name) and each.id == "operations" for each in one.targets)
        for item in (one.value.items if isinstance(one.value, Sequence) else (one.value,))
        if item is not None
    ]
    forward = [_forward(item) for item in listed]
    place = migration.span if migration is not None else None
    own = [
        _step(span, item)
        for item in forward
        if (span := item.name_span if isinstance(item, Call) else place) is not None
    ]
    return (*own, *_used(module, forward))


def _forward(expression: Expression) -> Expression:
    """An operation without its way back."""
    if not isinstance(expression, Call) or _last(expression.function) not in _WITH_WAY_BACK:
        return expression
    kept = tuple(
        each
        for number, each in enumerate(expression.arguments)
        if (number != 1 if each.name is None else not each.name.startswith("reverse_"))
    )
    return msgspec.structs.replace(expression, arguments=kept)


def _used(module: Module, roots: Iterable[Any]) -> Iterator[Step]:
    """What the roots use of the file's own functions, classes and values, directly or not, as a step each."""
    known: dict[str, _Named] = {}
    for statement in module.body:
        if isinstance(statement, (Function, Class)):
            known[statement.name] = statement
        elif isinstance(statement, Assign):
            known.update({each.id: statement for each in statement.targets if isinstance(each, Name)})
    yield from _reached(known, roots)


def _reached(known: Mapping[str, _Named], roots: Iterable[Any]) -> Iterator[Step]:
    seen: set[str] = set()
    waiting = list(roots)
    found: dict[Span, _Named] = {}
    while waiting:
        for name in _names(waiting.pop()):
            if name in known and name not in seen:
                seen.add(name)
                found[known[name].span] = known[name]
                waiting.append(known[name])
    for span in sorted(found):
        yield Step(span, _digest(_words(found[span])), CODE)


def _step(span: Span, value: Expression | Statement) -> Step:
    texts = _texts(value)
    if texts is not None:
        return Step(span, _digest(word for text in texts for word in _words_of_text(text)), SQL)
    return Step(span, _digest(_words(value)), PLAIN if _is_plain(value) else CODE)


def _texts(value: Expression | Statement) -> list[str] | None:
    """The SQL of a call that runs nothing but texts; None for everything else."""
    if not isinstance(value, Call) or _last(value.function) not in _RUNS_SQL:
        return None
    texts = []
    for part in _parts(tuple(argument.value for argument in value.arguments)):
        if isinstance(part, Constant) and isinstance(part.value, str):
            texts.append(part.value)
        elif isinstance(part, (Name, Attribute, Template)) and _last(part) not in _WRAPPERS:
            return None
    return texts


def _is_plain(value: Expression | Statement) -> bool:
    """Whether all that a step does is among the operations that are read from the file."""
    if isinstance(value, With):
        return all(isinstance(one, Evaluate) and _is_plain(one.value) for one in value.body)
    return isinstance(value, Call) and _last(value.function) in _PLAIN


def _is_text(statement: Any) -> bool:
    return isinstance(statement, Evaluate) and isinstance(statement.value, Constant)


def _last(function: Expression) -> str:
    """The last name of what is called."""
    if isinstance(function, Attribute):
        return function.name
    return function.id if isinstance(function, Name) else ""


def _names(value: Any) -> Iterator[str]:
    return (part.id for part in _parts(value) if isinstance(part, Name))


def _words(value: Any) -> Iterator[str]:
    """A syntax tree as text without places, line by line what it is made of."""
    for part in _parts(value):
        yield type(part).__name__ if isinstance(part, (msgspec.Struct, tuple)) else repr(part)


def _parts(value: Any) -> Iterator[Any]:
    """A syntax tree and all that is in it, but for places, annotations and texts that stand alone (documentation)."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, Span) or _is_text(part):
            continue
        yield part
        if isinstance(part, Function):
            stack += [statements(part), part.decorators, part.parameters, part.name]
        elif isinstance(part, Parameter):
            stack += [part.default, part.kind, part.name]
        elif isinstance(part, Constant):
            stack.append(part.value)
        elif isinstance(part, Argument):
            stack += [part.value, part.name, part.stars]
        elif isinstance(part, msgspec.Struct):
            names = [name for name in part.__struct_fields__ if name not in ("end_line", "annotation")]
            stack += [getattr(part, name) for name in reversed(names)]
        elif isinstance(part, tuple):
            # Where it ends is part of what it is.
            stack += [len(part), *reversed(part)]


def _digest(words: Iterable[str]) -> str:
    return hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


__all__ = ["steps_of_alembic", "steps_of_django", "steps_of_sql"]
