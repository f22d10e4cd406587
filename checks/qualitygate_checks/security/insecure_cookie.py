"""A cookie that travels or can be read where it should not.

What it flags: a cookie that is set without `secure` (it is sent over plain HTTP too), without `httponly` (scripts of the
page read it) or with `samesite="none"` and no `secure`; the settings of Django and Flask that say so for the session
(`SESSION_COOKIE_SECURE = False`, ...), and the session of an application that says nothing, since all of these are off by default:
Django's, Flask's where the session is used, Starlette's `SessionMiddleware` without `https_only`, and the session stores
of aiohttp and Litestar without `secure`. One finding for
each call tells all that is missing. A cookie whose name speaks of a session, a token or a login is an error; others,
and settings that are absent, are warnings. Cookies for preferences, with a constant value and for CSRF tokens are low in
confidence, and the latter may be read by scripts.

Why: whoever has the cookie of a session has the session. Without `secure` one plain request gives it to the network,
without `httponly` one injected script to a stranger.

How to mend: `response.set_cookie(name, value, secure=True, httponly=True, samesite="lax")`; for sessions
`SESSION_COOKIE_SECURE = True` and its like, `https_only=True` for Starlette.

What it cannot see: options that are handed over unpacked or come from settings, and cookies that a proxy mends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._reach import way
from qualitygate_checks.security._module import top_imports
from qualitygate_checks.security._settings import is_development, is_false, place_of, production, texts

_SETTERS = frozenset(("?.set_cookie", "?.set_signed_cookie", "?.set_secure_cookie"))
_SESSIONS = frozenset(("?.add_middleware", "starlette.middleware.Middleware"))
_APPS = frozenset(("flask.Flask", "quart.Quart"))
# What keeps the sessions of a framework: no `Secure` unless told to, `HttpOnly` unless told not to.
_STORES = {
    **dict.fromkeys(
        """aiohttp_session.SimpleCookieStorage aiohttp_session.cookie_storage.EncryptedCookieStorage
        aiohttp_session.nacl_storage.NaClCookieStorage aiohttp_session.redis_storage.RedisStorage
        aiohttp_session.memcached_storage.MemcachedStorage""".split(),
        "aiohttp",
    ),
    **dict.fromkeys(
        """litestar.middleware.session.client_side.CookieBackendConfig
        litestar.middleware.session.server_side.ServerSideSessionConfig""".split(),
        "Litestar",
    ),
}
_SETTINGS = (
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_SECURE",
    "REMEMBER_COOKIE_SECURE",
    "REMEMBER_COOKIE_HTTPONLY",
    "JWT_COOKIE_SECURE",
)
_SENSITIVE = re.compile(
    r"sess|token|auth|jwt|\bsid\b|login|refresh|access|remember|credential|secret|api_?key|user_?id"
)
_OPTIONS = frozenset("key value httponly secure samesite max_age path expires domain expires_days".split())
_CSRF = re.compile(r"csrf|xsrf", re.IGNORECASE)
_PREFERENCE = re.compile(
    r"lang|locale|theme|dark|colou?r|timezone|\btz\b|consent|banner|sidebar|layout|seen|dismiss|utm"
)
# What tells a page about a session and is none: read by scripts on purpose.
_TELLING = re.compile(r"method|last_|hint|redirect|next|is_|has_|logged_in|signed_in|expir|flag|status")
# What sets the cookies of a session to be secure without a setting.
_KEEPERS = frozenset(("flask_talisman", "talisman", "flask_security_headers"))


def run(project: Project) -> Iterator[Hit]:
    """Hits for cookies, for settings that weaken them, and for sessions that keep to the defaults."""
    for call in project.calls:
        if call.name in _SETTERS:
            yield from _set(call)
        elif call.name in _SESSIONS:
            yield from _starlette(call)
        elif call.name in _STORES:
            yield from _stored(call)
    yield from _headers(project)
    yield from _django(project)
    yield from _flask(project)


def _headers(project: Project) -> Iterator[Hit]:
    """`response.headers["Set-Cookie"] = f"session={key}; Path=/"`."""
    for item in project.assignments:
        text = item.value.text if item.value.kind == "template" else item.value.value
        if item.name.lower() != "set-cookie" or not isinstance(text, str) or is_development(item.place.path):
            continue
        name, options = text.split("=", 1)[0].strip(), {part.strip().lower() for part in text.split(";")[1:]}
        word = name.lower().replace("-", "_")
        missing = [option for option in ("secure", "httponly") if option not in options]
        if missing and _SENSITIVE.search(word) and not _CSRF.search(word) and not options & {"max-age=0"}:
            lacking = " and ".join(f"`{option}`" for option in missing)
            yield Hit(
                place=item.place,
                message=f"the cookie `{name}` is set without {lacking}",
                subject=f"{item.owner} cookie {name}",
                why="the header carries no such attribute",
                mend='use set_cookie() with secure=True, httponly=True and samesite="lax"',
            )


def _set(call: Call) -> Iterator[Hit]:
    name = call.argument("key") or call.argument("name") or call.argument("cookie") or call.argument("key", 0)
    if name is None or not call.complete or is_development(call.place.path) or _removes(call):
        return
    if name.kind == "object" or name.kind == "reference" or len(call.positional) > 9:
        return
    known = name.value if isinstance(name.value, str) else ""
    word = known.lower().replace("-", "_")
    tornado = call.receiver.startswith("tornado.")
    secure = call.argument("secure", None if tornado else 6)
    readable = call.argument("httponly", None if tornado else 7) or call.argument("http_only")
    same = call.argument("samesite", None if tornado else 8)
    missing = []
    if secure is None or is_false(secure):
        missing.append("secure")
    if (readable is None or is_false(readable)) and not _CSRF.search(word):
        missing.append("httponly")
    if not missing:
        return
    open_to_all = same is not None and isinstance(same.value, str) and same.value.lower() == "none"
    sensitive = (bool(_SENSITIVE.search(word)) or call.name != "?.set_cookie") and not (
        _CSRF.search(word) or _TELLING.search(word)
    )
    if not sensitive and word and "secure" not in missing:
        return  # a script may well read what is no secret
    spoken = f"the cookie `{known}`" if known else "a cookie"
    lacking = " and ".join(f"`{option}`" for option in missing)
    owner = call.owner.split(":", 1)[-1]
    reasons = []
    if "secure" in missing:
        reasons.append("it is sent over plain HTTP as well")
    if "httponly" in missing:
        reasons.append("any script in the page reads it")
    if open_to_all and "secure" in missing:
        reasons.append("browsers refuse `SameSite=None` without `Secure`")
    path = way(call)
    doubtful = (bool(_PREFERENCE.search(word)) or bool(_CSRF.search(word))) and not sensitive
    value = call.argument("value", 1)
    # A value that the code itself writes (`"done"`, `True`) is no secret.
    if value is not None and value.kind == "constant" and value.complete:
        if "secure" not in missing:
            return
        doubtful = not sensitive
    # `self.set_cookie(handler, token)` may be a method of the project's own, that takes something else.
    doubtful = doubtful or (
        name.kind not in ("constant", "template", "setting") and not _OPTIONS & call.keywords.keys()
    )
    yield Hit(
        place=call.place,
        message=f"{spoken} is set without {lacking}",
        subject=f"{owner} cookie {known}".strip(),
        why="; ".join(reasons) + (f" ({path})" if path else ""),
        mend='hand over secure=True, httponly=True and samesite="lax"',
        places=call.chain,
        severity=None if sensitive else Severity.WARNING,
        confidence=Confidence.HIGH if sensitive else Confidence.LOW if doubtful else Confidence.MEDIUM,
    )


def _removes(call: Call) -> bool:
    """Whether the cookie is taken away: no lifetime, or no value."""
    lifetime = call.argument("max_age", 2)
    value = call.argument("value", 1)
    expires = call.argument("expires", 3)
    return (
        (lifetime is not None and lifetime.value == 0 and lifetime.value is not False)
        or (value is not None and value.kind == "constant" and value.value in ("", None))
        or (
            expires is not None and expires.kind == "constant" and expires.value in (0, "Thu, 01 Jan 1970 00:00:00 GMT")
        )
    )


def _starlette(call: Call) -> Iterator[Hit]:
    added = call.argument("middleware_class", 0) or call.argument("cls", 0)
    if added is None or not call.complete or not added.name.endswith("starlette.middleware.sessions.SessionMiddleware"):
        return
    only = call.argument("https_only")
    if (only is None or is_false(only)) and not is_development(call.place.path):
        yield Hit(
            place=call.place if only is None or only.place is None else only.place,
            message="the session cookie is sent over plain HTTP as well: `https_only` is off",
            subject="session cookie",
            why="`SessionMiddleware` of Starlette sets no `Secure` unless it is told to",
            mend="add the middleware with https_only=True",
            severity=Severity.WARNING,
        )


def _stored(call: Call) -> Iterator[Hit]:
    secure, readable = call.argument("secure"), call.argument("httponly")
    reasons = []
    if (secure is None or is_false(secure)) and call.complete:
        reasons.append("is sent over plain HTTP as well")
    if is_false(readable):
        reasons.append("is read by any script in the page")
    if reasons and not is_development(call.place.path):
        weak = readable if is_false(readable) else secure
        yield Hit(
            place=call.place if weak is None or weak.place is None else weak.place,
            message=f"the session cookie of {_STORES[call.name]} {' and '.join(reasons)}",
            subject=f"{call.owner.partition(':')[2]} session cookie".strip(),
            why=f"`{call.name.rsplit('.', 1)[-1]}` sets no `Secure` unless it is told to"
            if not is_false(readable)
            else "`httponly` is False",
            mend="make it with secure=True, and leave httponly on",
            severity=Severity.ERROR if is_false(readable) else Severity.WARNING,
        )


def _django(project: Project) -> Iterator[Hit]:
    told = set()
    for settings in production(project):
        for name in _SETTINGS:
            value = settings.values.get(name)
            place = place_of(settings, name)
            if value is not None and _weakens(name, value) and place not in told:
                told.add(place)
                yield _weak(place, name, value, settings.path)
        middleware = settings.values.get("MIDDLEWARE") or settings.values.get("MIDDLEWARE_CLASSES")
        sessions = "django.contrib.sessions.middleware.SessionMiddleware" in texts(middleware)
        if sessions and "SESSION_COOKIE_SECURE" not in settings.values:
            place = place_of(settings, "MIDDLEWARE" if "MIDDLEWARE" in settings.values else "MIDDLEWARE_CLASSES")
            if place not in told:
                told.add(place)
                yield _absent(place, "Django", settings.path)


def _flask(project: Project) -> Iterator[Hit]:
    django = {settings.path for settings in project.settings}
    flasks = [call.place for call in project.calls if call.name in _APPS and not is_development(call.place.path)]
    if not flasks and any(route.framework in ("flask", "quart") for route in project.routes):
        flasks = [place for place in project.apps if not is_development(place.path)]  # of a class of its own
    secured = False
    for item in project.assignments:
        if item.name not in _SETTINGS or item.place.path in django:
            continue
        secured = secured or item.name == "SESSION_COOKIE_SECURE"
        development = is_development(item.place.path) or is_development(item.owner)
        if flasks and not item.conditional and not development and _weakens(item.name, item.value):
            yield _weak(item.place, item.name, item.value, item.owner)
    if flasks and not secured and _uses_session(project):
        yield _absent(flasks[0], "Flask", "session")


def _uses_session(project: Project) -> bool:
    """Whether the code takes Flask's session, or signs people in with it, and no library secures its cookie."""
    found = False
    for file in project.files:
        if file.module is None:
            continue
        imports = top_imports(file.module)
        libraries = {name.split(".", 1)[0] for name in imports.values()}
        if not _KEEPERS.isdisjoint(libraries):
            return False
        sessions = {alias for alias, name in imports.items() if name in ("flask.session", "quart.session")}
        found = found or "flask_login" in libraries or _reads(file.module, sessions)
    return found


