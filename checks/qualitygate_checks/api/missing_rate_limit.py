"""An API that may be called as often as anybody likes.

What it flags: an application with API routes and nothing that limits how often they are called: no limiter among its
imports, classes, decorators, middleware and dependencies, no throttle classes with rates in the settings of Django REST framework,
and no directive for it in the configuration of a gateway (nginx, HAProxy, Traefik, Kong, Envoy, ingress, API Gateway) in
the repository. Said once for the project, where a limit would be added. Routes that sign people in or up, reset
passwords or send codes are named: they are guessed at first. Throttle classes of which every rate is None limit nothing
and are flagged too, as is a limiter of slowapi or Flask-Limiter without default limits that no route uses. With `gateway = true` the project declares that its gateway does it.

Why: one client, by mistake or on purpose, takes all workers and database connections, or tries passwords and codes until
one fits.

How to mend: FastAPI: `slowapi` or `fastapi-limiter`; Flask: `Flask-Limiter` with `default_limits`; Django REST framework:
`DEFAULT_THROTTLE_CLASSES` and `DEFAULT_THROTTLE_RATES`. Answer 429 with `Retry-After`.

What it cannot see: limits of a gateway whose configuration lies elsewhere, and whether the limits are the right ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Route
from qualitygate.model.calls import Settings

_SHOWN = 5
_LIMITER = re.compile(
    r"rate_?limit|throttl|(?:^|[._])limiter|Limiter$|slowapi|(?:^|\.)ratelimit|(?:^|\.)(?:axes|defender)(?:\.|$)",
    re.IGNORECASE,
)
# What an outbound client raises when somebody else limits it.
_OTHERS = re.compile(
    r"(?:error|exception|exceeded|hit|reached|reset|remaining|response|connectionlimiter|memory_?limiter)s?$",
    re.IGNORECASE,
)
_GUESSED = re.compile(
    r"(?:^|[/_-])(?:log-?in|sign-?in|token|password|passwords|reset|forgot|forgot-?password|otp|verify|sign-?up|register"
    r"|registration|magic-?link|authenticate)(?:[/_-]|$)",
    re.IGNORECASE,
)
_SIGNING_IN = re.compile(r"log-?in|sign-?in|token|authenticate|otp", re.IGNORECASE)
_WRITES = frozenset(("POST", "PUT", "PATCH"))


@dataclass(frozen=True)
class Options:
    """``gateway``: the gateway limits requests, and its configuration lies elsewhere."""

    gateway: bool = False


def run(project: Project, options: Options) -> Iterator[Hit]:
    """At most one hit."""
    routes = _judged(project)
    if options.gateway or not routes:
        return
    if any(guard.kind == "throttling" for route in project.routes for guard in route.guards):
        return
    if any(file.limits_requests for file in project.files):
        return
    settings = [one for one in project.settings if "REST_FRAMEWORK" in one.values or "MIDDLEWARE" in one.values]
    idle = _idle_throttles(settings)
    unused = _unused_limiter(project)
    if idle is None and (_listed(settings) or _in_code(project, classes=unused is not None)):
        return
    place = idle or unused or _where(project, settings, routes)
    guessed = [route for route in routes if route.method in _WRITES and _GUESSED.search(route.path)]
    guessed.sort(key=lambda route: _SIGNING_IN.search(route.path) is None)
    shown = (guessed or routes)[:_SHOWN]
    subject = f"{guessed[0].method} {guessed[0].path}" if guessed else ""
    why = "nothing in its code, its settings or the configuration of a gateway limits requests"
    if idle is not None:
        why = "throttle classes are set, and every rate is None: they limit nothing"
    elif unused is not None:
        why = "a limiter is made here, but it has no default limits and no route is decorated with it"
    yield Hit(
        place=place,
        message=f"{len(routes)} operations of this API may be called without any limit"
        if len(routes) > 1
        else f"{routes[0].method} {routes[0].path} may be called without any limit",
        subject="no rate limit",
        why=why + (f"; `{subject}` may be guessed at" if subject else ""),
        mend=_mend(routes[0].framework),
        places=tuple(
            Place(route.shown.path, route.shown.span, f"{route.method} {route.path}", "route") for route in shown
        ),
    )


def _judged(project: Project) -> list[Route]:
    return [route for route in project.routes if route.api and not route.exempt]


def _idle_throttles(settings: list[Settings]) -> Place | None:
    """Where the rates of Django REST framework are all None though throttle classes are set."""
    for one in settings:
        framework = one.values.get("REST_FRAMEWORK")
        classes = framework.entry("DEFAULT_THROTTLE_CLASSES") if framework is not None else None
        rates = framework.entry("DEFAULT_THROTTLE_RATES") if framework is not None else None
        if classes is None or not classes.items or rates is None or rates.kind != "mapping" or not rates.items:
            continue
        if rates.complete and all(rate.kind == "constant" and rate.value is None for rate in rates.items):
            place = framework.place if framework is not None else None
            return place or Place(one.path, Span(1, 1, 1, 1))
    return None


def _listed(settings: list[Settings]) -> bool:
    """Whether throttle classes, a middleware or an application in the settings of Django limits requests."""
    for one in settings:
        framework = one.values.get("REST_FRAMEWORK")
        classes = framework.entry("DEFAULT_THROTTLE_CLASSES") if framework is not None else None
        if classes is not None and (classes.items or classes.kind not in ("items", "constant")):
            return True
        for name in ("MIDDLEWARE", "INSTALLED_APPS"):
            value = one.values.get(name)
            for item in value.items if value is not None else ():
                if isinstance(item.value, str) and _limits(item.value):
                    return True
    return False


def _unused_limiter(project: Project) -> Place | None:
    """Where a limiter is made that limits nothing: without default limits, and no route is decorated with one."""
    made = [call for call in project.calls if call.name in _LIMITERS]
    if not made or any(item.name == "RATELIMIT_DEFAULT" for item in project.assignments):
        return None
    for call in made:
        given = (call.argument("default_limits"), call.argument("application_limits"), call.argument("meta_limits"))
        if not call.complete or any(
            limits is not None and (limits.items or limits.kind != "items") for limits in given
        ):
            return None
    for file in project.files:
        # `@limiter.limit("5/minute")`, and `limiter.limit("5/minute")(blueprint)`.
        if (
            file.module is not None
            and file.role is Role.APPLICATION
            and any(
                isinstance(part, ir.Attribute) and part.name in ("limit", "shared_limit") and _limits(_last(part.value))
                for expression in _expressions(file.module.body)
                for part in ir.subexpressions(expression)
            )
        ):
            return None
    return made[0].place


_LIMITERS = frozenset(
    "slowapi.Limiter slowapi.extension.Limiter flask_limiter.Limiter flask_limiter.extension.Limiter".split()
)


def _last(expression: ir.Expression) -> str:
    return expression.id if isinstance(expression, ir.Name) else getattr(expression, "name", "")


def _expressions(body: tuple[ir.Statement, ...]) -> Iterator[ir.Expression]:
    """The decorators of functions, and the expressions of the module itself and of functions that call `limit`."""
    for statement in ir.walk(body):
        if isinstance(statement, ir.Function):
            yield from (decorator.expression for decorator in statement.decorators)
            if not {"limit", "shared_limit"}.isdisjoint(statement.calls):
                yield from ir.expressions(ir.statements(statement))
        elif isinstance(statement, ir.Class):
            yield from _expressions(statement.body)
            yield from (decorator.expression for decorator in statement.decorators)
    yield from ir.expressions(body)


def _in_code(project: Project, classes: bool = False) -> bool:
    """Whether the application's code imports, defines, calls or is decorated with something that limits.

    With ``classes`` only classes of its own count: the names of a library's limiter are known to limit nothing.
    """
    words: set[str] = set()
    for file in project.files:
        if file.module is not None and file.role is Role.APPLICATION:
            words.update(_classes(file.module.body) if classes else _words(file.module.body))
    return any(map(_limits, words))


def _classes(body: tuple[ir.Statement, ...]) -> Iterator[str]:
    return (statement.name for statement in ir.walk(body) if isinstance(statement, ir.Class))


def _words(body: tuple[ir.Statement, ...]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ir.Import):
            yield statement.module
            yield from (f"{statement.module}.{name}" for name, _ in statement.names)
        elif isinstance(statement, ir.Function):
            yield statement.name
            yield from statement.calls
            for decorator in statement.decorators:
                yield from _spelled(decorator.expression)
        elif isinstance(statement, ir.Class):
            yield statement.name
            for base in statement.bases:
                yield from _spelled(base.value)
            yield from _words(statement.body)
        elif isinstance(statement, (ir.If, ir.Try, ir.With)):
            yield from _words(statement.body)
        elif isinstance(statement, (ir.Assign, ir.Evaluate)) and statement.value is not None:
            yield from _spelled(statement.value)


def _spelled(expression: ir.Expression) -> Iterator[str]:
    for part in ir.subexpressions(expression):
        if isinstance(part, ir.Name):
            yield part.id
        elif isinstance(part, ir.Attribute):
            yield part.name


def _limits(word: str) -> bool:
    return _LIMITER.search(word) is not None and _OTHERS.search(word) is None


def _where(project: Project, settings: list[Settings], routes: list[Route]) -> Place:
    if routes[0].framework in ("drf", "django", "ninja"):
        for one in settings:
            for name in ("REST_FRAMEWORK", "MIDDLEWARE"):
                value = one.values.get(name)
                if value is not None and value.place is not None:
                    return value.place
    return project.apps[0] if project.apps else routes[0].shown


def _mend(framework: str) -> str:
    return {
        "fastapi": "add a limiter (slowapi, fastapi-limiter), and answer 429 with Retry-After",
        "starlette": "add a limiter as a middleware, and answer 429 with Retry-After",
        "flask": "Flask-Limiter with default_limits, and stricter ones where people sign in",
        "drf": "DEFAULT_THROTTLE_CLASSES and DEFAULT_THROTTLE_RATES in REST_FRAMEWORK",
        "litestar": "RateLimitConfig among the middleware",
    }.get(framework, "add a limiter, and answer 429 with Retry-After")


CHECK = Check(
    id="missing-rate-limit",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Implement rate limits",
    dont="Allow unlimited requests",
    tags=("OWASP-API4:2023", "CWE-770", "CWE-307"),
    gates=("availability",),
    calls=_LIMITERS,
    assigns=frozenset({"REST_FRAMEWORK", "MIDDLEWARE", "INSTALLED_APPS", "RATELIMIT_DEFAULT"}),
    run=run,
    examined=lambda project: len(_judged(project)),
    options=Options(),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.tokens import router

                    app = FastAPI()  # <- flagged
                    app.include_router(router, prefix="/v1")
                    """,
                "app/tokens.py": """
                    from fastapi import APIRouter

                    router = APIRouter()


                    @router.post("/login")
                    def login(name: str, password: str):
                        return {"token": name}


                    @router.get("/orders")
                    def orders():
                        return []
                    """,
            },
            "FastAPI",
        ),
        example(
            {
                "app/limits.py": """
                    from slowapi import Limiter
                    from slowapi.util import get_remote_address

                    limiter = Limiter(key_func=get_remote_address)  # <- flagged
                    """,
                "app/main.py": """
                    from fastapi import FastAPI
                    from slowapi import _rate_limit_exceeded_handler
                    from slowapi.errors import RateLimitExceeded

                    from app.limits import limiter

                    app = FastAPI()
                    app.state.limiter = limiter
                    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)


                    @app.post("/v1/login")
                    def login(name: str, password: str):
                        return {"token": name}


                    @app.get("/v1/orders")
                    def orders():
                        return []
                    """,
            },
            "FastAPI: a limiter that nothing uses",
        ),
        example(
            """
            from flask import Flask, jsonify

            app = Flask(__name__)  # <- flagged


            class RateLimitExceeded(Exception):
                pass


            @app.get("/api/v1/tickets")
            def tickets():
                return jsonify(items=[])
            """,
            "Flask: an exception alone limits nothing",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    REST_FRAMEWORK = {  # <- flagged
                        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
                        "DEFAULT_THROTTLE_RATES": {"anon": None, "user": None},
                    }
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
                        def get(self, request):
                            return Response([])
                    """,
            },
            "Django REST framework: throttles without rates",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    REST_FRAMEWORK = {"PAGE_SIZE": 50}  # <- flagged
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
                            return Response({}, status=201)
                    """,
                "deploy/nginx.conf": """
                    server {
                        listen 443 ssl;
                        location /api { proxy_pass http://clinic:8000; }
                    }
                    """,
            },
            "Django REST framework behind a proxy that limits nothing",
        ),
    ),
    good=(
        example(
            {
                "shop/limits.py": """
                    from flask_limiter import Limiter
                    from flask_limiter.util import get_remote_address

                    limiter = Limiter(key_func=get_remote_address)
                    """,
                "shop/app.py": """
                    from flask import Flask, jsonify

                    from shop.limits import limiter
                    from shop.orders import orders


                    def create_app():
                        app = Flask(__name__)
                        limiter.init_app(app)
                        limiter.limit("60/minute")(orders)
                        app.register_blueprint(orders, url_prefix="/api/v1")
                        return app
                    """,
                "shop/orders.py": """
                    from flask import Blueprint, jsonify

                    orders = Blueprint("orders", __name__)


                    @orders.get("/orders")
                    def read():
                        return jsonify([])
                    """,
            },
            "Flask: a limit on the whole blueprint",
        ),
        example(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter


            @app.post("/v1/login")
            @limiter.limit("5/minute")
            def login(request: Request):
                return {"token": "t"}
            """,
            "FastAPI",
        ),
        example(
            {
                "helpdesk/app.py": """
                    from flask import Flask, jsonify

                    from helpdesk.guards import too_many

                    app = Flask(__name__)
                    app.before_request(too_many)


                    @app.get("/api/v1/tickets")
                    def tickets():
                        return jsonify(items=[])
                    """,
                "helpdesk/guards.py": """
                    from flask import abort, request

                    from helpdesk.buckets import throttle


                    def too_many():
                        if not throttle(request.remote_addr, 100, 60):
                            abort(429)
                    """,
                "helpdesk/buckets.py": """
                    def throttle(key, count, seconds):
                        return True
                    """,
            },
            "Flask, by hand",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    REST_FRAMEWORK = {
                        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
                        "DEFAULT_THROTTLE_RATES": {"anon": "30/minute", "user": None},
                    }
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
                        def get(self, request):
                            return Response([])
                    """,
            },
            "Django REST framework",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    app = FastAPI()


                    @app.get("/v1/orders")
                    def orders():
                        return []
                    """,
                "deploy/nginx.conf": """
                    limit_req_zone $binary_remote_addr zone=api:10m rate=10r/s;
                    server {
                        location /v1 {
                            limit_req zone=api burst=20;
                            proxy_pass http://app:8000;
                        }
                    }
                    """,
            },
            "at the gateway",
        ),
    ),
)
