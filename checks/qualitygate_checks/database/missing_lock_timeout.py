"""Migrations that wait for a lock as long as it takes, with everybody else behind them.

What it flags: a migration that takes a lock which holds up writers (ACCESS EXCLUSIVE or SHARE ROW EXCLUSIVE) for a moment,
on a table that PostgreSQL had before it, with no `lock_timeout` (or `statement_timeout`) set before: by SET, SET LOCAL or
`set_config` in the migration, or for all of them by `ALTER ROLE` or `ALTER DATABASE` in an earlier one, or in code that
opens the connection (`env.py` of Alembic, settings of Django). One finding at the first such statement of a migration
where others of the history do set it, else one for the whole history, at its last such migration. Left alone are tables
that the same migration makes or drops, CONCURRENTLY, the way down, and other databases. The confidence is medium where the
order of the files is a guess, and where nothing names the database.

Why: a lock is granted when the last transaction that uses the table ends, and whoever comes meanwhile queues behind it:
behind one long report a statement that takes a millisecond stops the whole service. With a timeout it gives up, and the
deployment tries again.

How to mend: `SET lock_timeout = '2s'` at the head of the migration, or once for all where the tool connects. Not in a file
with CREATE INDEX CONCURRENTLY: two statements make a transaction of it with some tools.

What it cannot see: a timeout that the server's configuration, the environment (PGOPTIONS) or the command line sets.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import APPLICATION, Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import TIMEOUTS, Cost, Effect, judged, limited
from qualitygate_checks.database._migrations import by_age, confidence, doubts, mend, steps

_CONNECTING = ("env.py", "settings", "config", "database", "db.py")


def run(project: Project) -> Iterator[Hit]:
    """One hit a history that never sets it, else one a migration; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    waiting: list[tuple[History, list[tuple[Migration, Effect]]]] = []
    for history, migration, all_effects in judged(project):
        first = next((each for each in all_effects if _brief(each)), None)
        if first is not None and not limited(migration, first.change):
            if not waiting or waiting[-1][0] is not history:
                waiting.append((history, []))
            waiting[-1][1].append((migration, first))
    if not waiting or _set_in_code(project):
        return
    for history, found in waiting:
        somewhere, always = _set_by(history)
        if always:
            continue
        if somewhere:
            for migration, effect in found:
                yield _hit(history, migration, effect, 1)
        else:
            migration, effect = found[-1]
            yield _hit(history, migration, effect, len(found))


def _brief(effect: Effect) -> bool:
    """Whether a change holds up writers only for the moment that it takes, once it has its lock."""
    operation = effect.change.operation
    of_new = operation.kind is OperationKind.ADD_FOREIGN_KEY and effect.table == operation.references != operation.table
    told_elsewhere = effect.cost is not Cost.FREE or operation.kind is OperationKind.DROP_INDEX
    return effect.lock.blocks and not told_elsewhere and not of_new


def _set_by(history: History) -> tuple[bool, bool]:
    """Whether a migration of the history sets a timeout for itself, and whether one sets it for every session to come."""
    found = [
        operation.using
        for migration in history.migrations
        for operation in (change.operation for change in migration.changes)
        if operation.kind is OperationKind.SET and operation.name in TIMEOUTS
    ]
    return "" in found, "every session" in found


def _set_in_code(project: Project) -> bool:
    """Whether code that opens connections speaks of a timeout."""
    connecting = {connection.place.path for connection in project.connections}
    for file in project.files:
        if file.module is None or file.role not in APPLICATION:
            continue
        if file.path not in connecting and not any(word in file.path for word in _CONNECTING):
            continue
        if any(_sets(statement) for scope in ir.scopes(file.module) for statement in scope.walked):
            return True
    return False


def _sets(statement: ir.Statement) -> bool:
    """Whether a statement names a timeout, as a variable or in a text."""
    names = statement.targets if isinstance(statement, ir.Assign) else ()
    if any(isinstance(name, ir.Name) and _speaks(name.id) for name in names):
        return True
    return any(
        isinstance(inner, ir.Constant) and isinstance(inner.value, str) and _speaks(inner.value)
        for expression in ir.evaluated_by(statement)
        for inner in ir.subexpressions(expression)
    )


def _speaks(text: str) -> bool:
    lowered = text.lower()
    return any(name in lowered for name in TIMEOUTS)


