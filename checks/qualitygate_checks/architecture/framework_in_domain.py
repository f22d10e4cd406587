"""A domain layer that is built on a framework, a database library or a client.

What it flags: a package named `domain` or `entities` whose modules import a web framework, an ORM, a task queue or a
client of another system, in a project that has laid out layers: at least one other layer (`application`, `use_cases`,
`services`, `infrastructure`, `adapters`, `repositories`, `api`, `web`, ...) lies beside it. One finding a library of a
domain, at its first import, with the others behind it. With `packages` a project names its domain itself, whatever it is called.
Imports for the type checker do not count, and a folder that holds controllers or routes of its own is no layer.

Why: the domain is what outlives a framework. Once it imports one, its rules can only be tested with a database or an
application around them, and a change of the library becomes a change of the business's own rules.

How to mend: keep plain classes and functions in the domain (dataclasses, pydantic, attrs do no harm), let an adapter
map them to tables, requests and messages, and let the domain own the interface that the adapter fills.

What it cannot see: domains by other names (name them in `packages`), and what reaches the domain by way of its own
helpers outside. Where the ORM's models are meant to be the domain, an answer at the import is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, example
from qualitygate.model import syntax as ir

_SHOWN = 10
_DOMAINS = frozenset({"domain", "entities"})
_LAYERS = frozenset(
    {
        "application",
        "use_cases",
        "usecases",
        "services",
        "service_layer",
        "infrastructure",
        "infra",
        "adapters",
        "repositories",
        "persistence",
        "presentation",
        "entrypoints",
        "interfaces",
        "api",
        "web",
        "routes",
        "controllers",
        "views",
    }
)
# What makes a folder one that holds whole features, its web side too, rather than a layer.
_WEB_SIDE = frozenset({"api", "controllers", "routes", "routers", "views", "endpoints", "urls", "handlers", "web"})
# What a library is, for the message: the first part of its import name, or the first two.
_KINDS = {
    "a web framework": (
        "fastapi starlette flask django.http django.shortcuts django.views django.urls rest_framework ninja aiohttp "
        "litestar sanic tornado bottle falcon quart"
    ),
    "a database library": (
        "sqlalchemy sqlmodel django.db peewee tortoise pony mongoengine beanie odmantic psycopg psycopg2 asyncpg pymongo "
        "motor flask_sqlalchemy pymysql aiomysql"
    ),
    "a cache or queue": "redis celery rq dramatiq arq huey kombu pika aio_pika aiokafka kafka confluent_kafka",
    "a client of other systems": "requests httpx boto3 botocore aioboto3 stripe smtplib elasticsearch grpc",
}
_LIBRARIES = {name: kind for kind, names in _KINDS.items() for name in names.split()}


@dataclass(frozen=True)
class Options:
    """``packages``: the folders, from the root, that hold the domain, in place of those known by their names."""

    packages: tuple[str, ...] = ()


def run(project: Project, options: Options) -> Iterator[Hit]:
    """One hit a domain and a library."""
    modules = {
        file.path: file.module
        for file in project.files
        if file.module is not None and file.role is Role.APPLICATION and not file.module.generated
    }
    for domain in _domains(modules, options):
        found: dict[str, list[Place]] = {}
        for path, module in modules.items():
            if not path.startswith(f"{domain}/") and path != f"{domain}.py":
                continue
            for statement in _imports(module.body):
                for library in _libraries(statement):
                    place = Place(path, statement.span, f"imports {library}", "call")
                    found.setdefault(library, []).append(place)
        for library, places in sorted(found.items(), key=lambda item: -len(item[1])):
            files = len({place.path for place in places})
            yield Hit(
                place=Place(places[0].path, places[0].span),
                message=f"The domain ({domain}) is built on {library}, {_LIBRARIES[library]}",
                subject=f"{library} in {domain}",
                why=f"{files} of its modules import{'s' if files == 1 else ''} {library}",
                mend=f"keep {library} in an adapter, and let {domain} own the interface that this fills",
                places=tuple(places[1:_SHOWN]),
            )


def _domains(modules: dict[str, ir.Module], options: Options) -> list[str]:
    """The folders that hold a domain: those named so that lie beside another layer, outermost first."""
    if options.packages:
        return [name.strip("/").removesuffix(".py") for name in options.packages]
    folders = {
        "/".join(parts[:length]) for path in modules for parts in [path.split("/")] for length in range(1, len(parts))
    }
    beside: dict[str, set[str]] = {}
    for path in [*folders, *(path.removesuffix(".py") for path in modules)]:
        parent, _, name = path.rpartition("/")
        beside.setdefault(parent, set()).add(name)
    found: list[str] = []
    for folder in sorted(folders, key=lambda folder: (folder.count("/"), folder)):
        parent, _, name = folder.rpartition("/")
        below = {part for path, names in beside.items() if f"{path}/".startswith(f"{folder}/") for part in names}
        if name not in _DOMAINS or below & _WEB_SIDE:
            continue
        if beside[parent] & _LAYERS and not any(folder.startswith(f"{one}/") for one in found):
            found.append(folder)
    return found


def _imports(body: tuple[ir.Statement, ...]) -> Iterator[ir.Import]:
    """The imports of a module, those inside functions too, those for the type checker not."""
    for statement in body:
        if isinstance(statement, ir.Import):
            yield statement
        elif isinstance(statement, ir.Function):
            yield from _imports(ir.statements(statement))
        else:
            test = getattr(statement, "test", None)
            name = test.id if isinstance(test, ir.Name) else test.name if isinstance(test, ir.Attribute) else ""
            for block in ("orelse", "final") if name == "TYPE_CHECKING" else ("body", "orelse", "final"):
                inner = getattr(statement, block, None)
                if isinstance(inner, tuple):
                    yield from _imports(inner)
            for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                yield from _imports(handler.body)


def _libraries(statement: ir.Import) -> Iterator[str]:
    if statement.level:
        return
    names = [statement.module, *(f"{statement.module}.{name}" for name, _ in statement.names)]
    found = []
    for name in names:
        parts = name.split(".")
        for shown in (parts[0], ".".join(parts[:2])):
            if shown in _LIBRARIES and shown not in found:
                found.append(shown)
    yield from found


CHECK = Check(
    id="framework-in-domain",
    domain=Domain.ARCHITECTURE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Keep the domain free of frameworks",
    dont="Build the rules of the business on a library that will change",
    tags=("CWE-1061",),
    run=run,
    examined=lambda project: len(
        _domains({file.path: file.module for file in project.files if file.module is not None}, Options())
    ),
    options=Options(),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/domain/order.py": """
                    from fastapi import HTTPException  # <- flagged


                    class Order:
                        def __init__(self, lines):
                            self.lines = lines

                        def ship(self):
                            if not self.lines:
                                raise HTTPException(409, "nothing to ship")
                    """,
                "shop/domain/price.py": "from fastapi import status",
                "shop/infrastructure/tables.py": "from sqlalchemy import Table",
                "shop/api/orders.py": "from fastapi import APIRouter",
            },
            "an error of the web framework",
        ),
        example(
            {
                "clinic/entities/visit.py": """
                    from dataclasses import dataclass

                    from sqlalchemy import Column, Integer  # <- flagged
                    from sqlalchemy.orm import declarative_base

                    Base = declarative_base()


                    class Visit(Base):
                        __tablename__ = "visits"
                        id = Column(Integer, primary_key=True)
                    """,
                "clinic/use_cases/book.py": "from clinic.entities.visit import Visit",
                "clinic/adapters/web.py": "from flask import Flask",
            },
            "tables among the entities",
        ),
        example(
            {
                "src/helpdesk/domain/tickets.py": """
                    from django.db import models  # <- flagged


                    class Ticket(models.Model):
                        subject = models.CharField(max_length=200)
                    """,
                "src/helpdesk/domain/notify.py": """
                    def notify(ticket):
                        import requests  # <- flagged

                        requests.post("https://chat.example.com/hook", json={"text": ticket.subject}, timeout=5)
                    """,
                "src/helpdesk/application/close.py": "from helpdesk.domain.tickets import Ticket",
            },
            "the models of Django, and a call to another system",
        ),
        example(
            {
                "billing/domain/__init__.py": "",
                "billing/domain/tasks.py": """
                    from celery import shared_task  # <- flagged


                    @shared_task
                    def remind(invoice_id):
                        return invoice_id
                    """,
                "billing/services.py": "from billing.domain.tasks import remind",
            },
            "a task of the queue",
        ),
    ),
    good=(
        example(
            {
                "shop/domain/order.py": """
                    from dataclasses import dataclass
                    from typing import TYPE_CHECKING, Protocol

                    from pydantic import BaseModel

                    if TYPE_CHECKING:
                        from sqlalchemy.orm import Session


                    class Orders(Protocol):
                        def add(self, order: "Order") -> None: ...


                    @dataclass
                    class Order:
                        number: int
                    """,
                "shop/infrastructure/orders.py": "from sqlalchemy.orm import Session",
                "shop/api/orders.py": "from fastapi import APIRouter",
            },
            "plain classes and an interface",
        ),
        example(
            {
                "hosting/domain/models.py": """
                    from django.db import models


                    class Domain(models.Model):
                        name = models.CharField(max_length=253)
                    """,
                "hosting/accounts/models.py": "from django.db import models",
            },
            "an application about domain names, no layers",
        ),
        example(
            {
                "clinic/domain/visits.py": """
                    from ..infrastructure_names import table


                    class Visit: ...
                    """,
                "clinic/infrastructure/db.py": "import sqlalchemy",
                "clinic/infrastructure_names.py": "table = 'visits'",
            },
            "the library is outside",
        ),
        example(
            {
                "flaskr/models.py": "from flask_sqlalchemy import SQLAlchemy",
                "flaskr/services/users.py": "from flaskr.models import SQLAlchemy",
                "flaskr/api/users.py": "from flask import Blueprint",
            },
            "models of the database are no domain by their name",
        ),
    ),
)
