"""A model that the database will not know.

What it flags: a table, or a column, that a model declares (Django, SQLAlchemy, SQLModel) and that no migration makes. It is
reported at the line of the model; the newest migration is shown. Of Django, what its migrations believe counts too, so that
state operations and tables moved by hand are no fault. Left alone are models that are abstract, proxies, swappable or not
managed, applications without migrations of their own, tables whose names are worked out in code, whatever is created
together when migrations make less than half of it, and what a migration drops (told as referenced-column-drop and
referenced-table-drop). The confidence is medium where a step of the migrations was not understood.

Why: the code is deployed, the migrations run, and the first query that names the column fails with "column does not exist".
Tests do not see it where they make the tables from the models.

How to mend: `python manage.py makemigrations`, or `alembic revision --autogenerate`, in the same change as the model.

What it cannot see: indexes, constraints and types that differ; tables that start-up code makes by `create_all()`; histories
that began on a database which was there before, or that hand the making of tables to helpers of other files: for those it
says nothing of tables that no migration names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, Span, example
from qualitygate.model.schema import Column, History, Model, Table
from qualitygate_checks.database._migrations import doubtful
from qualitygate_checks.database._named import dropped
from qualitygate_checks.database._tables import as_clauses, at


def run(project: Project) -> Iterator[Hit]:
    """One hit a table or column."""
    tables: dict[str, Table] = {}
    for table in project.tables:
        if table.source == "migrations":
            tables.setdefault(table.full_name, table)
            tables.setdefault(table.name, table)
    # what a migration drops is told there
    gone = project.once(dropped)
    told: dict[tuple[str, str, int], list[tuple[Model, Column]]] = {}
    for models in _groups(project, tables):
        for model in models:
            made = _of(model, tables)
            if made is None:
                history = _home(project, model, models, tables)
                if history is not None and not _is_believed(project, model.table) and model.table not in gone:
                    yield _missing_table(project, model, history)
                continue
            if _has_own_history(project, model, made):
                continue
            for column in model.definition.columns if model.definition is not None else ():
                name = f"{model.table}.{column.name}"
                if made.column(column.name) is None and not _is_believed(project, name) and name not in gone:
                    # a column of a base is missing in every table: one fault
                    told.setdefault((column.place.path, column.name, column.place.span.line), []).append(
                        (model, column)
                    )
    for found in told.values():
        yield _missing_column(project, found, tables)


def _groups(project: Project, tables: dict[str, Table]) -> Iterator[list[Model]]:
    """Models that are created together and that migrations make, in the order of the project."""
    groups: dict[str, list[Model]] = {}
    for model in project.models:
        if model.managed and model.sure and model.definition is not None:
            name = f"django {model.label.partition('.')[0]}" if model.framework == "django" else model.group
            groups.setdefault(name, []).append(model)
    for name, models in groups.items():
        made = sum(1 for model in models if _of(model, tables) is not None)
        whole = name.startswith("django ") and _has_migrations(project, name.partition(" ")[2])
        if whole or (made * 2 > len(models)):
            yield models


def _has_migrations(project: Project, application: str) -> bool:
    return any(
        migration.version.startswith(f"{application}.")
        for history in project.histories
        if history.tool == "django"
        for migration in history.migrations
    )


def _of(model: Model, tables: dict[str, Table]) -> Table | None:
    return tables.get(model.table) or tables.get(model.table.rpartition(".")[2])


def _is_believed(project: Project, name: str) -> bool:
    return any(name in history.believed for history in project.histories)


def _has_own_history(project: Project, model: Model, table: Table) -> bool:
    """Whether migrations of another history lie beside the model: a plugin brings its own, and runs them itself."""
    folder = model.place.path.rpartition("/")[0]
    return any(
        history.directory != table.history and folder and history.directory.startswith(f"{folder}/")
        for history in project.histories
    )


def _home(project: Project, model: Model, group: Sequence[Model], tables: dict[str, Table]) -> History | None:
    """The history that should make the model's table; None where it need not make every table."""
    if model.framework == "django":
        return next((history for history in project.histories if history.tool == "django"), None)
    homes = {table.history for one in group if (table := _of(one, tables)) is not None}
    histories = [history for history in project.histories if history.directory in homes]
    # A history that began on tables which were there need not make this one either.
    if not histories or any(history.found for history in histories):
        return None
    return histories[0]


