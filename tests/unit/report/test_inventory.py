"""The inventory keeps its published form, with every part filled and with every part empty."""

import json
from importlib.resources import files
from pathlib import Path

from jsonschema import Draft202012Validator

from qualitygate.model.architecture import (
    Cache,
    Channel,
    Connection,
    ErrorResponse,
    Guard,
    Outbound,
    Route,
    RouteParameter,
    Scope,
    Task,
    Unfollowed,
)
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.deployment import Decision, Unit
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.schema import Column, ForeignKey, Index, Table
from qualitygate.model.source import Language, Place, Role, Span, Unread
from qualitygate.report.inventory import render_json, render_text

PLACE = Place("app/api.py", Span(8, 5, 8, 11))
SCHEMA = Draft202012Validator(
    json.loads((files("qualitygate") / "schemas" / "inventory-1.json").read_text(encoding="utf-8"))
)
PROJECT = Project(
    files=(
        FileFacts(
            "compose.yaml",
            Language.YAML,
            Role.APPLICATION,
            units=(Unit("service", "api", PLACE.span, "shop:1", "serve", ("80:8000",), ("db",)),),
        ),
        FileFacts(
            "docs/adr/0001.md",
            Language.TEXT,
            Role.DOCUMENTATION,
            decision=Decision("Use queues", "Accepted", "2024-02-03", PLACE.span),
        ),
    ),
    routes=(
        Route(
            "GET",
            "/v1/orders/{order_id}",
            "FastAPI",
            "app.api.order",
            PLACE,
            PLACE,
            PLACE,
            versioned=True,
            version_how="path",
            collection=True,
            guards=(Guard("authentication", "current_user", PLACE), Guard("throttling", "limit", PLACE)),
            parameters=(RouteParameter("limit", "query", "int", 100),),
            response="list[Order]",
            mounts=(PLACE,),
            uncertain="mounted through an unknown function",
        ),
    ),
    contracts=(
        Contract(
            "openapi.yaml",
            "3.1",
            "Orders",
            "1.0.0",
            PLACE,
            PLACE,
            operations=(Operation("GET", "/orders", "/v1/orders", PLACE, PLACE, operation_id="listOrders"),),
        ),
    ),
    tables=(
        Table(
            "orders",
            "sales",
            (Column("id", "bigint", False, None, PLACE), Column("state", "text", True, "'new'", PLACE)),
            ("id",),
            (ForeignKey("fk", ("customer_id",), "customers", ("id",), PLACE),),
            (Index("by_state", ("state",), False, False, PLACE),),
            PLACE,
        ),
    ),
    connections=(Connection("database", "psycopg.connect", PLACE, "app.db.connect", Scope.REQUEST),),
    outbound=(Outbound("httpx", "httpx.get", "payments.internal", "", PLACE, "retry"),),
    tasks=(Task("celery", "bill", PLACE, "money", "3", "60", "", (PLACE,), ("POST /v1/orders",)),),
    channels=(Channel("kafka", "consumes", "payments", PLACE, "app.consume"),),
    errors=(
        ErrorResponse("object", ("error",), 400, PLACE, "app/api.py:order", ("GET /v1/orders/{order_id}",)),
        ErrorResponse("framework", ("detail",), 409, PLACE, "app/api.py:order", ("GET /v1/orders/{order_id}",)),
        ErrorResponse("object", ("error",), 404, PLACE, "app/api.py:order", ("GET /v1/orders/{order_id}",)),
    ),
    caches=(
        Cache("store", "django", "default", "300", PLACE, "app.settings", "RedisCache"),
        Cache("entry", "redis", "order:{}", "never", PLACE, "app.api.order"),
    ),
    unfollowed=(Unfollowed(PLACE, "mounts what is not known"),),
    unread=(Unread("app/broken.py", 3, "expected ':'"),),
)


