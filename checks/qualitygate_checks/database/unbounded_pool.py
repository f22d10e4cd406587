"""A connection pool that grows without an end.

What it flags: pools whose limit is switched off: `max_overflow=-1` or `pool_size=0` of a SQLAlchemy engine (also in
`SQLALCHEMY_ENGINE_OPTIONS` and `engine_options`), `maxsize=0` of aiomysql, `limit=0` of an aiohttp connector, `max_connections=None` of
`httpx.Limits`. A Redis pool without `max_connections` (its default has no end) is told with low confidence.

Why: under load every waiting request opens a connection of its own. The database reaches its limit and refuses everybody,
also those who would have been served; a limit makes them wait in order.

How to mend: give the pool a size that all processes together can have: `pool_size=10, max_overflow=5, pool_timeout=5`.

What it cannot see: limits that come from settings, and how many processes share the database.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._reach import owner

_ENGINES = frozenset(
    {
        "sqlalchemy.create_engine",
        "sqlalchemy.engine.create_engine",
        "sqlmodel.create_engine",
        "sqlalchemy.ext.asyncio.create_async_engine",
        "sqlalchemy.ext.asyncio.engine.create_async_engine",
        "sqlalchemy.pool.QueuePool",
    }
)
_REDIS_POOLS = frozenset(
    {
        "redis.ConnectionPool",
        "redis.ConnectionPool.from_url",
        "redis.asyncio.ConnectionPool",
        "redis.asyncio.ConnectionPool.from_url",
    }
)
_OTHERS: dict[str, tuple[str, object, str]] = {
    "aiomysql.create_pool": ("maxsize", 0, "give `maxsize` a number"),
    "asyncmy.create_pool": ("maxsize", 0, "give `maxsize` a number"),
    "aiohttp.TCPConnector": ("limit", 0, "give `limit` a number; the default is 100"),
    "httpx.Limits": ("max_connections", None, "give `max_connections` a number; the default is 100"),
}
_EXTENSION = "flask_sqlalchemy.SQLAlchemy"
_SCALARS = {"SQLALCHEMY_MAX_OVERFLOW": -1, "SQLALCHEMY_POOL_SIZE": 0}
_MEND = "limit it: `pool_size=10, max_overflow=5, pool_timeout=5`"


def run(project: Project) -> Iterator[Hit]:
    """A hit for every pool without a limit."""
    for call in project.calls:
        if call.name in _ENGINES:
            for name, value in (("max_overflow", -1), ("pool_size", 0)):
                argument = call.argument(name)
                if argument is not None and _is(argument, value):
                    yield _hit(call, argument, f"`{name}={value}` means no limit", _MEND, Confidence.HIGH)
                elif argument is not None and argument.kind == "setting" and argument.value == value:
                    why = f"the default of the setting behind `{name}` is {value}, which means no limit"
                    yield _hit(call, argument, why, _MEND, Confidence.MEDIUM)
        elif call.name == _EXTENSION:
            given = call.argument("engine_options")
            for name, value in (("max_overflow", -1), ("pool_size", 0)):
                entry = given.entry(name) if given is not None else None
                if entry is not None and _is(entry, value):
                    yield _hit(call, given, f"`{name}` of {value} means no limit", _MEND, Confidence.HIGH)
        elif call.name in _OTHERS:
            name, never, mend = _OTHERS[call.name]
            argument = call.argument(name)
            if argument is not None and _is(argument, never):
                yield _hit(call, argument, f"`{name}={never}` means no limit", mend, Confidence.HIGH)
        elif call.name in _REDIS_POOLS and call.complete and call.argument("max_connections") is None:
            why = "without `max_connections` a Redis pool opens as many as are asked for"
            yield _hit(call, None, why, "give `max_connections` a number", Confidence.LOW)
    for assignment in project.assignments:
        given = assignment.value
        if assignment.name == "SQLALCHEMY_ENGINE_OPTIONS":
            for name, none in (("max_overflow", -1), ("pool_size", 0)):
                entry = given.entry(name)
                if entry is not None and _is(entry, none):
                    yield _setting(assignment.place, f"{assignment.name} {name}", f"`{name}` is {none}: no limit")
        elif assignment.name in _SCALARS and _is(given, _SCALARS[assignment.name]):
            yield _setting(assignment.place, assignment.name, f"{given.value} means no limit")


def _is(argument: Argument, value: object) -> bool:
    return argument.kind == "constant" and argument.complete and argument.value == value and argument.value is not False


def _hit(call: Call, argument: Argument | None, why: str, mend: str, confidence: Confidence) -> Hit:
    place = argument.place if argument is not None and argument.place is not None else call.place
    return Hit(
        place=Place(place.path, place.span),
        message=f"the pool of {'.'.join(call.name.split('.')[-2:])}() grows without an end",
        subject=f"{call.name} in {owner(call)}",
        why=why,
        mend=mend,
        confidence=confidence,
    )


def _setting(place: Place, subject: str, why: str) -> Hit:
    return Hit(
        place=Place(place.path, place.span),
        message="the pool of the database engine grows without an end",
        subject=subject,
        why=why,
        mend=_MEND,
    )


CHECK = Check(
    id="unbounded-pool",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use connection pools",
    dont="Let a pool grow without an end",
    tags=("CWE-770", "CWE-400", "OWASP-API4:2023"),
    gates=("database_performance", "availability"),
    run=run,
    calls=_ENGINES | frozenset(_OTHERS) | _REDIS_POOLS | {_EXTENSION},
    assigns=frozenset({"SQLALCHEMY_ENGINE_OPTIONS", *_SCALARS}),
    examined=lambda project: sum(
        call.name in _ENGINES or call.name in _OTHERS or call.name in _REDIS_POOLS for call in project.calls
    ),
    doc=__doc__,
    bad=(
        example(
            """
            from sqlalchemy import create_engine

            engine = create_engine(
                "postgresql+psycopg://db/shop",
                pool_size=5,
                max_overflow=-1,  # <- flagged
            )
            """,
            "overflow without a limit",
            path="shop/db.py",
        ),
        example(
            """
            from sqlalchemy.ext.asyncio import create_async_engine

            engine = create_async_engine("postgresql+asyncpg://db/shop", pool_size=0)  # <- flagged
            """,
            "a size of 0 is no size",
            path="shop/db.py",
        ),
        example(
            """
            from flask import Flask
            from flask_sqlalchemy import SQLAlchemy

            app = Flask(__name__)
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 10, "max_overflow": -1}  # <- flagged
            db = SQLAlchemy(app)
            """,
            "in the settings of Flask-SQLAlchemy",
        ),
        example(
            """
            from flask import Flask
            from flask_sqlalchemy import SQLAlchemy

            app = Flask(__name__)
            db = SQLAlchemy(app, engine_options={"pool_pre_ping": True, "max_overflow": -1})  # <- flagged
            """,
            "in the options of the extension",
            path="helpdesk/db.py",
        ),
        example(
            """
            import aiohttp
            import httpx

            limits = httpx.Limits(max_connections=None)  # <- flagged
            client = httpx.AsyncClient(limits=limits)


            def session():
                return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))  # <- flagged
            """,
            "pools of HTTP clients",
            path="helpdesk/clients.py",
        ),
    ),
    good=(
        example(
            """
            from sqlalchemy import create_engine

            engine = create_engine("postgresql+psycopg://db/shop", pool_size=10, max_overflow=5, pool_timeout=5)
            """,
            "a size, an overflow and a wait",
            path="shop/db.py",
        ),
        example(
            """
            from sqlalchemy import create_engine

            from shop.config import settings

            engine = create_engine(settings.DATABASE_URL)
            replica = create_engine(settings.REPLICA_URL, pool_size=settings.POOL_SIZE, max_overflow=0)
            """,
            "the default of 5 and 10; no overflow at all",
            path="shop/db.py",
        ),
        example(
            """
            from flask import Flask

            app = Flask(__name__)
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 10, "max_overflow": 5, "pool_pre_ping": True}
            """,
            "settings with a limit",
        ),
        example(
            """
            import aiohttp
            import httpx

            client = httpx.AsyncClient(limits=httpx.Limits(max_connections=50))


            def session():
                return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50))
            """,
            "HTTP clients with a limit",
            path="helpdesk/clients.py",
        ),
    ),
)
