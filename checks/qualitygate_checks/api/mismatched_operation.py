"""An operation that contract and code both have, and do not agree on.

What it flags: a path under which the contract has one method and the code another; a path that contract and code spell
in two ways (`/role` and `/roles`); a query parameter or header that the code requires and the contract does not have; a
query parameter of the contract that the code does not read; a bound that is one number here and another there. Parameters
are compared for frameworks whose handlers declare them (FastAPI), with those of dependencies. What one operation has is
told once, with both places, and what many operations have from one dependency is told once for all of them.

Why: a client that keeps to the contract gets a 405, a 404 or a 422, or a filter that it relies on does nothing.

How to mend: change the side that is wrong; where the code is right, the contract is out of date, and where it is
generated, it was not generated anew.

What it cannot see: bodies and answers; parameters that the code reads by hand.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.agreement import Agreement, Difference, Pair
from qualitygate.model.architecture import RouteParameter
from qualitygate.model.contract import Operation

SHOWN = 5

# Read by the server, a proxy or a library before any handler.
_CARRIED = frozenset(("authorization", "host", "user-agent", "accept", "content-type", "content-length", "cookie"))


def run(project: Project) -> Iterator[Hit]:
    """Hits for paths, methods and parameters on which contract and code differ."""
    for agreement in project.agreements:
        for difference in agreement.differences:
            yield _difference(difference)
        yield from _parameters(agreement)


def _difference(difference: Difference) -> Hit:
    operation, route = difference.operations[0], difference.routes[0]
    wanted = ", ".join(dict.fromkeys(one.method for one in difference.operations))
    served = ", ".join(dict.fromkeys(one.method for one in difference.routes))
    if difference.kind == "method":
        message = f"{operation.path} is {wanted} in the contract and {served} in the code"
        why = f"a client that calls {operation.name} gets a 405"
    else:
        message = f"The contract says {operation.path}, the code {route.path}"
        why = f"a client that calls {operation.name} gets a 404, and nobody knows of the other path"
    return Hit(
        place=route.shown,
        message=message,
        subject=f"{wanted} {operation.path}",
        why=why,
        mend="change the side that is wrong",
        places=(_place(operation),),
        confidence=Confidence.HIGH if difference.kind == "method" and not route.uncertain else Confidence.MEDIUM,
    )


def _parameters(agreement: Agreement) -> Iterator[Hit]:
    """One hit for each operation; what many have from one declaration (of a dependency) is told once."""
    seen: set[int] = set()
    guilty: dict[tuple[str, Place], list[tuple[Pair, list[tuple[str, Place]]]]] = {}
    for pair in agreement.pairs:
        if id(pair.operation) not in seen and (clauses := list(_clauses(agreement, pair))):
            seen.add(id(pair.operation))
            guilty.setdefault(clauses[0], []).append((pair, clauses))
    for group in guilty.values():
        pair, clauses = group[0]
        hit = _pair(pair, clauses)
        if len(group) > 1:
            hit = msgspec.structs.replace(
                hit,
                message=f"{len(group)} operations: {clauses[0][0]}",
                subject=f"{pair.operation.name} and others",
                places=tuple(_place(one.operation) for one, _ in group[:SHOWN]),
            )
        yield hit


def _pair(pair: Pair, clauses: list[tuple[str, Place]]) -> Hit:
    rest = [text for text, _ in clauses[1:]]
    return Hit(
        place=clauses[0][1],
        message=f"{pair.operation.name}: {clauses[0][0]}",
        subject=f"{pair.operation.name} parameters",
        why="; ".join(rest) or "contract and code declare the same operation in two ways",
        mend="change the side that is wrong",
        places=(_place(pair.operation),),
        confidence=Confidence.MEDIUM,
    )


def _clauses(agreement: Agreement, pair: Pair) -> Iterator[tuple[str, Place]]:
    """What the parameters of an operation and of its route differ in, with the place in the code."""
    operation, route = pair.operation, pair.route
    documented = {(one.source, _known_as(one.source, one.name)): one for one in operation.parameters}
    carried = {scheme.parameter.lower() for scheme in agreement.contract.schemes} | _CARRIED
    taken: dict[tuple[str, str], RouteParameter] = {}
    for parameter in route.parameters:
        place = parameter.place or route.shown
        name = _known_as(parameter.source, parameter.name)
        taken[parameter.source, name] = parameter
        if parameter.source not in ("query", "header") or name.lower() in carried:
            continue
        other = documented.get((parameter.source, name))
        if other is None:
            if parameter.required and agreement.contract.complete:
                yield (
                    f"the code requires the {_kind(parameter.source)} `{parameter.name}`, which the contract does not have",
                    place,
                )
        elif None not in (parameter.maximum, other.maximum) and parameter.maximum != other.maximum:
            yield (
                f"the code takes `{parameter.name}` up to {parameter.maximum:.15g}, the contract up to {other.maximum:.15g}",
                place,
            )
        elif other.maximum is not None and parameter.maximum is None and not other.paging and parameter.type == "int":
            yield f"the contract bounds `{parameter.name}` by {other.maximum:.15g}, the code does not", place
    if not route.parameters_known:
        return
    for (source, name), other in documented.items():
        if source == "query" and (source, name) not in taken and name.lower() not in carried:
            yield f"the code does not read the query parameter `{other.name}` of the contract", route.shown


def _known_as(source: str, name: str) -> str:
    return name.lower() if source == "header" else name


def _kind(source: str) -> str:
    return "header" if source == "header" else "query parameter"


def _place(operation: Operation) -> Place:
    return Place(operation.place.path, operation.place.span, operation.name, "contract")


CHECK = Check(
    id="mismatched-operation",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use URL or header versioning",
    dont="Break existing clients",
    tags=("CWE-1059",),
    run=run,
    examined=lambda project: sum(len(agreement.pairs) + len(agreement.differences) for agreement in project.agreements),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from typing import Annotated

                    from fastapi import Depends, FastAPI, Header, Query

                    app = FastAPI()


                    def tenant(x_tenant: str = Header()):  # <- flagged
                        return x_tenant


                    @app.get("/v1/orders")
                    def orders(limit: Annotated[int, Query(le=500)] = 50, who: str = Depends(tenant)):
                        return []


                    @app.get("/v1/orders/{number}")
                    def order(number: int):
                        return {"number": number}
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    paths:
                      /v1/orders:
                        get:
                          parameters:
                            - {name: limit, in: query, schema: {type: integer, maximum: 500}}
                          responses: {"200": {description: Orders}}
                      /v1/orders/{id}:
                        get: {responses: {"200": {description: The order}}}
                    """,
            },
            "FastAPI: a header that a dependency requires",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, Query

                    app = FastAPI()


                    @app.get("/v1/orders")
                    def orders(page: int = 1, size: int = Query(50, le=1000)):  # <- flagged
                        return []


                    @app.get("/v1/bills")  # <- flagged
                    def bills(year: int):
                        return []
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    paths:
                      /v1/orders:
                        get:
                          parameters:
                            - {name: page, in: query, schema: {type: integer}}
                            - {name: size, in: query, schema: {type: integer, maximum: 100}}
                          responses: {"200": {description: Orders}}
                      /v1/bills:
                        get:
                          parameters:
                            - {name: year, in: query, required: true, schema: {type: integer}}
                            - {name: customer, in: query, schema: {type: string}}
                          responses: {"200": {description: Bills}}
                    """,
            },
            "a page ten times as large as promised, and a filter that does nothing",
        ),
        example(
            {
                "helpdesk.py": """
                    from flask import Flask, jsonify

                    app = Flask(__name__)


                    @app.get("/api/tickets/<int:number>")
                    def ticket(number):
                        return jsonify(number=number)


                    @app.patch("/api/tickets/<int:number>/state")  # <- flagged
                    def change(number):
                        return jsonify(number=number)
                    """,
                "swagger.yaml": """
                    swagger: "2.0"
                    info: {title: Helpdesk, version: "3"}
                    basePath: /api
                    paths:
                      /tickets/{id}:
                        get: {responses: {200: {description: The ticket}}}
                      /tickets/{id}/state:
                        put: {responses: {200: {description: Changed}}}
                    """,
            },
            "Flask and OpenAPI 2.0: PUT here, PATCH there",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import PatientList, PatientVisits

                    urlpatterns = [
                        path("api/v2/patients/", PatientList.as_view()),
                        path("api/v2/patients/<int:pk>/visits/", PatientVisits.as_view()),
                    ]
                    """,
                "clinic/views.py": """
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class PatientList(APIView):
                        def post(self, request):
                            return Response({}, status=201)


                    class PatientVisits(APIView):
                        def get(self, request, pk):  # <- flagged
                            return Response({})
                    """,
                "openapi.yaml": """
                    openapi: 3.1.0
                    info: {title: Clinic, version: 2.0.0}
                    paths:
                      /api/v2/patients/: {post: {responses: {"201": {description: Added}}}}
                      /api/v2/patients/{id}/visit/: {get: {responses: {"200": {description: Visits}}}}
                    """,
            },
            "Django REST framework: one word in two spellings",
        ),
    ),
    good=(
        example(
            {
                "app/main.py": """
                    from enum import Enum
                    from typing import Annotated

                    from fastapi import APIRouter, Depends, FastAPI, Query, Request
                    from fastapi.security import APIKeyHeader


                    class State(str, Enum):
                        OPEN = "open"
                        PAID = "paid"


                    Limit = Annotated[int, Query(le=100, alias="pageSize")]
                    key = APIKeyHeader(name="X-Key")
                    router = APIRouter(prefix="/orders", dependencies=[Depends(key)])


                    class Paging:
                        def __init__(self, cursor: str | None = None, limit: Limit = 50):
                            self.cursor = cursor
                            self.limit = limit


                    @router.get("")
                    def orders(state: State | None = None, paging: Paging = Depends()):
                        return []


                    @router.get("/search")
                    def search(request: Request):
                        return [request.query_params["q"]]


                    app = FastAPI()
                    app.include_router(router, prefix="/v1")
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    servers: [{url: /v1}]
                    components: {securitySchemes: {key: {type: apiKey, in: header, name: x-key}}}
                    security: [{key: []}]
                    paths:
                      /orders:
                        get:
                          parameters:
                            - {name: state, in: query, schema: {type: string, enum: [open, paid]}}
                            - {name: cursor, in: query, schema: {type: string}}
                            - {name: pageSize, in: query, schema: {type: integer, maximum: 100}}
                          responses: {"200": {description: Orders}}
                      /orders/search:
                        get:
                          parameters:
                            - {name: q, in: query, schema: {type: string}}
                          responses: {"200": {description: Orders}}
                    """,
            },
            "a dependency, an alias, an enumeration, a key, and a query that is read by hand",
        ),
        example(
            {
                "helpdesk.py": """
                    from flask import Flask, jsonify, request

                    app = Flask(__name__)


                    @app.route("/api/tickets/<int:number>", methods=["GET", "PUT"])
                    def ticket(number):
                        return jsonify(number=number, fields=request.args.get("fields"))
                    """,
                "swagger.yaml": """
                    swagger: "2.0"
                    info: {title: Helpdesk, version: "3"}
                    basePath: /api
                    paths:
                      /tickets/{id}:
                        get:
                          parameters: [{name: fields, in: query, type: string}]
                          responses: {200: {description: The ticket}}
                        put: {responses: {200: {description: Changed}}}
                    """,
            },
            "Flask: parameters are read by hand",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, Request

                    app = FastAPI()


                    @app.middleware("http")
                    async def count(request: Request, call_next):
                        return await call_next(request)


                    @app.get("/v1/orders/{number}")
                    def order(number: int, verbose: bool = False):
                        return {"number": number}
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    paths:
                      /v1/orders/{order_id}:
                        parameters: [{name: order_id, in: path, required: true, schema: {type: integer}}]
                        get: {responses: {"200": {description: The order}}}
                    """,
            },
            "a name of the path, a parameter that may be left out, and a middleware",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Orders, version: 1.4.0}
            paths:
              /v1/orders:
                get: {responses: {"200": {description: Orders}}}
            """,
            "a contract without code",
            path="openapi.yaml",
        ),
    ),
)
