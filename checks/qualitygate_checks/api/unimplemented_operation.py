"""An operation that the contract promises and no route serves.

What it flags: an operation of a contract whose method and path no route of the code has, where the code serves other
operations of the same contract. Contract and code are laid over one another by their paths: the base path of the
contract's servers, prefixes of mounts, names of parameters, converters and slashes at the end make no difference, and a
route for `/reports/{kind}` serves `/reports/daily` too. Where at least half of the operations share the fault, or more
than ten do, it is told once; where the code serves less than half of the contract, with low confidence. Health checks
and documentation are left alone, and so are contracts that belong to other services and those from which a library
makes the routes.

Why: generated clients call it and get a 404. Either it was taken away without telling anybody, or it never came.

How to mend: serve the operation, or take it out of the contract, with a new major version where clients may use it.

What it cannot see: operations that a gateway, another service or a library serves.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.agreement import Agreement
from qualitygate.model.contract import Operation
from qualitygate_checks.api._contract import ALONE, place

SHOWN = 5


def run(project: Project) -> Iterator[Hit]:
    """A hit for each operation that no route serves, or one for the contract."""
    for agreement in project.agreements:
        missing = agreement.unimplemented
        among = len(missing) + len({id(pair.operation) for pair in agreement.pairs})
        few = 2 * len(missing) > among
        if few or len(missing) > ALONE:
            yield _whole(agreement, missing, among, Confidence.LOW if few else Confidence.MEDIUM)
            continue
        for operation in missing:
            yield _hit(agreement, operation)


def _hit(agreement: Agreement, operation: Operation) -> Hit:
    same = [pair.route for pair in agreement.pairs if pair.operation.full_path == operation.full_path]
    if same:
        others = ", ".join(dict.fromkeys(route.method for route in same))
        why = f"the code serves this path with {others} only"
        near: tuple[Place, ...] = (
            Place(same[0].shown.path, same[0].shown.span, f"{same[0].method} {same[0].path}", "route"),
        )
    else:
        why = f"no route of the code has this path, though it serves {len(agreement.pairs)} others of this contract"
        near = _neighbour(agreement, operation)
    return Hit(
        place=operation.place,
        message=f"{operation.name} is promised, and no route serves it",
        subject=operation.name,
        why=why + ("" if agreement.sure else "; not sure: some routes of the code could not be followed"),
        mend="serve it, or take it out of the contract",
        places=near,
        confidence=Confidence.MEDIUM,
    )


def _neighbour(agreement: Agreement, operation: Operation) -> tuple[Place, ...]:
    """The route that serves the operation nearest by its path: where the missing one would be."""

    def shared(path: str) -> int:
        return sum(
            1 for one, other in zip(path.split("/"), operation.full_path.split("/"), strict=False) if one == other
        )

    pair = max(agreement.pairs, key=lambda pair: shared(pair.operation.full_path), default=None)
    if pair is None:
        return ()
    return (Place(pair.route.shown.path, pair.route.shown.span, f"serves {pair.operation.name}", "route"),)


def _whole(agreement: Agreement, missing: tuple[Operation, ...], among: int, confidence: Confidence) -> Hit:
    return Hit(
        place=agreement.contract.paths_place,
        message=f"{len(missing)} of the {among} operations of this contract are served by no route",
        subject="contract",
        why="the code serves the others"
        + ("; the rest may be served elsewhere" if confidence is Confidence.LOW else ""),
        mend="serve them, or take them out of the contract",
        places=tuple(place(operation) for operation in missing[:SHOWN]),
        confidence=confidence,
    )


CHECK = Check(
    id="unimplemented-operation",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Use URL or header versioning",
    dont="Break existing clients",
    tags=("OWASP-API9:2023", "CWE-1059"),
    run=run,
    examined=lambda project: sum(
        len(agreement.unimplemented) + len({id(pair.operation) for pair in agreement.pairs})
        for agreement in project.agreements
    ),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    app = FastAPI()


                    @app.get("/v1/orders/{number}")
                    def order(number: int):
                        return {"number": number}


                    @app.get("/v1/orders/{number}/lines")
                    def lines(number: int):
                        return {"number": number}
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    paths:
                      /v1/orders/{id}:
                        get: {responses: {"200": {description: The order}}}
                      /v1/orders/{id}/lines:
                        get: {responses: {"200": {description: Its lines}}}
                      /v1/orders/{id}/refund:
                        post:  # <- flagged
                          responses: {"202": {description: Refunded}}
                    """,
            },
            "FastAPI: a path that is not there",
        ),
        example(
            {
                "helpdesk.py": """
                    from flask import Flask, jsonify

                    app = Flask(__name__)


                    @app.route("/api/tickets/<int:number>", methods=["GET", "PATCH"])
                    def ticket(number):
                        return jsonify(number=number)
                    """,
                "swagger.yaml": """
                    swagger: "2.0"
                    info: {title: Helpdesk, version: "3"}
                    basePath: /api
                    paths:
                      /tickets/{number}:
                        get: {responses: {200: {description: The ticket}}}
                        patch: {responses: {200: {description: Changed}}}
                        delete:  # <- flagged
                          responses: {204: {description: Gone}}
                    """,
            },
            "Flask and OpenAPI 2.0: a method that is not there",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import include, path
                    from rest_framework.routers import DefaultRouter

                    from clinic.views import PatientViewSet

                    router = DefaultRouter()
                    router.register("patients", PatientViewSet)

                    urlpatterns = [path("api/v2/", include(router.urls))]
                    """,
                "clinic/views.py": """
                    from rest_framework import mixins, viewsets


                    class PatientViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
                        queryset = None
                    """,
                "docs/openapi.json": """
                    {
                      "openapi": "3.1.0",
                      "info": {"title": "Clinic", "version": "2.0.0"},
                      "servers": [{"url": "https://clinic.example/api/v2"}],
                      "paths": {
                        "/patients/": {"get": {"responses": {"200": {"description": "Patients"}}}},
                        "/patients/{id}/": {
                          "get": {"responses": {"200": {"description": "One"}}},
                          "delete": {"responses": {"204": {"description": "Gone"}}}  // <- flagged
                        }
                      }
                    }
                    """,
            },
            "Django REST framework: a view set that does less than the contract says",
        ),
        example(
            {
                "stock/app.py": """
                    from aiohttp import web

                    routes = web.RouteTableDef()


                    @routes.get("/pallets/{number}")
                    async def pallet(request):
                        return web.json_response({})


                    @routes.post("/pallets")
                    async def add(request):
                        return web.json_response({}, status=201)


                    def make_app():
                        app = web.Application()
                        app.add_routes(routes)
                        return app
                    """,
                "stock/openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Stock, version: 1.0.0}
                    servers: [{url: "https://stock.example/v1"}]
                    paths:
                      /pallets: {post: {responses: {"201": {description: Added}}}}
                      /pallets/{id}: {get: {responses: {"200": {description: A pallet}}}}
                      /places:
                        get:  # <- flagged
                          responses: {"200": {description: Places}}
                    """,
            },
            "aiohttp behind a proxy that takes the prefix away",
        ),
    ),
    good=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    app = FastAPI()


                    @app.get("/v1/reports/{kind}")
                    def report(kind: str):
                        return {"kind": kind}


                    @app.get("/v1/files/{path:path}")
                    def file(path: str):
                        return {"path": path}
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Reports, version: 1.4.0}
                    paths:
                      /health: {get: {responses: {"200": {description: Up}}}}
                      /v1/files/{name}: {get: {responses: {"200": {description: A file}}}}
                      /v1/reports/daily: {get: {responses: {"200": {description: Of a day}}}}
                      /v1/reports/weekly: {get: {responses: {"200": {description: Of a week}}}}
                    """,
            },
            "one route for several paths of the contract; a health check of the gateway",
        ),
        example(
            {
                "shop.py": """
                    import connexion

                    app = connexion.FlaskApp(__name__, specification_dir="api")
                    app.add_api("openapi.yaml")


                    @app.route("/version-of-the-shop")
                    def version():
                        return {"version": 4}
                    """,
                "api/openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Shop, version: 1.0.0}
                    paths:
                      /v1/carts: {post: {operationId: shop.create, responses: {"201": {description: Made}}}}
                    """,
            },
            "connexion makes the routes from the contract",
        ),
        example(
            {
                "client/openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Somebody else's, version: 1.0.0}
                    paths:
                      /v1/charges: {post: {responses: {"201": {description: Charged}}}}
                    """,
                "client/call.py": """
                    import httpx


                    def charge(amount: int) -> None:
                        httpx.post("https://payments.example/v1/charges", json={"amount": amount}, timeout=5)
                    """,
            },
            "code that calls the contract and serves nothing",
        ),
        example(
            {
                "helpdesk.py": """
                    from flask import Blueprint, Flask, jsonify
                    from flask.views import MethodView

                    bp = Blueprint("tickets", __name__)


                    class Ticket(MethodView):
                        def get(self, number):
                            return jsonify(number=number)

                        def delete(self, number):
                            return "", 204


                    bp.add_url_rule("/tickets/<int:number>", view_func=Ticket.as_view("ticket"))

                    app = Flask(__name__)
                    app.register_blueprint(bp, url_prefix="/internal-prefix/api/v3")
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Helpdesk, version: "3"}
                    servers: [{url: "https://{host}/v3", variables: {host: {default: helpdesk.example}}}]
                    paths:
                      /tickets/{ticketNumber}:
                        get: {responses: {"200": {description: The ticket}}}
                        delete: {responses: {"204": {description: Gone}}}
                        head: {responses: {"200": {description: It is there}}}
                    """,
            },
            "a class of Flask under another prefix; HEAD comes with GET",
        ),
    ),
)
