"""Pages of any origin may call this backend.

What it flags: a policy for cross-origin requests that allows every origin: `allow_origins=["*"]` or a regular expression
that matches anything (FastAPI, Starlette, Litestar), `CORS(app)` of Flask, which allows every origin unless told
otherwise, `CORS_ALLOW_ALL_ORIGINS` of Django, a header `Access-Control-Allow-Origin` that repeats the origin of the request.
Together with credentials (`allow_credentials=True`) it is an error: any page may act for whoever has signed in. Without
them it is a warning, since an API that is public on purpose may allow it. Settings for development are left alone. A
single response that carries `*` is low in confidence.

Why: the browser keeps pages of other origins from reading answers that carry the user's session. A policy that allows
all of them gives that away, to every page that the user visits.

How to mend: list the origins of your own pages, from the settings of each environment.

What it cannot see: policies of a proxy or gateway, and lists that the environment gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Assignment, Call
from qualitygate_checks.security._settings import (
    defaults_to_true,
    is_development,
    is_false,
    is_true,
    place_of,
    production,
    texts,
)

_ADDING = frozenset(("?.add_middleware", "starlette.middleware.Middleware", "fastapi.middleware.Middleware"))
_WRAPPING = frozenset(("starlette.middleware.cors.CORSMiddleware", "fastapi.middleware.cors.CORSMiddleware"))
_LITESTAR = frozenset(("litestar.config.cors.CORSConfig", "litestar.config.CORSConfig", "starlite.CORSConfig"))
# These allow every origin unless they are told otherwise.
_FLASK = frozenset(
    """flask_cors.CORS flask_cors.CORS.init_app flask_cors.cross_origin flask_cors.extension.CORS sanic_cors.CORS
    sanic_cors.extension.CORS""".split()
)
_QUART = frozenset(("quart_cors.cors", "quart_cors.route_cors"))
_ALL = ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL")
_LISTS = (
    "CORS_ALLOWED_ORIGINS",
    "CORS_ORIGIN_WHITELIST",
    "CORS_ALLOWED_ORIGIN_REGEXES",
    "CORS_ORIGIN_REGEX_WHITELIST",
)
_AIOHTTP = frozenset(("aiohttp_cors.setup",))
_HEADER = "Access-Control-Allow-Origin"
_CREDENTIALS = "Access-Control-Allow-Credentials"
_EVERY = frozenset(("after_request", "after_app_request", "middleware", "on_response", "on_response_prepare"))
# `.*example\.com` and `.*.example.com`: the dot that would end the name before is missing, or stands for any character.
_OPEN_END = re.compile(r"\.[*+]\??(?:\.(?![*+?])|\()?\(?(?:\?:)?(?=[a-z0-9][a-z0-9-]*(?:\\?\.|\|))", re.IGNORECASE)
_MANY = 3
_SHOWN = 5
_ANY = re.compile(r"\^?(?:https?\??://|https\?://|\(https?\|http\)://|\w+://)?\(?\.[*+]\??\)?\$?")


def run(project: Project) -> Iterator[Hit]:
    """Hits for policies and headers that allow every origin."""
    routes: list[Hit] = []
    for call in project.calls:
        if not is_development(call.place.path) and not (call.name in _FLASK and _is_configured(project, call)):
            # The policy of one route is written down for many.
            if call.name.endswith(("cross_origin", "route_cors")):
                routes += _policy(call)
            else:
                yield from _policy(call)
    yield from _together(routes)
    yield from _django(project)
    yield from _configured(project)
    yield from _headers(project)


def _is_configured(project: Project, call: Call) -> bool:
    """Whether Flask's own configuration says which origins, where the call does not."""
    return (
        "origins" not in call.keywords
        and "resources" not in call.keywords
        and any(item.name == "CORS_ORIGINS" and not item.conditional for item in project.assignments)
    )


def _together(hits: list[Hit]) -> Iterator[Hit]:
    """Policies of single routes, once for all that say the same."""
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.message, []).append(hit)
    for message, same in groups.items():
        if len(same) < _MANY:
            yield from same
            continue
        first = same[0]
        yield Hit(
            place=first.place,
            message=f"{message}, at {len(same)} routes",
            subject=message,
            why=first.why,
            mend=first.mend,
            places=tuple(
                Place(hit.place.path, hit.place.span, "here too", "definition") for hit in same[1 : _SHOWN + 1]
            ),
            severity=first.severity,
            confidence=first.confidence,
        )


