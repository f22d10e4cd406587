"""A response that tells an error under a status of success.

What it flags: what a handler of an API returns with a status of success, given or by default, while its body says that
something failed: `{"error": "..."}`, `{"success": False}`, `{"status": "error"}`, `{"code": 404}`. Responses of one
handler are told once. JSON-RPC, GraphQL, pages, health checks and webhooks, whose callers read the body alone, are left alone.

Why: clients, proxies, caches, retries and dashboards judge by the status. Under 200 a failure is cached as an answer,
counted as success, and never tried again.

How to mend: answer with the 4xx or 5xx status that fits (`return {...}, 404`, `status_code=`, `status=`), or raise the
framework's error.

What it cannot see: bodies that are built elsewhere or by objects, and statuses that a middleware changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import ErrorResponse

_SHOWN = 5
_HABIT = 10
"""From this many handlers on it is how the API speaks: one decision to mend, not many slips."""


def run(project: Project) -> Iterator[Hit]:
    """A hit for each handler, or one where it is a habit."""
    exempt = {f"{route.method} {route.path}" for route in project.routes if route.exempt}
    owners: dict[str, list[ErrorResponse]] = {}
    for error in project.errors:
        if error.says and error.routes[:1] and not exempt.issuperset(error.routes):
            owners.setdefault(error.owner, []).append(error)
    if len(owners) > _HABIT:
        yield _habit(list(owners.values()))
    else:
        for errors in owners.values():
            yield _hit(errors)


def _hit(errors: list[ErrorResponse]) -> Hit:
    first = errors[0]
    owner = first.owner.split(":", 1)[-1]
    more = [Place(error.place.path, error.place.span, f"`{error.says}`", "definition") for error in errors[1:_SHOWN]]
    return Hit(
        place=first.place,
        message=f"{first.routes[0]} tells an error (`{first.says}`) with status {first.status}",
        subject=f"{owner} {first.says}",
        why="whoever judges by the status takes the failure for success"
        + (f"; {len(errors)} responses of {owner} do so" if len(errors) > 1 else ""),
        mend="answer with the 4xx or 5xx status that fits",
        places=(*first.chain[:1], *more),
    )


def _habit(owners: list[list[ErrorResponse]]) -> Hit:
    first = owners[0][0]
    return Hit(
        place=first.place,
        message=f"{len(owners)} handlers tell errors with a status of success, this one with `{first.says}`",
        subject="errors under success",
        why="whoever judges by the status takes the failures for success",
        mend="answer with the 4xx or 5xx status that fits",
        places=tuple(
            Place(errors[0].place.path, errors[0].place.span, errors[0].routes[0], "definition")
            for errors in owners[1 : _SHOWN + 1]
        ),
    )


CHECK = Check(
    id="error-with-success-status",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Answer with a consistent error format",
    dont="Return unstructured errors",
    tags=("CWE-393", "OWASP-API8:2023"),
    gates=("error_rate",),
    run=run,
    examined=lambda project: sum(1 for route in project.routes if route.api),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()
            ORDERS = {1: "open"}


            @app.get("/v1/orders/{number}")
            def read_order(number: int):
                if number not in ORDERS:
                    return {"error": "no such order"}  # <- flagged
                return {"state": ORDERS[number]}
            """,
            "FastAPI: a mapping",
        ),
        example(
            """
            from flask import Flask, jsonify, request

            app = Flask(__name__)


            @app.post("/api/v1/tickets")
            def open_ticket():
                body = request.get_json()
                if "subject" not in body:
                    return jsonify({"success": False, "message": "subject is missing"})  # <- flagged
                if len(body["subject"]) > 200:
                    return {"status": "error", "message": "subject is too long"}, 200
                return jsonify(id=1), 201
            """,
            "Flask: two of them in one handler",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitView, slots

                    urlpatterns = [
                        path("api/v1/visits/", VisitView.as_view()),
                        path("api/v1/slots/", slots),
                    ]
                    """,
                "clinic/views.py": """
                    from django.http import JsonResponse
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitView(APIView):
                        def post(self, request):
                            if "patient" not in request.data:
                                return Response({"errors": {"patient": "is missing"}})  # <- flagged
                            return Response({"booked": True})


                    def slots(request):
                        if request.method != "GET":
                            return JsonResponse({"code": 405, "message": "not allowed"})  # <- flagged
                        return JsonResponse({"slots": []})
                    """,
            },
            "Django, with and without the REST framework",
        ),
        example(
            """
            from fastapi import APIRouter, FastAPI
            from fastapi.responses import JSONResponse

            app = FastAPI()
            router = APIRouter(prefix="/v1")


            @router.post("/payments")
            def pay(amount: int):
                try:
                    return {"paid": amount}
                except ArithmeticError as error:
                    return JSONResponse({"ok": False, "reason": "amount"}, status_code=200)  # <- flagged


            app.include_router(router)
            """,
            "a response object of FastAPI",
        ),
    ),
    good=(
        example(
            """
            from fastapi import FastAPI, HTTPException, Response
            from fastapi.responses import JSONResponse

            app = FastAPI()


            @app.get("/v1/orders/{number}")
            def read_order(number: int, response: Response):
                if number < 0:
                    raise HTTPException(status_code=404, detail="no such order")
                if number == 0:
                    return JSONResponse({"error": "number"}, status_code=422)
                if number > 100:
                    response.status_code = 410
                    return {"error": "gone"}
                return {"state": "open", "error": None, "errors": []}


            @app.get("/health")
            def health():
                return {"status": "error"}
            """,
            "FastAPI: statuses that fit, and a health check",
        ),
        example(
            """
            from flask import Flask, jsonify, make_response

            app = Flask(__name__)


            @app.get("/api/v1/tickets/<int:number>")
            def ticket(number):
                if number > 100:
                    return jsonify(success=False, error="no such ticket"), 404
                if number < 0:
                    return make_response(jsonify(error="number"), 400)
                return jsonify(success=True, number=number)
            """,
            "Flask: statuses in the tuple",
        ),
        example(
            """
            import stripe
            from flask import Flask, jsonify, request

            app = Flask(__name__)


            @app.post("/api/v1/rpc")
            def rpc():
                call = request.get_json()
                return jsonify({"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601, "message": "no method"}})


            @app.post("/api/v1/hooks/payments")
            def webhook():
                return jsonify({"success": False})


            @app.post("/api/v1/subscriptions")
            def subscription():
                event = stripe.Webhook.construct_event(request.data, request.headers["Stripe-Signature"], "s")
                return jsonify({"success": event is None, "ok": False})
            """,
            "JSON-RPC, and a webhook",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitView

                    urlpatterns = [path("api/v1/visits/", VisitView.as_view())]
                    """,
                "clinic/views.py": """
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitView(APIView):
                        def post(self, request):
                            if "patient" not in request.data:
                                return Response({"error": "patient is missing"}, 400)
                            failed = []
                            return Response({"booked": 3, "errors": failed})
                    """,
            },
            "Django REST framework: a status by position, a list of what failed",
        ),
    ),
)
