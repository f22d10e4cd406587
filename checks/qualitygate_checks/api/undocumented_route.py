"""A route that the published contract does not have.

What it flags: a route of an API whose method and path no contract of the repository has, where the code serves a
contract. Contract and code are laid over one another by their paths: the base path of the contract's servers, prefixes
of mounts, names of parameters, converters and slashes at the end make no difference. Routes of one file are told
together from three on; where the contract has less than half of the routes it may speak of a part on purpose, which is
told once, with low confidence. Pages, health checks, documentation, webhooks, administration and routes that are hidden
from the schema are left alone, and so are contracts that the code hardly serves: those belong to other services.

Why: what the contract does not name is in no client, no test and no review, and old routes stay open unseen. Improper
inventory is the ninth of the OWASP API risks.

How to mend: add the operation to the contract (or generate the contract anew, where it is generated), or take the route
away; one that is not for clients can be hidden from the schema.

What it cannot see: contracts that are published elsewhere, routes that a library adds. Where no contract is in the
repository, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.agreement import Agreement
from qualitygate.model.architecture import Route

SHOWN = 6
# From this many routes of one file on they are told together.
_TOGETHER = 3


def run(project: Project) -> Iterator[Hit]:
    """Hits for routes that are in no contract, by file."""
    told: set[tuple[str, str]] = set()
    for agreement in project.agreements:
        routes = [route for route in agreement.undocumented if (route.method, route.path) not in told]
        told.update((route.method, route.path) for route in routes)
        if not routes:
            continue
        if 2 * len(agreement.undocumented) > agreement.among:
            yield _part(agreement, routes)
            continue
        by_file: dict[str, list[Route]] = {}
        for route in routes:
            by_file.setdefault(route.shown.path, []).append(route)
        for group in by_file.values():
            by_path: dict[str, list[Route]] = {}
            for route in group:
                by_path.setdefault(route.path, []).append(route)
            if len(by_path) >= _TOGETHER:
                yield _hit(agreement, group)
            else:
                for same in by_path.values():
                    yield _hit(agreement, same)


def _hit(agreement: Agreement, routes: list[Route]) -> Hit:
    first = routes[0]
    contract = agreement.contract
    paths = {route.path for route in routes}
    who = f"{_methods(routes)} {first.path}" if len(paths) == 1 else f"{len(routes)} routes of this file"
    stands = "stands" if len(paths) == 1 and len(routes) == 1 else "stand"
    beside = [pair.operation for pair in agreement.pairs if pair.route.path == first.path]
    if len(paths) == 1 and beside:
        place = Place(
            beside[0].path_place.path, beside[0].path_place.span, f"the path, with {beside[0].method}", "contract"
        )
        why = f"the contract has the path {beside[0].path}, without this method"
    else:
        place = Place(contract.paths_place.path, contract.paths_place.span, "the contract's paths", "contract")
        why = f"{contract.path} has {agreement.among - len(agreement.undocumented)} of the {agreement.among} routes beside it"
    if not contract.complete:
        why += "; a part of the contract could not be read"
    return Hit(
        place=first.shown,
        message=f"{who} {stands} in no contract",
        subject=f"{first.method} {first.path}" if len(paths) == 1 else "routes",
        why=why,
        mend="add the operation to the contract, or hide the route from the schema where it is not for clients",
        places=(place, *(() if len(paths) == 1 else _places(routes))),
        confidence=Confidence.HIGH if contract.complete and not first.uncertain else Confidence.MEDIUM,
    )


def _part(agreement: Agreement, routes: list[Route]) -> Hit:
    return Hit(
        place=agreement.contract.paths_place,
        message=f"{len(agreement.undocumented)} of the {agreement.among} routes that this contract could have are not in it",
        subject="contract",
        why="it may describe a part of the API on purpose",
        mend="add the operations that are for clients, and hide the others from the schema",
        places=_places(routes),
        confidence=Confidence.LOW,
    )


def _places(routes: list[Route]) -> tuple[Place, ...]:
    return tuple(
        Place(route.shown.path, route.shown.span, f"{route.method} {route.path}", "route") for route in routes[:SHOWN]
    )


def _methods(routes: list[Route]) -> str:
    return ", ".join(sorted({route.method for route in routes}))


CHECK = Check(
    id="undocumented-route",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use URL or header versioning",
    dont="Break existing clients",
    tags=("OWASP-API9:2023", "CWE-1059"),
    run=run,
    examined=lambda project: sum(agreement.among for agreement in project.agreements),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import APIRouter, FastAPI

                    app = FastAPI()
                    orders = APIRouter(prefix="/orders")


                    @orders.get("/{order_id}")
                    def read_order(order_id: int):
                        return {"id": order_id}


                    @orders.post("/{order_id}/refund", status_code=202)  # <- flagged
                    def refund_order(order_id: int):
                        return {"id": order_id}


                    @orders.get("/{order_id}/lines")
                    def read_lines(order_id: int):
                        return {"id": order_id}


                    app.include_router(orders, prefix="/v1")
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    servers: [{url: "https://api.example.com/v1"}]
                    paths:
                      /orders/{id}:
                        get: {responses: {"200": {description: The order}}}
                      /orders/{id}/lines:
                        get: {responses: {"200": {description: Its lines}}}
                    """,
            },
            "FastAPI: a route that came later; the version is the server's",
        ),
        example(
            {
                "helpdesk/__init__.py": """
                    from flask import Blueprint, Flask, jsonify

                    tickets = Blueprint("tickets", __name__, url_prefix="/api/tickets")


                    @tickets.get("/<int:number>")
                    def show(number):
                        return jsonify(number=number)


                    @tickets.delete("/<int:number>")  # <- flagged
                    def remove(number):
                        return jsonify(removed=number)


                    def create_app():
                        app = Flask(__name__)
                        app.register_blueprint(tickets)
                        return app
                    """,
                "docs/swagger.yaml": """
                    swagger: "2.0"
                    info: {title: Helpdesk, version: "3"}
                    basePath: /api
                    paths:
                      /tickets/{number}/:
                        get: {responses: {200: {description: The ticket}}}
                    """,
            },
            "Flask and OpenAPI 2.0: another method of a path; a base path, a converter and a slash",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitList, VisitNotes, VisitView

                    urlpatterns = [
                        path("api/v2/visits/", VisitList.as_view()),
                        path("api/v2/visits/<int:pk>/", VisitView.as_view()),
                        path("api/v2/visits/<int:pk>/notes/", VisitNotes.as_view()),
                    ]
                    """,
                "clinic/views.py": """
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitList(APIView):
                        def post(self, request):
                            return Response({"booked": True}, status=201)


                    class VisitView(APIView):
                        def get(self, request, pk):
                            return Response({"id": pk})


                    class VisitNotes(APIView):
                        def get(self, request, pk):  # <- flagged
                            return Response({"notes": ""})
                    """,
                "openapi.json": """
                    {
                      "openapi": "3.1.0",
                      "info": {"title": "Clinic", "version": "2.0.0"},
                      "paths": {
                        "/api/v2/visits/": {"post": {"responses": {"201": {"description": "Booked"}}}},
                        "/api/v2/visits/{id}/": {"get": {"responses": {"200": {"description": "The visit"}}}}
                      }
                    }
                    """,
            },
            "Django REST framework and a contract in JSON",
        ),
        example(
            {
                "services/stock/main.py": """
                    from fastapi import FastAPI

                    app = FastAPI()


                    @app.get("/v1/pallets/{number}")
                    def pallet(number: int):
                        return {"number": number}


                    @app.put("/v1/pallets/{number}/place")  # <- flagged
                    def move(number: int, place: str):
                        return {"number": number, "place": place}
                    """,
                "services/stock/openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Stock, version: 1.0.0}
                    paths:
                      /v1/pallets/{number}:
                        get: {responses: {"200": {description: The pallet}}}
                    """,
                "services/billing/main.py": """
                    from fastapi import FastAPI

                    app = FastAPI()


                    @app.get("/v1/bills/{number}")
                    def bill(number: int):
                        return {"number": number}
                    """,
            },
            "two services: only one has a contract",
        ),
    ),
    good=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI
                    from fastapi.responses import HTMLResponse

                    app = FastAPI()


                    @app.get("/healthz")
                    def health():
                        return {"up": True}


                    @app.get("/", response_class=HTMLResponse)
                    def start():
                        return "<h1>Orders</h1>"


                    @app.post("/v1/cleanup", include_in_schema=False)
                    def cleanup():
                        return {"done": True}


                    @app.get("/v1/orders/{number}")
                    def order(number: int):
                        return {"number": number}
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    paths:
                      /v1/orders/{id}:
                        get: {responses: {"200": {description: The order}}}
                    """,
            },
            "what no contract need have",
        ),
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/v1/orders/{number}")
            def order(number: int):
                return {"number": number}
            """,
            "no contract in the repository: the framework makes it",
        ),
        example(
            {
                "shop/main.py": """
                    from flask import Flask, jsonify

                    app = Flask(__name__)


                    @app.get("/v1/carts/<token>")
                    def cart(token):
                        return jsonify(token=token)


                    @app.post("/v1/carts")
                    def create():
                        return jsonify(token="new"), 201
                    """,
                "clients/payments.yaml": """
                    openapi: 3.0.3
                    info: {title: Payments of a provider, version: 1.0.0}
                    paths:
                      /v1/charges: {post: {responses: {"201": {description: Charged}}}}
                      /v1/charges/{id}: {get: {responses: {"200": {description: The charge}}}}
                    """,
            },
            "the contract of another service",
        ),
        example(
            {
                "tables/app.py": """
                    from aiohttp import web


                    async def rows(request):
                        return web.json_response([])


                    async def row(request):
                        return web.json_response({})


                    def make_app():
                        app = web.Application()
                        app.router.add_get(r"/api/v1/tables/{table}/rows", rows)
                        app.router.add_get(r"/api/v1/tables/{table}/rows/{row:\\\\d+}", row)
                        return app
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Tables, version: 1.0.0}
                    servers: [{url: "/tables-service/v1"}]
                    paths:
                      /tables/{name}/rows: {get: {responses: {"200": {description: Rows}}}}
                      /tables/{name}/rows/{id}: {get: {responses: {"200": {description: A row}}}}
                    """,
            },
            "aiohttp behind a proxy that writes another prefix; a pattern in a parameter",
        ),
    ),
)