def _policy(call: Call) -> Iterator[Hit]:
    if call.name in _ADDING:
        added = call.argument("middleware_class", 0) or call.argument("cls", 0)
        if added is None or not added.name.endswith(".CORSMiddleware"):
            return
    if call.name in _ADDING | _WRAPPING | _LITESTAR:
        yield from _starlette(call)
    elif call.name in _FLASK | _QUART:
        yield from _flask(call)
    elif call.name in _AIOHTTP:
        defaults = call.argument("defaults")
        if defaults is not None and "*" in defaults.keys:
            yield _hit(_at(call, defaults), call, None, "every origin is allowed")


def _starlette(call: Call) -> Iterator[Hit]:
    origins = call.argument("allow_origins")
    pattern = call.argument("allow_origin_regex")
    credentials = call.argument("allow_credentials")
    if _is_any(origins):
        yield _hit(_at(call, origins), call, credentials, "every origin is allowed")
    elif pattern is not None and isinstance(pattern.value, str) and _ANY.fullmatch(pattern.value):
        yield _hit(_at(call, pattern), call, credentials, f"every origin is allowed (`{pattern.value}`)")
    elif pattern is not None and isinstance(pattern.value, str) and (open_end := _OPEN_END.search(pattern.value)):
        what = (
            f"origins are allowed by what they end in: `{open_end[0]}...` of `{pattern.value}` takes any name before it"
        )
        yield _hit(_at(call, pattern), call, credentials, what, Confidence.MEDIUM)
    elif call.name in _LITESTAR and origins is None and pattern is None and call.complete:
        yield _hit(call.place, call, credentials, "every origin is allowed, as is the default")


def _flask(call: Call) -> Iterator[Hit]:
    origins = call.argument("allow_origin") if call.name in _QUART else call.argument("origins")
    resources = call.argument("resources")
    credentials = call.argument("supports_credentials") or call.argument("allow_credentials")
    if _is_any(origins):
        yield _hit(_at(call, origins), call, credentials, "every origin is allowed")
    elif resources is not None and origins is None:
        entries = resources.items if resources.kind == "mapping" else ()
        for entry in entries:
            inner = entry.entry("origins")
            if _is_any(inner) or (entry.kind == "mapping" and inner is None and entry.complete):
                own = entry.entry("supports_credentials") or credentials
                yield _hit(_at(call, resources), call, own, "every origin is allowed")
                return
    elif origins is None and call.complete and not _is_empty_object(call):
        yield _hit(call.place, call, credentials, "every origin is allowed, as is the default")


def _is_empty_object(call: Call) -> bool:
    """`cors = CORS()` without an application: `init_app` says the rest."""
    return call.name.endswith(".CORS") and not call.positional and "app" not in call.keywords


def _is_any(origins: Argument | None) -> bool:
    return any(text == "*" or _ANY.fullmatch(text) for text in texts(origins))


def _at(call: Call, argument: Argument | None) -> Place:
    return argument.place if argument is not None and argument.place is not None else call.place


def _hit(place: Place, call: Call, credentials: Argument | None, what: str, sure: Confidence = Confidence.HIGH) -> Hit:
    owner = call.owner.partition(":")[2] or "module"
    return _told(place, what, f"{owner} {call.name.rsplit('.', 1)[-1]}", is_true(credentials), sure)


def _told(place: Place, what: str, subject: str, credentials: bool, sure: Confidence = Confidence.HIGH) -> Hit:
    return Hit(
        place=place,
        message=f"{what}, with credentials" if credentials else what,
        subject=subject,
        why="any page that a user visits may call this backend as that user, and read the answers"
        if credentials
        else "any page that a user visits may call this backend and read what it answers without credentials",
        mend="list the origins of your own pages",
        severity=Severity.ERROR if credentials else Severity.WARNING,
        confidence=sure,
    )


def _django(project: Project) -> Iterator[Hit]:
    told = set()
    conditional = {item.place for item in project.assignments if item.conditional}
    for settings in production(project):
        credentials = is_true(settings.values.get("CORS_ALLOW_CREDENTIALS"))
        for name in _ALL:
            value = settings.values.get(name)
            place = place_of(settings, name)
            if place not in told and (is_true(value) or defaults_to_true(value)):
                told.add(place)
                depends = place in conditional or not is_true(value)
                sure = Confidence.MEDIUM if depends else Confidence.HIGH
                what = f"every origin is allowed (`{name}`)"
                if depends:
                    what = f"every origin is allowed unless the environment says otherwise (`{name}`)"
                yield _told(place, what, f"{settings.path} {name}", credentials, sure)
        for name in _LISTS:
            value = settings.values.get(name)
            place = place_of(settings, name)
            if place not in told and _is_any(value):
                told.add(place)
                yield _told(place, f"every origin is allowed (`{name}`)", f"{settings.path} {name}", credentials)


