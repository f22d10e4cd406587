"""Memory of one process that requests change.

What it flags: a container of a module, of a class, of an object made once or of the application's state to which code on
the request path adds what it was given, and a variable of a module that such code replaces (`global`). It is told once,
where the state is made, with the requests that change it. Sessions have a check of their own.

Why: every worker process has its own copy. What one request writes the next one does not find, counters count a part,
locks lock nothing, and everything is gone after a restart. Threads of one process change it at the same time.

How to mend: keep shared state in Redis or the database; keep the state of one request in the request (`request.state`,
`flask.g`, a `ContextVar`).

What it cannot see: changes through other names and inside libraries. Caches, registries that are filled at import, and
values that are made once where they are missing are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate_checks._reach import is_script
from qualitygate_checks._state import changed_by_requests, is_cache, is_session, places, reason, words


def run(project: Project) -> Iterator[Hit]:
    """A hit for every container or variable that requests change."""
    for state in project.state:
        changes = changed_by_requests(state)
        if not changes or is_cache(state) or is_session(state) or is_script(state.place.path):
            continue
        replaced = all(change.how == "rebound" for change in changes)
        yield Hit(
            place=Place(state.place.path, state.place.span),
            message=f"requests {'replace' if replaced else 'change'} `{state.name}`, which every process has for itself",
            subject=f"state {state.name}",
            why=reason(changes),
            mend="keep it in Redis or the database, or with the request that it belongs to",
            places=places(changes),
            # A lock for each key may be meant for this process alone.
            confidence=Confidence.LOW if words(state.name).endswith(("lock", "locks")) else None,
        )


CHECK = Check(
    id="mutable-global-state",
    domain=Domain.SCALING,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Design stateless services",
    dont="Share memory between requests",
    tags=("CWE-362", "CWE-1108", "SOC2-A1.1"),
    gates=("availability", "data_consistency"),
    run=run,
    examined=lambda project: len(project.state),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()
            pending_jobs = []  # <- flagged


            @app.post("/v1/jobs", status_code=202)
            def submit(job: dict):
                pending_jobs.append(job)
                return {"position": len(pending_jobs)}
            """,
            "jobs that only this process knows",
        ),
        example(
            {
                "helpdesk/limits.py": """
                    from collections import defaultdict

                    attempts = defaultdict(int)  # <- flagged


                    def allowed(address):
                        attempts[address] += 1
                        return attempts[address] <= 5
                    """,
                "helpdesk/views.py": """
                    from flask import Flask, abort, jsonify, request

                    from helpdesk.limits import allowed

                    app = Flask(__name__)


                    @app.post("/api/v1/login")
                    def login():
                        if not allowed(request.remote_addr):
                            abort(429)
                        return jsonify(ok=True)
                    """,
            },
            "a limit that every worker counts for itself",
        ),
        example(
            """
            from flask import Flask, jsonify

            app = Flask(__name__)
            last_ticket = 0  # <- flagged


            @app.post("/api/v1/tickets")
            def create():
                global last_ticket
                last_ticket += 1
                return jsonify(number=last_ticket), 201
            """,
            "numbers that two workers hand out twice",
        ),
        example(
            """
            from fastapi import FastAPI

            app = FastAPI()


            class Rooms:
                members = {}  # <- flagged

                def enter(self, room, name):
                    self.members.setdefault(room, []).append(name)
                    return self.members[room]


            @app.post("/v1/rooms/{room}")
            def enter(room: str, name: str):
                return Rooms().enter(room, name)
            """,
            "an attribute of a class, shared by all its objects",
        ),
    ),
    good=(
        example(
            """
            import redis
            from fastapi import FastAPI

            app = FastAPI()
            queue = redis.Redis(host="queue", socket_timeout=1)


            @app.post("/v1/jobs", status_code=202)
            def submit(job: str):
                return {"position": queue.rpush("jobs", job)}
            """,
            "a queue that all processes share",
        ),
        example(
            """
            from flask import Flask, g, jsonify, request

            app = Flask(__name__)
            EXPORTERS = {}


            def exporter(name):
                def register(function):
                    EXPORTERS[name] = function
                    return function

                return register


            @exporter("csv")
            def to_csv(rows):
                return ",".join(rows)


            @app.get("/api/v1/export/<name>")
            def export(name):
                seen = {}
                g.rows = request.args.getlist("row")
                for row in g.rows:
                    seen[row] = True
                return jsonify(EXPORTERS[name](list(seen)))
            """,
            "a registry filled at import, and memory of one request",
        ),
        example(
            """
            from fastapi import FastAPI

            from shop.model import load

            app = FastAPI()
            _model = None
            _prices_cache = {}


            def model():
                global _model
                if _model is None:
                    _model = load()
                return _model


            @app.get("/v1/prices/{article}")
            def price(article: str):
                if article not in _prices_cache:
                    _prices_cache[article] = model().price(article)
                return _prices_cache[article]
            """,
            "made once, and a cache",
        ),
        example(
            """
            from dataclasses import dataclass, field

            from fastapi import FastAPI
            from pydantic import BaseModel

            app = FastAPI()


            class Order(BaseModel):
                lines: list[str] = []

                def add(self, line):
                    self.lines.append(line)


            @dataclass
            class Basket:
                notes: list[str] = field(default_factory=list)


            @app.post("/v1/orders")
            def create(order: Order, line: str):
                order.add(line)
                return order
            """,
            "models have lists of their own",
        ),
    ),
)
