"""A status that the code answers and the contract does not have.

What it flags: a 4xx status that a handler answers with, or the framework's exception for it one call away, where the operation of the
contract that it serves has neither that status nor its range (`4XX`) nor `default`, and has other errors. The statuses of
what stands in front of handlers (401, 403, 405, 406, 413, 415, 422, 429) are left alone. Each status is told where the code
answers it; more than three in one file are told together.

Why: a client that was built from the contract takes the answer for a failure of the server, or fails to read it.

How to mend: add the response to the operation; where all operations may answer so, document `4XX` or `default`.

What it cannot see: statuses that are computed, that deeper code or handlers of exceptions give; operations that document
no error at all, which `undocumented-error` tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import ErrorResponse
from qualitygate.model.contract import Operation

# More of one file than this are told together.
_TOGETHER = 3
SHOWN = 5

_IN_FRONT = frozenset((401, 403, 405, 406, 413, 415, 422, 429))


@dataclass(frozen=True)
class _Missing:
    """A status of one operation, and the response in the code that has it."""

    operation: Operation
    response: ErrorResponse


def run(project: Project) -> Iterator[Hit]:
    """A hit for each response of the code that the contract does not have, or one for a file with many."""
    by_file: dict[str, dict[Place, _Missing]] = {}
    told: set[tuple[Place, int]] = set()
    for missing in _missing(project):
        key = (missing.operation.place, missing.response.status)
        if key not in told:
            told.add(key)
            by_file.setdefault(missing.response.place.path, {}).setdefault(missing.response.place, missing)
    for found in by_file.values():
        every = list(found.values())
        if len(every) > _TOGETHER:
            yield _file(every)
        else:
            yield from map(_one, every)


def _missing(project: Project) -> Iterator[_Missing]:
    answers: dict[str, list[ErrorResponse]] = {}
    for response in project.errors:
        if 400 <= response.status < 500 and response.status not in _IN_FRONT and _is_sure(response):
            for name in response.routes:
                answers.setdefault(name, []).append(response)
    for agreement in project.agreements:
        if not agreement.contract.complete:
            continue
        for pair in agreement.pairs:
            documented = {response.status.upper() for response in pair.operation.responses}
            # Without any error the operation is told as a whole.
            if documented & {"4XX", "DEFAULT"} or not any(status[:1] == "4" for status in documented):
                continue
            for response in answers.get(f"{pair.route.method} {pair.route.path}", ()):
                if str(response.status) not in documented:
                    yield _Missing(pair.operation, response)


def _is_sure(response: ErrorResponse) -> bool:
    """Whether a response leaves the service: the handler's own, or an exception one call away, which nobody returns on."""
    return len(response.chain) <= 1 or (len(response.chain) == 2 and response.shape.startswith("framework"))


def _one(missing: _Missing) -> Hit:
    operation, response = missing.operation, missing.response
    return Hit(
        place=Place(response.place.path, response.place.span),
        message=f"{operation.name} answers {response.status}, which the contract does not have",
        subject=f"{operation.name} {response.status}",
        why=f"the contract has {', '.join(one.status for one in operation.responses)}",
        mend=f"add the response {response.status} to the operation",
        places=(*response.chain, _place(operation)),
        confidence=Confidence.MEDIUM,
    )


def _file(every: list[_Missing]) -> Hit:
    first = every[0]
    said = [f"{one.operation.name} {one.response.status}" for one in every]
    return Hit(
        place=Place(first.response.place.path, first.response.place.span),
        message=f"{len(every)} responses of this file have a status that the contract does not have",
        subject="statuses",
        why=", ".join(said[:SHOWN]) + (" and others" if len(said) > SHOWN else ""),
        mend="add the responses to the operations, or document `4XX` or `default`",
        places=tuple(_place(one.operation) for one in every[:SHOWN]),
        confidence=Confidence.MEDIUM,
    )


def _place(operation: Operation) -> Place:
    return Place(operation.place.path, operation.place.span, operation.name, "contract")


