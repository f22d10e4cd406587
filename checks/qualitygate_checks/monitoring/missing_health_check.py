"""A service that nobody can ask whether it is well.

What it flags: an application with API routes and without one for health or readiness (`/health`, `/healthz`, `/ready`,
`/live`, `/ping`, `/status` and their like, under any prefix), and without a library or middleware that brings one. Said
once, at the application.

Why: an orchestrator sends requests to an instance that is still starting, has lost its database or hangs, and a
deployment cannot tell a good release from a dead one.

How to mend: answer `/health` while the process lives and `/ready` while it can serve (a query to the database with a
short timeout), without authentication.

What it cannot see: a check that a server in front of the application answers, and whether a route that is there asks
what it depends on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate_checks._evidence import entrance, mentions

_EVIDENCE = re.compile(
    rb"[/'\"^]_*(health|healthz|healthy|ready|readyz|readiness|live|livez|liveness|ping|heartbeat|lbheartbeat)"
    rb"([-_]?check)?s?/?[$'\"/\x80-\xff\xa0-\xbf]|health_?check|fastapi_health|flask_healthz|watchman|django_alive",
    re.IGNORECASE,
)
_SEGMENT = re.compile(
    r"_*(health|healthz|healthy|ready|readyz|readiness|live|livez|liveness|ping|heartbeat|lbheartbeat|alive)"
    r"([-_]?(check|checks|status|probe|z))?"
)


def run(project: Project) -> Iterator[Hit]:
    """One hit for a project whose routes have no health check."""
    place = entrance(project)
    if place is None or any(route.exempt == "health" or _is_health(route.path) for route in project.routes):
        return
    if mentions(project, _EVIDENCE):
        return
    served = sum(route.api for route in project.routes)
    unsure = any(route.uncertain for route in project.routes)
    yield Hit(
        place=place,
        message="this service has no health check",
        subject="no health check",
        why=f"none of its {served} operations"
        + (" that could be followed" if unsure else "")
        + " is one for health or readiness",
        mend="add `/health` for the process and `/ready` for what it depends on, without authentication",
        confidence=Confidence.MEDIUM if unsure else None,
    )


def _is_health(path: str) -> bool:
    return any(_SEGMENT.fullmatch(segment) for segment in path.lower().split("/"))


CHECK = Check(
    id="missing-health-check",
    domain=Domain.MONITORING,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Expose health and readiness",
    dont="Leave orchestrators guessing",
    tags=("CWE-778", "SOC2-A1.2"),
    gates=("graceful_degradation", "availability"),
    run=run,
    assigns=frozenset({"ROOT_URLCONF"}),
    examined=lambda project: len(project.routes),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()  # <- flagged


            @app.get("/v1/orders/{number}")
            def order(number: int):
                return {"number": number}
            """,
            "orders only",
        ),
        example(
            {
                "helpdesk/__init__.py": """
                    from flask import Flask

                    from helpdesk.views import tickets


                    def create_app():
                        app = Flask(__name__)  # <- flagged
                        app.register_blueprint(tickets, url_prefix="/api/v1")
                        return app
                    """,
                "helpdesk/views.py": """
                    from flask import Blueprint, jsonify

                    tickets = Blueprint("tickets", __name__)


                    @tickets.get("/tickets/<int:number>/health-insurance")
                    def ticket(number):
                        return jsonify(number=number)
                    """,
            },
            "insurance is no health",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"  # <- flagged
                    INSTALLED_APPS = ["rest_framework", "clinic"]
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
                            return Response({"booked": True}, status=201)
                    """,
            },
            "a Django project",
        ),
        example(
            """
            from litestar import Litestar, get


            @get("/v1/rates/{currency:str}")
            async def rate(currency: str) -> dict[str, str]:
                return {"currency": currency}


            app = Litestar([rate])  # <- flagged
            """,
            "Litestar",
        ),
    ),
    good=(
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/v1/orders/{number}")
            def order(number: int):
                return {"number": number}


            @app.get("/healthz")
            def health():
                return {"status": "ok"}
            """,
            "a route",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["health_check", "health_check.db", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.http import JsonResponse
                    from django.urls import include, path


                    def visits(request):
                        return JsonResponse({"visits": 3})


                    urlpatterns = [path("api/v1/visits/", visits), path("ht/", include("health_check.urls"))]
                    """,
            },
            "a library",
        ),
        example(
            """
            from fastapi import FastAPI
            from starlette.responses import PlainTextResponse


            class HealthMiddleware:
                def __init__(self, app):
                    self.app = app

                async def __call__(self, scope, receive, send):
                    if scope.get("path") == "/health":
                        await PlainTextResponse("ok")(scope, receive, send)
                        return
                    await self.app(scope, receive, send)


            app = FastAPI()
            app.add_middleware(HealthMiddleware)


            @app.get("/v1/orders/{number}")
            def order(number: int):
                return {"number": number}
            """,
            "a middleware",
        ),
        example(
            """
            from flask import Flask, render_template

            app = Flask(__name__)


            @app.get("/")
            def page():
                return render_template("index.html")
            """,
            "pages only",
        ),
    ),
)
