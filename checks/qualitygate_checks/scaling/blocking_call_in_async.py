"""A blocking call that an event loop has to wait for.

What it flags: a call that blocks its thread, in a coroutine or in a plain function that a coroutine of the request path
calls: `time.sleep`, `requests`, the synchronous clients of httpx, Redis, MongoDB, Elasticsearch, boto3, Stripe, OpenAI and
SQLAlchemy, database drivers, `subprocess`, `smtplib`, `urlopen`, name lookups. The finding shows the calls that lead there. A function with more such
calls of one kind is told once.

Why: one thread serves all requests of an asynchronous application. While it waits inside such a call, none of the others
is answered: one slow neighbour stops them all, health checks too.

How to mend: use the asynchronous client and await it, hand the call to a thread (`asyncio.to_thread`,
`run_in_threadpool`), or declare the handler with plain `def` where the framework then runs it in a thread (FastAPI,
Starlette).

What it cannot see: calls of objects whose type is not known, reads of local files, computations that take long, and
functions that are handed over by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Call
from qualitygate_checks._reach import functions, is_script, owner

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_SESSION = ("execute", "scalar", "scalars", "exec", "query", "get", "commit", "flush", "refresh", "merge")
_REDIS = """get set setex delete exists expire incr decr hget hset hgetall mget publish lpush rpush lpop rpop blpop brpop
    zadd zrange sadd smembers sismember ping keys""".split()
_BOTO = """upload_file upload_fileobj put_object get_object head_object delete_object copy_object download_file
    download_fileobj list_objects_v2 send_message receive_message send_email put_item get_item update_item query scan
    invoke publish get_secret_value""".split()
_OPENAI = ("chat.completions.create", "completions.create", "embeddings.create", "responses.create", "images.generate")
# Methods of a collection: `client["shop"].orders.find_one(...)`.
_MONGO = """find_one insert_one insert_many update_one update_many replace_one delete_one delete_many count_documents
    aggregate find find_one_and_update find_one_and_delete bulk_write""".split()
_KINDS: dict[str, tuple[str, str]] = {
    "time.sleep": ("time.sleep", "await asyncio.sleep()"),
    **dict.fromkeys(
        [f"requests.{verb}" for verb in _VERBS]
        + [f"{session}.{verb}" for session in ("requests.Session", "requests.session") for verb in _VERBS],
        ("requests", "use httpx.AsyncClient or aiohttp, or hand the call to asyncio.to_thread()"),
    ),
    **dict.fromkeys(
        [f"httpx.{verb}" for verb in _VERBS] + [f"httpx.Client.{verb}" for verb in _VERBS],
        ("the synchronous client of httpx", "use httpx.AsyncClient and await it"),
    ),
    "urllib.request.urlopen": ("urlopen", "use httpx.AsyncClient, or hand the call to asyncio.to_thread()"),
    **dict.fromkeys(
        [f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "getoutput")]
        + ["subprocess.Popen.communicate", "subprocess.Popen.wait", "os.system", "os.popen"],
        ("a child process", "use asyncio.create_subprocess_exec()"),
    ),
    **dict.fromkeys(
        [
            f"{cls}.{method}"
            for cls in (
                "sqlalchemy.orm.Session",
                "sqlalchemy.orm.session.Session",
                "sqlmodel.Session",
                "sqlmodel.orm.session.Session",
                "sqlalchemy.orm.sessionmaker.__call__",
                "sqlalchemy.orm.sessionmaker.begin",
                "sqlalchemy.orm.scoped_session",
                "sqlalchemy.orm.scoped_session.__call__",
                "sqlalchemy.create_engine.connect",
                "sqlalchemy.create_engine.begin",
            )
            for method in _SESSION
        ],
        (
            "a synchronous database session",
            "use AsyncSession, or declare the handler with plain `def` so that it runs in a thread",
        ),
    ),
    **dict.fromkeys(
        [
            f"{driver}.connect{method}"
            for driver in ("psycopg2", "psycopg", "pymysql", "MySQLdb", "mysql.connector", "pymssql", "pyodbc")
            for method in ("", ".execute", ".cursor.execute", ".cursor.executemany")
        ],
        ("a synchronous database driver", "use an asynchronous driver (asyncpg, psycopg.AsyncConnection, asyncmy)"),
    ),
    **dict.fromkeys(
        [
            f"{cls}.{method}"
            for cls in ("redis.Redis", "redis.StrictRedis", "redis.from_url", "redis.Redis.from_url")
            for method in _REDIS
        ],
        ("the synchronous client of Redis", "use redis.asyncio and await it"),
    ),
    **dict.fromkeys(
        [
            f"{cls}.{method}"
            for cls in ("boto3.client", "boto3.Session.client", "boto3.resource.Table", "boto3.resource.Bucket")
            for method in _BOTO
        ],
        ("boto3", "use aioboto3, or hand the call to asyncio.to_thread()"),
    ),
    **dict.fromkeys(
        [
            f"{cls}.{method}"
            for cls in ("elasticsearch.Elasticsearch", "opensearchpy.OpenSearch")
            for method in ("search", "index", "get", "bulk", "update", "delete", "count", "msearch", "delete_by_query")
        ],
        ("a synchronous search client", "use AsyncElasticsearch or AsyncOpenSearch and await it"),
    ),
    **dict.fromkeys(
        [f"openai.OpenAI.{method}" for method in _OPENAI]
        + [f"openai.AzureOpenAI.{method}" for method in _OPENAI]
        + ["anthropic.Anthropic.messages.create", "openai.ChatCompletion.create", "openai.Embedding.create"],
        ("a synchronous client of a language model", "use the asynchronous client (AsyncOpenAI, AsyncAnthropic)"),
    ),
    **dict.fromkeys(
        [
            f"stripe.{thing}.{method}"
            for thing in (
                "checkout.Session",
                "PaymentIntent",
                "Customer",
                "Charge",
                "Refund",
                "Subscription",
                "Invoice",
            )
            for method in ("create", "retrieve", "modify", "list")
        ],
        ("the synchronous client of Stripe", "use its `..._async` methods, or hand the call to asyncio.to_thread()"),
    ),
    **dict.fromkeys(
        [
            f"{client}..{method}"
            for client in ("pymongo.MongoClient", "pymongo.mongo_client.MongoClient")
            for method in _MONGO
        ],
        ("the synchronous client of MongoDB", "use pymongo.AsyncMongoClient and await it"),
    ),
    **dict.fromkeys(
        ["smtplib.SMTP", "smtplib.SMTP_SSL"], ("smtplib", "use aiosmtplib, or send from a task in a queue")
    ),
    **dict.fromkeys(
        ["socket.create_connection", "socket.gethostbyname", "socket.getaddrinfo"],
        ("a blocking socket", "use asyncio.open_connection() or loop.getaddrinfo()"),
    ),
}
_MANY = 4
"""More functions of one file, or behind one coroutine, with one kind of call share a decision: they are told together."""


def run(project: Project) -> Iterator[Hit]:
    """A hit for every function on the event loop that blocks it, one for each kind of call."""
    found: dict[tuple[str, str], dict[str, list[Call]]] = {}
    for call in project.calls:
        if call.name not in _KINDS or not _blocks(call):
            continue
        kind = _KINDS[call.name][0]
        found.setdefault((call.place.path, kind), {}).setdefault(call.owner, []).append(call)
    single: dict[tuple[str, str], list[list[Call]]] = {}
    for (_, kind), owners in found.items():
        groups = list(owners.values())
        if len(groups) > _MANY:
            yield _hit(groups[0], groups[1:], "functions of this file")
        else:
            for calls in groups:
                steps = functions(calls[0].loop)
                single.setdefault((kind, steps[0] if steps else calls[0].owner), []).append(calls)
    for (_, coroutine), groups in single.items():
        if len(groups) > _MANY:
            yield _hit(groups[0], groups[1:], f"functions that the coroutine {coroutine} runs")
        else:
            for calls in groups:
                yield _hit(calls, (), "")


def _blocks(call: Call) -> bool:
    if call.awaited or call.deferred or is_script(call.place.path):
        return False
    delay = call.argument("secs", 0)
    if call.name == "time.sleep" and delay is not None and delay.kind == "constant" and not delay.value:
        return False  # `sleep(0)` only yields to other threads
    return call.asynchronous or bool(call.loop)


def _hit(calls: Sequence[Call], others: Sequence[Sequence[Call]], where: str) -> Hit:
    call = calls[0]
    kind, mend = _KINDS[call.name]
    shown = ".".join(call.name.replace("..", ".").split(".")[-2:])
    if kind == "a synchronous database session":
        shown = f"Session.{shown.rpartition('.')[2]}"
    steps = functions(call.loop)
    if steps:
        why = f"the coroutine {steps[0]} runs it by way of {' -> '.join(steps[1:])}"
    elif call.asynchronous:
        why = f"{owner(call)} is a coroutine"
    else:
        why = f"{owner(call)} runs on the event loop"
    if call.loop:
        why += f", for {call.loop[0].note}"
    if len(calls) > 1:
        why += f"; {len(calls)} such calls here"
    message = f"{shown}() blocks the event loop in {owner(call)}"
    places = call.loop
    if others:
        message = f"{kind} blocks the event loop in {len(others) + 1} {where}, {owner(call)} first"
        places = tuple(
            Place(other[0].place.path, other[0].place.span, owner(other[0]), "call") for other in others[:_MANY]
        )
    return Hit(
        place=call.place,
        message=message,
        subject=f"{call.name} in {owner(call)}",
        why=why,
        mend=mend,
        places=places,
        confidence=Confidence.HIGH if call.loop else Confidence.MEDIUM,
    )


CHECK = Check(
    id="blocking-call-in-async",
    domain=Domain.SCALING,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use queues for heavy tasks",
    dont="Block on long operations",
    tags=("CWE-834", "CWE-400", "OWASP-API4:2023"),
    gates=("api_response_time", "throughput"),
    run=run,
    calls=frozenset(_KINDS),
    examined=lambda project: sum(call.name in _KINDS for call in project.calls),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import FastAPI
            from openai import OpenAI
            from pymongo import MongoClient
            from sqlalchemy import create_engine, select
            from sqlalchemy.orm import sessionmaker

            from helpdesk.models import Ticket

            app = FastAPI()
            model = OpenAI()
            notes = MongoClient("mongodb://db:27017")["helpdesk"].notes
            SessionLocal = sessionmaker(create_engine("postgresql+psycopg://db/helpdesk"))


            @app.get("/v1/tickets/{number}")
            async def ticket(number: int):
                with SessionLocal() as session:
                    found = session.scalar(select(Ticket).where(Ticket.number == number))  # <- flagged
                found.note = notes.find_one({"ticket": number})  # <- flagged
                return found


            @app.post("/v1/answers")
            async def answer(question: str):
                return model.chat.completions.create(  # <- flagged
                    model="small", messages=[{"role": "user", "content": question}]
                )
            """,
            "sessions of a factory, a collection, a language model",
        ),
        example(
            {
                "shop/main.py": """
                    from fastapi import FastAPI

                    from shop.rates import convert

                    app = FastAPI()


                    @app.get("/v1/prices/{currency}")
                    async def prices(currency: str):
                        return {"price": convert(100, currency)}
                    """,
                "shop/rates.py": """
                    import requests


                    def fetch_rate(currency):
                        response = requests.get(f"https://rates.example.com/{currency}", timeout=5)  # <- flagged
                        return response.json()["rate"]


                    def convert(amount, currency):
                        return amount * fetch_rate(currency)
                    """,
            },
            "two plain functions away from the coroutine",
        ),
        example(
            """
            import time

            from fastapi import FastAPI, HTTPException

            app = FastAPI()


            @app.post("/v1/exports")
            async def export(client):
                for attempt in range(3):
                    if await client.start():
                        return {"started": True}
                    time.sleep(2)  # <- flagged
                raise HTTPException(503)
            """,
            "a pause between attempts",
        ),
        example(
            {
                "app/db.py": """
                    from sqlalchemy import create_engine
                    from sqlalchemy.orm import Session, sessionmaker

                    engine = create_engine("postgresql://db/orders")
                    SessionLocal = sessionmaker(engine)


                    def get_db():
                        db = SessionLocal()
                        try:
                            yield db
                        finally:
                            db.close()
                    """,
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from sqlalchemy import select
                    from sqlalchemy.orm import Session

                    from app.db import get_db
                    from app.models import Order

                    app = FastAPI()


                    @app.get("/v1/orders/{number}")
                    async def order(number: int, db: Session = Depends(get_db)):
                        return db.execute(select(Order).where(Order.id == number)).scalar_one()  # <- flagged
                    """,
                "app/models.py": """
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class Order(Base):
                        __tablename__ = "orders"
                        id: Mapped[int] = mapped_column(primary_key=True)
                    """,
            },
            "a synchronous session in a coroutine",
        ),
        example(
            """
            import subprocess

            from aiohttp import web


            def thumbnail(path):
                subprocess.run(["convert", path, "-resize", "200x200", path + ".png"], check=True)  # <- flagged


            async def upload(request):
                form = await request.post()
                thumbnail(form["path"])
                return web.json_response({"ok": True})


            app = web.Application()
            app.router.add_post("/api/v1/images", upload)
            """,
            "a child process that is waited for",
        ),
        example(
            """
            import redis
            from litestar import Litestar, get

            cache = redis.Redis(host="cache", socket_timeout=1)


            @get("/v1/visits")
            async def visits() -> dict[str, int]:
                return {"visits": cache.incr("visits")}  # <- flagged


            app = Litestar([visits])
            """,
            "the synchronous client of a cache",
        ),
    ),
    good=(
        example(
            """
            import asyncio

            import httpx
            from fastapi import FastAPI

            app = FastAPI()
            client = httpx.AsyncClient()


            @app.get("/v1/prices/{currency}")
            async def prices(currency: str):
                response = await client.get(f"https://rates.example.com/{currency}")
                await asyncio.sleep(0.1)
                return response.json()
            """,
            "asynchronous clients",
        ),
        example(
            """
            import asyncio

            import requests
            from fastapi import FastAPI
            from starlette.concurrency import run_in_threadpool

            app = FastAPI()


            def fetch(currency):
                return requests.get(f"https://rates.example.com/{currency}", timeout=5).json()


            @app.get("/v1/prices/{currency}")
            async def prices(currency: str):
                return await run_in_threadpool(fetch, currency)


            @app.get("/v1/rates/{currency}")
            async def rates(currency: str):
                return await asyncio.to_thread(lambda: requests.get("https://rates.example.com/", timeout=5).json())
            """,
            "handed to a thread",
        ),
        example(
            """
            import requests
            from fastapi import Depends, FastAPI

            app = FastAPI()


            def current_rate(currency: str):
                return requests.get(f"https://rates.example.com/{currency}", timeout=5).json()["rate"]


            @app.get("/v1/prices/{currency}")
            def prices(currency: str):
                return {"price": 100 * current_rate(currency)}


            @app.get("/v1/quotes/{currency}")
            async def quotes(rate: float = Depends(current_rate)):
                return {"quote": 100 * rate}
            """,
            "plain handlers and plain dependencies run in threads",
        ),
        example(
            """
            import time

            import requests
            from flask import Flask, jsonify

            app = Flask(__name__)


            @app.get("/api/v1/prices/<currency>")
            def prices(currency):
                time.sleep(0.1)
                return jsonify(requests.get(f"https://rates.example.com/{currency}", timeout=5).json())
            """,
            "no event loop",
        ),
        example(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import select
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            engine = create_async_engine("postgresql+asyncpg://db/orders")
            sessions = async_sessionmaker(engine)
            app = FastAPI()


            async def get_db():
                async with sessions() as session:
                    yield session


            @app.get("/v1/orders/{number}")
            async def order(number: int, db: AsyncSession = Depends(get_db)):
                return (await db.execute(select(number))).scalar_one()
            """,
            "an asynchronous session",
        ),
    ),
)