def _head(history: History) -> Place:
    last = history.migrations[-1]
    span = Span(1, 1, 1, 1)
    if last.revision is not None:
        span = last.revision.span
    elif last.changes:
        span = last.changes[0].operation.span
    return Place(last.path, span, f"{last.version} is the newest migration", "migration")


def _missing_table(project: Project, model: Model, history: History) -> Hit:
    unread = {one.path for one in project.unread}
    doubt = any(migration.path in unread for migration in history.migrations)
    return Hit(
        place=at(model.place),
        message=f"Table {model.table} of {model.name or 'this declaration'} is made by no migration",
        subject=model.table,
        why=as_clauses(
            f"none of the {len(history.migrations)} migrations of {history.directory or 'the project'} creates it",
            "a step of them was not understood" if doubt else "",
        ),
        mend=_mend(model),
        places=(_head(history),),
        confidence=Confidence.MEDIUM if doubt or not history.ordered else Confidence.HIGH,
    )


def _missing_column(project: Project, found: list[tuple[Model, Column]], tables: dict[str, Table]) -> Hit:
    model, column = found[0]
    table = _of(model, tables) or tables[model.table]
    history = next(history for history in project.histories if history.directory == table.history)
    doubt = doubtful(project, table)
    more = f", nor to {len(found) - 1} more tables of models that inherit it" if len(found) > 1 else ""
    return Hit(
        place=at(column.place),
        message=f"Column {column.name} of {model.name or model.table} is added to {table.full_name} by no migration{more}",
        subject=f"{model.table}.{column.name}",
        why=as_clauses("the table is made by migrations that do not name the column", doubt),
        mend=_mend(model),
        places=(
            Place(table.defined_at.path, table.defined_at.span, f"{table.full_name} is made here", "migration"),
            _head(history),
        ),
        confidence=Confidence.MEDIUM if doubt else Confidence.HIGH,
    )


def _mend(model: Model) -> str:
    if model.framework == "django":
        return f"python manage.py makemigrations {model.label.partition('.')[0]}"
    return "alembic revision --autogenerate, and read what it writes"


