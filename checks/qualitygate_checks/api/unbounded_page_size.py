"""A page size that a client may set as large as it likes.

What it flags: in code, a parameter of a route that sets the size of a page (`limit`, `per_page`, `page_size`, ...) and
that neither its declaration (`Query(le=100)`, an annotated type of its own) nor the code bounds from above (`min()`, a comparison, a
function that clamps it), and a paginator of Django REST framework that takes the size from the client and has no
`max_page_size` or `max_limit`. In a contract, a query parameter that sets the size of a page of a collection (`limit`, `per_page`,
`pageSize`, ...) without a `maximum` and without an enumeration. A parameter that many operations share is flagged once,
where it is defined; so is one that is written out anew in more than ten places, at the first of them. The confidence is high for names that mean nothing else, medium for words with other uses (`count`,
`size`, `first`), and low where the description names a limit that the schema does not.

Why: pagination protects only as far as the page is small. `?limit=100000000` fetches everything after all, and one
client can exhaust memory and database with it.

How to mend: declare `maximum` (`le`, `max_page_size`) and a default for the parameter, and refuse or clamp what is above it.

What it cannot see: in a contract, a limit that the code applies without the contract saying so; in code, limits that a database or a
library applies, and parameters that decorators declare.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import PageSize
from qualitygate.model.contract import Contract, Operation, Parameter
from qualitygate_checks._agreement import served

SHOWN = 5
# More definitions than this of one name have one cause: that none is shared.
SEPARATE = 10

_CERTAIN = frozenset(
    "limit pagesize perpage maxresults maxpagesize itemsperpage pagelimit resultsperpage maxitems numresults maxrecords "
    "recordsperpage hitsperpage pagelength resultlimit maxrows rowsperpage".split()
)


def run(project: Project) -> Iterator[Hit]:
    """A hit for each definition of an unbounded page size."""
    yield from _contracts(project)
    yield from _code(project)
    yield from _default_paginators(project)


def _default_paginators(project: Project) -> Iterator[Hit]:
    """The offset pages of Django REST framework take any limit where the settings name them as they are."""
    told: set[Place] = set()
    for settings in project.settings:
        framework = settings.values.get("REST_FRAMEWORK")
        chosen = framework.entry("DEFAULT_PAGINATION_CLASS") if framework is not None else None
        if framework is None or framework.place is None or framework.place in told or chosen is None:
            continue
        if chosen.value == "rest_framework.pagination.LimitOffsetPagination":
            told.add(framework.place)
            yield Hit(
                place=framework.place,
                message="the default pages of this API are as large as the client asks for (`limit`)",
                subject="code LimitOffsetPagination",
                why="`LimitOffsetPagination` has no `max_limit` unless a class of one's own sets it",
                mend="name a class of your own with max_limit = 100",
            )


def _code(project: Project) -> Iterator[Hit]:
    collections = {f"{route.method} {route.path}" for route in project.routes if route.collection}
    kinds: dict[str, list[PageSize]] = {}
    for size in project.page_sizes:
        certain = _is_certain(size.name)
        if not size.bound and (size.paginator or certain or not collections.isdisjoint(size.routes)):
            kinds.setdefault(size.name, []).append(size)
    for sizes in kinds.values():
        for group in [sizes] if len(sizes) > SEPARATE else [[size] for size in sizes]:
            yield _unbounded(group)


def _unbounded(sizes: list[PageSize]) -> Hit:
    first = sizes[0]
    routes = list(dict.fromkeys(name for size in sizes for name in size.routes))
    if first.paginator:
        message = f"`{first.paginator}` takes any page size that the client asks for (`{first.name}`)"
        why = "it has no `max_page_size`" if "limit" not in first.name else "it has no `max_limit`"
    else:
        reach = routes[0] if len(routes) == 1 else f"{len(routes)} operations"
        message = f"the page size `{first.name}` of {reach} has no upper bound"
        why = "neither its declaration nor the code that it comes to bounds it"
    return Hit(
        place=first.place,
        message=message,
        subject=f"code {first.name} {first.paginator or routes[0]}",
        why=why,
        mend="declare an upper bound (`le=100`, `max_page_size`), or clamp it with min()",
        places=tuple(
            Place(size.place.path, size.place.span, f"`{size.name}`", "definition") for size in sizes[1:SHOWN]
        ),
        confidence=Confidence.HIGH
        if first.paginator or (first.typed and _is_certain(first.name))
        else Confidence.MEDIUM,
    )


def _is_certain(name: str) -> bool:
    word = "".join(character for character in name.lower() if character.isalnum())
    return any(word.endswith(certain) for certain in _CERTAIN)


def _contracts(project: Project) -> Iterator[Hit]:
    told = {(name, size.name) for size in project.page_sizes if not size.bound for name in size.routes}
    routes = served(project)
    for contract in project.contracts:
        shared: dict[Place, list[tuple[Operation, Parameter]]] = {}
        for operation, parameter in _sizes(contract):
            if parameter.maximum is None and not parameter.bounded:
                names = {f"{route.method} {route.path}" for route in routes.get(operation.place, [])}
                if any((name, parameter.name) in told for name in names):
                    continue  # told at the code, which is where it is mended
                shared.setdefault(parameter.place, []).append((operation, parameter))
        for place, uses in _roots(shared):
            operation, parameter = uses[0]
            reach = operation.name if len(uses) == 1 else f"{len(uses)} operations"
            yield Hit(
                place=place,
                message=f"The page size `{parameter.name}` of {reach} has no maximum",
                subject=f"{parameter.name} {operation.name}",
                why=_why(parameter),
                mend="declare `maximum` and `default` in its schema, and hold to them in the code",
                places=tuple(
                    Place(user.place.path, user.place.span, user.name, "contract") for user, _ in uses[:SHOWN]
                ),
                confidence=_confidence(parameter),
            )


Uses = list[tuple[Operation, Parameter]]


def _roots(shared: dict[Place, Uses]) -> Iterator[tuple[Place, Uses]]:
    """The definitions with their uses; those of one name and one kind together, where they are many."""
    kinds: dict[tuple[str, bool], list[tuple[Place, Uses]]] = {}
    for place, uses in shared.items():
        parameter = uses[0][1]
        kinds.setdefault((parameter.name, parameter.bounded_in_words), []).append((place, uses))
    for definitions in kinds.values():
        if len(definitions) > SEPARATE:
            yield definitions[0][0], [use for _, uses in definitions for use in uses]
        else:
            yield from definitions


def _sizes(contract: Contract) -> Iterator[tuple[Operation, Parameter]]:
    for operation in contract.operations:
        if not operation.collection or operation.exempt:
            continue
        for parameter in operation.parameters:
            if (
                parameter.paging == "size"
                and parameter.source == "query"
                and parameter.type in ("integer", "number", "")
            ):
                yield operation, parameter


def _why(parameter: Parameter) -> str:
    if parameter.bounded_in_words:
        return "only its description names a limit: nothing that reads the contract can hold to it"
    return "its schema has neither a maximum nor an enumeration"


def _confidence(parameter: Parameter) -> Confidence:
    if parameter.bounded_in_words:
        return Confidence.LOW
    return Confidence.HIGH if _is_certain(parameter.name) else Confidence.MEDIUM


CHECK = Check(
    id="unbounded-page-size",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use cursor or offset pagination",
    dont="Return unbounded results",
    tags=("OWASP-API4:2023", "CWE-770"),
    gates=("api_response_time", "memory_usage"),
    assigns=frozenset({"REST_FRAMEWORK"}),
    run=run,
    examined=lambda project: (
        sum(1 for contract in project.contracts for _ in _sizes(contract)) + len(project.page_sizes)
    ),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:
                  parameters:
                    - name: limit  # <- flagged
                      in: query
                      schema: {type: integer, minimum: 1, default: 20}
                    - {name: offset, in: query, schema: {type: integer}}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            produces: [application/json]
            parameters:
              PageSize:
                name: page_size  # <- flagged
                in: query
                type: integer
            paths:
              /pallets:
                parameters: [{$ref: "#/parameters/PageSize"}]
                get:
                  responses:
                    200: {description: A page, schema: {type: array, items: {type: object}}}
              /orders:
                get:
                  parameters: [{$ref: "#/parameters/PageSize"}]
                  responses:
                    200: {description: A page, schema: {type: array, items: {type: object}}}
            """,
            "OpenAPI 2.0: one definition for two paths",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            paths:
              /v2/teams:
                get:
                  parameters:
                    - name: page[size]  # <- flagged
                      in: query
                      schema: {anyOf: [{type: integer}, {type: "null"}]}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            """,
            "OpenAPI 3.1: a number that may be null",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    paths:
                      /v1/bookings:
                        get:
                          parameters: [{$ref: "parameters.yaml#/PerPage"}]
                          responses:
                            "200":
                              description: A page
                              content:
                                application/json:
                                  schema: {type: array, items: {type: object}}
                    """,
                "spec/parameters.yaml": """
                    PerPage:
                      name: per_page  # <- flagged
                      in: query
                      schema: {type: integer}
                    """,
            },
            "several files",
        ),
        example(
            """
            from typing import Annotated

            from fastapi import APIRouter, Depends, FastAPI, Query

            app = FastAPI()
            router = APIRouter(prefix="/v1")


            class Paging:
                def __init__(self, page: int = 1, per_page: int = Query(20, ge=1)):  # <- flagged
                    self.page = page
                    self.per_page = per_page


            @router.get("/orders")
            def orders(skip: int = 0, limit: int = 100) -> list[dict]:  # <- flagged
                return fetch(skip, limit)


            @router.get("/articles")
            def articles(page_size: Annotated[int, Query(ge=1)] = 20) -> list[dict]:  # <- flagged
                return fetch(0, page_size)


            @router.get("/customers")
            def customers(paging: Paging = Depends()) -> list[dict]:
                return fetch(paging.page, paging.per_page)


            def fetch(start, count):
                return []


            app.include_router(router)
            """,
            "FastAPI: a default alone, a lower bound alone, a class",
        ),
        example(
            """
            from flask import Flask, jsonify, request

            from app.storage import tickets_from

            app = Flask(__name__)


            @app.get("/api/v1/tickets")
            def tickets():
                limit = request.args.get("limit", 50, type=int)  # <- flagged
                if limit < 1:
                    limit = 1
                return jsonify(tickets_from(0, limit))


            @app.get("/api/v1/agents")
            def agents():
                return jsonify(tickets_from(0, int(request.args.get("per_page", 20))))  # <- flagged
            """,
            "Flask: read by hand, with a lower bound alone",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    REST_FRAMEWORK = {"DEFAULT_PAGINATION_CLASS": "clinic.pages.Pages", "PAGE_SIZE": 50}
                    """,
                "clinic/urls.py": """
                    urlpatterns = []
                    """,
                "clinic/pages.py": """
                    from rest_framework.pagination import LimitOffsetPagination, PageNumberPagination


                    class Pages(PageNumberPagination):  # <- flagged
                        page_size = 50
                        page_size_query_param = "page_size"


                    class Offsets(LimitOffsetPagination):  # <- flagged
                        default_limit = 50
                    """,
            },
            "Django REST framework: paginators without a maximum",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    REST_FRAMEWORK = {  # <- flagged
                        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
                        "PAGE_SIZE": 50,
                    }
                    """,
                "clinic/urls.py": """
                    urlpatterns = []
                    """,
            },
            "Django REST framework: the library's paginator by offset",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.1.0
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:
                  parameters:
                    - {name: limit, in: query, schema: {type: integer, exclusiveMaximum: 101}}
                    - {name: cursor, in: query, schema: {type: string}}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
              /v1/payments:
                get:
                  parameters:
                    - {name: pageSize, in: query, schema: {type: integer, enum: [10, 50]}}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            """,
            "a maximum, an enumeration, and a cursor, which is no size",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.0.0
            info: {title: Codes, version: "1"}
            paths:
              /v1/qr:
                get:
                  parameters:
                    - {name: size, in: query, schema: {type: integer}}
                  responses:
                    "200":
                      description: A picture
                      content:
                        image/png: {schema: {type: string, format: binary}}
              /v1/orders:
                get:
                  parameters:
                    - {name: count, in: query, schema: {type: boolean}}
                    - name: limit
                      in: query
                      schema:
                        allOf: [{$ref: "#/components/schemas/Limit"}]
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            components:
              schemas:
                Limit: {type: integer, maximum: 500}
            """,
            "a size of something else; a maximum behind a reference",
            path="openapi.yaml",
        ),
        example(
            """
            from typing import Annotated

            from fastapi import FastAPI, Query

            from app.types import PageSize

            app = FastAPI()


            @app.get("/v1/orders")
            def orders(limit: int = Query(20, ge=1, le=100)) -> list[dict]:
                return fetch(limit)


            @app.get("/v1/articles")
            def articles(page_size: Annotated[int, Query(lt=500)] = 20, per_page: PageSize = 20) -> list[dict]:
                return fetch(page_size)


            @app.get("/v1/customers")
            def customers(limit: int = 20) -> list[dict]:
                return clamped(limit)


            @app.get("/v1/limits/{limit}")
            def of_limit(limit: int, size: str = "small") -> list[dict]:
                return fetch(limit)


            def clamped(limit):
                return fetch(min(limit, 100))


            def fetch(count):
                return []
            """,
            "FastAPI: declared, a type of its own, clamped one call away",
        ),
        example(
            """
            from flask import Flask, abort, jsonify, request

            app = Flask(__name__)


            @app.get("/api/v1/tickets")
            def tickets():
                limit = min(request.args.get("limit", 50, type=int), 200)
                return jsonify([])


            @app.get("/api/v1/agents")
            def agents():
                per_page = int(request.args.get("per_page", 20))
                if per_page > 100:
                    abort(422)
                return jsonify([])


            @app.get("/api/v1/comments")
            def comments():
                per_page = request.args.get("per_page", 20, type=int)
                return jsonify(Comment.query.paginate(page=1, per_page=per_page).items)
            """,
            "Flask: clamped, refused, bounded by the library",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    """,
                "clinic/urls.py": """
                    urlpatterns = []
                    """,
                "clinic/pages.py": """
                    from rest_framework.pagination import LimitOffsetPagination, PageNumberPagination


                    class Fixed(PageNumberPagination):
                        page_size = 50


                    class Pages(PageNumberPagination):
                        page_size_query_param = "page_size"
                        max_page_size = 200


                    class Offsets(LimitOffsetPagination):
                        max_limit = 200
                    """,
            },
            "Django REST framework: fixed, or with a maximum",
        ),
    ),
)
