"""A schema that application code changes, past every migration.

What it flags: `create_all()` and `drop_all()` of SQLAlchemy, SQLModel or Flask-SQLAlchemy in application code, called or
handed over (`run_sync(Base.metadata.create_all)`); statements such as `CREATE TABLE`, `ALTER TABLE`, `DROP TABLE` and
`CREATE INDEX` that code executes; Django's `schema_editor` outside of migrations. In a command that a person starts it is
a warning.

Why: `create_all()` makes what is missing and changes nothing that is there: the database and the models drift apart with
the first renamed column, and no file says how it came to that. Several processes that start at once run the statements
against each other, with locks that nobody planned.

How to mend: write a migration (Alembic, Django), run it as a step of the deployment, and take the statement out.

What it cannot see: statements that are put together elsewhere. Temporary tables, partitions, schemas of tenants, tables
whose name is only known at run time, what runs only for tests, development or SQLite, and home-made migrations (by the
name of their file) are left alone; so is a new database whose schema is made at once and stamped with the newest revision
(`stamp`), and a `drop_all()` that says what it is: in a command, or in a function named after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from qualitygate.authoring import (
    Check,
    Confidence,
    Domain,
    Hit,
    Language,
    ParsedFile,
    Place,
    Role,
    Severity,
    Span,
    example,
)
from qualitygate.model import syntax as ir
from qualitygate_checks._handlers import last_name
from qualitygate_checks._reach import is_script
from qualitygate_checks.security._module import imports, own, scope_steps

_DDL = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(create\s+(?:unlogged\s+)?table|create\s+(?:unique\s+)?index|alter\s+table|drop\s+table|"
    r"drop\s+index|alter\s+type|rename\s+table)\b",
    re.IGNORECASE,
)
# A file without these words changes no schema, and need not be walked.
_WORDS = re.compile(r"\b(?:create|alter|drop|rename)\s+(?:unique\s+|unlogged\s+)?(?:table|index|type)")
_VERBS = ("create", "alter", "drop", "rename")
_OBJECTS = ("table", "index", "type")
_HARMLESS = re.compile(r"\b(temp|temporary|partition\s+of|pg_temp|if\s+exists\s+tmp|virtual\s+table)\b", re.IGNORECASE)
_TEMPORARY = re.compile(
    r"\bcreate\s+(?:local\s+|global\s+)?temp(?:orary)?\s+table\s+(?:if\s+not\s+exists\s+)?[\"`]?(\w+)", re.IGNORECASE
)
_EXECUTES = frozenset("execute executescript exec_driver_sql execute_sql exec executemany execute_many fetch".split())
_WHOLE = frozenset({"create_all", "drop_all"})
# What has the whole schema: a MetaData, or the object of an extension.
_METADATA = re.compile(r"meta_?data|(^|_)(meta|db|database|sqla|alchemy)$", re.IGNORECASE)
_MIGRATION = re.compile(
    r"migrat|alembic|(^|[/_.])(upgrades?|versions|patches|conftest|tests?|fixtures?|seeds?|mocks?|samples?)([/_.]|$)",
    re.IGNORECASE,
)
_APART = re.compile(
    r"(^|[/_.\W])(tests?|testing|debug|dev|develop|development|local|sqlite\w*|memory|demo|e2e)([/_.\W]|$)",
    re.IGNORECASE,
)
_COMMANDS = frozenset({"command", "cli", "callback"})
# What takes a database apart on purpose.
_RESET = re.compile(r"(^|[._])(drop|reset|clear|wipe|destroy|recreate|purge|delete|clean)", re.IGNORECASE)


def run(file: ParsedFile) -> Iterator[Hit]:
    """A hit for every change of a schema that is no migration."""
    module = file.module
    if module is None or module.generated or _MIGRATION.search(file.path) or not _speaks_of_schema(file.text.content):
        return
    known = imports(file)
    if not known:
        return
    texts = _texts(module)
    local = "sqlite3" in known.values() or "aiosqlite" in known.values()
    stamping = _stamping(module)
    temporary = {name.lower() for name in _TEMPORARY.findall(file.text.content)}
    for scope in file.scopes:
        command = is_script(file.path) or _is_command(scope.function)
        stamped = scope.function is not None and not stamping.isdisjoint(scope.function.calls)
        for step in scope_steps(scope):
            if any(_speaks_of_tests(condition) for condition in step.conditions) or _APART.search(scope.qualname):
                continue
            for item in own(step.statement):
                found = _change(item, texts, known)
                if found is None:
                    continue
                what, span, confidence = found
                if temporary and temporary & _words(item):
                    continue
                if (stamped and what == "create_all()") or (
                    what == "drop_all()" and (command or _RESET.search(scope.qualname))
                ):
                    continue
                yield Hit(
                    place=Place(file.path, span or _line(step.statement)),
                    message=f"{what} changes the schema outside of a migration",
                    subject=f"{what} in {scope.qualname or file.path}",
                    why=f"no migration records this change, and {_runner(scope.function, command)}",
                    mend="write a migration and run it as a step of the deployment",
                    severity=Severity.WARNING if command else None,
                    confidence=Confidence.LOW if local else confidence,
                )


def _speaks_of_schema(text: str) -> bool:
    lowered = text.lower()
    if any(word in lowered for word in ("create_all", "drop_all", "schema_editor")):
        return True
    verbs, objects = (any(word in lowered for word in words) for words in (_VERBS, _OBJECTS))
    return verbs and objects and _WORDS.search(lowered) is not None


def _change(
    item: ir.Expression, texts: Mapping[str, str], known: Mapping[str, str]
) -> tuple[str, Span | None, Confidence] | None:
    """What an expression changes, where, and how sure that is; None where it changes nothing."""
    if not isinstance(item, ir.Call):
        return None
    name = last_name(item)
    if isinstance(item.function, ir.Attribute) and name in _WHOLE and _METADATA.search(last_name(item.function.value)):
        return f"{name}()", item.name_span, Confidence.HIGH
    if name == "schema_editor":
        return "schema_editor()", item.name_span, Confidence.MEDIUM
    for argument in item.arguments:
        value = argument.value
        if (
            isinstance(value, ir.Attribute)
            and value.name in _WHOLE
            and name in ("run_sync", "run_in_executor", "to_thread")
        ):
            return f"{value.name}()", argument.span or item.name_span, Confidence.HIGH
    if name in _EXECUTES and isinstance(item.function, ir.Attribute) and item.arguments:
        text, fixed = _text(item.arguments[0].value, texts)
        match = _DDL.match(text)
        if match is not None and not _HARMLESS.search(text):
            words = " ".join(match[1].upper().split())
            # A table whose name is only known at run time cannot have a migration.
            return words, item.name_span, Confidence.HIGH if fixed else Confidence.LOW
    return None


def _text(expression: ir.Expression, texts: Mapping[str, str]) -> tuple[str, bool]:
    """The statement that is executed as far as it is written, and whether it is written whole."""
    if isinstance(expression, ir.Constant):
        return (expression.value, True) if isinstance(expression.value, str) else ("", True)
    if isinstance(expression, ir.Template):
        parts = [
            part.value if isinstance(part, ir.Constant) and isinstance(part.value, str) else "?"
            for part in expression.parts
        ]
        return "".join(parts), "?" not in parts
    if isinstance(expression, ir.Name):
        return texts.get(expression.id, ""), True
    if (
        isinstance(expression, ir.Call)
        and expression.arguments
        and last_name(expression) in ("text", "SQL", "dedent", "DDL")
    ):
        return _text(expression.arguments[0].value, texts)
    if (
        isinstance(expression, ir.Call)
        and last_name(expression) == "format"
        and isinstance(expression.function, ir.Attribute)
    ):
        return _text(expression.function.value, texts)[0], False
    if isinstance(expression, ir.Operation) and expression.operator in ("%", "+"):
        return _text(expression.operands[0], texts)[0], False
    return "", True


def _texts(module: ir.Module) -> dict[str, str]:
    """Texts that the module gives a name."""
    return {
        target.id: statement.value.value
        for statement in module.body
        if isinstance(statement, ir.Assign)
        and isinstance(statement.value, ir.Constant)
        and isinstance(statement.value.value, str)
        for target in statement.targets
        if isinstance(target, ir.Name)
    }


def _speaks_of_tests(condition: ir.Expression) -> bool:
    for item in ir.subexpressions(condition):
        word = item.value if isinstance(item, ir.Constant) else last_name(item)
        if isinstance(word, str) and _APART.search(word):
            return True
    return False


def _words(item: ir.Expression) -> set[str]:
    """The words of the texts in an expression, in lower case."""
    return {
        word
        for part in ir.subexpressions(item)
        if isinstance(part, ir.Constant) and isinstance(part.value, str)
        for word in re.findall(r"\w+", part.value.lower())
    }


def _stamping(module: ir.Module) -> frozenset[str]:
    """`stamp`, and the functions of the file that call it: what they are run beside is under the control of migrations."""
    return frozenset({"stamp"}).union(
        statement.name
        for statement in ir.walk(module.body)
        if isinstance(statement, ir.Function) and "stamp" in statement.calls
    )


def _runner(function: ir.Function | None, command: bool) -> str:
    if command:
        return "whoever starts this command makes it"
    return "every process that starts makes it" if function is None else "the code that runs makes it"


def _is_command(function: ir.Function | None) -> bool:
    return function is not None and any(
        last_name(decorator.expression) in _COMMANDS for decorator in function.decorators
    )


def _line(statement: ir.Statement) -> Span:
    return getattr(statement, "span", Span(1, 1, 1, 1))


CHECK = Check(
    id="schema-change-outside-migration",
    domain=Domain.DATABASE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use versioned migrations",
    dont="Manual schema changes in production",
    tags=("CWE-1066", "SOC2-CC8.1", "ISO-27001-A.8.32"),
    gates=("data_consistency",),
    run=run,
    reads=frozenset({Language.PYTHON}),
    roles=frozenset({Role.APPLICATION}),
    examined=lambda file: int(file.module is not None),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine

            from shop.models import Base

            engine = create_engine("postgresql+psycopg://db/shop", pool_size=10)
            Base.metadata.create_all(bind=engine)  # <- flagged
            app = FastAPI()
            """,
            "every process that starts",
        ),
        example(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from sqlalchemy.ext.asyncio import create_async_engine

            from shop.models import Base

            engine = create_async_engine("postgresql+asyncpg://db/shop")


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with engine.begin() as connection:
                    await connection.run_sync(Base.metadata.create_all)  # <- flagged
                yield


            app = FastAPI(lifespan=lifespan)
            """,
            "handed over in the lifespan",
        ),
        example(
            """
            from flask import Flask
            from flask_sqlalchemy import SQLAlchemy

            db = SQLAlchemy()


            def create_app():
                app = Flask(__name__)
                app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql://db/helpdesk"
                db.init_app(app)
                with app.app_context():
                    db.create_all()  # <- flagged
                return app
            """,
            "in the application's factory",
        ),
        example(
            """
            from django.db import connection
            from sqlalchemy import text

            ADD_NOTE = "ALTER TABLE visits ADD COLUMN note text"


            def prepare(session):
                with connection.cursor() as cursor:
                    cursor.execute(ADD_NOTE)  # <- flagged
                session.execute(text("CREATE INDEX visits_day ON visits (day)"))  # <- flagged
            """,
            "statements in code",
            path="clinic/setup.py",
        ),
    ),
    good=(
        example(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine, text

            engine = create_engine("postgresql+psycopg://db/shop", pool_size=10)
            app = FastAPI()


            @app.get("/v1/articles/{number}")
            def article(number: int):
                with engine.connect() as connection:
                    return connection.execute(text("SELECT * FROM articles WHERE id = :id"), {"id": number}).one()
            """,
            "reads only",
        ),
        example(
            {
                "migrations/versions/0001_orders.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade():
                        op.create_table("orders", sa.Column("id", sa.BigInteger, primary_key=True))
                        op.execute("CREATE INDEX orders_id ON orders (id)")


                    def downgrade():
                        op.drop_table("orders")
                    """,
            },
            "a migration",
        ),
        example(
            """
            from flask import Flask
            from flask_sqlalchemy import SQLAlchemy

            db = SQLAlchemy()


            def create_app(testing=False):
                app = Flask(__name__)
                db.init_app(app)
                if testing:
                    with app.app_context():
                        db.create_all()
                return app
            """,
            "for tests only",
        ),
        example(
            """
            def load(cursor, rows):
                cursor.execute("CREATE TEMPORARY TABLE incoming (id bigint, name text)")
                cursor.executemany("INSERT INTO incoming VALUES (%s, %s)", rows)
                cursor.execute("INSERT INTO visits SELECT * FROM incoming")
            """,
            "a temporary table",
            path="clinic/imports.py",
        ),
    ),
)