def _configured(project: Project) -> Iterator[Hit]:
    """`CORS_ORIGINS` in the configuration of Flask or Sanic."""
    supported = {
        item.owner for item in project.assignments if item.name == "CORS_SUPPORTS_CREDENTIALS" and _says_true(item)
    }
    for item in project.assignments:
        holder = item.target or item.owner.partition(":")[2]
        if item.name != "CORS_ORIGINS" or not holder.lower().endswith("config") or item.conditional:
            continue
        if _is_any(item.value) and not is_development(item.place.path) and not is_development(item.owner):
            yield _told(
                item.place,
                "every origin is allowed (`CORS_ORIGINS`)",
                f"{item.owner} CORS_ORIGINS",
                item.owner in supported,
            )


def _headers(project: Project) -> Iterator[Hit]:
    with_credentials = {item.owner for item in project.assignments if item.name == _CREDENTIALS and _says_true(item)}
    for item in project.assignments:
        if item.name != _HEADER or not _is_response(item) or is_development(item.place.path):
            continue
        credentials = item.owner in with_credentials
        owner = item.owner.partition(":")[2] or "module"
        if item.value.kind == "constant" and item.value.value == "*":
            # Browsers refuse `*` together with credentials.
            every = not item.conditional and _for_every_response(project, item)
            what = (
                "every response may be read by every origin" if every else "this response may be read by every origin"
            )
            sure = Confidence.MEDIUM if every else Confidence.LOW
            yield _told(item.place, what, f"{owner} header", False, sure)
        elif item.value.kind == "request" and not item.conditional:
            what = "the origin of the request is allowed, whichever it is"
            yield _told(item.place, what, f"{owner} header", credentials, Confidence.MEDIUM)


def _for_every_response(project: Project, item: Assignment) -> bool:
    """Whether a header is set by what runs for every response: a middleware, or a function that is registered so."""
    owner = item.owner.partition(":")[2]
    if re.search("middleware", owner, re.IGNORECASE):
        return True
    for file in project.files:
        if file.path == item.place.path and file.module is not None:
            for scope in ir.scopes(file.module):
                if scope.qualname == owner and scope.function is not None:
                    return any(_registers(decorator.expression) for decorator in scope.function.decorators)
    return False


def _registers(expression: ir.Expression) -> bool:
    if isinstance(expression, ir.Call):
        expression = expression.function
    return isinstance(expression, ir.Attribute) and expression.name in _EVERY


def _says_true(item: Assignment) -> bool:
    return str(item.value.value).lower() == "true" and not is_false(item.value)


def _is_response(item: Assignment) -> bool:
    return (
        item.target.endswith("headers")
        or item.target in ("self",)
        or item.target.rsplit(".", 1)[-1].lower()
        in (
            "response",
            "resp",
            "res",
            "rv",
        )
    )