def test_a_full_inventory_has_the_published_form() -> None:
    document = json.loads(render_json(PROJECT, Path("/srv/orders"), "1.2.3"))
    SCHEMA.validate(document)
    (route,) = document["routes"]
    assert route["path"] == "/v1/orders/{order_id}"
    assert (route["file"], route["line"], route["auth"]) == ("app/api.py", 8, ["current_user"])
    assert route["guards"][1] == {"kind": "throttling", "name": "limit", "file": "app/api.py", "line": 8}
    assert [(one["name"], one["source"], one["maximum"]) for one in route["parameters"]] == [
        ("order_id", "path", None),
        ("limit", "query", 100),
    ]
    assert (route["response"], route["mounts"]) == ("list[Order]", [{"file": "app/api.py", "line": 8}])
    assert document["tasks"][0]["callers"] == [{"file": "app/api.py", "line": 8}]
    assert document["channels"][0]["direction"] == "consumes"
    assert [cache["ttl"] for cache in document["caches"]] == ["300", "never"]
    (unit,) = document["units"]
    assert (unit["name"], unit["file"], unit["line"], unit["ports"]) == ("api", "compose.yaml", 8, ["80:8000"])
    (decision,) = document["decisions"]
    assert (decision["title"], decision["status"], decision["file"]) == ("Use queues", "Accepted", "docs/adr/0001.md")
    assert document["unfollowed"] == [{"file": "app/api.py", "line": 8, "why": "mounts what is not known"}]
    (table,) = document["tables"]
    assert table["columns"][1] == {"name": "state", "type": "text", "nullable": True, "default": "'new'"}
    assert document["operations"][0]["full_path"] == "/v1/orders"
    assert document["connections"][0]["scope"] == "request"
    assert document["outbound"][0]["timeout"] == ""


def test_an_empty_inventory_has_every_part() -> None:
    document = json.loads(render_json(Project(), Path("/srv/orders"), "1.2.3"))
    SCHEMA.validate(document)
    parts = (
        "routes operations tables connections outbound tasks channels caches units decisions errors unfollowed unread"
    )
    for part in parts.split():
        assert document[part] == []


def test_text_shows_every_part() -> None:
    shown = render_text(PROJECT, color=False)
    assert (
        "Routes  1\n  GET  /v1/orders/{order_id}  app/api.py:8  app.api.order  version by path; not paginated; "
        in shown
    )
    assert "auth: current_user; throttled: limit; gives list[Order]; uncertain: mounted through an unknown" in shown
    assert "Tables  1\n  sales.orders  app/api.py:8  2 columns, 1 index  customer_id -> customers(id)\n" in shown
    assert "  database  psycopg.connect  app/api.py:8  per request  app.db.connect\n" in shown
    assert "  httpx.get  payments.internal  app/api.py:8  no timeout; retried by retry\n" in shown
    assert (
        "Tasks  1\n  celery  bill  app/api.py:8  queue money; retries 3; time limit 60; handed over at 1 place; "
        "by POST /v1/orders\n"
    ) in shown
    assert "Queues and topics  1\n  kafka  consumes  payments  app/api.py:8  app.consume\n" in shown
    assert "  store  django  default   app/api.py:8  lives 300\n" in shown
    assert "  entry  redis   order:{}  app/api.py:8  lives for ever\n" in shown
    assert "Built and run  1\n  service  api  compose.yaml:8  image shop:1; serve; ports 80:8000; needs db\n" in shown
    assert "Decision records  1\n  Use queues  docs/adr/0001.md:8  Accepted; 2024-02-03\n" in shown
    assert (
        "Shapes of errors  2\n  2  object     error   400 404  app/api.py:8\n  1  framework  detail  409      app/api.py:8\n"
        in shown
    )
    assert "Not followed  1\n  app/api.py:8  mounts what is not known\n" in shown
    assert "  app/broken.py:3  expected ':'\n" in shown


def test_text_says_what_is_not_there() -> None:
    assert render_text(Project(), color=False) == (
        "None found: routes, operations of contracts, tables, connections, outbound calls, "
        "tasks, queues and topics, caches, built and run, decision records, shapes of errors\n0 files read\n"
    )
