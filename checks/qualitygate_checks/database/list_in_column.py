"""A list that is kept as text with separators.

What it flags: a text column of the final schema that the code takes apart or puts together at a separator: `order.tags.split(",")`,
`self.ids = ",".join(...)`, `Order(tags=";".join(...))`, and SQL that does so (`string_to_array(tags, ',')`, `FIND_IN_SET`,
`LIKE '%,x,%'`). It is told at the column, with the places in the code; a name alone proves nothing. The confidence is medium
where the object is surely a row of the model, and low where only the attribute's name and the object's fit.

Why: no key or type holds for the single values, a value that contains the separator breaks the list, a search must read every
row, and two writers that add a value at the same moment lose one.

How to mend: a table with a row for each value. Where the values are only read together: an array (`text[]`) or `jsonb`, with a
GIN index if they are searched.

What it cannot see: lists that a helper takes apart, and texts that another system prescribes (the scopes of OAuth 2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate.model.schema import Column, Model, Table
from qualitygate_checks._code import Body, Code, last_name, span_of
from qualitygate_checks._reach import is_script
from qualitygate_checks.database._tables import as_clauses, at, confidence, is_text, made, stored, table_of

_SEPARATORS = frozenset({",", ", ", ";", "; ", "|", "||"})
_IN_SQL = re.compile(
    r"(?:string_to_array|regexp_split_to_table|regexp_split_to_array)\(\s*(?:[a-z_]\w*\.)?\"?([a-z_]\w*)\"?\s*,\s*'[,;|]\s?'"
    r"|find_in_set\([^,()]{1,80},\s*(?:[a-z_]\w*\.)?`?([a-z_]\w*)`?\s*\)",
    re.IGNORECASE,
)
# What a list in one text is by a standard, or no list at all.
_OTHER = re.compile(
    r"scope|redirect_uri|grant_type|response_type|header|accept|user_agent|csv|body|content|text|line|query|sql|path|^value$|^name$|address"
)
_LISTS = re.compile(r"(?:^|_)(?:tags|labels|keywords|ids|emails|recipients|list)$")
_SHOWN = 6


@dataclass(frozen=True)
class _Use:
    """A place where code treats a column as a list."""

    written: str
    place: Place
    sure: bool


def run(project: Project) -> Iterator[Hit]:
    """One hit a column."""
    found: dict[tuple[str, str], list[_Use]] = {}
    models = _by_attribute(project)
    classes = {model.label: model for model in project.models}
    named: dict[str, list[Model]] = {}
    for model in project.models:
        named.setdefault(model.name, []).append(model)
    code = project.once(Code)
    for word in ("split", "join"):
        for body in code.everywhere(word):
            if is_script(body.path):
                continue
            for model, attribute, use in _uses(body, word, models, classes, named):
                found.setdefault((model.label, attribute), []).append(use)
    labels = {model.label: model for model in project.models}
    for (label, attribute), uses in sorted(found.items()):
        model = labels[label]
        known = model.attribute(attribute)
        table = table_of(project, model)
        column = table.column(known.column) if known is not None and table is not None else None
        if table is not None and column is not None and is_text(column.type):
            yield _hit(project, table, column, uses)
    yield from _in_sql(project)


def _hit(project: Project, table: Table, column: Column, uses: list[_Use]) -> Hit:
    uses = sorted(uses, key=lambda use: (not use.sure, use.place.path, use.place.span))
    sure, doubt = confidence(project, table, Confidence.MEDIUM if uses[0].sure else Confidence.LOW)
    more = f", and {len(uses) - 1} more place{'s' * (len(uses) != 2)} do so" if len(uses) > 1 else ""
    return Hit(
        place=at(column.place),
        message=f"{table.full_name}.{column.name} keeps a list as text: {uses[0].written}",
        subject=f"{table.full_name}.{column.name}",
        why=as_clauses(f"{uses[0].place.path} takes it apart or puts it together at a separator{more}", doubt),
        mend="a row for each value in a table of its own, or an array where the values are only read together",
        places=(*made(table, column.place), *(use.place for use in uses[:_SHOWN])),
        confidence=sure,
    )


def _by_attribute(project: Project) -> dict[str, list[Model]]:
    """The models with a text column, by the attribute's name."""
    found: dict[str, list[Model]] = {}
    for model in project.models:
        for attribute in model.attributes:
            column = model.definition.column(attribute.column) if model.definition is not None else None
            if column is not None and is_text(column.type) and not _OTHER.search(attribute.name):
                found.setdefault(attribute.name, []).append(model)
    return found


