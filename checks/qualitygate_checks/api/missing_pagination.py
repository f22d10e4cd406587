"""A collection that is returned whole, however much it grows.

What it flags: in code, a GET route of an API that returns a collection and that nothing pages. A route returns a
collection where its declared response is a list or an envelope around one, where a REST framework's view lists its
query set, or where the body builds a list from a query and the path ends in a plural. It pages by a parameter of its
own, of a dependency or of a decorator, by a paginator (the framework's default too, if it has a page size), by a bound
of the query (`limit`, a slice) in the handler or at most three calls away. In a contract, a GET that returns a collection and names nothing that bounds it. A collection is an
array, or an envelope around one, under a path that does not end in a parameter. Pagination is a query or header
parameter that sets the size of a page or the position in the pages (62 names that published APIs use, in any spelling),
a property of the answer that leads on (`next`, `has_more`, `pagination`, `links.next`, ...), a `Link` header, a
`Content-Range`, or one of the known extensions (`x-ms-pageable`, ...). An array of at most 1,000 items by its own
`maxItems`, an array of plain values, a choice by required ids or a required range of time is bounded already. The
confidence is high where the contract itself shows a growing collection (its members have a path, a POST adds to it, or
another operation returns one of them), medium and a warning where only the shape of the answer and its name say so, low
where the array is one field of an answer, or its name tells of a fixed set (`countries`, `types`, `settings`). What
contract and code have both is told once, at the route, with the operation beside it.

Why: the answer grows with the data until it exhausts memory and time on both sides, and any client can ask for it.
Adding pages later breaks the clients that rely on getting everything.

How to mend: take a page size with a maximum and a cursor (or an offset), and return at most one page with what leads to
the next.

What it cannot see: in a contract, a bound that only the code knows; in code, lists that grow nowhere (a fixed table). Answers that are no JSON, and collections fetched by POST.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import Route
from qualitygate.model.contract import Contract, Operation
from qualitygate_checks._agreement import key, promised, served
from qualitygate_checks.api._contract import place


def run(project: Project) -> Iterator[Hit]:
    """A hit for each collection that nothing bounds."""
    contracts = promised(project)
    yield from _operations(project)
    handlers: dict[Place, list[Route]] = {}
    for route in project.routes:
        if _is_guilty(route):
            handlers.setdefault(route.shown, []).append(route)
    for routes in handlers.values():
        operations = [operation for route in routes for operation in contracts.get(key(route), [])]
        yield _handler(routes, list(dict.fromkeys(operations)))


def _is_guilty(route: Route) -> bool:
    return _is_judged_route(route) and not route.paginated


def _handler(routes: list[Route], operations: list[Operation]) -> Hit:
    """The hit of a handler; what the contract says of it is part of the same hit."""
    route = routes[0]
    more = len({(other.method, other.path) for other in routes}) - 1
    others = f" (as {more} more of its handler {'does' if more == 1 else 'do'})" if more else ""
    doubt = f"; not sure: {route.uncertain}" if route.uncertain else ""
    confidence = route.collection_confidence
    collections = [operation for operation in operations if _is_judged(operation)]
    paged = next((operation for operation in operations if operation.paginated), None)
    if paged is not None:
        doubt = f", though the contract has it ({paged.paginated_by}){doubt}"
    elif collections:
        # What the contract shows of growth is evidence too.
        confidence = min(confidence, *(one.collection_confidence for one in collections), key=lambda one: one.rank)
        doubt = f", nor in the contract{doubt}"
    return Hit(
        place=route.shown,
        message=f"{route.method} {route.path} returns a collection without pagination{others}",
        subject=f"{route.method} {route.path}",
        why=f"{route.collection_why}; no parameter, paginator or bound of the query is seen on its way{doubt}",
        mend=_MEND.get(route.framework, _MEND[""]),
        places=(*_declaration(route), *(place(operation) for operation in operations)),
        severity=None if confidence is Confidence.HIGH else Severity.WARNING,
        confidence=Confidence.LOW if route.uncertain else confidence,
        count=len(routes) + sum(not operation.paginated for operation in collections),
    )


_MEND = {
    "fastapi": "take `limit: int = Query(50, le=100)` and a cursor or offset, and apply both to the query",
    "flask": "read a page size with a maximum and a cursor or offset, and apply both to the query",
    "drf": "set `pagination_class` on the view, or DEFAULT_PAGINATION_CLASS and PAGE_SIZE for all of them",
    "": "take a page size with a maximum and a cursor or offset, and apply both to the query",
}


def _is_judged_route(route: Route) -> bool:
    return route.collection and route.api and not route.exempt


def _declaration(route: Route) -> tuple[Place, ...]:
    """Where the route is declared, for a handler that is defined elsewhere, and the last mount that leads there."""
    found = []
    if route.mounts:
        mount = route.mounts[-1]
        found.append(Place(mount.path, mount.span, "mounted here", "mount"))
    if route.declared != route.shown:
        found.append(Place(route.declared.path, route.declared.span, f"{route.method} {route.path}", "route"))
    return tuple(found)


def _operations(project: Project) -> Iterator[Hit]:
    routes = served(project)
    for contract in project.contracts:
        mend = _mend(contract)
        for operation in contract.operations:
            if not _is_judged(operation) or operation.paginated:
                continue
            serving = routes.get(operation.place, [])
            if any(map(_is_guilty, serving)):
                continue  # told at the route, which is where it is mended
            paged = next((route for route in serving if route.paginated), None)
            hit = Hit(
                place=operation.place,
                message=f"{operation.name} returns a collection without pagination",
                subject=operation.name,
                why=f"{operation.collection_why}; no parameter, header or property of the answer leads through pages",
                mend=mend,
                places=(
                    *_uses(operation),
                    *(Place(r.shown.path, r.shown.span, f"{r.method} {r.path}", "route") for r in serving),
                ),
                # Only a collection that is sure to grow should close a gate.
                severity=None if operation.collection_confidence is Confidence.HIGH else Severity.WARNING,
                confidence=operation.collection_confidence,
            )
            if paged is not None:
                hit = msgspec.structs.replace(
                    hit,
                    message=f"{operation.name} is paged in the code, and the contract does not say so",
                    why=f"the code has {paged.paginated_by}; the contract names no parameter, header or property for it",
                    mend="describe in the contract how clients get the next page",
                    severity=Severity.WARNING,
                )
            yield hit


def _is_judged(operation: Operation) -> bool:
    return operation.collection and not operation.exempt


def _mend(contract: Contract) -> str:
    """What the contract itself does elsewhere, where it does something."""
    names: Counter[str] = Counter()
    for operation in contract.operations:
        if _is_judged(operation) and operation.paginated:
            names.update(list(dict.fromkeys(parameter.name for parameter in operation.parameters if parameter.paging)))
    if not names:
        return "take a page size with a maximum and a cursor, and return one page with what leads to the next"
    usual = " and ".join(f"`{name}`" for name, _ in names.most_common(2))
    return f"take {usual}, as other collections of this contract do"


def _uses(operation: Operation) -> tuple[Place, ...]:
    """Where the contract names the path, for an operation that is defined in another file."""
    if operation.place.path == operation.path_place.path:
        return ()
    return (Place(operation.path_place.path, operation.path_place.span, f"the path {operation.path}", "contract"),)


CHECK = Check(
    id="missing-pagination",
    domain=Domain.API,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use cursor or offset pagination",
    dont="Return unbounded results",
    tags=("OWASP-API4:2023", "CWE-770"),
    gates=("api_response_time", "memory_usage"),
    run=run,
    examined=lambda project: (
        sum(_is_judged(operation) for operation in project.operations)
        + sum(_is_judged_route(route) for route in project.routes)
    ),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.users import router

                    app = FastAPI()
                    app.include_router(router, prefix="/api/v1")
                    """,
                "app/users.py": """
                    from fastapi import APIRouter, Depends
                    from sqlalchemy import select
                    from sqlalchemy.orm import Session

                    from app.db import get_session
                    from app.models import User, UserOut

                    router = APIRouter(prefix="/users")


                    @router.get("/", response_model=list[UserOut])  # <- flagged
                    def read_users(active: bool = True, session: Session = Depends(get_session)):
                        return session.scalars(select(User).where(User.active == active)).all()


                    @router.get("/{user_id}", response_model=UserOut)
                    def read_user(user_id: int, session: Session = Depends(get_session)):
                        return session.get(User, user_id)
                    """,
                "app/db.py": """
                    from sqlalchemy import create_engine
                    from sqlalchemy.orm import Session

                    engine = create_engine("postgresql+psycopg://db/app")


                    def get_session():
                        with Session(engine) as session:
                            yield session
                    """,
                "app/models.py": """
                    from pydantic import BaseModel
                    from sqlalchemy.orm import DeclarativeBase, Mapped


                    class Base(DeclarativeBase):
                        pass


                    class User(Base):
                        __tablename__ = "users"
                        active: Mapped[bool]


                    class UserOut(BaseModel):
                        id: int
                        email: str
                    """,
            },
            "FastAPI: a declared list; a filter is no page",
        ),
        example(
            """
            from flask import Flask, jsonify

            from helpdesk.models import Ticket

            app = Flask(__name__)


            @app.get("/api/v1/tickets")  # <- flagged
            def list_tickets():
                tickets = Ticket.query.order_by(Ticket.opened).all()
                return jsonify([ticket.as_dict() for ticket in tickets])


            @app.get("/api/v1/tickets/<int:number>")
            def ticket(number):
                return jsonify(Ticket.query.get_or_404(number).as_dict())
            """,
            "Flask: the body builds a list from a query",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    REST_FRAMEWORK = {
                        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
                        "PAGE_SIZE": 50,
                    }
                    """,
                "clinic/urls.py": """
                    from django.urls import include, path
                    from rest_framework.routers import DefaultRouter

                    from clinic.views import PatientViewSet, TagList

                    router = DefaultRouter()
                    router.register("patients", PatientViewSet)

                    urlpatterns = [
                        path("api/v1/", include(router.urls)),
                        path("api/v1/tags/", TagList.as_view()),
                    ]
                    """,
                "clinic/views.py": """
                    from rest_framework import generics, viewsets


                    class PatientViewSet(viewsets.ModelViewSet):
                        queryset = None


                    class TagList(generics.ListAPIView):  # <- flagged
                        queryset = None
                        pagination_class = None
                    """,
            },
            "Django REST framework: one view switches the default paginator off",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:  # <- flagged
                  operationId: listInvoices
                  parameters:
                    - name: from
                      in: query
                      schema: {type: string, format: date}
                    - name: status
                      in: query
                      schema: {type: string, enum: [open, paid]}
                  responses:
                    "200":
                      description: All invoices
                      content:
                        application/json:
                          schema:
                            type: array
                            items: {$ref: "#/components/schemas/Invoice"}
              /v1/invoices/{id}:
                get:
                  responses:
                    "200":
                      description: One invoice
                      content:
                        application/json:
                          schema: {$ref: "#/components/schemas/Invoice"}
            components:
              schemas:
                Invoice:
                  type: object
                  properties:
                    id: {type: string}
                    lines: {type: array, items: {type: object}}
            """,
            "a top-level array of what has a path of its own; filters are no pages",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            produces: [application/json]
            paths:
              /pallets:
                get:  # <- flagged
                  parameters:
                    - {name: $count, in: query, type: boolean}
                  responses:
                    200:
                      description: Every pallet
                      schema: {$ref: "#/definitions/Pallets"}
                post:
                  responses:
                    201: {description: Created}
            definitions:
              Pallets:
                allOf:
                  - $ref: "#/definitions/Answer"
                  - type: object
                    properties:
                      pallets: {type: array, items: {type: object}}
              Answer:
                type: object
                properties:
                  status: {type: string}
                  total: {type: integer}
            """,
            "OpenAPI 2.0: an envelope that is put together; asking for a count is no page size",
            path="api/swagger.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            paths:
              /v2/teams/{team}/members:
                get:  # <- flagged
                  responses:
                    "2XX":
                      description: The members
                      content:
                        application/hal+json:
                          schema:
                            type: [array, "null"]
                            items:
                              type: object
                              properties:
                                name: {type: string}
            """,
            "OpenAPI 3.1: an array that may be null, under a range of codes",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    servers: [{url: "https://api.example.com/v1"}]
                    paths:
                      /bookings:
                        $ref: paths/bookings.yaml
                    """,
                "spec/paths/bookings.yaml": """
                    get:  # <- flagged
                      responses:
                        "200":
                          description: OK
                          content:
                            application/json:
                              schema:
                                $ref: ../schemas.yaml#/BookingList
                    post:
                      responses:
                        "201": {description: Created}
                    """,
                "spec/schemas.yaml": """
                    BookingList:
                      type: object
                      properties:
                        data:
                          type: array
                          items: {$ref: "#/Booking"}
                    Booking:
                      type: object
                      properties:
                        room: {type: string}
                        follow_up: {$ref: "#/Booking"}
                    """,
            },
            "several files, with a schema that contains itself",
        ),
    ),
    good=(
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    REST_FRAMEWORK = {}
                    """,
                "clinic/urls.py": """
                    from rest_framework.routers import DefaultRouter

                    from clinic.views import LanguageViewSet, PreferenceViewSet, WardViewSet

                    router = DefaultRouter()
                    router.register("languages", LanguageViewSet, basename="language")
                    router.register("preferences", PreferenceViewSet, basename="preference")
                    router.register("wards", WardViewSet, basename="ward")
                    urlpatterns = router.urls
                    """,
                "clinic/views.py": """
                    from rest_framework.pagination import LimitOffsetPagination
                    from rest_framework.response import Response
                    from rest_framework.viewsets import ModelViewSet, ViewSet

                    from clinic.models import Preference, Ward


                    class LanguageViewSet(ViewSet):
                        def list(self, request):
                            return Response([{"code": code} for code in ("de", "en", "fr")])


                    class PreferenceViewSet(ViewSet):
                        def list(self, request):
                            return Response(Preference.objects.filter(user=request.user).first().data)


                    class SteadyPages(LimitOffsetPagination):
                        def __init__(self):
                            self.default_limit = 50

                        def paginate_queryset(self, queryset, request, view=None):
                            return super().paginate_queryset(queryset.order_by("pk"), request, view)


                    class QuickPages(SteadyPages):
                        count = None


                    class WardViewSet(ModelViewSet):
                        queryset = Ward.objects.all()
                        pagination_class = QuickPages

                        def list(self, request, *args, **kwargs):
                            response = super().list(request, *args, **kwargs)
                            response["X-Wards"] = "all"
                            return response
                    """,
                "clinic/models.py": """
                    from django.db import models


                    class Preference(models.Model):
                        data = models.JSONField()


                    class Ward(models.Model):
                        name = models.TextField()
                    """,
            },
            "Django REST framework: an own list() that returns constants or one record, a paginator of a paginator",
        ),
        example(
            {
                "app/main.py": """
                    from typing import Annotated

                    from fastapi import Depends, FastAPI

                    from app.paging import Page
                    from app.store import find_orders

                    app = FastAPI()


                    @app.get("/v1/orders", response_model=list[dict])
                    def list_orders(page: Annotated[Page, Depends()]):
                        return find_orders(page)
                    """,
                "app/paging.py": """
                    from fastapi import Query


                    class Page:
                        def __init__(self, cursor: str = "", limit: int = Query(50, le=100)):
                            self.cursor = cursor
                            self.limit = limit
                    """,
                "app/store.py": """
                    def find_orders(page):
                        return []
                    """,
            },
            "FastAPI: the parameters come from a dependency",
        ),
        example(
            """
            from flask import Flask, jsonify, request

            from helpdesk.models import Ticket

            app = Flask(__name__)


            @app.get("/api/v1/tickets")
            def list_tickets():
                page = Ticket.query.paginate(page=request.args.get("page", 1, type=int), max_per_page=100)
                return jsonify([ticket.as_dict() for ticket in page.items])


            @app.get("/api/v1/tickets/recent")
            def recent_tickets():
                tickets = Ticket.query.order_by(Ticket.opened.desc()).limit(20).all()
                return jsonify([ticket.as_dict() for ticket in tickets])
            """,
            "Flask: a paginator, and a bounded query",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitList

                    urlpatterns = [path("api/v1/visits/", VisitList.as_view())]
                    """,
                "clinic/views.py": """
                    from rest_framework import generics, pagination


                    class VisitPages(pagination.CursorPagination):
                        page_size = 50
                        ordering = "-opened"


                    class VisitList(generics.ListCreateAPIView):
                        queryset = None
                        pagination_class = VisitPages
                    """,
            },
            "Django REST framework: a paginator with a page size on the view",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                parameters:
                  - $ref: "#/components/parameters/PageSize"
                get:
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
              /v1/payments:
                get:
                  parameters:
                    - {name: "page[after]", in: query, schema: {type: string}}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            components:
              parameters:
                PageSize:
                  name: per_page
                  in: query
                  schema: {type: integer, maximum: 100}
            """,
            "parameters of the path, by reference, and in brackets",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Events, version: 1.0.0}
            paths:
              /v1/events:
                get:
                  responses:
                    "200":
                      description: A page, with the address of the next one
                      content:
                        application/json:
                          schema:
                            type: object
                            properties:
                              events: {type: array, items: {type: object}}
                              _links:
                                type: object
                                properties:
                                  next: {type: object}
                post: {responses: {"201": {description: Created}}}
              /v1/users:
                get:
                  responses:
                    "200":
                      description: A page
                      headers:
                        link: {schema: {type: string}}
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
                post: {responses: {"201": {description: Created}}}
            """,
            "pages that only the answer tells of",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Places, version: "1"}
            basePath: /v1
            produces: [application/json]
            paths:
              /languages:
                get:
                  responses:
                    200:
                      description: Codes
                      schema: {type: array, items: {type: string}}
              /regions:
                get:
                  responses:
                    200:
                      description: At most twenty
                      schema: {type: array, maxItems: 20, items: {type: object}}
              /cities:
                get:
                  parameters:
                    - {name: ids, in: query, required: true, type: array, items: {type: string}}
                  responses:
                    200:
                      description: Those that were asked for
                      schema: {type: array, items: {type: object}}
            """,
            "bounded by their nature",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.0.0
            info: {title: Account, version: "1"}
            paths:
              /v1/account:
                get:
                  responses:
                    "200":
                      description: One thing, with parts
                      content:
                        application/json:
                          schema:
                            type: object
                            properties:
                              name: {type: string}
                              plan: {type: string}
                              addresses: {type: array, items: {type: object}}
              /v1/orders/{id}:
                get:
                  responses:
                    "200":
                      description: The lines of an order
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
              /v1/changes:
                get:
                  responses:
                    "200":
                      description: A stream
                      content:
                        text/event-stream:
                          schema: {type: array, items: {type: object}}
                        application/json:
                          schema: {type: array, items: {type: object}}
              /v1/health:
                get:
                  responses:
                    "200":
                      description: The state of each part
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            """,
            "a singleton, a member, a stream, a health check",
            path="openapi.yaml",
        ),
    ),
)
