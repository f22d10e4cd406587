"""A connection, engine or client that is made anew for every request.

What it flags: a database, cache, HTTP, broker, search or storage client that is constructed in a handler, in a
dependency or middleware that runs per request, or in any function or constructor that such code reaches in at most five
calls. The finding stands at the constructor and shows the calls that lead there. What is kept is not flagged: a
remembered function (`lru_cache`), a global or attribute that is filled only while it is empty, an object made when the
module is imported or the application starts. Health checks, commands and background tasks are left alone.

Why: every request pays for a new connection and its handshake, and under load the server of the other side runs out of
connections. An engine or client that is made per request brings a pool that nothing ever reuses.

How to mend: make the client once, when the module is imported or in the application's lifespan, and hand it to the
handlers.

What it cannot see: clients that a library makes inside itself, and calls through values that are only known at run
time. A session of SQLAlchemy is no connection: it borrows one from its engine's pool.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.architecture import Connection, Scope

_NOUN = {
    "database": "a database connection",
    "cache": "a cache connection",
    "http": "an HTTP client",
    "broker": "a broker connection",
    "search": "a search client",
    "storage": "a storage client",
}
_MEND = {
    "database": "make the engine or pool once at import or in the lifespan, and borrow a connection per request",
    "cache": "make one client at import or in the lifespan: it keeps a pool of connections",
    "http": "make one client in the lifespan and share it: it keeps connections alive between requests",
    "broker": "open one connection in the lifespan and take channels from it",
    "search": "make one client at import or in the lifespan",
    "storage": "make one client at import or in the lifespan: clients are safe to share between threads",
}


def run(project: Project) -> Iterator[Hit]:
    """A hit for every function that makes connections of one kind per request, at the first of them."""
    found: dict[tuple[str, str], list[Connection]] = {}
    for connection in project.connections:
        if connection.scope is Scope.REQUEST:
            found.setdefault((connection.owner, connection.kind), []).append(connection)
    for connections in found.values():
        yield _hit(connections[0], len(connections))


def _hit(connection: Connection, count: int) -> Hit:
    name = connection.constructor.rsplit(".", 2)
    shown = ".".join(name[-2:])
    owner = connection.owner.split(":", 1)[-1]
    return Hit(
        place=connection.place,
        message=f"{shown}() makes {_NOUN[connection.kind]} for every request",
        subject=f"{connection.constructor} in {owner}",
        why=connection.why + (f"; it is made in {count} places of this function" if count > 1 else ""),
        mend=_MEND[connection.kind],
        places=connection.chain,
        confidence=connection.confidence,
    )


CHECK = Check(
    id="connection-per-request",
    domain=Domain.DATABASE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use connection pools",
    dont="Create new connections per request",
    tags=("CWE-400", "CWE-772", "OWASP-API4:2023"),
    gates=("database_performance", "api_response_time"),
    run=run,
    examined=lambda project: len(project.connections),
    doc=__doc__,
    bad=(
        example(
            """
            import boto3


            def handler(event, context):
                table = boto3.resource("dynamodb").Table("orders")  # <- flagged
                return table.get_item(Key={"id": event["id"]})
            """,
            "for every invocation of a serverless function",
            path="functions/read_order.py",
        ),
        example(
            """
            from functools import cached_property

            import redis
            from fastapi import Depends, FastAPI

            app = FastAPI()


            class Counter:
                @cached_property
                def client(self):
                    return redis.Redis(host="cache")  # <- flagged

                def increment(self, name):
                    return self.client.incr(name)


            @app.post("/v1/visits")
            def visit(counter: Counter = Depends()):
                return {"visits": counter.increment("visits")}
            """,
            "kept in an object that lives as long as the request",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import Depends, FastAPI

                    from app.db import get_session

                    app = FastAPI()


                    @app.get("/v1/orders/{order_id}")
                    def read_order(order_id: int, session=Depends(get_session)):
                        return session.get("Order", order_id)
                    """,
                "app/db.py": """
                    from sqlalchemy import create_engine
                    from sqlalchemy.orm import Session


                    def make_engine():
                        return create_engine("postgresql+psycopg://db/orders")  # <- flagged


                    def get_session():
                        with Session(make_engine()) as session:
                            yield session
                    """,
            },
            "a dependency makes an engine through a helper",
        ),
        example(
            {
                "app/views.py": """
                    from flask import Blueprint, jsonify

                    from app.counters import count_visit

                    pages = Blueprint("pages", __name__)


                    @pages.get("/api/v1/visits")
                    def visits():
                        return jsonify(visits=count_visit("visits"))
                    """,
                "app/counters.py": """
                    import redis


                    class Counter:
                        def __init__(self, url):
                            self.client = redis.Redis.from_url(url)  # <- flagged

                        def increment(self, name):
                            return self.client.incr(name)


                    def count_visit(name):
                        return Counter("redis://cache:6379/0").increment(name)
                    """,
                "app/__init__.py": """
                    from flask import Flask

                    from app.views import pages


                    def create_app():
                        app = Flask(__name__)
                        app.register_blueprint(pages)
                        return app
                    """,
            },
            "three calls away, in the constructor of a class",
        ),
        example(
            """
            import psycopg2
            from flask import Flask, g, jsonify

            app = Flask(__name__)


            @app.before_request
            def connect():
                g.connection = psycopg2.connect("dbname=helpdesk")  # <- flagged


            @app.get("/api/v1/tickets/<int:number>")
            def ticket(number):
                cursor = g.connection.cursor()
                cursor.execute("SELECT subject FROM tickets WHERE id = %s", (number,))
                return jsonify(subject=cursor.fetchone()[0])
            """,
            "kept for the length of one request only",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import report

                    urlpatterns = [path("api/v1/report/", report)]
                    """,
                "clinic/views.py": """
                    from django.http import JsonResponse

                    from clinic.search import find


                    def report(request):
                        return JsonResponse({"hits": find(request.GET["q"])})
                    """,
                "clinic/search.py": """
                    from elasticsearch import Elasticsearch as Client


                    def find(words):
                        client = Client("http://search:9200")  # <- flagged
                        return client.search(index="visits", q=words)["hits"]["total"]
                    """,
            },
            "a client under another name, two files from the URL",
        ),
    ),
    good=(
        example(
            """
            import boto3

            table = boto3.resource("dynamodb").Table("orders")


            def handler(event, context):
                return table.get_item(Key={"id": event["id"]})
            """,
            "made when the function is loaded, kept between its invocations",
            path="functions/read_order.py",
        ),
        example(
            """
            import redis
            from flask import Flask, jsonify

            app = Flask(__name__)
            _clients = {}


            def client_for(database):
                client = _clients.get(database)
                if client is None:
                    client = redis.Redis(host="cache", db=database)
                    _clients[database] = client
                return client


            @app.get("/api/v1/visits")
            def visits():
                return jsonify(visits=client_for(1).incr("visits"))
            """,
            "looked up before it is made",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import Depends, FastAPI

                    from app.db import get_session

                    app = FastAPI()


                    @app.get("/v1/orders/{order_id}")
                    def read_order(order_id: int, session=Depends(get_session)):
                        return session.get("Order", order_id)
                    """,
                "app/db.py": """
                    from sqlalchemy import create_engine
                    from sqlalchemy.orm import Session

                    engine = create_engine("postgresql+psycopg://db/orders", pool_size=10)


                    def get_session():
                        with Session(engine) as session:
                            yield session
                    """,
            },
            "the engine is made once; sessions borrow from its pool",
        ),
        example(
            """
            from functools import lru_cache

            import redis
            from flask import Flask, jsonify

            app = Flask(__name__)


            @lru_cache
            def cache():
                return redis.Redis.from_url("redis://cache:6379/0")


            @app.get("/api/v1/visits")
            def visits():
                return jsonify(visits=cache().incr("visits"))
            """,
            "a remembered function",
        ),
        example(
            """
            from contextlib import asynccontextmanager

            import httpx
            from fastapi import FastAPI, Request


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with httpx.AsyncClient(timeout=5) as client:
                    app.state.client = client
                    yield


            app = FastAPI(lifespan=lifespan)


            @app.get("/v1/rates")
            async def rates(request: Request):
                response = await request.app.state.client.get("https://rates.example.com/")
                return response.json()
            """,
            "made when the application starts",
        ),
        example(
            """
            from flask import Flask, jsonify
            from pymongo import MongoClient

            app = Flask(__name__)
            _client = None


            def database():
                global _client
                if _client is None:
                    _client = MongoClient("mongodb://db:27017")
                return _client.clinic


            @app.get("/api/v1/visits/<number>")
            def visit(number):
                return jsonify(database().visits.find_one({"number": number}))
            """,
            "a global that is filled only while it is empty",
        ),
        example(
            """
            import psycopg
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/health")
            def health():
                with psycopg.connect("dbname=orders", connect_timeout=2) as connection:
                    connection.execute("SELECT 1")
                return {"status": "ok"}
            """,
            "a health check tries a connection on purpose",
        ),
    ),
)