CHECK = Check(
    id="permissive-cors",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Allow the origins of your own pages",
    dont="Allow every origin",
    tags=("OWASP-API8:2023", "CWE-942"),
    gates=("authorization", "data_protection"),
    calls=_ADDING | _WRAPPING | _LITESTAR | _FLASK | _QUART | _AIOHTTP,
    assigns=frozenset(
        (*_ALL, *_LISTS, "CORS_ALLOW_CREDENTIALS", "CORS_ORIGINS", "CORS_SUPPORTS_CREDENTIALS", _HEADER, _CREDENTIALS)
    ),
    run=run,
    examined=lambda project: len(project.apps),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(
                CORSMiddleware,
                allow_origin_regex=r"https://.*.(shop.example|partner.example)",  # <- flagged
                allow_credentials=True,
            )
            """,
            "FastAPI: an expression that any name before the domain satisfies",
        ),
        example(
            """
            from flask import Blueprint, Flask, jsonify
            from flask_cors import cross_origin

            app = Flask(__name__)


            @app.get("/api/v1/orders")
            @cross_origin(supports_credentials=True)  # <- flagged
            def orders():
                return jsonify([])


            @app.get("/api/v1/prices")
            @cross_origin(supports_credentials=True)
            def prices():
                return jsonify([])


            @app.get("/api/v1/offers")
            @cross_origin(supports_credentials=True)
            def offers():
                return jsonify([])
            """,
            "Flask: the same policy on every route is one finding",
        ),
        example(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(
                CORSMiddleware,
                allow_origins=["*"],  # <- flagged
                allow_credentials=True,
                allow_methods=["*"],
            )
            """,
            "FastAPI, with credentials",
        ),
        example(
            """
            from starlette.applications import Starlette
            from starlette.middleware import Middleware
            from starlette.middleware.cors import CORSMiddleware

            ORIGINS = ("*",)

            policy = Middleware(CORSMiddleware, allow_origins=ORIGINS)  # <- flagged
            app = Starlette(middleware=[policy])
            partners = Starlette(
                middleware=[
                    Middleware(CORSMiddleware, allow_origin_regex="https?://.*", allow_credentials=True),  # <- flagged
                ],
            )
            """,
            "Starlette: a list by name, and a pattern for anything",
        ),
        example(
            """
            from flask import Blueprint, Flask
            from flask_cors import CORS, cross_origin

            app = Flask(__name__)
            CORS(app)  # <- flagged
            reports = Blueprint("reports", __name__)
            CORS(reports, origins="*", supports_credentials=True)  # <- flagged
            CORS(app, resources={r"/api/*": {"origins": "*"}})  # <- flagged


            @app.get("/api/v1/parcels")
            @cross_origin(origins=["*"])  # <- flagged
            def parcels():
                return {"items": []}
            """,
            "Flask: by default, by name, by resource",
        ),
        example(
            {
                "shop/settings/base.py": """
                    INSTALLED_APPS = ["corsheaders"]
                    CORS_ALLOW_ALL_ORIGINS = True  # <- flagged
                    CORS_ALLOW_CREDENTIALS = True
                    """,
                "shop/settings/production.py": """
                    from .base import *

                    ALLOWED_HOSTS = ["shop.example.com"]
                    """,
            },
            "Django: left open in production",
        ),
        example(
            """
            from flask import Flask

            app = Flask(__name__)


            @app.after_request
            def allow(response):
                response.headers.add("Access-Control-Allow-Origin", "*")  # <- flagged
                return response
            """,
            "a header on every response",
        ),
        example(
            """
            from flask import Flask, request

            app = Flask(__name__)


            @app.after_request
            def allow(response):
                response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin")  # <- flagged
                response.headers["Access-Control-Allow-Credentials"] = "true"
                return response
            """,
            "the origin of the request, whichever it is",
        ),
    ),
    good=(
        example(
            {
                "shop/settings.py": """
                    CORS_ORIGINS = ["https://shop.example", r"https://.*\\.shop\\.example"]
                    """,
                "shop/app.py": """
                    from flask import Flask, jsonify
                    from flask_cors import CORS, cross_origin

                    app = Flask(__name__)
                    app.config.from_object("shop.settings")
                    cors = CORS()
                    cors.init_app(app)


                    @app.get("/api/v1/orders")
                    @cross_origin(supports_credentials=True)
                    def orders():
                        return jsonify([])
                    """,
            },
            "Flask: the configuration says which origins",
        ),
        example(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            from app.settings import settings

            app = FastAPI()
            app.add_middleware(
                CORSMiddleware,
                allow_origins=["https://shop.example.com", *settings.more_origins],
                allow_origin_regex=r"https://[a-z0-9-]+\\.preview\\.example\\.com",
                allow_credentials=True,
                allow_methods=["*"],
                allow_headers=["*"],
            )
            """,
            "a list of one's own pages",
        ),
        example(
            """
            from flask import Flask
            from flask_cors import CORS

            cors = CORS()


            def create_app(config):
                app = Flask(__name__)
                cors.init_app(app, resources={r"/api/*": {"origins": ["https://desk.example.com"]}})
                CORS(app, origins=config.ORIGINS, supports_credentials=True)
                return app
            """,
            "Flask: origins by name and by setting",
        ),
        example(
            {
                "shop/settings/base.py": """
                    INSTALLED_APPS = ["corsheaders"]
                    CORS_ALLOWED_ORIGINS = ["https://shop.example.com"]
                    """,
                "shop/settings/local.py": """
                    from .base import *

                    CORS_ALLOW_ALL_ORIGINS = True
                    """,
            },
            "Django: open for development alone",
        ),
        example(
            """
            from flask import Flask, request

            app = Flask(__name__)
            ORIGINS = {"https://desk.example.com"}


            @app.after_request
            def allow(response):
                if request.headers.get("Origin") in ORIGINS:
                    response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
                response.headers["Vary"] = "Origin"
                return response
            """,
            "the origin of the request, after a look into the list",
        ),
    ),
)
