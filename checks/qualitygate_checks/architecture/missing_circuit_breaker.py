"""Dependencies that are asked again and again while they are down.

What it flags: a service whose requests call three other systems or more over HTTP, while nothing in the project breaks the
circuit when one of them keeps failing: no library (pybreaker, circuitbreaker, aiobreaker, purgatory), no code of its own
that says so, no outlier detection of a mesh. Said once, at the application, with the systems.

Why: with a timeout, every request that needs the dead neighbour still waits for that timeout. A breaker answers at once
while it is open, and leaves the neighbour in peace to come back.

How to mend: put a breaker around each client (`pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)`), and decide what
the service answers while it is open.

What it cannot see: a mesh or gateway that is configured elsewhere, and clients of libraries. Systems are told apart by
host, or by the setting that names the address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate_checks._evidence import entrance, mentions

_VERBS = ("get", "post", "put", "patch", "delete", "head", "request", "stream")
_CLIENTS = (
    "requests",
    "requests.Session",
    "requests.session",
    "httpx",
    "httpx.Client",
    "httpx.AsyncClient",
    "aiohttp.ClientSession",
)
_CALLS = frozenset(f"{client}.{verb}" for client in _CLIENTS for verb in _VERBS)
_EVIDENCE = re.compile(rb"circuit.?breaker|pybreaker|aiobreaker|purgatory|hystrix|outlier.?detection", re.IGNORECASE)
# A host, or a setting in capitals or of a settings object: other names say nothing of the system behind them.
_SYSTEM = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?|(\w+\.)*[A-Z][A-Z0-9_]+|(settings|config)\.\w+")
_LOCAL = re.compile(r"localhost|127\.|0\.0\.0\.0|example\.")


@dataclass(frozen=True)
class Options:
    """``systems``: how many other systems requests must call before a breaker is asked for."""

    systems: int = 3


def run(project: Project, options: Options) -> Iterator[Hit]:
    """One hit for a service that depends on many and breaks no circuit."""
    asked = {call.place: call for call in project.calls if call.name in _CALLS and call.routes}
    found = {
        outbound.target: asked[outbound.place]
        for outbound in reversed(project.outbound)
        if outbound.place in asked and _SYSTEM.fullmatch(outbound.target) and not _LOCAL.search(outbound.target)
    }
    place = entrance(project)
    if place is None or len(found) < options.systems or mentions(project, _EVIDENCE):
        return
    systems = sorted(found)
    shown = ", ".join(systems[:4]) + (", ..." if len(systems) > 4 else "")
    yield Hit(
        place=place,
        message=f"requests of this service call {len(systems)} other systems, and no circuit breaker protects them",
        subject="no circuit breaker",
        why=f"{shown}: while one of them is down, every request that needs it waits for its timeout",
        mend="put a breaker around each client, and decide what to answer while it is open",
        places=tuple(found[system].place for system in systems[:4]),
    )


CHECK = Check(
    id="missing-circuit-breaker",
    domain=Domain.ARCHITECTURE,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Break the circuit to a failing dependency",
    dont="Let every request wait for a dead neighbour",
    tags=("CWE-400", "SOC2-A1.2"),
    gates=("graceful_degradation",),
    run=run,
    options=Options(),
    calls=_CALLS,
    assigns=frozenset({"ROOT_URLCONF"}),
    examined=lambda project: len(project.outbound),
    doc=__doc__,
    bad=(
        example(
            """
            import httpx
            from fastapi import FastAPI

            app = FastAPI()  # <- flagged


            @app.post("/v1/orders")
            def order(sku: str):
                price = httpx.get("https://prices.acme.io/v1/prices", params={"sku": sku}).json()
                httpx.post("https://stock.acme.io/v1/reservations", json={"sku": sku})
                httpx.post("https://pay.acme.io/v1/charges", json=price)
                return {"price": price}
            """,
            "three systems in one request",
        ),
        example(
            {
                "helpdesk/__init__.py": """
                    from flask import Flask

                    from helpdesk.views import tickets


                    def create_app():
                        app = Flask(__name__)  # <- flagged
                        app.register_blueprint(tickets)
                        return app
                    """,
                "helpdesk/views.py": """
                    from flask import Blueprint, jsonify

                    from helpdesk.clients import author, language, notify

                    tickets = Blueprint("tickets", __name__)


                    @tickets.post("/api/v1/tickets/<int:number>")
                    def answer(number):
                        notify(number)
                        return jsonify(author=author(number), language=language(number))
                    """,
                "helpdesk/clients.py": """
                    import os

                    import requests

                    PEOPLE_URL = os.environ["PEOPLE_URL"]


                    def author(number):
                        return requests.get(f"{PEOPLE_URL}/authors/{number}", timeout=2).json()


                    def language(number):
                        return requests.get(f"https://language.acme.io/{number}", timeout=2).json()


                    def notify(number):
                        requests.post("https://chat.acme.io/messages", json={"ticket": number}, timeout=2)
                    """,
            },
            "clients in a module of their own",
        ),
        example(
            """
            import aiohttp
            from aiohttp import web


            async def visit(request):
                async with aiohttp.ClientSession() as session:
                    async with session.get("https://patients.acme.io/v1/patients") as answer:
                        patient = await answer.json()
                    async with session.get("https://rooms.acme.io/v1/rooms") as answer:
                        room = await answer.json()
                    await session.post("https://billing.acme.io/v1/visits", json=patient)
                return web.json_response({"patient": patient, "room": room})


            app = web.Application()  # <- flagged
            app.router.add_post("/v1/visits", visit)
            """,
            "a session of aiohttp",
            path="clinic/main.py",
        ),
        example(
            {
                "library/settings.py": """
                    ROOT_URLCONF = "library.urls"  # <- flagged
                    INSTALLED_APPS = ["library"]
                    COVERS_URL = "https://covers.acme.io"
                    REVIEWS_URL = "https://reviews.acme.io"
                    LENDERS_URL = "https://lenders.acme.io"
                    """,
                "library/urls.py": """
                    from django.urls import path

                    from library.views import book

                    urlpatterns = [path("api/v1/books/<int:number>/", book)]
                    """,
                "library/views.py": """
                    import requests
                    from django.conf import settings
                    from django.http import JsonResponse


                    def book(request, number):
                        cover = requests.get(f"{settings.COVERS_URL}/{number}", timeout=2).json()
                        reviews = requests.get(f"{settings.REVIEWS_URL}/{number}", timeout=2).json()
                        lenders = requests.get(f"{settings.LENDERS_URL}/{number}", timeout=2).json()
                        return JsonResponse({"cover": cover, "reviews": reviews, "lenders": lenders})
                    """,
            },
            "addresses from the settings of Django",
        ),
    ),
    good=(
        example(
            """
            import httpx
            import pybreaker
            from fastapi import FastAPI

            app = FastAPI()
            breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)


            @app.post("/v1/orders")
            def order(sku: str):
                price = breaker.call(httpx.get, "https://prices.acme.io/v1/prices", params={"sku": sku}).json()
                httpx.post("https://stock.acme.io/v1/reservations", json={"sku": sku})
                httpx.post("https://pay.acme.io/v1/charges", json=price)
                httpx.post("https://mail.acme.io/v1/receipts", json=price)
                return {"price": price}
            """,
            "a library that breaks the circuit",
        ),
        example(
            """
            import requests
            from flask import Flask, jsonify

            app = Flask(__name__)


            @app.get("/api/v1/rates")
            def rates():
                return jsonify(requests.get("https://rates.acme.io/latest", timeout=2).json())


            @app.get("/api/v1/rates/<currency>")
            def rate(currency):
                return jsonify(requests.get(f"https://rates.acme.io/{currency}", timeout=2).json())
            """,
            "one other system",
        ),
        example(
            """
            import httpx
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/v1/orders")
            def orders():
                return []


            def nightly():
                httpx.get("https://prices.acme.io/v1/prices")
                httpx.get("https://stock.acme.io/v1/levels")
                httpx.get("https://pay.acme.io/v1/payouts")
            """,
            "no request waits for them",
        ),
        example(
            """
            import aiohttp
            from aiohttp import web


            async def proxy(request):
                async with aiohttp.ClientSession() as session:
                    async with session.get(request.query["url"]) as answer:
                        return web.Response(body=await answer.read())


            app = web.Application()
            app.router.add_get("/v1/proxy", proxy)
            """,
            "addresses that are not known",
            path="helpdesk/proxy.py",
        ),
    ),
)
