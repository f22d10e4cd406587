"""Logs in which the lines of one request cannot be found.

What it flags: a service that logs in many places, with nothing that gives the lines of one request a common number: no
request or correlation id that is read, made or passed on, and no tracing (OpenTelemetry, Datadog, Elastic APM, New Relic,
Sentry's tracing). Said once, at the application.

Why: the error is in one line and its cause in another, among those of a thousand other requests and of the services that
were called. Without a number that they share, nobody puts them together again.

How to mend: a middleware that takes `X-Request-ID` or `traceparent` from the request, or makes one, keeps it in a
`ContextVar`, writes it with every line and sends it with every call (asgi-correlation-id, django-guid, OpenTelemetry).

What it cannot see: numbers that a proxy adds and a log configuration outside of the code picks up. A service that hardly
logs is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate_checks._evidence import entrance, logging_calls, mentions

_FEW = 5
"""In a service in which fewer functions than this log, the lines of a request are found without a number."""

_EVIDENCE = re.compile(
    rb"correlation[-_ ]?id|request[-_]?id|trace[-_]?id|traceparent|requestid|x-amzn-trace|cloud-trace|django_guid|"
    rb"opentelemetry|ddtrace|elasticapm|elastic-apm|newrelic|logfire|traces_sample_rate|contextvars\.merge|"
    rb"bind_contextvars|request_uuid|req_id|starlette_context|aws_xray|jaeger|opentracing",
    re.IGNORECASE,
)


def run(project: Project) -> Iterator[Hit]:
    """One hit for a service whose requests have no number."""
    place = entrance(project)
    if place is None:
        return
    functions = logging_calls(project)
    if functions < _FEW or mentions(project, _EVIDENCE):
        return
    yield Hit(
        place=place,
        message="the lines that one request logs have nothing in common",
        subject="no correlation id",
        why=f"{functions} functions log, and neither a request id nor tracing is found",
        mend="take or make an `X-Request-ID` in a middleware, and write it with every line",
    )


_NOTES = "\n".join(f"def step_{number}():\n    logger.info('step {number}')\n\n" for number in range(_FEW))

CHECK = Check(
    id="missing-correlation-id",
    domain=Domain.MONITORING,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Give every request a number",
    dont="Log lines that cannot be put together",
    tags=("CWE-778", "SOC2-CC7.2"),
    gates=("error_rate",),
    run=run,
    assigns=frozenset({"ROOT_URLCONF"}),
    examined=lambda project: len(project.routes),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/main.py": """
                    from fastapi import FastAPI

                    from shop.steps import step_1

                    app = FastAPI()  # <- flagged


                    @app.get("/v1/orders/{number}")
                    def order(number: int):
                        step_1()
                        return {"number": number}
                    """,
                "shop/steps.py": "import logging\n\nlogger = logging.getLogger(__name__)\n\n\n" + _NOTES,
            },
            "many lines, no number",
        ),
        example(
            {
                "helpdesk/main.py": """
                    from flask import Flask, jsonify

                    from helpdesk.steps import step_1

                    app = Flask(__name__)  # <- flagged


                    @app.get("/api/v1/tickets")
                    def tickets():
                        step_1()
                        return jsonify([])
                    """,
                "helpdesk/steps.py": "import logging\n\nlogger = logging.getLogger(__name__)\n\n\n" + _NOTES,
            },
            "Flask",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"  # <- flagged
                    INSTALLED_APPS = ["clinic"]
                    """,
                "clinic/urls.py": """
                    from django.http import JsonResponse
                    from django.urls import path

                    from clinic.steps import step_1


                    def visits(request):
                        step_1()
                        return JsonResponse({"visits": 3})


                    urlpatterns = [path("api/v1/visits/", visits)]
                    """,
                "clinic/steps.py": "import logging\n\nlogger = logging.getLogger(__name__)\n\n\n" + _NOTES,
            },
            "Django",
        ),
        example(
            {
                "feeds/main.py": """
                    from litestar import Litestar, get

                    from feeds.steps import step_1


                    @get("/v1/feeds")
                    async def feeds() -> list[str]:
                        step_1()
                        return []


                    app = Litestar([feeds])  # <- flagged
                    """,
                "feeds/steps.py": "import logging\n\nlogger = logging.getLogger(__name__)\n\n\n" + _NOTES,
            },
            "Litestar",
        ),
    ),
    good=(
        example(
            {
                "shop/main.py": """
                    from asgi_correlation_id import CorrelationIdMiddleware
                    from fastapi import FastAPI

                    app = FastAPI()
                    app.add_middleware(CorrelationIdMiddleware)


                    @app.get("/v1/orders/{number}")
                    def order(number: int):
                        return {"number": number}
                    """,
                "shop/steps.py": "import logging\n\nlogger = logging.getLogger(__name__)\n\n\n" + _NOTES,
            },
            "a middleware of a library",
        ),
        example(
            {
                "helpdesk/main.py": """
                    import uuid

                    from flask import Flask, g, jsonify, request

                    app = Flask(__name__)


                    @app.before_request
                    def number():
                        g.number = request.headers.get("X-Request-ID") or uuid.uuid4().hex


                    @app.get("/api/v1/tickets")
                    def tickets():
                        return jsonify([])
                    """,
                "helpdesk/steps.py": "import logging\n\nlogger = logging.getLogger(__name__)\n\n\n" + _NOTES,
            },
            "a header that is read or made",
        ),
        example(
            {
                "shop/main.py": """
                    from fastapi import FastAPI
                    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

                    app = FastAPI()
                    FastAPIInstrumentor.instrument_app(app)


                    @app.get("/v1/orders/{number}")
                    def order(number: int):
                        return {"number": number}
                    """,
                "shop/steps.py": "import logging\n\nlogger = logging.getLogger(__name__)\n\n\n" + _NOTES,
            },
            "tracing",
        ),
        example(
            """
            import logging

            from fastapi import FastAPI

            logger = logging.getLogger(__name__)
            app = FastAPI()


            @app.get("/v1/orders/{number}")
            def order(number: int):
                logger.info("order %s", number)
                return {"number": number}
            """,
            "hardly a log",
        ),
    ),
)
