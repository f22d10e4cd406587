"""Memory of one process that requests change.

What it flags: a container of a module, of a class, of an object made once or of the application's state to which code on
the request path adds what it was given, and a variable of a module that such code replaces (`global`). It is told once,
where the state is made, with the requests that change it. Sessions have a check of their own.

Why: every worker process has its own copy. What one request writes the next one does not find, counters count a part,
locks lock nothing, and everything is gone after a restart. Threads of one process change it at the same time.

How to mend: keep shared state in Redis or the database; keep the state of one request in the request (`request.state`,
`flask.g`, a `ContextVar`).

What it cannot see: changes through other names and inside libraries. Caches with the variables that are set together with
them, registries that are filled at import, and values that are made once where they are missing are left alone. Told with
low confidence are locks, threads and connections, and entries that the same requests take out again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import SharedState, StateChange
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks._reach import is_script
from qualitygate_checks._state import changed_by_requests, is_cache, is_session, places, reason, words

_OF_THE_PROCESS = re.compile(r"(^|_)(locks?|semaphores?|threads?|workers?|process(es)?|loops?|connections?(_map)?)$")


def run(project: Project) -> Iterator[Hit]:
    """A hit for every container or variable that requests change."""
    code = project.once(Code)
    caching = {change.owner for state in project.state if is_cache(state) for change in _rebinds(state)}
    for state in project.state:
        changes = changed_by_requests(state)
        if not changes or is_cache(state) or is_session(state) or is_script(state.place.path):
            continue
        # The address that a client was made for, the hour at which a copy was read.
        if not state.owner and all(
            _asked_first(code, state, change)
            if change.how == "item"
            else _replaces(code, change) and (change.owner in caching or _refreshes(code, change))
            for change in changes
        ):
            continue
        replaced = all(change.how == "rebound" for change in changes)
        passing = _passes(code, state, changes)
        # Locks, threads and connections belong to the process that made them, and may be meant for it alone.
        unsure = passing or _OF_THE_PROCESS.search(words(state.name)) is not None
        yield Hit(
            place=Place(state.place.path, state.place.span),
            message=f"requests {'replace' if replaced else 'change'} `{state.name}`, which every process has for itself",
            subject=f"state {state.name}",
            why=reason(changes) + ("; the same requests take out again what they put in" if passing else ""),
            mend="keep it in Redis or the database, or with the request that it belongs to",
            places=places(changes),
            confidence=Confidence.LOW if unsure else None,
        )


def _rebinds(state: SharedState) -> list[StateChange]:
    return [change for change in state.changes if change.how == "rebound" and not state.owner]


def _passes(code: Code, state: SharedState, changes: Sequence[StateChange]) -> bool:
    """Whether entries stand for work that is under way: under a key made on the spot, and removed by the same requests."""
    removed = {route for change in state.changes if change.how == "removed" for route in change.routes}
    return bool(removed) and all(
        change.how == "item" and removed.issuperset(change.routes) and _made_key(code, change) for change in changes
    )


def _made_key(code: Code, change: StateChange) -> bool:
    """Whether a function makes the key itself, by a call that is given nothing: `uuid4()`, `next_number()`."""
    body = _body(code, change)
    bound = body.bindings.get(change.key, ()) if body is not None else ()
    return bool(bound) and all(
        binding.how == "value"
        and any(isinstance(part, ir.Call) and not part.arguments for part in ir.subexpressions(binding.value))
        for binding in bound
    )


def _replaces(code: Code, change: StateChange) -> bool:
    """Whether a change puts another value in place of a variable's old one; `number += 1` goes on from it."""
    body = _body(code, change) if change.how == "rebound" else None
    return body is not None and not any(
        isinstance(statement, ir.Assign) and statement.operator and statement.span == change.place.span
        for statement in ir.walk(body.statements)
    )


def _refreshes(code: Code, change: StateChange) -> bool:
    """Whether a variable is replaced when another one, which the function replaces too, says that it is time."""
    body = _body(code, change)
    if body is None:
        return False
    replaced = {name for item in ir.walk(body.statements) if isinstance(item, ir.Outer) for name in item.names}
    return any(
        isinstance(item, ir.If)
        and not replaced.isdisjoint(map(last_name, ir.subexpressions(item.test)))
        and any(isinstance(inner, ir.Assign) and inner.span == change.place.span for inner in ir.walk(item.body))
        for item in ir.walk(body.statements)
    )


def _asked_first(code: Code, state: SharedState, change: StateChange) -> bool:
    """Whether all callers of the function that adds an entry call it only after a look into the container."""
    body = _body(code, change)
    calls = code.callers(body) if body is not None and body.function is not None else None
    return bool(calls) and all(
        any(
            isinstance(item, ir.If)
            and state.name in map(last_name, ir.subexpressions(item.test))
            and any(call is inner for inner in _calls(item.body))
            for item in ir.walk(caller.statements)
        )
        for call, caller in calls or ()
    )


def _calls(statements: Sequence[ir.Statement]) -> Iterator[ir.Call]:
    for statement in ir.walk(statements):
        for expression in ir.evaluated_by(statement):
            yield from (part for part in ir.subexpressions(expression) if isinstance(part, ir.Call))


def _body(code: Code, change: StateChange) -> Body | None:
    return next((body for body in code.bodies(change.place.path) if body.owner == change.owner), None)


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

            from helpdesk.rules import read_rules

            app = Flask(__name__)
            EXPORTERS = {}
            RULES = {}


            def exporter(name):
                def register(function):
                    EXPORTERS[name] = function
                    return function

                return register


            def load_rules(tenant):
                RULES[tenant] = read_rules(tenant)


            @exporter("csv")
            def to_csv(rows):
                return ",".join(rows)


            @app.get("/api/v1/export/<tenant>/<name>")
            def export(tenant, name):
                if tenant not in RULES:
                    load_rules(tenant)
                seen = {}
                g.rows = request.args.getlist("row")
                for row in g.rows:
                    seen[row] = True
                return jsonify(EXPORTERS[name](list(seen)))
            """,
            "a registry filled at import, rules read once, and memory of one request",
        ),
        example(
            """
            from datetime import datetime, timedelta

            from fastapi import FastAPI

            from shop.model import digest, load

            app = FastAPI()
            _model = None
            _checksum = None
            _prices_cache = {}


            def model():
                global _model, _checksum
                if _model is None:
                    _model = load()
                    _checksum = digest(_model)
                return _model


            _rates = {}
            _rates_until = datetime.min


            def rates():
                global _rates, _rates_until
                if _rates_until < datetime.now():
                    _rates = load("rates")
                    _rates_until = datetime.now() + timedelta(hours=1)
                return _rates


            @app.get("/v1/prices/{article}")
            def price(article: str):
                if article not in _prices_cache:
                    _prices_cache[article] = model().price(article)
                return _prices_cache[article] * rates()["EUR"]
            """,
            "made once with its checksum, read again every hour, and a cache",
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