CHECK = Check(
    id="model-without-migration",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations",
    dont="Manual schema changes in production",
    gates=("data_consistency",),
    run=run,
    examined=lambda project: sum(1 for model in project.models if model.managed),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Order(models.Model):
                        placed = models.DateTimeField()
                        note = models.CharField(max_length=80)  # <- flagged


                    class Refund(models.Model):  # <- flagged
                        order = models.ForeignKey(Order, on_delete=models.CASCADE)
                    """,
                "shop/migrations/0001_initial.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        initial = True
                        dependencies = []
                        operations = [
                            migrations.CreateModel(
                                name="Order",
                                fields=[
                                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                                    ("placed", models.DateTimeField()),
                                ],
                            ),
                        ]
                    """,
            },
            "Django: a field and a model",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy import ForeignKey
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class User(Base):
                        __tablename__ = "users"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        locale: Mapped[str | None]  # <- flagged


                    class Team(Base):
                        __tablename__ = "teams"
                        id: Mapped[int] = mapped_column(primary_key=True)


                    class Invitation(Base):  # <- flagged
                        __tablename__ = "invitations"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
                    """,
                "alembic/versions/0001_users.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade() -> None:
                        op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))
                        op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True))


                    def downgrade() -> None:
                        op.drop_table("teams")
                        op.drop_table("users")
                    """,
            },
            "Alembic: a column and a table",
        ),
        example(
            {
                "app/models.py": """
                    from sqlmodel import Field, SQLModel


                    class Stamp(SQLModel):
                        archived: bool = False  # <- flagged


                    class Item(Stamp, table=True):
                        id: int | None = Field(default=None, primary_key=True)


                    class Shelf(Stamp, table=True):
                        id: int | None = Field(default=None, primary_key=True)
                    """,
                "alembic/versions/0001_items.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade():
                        for name in ("item", "shelf"):
                            op.create_table(name, sa.Column("id", sa.Integer(), primary_key=True))


                    def downgrade():
                        op.drop_table("item")
                        op.drop_table("shelf")
                    """,
            },
            "SQLModel: a column of a base, told once",
        ),
        example(
            {
                "helpdesk/models.py": """
                    from flask_sqlalchemy import SQLAlchemy

                    db = SQLAlchemy()


                    class Ticket(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        owner = db.Column(db.String(80))
                        closed_at = db.Column(db.DateTime)  # <- flagged
                    """,
                "migrations/0001_init.sql": "CREATE TABLE ticket (id serial PRIMARY KEY, name text);",
                "migrations/0002_owner.sql": "ALTER TABLE ticket RENAME COLUMN name TO owner;",
            },
            "Flask-SQLAlchemy, and migrations in SQL",
        ),
    ),
    good=(
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Stamped(models.Model):
                        created = models.DateTimeField(auto_now_add=True)

                        class Meta:
                            abstract = True


                    class Order(Stamped):
                        placed = models.DateTimeField(db_column="at")
                        total = property(lambda self: 0)


                    class OpenOrder(Order):
                        class Meta:
                            proxy = True


                    class Ledger(models.Model):
                        class Meta:
                            managed = False
                            db_table = "accounting_ledger"
                    """,
                "shop/migrations/0001_initial.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        initial = True
                        dependencies = []
                        operations = [
                            migrations.CreateModel(
                                name="Order",
                                fields=[
                                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                                    ("at", models.DateTimeField()),
                                    ("created", models.DateTimeField(auto_now_add=True)),
                                ],
                            ),
                            migrations.RenameField("order", "at", "placed"),
                            migrations.AlterField("order", "placed", models.DateTimeField(db_column="at")),
                        ]
                    """,
                "reports/models.py": """
                    from django.db import models


                    class Report(models.Model):
                        text = models.TextField()
                    """,
            },
            "Django: abstract, proxy, not managed, and an application without migrations",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy import Column, Integer, String
                    from sqlalchemy.orm import declarative_base, relationship

                    Base = declarative_base()


                    class User(Base):
                        __tablename__ = "users"
                        id = Column(Integer, primary_key=True)
                        mail = Column("email", String(200))
                        teams = relationship("Team")
                    """,
                "alembic/versions/0001_users.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade():
                        op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))
                        op.add_column("users", sa.Column("email", sa.String(200)))


                    def downgrade():
                        op.drop_table("users")
                    """,
            },
            "Alembic: everything is there",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy import Column, Integer
                    from sqlalchemy.orm import declarative_base

                    Base = declarative_base()


                    class User(Base):
                        __tablename__ = "users"
                        id = Column(Integer, primary_key=True)


                    class Team(Base):
                        __tablename__ = "teams"
                        id = Column(Integer, primary_key=True)
                    """,
                "alembic/versions/0002_teams.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0002"
                    down_revision = None


                    def upgrade():
                        op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True))
                        op.add_column("users", sa.Column("team_id", sa.Integer(), sa.ForeignKey("teams.id"), index=True))


                    def downgrade():
                        op.drop_table("teams")
                    """,
            },
            "a history that began on tables which were there",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy import Column, Integer
                    from sqlalchemy.orm import declarative_base

                    Base = declarative_base()


                    class User(Base):
                        __tablename__ = "users"
                        id = Column(Integer, primary_key=True)
                    """,
            },
            "no migrations at all",
        ),
    ),
)
