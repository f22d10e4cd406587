"""A session that lives in the memory or on the disk of one process.

What it flags: what belongs to one user or client (sessions, logins, carts, one-time codes, tokens handed out,
conversations) kept in a container of the process that requests fill: a dictionary, list or set of a module, a class, an
object made once, or the application's state. And session back ends that do the same: `SESSION_TYPE = "filesystem"` of
Flask-Session, the file back end of Django or its cache back end over local memory, the in-memory stores of starsessions,
Sanic and FastAPI Sessions.

Why: the next request goes to another process or another machine, and there nobody is logged in. Every deployment and
every crash logs everybody out, so the service can neither grow nor be updated unseen.

How to mend: keep sessions in Redis or the database, or in a signed cookie; give one-time codes a time to live there.

What it cannot see: containers that are filled through a library or under a name that does not tell. A signed cookie
(Flask's and Starlette's default) is no session in memory, and settings of development and tests are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Argument
from qualitygate_checks._state import changed_by_requests, is_cache, is_session, places, reason

_STORES = {
    "starsessions.InMemoryStore": "starsessions",
    "starsessions.stores.InMemoryStore": "starsessions",
    "starsessions.stores.memory.InMemoryStore": "starsessions",
    "sanic_session.InMemorySessionInterface": "sanic_session",
    "fastapi_sessions.backends.implementations.InMemoryBackend": "fastapi_sessions",
    "fastapi_sessions.backends.implementations.in_memory_backend.InMemoryBackend": "fastapi_sessions",
}
_SETTINGS = frozenset({"SESSION_TYPE", "SESSION_ENGINE", "CACHES", "SESSION_CACHE_ALIAS"})
_DEVELOPMENT = re.compile(r"(^|[/_.-])(dev|develop|development|local|test|tests|testing|debug|ci)([/_.-]|$)")
_ENGINE = "django.contrib.sessions.backends."
_MEND = "keep it in Redis or the database with a time to live, or in a signed cookie"


def run(project: Project) -> Iterator[Hit]:
    """A hit for every container of sessions, and for every back end that keeps them in one process."""
    for state in project.state:
        changes = changed_by_requests(state)
        if not changes or not is_session(state) or is_cache(state):
            continue
        yield Hit(
            place=Place(state.place.path, state.place.span),
            message=f"`{state.name}` keeps sessions in the memory of one process",
            subject=f"state {state.name}",
            why=reason(changes),
            mend=_MEND,
            places=places(changes),
            # Made where it is missing, it may be a connection as well as the session of a user.
            confidence=Confidence.MEDIUM if all(change.guarded for change in changes) else Confidence.HIGH,
        )
    yield from _backends(project)


def _backends(project: Project) -> Iterator[Hit]:
    for assignment in project.assignments:
        if (
            assignment.name == "SESSION_TYPE"
            and assignment.value.value in ("filesystem", "cachelib")
            and not assignment.conditional
            and not _DEVELOPMENT.search(assignment.owner.lower())
        ):
            yield _backend(assignment.place, "SESSION_TYPE", "Flask-Session keeps sessions in files of one machine")
    for settings in project.settings:
        engine = settings.values.get("SESSION_ENGINE")
        if engine is None or engine.place is None or _DEVELOPMENT.search(settings.path.lower()):
            continue
        if any(item.conditional and item.place == engine.place for item in project.assignments):
            continue  # an installation may choose it
        if engine.value == f"{_ENGINE}file":
            yield _backend(engine.place, "SESSION_ENGINE", "sessions are files of one machine")
        elif engine.value == f"{_ENGINE}cache" and _local(settings.values):
            yield _backend(engine.place, "SESSION_ENGINE", "sessions are in a cache in the memory of one process")
    for call in project.calls:
        if call.name in _STORES:
            yield _backend(call.place, call.name, f"this store of {_STORES[call.name]} is the memory of one process")


def _local(values: dict[str, Argument]) -> bool:
    """Whether the cache that sessions are kept in is local memory; without ``CACHES`` Django's default is."""
    caches = values.get("CACHES")
    if caches is None:
        return True
    alias = values.get("SESSION_CACHE_ALIAS")
    cache = caches.entry(str(alias.value) if alias is not None and alias.value else "default")
    backend = cache.entry("BACKEND") if cache is not None else None
    return backend is not None and isinstance(backend.value, str) and backend.value.endswith("LocMemCache")


