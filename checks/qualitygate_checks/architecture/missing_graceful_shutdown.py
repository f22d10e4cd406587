"""A service that opens things when it starts and never closes them.

What it flags: a pool, client, producer or consumer of an asynchronous library that the application makes when it starts
(in its lifespan, a start-up event, a context of aiohttp), where that function does not enter it as a context and closes
nothing behind its `yield`, and nothing in the project is registered for the shutdown.

Why: at every deployment the process is told to end. What is not closed is cut off: a producer drops the messages that it
had not sent, the server of the other side keeps dead connections until they time out, and requests that are under way
end in errors.

How to mend: `async with` it in the lifespan, or close it behind the `yield` (or in an `on_shutdown` handler): `await
pool.close()`, `await producer.stop()`, `await client.aclose()`.

What it cannot see: libraries that close what they are handed, and how long the platform waits before it kills a process.
Clients that need no closing (engines of SQLAlchemy, the synchronous clients of Redis and MongoDB) are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Connection, Scope
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks._evidence import mentions

_CLOSED_BY = {
    "asyncpg.create_pool": "close",
    "aiopg.create_pool": "close",
    "aiomysql.create_pool": "close",
    "asyncmy.create_pool": "close",
    "psycopg_pool.AsyncConnectionPool": "close",
    "databases.Database": "disconnect",
    "aiohttp.ClientSession": "close",
    "httpx.AsyncClient": "aclose",
    "aio_pika.connect": "close",
    "aio_pika.connect_robust": "close",
    "aiokafka.AIOKafkaProducer": "stop",
    "aiokafka.AIOKafkaConsumer": "stop",
    "kafka.KafkaProducer": "close",
    "confluent_kafka.Producer": "flush",
    "nats.connect": "drain",
    "redis.asyncio.Redis": "aclose",
    "redis.asyncio.from_url": "aclose",
    "redis.asyncio.Redis.from_url": "aclose",
    "elasticsearch.AsyncElasticsearch": "close",
    "opensearchpy.AsyncOpenSearch": "close",
}
_CLOSES = frozenset(
    "close aclose stop disconnect dispose wait_closed shutdown flush drain terminate cleanup cancel".split()
)
# Anything that runs at the end; a mention anywhere keeps the check silent.
_EVIDENCE = re.compile(
    rb"shutdown|on_cleanup|cleanup_ctx|after_server_stop|before_server_stop|main_process_stop|after_serving|atexit|"
    rb"AsyncExitStack|enter_async_context|SIGTERM|on_stop|teardown",
    re.IGNORECASE,
)


def run(project: Project) -> Iterator[Hit]:
    """A hit for every function that opens things at the start which nothing closes."""
    opened: dict[str, list[Connection]] = {}
    for connection in project.connections:
        if connection.scope is Scope.LIFESPAN and connection.constructor in _CLOSED_BY:
            opened.setdefault(connection.owner, []).append(connection)
    if not opened or mentions(project, _EVIDENCE):
        return
    code = project.once(Code)
    closing = _closing_lifespan(code, opened)
    for owner, connections in opened.items():
        body = next((body for body in code.bodies(connections[0].place.path) if body.owner == owner), None)
        if closing or body is None or _enters(body, connections) or _closes(body):
            continue
        first = connections[0]
        name = ".".join(first.constructor.split(".")[-2:])
        more = f", and {len(connections) - 1} more" if len(connections) > 1 else ""
        yield Hit(
            place=Place(first.place.path, first.place.span),
            message=f"{name}() is opened when the application starts{more}, and nothing closes it when it ends",
            subject=f"{first.constructor} in {body.qualname}",
            why=f"{body.qualname} closes nothing, and nothing is registered for the shutdown",
            mend=f"close it behind the `yield` of the lifespan: `await ....{_CLOSED_BY[first.constructor]}()`",
            confidence=Confidence.MEDIUM,
        )


def _closing_lifespan(code: Code, opened: dict[str, list[Connection]]) -> bool:
    """Whether a lifespan of the project closes something behind its `yield`: what a helper opened, it may close."""
    return any(
        body.owner not in opened and _yields(body) and _closes(body)
        for body in code.named("lifespan") + code.named("app_lifespan")
    )


def _yields(body: Body) -> bool:
    return body.function is not None and body.function.generator


def _enters(body: Body, connections: list[Connection]) -> bool:
    """Whether all that a function opens is entered as a context, which closes it."""
    entered = {
        part.name_span
        for statement in ir.walk(body.statements)
        if isinstance(statement, ir.With)
        for item, _ in statement.items
        for part in ir.subexpressions(item)
        if isinstance(part, ir.Call)
    }
    return all(connection.place.span in entered for connection in connections)


def _closes(body: Body) -> bool:
    """Whether a function calls something that closes."""
    return any(
        isinstance(part, ir.Call) and isinstance(part.function, ir.Attribute) and last_name(part.function) in _CLOSES
        for part in body.expressions()
    )


CHECK = Check(
    id="missing-graceful-shutdown",
    domain=Domain.ARCHITECTURE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Close on shutdown what the start opened",
    dont="Let a deployment cut off what is under way",
    tags=("CWE-404", "CWE-772", "SOC2-A1.2"),
    gates=("graceful_degradation", "availability"),
    run=run,
    examined=lambda project: sum(connection.scope is Scope.LIFESPAN for connection in project.connections),
    doc=__doc__,
    bad=(
        example(
            """
            from contextlib import asynccontextmanager

            import asyncpg
            from fastapi import FastAPI, Request


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                app.state.pool = await asyncpg.create_pool("postgresql://db/shop")  # <- flagged
                yield


            app = FastAPI(lifespan=lifespan)


            @app.get("/v1/orders/{number}")
            async def order(number: int, request: Request):
                return await request.app.state.pool.fetchrow("SELECT * FROM orders WHERE number = $1", number)
            """,
            "a lifespan with nothing behind its yield",
        ),
        example(
            """
            from aiokafka import AIOKafkaProducer
            from fastapi import FastAPI

            app = FastAPI()


            @app.on_event("startup")
            async def start():
                app.state.producer = AIOKafkaProducer(bootstrap_servers="kafka:9092")  # <- flagged
                await app.state.producer.start()


            @app.post("/v1/loans")
            async def lend(book: str):
                await app.state.producer.send("loans", book.encode())
            """,
            "a producer whose last messages are lost",
            path="library/main.py",
        ),
        example(
            """
            import aiohttp
            from aiohttp import web


            async def start(app):
                app["client"] = aiohttp.ClientSession()  # <- flagged


            async def rates(request):
                async with request.app["client"].get("https://rates.example.com/") as answer:
                    return web.json_response(await answer.json())


            app = web.Application()
            app.on_startup.append(start)
            app.router.add_get("/v1/rates", rates)
            """,
            "a session of aiohttp",
            path="helpdesk/main.py",
        ),
        example(
            """
            import redis.asyncio as redis
            from sanic import Sanic, json

            app = Sanic("clinic")


            @app.before_server_start
            async def connect(app, loop):
                app.ctx.cache = redis.Redis(host="cache")  # <- flagged


            @app.get("/v1/visits")
            async def visits(request):
                return json(await request.app.ctx.cache.get("visits"))
            """,
            "a listener of Sanic",
            path="clinic/main.py",
        ),
    ),
    good=(
        example(
            """
            from contextlib import asynccontextmanager

            import asyncpg
            from fastapi import FastAPI


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                app.state.pool = await asyncpg.create_pool("postgresql://db/shop")
                yield
                await app.state.pool.close()


            app = FastAPI(lifespan=lifespan)
            """,
            "closed behind the yield",
        ),
        example(
            """
            from contextlib import asynccontextmanager

            import httpx
            from fastapi import FastAPI


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with httpx.AsyncClient(timeout=5) as client:
                    app.state.client = client
                    yield


            app = FastAPI(lifespan=lifespan)
            """,
            "entered as a context",
        ),
        example(
            """
            import aiohttp
            from aiohttp import web


            async def client(app):
                app["client"] = aiohttp.ClientSession()
                yield
                await app["client"].close()


            app = web.Application()
            app.cleanup_ctx.append(client)
            """,
            "a context of aiohttp",
            path="helpdesk/main.py",
        ),
        example(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine

            app = FastAPI()


            @app.on_event("startup")
            def start():
                app.state.engine = create_engine("postgresql+psycopg://db/library", pool_size=5)
            """,
            "an engine needs no closing",
            path="library/main.py",
        ),
    ),
)
