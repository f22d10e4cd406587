"""A column that the code asks by, and that no index begins with.

What it flags: a query that a request makes, of Django, SQLAlchemy or literal SQL, which asks for rows by the value of a column
(`filter(email=...)`, `where(User.email == email)`, `WHERE email = %s`) when no index, unique constraint or key of the final
schema begins with that column, nor with any other column that the query asks by; and a query without a condition that orders
the whole table by such a column to take the first rows. One finding a column, at the first query, with the others and the
table. The final schema is that of all migrations, or of the models where there are none. Left alone are truth values,
enumerations and columns that by their names or types hold few different values (`status`, `kind`, `role`), tables that by
their names stay small, keys to other tables (`unindexed-foreign-key` speaks of those), and conditions that no plain index
answers (`icontains`, `isnull`, `or`).

The confidence is high where the query takes a single row, medium otherwise, and low where no request is seen to reach it
and where the column is the name of something of which there are mostly few.

Why: without an index the database reads the whole table for each such query. A test with ten rows does not notice; with a
million rows each request reads all of them, and the pages that other queries need leave the memory.

How to mend: an index that begins with the column, `CREATE INDEX CONCURRENTLY` on a table in use; `unique=True` where the
values are unique by nature. For several columns that are asked for together, one index over all of them.

What it cannot see: how many rows there are, indexes made outside the migrations, and queries that several functions put
together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Call
from qualitygate_checks._reach import is_script, way
from qualitygate_checks.database._queries import ASKED, SMALL_TABLES, Condition, Query, covered, queries, reached
from qualitygate_checks.database._tables import as_clauses, made

_FEW = re.compile(
    r"bool|enum|tinyint\(1\)|bit\(1\)|json|array|tsvector|tsquery|geometry|geography|inet4range|smallint",
    re.IGNORECASE,
)
_FEW_VALUES = re.compile(
    r"(?:^|_)(?:status|state|type|kind|role|level|category|visibility|priority|severity|language|lang|locale|country|currency"
    r"|gender|mode|phase|stage|scope|provider|platform|engine|source|action|method|format|color|colour|unit|is|has|can|active"
    r"|enabled|deleted|archived|public|private|default|visible|hidden|published|verified|primary|order|position|sort_order|rank"
    r"|weight|version|year|month|day|group|label|channel|environment|plan|tier|region|zone|access|permission|flag|permanent"
    r"|deleted_at|archived_at|extension|mime_?type|content_type|file_type|currency_code|country_code)$",
    re.IGNORECASE,
)
# What is looked up by its name is mostly one of a few things that somebody set up, unless there are many of the kind.
_NAMED = re.compile(r"(?:^|_)(?:name|title|label)$", re.IGNORECASE)
_MANY = re.compile(
    r"users?|person|people|customer|accounts?|members?|teams?|product|item|tags?|files?|document|order|artist|compan|contact|recipe"
    r"|article|post|page|book|song|album|image|asset",
    re.IGNORECASE,
)
_SHOWN = 8


def run(project: Project) -> Iterator[Hit]:
    """One hit a column."""
    ways = reached(project)
    found: dict[tuple[str, str], tuple[Condition, list[Query]]] = {}
    for query in project.once(queries):
        if is_script(query.body.path):
            continue
        lacking = _lacking(query)
        if lacking is not None:
            found.setdefault((lacking.table.full_name, lacking.column.name), (lacking, []))[1].append(query)
    for lacking, each in found.values():
        each.sort(
            key=lambda query: (query.body.owner not in ways, query.ends not in _SINGLE, query.body.path, query.span)
        )
        yield _hit(lacking, each, ways)


_SINGLE = frozenset(
    {
        "get",
        "aget",
        "one",
        "one_or_none",
        "scalar_one",
        "scalar_one_or_none",
        "get_object_or_404",
        "first",
        "first_or_404",
    }
)


def _lacking(query: Query) -> Condition | None:
    """The column that the query would need an index for; None where it needs none, or where that is not sure."""
    if query.unsure or not query.ends or SMALL_TABLES.search(query.table.name):
        return None
    asked = query.conditions
    if not asked:
        ordered = query.ordered[:1]
        limited = query.bounded and not query.others and query.ends not in ("get", "exists", "count")
        return next((one for one in ordered if limited and not covered(one) and _is_wide(one)), None)
    if any(covered(one) for one in asked) or not all(one.column for one in asked):
        return None
    return next((one for one in asked if _is_wide(one)), None)


def _is_wide(one: Condition) -> bool:
    """Whether a column can hold many different values."""
    column = one.column
    plain = column.type.partition("(")[0].lower()
    named = column.type and not re.match(
        r"(?:var)?char|text|citext|uuid|int|bigint|serial|bigserial|numeric|decimal|time|date|inet|real|double|float|string"
        r"|[A-Z]",
        column.type,
    )
    return not (_FEW.search(column.type) or _FEW_VALUES.search(column.name) or named or plain.endswith("[]"))


def _hit(one: Condition, found: list[Query], ways: dict[str, Call]) -> Hit:
    query = found[0]
    table, column = one.table, one.column
    call = ways.get(query.body.owner)
    single = query.ends in _SINGLE
    few = _NAMED.search(column.name) is not None and not _MANY.search(table.name)
    sure = Confidence.LOW if call is None or few else Confidence.HIGH if single else Confidence.MEDIUM
    asks = "orders by" if not query.conditions else "asks by"
    others = len(found) - 1
    return Hit(
        place=query.place,
        message=f"{query.written} {asks} {table.full_name}.{column.name}, which no index begins with",
        subject=f"{table.full_name}.{column.name}",
        why=as_clauses(
            f"every such query reads the whole table; {len(table.indexes)} index{'es' * (len(table.indexes) != 1)} of it serve"
            f"{'s' * (len(table.indexes) == 1)} other columns"
            if table.indexes
            else "every such query reads the whole table, which has no index but its key",
            way(call) if call is not None else "no request is seen to come here",
            "things that are asked for by name are mostly few" if few else "",
            f"{others} more quer{'y asks' if others == 1 else 'ies ask'} by it" if others else "",
        ),
        mend=f"CREATE INDEX CONCURRENTLY ON {table.full_name} ({column.name})"
        + (", or a unique one where its values are unique" if single else ""),
        places=(
            Place(
                column.place.path,
                column.place.span,
                f"{table.full_name}.{column.name} {column.type}",
                column.place.role,
            ),
            *made(table, column.place),
            *(call.chain if call is not None else ()),
            *(Place(each.body.path, each.span, f"{each.written} too", "query") for each in found[1:_SHOWN]),
        ),
        confidence=sure,
    )


CHECK = Check(
    id="unindexed-query-column",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Index frequently queried columns",
    dont="Index everything blindly",
    tags=("CWE-1067",),
    gates=("database_performance",),
    run=run,
    examined=lambda project: len(project.once(queries)),
    calls=ASKED,
    doc=__doc__,
    bad=(
        example(
            {
                "shop/urls.py": """
                    from django.urls import path

                    from shop import views

                    urlpatterns = [path("api/v1/customers/<str:email>", views.customer), path("api/v1/newest", views.newest)]
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Customer(models.Model):
                        email = models.EmailField()
                        joined = models.DateTimeField()
                        active = models.BooleanField(default=True)
                    """,
                "shop/views.py": """
                    from django.http import JsonResponse

                    from shop.models import Customer


                    def customer(request, email):
                        found = Customer.objects.filter(email=email, active=True).first()  # <- flagged
                        return JsonResponse({"id": found.pk})


                    def newest(request):
                        rows = Customer.objects.order_by("-joined")[:20]  # <- flagged
                        return JsonResponse({"ids": [row.pk for row in rows]})
                    """,
            },
            "Django, models without migrations",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class User(Base):
                        __tablename__ = "users"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        email: Mapped[str]
                    """,
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from sqlalchemy import select
                    from sqlalchemy.orm import Session

                    from app.models import User

                    app = FastAPI()


                    def get_session(): ...


                    @app.get("/v1/users/{email}")
                    def read(email: str, session: Session = Depends(get_session)):
                        statement = select(User).where(User.email == email)  # <- flagged
                        return session.execute(statement).scalar_one_or_none()
                    """,
                "alembic/versions/0001_users.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade():
                        op.create_table(
                            "users", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("email", sa.String(200))
                        )


                    def downgrade():
                        op.drop_table("users")
                    """,
            },
            "SQLAlchemy and Alembic: a statement by name",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE orders (id bigserial PRIMARY KEY, reference text NOT NULL, placed timestamptz NOT NULL);
                    CREATE INDEX orders_placed ON orders (placed, reference);
                    """,
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.database import pool

                    app = FastAPI()


                    @app.get("/v1/orders/{reference}")
                    async def read(reference: str):
                        async with pool.acquire() as connection:
                            cursor = await connection.execute("SELECT * FROM orders WHERE reference = $1", reference)  # <- flagged
                            return await cursor.fetchone()
                    """,
            },
            "literal SQL: the column comes second in the index",
        ),
        example(
            {
                "helpdesk/models.py": """
                    from flask_sqlalchemy import SQLAlchemy

                    db = SQLAlchemy()


                    class Ticket(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        token = db.Column(db.String(80))
                        opened = db.Column(db.DateTime)
                    """,
                "helpdesk/views.py": """
                    from flask import Flask, jsonify

                    from helpdesk.models import Ticket

                    app = Flask(__name__)


                    @app.get("/api/v1/tickets/<token>")
                    def ticket(token):
                        found = Ticket.query.filter_by(token=token).first_or_404()  # <- flagged
                        return jsonify(id=found.id)


                    @app.get("/api/v1/tickets/last")
                    def last():
                        rows = Ticket.query.order_by(Ticket.opened.desc()).limit(10).all()  # <- flagged
                        return jsonify([row.id for row in rows])
                    """,
            },
            "Flask: by a token, and the newest ones",
        ),
    ),
    good=(
        example(
            {
                "shop/urls.py": """
                    from django.urls import path

                    from shop import views

                    urlpatterns = [path("api/v1/customers/<str:email>", views.customer)]
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Shop(models.Model):
                        name = models.CharField(max_length=80)


                    class Customer(models.Model):
                        shop = models.ForeignKey(Shop, on_delete=models.CASCADE)
                        email = models.EmailField(unique=True)
                        name = models.CharField(max_length=80)
                        status = models.CharField(max_length=8)
                    """,
                "shop/views.py": """
                    from django.http import JsonResponse

                    from shop.models import Customer


                    def customer(request, email):
                        found = Customer.objects.get(email=email)
                        same = Customer.objects.filter(shop=found.shop, name=found.name).first()
                        open_ones = Customer.objects.filter(status="open").count()
                        like = Customer.objects.filter(name__icontains=email).first()
                        return JsonResponse({"id": found.pk, "same": same.pk, "open": open_ones, "like": like.pk})
                    """,
            },
            "Django: unique, beside a key, few values, and what no index answers",
        ),
        example(
            {
                "app/models.py": """
                    from sqlalchemy import Index, func
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class User(Base):
                        __tablename__ = "users"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        email: Mapped[str]
                        token: Mapped[str] = mapped_column(index=True)
                        __table_args__ = (Index("users_email", func.lower(email)),)
                    """,
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from sqlalchemy import or_, select
                    from sqlalchemy.orm import Session

                    from app.models import User

                    app = FastAPI()


                    def get_session(): ...


                    @app.get("/v1/users/{email}")
                    def read(email: str, token: str, session: Session = Depends(get_session)):
                        first = session.scalars(select(User).where(User.token == token)).one()
                        second = session.get(User, 1)
                        third = session.scalars(select(User).where(or_(User.email == email, User.token == token))).first()
                        return [first, second, third]
                    """,
            },
            "SQLAlchemy: an index, an expression of one, and alternatives",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE orders (id bigserial PRIMARY KEY, reference text NOT NULL, note text);
                    """,
                "migrations/0002_index.up.sql": """
                    CREATE INDEX CONCURRENTLY orders_reference ON orders (reference);
                    """,
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.database import pool

                    app = FastAPI()


                    @app.get("/v1/orders/{reference}")
                    async def read(reference: str, note: str):
                        async with pool.acquire() as connection:
                            cursor = await connection.execute(
                                "SELECT * FROM orders WHERE reference = $1 AND note = $2", reference, note
                            )
                            return await cursor.fetchone()
                    """,
            },
            "literal SQL: the index comes later",
        ),
        example(
            {
                "shop/management/commands/find.py": """
                    from django.core.management.base import BaseCommand

                    from shop.models import Customer


                    class Command(BaseCommand):
                        def handle(self, *args, **options):
                            print(Customer.objects.filter(name=options["name"]).first())
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Customer(models.Model):
                        name = models.CharField(max_length=80)


                    class Country(models.Model):
                        name = models.CharField(max_length=80)

                        @classmethod
                        def named(cls, name):
                            return Country.objects.get(name=name)
                    """,
            },
            "a command, and a table that stays small",
        ),
    ),
)
