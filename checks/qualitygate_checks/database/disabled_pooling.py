"""A database that is connected to anew for every request.

What it flags: a SQLAlchemy engine with `NullPool` in application code, also in `SQLALCHEMY_ENGINE_OPTIONS`; and Django
`DATABASES` that keep no connection: neither `CONN_MAX_AGE` above 0 nor a `pool` in the options, on a database that is
reached over the network.

Why: every request pays for a new connection, its handshake and its login, often more than for its queries, and a peak of
requests is a peak of connections at the database.

How to mend: drop `poolclass=NullPool` and give the pool a size. Django: `"OPTIONS": {"pool": True}` (5.1, psycopg 3) or
`"CONN_MAX_AGE": 60` with `"CONN_HEALTH_CHECKS": True`; under ASGI only the pool.

What it cannot see: a pooler outside of the code (PgBouncer, RDS Proxy), unless its port or name, or a setting that only it
needs, tells; answer with `qgate: ignore[disabled-pooling]` and say which. Settings of development and tests, migrations,
workers and serverless code are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._reach import is_script, owner

_ENGINES = frozenset(
    {
        "sqlalchemy.create_engine",
        "sqlalchemy.engine.create_engine",
        "sqlmodel.create_engine",
        "sqlalchemy.ext.asyncio.create_async_engine",
        "sqlalchemy.ext.asyncio.engine.create_async_engine",
    }
)
_ADDRESSES = frozenset({"dj_database_url.config", "dj_database_url.parse"})
_APART = re.compile(
    r"(^|[/_.:])(alembic|migrat\w*|workers?|celery|tasks?|lambda\w*|serverless|scripts?|env\.py)([/_.:]|$)",
    re.IGNORECASE,
)
_DEVELOPMENT = re.compile(r"(^|[/_.-])(dev|develop|development|local|test|tests|testing|debug|ci|docker)([/_.-]|$)")
_POOLER = re.compile(r"bouncer|pooler|pgcat|odyssey|proxy", re.IGNORECASE)
_NETWORK = re.compile(r"postgres|mysql|oracle|mariadb|mssql|psycopg|gis", re.IGNORECASE)


def run(project: Project) -> Iterator[Hit]:
    """A hit for every engine and every Django database that keeps no connection."""
    told: set[str] = set()
    for call in project.calls:
        if call.name in _ADDRESSES:
            if call.place.path not in told:
                hits = list(_address(call))
                told.update(hit.place.path for hit in hits)
                yield from hits
            continue
        if call.name not in _ENGINES:
            continue
        pool = call.argument("poolclass")
        if pool is not None and _is_null(pool) and not _apart(call):
            place = pool.place or call.place
            yield Hit(
                place=Place(place.path, place.span),
                message="this engine opens a connection for every use and closes it again",
                subject=f"{call.name} in {owner(call)}",
                why="`NullPool` keeps no connection",
                mend="drop `poolclass=NullPool` and give the pool a size: `pool_size=10, max_overflow=5`",
                # Of arguments that are unpacked it is not known under which condition they were set.
                confidence=Confidence.LOW if pool.place is None else None,
            )
    for assignment in project.assignments:
        if assignment.name == "SQLALCHEMY_ENGINE_OPTIONS":
            pool = assignment.value.entry("poolclass")
            if pool is not None and _is_null(pool) and not _DEVELOPMENT.search(assignment.owner.lower()):
                yield Hit(
                    place=Place(assignment.place.path, assignment.place.span),
                    message="the engine opens a connection for every use and closes it again",
                    subject="SQLALCHEMY_ENGINE_OPTIONS poolclass",
                    why="`NullPool` keeps no connection",
                    mend="drop `poolclass` and give the pool a size",
                )
    yield from _django(project)


def _django(project: Project) -> Iterator[Hit]:
    seen: set[Place] = set()
    for settings in project.settings:
        databases = settings.values.get("DATABASES")
        if databases is None or databases.place is None or not databases.complete:
            continue
        if _DEVELOPMENT.search(settings.path.lower()) or _DEVELOPMENT.search(databases.place.path.lower()):
            continue
        if any(item.conditional and item.place == databases.place for item in project.assignments):
            continue  # an installation chooses it
        age = settings.values.get("CONN_MAX_AGE")
        for alias, database in zip(databases.keys, databases.items, strict=False):
            place = Place(databases.place.path, databases.place.span)
            if place not in seen and age is None and _unpooled(database):
                seen.add(place)
                yield Hit(
                    place=place,
                    message=f"the database `{alias}` is connected to anew for every request",
                    subject=f"DATABASES {alias}",
                    why="`CONN_MAX_AGE` is 0, Django's default, and there is no `pool` in its options",
                    mend='add `"OPTIONS": {"pool": True}` (psycopg 3), or `"CONN_MAX_AGE": 60` under WSGI',
                    confidence=Confidence.MEDIUM,
                )


def _address(call: Call) -> Iterator[Hit]:
    """A Django database that is made from an address, with no `conn_max_age` above 0."""
    age = call.argument("conn_max_age")
    options = call.argument("default")
    text = str(options.value or options.text) if options is not None else ""
    kept = age is not None and not (age.kind in ("constant", "setting") and age.value == 0)
    if kept or not call.complete or text.startswith("sqlite") or _POOLER.search(text):
        return
    if _DEVELOPMENT.search(call.place.path.lower()) or is_script(call.place.path):
        return
    yield Hit(
        place=Place(call.place.path, call.place.span),
        message="the database is connected to anew for every request",
        subject=f"{call.name} in {owner(call)}",
        why="`conn_max_age` is 0, the default" if age is None else "`conn_max_age` is 0 unless an installation sets it",
        mend="add `conn_max_age=60, conn_health_checks=True` under WSGI, or a `pool` in the options",
        confidence=Confidence.MEDIUM if age is None or age.kind == "constant" else Confidence.LOW,
    )


def _unpooled(database: Argument) -> bool:
    """Whether a Django database over the network keeps no connection; False where that cannot be told."""
    if database.kind != "mapping" or not database.complete:
        return False
    engine = database.entry("ENGINE")
    if engine is None or not isinstance(engine.value, str) or not _NETWORK.search(engine.value):
        return False
    if "pool" in engine.value or database.entry("DISABLE_SERVER_SIDE_CURSORS") is not None:
        return False
    for key in ("HOST", "PORT"):
        entry = database.entry(key)
        text = str(entry.value) if entry is not None else ""
        if _POOLER.search(text) or text in ("6432", "6543"):
            return False
    options = database.entry("OPTIONS")
    if options is not None and (options.kind != "mapping" or not options.complete or options.entry("pool") is not None):
        return False
    age = database.entry("CONN_MAX_AGE")
    return age is None or (age.kind in ("constant", "setting") and age.value == 0)


def _is_null(pool: Argument) -> bool:
    return pool.kind == "reference" and pool.name.rsplit(".", 1)[-1] == "NullPool" and pool.complete


def _apart(call: Call) -> bool:
    """Whether an engine is made where keeping connections would be wrong: migrations, workers, SQLite, behind a pooler."""
    url = call.argument("url", 0)
    text = f"{url.value or ''}{url.text}" if url is not None else ""
    if _APART.search(call.owner) or is_script(call.place.path) or _DEVELOPMENT.search(call.place.path.lower()):
        return True
    arguments = call.argument("connect_args")
    pooler = arguments is not None and any("statement_cache" in key or "prepare" in key for key in arguments.keys)
    return pooler or text.startswith("sqlite") or _POOLER.search(text) is not None


CHECK = Check(
    id="disabled-pooling",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use connection pools",
    dont="Create new connections per request",
    tags=("CWE-1072", "CWE-400"),
    gates=("database_performance", "api_response_time"),
    run=run,
    calls=_ENGINES | _ADDRESSES,
    assigns=frozenset({"DATABASES", "CONN_MAX_AGE", "SQLALCHEMY_ENGINE_OPTIONS"}),
    examined=lambda project: (
        sum(call.name in _ENGINES or call.name in _ADDRESSES for call in project.calls)
        + sum("DATABASES" in settings.values for settings in project.settings)
    ),
    doc=__doc__,
    bad=(
        example(
            """
            from sqlalchemy import create_engine
            from sqlalchemy.pool import NullPool

            engine = create_engine("postgresql+psycopg://db/shop", poolclass=NullPool)  # <- flagged
            """,
            "an engine without a pool",
            path="shop/db.py",
        ),
        example(
            """
            from sqlalchemy import NullPool
            from sqlalchemy.ext.asyncio import create_async_engine

            from shop.config import settings


            def make_engine():
                return create_async_engine(
                    settings.DATABASE_URL,
                    echo=False,
                    poolclass=NullPool,  # <- flagged
                )
            """,
            "an asynchronous engine, in a factory",
            path="shop/db.py",
        ),
        example(
            {
                "clinic/settings.py": """
                    import os

                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["clinic"]
                    DATABASES = {  # <- flagged
                        "default": {
                            "ENGINE": "django.db.backends.postgresql",
                            "NAME": "clinic",
                            "HOST": os.environ["DB_HOST"],
                            "PASSWORD": os.environ["DB_PASSWORD"],
                        }
                    }
                    """,
                "clinic/urls.py": "urlpatterns = []\n",
            },
            "Django's default",
        ),
        example(
            """
            from flask import Flask
            from flask_sqlalchemy import SQLAlchemy
            from sqlalchemy.pool import NullPool

            app = Flask(__name__)
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"poolclass": NullPool}  # <- flagged
            db = SQLAlchemy(app)
            """,
            "in the settings of Flask-SQLAlchemy",
        ),
        example(
            {
                "helpdesk/settings.py": """
                    import dj_database_url

                    ROOT_URLCONF = "helpdesk.urls"
                    INSTALLED_APPS = ["helpdesk"]
                    DATABASES = {"default": dj_database_url.config()}  # <- flagged
                    """,
                "helpdesk/urls.py": "urlpatterns = []\n",
            },
            "an address from the environment",
        ),
    ),
    good=(
        example(
            """
            from sqlalchemy import create_engine

            engine = create_engine("postgresql+psycopg://db/shop", pool_size=10, pool_pre_ping=True)
            """,
            "the default pool",
            path="shop/db.py",
        ),
        example(
            """
            from logging.config import fileConfig

            from alembic import context
            from sqlalchemy import create_engine, pool

            engine = create_engine(context.config.get_main_option("url"), poolclass=pool.NullPool)
            """,
            "migrations run once",
            path="alembic/env.py",
        ),
        example(
            {
                "clinic/settings.py": """
                    import os

                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["clinic"]
                    DATABASES = {
                        "default": {
                            "ENGINE": "django.db.backends.postgresql",
                            "NAME": "clinic",
                            "HOST": os.environ["DB_HOST"],
                            "OPTIONS": {"pool": True},
                        },
                        "reports": {
                            "ENGINE": "django.db.backends.postgresql",
                            "NAME": "clinic",
                            "HOST": os.environ["REPORTS_HOST"],
                            "CONN_MAX_AGE": 60,
                        },
                    }
                    """,
                "clinic/urls.py": "urlpatterns = []\n",
            },
            "a pool, and connections that are kept",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["clinic"]
                    DATABASES = {
                        "default": {
                            "ENGINE": "django.db.backends.postgresql",
                            "NAME": "clinic",
                            "HOST": "pgbouncer",
                            "PORT": "6432",
                        }
                    }
                    """,
                "clinic/settings_local.py": """
                    from clinic.settings import *

                    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
                    """,
                "clinic/urls.py": "urlpatterns = []\n",
            },
            "a pooler of its own, and SQLite",
        ),
    ),
)