def _hit(history: History, migration: Migration, effect: Effect, count: int) -> Hit:
    operation = effect.change.operation
    doubted = [doubt for doubt in doubts(history, effect.change) if "no migration" not in doubt]
    lock = f"{effect.lock.value} on {effect.table}"
    others = f"{count - 1} other migration{'s do' if count > 2 else ' does'} so too"
    more = f"{others} in {history.directory or 'this history'}, and none sets lock_timeout"
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Migration {migration.version} waits for {lock} without a limit",
        subject=f"migrations of {history.directory}" if count > 1 else migration.version,
        why="; ".join(
            [
                *([more] if count > 1 else []),
                "while it waits for a transaction that uses the table, all new ones queue behind it",
                *doubted,
            ]
        ),
        mend=mend(
            history,
            "SET lock_timeout = '2s' before it, or ALTER ROLE ... SET lock_timeout for the role that migrates",
            "connection.execute(text(\"SET lock_timeout = '2s'\")) in env.py, once for all",
            "'OPTIONS': {'options': '-c lock_timeout=2s'} in DATABASES of the settings that migrate uses",
        ),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="missing-lock-timeout",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-400", "CWE-667"),
    run=run,
    examined=lambda project: sum(1 for _ in steps(project)),
    doc=__doc__,
    bad=(
        example(
            sql(
                "diesel",
                "ALTER TABLE users ADD COLUMN nick text;\n",
                "ALTER TABLE teams ADD COLUMN nick text; -- <- flagged\n",
            ),
            "diesel: no migration sets it",
        ),
        example(
            sql(
                "dbmate",
                """
                SET lock_timeout = '1s';
                ALTER TABLE users ADD COLUMN nick text;
                """,
                """
                CREATE TABLE logins (id bigserial PRIMARY KEY);
                ALTER TABLE logins ADD COLUMN at timestamptz;
                ALTER TABLE users ADD COLUMN seen_at timestamptz; -- <- flagged
                SET LOCAL lock_timeout = '1s';
                """,
            ),
            "dbmate: this one sets it too late",
        ),
        example(
            sql(
                "goose",
                """
                CREATE TABLE logins (id bigserial PRIMARY KEY, user_id bigint REFERENCES users);
                ALTER TABLE users ADD CONSTRAINT users_age CHECK (age > 0) NOT VALID; -- <- flagged
                """,
            ),
            "goose: a check that reads nothing",
        ),
        example(alembic('op.add_column("users", sa.Column("nick", sa.Text()))  # <- flagged'), "Alembic"),
        example(django('migrations.RemoveField("user", "age"),  # <- flagged'), "Django"),
    ),
    good=(
        example(
            sql(
                "diesel",
                """
                SET LOCAL lock_timeout = '2s';
                ALTER TABLE users ADD COLUMN nick text;
                """,
                """
                SELECT set_config('lock_timeout', '2s', true);
                ALTER TABLE teams ADD COLUMN nick text;
                """,
            ),
            "diesel: each sets it",
        ),
        example(
            sql(
                "golang-migrate",
                "ALTER ROLE migrator SET lock_timeout = '2s';\n",
                "ALTER TABLE teams ADD COLUMN nick text;\n",
            ),
            "golang-migrate: the role has it",
        ),
        example(
            sql(
                "flyway",
                """
                CREATE TABLE logins (id bigserial PRIMARY KEY);
                CREATE INDEX logins_id ON logins (id);
                INSERT INTO teams (name) VALUES ('first');
                CREATE TABLE visits (user_id bigint REFERENCES users);
                """,
                "CREATE INDEX CONCURRENTLY users_age ON users (age);\n",
            ),
            "Flyway: nothing that holds up writers",
        ),
        example(
            {
                **alembic('op.add_column("users", sa.Column("nick", sa.Text()))'),
                "migrations/env.py": """
                    import psycopg2
                    from alembic import context
                    from sqlalchemy import create_engine, text


                    def run_migrations_online():
                        with create_engine("postgresql://db/shop").connect() as connection:
                            connection.execute(text("SET lock_timeout = '4s'"))
                            context.configure(connection=connection)
                            with context.begin_transaction():
                                context.run_migrations()


                    run_migrations_online()
                """,
            },
            "Alembic: once for all",
        ),
        example(
            {
                **django('migrations.RemoveField("user", "age"),'),
                "config/settings.py": """
                    DATABASES = {
                        "default": {
                            "ENGINE": "django.db.backends.postgresql",
                            "OPTIONS": {"options": "-c lock_timeout=2000"},
                        }
                    }
                """,
            },
            "Django: in the settings",
        ),
    ),
)