def _uses(
    body: Body,
    word: str,
    models: dict[str, list[Model]],
    classes: dict[str, Model],
    named: dict[str, list[Model]],
) -> Iterator[tuple[Model, str, _Use]]:
    if word == "split":
        for expression in body.expressions():
            taken = _taken_apart(expression)
            if taken is None:
                continue
            call, receiver, attribute = taken
            for model, sure in _rows(receiver, attribute, body, models, classes):
                shown = f'{last_name(receiver)}.{attribute}.split("{_separator(call)}")'
                yield model, attribute, _Use(shown, _place(body, call.name_span, shown), sure)
        return
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.Assign) and _put_together(statement.value):
            for target in statement.targets:
                if isinstance(target, ir.Attribute) and target.name in models:
                    for model, sure in _rows(target.value, target.name, body, models, classes):
                        shown = f'{last_name(target.value)}.{target.name} = "{_glue(statement.value)}".join(...)'
                        yield model, target.name, _Use(shown, _place(body, statement.span, shown), sure)
    for expression in body.expressions():
        if isinstance(expression, ir.Call):
            made_models = named.get(last_name(expression.function), [])
            if len(made_models) != 1:
                continue
            (model,) = made_models
            for argument in expression.arguments:
                if argument.name in models and model in models[argument.name] and _put_together(argument.value):
                    shown = f'{model.name}({argument.name}="{_glue(argument.value)}".join(...))'
                    span = span_of(argument.value) or expression.name_span
                    yield model, argument.name, _Use(shown, _place(body, span, shown), True)


def _place(body: Body, span: Span, shown: str) -> Place:
    return Place(body.path, span, shown, "call")


def _taken_apart(expression: ir.Expression) -> tuple[ir.Call, ir.Expression, str] | None:
    """`row.column.split(",")`: the call, the row, the column's name."""
    if not isinstance(expression, ir.Call) or not isinstance(expression.function, ir.Attribute):
        return None
    if expression.function.name != "split" or not _separator(expression):
        return None
    current = expression.function.value
    while (
        isinstance(current, ir.Call)
        and isinstance(current.function, ir.Attribute)
        and current.function.name in ("strip", "lower", "replace", "rstrip", "lstrip")
    ):
        current = current.function.value
    if isinstance(current, ir.Operation) and current.operator == "or":
        current = current.operands[0]
    if not isinstance(current, ir.Attribute) or not isinstance(current.value, (ir.Name, ir.Attribute)):
        return None
    # words of a text stand between spaces too: there the name must say that it is a list
    listed = _separator(expression) != " " or _LISTS.search(current.name)
    return (expression, current.value, current.name) if listed else None


def _separator(call: ir.Call) -> str:
    first = call.arguments[0].value if call.arguments else None
    limited = len(call.arguments) > 1
    value = first.value if isinstance(first, ir.Constant) else None
    return value if isinstance(value, str) and value in _SEPARATORS | {" "} and not limited else ""


def _put_together(expression: ir.Expression | None) -> bool:
    return bool(_glue(expression))


def _glue(expression: ir.Expression | None) -> str:
    """The separator of `",".join(...)`; empty for anything else."""
    if not isinstance(expression, ir.Call) or not isinstance(expression.function, ir.Attribute):
        return ""
    receiver = expression.function.value
    if expression.function.name != "join" or not isinstance(receiver, ir.Constant):
        return ""
    return receiver.value if isinstance(receiver.value, str) and receiver.value in _SEPARATORS else ""


def _rows(
    receiver: ir.Expression,
    attribute: str,
    body: Body,
    models: dict[str, list[Model]],
    classes: dict[str, Model],
) -> Iterator[tuple[Model, bool]]:
    """The model whose row an expression is taken to be, and whether that is sure."""
    candidates = models.get(attribute, [])
    name = last_name(receiver)
    if name in ("self", "cls") and isinstance(receiver, ir.Name):
        cls = body.cls.name if body.cls is not None else ""
        for model in candidates:
            if model.name == cls and model.place.path == body.path:
                yield model, True
        return
    # `order.tags` where Order is the only model of that name with such a column
    fitting = [model for model in candidates if _fits(name, model)]
    if len(fitting) == 1:
        yield fitting[0], len(candidates) == 1


def _fits(name: str, model: Model) -> bool:
    plain = name.lower().replace("_", "")
    own = model.name.lower()
    return bool(own) and (
        plain in (own, f"db{own}", f"{own}model", f"the{own}") or own in (f"{plain}model", f"{plain}orm")
    )


