"""A route that can never change without breaking its clients.

What it flags: HTTP routes of an API whose full mounted path, headers and framework settings carry no version. A path is
versioned by a segment such as `v1`, `2024-05-01` or `{version}` anywhere on the way, or by a bare number right after
`api`; a project is versioned by Django REST framework's versioning classes, by `root_path` in front of a proxy, or by a
dependency or middleware that reads a header such as `X-API-Version`. Routes are reported once for the mount that they
share, with their number; four mounts and more beside each other in one file are one finding. Pages, health checks, metrics, documentation, webhooks, OAuth endpoints, administration and
routes hidden from the schema are left alone.

Why: without a version every change of a published route reaches all its clients at once, and nobody can be moved over
in their own time.

How to mend: mount the API under one versioned prefix, or let a header choose the version for all of it.

What it cannot see: a version that a gateway in front of the service adds. Routes whose prefix cannot be followed (a
router that an unknown function mounts) are not reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import Route
from qualitygate.model.contract import Operation
from qualitygate_checks._agreement import key, promised
from qualitygate_checks.api._contract import place as place_of

_SHOWN = 3
_MANY = 4
"""From this many mounts side by side on, one prefix in front of them all is the mending."""


def run(project: Project) -> Iterator[Hit]:
    """One hit for each mount with unversioned routes below it."""
    groups: dict[tuple[str, int], list[Route]] = {}
    for route in project.routes:
        if _is_judged(route) and not route.versioned:
            start = route.mounts[0] if route.mounts else route.declared
            groups.setdefault((start.path, start.span.line if route.mounts else 0), []).append(route)
    contracts = promised(project)
    files = Counter(path for path, line in groups if line)
    together: dict[str, list[list[Route]]] = {}
    for (path, line), routes in groups.items():
        ordered = sorted(routes, key=lambda route: (route.declared.path, route.declared.span))
        if line and files[path] >= _MANY:
            together.setdefault(path, []).append(ordered)
        else:
            yield _hit(ordered, _unversioned(ordered, contracts))
    for mounted in together.values():
        yield _beside(mounted, _unversioned([route for routes in mounted for route in routes], contracts))


Contracts = Mapping[tuple[str, str, Place], list[Operation]]


def _unversioned(routes: list[Route], contracts: Contracts) -> list[Operation]:
    """What the contracts say of the routes, where they carry no version either."""
    return [operation for route in routes for operation in contracts.get(key(route), ()) if not operation.versioned]


def _is_judged(route: Route) -> bool:
    return route.api and not route.exempt and not route.uncertain


def _hit(routes: list[Route], operations: list[Operation]) -> Hit:
    shared = _shared_mounts(routes)
    place = shared[-1] if shared else routes[0].declared
    prefix = _shared_prefix([route.path for route in routes])
    first = routes[0]
    if len(routes) == 1:
        message = f"{first.method} {first.path} carries no version"
    elif prefix == "/":
        message = f"{len(routes)} routes carry no version"
    else:
        message = f"{len(routes)} routes under {prefix} carry no version"
    mounted = ", then ".join(f"{mount.path}:{mount.span.line}" for mount in shared)
    none = "which adds no version" if len(shared) == 1 else "none of which adds a version"
    return Hit(
        place=Place(place.path, place.span),
        message=message,
        subject=prefix if len(routes) > 1 else f"{first.method} {first.path}",
        why=f"mounted by {mounted}, {none}, and no header is read for one"
        if mounted
        else "the path is declared on the application itself, and no header is read for a version",
        mend=_mend(first, bool(shared), prefix),
        places=(
            *(
                Place(route.declared.path, route.declared.span, f"{route.method} {route.path}", "route")
                for route in (routes[:_SHOWN] if shared or len(routes) > 1 else ())
            ),
            # The contract lacks the version too.
            *(place_of(operation) for operation in operations[:1]),
        ),
        count=len(routes),
    )


def _beside(groups: list[list[Route]], operations: list[Operation]) -> Hit:
    """One hit for mounts that stand side by side in a file."""
    groups = sorted(groups, key=lambda routes: routes[0].mounts[0].span)
    routes = [route for group in groups for route in group]
    prefix = _shared_prefix([route.path for route in routes])
    first = groups[0][0].mounts[0]
    return Hit(
        place=Place(first.path, first.span),
        message=f"{len(routes)} routes{'' if prefix == '/' else f' under {prefix}'} carry no version",
        subject=prefix,
        why=f"{len(groups)} mounts stand side by side here, none of which adds a version, and no header is read for one",
        mend=_mend(groups[0][0], True, prefix),
        places=(
            *(
                Place(group[0].mounts[0].path, group[0].mounts[0].span, f"{len(group)} more, mounted here", "mount")
                for group in groups[1:]
            ),
            *(place_of(operation) for operation in operations[:1]),
        ),
        count=len(routes),
    )


def _mend(route: Route, mounted: bool, prefix: str) -> str:
    versioned = "/api/v1" if prefix.startswith("/api") else "/v1"
    if route.framework in ("fastapi", "starlette"):
        return (
            f'mount it under a version: `include_router(router, prefix="{versioned}")`'
            if mounted
            else ('declare the routes on an APIRouter and mount it with `prefix="/v1"`')
        )
    if route.framework == "flask":
        return f'register the blueprint under a version: `url_prefix="{versioned}"`'
    return f'include the URLs under a version (`path("{versioned.lstrip("/")}/", include(...))`) or set DEFAULT_VERSIONING_CLASS'


def _shared_mounts(routes: list[Route]) -> list[Place]:
    shared: list[Place] = []
    for mounts in zip(*(route.mounts for route in routes), strict=False):
        if len({(mount.path, mount.span) for mount in mounts}) > 1:
            break
        shared.append(mounts[0])
    return shared


def _shared_prefix(paths: list[str]) -> str:
    shared: list[str] = []
    for segments in zip(*(path.strip("/").split("/") for path in paths), strict=False):
        if len(set(segments)) > 1 or segments[0].startswith("{"):
            break
        shared.append(segments[0])
    return "/" + "/".join(shared)


CHECK = Check(
    id="unversioned-route",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use URL or header versioning",
    dont="Break existing clients",
    tags=("OWASP-API9:2023",),
    run=run,
    examined=lambda project: sum(_is_judged(route) for route in project.routes),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.api import router

                    app = FastAPI(title="Orders")
                    app.include_router(router, prefix="/api")  # <- flagged
                    """,
                "app/api.py": """
                    from fastapi import APIRouter

                    router = APIRouter(prefix="/orders")


                    @router.get("/{order_id}")
                    async def read_order(order_id: int) -> dict:
                        return {"id": order_id}


                    @router.post("/")
                    async def create_order(order: dict) -> dict:
                        return order
                    """,
            },
            "the prefix is added where the router is mounted: one finding for the mount",
        ),
        example(
            {
                "shop/__init__.py": """
                    from flask import Flask

                    from shop.cart import cart


                    def create_app():
                        app = Flask(__name__)
                        app.register_blueprint(cart, url_prefix="/api/cart")  # <- flagged
                        return app
                    """,
                "shop/cart.py": """
                    from flask import Blueprint, jsonify

                    cart = Blueprint("cart", __name__, url_prefix="/v1/cart")


                    @cart.route("/items")
                    def list_items():
                        return jsonify(items=[])


                    @cart.route("/items/<int:item>", methods=["DELETE"])
                    def remove_item(item):
                        return jsonify(removed=item)
                    """,
            },
            "the prefix given at registration replaces the blueprint's own, and with it the version",
        ),
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/invoices/{number}")  # <- flagged
            def read_invoice(number: str) -> dict:
                return {"number": number}
            """,
            "a route on the application itself",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic.visits"]
                    """,
                "clinic/urls.py": """
                    from django.urls import include, path

                    urlpatterns = [
                        path("api/visits/", include("clinic.visits.urls")),  # <- flagged
                    ]
                    """,
                "clinic/visits/urls.py": """
                    from django.urls import path

                    from clinic.visits.views import VisitDetail, VisitList

                    urlpatterns = [
                        path("", VisitList.as_view()),
                        path("<int:pk>/", VisitDetail.as_view()),
                    ]
                    """,
                "clinic/visits/views.py": """
                    from rest_framework import generics


                    class VisitList(generics.ListCreateAPIView):
                        queryset = None


                    class VisitDetail(generics.RetrieveAPIView):
                        queryset = None
                    """,
            },
            "two URL modules of Django REST framework",
        ),
    ),
    good=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.api import router
                    from app.core.config import settings

                    app = FastAPI()
                    app.include_router(router, prefix=settings.API_PREFIX)
                    """,
                "app/core/config.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        API_PREFIX: str = "/api/v1"


                    settings = Settings()
                    """,
                "app/api.py": """
                    from fastapi import APIRouter

                    router = APIRouter(prefix="/orders")


                    @router.get("/{order_id}")
                    def read_order(order_id: int) -> dict:
                        return {"id": order_id}
                    """,
            },
            "the version comes from a settings object",
        ),
        example(
            """
            from fastapi import Depends, FastAPI, Header, HTTPException


            def api_version(x_api_version: str = Header()) -> str:
                if x_api_version not in {"2025-01-01", "2026-01-01"}:
                    raise HTTPException(status_code=400, detail="unknown version")
                return x_api_version


            app = FastAPI(dependencies=[Depends(api_version)])


            @app.get("/orders/{order_id}")
            def read_order(order_id: int) -> dict:
                return {"id": order_id}
            """,
            "a dependency of the whole application reads the version from a header",
        ),
        example(
            """
            from flask import Flask, jsonify, render_template

            app = Flask(__name__)


            @app.get("/")
            def home():
                return render_template("home.html")


            @app.get("/healthz")
            def health():
                return jsonify(status="ok")


            @app.post("/webhooks/payments")
            def payment_event():
                return jsonify(received=True)
            """,
            "a page, a health check and a webhook need no version",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    REST_FRAMEWORK = {
                        "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
                    }
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitList

                    urlpatterns = [path("api/visits/", VisitList.as_view())]
                    """,
                "clinic/views.py": """
                    from rest_framework import generics


                    class VisitList(generics.ListAPIView):
                        queryset = None
                    """,
            },
            "the framework takes the version from the Accept header",
        ),
    ),
)
