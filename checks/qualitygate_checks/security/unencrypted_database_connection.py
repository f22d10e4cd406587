"""A connection to a database that anybody on the way can read.

What it flags: a connection to a database, cache or broker whose encryption is switched off: `sslmode=disable` (or
`allow`), `ssl=false`, `tls=false` in an address, `sslmode="disable"`, `ssl=False`, `ssl_disabled=True` among the arguments
or in `connect_args` and the `OPTIONS` of Django's `DATABASES`, also in the variables that container files set; and an address that names a public host and asks for no
encryption (`redis://cache.example.com`, `amqp://`, `mongodb://`, and for PostgreSQL and MySQL no `sslmode` or `ssl` at
all). Hosts on the developer's machine and on a private network (one label, a private number, `.internal`) are left
alone, sockets too. Where the host is not known, the confidence is medium.

Why: queries, rows and passwords pass in the clear. PostgreSQL's drivers fall back to that quietly unless `sslmode` is
`require` or stricter.

How to mend: `sslmode=verify-full` with the authority's certificate, `rediss://`, `amqps://`, `tls=true`.

What it cannot see: what the environment says, servers that refuse plain connections, and tunnels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Argument, Call
from qualitygate_checks.security._hosts import address, is_private, is_public
from qualitygate_checks.security._settings import is_development, place_of, production, variables

_CLIENTS = frozenset(
    """sqlalchemy.create_engine sqlalchemy.engine.create_engine sqlmodel.create_engine
    sqlalchemy.ext.asyncio.create_async_engine sqlalchemy.ext.asyncio.engine.create_async_engine
    sqlmodel.ext.asyncio.create_async_engine databases.Database psycopg.connect psycopg.Connection.connect
    psycopg.AsyncConnection.connect psycopg2.connect psycopg2.pool.ThreadedConnectionPool
    psycopg2.pool.SimpleConnectionPool psycopg_pool.ConnectionPool psycopg_pool.AsyncConnectionPool asyncpg.connect
    asyncpg.create_pool aiopg.create_pool aiomysql.connect aiomysql.create_pool asyncmy.connect asyncmy.create_pool
    pymysql.connect MySQLdb.connect mysql.connector.connect pymongo.MongoClient pymongo.AsyncMongoClient
    pymongo.mongo_client.MongoClient motor.motor_asyncio.AsyncIOMotorClient redis.from_url redis.Redis.from_url
    redis.asyncio.from_url redis.asyncio.Redis.from_url redis.ConnectionPool.from_url redis.asyncio.ConnectionPool.from_url
    redis.StrictRedis.from_url aioredis.from_url redis.Redis redis.StrictRedis redis.asyncio.Redis aio_pika.connect
    aio_pika.connect_robust kombu.Connection pika.URLParameters celery.Celery clickhouse_connect.get_client""".split()
)
_NAMES = (
    "DATABASE_URL",
    "DATABASE_URI",
    "DATABASE_DSN",
    "DB_URL",
    "DB_URI",
    "DB_DSN",
    "SQLALCHEMY_DATABASE_URI",
    "SQLALCHEMY_DATABASE_URL",
    "REDIS_URL",
    "CACHE_URL",
    "CELERY_BROKER_URL",
    "BROKER_URL",
    "RABBITMQ_URL",
    "MONGO_URL",
    "MONGO_URI",
    "MONGODB_URI",
    "MONGODB_URL",
    "database_url",
    "database_uri",
    "redis_url",
    "broker_url",
    "mongo_url",
    "mongodb_url",
    "mongodb_uri",
)
_OFF = re.compile(
    r"[?&\s](?:sslmode=(disable|allow)|ssl-mode=(DISABLED)|sslMode=(DISABLED)|ssl_disabled=(true)|(?:ssl|tls)=(false|0))(?:[&\s]|$)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?&\s](?:ssl|tls|sslmode|ssl-mode|ssl_mode|sslrootcert|ssl_ca|ssl_cert_reqs|secure)\b", re.IGNORECASE
)
# Schemes that are plain unless something asks for encryption; those of drivers are cut at their plus sign.
_PLAIN = frozenset("postgresql postgres mysql mariadb redis amqp mongodb pyamqp cockroachdb clickhouse valkey".split())
_DISABLED = frozenset(("disable", "disabled", "allow"))


def run(project: Project) -> Iterator[Hit]:
    """Hits for connections and names of addresses that are not encrypted, each place once."""
    told: set[Place] = set()
    for hit in _all(project):
        if hit.place not in told:
            told.add(hit.place)
            yield hit


def _all(project: Project) -> Iterator[Hit]:
    named: set[str] = set()
    for item in project.assignments:
        if item.name not in _NAMES or is_development(item.place.path) or is_development(item.owner):
            continue
        texts = [item.value.text] if item.value.kind == "template" else [item.value.value]
        for text in texts:
            if isinstance(text, str) and item.value.complete:
                named.add(text)
                yield from _judge(text, item.place, f"`{item.name}`", item.owner)
    for call in project.calls:
        if call.name in _CLIENTS and not is_development(call.place.path):
            yield from _called(call, named)
    yield from _django(project)
    for path, variable, place in variables(project):
        if variable.key in _NAMES or variable.key.endswith(("_DATABASE_URL", "_DB_URL", "_REDIS_URL", "_DSN")):
            yield from _judge(variable.value, place, f"`{variable.key}`", path)


def _called(call: Call, named: set[str]) -> Iterator[Hit]:
    what = f"`{call.name.rsplit('.', 1)[-1]}`"
    host = ""
    for argument in (*call.positional[:3], *call.keywords.values()):
        text = argument.text if argument.kind == "template" else argument.value
        if isinstance(text, str) and argument.complete and ("://" in text or "sslmode=" in text):
            if text not in named:
                yield from _judge(text, argument.place or call.place, what, call.owner)
            host = address(text)[1] or host
    known = call.keywords.get("host")
    if known is not None and isinstance(known.value, str):
        host = known.value
    options = dict(call.keywords)
    extra = call.keywords.get("connect_args")
    if extra is not None and extra.kind == "mapping":
        options.update(zip(extra.keys, extra.items, strict=True))
    for name, value in options.items():
        off = _switched_off(name, value, call.name)
        if off and not is_private(host):
            place = value.place or (extra.place if extra is not None else None) or call.place
            yield _hit(place, f"{what} connects without encryption (`{off}`)", call.owner, is_public(host))


def _switched_off(name: str, value: Argument, client: str) -> str:
    """The option as it switches encryption off; empty where it does not."""
    if value.kind != "constant" or not value.complete:
        return ""
    if name in ("sslmode", "ssl_mode") and str(value.value).lower() in _DISABLED:
        return f"{name}={value.value}"
    if name == "ssl_disabled" and value.value is True:
        return "ssl_disabled=True"
    if name in ("ssl", "tls") and value.value is False and "redis" not in client:
        return f"{name}=False"
    if name == "ssl" and value.value == "disable":
        return "ssl=disable"
    return ""


def _judge(text: str, place: Place, what: str, owner: str) -> Iterator[Hit]:
    scheme, host = address(text)
    if not host and (found := re.search(r"(?:^|\s)host=([^\s]+)", text)):
        host = found[1]
    if is_private(host) or (host == "" and "://" in text) or host.startswith("/"):
        return
    off = _OFF.search(text)
    if off:
        option = off[0].strip("?& ")
        yield _hit(place, f"{what} connects without encryption (`{option}`)", owner, is_public(host))
    elif (
        scheme.split("+", 1)[0] in _PLAIN and not scheme.endswith("+srv") and is_public(host) and not _ASKS.search(text)
    ):
        yield Hit(
            place=place,
            message=f"{what} connects to {host} and asks for no encryption",
            subject=f"{owner} {host}",
            why=f"`{scheme}://` is plain unless something asks for more, and {host} is no private host",
            mend="ask for it: sslmode=verify-full, rediss://, amqps://, tls=true",
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
        )


def _django(project: Project) -> Iterator[Hit]:
    for settings in production(project):
        databases = settings.values.get("DATABASES")
        if databases is None or databases.kind != "mapping":
            continue
        for alias, database in zip(databases.keys, databases.items, strict=True):
            options = database.entry("OPTIONS")
            host = database.entry("HOST")
            if options is None or (host is not None and isinstance(host.value, str) and _is_near(host)):
                continue
            for name, value in zip(options.keys, options.items, strict=True):
                off = _switched_off(name, value, "")
                if off:
                    sure = host is not None and isinstance(host.value, str) and is_public(host.value)
                    place = place_of(settings, "DATABASES")
                    yield _hit(place, f"the database `{alias}` is connected without encryption (`{off}`)", alias, sure)


def _is_near(host: Argument) -> bool:
    return host.kind == "constant" and (host.value == "" or is_private(str(host.value)))


def _hit(place: Place, message: str, owner: str, sure: bool) -> Hit:
    return Hit(
        place=place,
        message=message,
        subject=f"{owner} encryption",
        why="queries, rows and the password pass in the clear",
        mend="ask for it: sslmode=verify-full with the authority's certificate, ssl=True, tls=true",
        confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
    )


CHECK = Check(
    id="unencrypted-database-connection",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Always use HTTPS",
    dont="Allow HTTP in production",
    tags=("CWE-319", "OWASP-API8:2023"),
    gates=("data_protection",),
    calls=_CLIENTS,
    assigns=frozenset((*_NAMES, "DATABASES")),
    run=run,
    examined=lambda project: sum(1 for call in project.calls if call.name in _CLIENTS) + len(project.settings),
    doc=__doc__,
    bad=(
        example(
            """
            import os

            from sqlalchemy import create_engine

            password = os.environ["DB_PASSWORD"]
            engine = create_engine(
                f"postgresql://shop:{password}@db.example.com/shop?sslmode=disable",  # <- flagged
                pool_size=10,
            )
            reports = create_engine(
                os.environ["REPORTS_URL"],
                connect_args={"sslmode": "disable"},  # <- flagged
            )
            """,
            "SQLAlchemy: in the address, and among the arguments",
        ),
        example(
            """
            import asyncpg
            import psycopg


            async def pool(password):
                return await asyncpg.create_pool(
                    host="db.example.com",
                    password=password,
                    ssl=False,  # <- flagged
                )


            def connection():
                return psycopg.connect("host=db.example.com dbname=shop sslmode=disable")  # <- flagged
            """,
            "drivers of PostgreSQL",
        ),
        example(
            {
                "shop/settings.py": """
                    import os

                    INSTALLED_APPS = ["django.contrib.auth"]
                    DATABASES = {  # <- flagged
                        "default": {
                            "ENGINE": "django.db.backends.postgresql",
                            "HOST": os.environ["DB_HOST"],
                            "OPTIONS": {"sslmode": "disable"},
                        }
                    }
                    """,
            },
            "Django",
        ),
        example(
            {
                "app/settings.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        redis_url: str = "redis://cache.example.com:6379/0"  # <- flagged
                        mongodb_url: str = "mongodb://orders.example.com/?tls=false"  # <- flagged
                    """,
                "deploy/compose.production.yaml": """
                    services:
                      web:
                        environment:
                          - DATABASE_URL=postgresql://db.example.com/shop?sslmode=disable  # <- flagged
                          - REDIS_URL=redis://cache:6379/0
                    """,
                "app/broker.py": """
                    import aio_pika
                    import mysql.connector


                    async def broker():
                        return await aio_pika.connect_robust("amqp://broker.example.com/")  # <- flagged


                    def ledger(password):
                        return mysql.connector.connect(host="ledger.example.com", ssl_disabled=True)  # <- flagged
                    """,
            },
            "caches, brokers, other databases",
        ),
    ),
    good=(
        example(
            """
            import os

            from sqlalchemy import create_engine

            engine = create_engine(os.environ["DATABASE_URL"], connect_args={"sslmode": "verify-full"})
            local = create_engine("postgresql://shop@localhost/shop?sslmode=disable")
            container = create_engine("postgresql+psycopg://shop@db:5432/shop", connect_args={"sslmode": "disable"})
            files = create_engine("sqlite:///shop.db")
            """,
            "verified, on the machine itself, in a container, in a file",
        ),
        example(
            """
            import ssl

            import asyncpg
            import redis

            DATABASE_URL = "postgresql://shop@db.example.com/shop?sslmode=require"
            REDIS_URL = "rediss://cache.example.com:6379/0"
            cache = redis.Redis(host="cache", ssl=False)


            async def pool():
                return await asyncpg.create_pool(host="db.example.com", ssl=ssl.create_default_context())
            """,
            "asked for",
        ),
        example(
            {
                "shop/settings.py": """
                    INSTALLED_APPS = ["django.contrib.auth"]
                    DATABASES = {
                        "default": {
                            "ENGINE": "django.db.backends.postgresql",
                            "HOST": "db.internal",
                            "OPTIONS": {"sslmode": "disable"},
                        },
                        "ledger": {
                            "ENGINE": "django.db.backends.postgresql",
                            "HOST": "ledger.example.com",
                            "OPTIONS": {"sslmode": "verify-full"},
                        },
                    }
                    """,
            },
            "Django: a private network, and a verified host",
        ),
        example(
            """
            from pydantic_settings import BaseSettings
            from pymongo import MongoClient


            class Settings(BaseSettings):
                redis_url: str = "redis://redis:6379/0"
                broker_url: str = "amqps://broker.example.com/"


            orders = MongoClient("mongodb+srv://orders.example.com/shop")
            """,
            "a container, a broker with TLS, an address that implies it",
        ),
    ),
)