def _reads(module: ir.Module, names: set[str]) -> bool:
    """Whether the code of a module does something with one of the names, beyond the import."""
    return bool(names) and any(
        isinstance(part, ir.Name) and part.id in names
        for scope in ir.scopes(module)
        for statement in scope.walked
        for expression in (*ir.evaluated_by(statement), *getattr(statement, "targets", ()))
        for part in ir.subexpressions(expression)
    )


def _weakens(name: str, value: Argument) -> bool:
    if name.endswith("SAMESITE"):
        return value.kind == "constant" and value.complete and value.value in ("None", "none", False)
    return is_false(value)


def _weak(place: Place, name: str, value: Argument, owner: str) -> Hit:
    reason = {
        "SECURE": "the cookie is sent over plain HTTP as well",
        "HTTPONLY": "any script in the page reads the cookie",
        "SAMESITE": "the cookie goes along with requests that other sites make",
    }[name.rsplit("_", 1)[-1]]
    samesite = name.endswith("SAMESITE")
    return Hit(
        place=place,
        message=f"`{name}` is {value.value!r}",
        subject=f"{owner} {name}",
        why=reason,
        mend='set it to "Lax"' if samesite else "set it to True, and to False for development only",
        severity=Severity.WARNING if samesite else None,
    )


def _absent(place: Place, framework: str, owner: str) -> Hit:
    return Hit(
        place=place,
        message=f"the session cookie of {framework} is sent over plain HTTP as well: `SESSION_COOKIE_SECURE` is not set",
        subject=f"{owner} session cookie",
        why="it is off by default, and no setting of this project turns it on",
        mend="SESSION_COOKIE_SECURE = True in the settings of production",
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
    )