CHECK = Check(
    id="undocumented-status",
    domain=Domain.API,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Use a consistent error format",
    dont="Return unstructured errors",
    tags=("CWE-1059",),
    run=run,
    examined=lambda project: sum(len(agreement.pairs) for agreement in project.agreements),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, HTTPException

                    app = FastAPI()


                    @app.post("/v1/orders/{number}/refund")
                    def refund(number: int):
                        if number > 1000:
                            raise HTTPException(404, "no such order")
                        if number % 2:
                            raise HTTPException(status_code=409, detail="refunded already")  # <- flagged
                        return {"number": number}
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    paths:
                      /v1/orders/{id}/refund:
                        post:
                          responses:
                            "200": {description: Refunded}
                            "404": {description: No such order}
                    """,
            },
            "FastAPI: a conflict",
        ),
        example(
            {
                "helpdesk.py": """
                    from flask import Flask, abort, jsonify

                    app = Flask(__name__)


                    @app.get("/api/tickets/<int:number>")
                    def ticket(number):
                        if number > 1000:
                            abort(410)  # <- flagged
                        return jsonify(number=number)
                    """,
                "swagger.yaml": """
                    swagger: "2.0"
                    info: {title: Helpdesk, version: "3"}
                    basePath: /api
                    paths:
                      /tickets/{id}:
                        get:
                          responses:
                            200: {description: The ticket}
                            404: {description: No such ticket}
                    """,
            },
            "Flask and OpenAPI 2.0",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitView

                    urlpatterns = [path("api/v2/visits/<int:pk>/", VisitView.as_view())]
                    """,
                "clinic/views.py": """
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitView(APIView):
                        def delete(self, request, pk):
                            if pk < 10:
                                return Response({"detail": "held already"}, status=409)  # <- flagged
                            return Response(status=204)
                    """,
                "openapi.yaml": """
                    openapi: 3.1.0
                    info: {title: Clinic, version: 2.0.0}
                    paths:
                      /api/v2/visits/{id}/:
                        delete:
                          responses:
                            "204": {description: Gone}
                            "404": {description: No such visit}
                    """,
            },
            "Django REST framework",
        ),
        example(
            {
                "shop.py": """
                    from fastapi import FastAPI, HTTPException

                    app = FastAPI()


                    def find(number: int):
                        if number > 1000:
                            raise HTTPException(404)  # <- flagged
                        return {"number": number}


                    @app.get("/v1/carts/{number}")
                    def cart(number: int):
                        return find(number)
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Carts, version: 1.4.0}
                    paths:
                      /v1/carts/{number}:
                        get:
                          responses:
                            "200": {description: The cart}
                            "422": {description: No number}
                    """,
            },
            "one call away",
        ),
    ),
    good=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, HTTPException

                    app = FastAPI()


                    @app.get("/v1/a/{number}")
                    def a(number: int):
                        raise HTTPException(404)


                    @app.get("/v1/b/{number}")
                    def b(number: int):
                        raise HTTPException(409)


                    @app.get("/v1/c/{number}")
                    def c(number: int):
                        raise HTTPException(403)


                    @app.get("/v1/d/{number}")
                    def d(number: int):
                        raise HTTPException(410)
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    paths:
                      /v1/a/{n}: {get: {responses: {"200": {description: A}, "404": {description: None}}}}
                      /v1/b/{n}: {get: {responses: {"200": {description: B}, 4XX: {description: Any}}}}
                      /v1/c/{n}: {get: {responses: {"200": {description: C}, "404": {description: None}}}}
                      /v1/d/{n}: {get: {responses: {"200": {description: D}, default: {description: Any}}}}
                    """,
            },
            "documented, in a range, in front of the handler, by default",
        ),
        example(
            {
                "helpdesk.py": """
                    from flask import Flask, abort

                    app = Flask(__name__)


                    @app.get("/api/tickets/<int:number>")
                    def ticket(number):
                        abort(404)
                    """,
                "swagger.yaml": """
                    swagger: "2.0"
                    info: {title: Helpdesk, version: "3"}
                    paths:
                      /api/tickets/{id}: {get: {responses: {200: {description: The ticket}}}}
                    """,
            },
            "an operation that documents no error at all is told elsewhere",
        ),
        example(
            """
            from fastapi import FastAPI, HTTPException

            app = FastAPI()


            @app.get("/v1/a")
            def a():
                raise HTTPException(418)
            """,
            "no contract",
        ),
        example(
            {
                "shop.py": """
                    from fastapi import FastAPI, HTTPException

                    app = FastAPI()


                    @app.get("/v1/carts/{number}")
                    def cart(number: int):
                        raise HTTPException(400 + number % 20)
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Carts, version: 1.4.0}
                    paths:
                      /v1/carts/{number}: {get: {responses: {"200": {description: A}, "400": {description: B}}}}
                    """,
            },
            "a status that is computed",
        ),
    ),
)
