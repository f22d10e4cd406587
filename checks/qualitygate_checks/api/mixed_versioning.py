"""An API that is versioned in some places and not in others, or in several ways.

What it flags: a project of whose API operations some carry a version and some do not, and one whose versions are
supplied in several ways (in the path here, in a header there) or spelled in several (`/v1/`, `/1/`, `/2024-01-01/`). Said
once, where the application is made, with the numbers. Several numbers of one spelling (`/v1/`, `/v2/`) are what
versions are for. A header beside paths is low in confidence: a middleware may read it for all. `unversioned-route` tells each mount that lacks a version.

Why: clients must know for each call whether and how a version is asked for, and what has none can never change without
breaking them.

How to mend: mount every router of the API below one versioned prefix, or ask for the version by one header everywhere.

What it cannot see: versions that a proxy adds, and routes that are meant for the project's own pages alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import Route

_SHOWN = 5
_FILES = 3
_SHARE = 10
"""Less than a tenth of either kind is a slip, or a courtesy to one client, and no second way."""

_SPELLINGS = (
    ("v1", re.compile(r"v\d+")),
    ("v1.2", re.compile(r"v\d{1,9}(?:[._-]\d{1,9})+")),
    ("1", re.compile(r"\d{1,2}")),
    ("1.0", re.compile(r"\d{1,9}(?:\.\d{1,9})+")),
    ("2024-01-01", re.compile(r"\d{4}-\d{2}(?:-\d{2})?")),
)


def run(project: Project) -> Iterator[Hit]:
    """At most one hit."""
    routes = _judged(project)
    ways = Counter(_way(route) for route in routes if route.versioned)
    bare = [route for route in routes if not route.versioned]
    if len(ways) > 1:
        odd = min(ways, key=lambda way: (ways[way], way))
        told = ", ".join(f"{count} by {way}" for way, count in sorted(ways.items(), key=lambda item: -item[1]))
        yield _hit(
            project,
            f"versions of this API are supplied in {len(ways)} ways",
            f"{told}; {len(bare)} operations carry none" if bare else told,
            [route for route in routes if route.versioned and _way(route) == odd],
            Severity.WARNING,
            # What reads the header may stand before the whole application, versioned paths included.
            Confidence.LOW if "header" in ways else None,
        )
    elif ways and min(len(bare), len(routes) - len(bare)) * _SHARE >= len(routes) and _is_spread(bare):
        way, count = next(iter(ways.items()))
        yield _hit(
            project,
            f"{len(bare)} of {len(routes)} API operations carry no version, and the others do",
            f"{count} are versioned by {way}",
            bare,
            Severity.NOTE,
        )


def _is_spread(bare: list[Route]) -> bool:
    """Whether routes without a version are declared in several files: of one that was forgotten its mount tells all."""
    return len({route.declared.path for route in bare}) >= _FILES


def _judged(project: Project) -> list[Route]:
    return [
        route
        for route in project.routes
        if route.api and not route.exempt and not route.uncertain and not _is_numbered(route)
    ]


def _is_numbered(route: Route) -> bool:
    """Whether all that looks like a version is a bare number that follows no `api`: as well the number of a thing."""
    segments = route.path.strip("/").lower().split("/")
    if route.version_how != "path" or _way(route) != "path (/1/)":
        return False
    numbers = [place for place, segment in enumerate(segments) if segment.isdigit()]
    return not any(place and segments[place - 1] in ("api", "rest") for place in numbers)


def _way(route: Route) -> str:
    """How a version is supplied, with its spelling where it stands in the path."""
    if route.version_how != "path":
        return route.version_how
    for segment in route.path.strip("/").split("/"):
        for name, spelling in _SPELLINGS:
            if spelling.fullmatch(segment.lower()):
                return f"path (/{name}/)"
    return "path"


def _hit(
    project: Project,
    message: str,
    why: str,
    routes: list[Route],
    severity: Severity,
    confidence: Confidence | None = None,
) -> Hit:
    return Hit(
        place=project.apps[0] if project.apps else routes[0].declared,
        message=message,
        subject="versions",
        why=why,
        mend="mount every router of the API below one versioned prefix, or ask for one header everywhere",
        places=tuple(
            Place(route.shown.path, route.shown.span, f"{route.method} {route.path}", "route")
            for route in routes[:_SHOWN]
        ),
        severity=severity,
        confidence=confidence,
    )


CHECK = Check(
    id="mixed-versioning",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Use URL or header versioning",
    dont="Break existing clients",
    tags=("OWASP-API9:2023",),
    run=run,
    examined=lambda project: len(_judged(project)),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    from app import articles, customers, orders, stock

                    app = FastAPI()  # <- flagged
                    app.include_router(orders.router, prefix="/api/v1")
                    app.include_router(articles.router, prefix="/api")
                    app.include_router(customers.router, prefix="/api")
                    app.include_router(stock.router, prefix="/api")
                    """,
                **{
                    f"app/{name}.py": f"""
                    from fastapi import APIRouter

                    router = APIRouter(prefix="/{name}")


                    @router.get("/{{number}}")
                    def read(number: int):
                        return {{"number": number}}
                    """
                    for name in ("orders", "articles", "customers", "stock")
                },
            },
            "FastAPI: only one router got a version",
        ),
        example(
            """
            from flask import Blueprint, Flask, jsonify

            app = Flask(__name__)  # <- flagged
            tickets = Blueprint("tickets", __name__, url_prefix="/api/v1/tickets")
            agents = Blueprint("agents", __name__, url_prefix="/api/2/agents")


            @tickets.get("/<int:number>")
            def ticket(number):
                return jsonify(number=number)


            @agents.get("/<int:number>")
            def agent(number):
                return jsonify(number=number)


            app.register_blueprint(tickets)
            app.register_blueprint(agents)
            """,
            "Flask: two spellings",
        ),
        example(
            """
            from fastapi import FastAPI, Header

            app = FastAPI()  # <- flagged


            @app.get("/v1/orders")
            def orders():
                return {"items": []}


            @app.get("/articles")
            def articles(api_version: str = Header(alias="X-API-Version")):
                return {"items": []}
            """,
            "FastAPI: in the path here, in a header there",
        ),
        example(
            """
            from flask import Flask, jsonify

            app = Flask(__name__)  # <- flagged


            @app.get("/api/2024-01-01/tickets")
            def tickets():
                return jsonify(items=[])


            @app.get("/api/v2/agents")
            def agents():
                return jsonify(items=[])


            @app.get("/api/teams")
            def teams():
                return jsonify(items=[])
            """,
            "Flask: a date, a number, and none",
        ),
    ),
    good=(
        example(
            """
            from fastapi import APIRouter, FastAPI

            app = FastAPI()
            first = APIRouter(prefix="/v1")
            second = APIRouter(prefix="/v2")


            @first.get("/orders")
            def orders():
                return {"items": []}


            @second.get("/orders")
            def orders_with_lines():
                return {"items": [], "lines": []}


            @app.get("/health")
            def health():
                return {"ok": True}


            app.include_router(first)
            app.include_router(second)
            """,
            "FastAPI: two versions, and a health check",
        ),
        example(
            """
            from flask import Flask, jsonify, render_template

            app = Flask(__name__)


            @app.get("/api/v1/tickets")
            def tickets():
                return jsonify(items=[])


            @app.get("/tickets")
            def page():
                return render_template("tickets.html")
            """,
            "Flask: pages carry no version",
        ),
        example(
            """
            from fastapi import Depends, FastAPI, Header

            app = FastAPI()


            @app.get("/orders")
            def orders(api_version: str = Header(alias="X-API-Version")):
                return {"items": []}


            @app.get("/articles")
            def articles(api_version: str = Header(alias="X-API-Version")):
                return {"items": []}
            """,
            "FastAPI: one header everywhere",
        ),
        example(
            """
            from flask import Flask, jsonify

            app = Flask(__name__)


            @app.get("/tickets")
            def tickets():
                return jsonify(items=[])
            """,
            "Flask: no version at all is another matter",
        ),
        example(
            """
            from fastapi import APIRouter, FastAPI

            app = FastAPI()
            orders = APIRouter(prefix="/orders")
            articles = APIRouter(prefix="/articles")


            @orders.get("/{number}")
            def read_order(number: int):
                return {"number": number}


            @articles.get("/{number}")
            def read_article(number: int):
                return {"number": number}


            app.include_router(orders, prefix="/api/v1")
            app.include_router(articles, prefix="/api")
            """,
            "one router was forgotten: its mount is told by `unversioned-route`",
        ),
    ),
)