def _backend(place: Place, subject: str, why: str) -> Hit:
    return Hit(
        place=Place(place.path, place.span),
        message="sessions are kept where only one process finds them",
        subject=subject,
        why=why,
        mend="keep sessions in Redis or the database",
    )


CHECK = Check(
    id="in-process-session",
    domain=Domain.SCALING,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Design stateless services",
    dont="Store session in memory",
    tags=("CWE-1052", "CWE-613", "SOC2-A1.1"),
    gates=("availability", "throughput"),
    run=run,
    calls=frozenset(_STORES),
    assigns=_SETTINGS,
    examined=lambda project: len(project.state) + len(project.settings),
    doc=__doc__,
    bad=(
        example(
            """
            import secrets

            from fastapi import FastAPI, HTTPException, Response

            from shop.accounts import verify

            app = FastAPI()
            sessions = {}  # <- flagged


            @app.post("/v1/login")
            def login(name: str, password: str, response: Response):
                user = verify(name, password)
                key = secrets.token_urlsafe()
                sessions[key] = {"user": user.id}
                response.set_cookie("session", key, httponly=True, secure=True, samesite="lax")
                return {"ok": True}


            @app.get("/v1/me")
            def me(session: str):
                if session not in sessions:
                    raise HTTPException(401)
                return sessions[session]
            """,
            "a dictionary of the module",
        ),
        example(
            {
                "helpdesk/store.py": """
                    class SessionStore:
                        def __init__(self):
                            self._sessions = {}  # <- flagged

                        def open(self, key, user):
                            self._sessions[key] = user

                        def find(self, key):
                            return self._sessions.get(key)


                    store = SessionStore()
                    """,
                "helpdesk/views.py": """
                    import uuid

                    from flask import Flask, jsonify, request

                    from helpdesk.store import store

                    app = Flask(__name__)


                    @app.post("/api/v1/sessions")
                    def create_session():
                        key = uuid.uuid4().hex
                        store.open(key, request.json["user"])
                        return jsonify(key=key)
                    """,
            },
            "an object that a module makes once, two files away",
        ),
        example(
            """
            import random

            from fastapi import FastAPI, Request

            app = FastAPI()
            app.state.otp_codes = {}  # <- flagged


            @app.post("/v1/otp")
            def send_code(request: Request, phone: str):
                request.app.state.otp_codes[phone] = random.randint(100000, 999999)
                return {"sent": True}
            """,
            "on the state of the application",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["django.contrib.sessions", "clinic"]
                    SESSION_ENGINE = "django.contrib.sessions.backends.cache"  # <- flagged
                    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
                    """,
                "clinic/urls.py": "urlpatterns = []\n",
            },
            "a cache that every process has for itself",
        ),
        example(
            """
            from flask import Flask
            from flask_session import Session

            app = Flask(__name__)
            app.config["SESSION_TYPE"] = "filesystem"  # <- flagged
            Session(app)
            """,
            "files of one machine",
        ),
    ),
    good=(
        example(
            """
            import secrets

            import redis
            from fastapi import FastAPI, Response

            from shop.accounts import verify

            app = FastAPI()
            sessions = redis.Redis(host="sessions", socket_timeout=1)


            @app.post("/v1/login")
            def login(name: str, password: str, response: Response):
                user = verify(name, password)
                key = secrets.token_urlsafe()
                sessions.set(key, user.id, ex=3600)
                response.set_cookie("session", key, httponly=True, secure=True, samesite="lax")
                return {"ok": True}
            """,
            "sessions in Redis",
        ),
        example(
            """
            from flask import Flask, jsonify, request, session

            app = Flask(__name__)


            @app.post("/api/v1/sessions")
            def create_session():
                session["user"] = request.json["user"]
                return jsonify(ok=True)
            """,
            "a signed cookie",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["django.contrib.sessions", "clinic"]
                    SESSION_ENGINE = "django.contrib.sessions.backends.cache"
                    CACHES = {
                        "default": {
                            "BACKEND": "django.core.cache.backends.redis.RedisCache",
                            "LOCATION": "redis://cache:6379/1",
                        }
                    }
                    """,
                "clinic/urls.py": "urlpatterns = []\n",
            },
            "a cache that all processes share",
        ),
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()
            SESSION_HANDLERS = {}


            def handles(kind):
                def register(function):
                    SESSION_HANDLERS[kind] = function
                    return function

                return register


            @handles("login")
            def on_login(event):
                return event


            @app.post("/v1/events")
            def event(kind: str):
                return SESSION_HANDLERS[kind]({"kind": kind})
            """,
            "a registry that is filled at import",
        ),
    ),
)
