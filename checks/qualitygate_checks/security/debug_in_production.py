"""Debug mode where production would run it.

What it flags: `debug=True` of a Flask, FastAPI, Starlette, Litestar, Sanic or Tornado application or of the server it is
run with, `DEBUG = True` in the settings of Django and in the configuration of Flask, `app.debug = True`, and the
debugger of Werkzeug, and `FLASK_DEBUG=1` and its like in container files (low in confidence in a compose or `.env` file
that is not named for production). Settings that are named for development or tests are left alone, and so are calls under a condition on debugging and a base whose production
settings turn debugging off. Where the environment decides and debugging is on when it says nothing, the confidence is
medium; so it is where a file is run directly (`app.run(debug=True)`), which production servers do not do.

Why: a debug page shows source code, local variables and settings to whoever causes an error, and the debugger of
Werkzeug runs any Python that is typed into it.

How to mend: leave debugging off unless the environment asks for it:
`DEBUG = os.environ.get("DEBUG", "") == "1"`.

What it cannot see: what the environment says in production, and settings that are written at deployment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Assignment, Call
from qualitygate_checks.security._module import own, scope_steps
from qualitygate_checks.security._settings import (
    defaults_to_true,
    is_deployed,
    is_development,
    is_true,
    place_of,
    production,
    variables,
)

_APPLICATIONS = frozenset(
    """fastapi.FastAPI fastapi.applications.FastAPI starlette.applications.Starlette litestar.Litestar litestar.app.Litestar
    tornado.web.Application bottle.run""".split()
)
_SERVERS = frozenset(("flask.Flask.run", "quart.Quart.run", "sanic.Sanic.run", "?.run", "?.run_server"))
_DEBUGGER = frozenset(("werkzeug.debug.DebuggedApplication",))
_VARIABLES = frozenset(("FLASK_DEBUG", "DJANGO_DEBUG", "FASTAPI_DEBUG", "APP_DEBUG", "DEBUG"))
_DEBUGGING = re.compile(r"debug|(?:^|_)dev(?:elop\w*)?(?:_|$)|(?:^|_)local(?:_|$)", re.IGNORECASE)
_CONFIGURATION = re.compile(r"config|settings", re.IGNORECASE)
_FLASKS = frozenset(("flask", "quart"))


def run(project: Project) -> Iterator[Hit]:
    """Hits for settings, applications and servers in debug mode."""
    yield from _django(project)
    yield from _assigned(project)
    yield from _environment(project)
    for call in project.calls:
        yield from (hit for hit in _called(call) if not _is_guarded(project, call))


def _django(project: Project) -> Iterator[Hit]:
    told = set()
    for settings in production(project):
        value = settings.values.get("DEBUG")
        place = place_of(settings, "DEBUG")
        if place in told:
            continue
        if is_true(value):
            told.add(place)
            yield _hit(place, "`DEBUG = True` in the settings of Django", f"{settings.path} DEBUG")
        elif defaults_to_true(value):
            told.add(place)
            yield _default(
                place, "`DEBUG` of Django is on unless the environment turns it off", f"{settings.path} DEBUG"
            )


def _environment(project: Project) -> Iterator[Hit]:
    """Variables that container files and the like set."""
    for path, variable, place in variables(project):
        on = variable.value.lower() in ("1", "true", "yes", "on")
        if (variable.key in _VARIABLES and on) or (variable.key == "FLASK_ENV" and variable.value == "development"):
            hit = _hit(place, f"`{variable.key}={variable.value}` switches debug mode on", f"{path} {variable.key}")
            yield hit if is_deployed(path) else msgspec.structs.replace(hit, confidence=Confidence.LOW)


def _assigned(project: Project) -> Iterator[Hit]:
    django = {settings.path for settings in project.settings}
    flask = any(route.framework in _FLASKS for route in project.routes)
    off = {item.place.path for item in project.assignments if item.name == "DEBUG" and _switches_off(item)}
    for item in project.assignments:
        path = item.place.path
        if item.conditional or path in django or is_development(path) or is_development(item.owner):
            continue
        name = f"{item.target}.{item.name}".lstrip(".") if item.name == "debug" else item.name
        if item.target:
            # `app.debug = True`, `app.config["DEBUG"] = True`
            if item.name != "debug" and not item.target.endswith("config"):
                continue
            if item.name == "debug" and item.target.rsplit(".", 1)[-1] not in ("app", "application"):
                continue
        elif item.name != "DEBUG" or not flask or path in off or not _is_configuration(item):
            continue
        if is_true(item.value):
            yield _hit(item.place, f"`{name}` is on in the application's configuration", f"{item.owner} {name}")
        elif defaults_to_true(item.value):
            message = f"`{name}` is on unless the environment turns it off"
            yield _default(item.place, message, f"{item.owner} {name}")


def _switches_off(item: Assignment) -> bool:
    return item.value.kind == "constant" and item.value.value is False and not is_development(item.owner)


def _is_configuration(item: Assignment) -> bool:
    """Whether a plain name belongs to a module or class of settings."""
    holder = item.owner.partition(":")[2]
    return bool(_CONFIGURATION.search(holder or PurePosixPath(item.place.path).stem))


def _called(call: Call) -> Iterator[Hit]:
    if is_development(call.place.path):
        return
    last = call.name.rsplit(".", 1)[-1]
    owner = call.owner.partition(":")[2] or "module"
    if call.name in _DEBUGGER:
        yield _hit(call.place, "the debugger of Werkzeug wraps the application", f"{owner} debugger")
        return
    value = call.argument("debug")
    place = value.place if value is not None and value.place is not None else call.place
    if call.name in _APPLICATIONS:
        if is_true(value):
            yield _hit(place, f"`{last}` is made in debug mode", f"{owner} {last}")
        elif defaults_to_true(value):
            message = f"`{last}` is made in debug mode unless the settings turn it off"
            yield _default(place, message, f"{owner} {last}")
    elif _is_server(call, value):
        yield Hit(
            place=place,
            message="the server is run in debug mode",
            subject=f"{owner} {last}",
            why=_WHY + "; a file that is run directly ends up in containers too",
            mend="take it from the environment, off by default",
            confidence=Confidence.MEDIUM,
        )


def _is_server(call: Call, value: Argument | None) -> bool:
    if call.name in ("?.run", "?.run_server") and call.receiver.rsplit(".", 1)[-1].lower() not in (
        "app",
        "application",
        "server",
        "socketio",
        "flask",
        "dash",
        "sanic",
        "quart",
    ):
        return False
    return is_true(value)


def _is_guarded(project: Project, call: Call) -> bool:
    """Whether a condition that speaks of debugging or development decides over a call."""
    module = next((file.module for file in project.files if file.path == call.place.path), None)
    for scope in ir.scopes(module) if module is not None else ():
        if scope.qualname == call.owner.partition(":")[2]:
            for step in scope_steps(scope):
                if any(isinstance(part, ir.Call) and part.name_span == call.place.span for part in own(step.statement)):
                    words = (_word(part) for test in step.conditions for part in ir.subexpressions(test))
                    if any(map(_DEBUGGING.search, words)):
                        return True
    return False


def _word(part: ir.Expression) -> str:
    if isinstance(part, ir.Constant):
        return part.value if isinstance(part.value, str) else ""
    return part.id if isinstance(part, ir.Name) else part.name if isinstance(part, ir.Attribute) else ""


_WHY = "an error shows source code, variables and settings to whoever causes it"


def _hit(place: Place, message: str, subject: str) -> Hit:
    return Hit(
        place=place, message=message, subject=subject, why=_WHY, mend="take it from the environment, off by default"
    )


def _default(place: Place, message: str, subject: str) -> Hit:
    return Hit(
        place=place,
        message=message,
        subject=subject,
        why=f"a deployment that forgets the variable runs in debug mode, where {_WHY}",
        mend="let it be off by default",
        confidence=Confidence.MEDIUM,
    )


CHECK = Check(
    id="debug-in-production",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Keep internals out of responses",
    dont="Run production in debug mode",
    tags=("OWASP-API8:2023", "CWE-489", "CWE-215"),
    gates=("data_protection",),
    calls=_APPLICATIONS | _SERVERS | _DEBUGGER,
    assigns=frozenset({"DEBUG", "debug"}),
    run=run,
    examined=lambda project: len(project.apps) + len(project.settings),
    doc=__doc__,
    bad=(
        example(
            """
            from flask import Flask, jsonify

            app = Flask(__name__)


            @app.get("/api/v1/parcels/<number>")
            def parcel(number):
                return jsonify(number=number)


            if __name__ == "__main__":
                app.run(host="0.0.0.0", port=8000, debug=True)  # <- flagged
            """,
            "the server of Flask",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.settings import settings

                    app = FastAPI(title="Parcels", debug=settings.debug)  # <- flagged
                    admin = FastAPI(debug=True)  # <- flagged
                    """,
                "app/settings.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        debug: bool = True


                    settings = Settings()
                    """,
            },
            "applications of FastAPI, one by the default of its settings",
        ),
        example(
            {
                "shop/settings.py": """
                    import os

                    DEBUG = os.environ.get("DJANGO_DEBUG", "True") == "True"  # <- flagged
                    ROOT_URLCONF = "shop.urls"
                    INSTALLED_APPS = ["django.contrib.auth"]
                    """,
                "archive/settings/base.py": """
                    DEBUG = True  # <- flagged
                    INSTALLED_APPS = ["django.contrib.auth"]
                    """,
                "archive/settings/production.py": """
                    from .base import *

                    ALLOWED_HOSTS = ["archive.example.com"]
                    """,
            },
            "settings of Django: on by default, and left on in production",
        ),
        example(
            {
                "helpdesk/config.py": """
                    class Config:
                        DEBUG = True  # <- flagged
                        JSON_SORT_KEYS = False


                    class ProductionConfig(Config):
                        SQLALCHEMY_ECHO = False
                    """,
                "helpdesk/__init__.py": """
                    from flask import Flask
                    from werkzeug.debug import DebuggedApplication


                    def create_app():
                        app = Flask(__name__)
                        app.config.from_object("helpdesk.config.ProductionConfig")
                        app.debug = True  # <- flagged
                        app.config["DEBUG"] = True  # <- flagged
                        app.wsgi_app = DebuggedApplication(app.wsgi_app, evalex=True)  # <- flagged

                        @app.get("/api/v1/tickets")
                        def tickets():
                            return {"items": []}

                        return app
                    """,
            },
            "the configuration of Flask",
        ),
        example(
            {
                "Dockerfile": """
                    FROM python:3.12-slim
                    ENV PYTHONUNBUFFERED=1 \\
                        FLASK_DEBUG=1  # <- flagged
                    CMD ["flask", "run"]
                    """,
                "deploy/compose.production.yaml": """
                    services:
                      web:
                        environment:
                          FLASK_ENV: development  # <- flagged
                          LOG_LEVEL: info
                    """,
                "app.py": """
                    from flask import Flask

                    app = Flask(__name__)
                    """,
            },
            "the environment that containers get",
        ),
    ),
    good=(
        example(
            """
            import os

            from flask import Flask

            app = Flask(__name__)


            @app.get("/api/v1/parcels")
            def parcels():
                return {"items": []}


            if __name__ == "__main__":
                app.run(debug=os.environ.get("FLASK_DEBUG") == "1")
            """,
            "the environment asks for it",
        ),
        example(
            {
                "archive/settings/base.py": """
                    DEBUG = True
                    INSTALLED_APPS = ["django.contrib.auth"]
                    """,
                "archive/settings/local.py": """
                    from .base import *

                    DEBUG = True
                    """,
                "archive/settings/production.py": """
                    from .base import *

                    DEBUG = False
                    """,
            },
            "production turns it off",
        ),
        example(
            {
                "helpdesk/config.py": """
                    class Config:
                        DEBUG = False


                    class DevelopmentConfig(Config):
                        DEBUG = True
                    """,
                "helpdesk/__init__.py": """
                    from flask import Flask


                    def create_app(config):
                        app = Flask(__name__)
                        app.config.from_object(config)

                        @app.get("/api/v1/tickets")
                        def tickets():
                            return {"items": []}

                        return app
                    """,
            },
            "a class for development",
        ),
        example(
            {
                "app/main.py": """
                    import subprocess

                    from fastapi import FastAPI

                    from app.settings import settings

                    if settings.debug:
                        app = FastAPI(debug=True)
                    else:
                        app = FastAPI(debug=settings.debug)
                    logger_debug = True
                    """,
                "app/settings.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        debug: bool = False


                    settings = Settings()
                    """,
            },
            "off by default",
        ),
        example(
            {
                "Dockerfile": """
                    FROM python:3.12-slim
                    ENV FLASK_DEBUG=0 LOG_LEVEL=debug
                    """,
                "compose.override.yaml": """
                    services:
                      web:
                        environment:
                          - FLASK_DEBUG=1
                    """,
                "app.py": """
                    from flask import Flask

                    app = Flask(__name__)
                    """,
            },
            "off in the container, on for the developer",
        ),
    ),
)