def _in_sql(project: Project) -> Iterator[Hit]:
    """Columns that a migration's or a program's SQL takes apart."""
    tables = {table.name: table for table in stored(project)}
    found: dict[tuple[str, str], list[_Use]] = {}
    for body in project.once(Code).everywhere("execute") if tables else ():
        for expression in body.expressions():
            written = expression.value if isinstance(expression, ir.Constant) else None
            if not isinstance(written, str) or len(written) > 20_000:
                continue
            for match in _IN_SQL.finditer(written):
                name = match[1] or match[2]
                holding = [
                    table
                    for table in tables.values()
                    if re.search(rf"\b{re.escape(table.name)}\b", written)
                    and (column := table.column(name)) is not None
                    and is_text(column.type)
                ]
                span = span_of(expression)
                if len(holding) == 1 and span is not None:
                    use = _Use(match[0], _place(body, span, match[0]), True)
                    found.setdefault((holding[0].name, name), []).append(use)
    for (table_name, name), uses in sorted(found.items()):
        column = tables[table_name].column(name)
        if column is not None:
            yield _hit(project, tables[table_name], column, uses)


CHECK = Check(
    id="list-in-column",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Normalise to 3NF, denormalise with purpose",
    dont="Over-normalise or ignore it",
    tags=("CWE-1053",),
    run=run,
    examined=lambda project: sum(1 for table in stored(project) for column in table.columns if is_text(column.type)),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Product(models.Model):
                        tags = models.CharField(max_length=500, blank=True)  # <- flagged

                        def tag_list(self):
                            return [tag.strip() for tag in self.tags.split(",") if tag]
                    """,
            },
            "Django: taken apart by the model",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class Alert(Base):
                        __tablename__ = "alerts"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        recipients: Mapped[str]  # <- flagged
                    """,
                "app/service.py": """
                    from app.models import Alert


                    def subscribe(session, people):
                        alert = Alert(recipients=";".join(person.email for person in people))
                        session.add(alert)


                    def notify(alert, send):
                        for recipient in alert.recipients.split(";"):
                            send(recipient)
                    """,
            },
            "SQLAlchemy: put together in a service",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE jobs (
                        id bigserial PRIMARY KEY,
                        labels text NOT NULL DEFAULT '' -- <- flagged
                    );
                    """,
                "app/jobs.py": """
                    def with_label(cursor, label):
                        cursor.execute("SELECT id FROM jobs WHERE %s = ANY(string_to_array(labels, ','))", (label,))
                        return cursor.fetchall()
                    """,
            },
            "SQL takes it apart",
        ),
        example(
            {
                "helpdesk/models.py": """
                    from flask_sqlalchemy import SQLAlchemy

                    db = SQLAlchemy()


                    class Ticket(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        watcher_ids = db.Column(db.String(400))  # <- flagged

                        def watch(self, numbers):
                            self.watcher_ids = ",".join(str(number) for number in numbers)
                    """,
            },
            "Flask-SQLAlchemy: numbers",
        ),
    ),
    good=(
        example(
            {
                "shop/models.py": """
                    from django.contrib.postgres.fields import ArrayField
                    from django.db import models


                    class Product(models.Model):
                        tags = ArrayField(models.CharField(max_length=40))
                        title = models.CharField(max_length=200)
                        redirect_uris = models.TextField()

                        def words(self):
                            return self.title.split(" ")

                        def first(self):
                            return self.title.split(",", 1)[0]

                        def allowed(self):
                            return self.redirect_uris.split(",")
                    """,
            },
            "an array, words of a title, and what a standard prescribes",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class Alert(Base):
                        __tablename__ = "alerts"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        recipients: Mapped[str]
                    """,
                "app/form.py": """
                    def read(form, settings):
                        return form.recipients.split(","), settings.HOSTS.split(",")
                    """,
            },
            "an attribute of that name on something else",
        ),
        example(
            """
            CREATE TABLE jobs (id bigserial PRIMARY KEY, tags text, recipients text, ids text);
            """,
            "names alone",
            path="db/schema.sql",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy import ARRAY, String
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class Alert(Base):
                        __tablename__ = "alerts"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        recipients: Mapped[list[str]] = mapped_column(ARRAY(String))

                        def __str__(self):
                            return ", ".join(self.recipients)
                    """,
            },
            "SQLAlchemy: an array",
        ),
    ),
)
