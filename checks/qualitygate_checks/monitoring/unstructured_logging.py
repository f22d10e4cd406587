"""Logs that only people can read.

What it flags: a service that logs and has no structured format for it: no JSON formatter (python-json-logger, structlog,
loguru with `serialize=True`, ECS, Logstash, a cloud's handler, or a formatter of its own). Said once, where logging is
configured, else at the application.

Why: a line of text must be taken apart by a pattern before it can be searched by user, order or duration; patterns break
with the next change of a message.

How to mend: give the handlers a JSON formatter, and pass values as fields (`extra={"order": order.id}`, or structlog's
keyword arguments) instead of writing them into the message.

What it cannot see: a configuration in a file that `fileConfig` reads or that is outside of the code, and a collector that
structures the lines behind the service. A service that hardly logs is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate_checks._evidence import entrance, logging_calls, mentions
from qualitygate_checks._reach import is_script

_FEW = 5
"""A service in which fewer functions than this log, and that configures nothing, has no logging to speak of."""

_EVIDENCE = re.compile(
    rb"structlog|json_?log|logstash|ecs_logging|google\.cloud\.logging|google.cloud.{0,99}logging|watchtower|logfire|"
    rb"JsonFormatter|JSONFormatter|json_formatter|JSONRenderer|\A(?=[\s\S]*loguru)(?=[\s\S]*serialize)|GelfHandler|graypy|pygelf|eliot|"
    rb"opentelemetry.{0,99}_logs|StackdriverFormatter|CloudLoggingHandler|azure\.monitor|logmatic|loki|"
    # a format that spells an object itself
    rb"\{\s*[\"']\w+[\"']\s*:\s*[\"']?[%{$]",
)
_APART = re.compile(r"(^|[/_])(debug|dev|pre_?start|docs?|examples?|docker|generat\w*)([/_.-]|$)")
_CONFIGURES = frozenset({"logging.basicConfig", "logging.config.dictConfig"})


def run(project: Project) -> Iterator[Hit]:
    """One hit for a service without a structured format."""
    place = entrance(project)
    if place is None:
        return
    configured = [
        call.place
        for call in project.calls
        if call.name in _CONFIGURES and not is_script(call.place.path) and not _APART.search(call.place.path)
    ]
    configured += [item.place for item in project.assignments if item.name == "LOGGING"]
    if not configured and logging_calls(project) < _FEW:
        return
    if mentions(project, _EVIDENCE):
        return
    where = configured[0] if configured else place
    yield Hit(
        place=Place(where.path, where.span),
        message="this service writes its log as plain text",
        subject="no structured log",
        why="no handler has a JSON formatter"
        if configured
        else "its functions log, and nothing gives the lines a structure",
        mend="give the handlers a JSON formatter (python-json-logger, structlog) and log values as fields",
    )


CHECK = Check(
    id="unstructured-logging",
    domain=Domain.MONITORING,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Log in a structured format",
    dont="Write values into sentences",
    tags=("CWE-778", "SOC2-CC7.2"),
    gates=("error_rate",),
    run=run,
    calls=_CONFIGURES,
    assigns=frozenset({"LOGGING", "ROOT_URLCONF"}),
    examined=lambda project: len(project.routes),
    doc=__doc__,
    bad=(
        example(
            """
            import logging

            from fastapi import FastAPI

            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")  # <- flagged
            logger = logging.getLogger(__name__)
            app = FastAPI()


            @app.post("/v1/orders")
            def create(order: dict):
                logger.info("order %s of %s", order["number"], order["customer"])
                return order
            """,
            "a line of text",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["clinic"]
                    LOGGING = {  # <- flagged
                        "version": 1,
                        "formatters": {"plain": {"format": "{levelname} {message}", "style": "{"}},
                        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
                        "root": {"handlers": ["console"], "level": "INFO"},
                    }
                    """,
                "clinic/urls.py": """
                    from django.http import JsonResponse
                    from django.urls import path


                    def visits(request):
                        return JsonResponse({"visits": 3})


                    urlpatterns = [path("api/v1/visits/", visits)]
                    """,
            },
            "the settings of Django",
        ),
        example(
            """
            import logging.config

            from flask import Flask, jsonify


            def create_app():
                logging.config.dictConfig(  # <- flagged
                    {
                        "version": 1,
                        "formatters": {"default": {"format": "[%(asctime)s] %(message)s"}},
                        "handlers": {"wsgi": {"class": "logging.StreamHandler", "formatter": "default"}},
                        "root": {"level": "INFO", "handlers": ["wsgi"]},
                    }
                )
                app = Flask(__name__)

                @app.get("/api/v1/tickets")
                def tickets():
                    app.logger.info("tickets were listed")
                    return jsonify([])

                return app
            """,
            "a configuration as a mapping",
        ),
        example(
            """
            import logging

            from aiohttp import web

            log = logging.getLogger("feeds")


            async def feed(request):
                log.info("feed %s", request.match_info["name"])
                return web.json_response({})


            def main():
                logging.basicConfig(level=logging.INFO)  # <- flagged
                app = web.Application()
                app.router.add_get("/api/v1/feeds/{name}", feed)
                web.run_app(app)


            main()
            """,
            "aiohttp",
        ),
    ),
    good=(
        example(
            """
            import logging

            from fastapi import FastAPI
            from pythonjsonlogger import jsonlogger

            handler = logging.StreamHandler()
            handler.setFormatter(jsonlogger.JsonFormatter())
            logging.basicConfig(level=logging.INFO, handlers=[handler])
            app = FastAPI()


            @app.get("/v1/orders/{number}")
            def order(number: int):
                logging.info("order", extra={"number": number})
                return {"number": number}
            """,
            "a JSON formatter",
        ),
        example(
            """
            import structlog
            from flask import Flask, jsonify

            structlog.configure(processors=[structlog.processors.JSONRenderer()])
            log = structlog.get_logger()
            app = Flask(__name__)


            @app.get("/api/v1/tickets")
            def tickets():
                log.info("listed", kind="tickets")
                return jsonify([])
            """,
            "structlog",
        ),
        example(
            """
            import sys

            from fastapi import FastAPI
            from loguru import logger

            logger.remove()
            logger.add(sys.stdout, serialize=True)
            app = FastAPI()


            @app.get("/v1/orders/{number}")
            def order(number: int):
                logger.info("order {}", number)
                return {"number": number}
            """,
            "loguru that serialises",
        ),
        example(
            """
            from flask import Flask, jsonify

            app = Flask(__name__)


            @app.get("/api/v1/tickets")
            def tickets():
                return jsonify([])
            """,
            "hardly a log",
        ),
    ),
)