CHECK = Check(
    id="insecure-cookie",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Always use HTTPS",
    dont="Allow HTTP in production",
    tags=("OWASP-API8:2023", "CWE-614", "CWE-1004", "CWE-1275"),
    gates=("data_protection", "authentication"),
    calls=_SETTERS | _SESSIONS | _APPS | frozenset(_STORES),
    assigns=frozenset((*_SETTINGS, "Set-Cookie", "set-cookie", "MIDDLEWARE", "MIDDLEWARE_CLASSES")),
    run=run,
    examined=lambda project: sum(1 for call in project.calls if call.name in _SETTERS) + len(project.apps),
    doc=__doc__,
    bad=(
        example(
            """
            from aiohttp import web
            from aiohttp_session import setup
            from aiohttp_session.redis_storage import RedisStorage


            async def make_app(redis):
                app = web.Application()
                setup(app, RedisStorage(redis, httponly=False))  # <- flagged
                return app
            """,
            "aiohttp: the session can be read by scripts",
        ),
        example(
            """
            from flask import Flask, jsonify, make_response, request

            app = Flask(__name__)


            @app.post("/api/v1/login")
            def login():
                response = make_response(jsonify(ok=True))
                response.set_cookie("session_id", start_session(request.get_json()))  # <- flagged
                return response


            def start_session(body):
                return body["name"]
            """,
            "Flask: neither secure nor httponly",
        ),
        example(
            """
            from fastapi import FastAPI, Response
            from starlette.middleware.sessions import SessionMiddleware

            app = FastAPI()
            app.add_middleware(SessionMiddleware, secret_key=read_key())  # <- flagged


            @app.post("/v1/tokens")
            def issue(response: Response):
                token = "t"
                response.set_cookie(key="refresh_token", value=token, httponly=True)  # <- flagged
                response.set_cookie("access_token", token, secure=False, httponly=True)  # <- flagged
                response.headers["Set-Cookie"] = f"session={token}; Path=/; HttpOnly"  # <- flagged
                return {"ok": True}
            """,
            "FastAPI: tokens and the session of Starlette",
        ),
        example(
            {
                "shop/settings.py": """
                    ROOT_URLCONF = "shop.urls"
                    INSTALLED_APPS = ["django.contrib.sessions"]
                    MIDDLEWARE = [  # <- flagged
                        "django.contrib.sessions.middleware.SessionMiddleware",
                        "django.middleware.csrf.CsrfViewMiddleware",
                    ]
                    CSRF_COOKIE_SECURE = False  # <- flagged
                    SESSION_COOKIE_HTTPONLY = False  # <- flagged
                    """,
                "shop/urls.py": """
                    from django.urls import path

                    from shop.views import remember

                    urlpatterns = [path("remember/", remember)]
                    """,
                "shop/views.py": """
                    from django.http import HttpResponse


                    def remember(request):
                        response = HttpResponse("ok")
                        response.set_cookie("remember_me", request.user.id, httponly=True)  # <- flagged
                        return response
                    """,
            },
            "Django: settings, and a cookie of its own",
        ),
        example(
            {
                "helpdesk/config.py": """
                    class Config:
                        SESSION_COOKIE_SECURE = False  # <- flagged
                        SESSION_COOKIE_SAMESITE = "None"  # <- flagged
                    """,
                "helpdesk/app.py": """
                    from flask import Flask, session

                    app = Flask(__name__)
                    app.config.from_object("helpdesk.config.Config")


                    @app.post("/api/v1/login")
                    def login():
                        session["agent"] = 1
                        return {"ok": True}
                    """,
            },
            "Flask: the configuration",
        ),
        example(
            """
            from flask import Flask, session

            app = Flask(__name__)  # <- flagged


            @app.post("/api/v1/login")
            def login():
                session["agent"] = 1
                return {"ok": True}
            """,
            "Flask: the default",
        ),
    ),
    good=(
        example(
            """
            from flask import Flask, jsonify, session
            from litestar.middleware.session.client_side import CookieBackendConfig

            app = Flask(__name__)
            config = CookieBackendConfig(secret=read_secret(), secure=True)


            @app.get("/api/v1/orders")
            def orders():
                return jsonify([])
            """,
            "a session that is imported and not used, and one that is secure",
        ),
        example(
            """
            from fastapi import FastAPI, Response
            from starlette.middleware.sessions import SessionMiddleware

            from app.settings import settings

            app = FastAPI()
            app.add_middleware(SessionMiddleware, secret_key=settings.key, https_only=True)


            @app.post("/v1/tokens")
            def issue(response: Response):
                response.set_cookie("refresh_token", "t", secure=settings.secure_cookies, httponly=True)
                response.set_cookie("csrf_token", "c", secure=True, samesite="strict")
                response.set_cookie("locale", "de", secure=True)
                return {"ok": True}


            @app.delete("/v1/tokens")
            def revoke(response: Response):
                response.delete_cookie("refresh_token")
                response.set_cookie("access_token", "", max_age=0)
                return {"ok": True}
            """,
            "secure, by a setting, or taken away",
        ),
        example(
            """
            from flask import Flask, make_response, session

            app = Flask(__name__)
            app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")
            OPTIONS = {"secure": True, "httponly": True}


            @app.post("/api/v1/login")
            def login():
                session["agent"] = 1
                response = make_response({"ok": True})
                response.set_cookie("sid", "s", 3600, None, "/", None, True, True, "Lax")
                response.set_cookie("token", "t", **OPTIONS)
                return response
            """,
            "Flask: by position, unpacked, and by configuration",
        ),
        example(
            {
                "shop/settings/base.py": """
                    INSTALLED_APPS = ["django.contrib.sessions"]
                    MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
                    SESSION_COOKIE_SECURE = False
                    """,
                "shop/settings/production.py": """
                    from .base import *

                    SESSION_COOKIE_SECURE = True
                    CSRF_COOKIE_SECURE = True
                    """,
                "shop/settings/development.py": """
                    from .base import *

                    CSRF_COOKIE_SECURE = False
                    """,
            },
            "Django: production decides",
        ),
        example(
            """
            from flask import Flask

            app = Flask(__name__)


            @app.get("/api/v1/parcels")
            def parcels():
                return {"items": []}
            """,
            "no session at all",
        ),
    ),
)
