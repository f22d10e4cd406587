"""In: a linked project. Out: where its code names a table or a column, and what to say of a migration that drops it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from qualitygate.authoring import Confidence, Hit, Place, Project, Role, Severity, Span
from qualitygate.model import syntax as ir
from qualitygate.model.schema import History, Migration, OperationKind, Table
from qualitygate_checks.database._locks import Effect, located
from qualitygate_checks.database._migrations import SHARED, by_age, doubts, mend, origin

_SQL = re.compile(r"\s*(?:select|insert|update|delete|with|merge)\b", re.IGNORECASE)
_TABLES = re.compile(r'\b(?:from|join|into|update|using)\s+(?:only\s+)?((?:"?\w+"?\.)?"?\w+"?)', re.IGNORECASE)
_WORD = re.compile(r"\w+")
_LONGEST = 20_000


@dataclass(frozen=True)
class Naming:
    """Where code names something. ``surely`` is false for SQL, whose words may mean another table's column."""

    place: Place
    what: str
    surely: bool


class Named:
    """Looks for names in the code of one project; what costs time is done when it is first asked for."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._models = {model.table: model for model in project.models if model.managed and model.sure}

    def table(self, table: str) -> Naming | None:
        """Where the code names a table."""
        model = self._models.get(table)
        if model is not None:
            place = Place(model.place.path, model.place.span, "the code names it here", "model")
            return Naming(place, f"model {model.name or model.label}", True)
        return next((_in_sql(place) for place, tables, _ in self._statements if table in tables), None)

    def column(self, table: str, column: str) -> Naming | None:
        """Where the code names a column of a table."""
        model = self._models.get(table)
        if model is not None and model.definition is not None:
            found = model.definition.column(column)
            if found is not None:
                place = Place(found.place.path, found.place.span, "the code names it here", "model")
                return Naming(place, f"model {model.name or model.label}", True)
        statements = self._statements
        return next(
            (_in_sql(place) for place, tables, words in statements if table in tables and column in words), None
        )

    @cached_property
    def _statements(self) -> tuple[tuple[Place, frozenset[str], frozenset[str]], ...]:
        """The SQL in the texts of the application: its place, the tables that it names, and all its words."""
        return tuple(_read(self._project))


def _in_sql(place: Place) -> Naming:
    return Naming(place, "an SQL text", False)


def _read(project: Project) -> Iterator[tuple[Place, frozenset[str], frozenset[str]]]:
    for file in project.files:
        if file.module is None or file.role is not Role.APPLICATION:
            continue
        for scope in ir.scopes(file.module):
            for statement in scope.walked:
                for text, span in _texts(statement):
                    if _SQL.match(text) and len(text) < _LONGEST:
                        tables = frozenset(name.replace('"', "").lower() for name in _TABLES.findall(text))
                        words = frozenset(word.lower() for word in _WORD.findall(text))
                        yield Place(file.path, span, "the code names it here", "query"), tables, words


def _texts(statement: ir.Statement) -> Iterator[tuple[str, Span]]:
    """The texts of a statement, those that are put together by their known parts; each at the call or text it is in."""
    for expression in ir.evaluated_by(statement):
        for inner in ir.subexpressions(expression):
            if isinstance(inner, ir.Constant) and isinstance(inner.value, str) and inner.span is not None:
                yield inner.value, inner.span
            elif isinstance(inner, ir.Template):
                known = (part.value for part in inner.parts if isinstance(part, ir.Constant))
                yield " ".join(part for part in known if isinstance(part, str)), inner.span


def drops(
    project: Project,
    kind: OperationKind,
    what: str,
    find: Callable[[Named, Effect], Naming | None],
    stays: Callable[[Effect, Table | None], bool],
) -> Iterator[Hit]:
    """What is to be said of each thing that a migration drops; old ones that no code names as one.

    ``what`` calls the thing (`column`, `table`), ``find`` says where code names it, ``stays`` whether it is there in the
    end, given the table as all migrations leave it.
    """
    named = Named(project)
    before = Named(project.base) if project.base is not None else None
    final = {(table.history, table.full_name): table for table in project.tables}
    unnamed = []
    for history, migration, effect in located(project, kind, dialects=SHARED):
        temporary = effect.change.before is not None and effect.change.before.kind == "temporary"
        # what the migrations believe to be there was dropped to be made again by hand
        believed = _thing(effect) in history.believed
        if temporary or believed or stays(effect, final.get((history.directory, effect.table))):
            continue
        now = find(named, effect)
        if now is not None:
            yield _broken(history, migration, effect, what, now, now=True)
        elif before is None:
            unnamed.append(_unnamed(history, migration, effect, what))
        elif (then := find(before, effect)) is not None:
            yield _broken(history, migration, effect, what, then, now=False)
    yield from by_age(project, unnamed)


def dropped(project: Project) -> frozenset[str]:
    """The tables, and the columns as `table.column`, that the migrations to be judged drop. Ask by `project.once`."""
    return frozenset(
        _thing(effect)
        for _, _, effect in located(project, OperationKind.DROP_COLUMN, OperationKind.DROP_TABLE, dialects=SHARED)
    )


def _thing(effect: Effect) -> str:
    columns = effect.change.operation.columns
    return f"{effect.table}.{columns[0]}" if columns else effect.table


def _broken(history: History, migration: Migration, effect: Effect, what: str, named: Naming, *, now: bool) -> Hit:
    doubted = doubts(history, effect.change)
    where = f"{named.place.path}, line {named.place.span.line}"
    return Hit(
        place=Place(migration.path, effect.change.operation.span),
        message=f"Dropping {what} {_thing(effect)} breaks {named.what}, which still names it"
        if now
        else f"Dropping {what} {_thing(effect)} breaks the release that is running, whose {named.what} names it",
        subject=_thing(effect),
        why="; ".join([f"the {'code' if now else 'code of the base'} names it in {where}", *doubted]),
        mend=f"take the name out of the code one release before the {what} is dropped"
        if now
        else _two_releases(history, what),
        places=((named.place,) if now else ()) + origin(effect.change),
        severity=Severity.ERROR if now and named.surely else None,
        confidence=Confidence.HIGH if named.surely and not doubted else Confidence.MEDIUM,
    )


def _unnamed(history: History, migration: Migration, effect: Effect, what: str) -> Hit:
    return Hit(
        place=Place(migration.path, effect.change.operation.span),
        message=f"Dropping {what} {_thing(effect)} breaks the release that is running, if it still names it",
        subject=_thing(effect),
        why="no code here names it any more; whether the release before does is not known without a base",
        mend=_two_releases(history, what),
        places=origin(effect.change),
        severity=Severity.NOTE,
        confidence=Confidence.LOW,
    )


def _two_releases(history: History, what: str) -> str:
    return mend(
        history,
        f"drop the {what} one release after the code has stopped to name it",
        f"drop the {what} one release after the model has lost it",
        "RemoveField or DeleteModel as a state operation of SeparateDatabaseAndState first, and the "
        f"{what} in a later release",
    )
