"""A request that fetches a whole table.

What it flags: a query of Django, SQLAlchemy or literal SQL that a request makes, that asks by no condition which narrows it to a
few rows (truth values and `IS NOT NULL` do not) and whose rows are all fetched: `.all()`, `fetchall()`, `list(...)`, a loop, a
comprehension, `many=True`. One finding a function and table. Left alone are queries with a limit, a slice, a page or an
aggregate, streams (`iterator`, `yield_per`), tables that by their names stay small (settings, roles, countries, ...), conditions
that cannot be told, commands and workers, exports and backups, which take everything by their purpose, and what serves an endpoint of which `missing-pagination` already says that it returns
everything.

The confidence is medium, and low where the table has no key to another one, and where a cache keeps what the function returns.

Why: the answer grows with the table. Every row crosses the network, becomes an object and waits in memory, for every request
that is under way; the process is killed by the one that comes when the table has grown, not when the code was written.

How to mend: a limit or a page; an aggregate in SQL where only a number or a sum is wanted (`count()`, `Sum`); a condition
that only fetches what is shown; for exports, rows in portions by a worker.

What it cannot see: how many rows a table holds, and query sets that another function narrows or cuts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.calls import Call
from qualitygate_checks._reach import is_script, way
from qualitygate_checks.database._helpers import keeper
from qualitygate_checks.database._queries import ASKED, SMALL_TABLES, Query, queries, reached
from qualitygate_checks.database._tables import as_clauses, made

_WHOLE = frozenset(
    {
        "all",
        "fetchall",
        "list",
        "set",
        "tuple",
        "sorted",
        "len",
        "dict",
        "for",
        "fetch",
        "fetch_all",
        "sum",
        "max",
        "min",
    }
)
_TRUTH = re.compile(r"bool|tinyint\(1\)|bit\(1\)", re.IGNORECASE)
# What takes everything by its purpose.
_BY_PURPOSE = re.compile(
    r"export|backup|dump|migrat|restore|reset|reindex|(?:^|/|_)fix|sitemap|download|csv", re.IGNORECASE
)


def run(project: Project) -> Iterator[Hit]:
    """One hit a function and table."""
    ways = reached(project)
    told = {
        f"{route.method} {route.path}"
        for route in project.routes
        if route.api and route.collection and not route.paginated and not route.exempt
    }
    seen: set[tuple[str, str]] = set()
    for query in project.once(queries):
        call = ways.get(query.body.owner)
        if call is None or is_script(query.body.path) or not _is_whole(query):
            continue
        if _BY_PURPOSE.search(f"{query.body.path} {query.body.qualname} {call.routes[0]}"):
            continue
        key = query.body.owner, query.table.full_name
        if key in seen or told.intersection(call.routes):
            continue
        seen.add(key)
        yield _hit(query, call)


def _is_whole(query: Query) -> bool:
    """Whether the query fetches its whole table, as far as it can be told."""
    if query.unsure or query.bounded or query.ends not in _WHOLE or SMALL_TABLES.search(query.table.name):
        return False
    # what an index does not answer may narrow all the same
    return query.others == query.nulls and all(_TRUTH.match(one.column.type) for one in query.conditions)


def _hit(query: Query, call: Call) -> Hit:
    table = query.table
    parents = [key.references_table for key in table.foreign_keys]
    kept = keeper(query.body.function) if query.body.function is not None else ""
    return Hit(
        place=query.place,
        message=f"{query.written} fetches all rows of {table.full_name} for one request",
        subject=f"{table.full_name} in {query.body.qualname or query.body.path}",
        why=as_clauses(
            way(call),
            "nothing but a truth value narrows it" if query.conditions else "no condition, limit or page narrows it",
            f"a table with keys to {', '.join(dict.fromkeys(parents[:3]))} grows with them" if parents else "",
            f"@{kept} keeps the answer, so that only some requests ask" if kept else "",
        ),
        mend="take a page or a limit, count and sum in SQL, or ask only for what is shown",
        places=(*call.chain, *made(table, query.place)),
        confidence=Confidence.MEDIUM if parents and not kept else Confidence.LOW,
    )


CHECK = Check(
    id="unbounded-query",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Cursor or offset pagination",
    dont="Return unbounded results",
    tags=("CWE-770", "CWE-1073", "OWASP-API4:2023"),
    gates=("database_performance", "memory_usage"),
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

                    urlpatterns = [path("api/v1/total", views.total), path("api/v1/mail", views.mail)]
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Customer(models.Model):
                        email = models.EmailField(unique=True)


                    class Order(models.Model):
                        customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
                        amount = models.DecimalField(max_digits=9, decimal_places=2)
                        open = models.BooleanField(default=True)
                    """,
                "shop/views.py": """
                    from django.http import JsonResponse

                    from shop.models import Order


                    def total(request):
                        return JsonResponse({"total": sum(order.amount for order in Order.objects.all())})  # <- flagged


                    def mail(request):
                        orders = Order.objects.filter(open=True)  # <- flagged
                        for order in orders:
                            order.remind()
                        return JsonResponse({"sent": True})
                    """,
            },
            "Django: a sum in Python, and a truth value",
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


                    class Visit(Base):
                        __tablename__ = "visits"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
                    """,
                "app/service.py": """
                    from sqlalchemy import select

                    from app.models import Visit


                    def busiest(session):
                        visits = session.scalars(select(Visit)).all()  # <- flagged
                        counts = {}
                        for visit in visits:
                            counts[visit.user_id] = counts.get(visit.user_id, 0) + 1
                        return max(counts, key=counts.get)
                    """,
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from sqlalchemy.orm import Session

                    from app.service import busiest

                    app = FastAPI()


                    def get_session(): ...


                    @app.get("/v1/statistics/busiest")
                    def read(session: Session = Depends(get_session)):
                        return {"user": busiest(session)}
                    """,
            },
            "SQLAlchemy: counted in Python, a call away",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY);
                    CREATE TABLE scores (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, points int NOT NULL);
                    CREATE INDEX ON scores (user_id);
                    """,
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.database import connection

                    app = FastAPI()


                    @app.get("/v1/scores/best")
                    def best():
                        cursor = connection.cursor()
                        cursor.execute("SELECT user_id, points FROM scores")  # <- flagged
                        rows = cursor.fetchall()
                        return {"best": max(points for _, points in rows)}
                    """,
            },
            "literal SQL",
        ),
        example(
            {
                "helpdesk/models.py": """
                    from flask_sqlalchemy import SQLAlchemy

                    db = SQLAlchemy()


                    class User(db.Model):
                        id = db.Column(db.Integer, primary_key=True)


                    class Ticket(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        owner_id = db.Column(db.ForeignKey("user.id"), index=True)
                    """,
                "helpdesk/views.py": """
                    from flask import Flask, jsonify

                    from helpdesk.models import Ticket

                    app = Flask(__name__)


                    @app.get("/api/v1/summary")
                    def summary():
                        return jsonify(count=len(Ticket.query.all()))  # <- flagged
                    """,
            },
            "Flask: rows that are only counted",
        ),
    ),
    good=(
        example(
            {
                "shop/urls.py": """
                    from django.urls import path

                    from shop import views

                    urlpatterns = [path("api/v1/total", views.total), path("api/v1/first", views.first)]
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Country(models.Model):
                        region = models.ForeignKey("self", null=True, on_delete=models.CASCADE)


                    class Order(models.Model):
                        country = models.ForeignKey(Country, on_delete=models.CASCADE)
                        amount = models.DecimalField(max_digits=9, decimal_places=2)
                    """,
                "shop/views.py": """
                    from django.core.paginator import Paginator
                    from django.db.models import Sum
                    from django.http import JsonResponse

                    from shop.models import Country, Order


                    def total(request):
                        total = Order.objects.aggregate(Sum("amount"))
                        return JsonResponse({"total": total, "countries": [country.pk for country in Country.objects.all()]})


                    def first(request):
                        rows = Order.objects.order_by("pk")[:20]
                        page = Paginator(Order.objects.all(), 20).page(1)
                        mine = list(Order.objects.filter(country_id=request.GET["country"]))
                        streamed = [row.pk for row in Order.objects.all().iterator()]
                        return JsonResponse({"ids": [row.pk for row in rows], "page": len(page), "mine": mine, "all": streamed})
                    """,
            },
            "Django: an aggregate, a small table, a slice, a page, a condition, a stream",
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


                    class Visit(Base):
                        __tablename__ = "visits"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
                    """,
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from sqlalchemy import func, select
                    from sqlalchemy.orm import Session

                    from app.models import Visit

                    app = FastAPI()


                    def get_session(): ...


                    @app.get("/v1/statistics/visits")
                    def read(user: int, session: Session = Depends(get_session)):
                        count = session.scalar(select(func.count()).select_from(Visit))
                        latest = session.scalars(select(Visit).order_by(Visit.id.desc()).limit(10)).all()
                        own = session.scalars(select(Visit).where(Visit.user_id == user)).all()
                        return {"count": count, "latest": len(latest), "own": len(own)}
                    """,
            },
            "SQLAlchemy: a count, a limit, a condition",
        ),
        example(
            {
                "shop/management/commands/export.py": """
                    from django.core.management.base import BaseCommand

                    from shop.models import Order


                    class Command(BaseCommand):
                        def handle(self, *args, **options):
                            for order in Order.objects.all():
                                print(order.pk)
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Order(models.Model):
                        buyer = models.ForeignKey("auth.User", on_delete=models.CASCADE)
                    """,
            },
            "a command",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY);
                    CREATE TABLE scores (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, points int NOT NULL);
                    CREATE INDEX ON scores (user_id);
                    """,
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.database import connection

                    app = FastAPI()


                    @app.get("/v1/scores/best")
                    def best(user: int):
                        cursor = connection.cursor()
                        cursor.execute("SELECT max(points) FROM scores")
                        cursor.execute("SELECT points FROM scores ORDER BY points DESC LIMIT 10")
                        cursor.execute("SELECT points FROM scores WHERE user_id = %s", (user,))
                        return {"best": cursor.fetchall()}
                    """,
            },
            "literal SQL: an aggregate, a limit, a condition",
        ),
    ),
)
