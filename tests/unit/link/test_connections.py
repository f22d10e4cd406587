"""How often the code runs that makes a connection, judged by who calls it and by what it keeps."""

from __future__ import annotations

from textwrap import dedent

import pytest

from qualitygate.link import link
from qualitygate.link.program import link_program
from qualitygate.model.architecture import Scope
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, Text
from qualitygate.parse.python import parse_python

APP = "from fastapi import Depends, FastAPI, Request\nimport redis\n\napp = FastAPI()\n\n"


def scopes(text: str) -> dict[str, Scope]:
    """The scope of each connection of one file by the function that makes it."""
    module = parse_python(Text.of(APP + dedent(text).lstrip("\n"))).module()
    facts = [FileFacts("app/main.py", Language.PYTHON, Role.APPLICATION, module=module)]
    found = link(facts, link_program(facts, frozenset())).connections
    return {connection.owner.rpartition(":")[2]: connection.scope for connection in found}


@pytest.mark.parametrize(
    "look",
    [
        "client = _clients.get(db)\n    if client is None:",
        "if (client := _clients.get(db)) is None:",
        "client = _clients.get(db, None)\n    if not client:",
    ],
)
def test_a_client_that_is_looked_up_before_it_is_made_is_kept(look: str) -> None:
    found = scopes(f"""
_clients = {{}}


def get(db):
    {look}
        client = _clients[db] = redis.Redis(db=db)
    return client


@app.get("/v1/items")
def items():
    return get(1).get("items")
""")
    assert found == {"get": Scope.MEMOISED}


SEARCH = """
class Store:
    def __init__(self):
        self._client = None

    @property
    def client(self):
        if self._client is None:
            self._client = redis.Redis()
        return self._client


"""


def test_an_attribute_of_an_object_that_a_module_makes_is_kept() -> None:
    found = scopes(
        SEARCH
        + """
store = Store()


@app.get("/v1/items")
def items():
    return store.client.get("items")
"""
    )
    assert found == {"Store.client": Scope.MEMOISED}


def test_an_attribute_of_an_object_that_each_request_makes_is_not_kept() -> None:
    found = scopes(
        SEARCH
        + """
@app.get("/v1/items")
def items():
    return Store().client.get("items")
"""
    )
    assert found == {"Store.client": Scope.REQUEST}


def test_what_a_cached_property_of_a_service_holds_goes_with_the_request_that_made_the_service() -> None:
    found = scopes("""
from functools import cached_property


class Store:
    @cached_property
    def client(self):
        return redis.Redis()

    def read(self, key):
        return self.client.get(key)


@app.get("/v1/items")
def items(store: Store = Depends()):
    return store.read("items")
""")
    assert found == {"Store.client": Scope.REQUEST}


def test_a_singleton_keeps_what_its_objects_hold() -> None:
    found = scopes("""
class Store:
    _instance = None

    def __new__(cls):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def client(self):
        if not hasattr(self, "_client"):
            self._client = redis.Redis()
        return self._client


@app.get("/v1/items")
def items():
    return Store().client().get("items")
""")
    assert found == {"Store.client": Scope.MEMOISED}


def test_what_the_state_of_the_application_holds_outlives_the_request() -> None:
    found = scopes("""
def get_redis(request: Request):
    if not hasattr(request.app.state, "redis"):
        request.app.state.redis = redis.Redis()
    return request.app.state.redis


@app.get("/v1/items")
def items(request: Request):
    return get_redis(request).get("items")
""")
    assert found == {"get_redis": Scope.MEMOISED}


def test_a_middleware_is_made_once_and_called_for_every_request() -> None:
    found = scopes("""
from starlette.middleware.base import BaseHTTPMiddleware


class Limit(BaseHTTPMiddleware):
    def __init__(self, app):
        super().__init__(app)
        self.counter = redis.Redis()

    async def dispatch(self, request, call_next):
        redis.Redis().incr("requests")
        return await call_next(request)


app.add_middleware(Limit)


@app.get("/v1/items")
def items():
    return []
""")
    assert found == {"Limit.__init__": Scope.UNKNOWN, "Limit.dispatch": Scope.REQUEST}


def test_the_context_of_an_object_is_entered_by_who_uses_it() -> None:
    found = scopes("""
class Publisher:
    def __enter__(self):
        self.client = redis.Redis()
        return self.client

    def __exit__(self, *failure):
        self.client.close()


@app.post("/v1/items")
def create():
    with Publisher() as client:
        client.publish("items", "new")
""")
    assert found == {"Publisher.__enter__": Scope.REQUEST}


def test_the_way_into_a_service_that_is_injected_by_its_type_is_followed_through_its_constructors() -> None:
    found = scopes("""
class Repository:
    def __init__(self):
        self.client = redis.Redis()


class Service:
    def __init__(self):
        self.repository = Repository()


@app.get("/v1/items")
def items(service: Service = Depends()):
    return service.repository.client.get("items")
""")
    assert found == {"Repository.__init__": Scope.REQUEST}


def test_a_question_about_the_state_of_the_service_may_open_its_own_connection() -> None:
    found = scopes("""
@app.get("/status/redis")
def status():
    return {"up": redis.Redis().ping()}
""")
    assert found == {"status": Scope.UNKNOWN}


def test_a_constructor_that_is_inherited_runs_for_the_class_that_inherits_it() -> None:
    found = scopes("""
class Store:
    def __init__(self):
        self.client = redis.Redis()


class Users(Store):
    def read(self, key):
        return self.client.get(key)


@app.get("/v1/users")
def users(found: Users = Depends(Users)):
    return found.read("users")
""")
    assert found == {"Store.__init__": Scope.REQUEST}


def test_the_handler_of_a_serverless_function_runs_for_every_event() -> None:
    found = scopes("""
def handler(event, context):
    return redis.Redis().get(event["id"])
""")
    assert found == {"handler": Scope.REQUEST}


def test_a_client_that_is_handed_a_pool_borrows_from_it() -> None:
    found = scopes("""
pool = redis.ConnectionPool.from_url("redis://cache")


def client():
    return redis.Redis(connection_pool=pool)


@app.get("/v1/items")
def items():
    return client().get("items")
""")
    assert found == {"app/main.py": Scope.MODULE}


def test_a_client_that_is_tried_before_it_is_made_again_is_kept() -> None:
    found = scopes("""
_client = None


def client():
    global _client
    if _client is not None:
        try:
            _client.ping()
            return _client
        except redis.RedisError:
            _client = None
    _client = redis.Redis()
    return _client


@app.get("/v1/items")
def items():
    return client().get("items")
""")
    assert found == {"client": Scope.MEMOISED}


def test_an_engine_for_every_row_of_a_table_may_be_meant() -> None:
    text = """
from sqlalchemy import create_engine


class Source:
    __tablename__ = "sources"

    def engine(self):
        return create_engine(self.url)


@app.get("/v1/sources")
def sources():
    return Source().engine().connect()
"""
    module = parse_python(Text.of(APP + text)).module()
    facts = [FileFacts("app/main.py", Language.PYTHON, Role.APPLICATION, module=module)]
    (connection,) = link(facts, link_program(facts, frozenset())).connections
    assert (connection.scope, connection.confidence.value) == (Scope.REQUEST, "low")
