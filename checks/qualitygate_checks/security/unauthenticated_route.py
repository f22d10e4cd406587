"""An operation that changes data for anybody.

What it flags: a POST, PUT, PATCH or DELETE operation of an API with nothing in front of it that asks who calls: no
dependency, decorator, permission class, base class or middleware that authenticates, along the whole chain of mounts,
and no look at the caller in the handler or in what it calls. Where an application has no authentication at all, that is
said once; where it is one of several services of a repository, and others ask, with low confidence. Several open operations of one file are one finding. Where the contract demands a credential for a route, and
the routes of most others ask for one, a route that asks nobody is flagged whatever its method. A GET that nothing guards is
flagged where most are guarded and another one asks who calls before it reads the same (`/delivery/orders` beside `/orders`),
and wherever others are guarded and its answer names a person beside a password, a balance or the like.

Why: whoever finds the address may create, change and delete. It is the first thing that scanners of the internet try.

How to mend: put the application's own guard in front of it, best at the router, blueprint or view class, so that the
next operation has it too; an operation that is meant to be public can be answered in the code, with the reason.

What it cannot see: authentication at a gateway, in a service mesh, or by the network alone. Operations that are public by their
nature are left alone: signing in and up, passwords, tokens, webhooks and callbacks, contact and subscription forms,
search, addresses that carry a secret of their own (`/invitations/{token}`), and routes mounted only under a test for
development (`if settings.ENVIRONMENT == "local"`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Route
from qualitygate_checks._agreement import key
from qualitygate_checks._code import Body, Code

_CHANGING = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_CERTAIN = frozenset(("authentication", "identity"))
_GUARDS = frozenset(("authentication", "identity", "check"))
_PUBLIC = re.compile(
    r"(?:^|[/_.-])(?:log-?_?(?:in|out)|sign-?_?(?:in|up|out|on)|regist|auth(?!or)|o?auth2?|oidc|saml|sso|token|passw|forgot|recover|reset"
    r"|verif|confirm|activat|invit|webhook|hooks?(?:/|$)|callback|notify|ipn|health|unsubscri|graphql|csrf|captcha|otp|mfa|totp|2fa|public"
    r"|guest|magic|acme|scim|setup|install(?:/|$)|onboard|session)",
    re.IGNORECASE,
)
_PUBLIC_POST = re.compile(
    r"(?:^|[/_.-])(?:ping|status|metric|telemetry|track|collect(?:/|$)|analytic|events?(?:/|$)|beacon|ingest|report-uri|csp|contact|feedback"
    r"|newsletter|subscri|search|query|preview|validate|check|share|embed|lookup|scan|estimate|calculat|conver(?:t|sion)|(?:de|en)code|parse|render|autocomplete|suggest"
    r"|cart|checkout|predict|infer|completions?|translate|rpc|mcp|reports?(?:/|$))",
    re.IGNORECASE,
)
_SIGN_UP = re.compile(r"sign-?_?up|regist", re.IGNORECASE)
_ACCOUNTS = re.compile(r"(?:users?|accounts?|customers?|members?|agents?)/?$", re.IGNORECASE)
_READING = re.compile(
    r"(?:^|[._])(?:search|list|find|query|filter|lookup|preview|validate|verify|count|get|read|fetch|login|log_in|logout|register|signup|sign_up|sign_in|signin|authenticate|webhook|callback|healthcheck|options)(?:_|$)",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"\{[^{}]{0,80}(?:token|key|secret|signature|signed|hash|code|nonce|uuid_token|payload)[^{}]{0,80}\}", re.IGNORECASE
)
# What a condition asks that mounts a route on a developer's machine alone.
_DEVELOPMENT = re.compile(
    r"(?:^|_)(?:local|dev|develop|development|debug|test|tests|testing|e2e)(?:$|_)", re.IGNORECASE
)
_SHARED = re.compile(
    r"public|explore|shared?(?:[/_. ]|$)|embed|anonymous|guest|catalog|landing|static|media|assets", re.IGNORECASE
)
# Names in the plural that tell about the application, not about its users.
_FACTS = re.compile(
    r"status|options|settings|stats|statistics|types|languages|locales|currencies|countries|tags|categories|plans|features|news|docs"
    r"|metrics|versions|releases|permissions|providers|images|thumbnails|avatars|files|pictures|movies|tiles|fonts|terms",
    re.IGNORECASE,
)
# Fields of an answer that say who somebody is, and those that are nobody else's business. Tokens are not among them:
# an operation that signs in hands them out by design.
_PERSON = re.compile(
    r"^(?:user_?name|full_?name|first_?name|last_?name|login|e_?mail|phone(?:_?number)?|account_?number)$",
    re.IGNORECASE,
)
_PRIVATE = re.compile(
    r"^(?:(?:hashed_?)?passw(?:or)?d(?:_?hash)?|(?:account_?|current_?)?balance|ssn|social_?security(?:_?number)?|iban|cvv"
    r"|card_?number|credit_?card(?:_?number)?|salary)$",
    re.IGNORECASE,
)
_RANKS = re.compile(r"leader_?-?board|rank|scores?(?:$|[/_-])|top(?:$|[/_-])|rich", re.IGNORECASE)
_FORBIDDEN = re.compile(r"UNAUTHORIZED|FORBIDDEN|HTTP_40[13]|Forbidden|Unauthorized")
# Addresses that are not part of the published API work for all that: `/debug/users`.
_ADDRESSED = frozenset(("", "internal", "administration"))
_HOPS = 2
"""How many calls below the handler an answer is still looked for: the handler, the model's query, the record's method."""

# What a directory holds that is built by itself.
_BUILT = frozenset(("pyproject.toml", "setup.py", "manage.py", "Dockerfile"))

_MANY = 3
"""From this many open operations in one file on, they are told together."""

_SHOWN = 6


def run(project: Project) -> Iterator[Hit]:
    """Hits for open operations, by file, or one for an application without authentication."""
    if _guards_all(project):
        return
    promised = list(_promised(project))
    yield from promised
    read = list(_read_elsewhere(project, {hit.place for hit in promised}))
    yield from read
    yield from _hands_out(project, {hit.place for hit in (*promised, *read)})
    judged = _judged(project)
    open_routes = [route for route in judged if not _guarded(route) and not _for_development(project, route)]
    if not open_routes:
        return
    guarded = [route for route in project.routes if any(guard.kind != "throttling" for guard in route.guards)]
    if not guarded:
        if len(open_routes) > 1:
            yield _whole(project, open_routes)
        return
    roots = _roots(project)
    services: dict[str, list[Route]] = {}
    for route in open_routes:
        services.setdefault(_service(route, roots), []).append(route)
    asking = {_service(route, roots) for route in guarded if _asked(route)}
    for service, routes in services.items():
        if asking and service not in asking:
            yield _inner(project, service, routes)
        else:
            beside = sum(_service(route, roots) == service for route in judged)
            yield from _by_file(project, routes, 1 - len(routes) / beside)


def _by_file(project: Project, open_routes: list[Route], share: float) -> Iterator[Hit]:
    by_file: dict[str, list[Route]] = {}
    for route in open_routes:
        by_file.setdefault(route.shown.path, []).append(route)
    for routes in by_file.values():
        handlers = {(route.shown.path, route.shown.span): route for route in routes}
        unique = list(handlers.values())
        if len(unique) >= _MANY:
            yield _hit(unique, share, project)
        else:
            for route in unique:
                yield _hit([route], share, project)


def _roots(project: Project) -> tuple[str, ...]:
    """The directories that are built by themselves, deepest first: services of one repository."""
    found = {file.path.rpartition("/")[0] for file in project.files if file.path.rpartition("/")[2] in _BUILT}
    return tuple(sorted(found, key=lambda root: (-len(root), root)))


def _service(route: Route, roots: tuple[str, ...]) -> str:
    """The directory of the service that a route belongs to; empty for the repository itself."""
    return next((root for root in roots if root and route.place.path.startswith(f"{root}/")), "")


def _promised(project: Project) -> Iterator[Hit]:
    """Hits for routes that ask nobody, where the contract demands a credential as it does for others that do ask.

    What changes data is told without the contract's word.
    """
    changing = {key(route) for route in _judged(project)}
    for agreement in project.agreements:
        secured = [pair for pair in agreement.pairs if pair.operation.secured]
        asking = [pair for pair in secured if _guarded(pair.route)]
        if len(asking) < _MANY or 2 * len(asking) < len(secured):
            continue
        for pair in secured:
            route, operation = pair.route, pair.operation
            if _guarded(route) or route.exempt or operation.exempt or key(route) in changing:
                continue
            if _PUBLIC.search(_without_parameters(route.path)) or _SECRET.search(route.path):
                continue
            schemes = ", ".join(f"`{name}`" for name in dict.fromkeys(sum(operation.security or (), ())))
            yield Hit(
                place=route.shown,
                message=f"{route.method} {route.path} asks nobody who calls, though the contract demands {schemes}",
                subject=f"{route.method} {route.path}",
                why=f"no dependency, decorator, permission or middleware is in front of it, as in {len(asking)} others of the contract",
                mend="put the guard of the others in front of it, or write `security: []` into the contract where it is meant to be open",
                places=(Place(operation.place.path, operation.place.span, operation.name, "contract"), *route.mounts),
                severity=Severity.WARNING,
                confidence=Confidence.MEDIUM,
            )


def _read_elsewhere(project: Project, told: set[Place]) -> Iterator[Hit]:
    """Hits for routes that read for anybody what another route asks a caller's name for: `/delivery/orders`, `/orders`."""
    reading = [
        route
        for route in project.routes
        if route.method == "GET" and route.api and (not route.exempt or _is_only_hidden(route)) and _noun(route.path)
    ]
    roots = _roots(project)
    guarded: dict[tuple[str, str], Route] = {}
    for route in reading:
        if _asked(route):
            guarded.setdefault((_service(route, roots), _noun(route.path)), route)
    asking = sum(_guarded(route) for route in reading)
    if asking < _MANY or 2 * asking < len(reading):
        return
    for route in reading:
        other = guarded.get((_service(route, roots), _noun(route.path)))
        if other is None or _guarded(route) or route.shown in told or _is_shared(route):
            continue
        if not _for_development(project, route) and not route.uncertain:
            told.add(route.shown)
            guard = next(guard for guard in other.guards if guard.kind in _CERTAIN)
            yield Hit(
                place=route.shown,
                message=f"{route.method} {route.path} reads `{_noun(route.path)}` for anybody",
                subject=f"{route.method} {route.path}",
                why=f"nothing asks who calls, while {other.method} {other.path} is guarded by `{guard.name}`",
                mend=_MEND.get(route.framework, "put the application's own guard in front of it"),
                places=(
                    Place(other.shown.path, other.shown.span, f"{other.method} {other.path}", "route"),
                    *route.mounts,
                ),
                severity=Severity.WARNING,
                confidence=Confidence.MEDIUM,
            )


def _hands_out(project: Project, told: set[Place]) -> Iterator[Hit]:
    """Hits for open routes whose answer names a person beside what is private to them: a password, a balance."""
    if sum(_guarded(route) for route in project.routes) < _MANY:
        return
    code = project.once(Code)
    for route in project.routes:
        if route.method != "GET" or not route.api or route.exempt not in _ADDRESSED or route.uncertain:
            continue
        words = _without_parameters(route.path)
        if _guarded(route) or route.shown in told or _SECRET.search(route.path) or _RANKS.search(words):
            continue
        handler = code.handler(route)
        if handler is None or _turns_away(handler) or _for_development(project, route):
            continue
        record = next(_records(code, handler, 0), None)
        if record is None:
            continue
        told.add(route.shown)
        person, private, body, answer = record
        yield Hit(
            place=route.shown,
            message=f"{route.method} {route.path} hands out `{private}` beside `{person}` to anybody",
            subject=f"{route.method} {route.path}",
            why=f"nothing asks who calls, and {body.qualname}() answers with both",
            mend=_MEND.get(route.framework, "put the application's own guard in front of it")
            + ", and answer with the caller's own record alone",
            places=(*route.mounts, Place(body.path, answer.span, f"`{private}` in {body.qualname}()", "answer")),
        )


def _records(code: Code, body: Body, depth: int) -> Iterator[tuple[str, str, Body, ir.Mapping]]:
    """The dictionaries that a function returns, itself or by what it calls for that, which tell something private."""
    pending = [
        statement.value
        for statement in ir.walk(body.statements)
        if isinstance(statement, ir.Return) and statement.value is not None
    ]
    seen: set[str] = set()
    for expression in pending:
        for part in ir.subexpressions(expression):
            if isinstance(part, ir.Mapping):
                found = _tells(part)
                if found is not None:
                    yield (*found, body, part)
            elif isinstance(part, ir.Name) and part.id not in seen:
                seen.add(part.id)
                pending.extend(binding.value for binding in body.bindings.get(part.id, ()))
            elif isinstance(part, ir.Call) and depth < _HOPS:
                callee = code.callee(part, body)
                if callee is not None:
                    yield from _records(code, callee, depth + 1)


def _tells(record: ir.Mapping) -> tuple[str, str] | None:
    """The field of a dictionary that names a person and the one that is private, where it holds both as they are."""
    fields = [
        field.value
        for field, value in record.items
        if isinstance(field, ir.Constant) and isinstance(field.value, str) and _as_it_is(value)
    ]
    person = next(filter(_PERSON.match, fields), None)
    private = next(filter(_PRIVATE.match, fields), None)
    return (person, private) if person is not None and private is not None else None


def _as_it_is(value: ir.Expression) -> bool:
    """Whether a value is read from somewhere, at most turned into a number or text; `bool(user.password)` tells nothing."""
    if isinstance(value, ir.Call) and isinstance(value.function, ir.Name) and value.arguments:
        return value.function.id in ("float", "int", "str", "Decimal", "round") and _as_it_is(value.arguments[0].value)
    return isinstance(value, (ir.Attribute, ir.Subscript, ir.Name))


def _turns_away(body: Body) -> bool:
    """Whether a handler answers 401 or 403 by itself."""
    return any(
        (isinstance(part, ir.Constant) and part.value in (401, 403))
        or (isinstance(part, ir.Attribute) and _FORBIDDEN.search(part.name) is not None)
        or (isinstance(part, ir.Name) and part.id in ("PermissionDenied", "HttpResponseForbidden"))
        for part in body.expressions()
    )


def _noun(path: str) -> str:
    """What a path names last, parameters aside, where it names many: `orders` of `/v1/orders/{id}`."""
    fixed = [segment for segment in path.split("/") if segment and "{" not in segment]
    return fixed[-1] if fixed and fixed[-1].endswith("s") and not _FACTS.search(fixed[-1]) else ""


def _is_only_hidden(route: Route) -> bool:
    """Whether a route is left out of the documentation and nothing more: its address works for all that."""
    return route.exempt == "internal" and not re.match(r"/(?:internal|debug|_)", route.path)


def _is_shared(route: Route) -> bool:
    """Whether reading is meant for everybody, as the address, the file or the handler says."""
    words = f"{_without_parameters(route.path)} {route.shown.path} {route.handler}"
    return bool(_SECRET.search(route.path) or _PUBLIC.search(route.path) or _SHARED.search(words))


def _for_development(project: Project, route: Route) -> bool:
    """Whether the route, or a mount on its way, stands under a test for a developer's machine."""
    modules = {file.path: file.module for file in project.files if file.module is not None}
    return any(
        _DEVELOPMENT.search(word)
        for place in (*route.mounts, route.declared)
        if place.path in modules
        for test in _tests_above(modules[place.path].body, place.span.line)
        for word in _words(test)
    )


def _tests_above(body: Iterable[ir.Statement], line: int) -> Iterator[ir.Expression]:
    """The conditions that the statement of a line stands under."""
    for statement in ir.walk(body):
        if isinstance(statement, (ir.Function, ir.Class)) and statement.span.line <= line <= statement.end_line:
            inner = ir.statements(statement) if isinstance(statement, ir.Function) else statement.body
            yield from _tests_above(inner, line)
        elif isinstance(statement, ir.If) and any(
            isinstance(below, (ir.Evaluate, ir.Assign)) and below.span.line <= line <= below.span.end_line
            for below in ir.walk(statement.body)
        ):
            yield statement.test


def _words(test: ir.Expression) -> Iterator[str]:
    for part in ir.subexpressions(test):
        if isinstance(part, ir.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, ir.Name):
            yield part.id
        elif isinstance(part, ir.Attribute):
            yield part.name


def _judged(project: Project) -> list[Route]:
    """The operations that change data and are not public by their nature.

    `POST /users` is how one signs up where nothing else is.
    """
    joins = any(_SIGN_UP.search(route.path) for route in project.routes)
    code = project.once(Code)
    return [
        route
        for route in project.routes
        if _is_judged(route)
        and (joins or route.method != "POST" or not _ACCOUNTS.search(route.path))
        and not _does_nothing(code.handler(route))
    ]


def _does_nothing(body: Body | None) -> bool:
    """Whether a handler is only there to be filled in, or to refuse: it says one text, or raises, and nothing else."""
    return body is not None and all(
        isinstance(statement, (ir.Raise, ir.Jump))
        or (isinstance(statement, (ir.Return, ir.Evaluate)) and isinstance(statement.value, (ir.Constant, type(None))))
        for statement in body.statements
    )


def _is_judged(route: Route) -> bool:
    return (
        route.method in _CHANGING
        # forms of pages send POST alone
        and (route.api or route.method != "POST")
        and route.exempt in ("", "administration")
        and not any(word in route.uncertain for word in ("mounted", "no application"))
        and route.framework != "graphql"
        and not _PUBLIC.search(_without_parameters(route.path))
        and not (route.method == "POST" and _PUBLIC_POST.search(_without_parameters(route.path)))
        and not _SECRET.search(route.path)
        and not _READING.search(route.handler.rpartition(".")[2])
    )


def _without_parameters(path: str) -> str:
    return re.sub(r"\{[^{}]*\}/?", "", path)


def _asked(route: Route) -> bool:
    """Whether who calls is asked for on the way to a route; a function named like a check may check anything."""
    return any(guard.kind in _CERTAIN for guard in route.guards)


def _guarded(route: Route) -> bool:
    return any(guard.kind in _GUARDS for guard in route.guards)


def _guards_all(project: Project) -> bool:
    """Whether something guards every operation from outside of the routes: a plugin that authenticates all requests."""
    return any(call.name in _PLUGINS for call in project.calls)


_PLUGINS = frozenset(
    (
        "litestar.security.jwt.JWTAuth",
        "litestar.security.jwt.JWTCookieAuth",
        "litestar.security.jwt.OAuth2PasswordBearerAuth",
        "litestar.security.session_auth.SessionAuth",
    )
)


def _hit(routes: list[Route], share: float, project: Project) -> Hit:
    first = routes[0]
    name = f"{first.method} {first.path}"
    siblings = [route for route in project.routes if route.shown.path == first.shown.path and _asked(route)]
    if siblings:
        guard = next(guard for guard in siblings[0].guards if guard.kind in _CERTAIN)
        why = f"nothing asks who calls, while {siblings[0].method} {siblings[0].path} beside it is guarded by `{guard.name}`"
    else:
        why = "no dependency, decorator, permission or middleware asks who calls, and the handler does not look"
    others = [Place(r.shown.path, r.shown.span, f"{r.method} {r.path}", "route") for r in routes[1 : _SHOWN + 1]]
    code = project.once(Code)
    refuses = all((body := code.handler(route)) is not None and _turns_away(body) for route in routes)
    if refuses:
        why += "; it answers 401 or 403 itself, for a reason that is not seen to be the caller"
    return Hit(
        place=first.shown,
        message=f"{name} changes data for anybody"
        if len(routes) == 1
        else f"{len(routes)} operations of this file change data for anybody: {name} and others",
        subject=name if len(routes) == 1 else "open operations",
        why=why,
        mend=_MEND.get(first.framework, "put the application's own guard in front of it"),
        places=(*first.mounts, *others),
        confidence=Confidence.LOW if refuses else Confidence.HIGH if share >= 0.8 and siblings else Confidence.MEDIUM,
    )


def _inner(project: Project, service: str, routes: list[Route]) -> Hit:
    """A service of several that asks nobody while others do: it may well be out of reach from outside."""
    first = routes[0]
    return Hit(
        place=first.shown,
        message=f"nothing in {service or 'this application'} asks who calls: {len(routes)} "
        + ("operations change data for anybody" if len(routes) > 1 else "operation changes data for anybody"),
        subject=f"no authentication in {service}",
        why=f"{first.method} {first.path} is open, while other services of the repository ask; only what stands in front of"
        " this one can tell whether it is reached from inside alone",
        mend=_MEND.get(first.framework, "put a guard in front of the operations"),
        places=tuple(Place(r.shown.path, r.shown.span, f"{r.method} {r.path}", "route") for r in routes[:_SHOWN]),
        confidence=Confidence.LOW,
    )


def _whole(project: Project, routes: list[Route]) -> Hit:
    first = routes[0]
    return Hit(
        place=project.apps[0] if project.apps else first.shown,
        message=f"nothing in this application asks who calls: {len(routes)} operations change data for anybody",
        subject="no authentication",
        why=f"{first.method} {first.path} and the others have no guard in the code",
        mend=_MEND.get(first.framework, "put a guard in front of the operations"),
        places=tuple(Place(r.shown.path, r.shown.span, f"{r.method} {r.path}", "route") for r in routes[:_SHOWN]),
        confidence=Confidence.MEDIUM,
    )


_MEND = {
    "fastapi": "give the router `dependencies=[Depends(...)]` with the dependency that reads the current user",
    "flask": "put the login decorator on it, or a `before_request` on its blueprint",
    "drf": "give the view `permission_classes = [IsAuthenticated]`, or set DEFAULT_PERMISSION_CLASSES",
    "django": "put `@login_required` on it, or LoginRequiredMixin on its class",
    "litestar": "give the controller `guards=[...]`",
}


CHECK = Check(
    id="unauthenticated-route",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    do="Use industry standards (OAuth2, JWT)",
    dont="Roll your own authentication",
    tags=("CWE-306", "OWASP-API2:2023", "OWASP-API5:2023"),
    gates=("authentication", "authorization"),
    run=run,
    calls=_PLUGINS,
    examined=lambda project: len(_judged(project)),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import APIRouter, Depends, FastAPI
            from fastapi.security import OAuth2PasswordBearer

            app = FastAPI()
            scheme = OAuth2PasswordBearer(tokenUrl="/v1/token")
            private = APIRouter(prefix="/v1", dependencies=[Depends(scheme)])


            @private.get("/orders")
            def orders():
                return []


            @private.get("/orders/{number}")
            def order(number: int):
                return {"number": number}


            @private.get("/invoices")
            def invoices():
                return []


            @app.get("/v1/delivery/orders", include_in_schema=False)  # <- flagged
            def orders_to_deliver():
                return []


            @app.get("/v1/public/orders")
            def orders_of_today():
                return []


            app.include_router(private)
            """,
            "FastAPI: read by anybody what needs a token elsewhere, only left out of the documentation",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import Depends, FastAPI

                    from app.orders import router as orders
                    from app.products import router as products
                    from app.security import current_user

                    app = FastAPI()
                    app.include_router(orders, prefix="/api/v1", dependencies=[Depends(current_user)])
                    app.include_router(products, prefix="/api/v1")
                    """,
                "app/orders.py": """
                    from fastapi import APIRouter

                    router = APIRouter(prefix="/orders")


                    @router.post("")
                    def create_order(number: int):
                        return {"number": number}


                    @router.delete("/{number}")
                    def cancel_order(number: int):
                        return {"number": number}
                    """,
                "app/products.py": """
                    from fastapi import APIRouter

                    router = APIRouter(prefix="/products")


                    @router.get("")
                    def list_products(page: int = 1):
                        return []


                    @router.delete("/{number}")  # <- flagged
                    def delete_product(number: int):
                        return {"number": number}
                    """,
                "app/security.py": """
                    from fastapi import Depends
                    from fastapi.security import OAuth2PasswordBearer

                    scheme = OAuth2PasswordBearer(tokenUrl="/api/v1/token")


                    def current_user(token: str = Depends(scheme)):
                        return token
                    """,
            },
            "one router without the dependency that the other has",
        ),
        example(
            """
            from flask import Blueprint, Flask, jsonify, request
            from flask_login import LoginManager, login_required

            app = Flask(__name__)
            LoginManager(app)
            tickets = Blueprint("tickets", __name__, url_prefix="/api/v1/tickets")


            @tickets.post("/")
            @login_required
            def open_ticket():
                return jsonify(request.get_json()), 201


            @tickets.patch("/<int:number>")
            @login_required
            def change_ticket(number):
                return jsonify(number=number)


            @tickets.delete("/<int:number>")  # <- flagged
            def delete_ticket(number):
                return jsonify(deleted=number)


            app.register_blueprint(tickets)
            """,
            "the decorator is missing on one of three",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import PatientView, VisitView

                    urlpatterns = [
                        path("api/v1/visits/", VisitView.as_view()),
                        path("api/v1/patients/", PatientView.as_view()),
                    ]
                    """,
                "clinic/views.py": """
                    from rest_framework.permissions import AllowAny, IsAuthenticated
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitView(APIView):
                        permission_classes = [IsAuthenticated]

                        def post(self, request):
                            return Response({"booked": True}, status=201)


                    class PatientView(APIView):
                        permission_classes = [AllowAny]

                        def post(self, request):  # <- flagged
                            return Response({"added": True}, status=201)
                    """,
            },
            "a view that allows anybody",
        ),
        example(
            """
            from fastapi import FastAPI

            app = FastAPI(title="Inventory")  # <- flagged


            @app.post("/v1/items")
            def create_item(name: str):
                return {"name": name}


            @app.delete("/v1/items/{number}")
            def delete_item(number: int):
                return {"number": number}
            """,
            "an application that asks nobody: said once",
        ),
        example(
            {
                "helpdesk.py": """
                    from flask import Flask, jsonify
                    from flask_login import login_required

                    app = Flask(__name__)


                    @app.get("/api/v1/tickets/<int:number>")
                    @login_required
                    def ticket(number):
                        return jsonify(number=number)


                    @app.patch("/api/v1/tickets/<int:number>")
                    @login_required
                    def change(number):
                        return jsonify(number=number)


                    @app.delete("/api/v1/tickets/<int:number>")
                    @login_required
                    def remove(number):
                        return "", 204


                    @app.get("/api/v1/tickets/<int:number>/notes")  # <- flagged
                    def notes(number):
                        return jsonify(number=number)


                    @app.get("/api/v1/prices/<int:number>")
                    def price(number):
                        return jsonify(number=number)
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Helpdesk, version: "3"}
                    servers: [{url: /api/v1}]
                    components: {securitySchemes: {session: {type: apiKey, in: cookie, name: sid}}}
                    security: [{session: []}]
                    paths:
                      /tickets/{id}:
                        get: {responses: {"200": {description: The ticket}}}
                        patch: {responses: {"200": {description: Changed}}}
                        delete: {responses: {"204": {description: Gone}}}
                      /tickets/{id}/notes:
                        get: {responses: {"200": {description: Its notes}}}
                      /prices/{id}:
                        get: {security: [], responses: {"200": {description: A price}}}
                    """,
            },
            "the contract demands what the code does not ask",
        ),
        example(
            """
            from flask import Flask, jsonify
            from flask_login import LoginManager, login_required

            from bank.store import store

            app = Flask(__name__)
            LoginManager(app)


            @app.get("/api/v1/transfers")
            @login_required
            def transfers():
                return jsonify(items=store.transfers())


            @app.post("/api/v1/transfers")
            @login_required
            def transfer():
                return jsonify(sent=True), 201


            @app.delete("/api/v1/transfers/<int:number>")
            @login_required
            def cancel(number):
                return "", 204


            @app.get("/api/v1/statement/<number>")  # <- flagged
            def statement(number):
                account = store.account(number)
                answer = {"account_number": number, "balance": float(account.balance)}
                return jsonify(answer)


            @app.get("/api/v1/branches/<number>")
            def branch(number):
                found = store.branch(number)
                return jsonify({"email": found.email, "city": found.city})
            """,
            "what a person's account holds, for anybody who tries numbers",
        ),
        example(
            {
                "crew/main.py": """
                    from fastapi import Depends, FastAPI

                    from crew.people import Person
                    from crew.security import current_user

                    app = FastAPI()


                    @app.get("/v1/shifts", dependencies=[Depends(current_user)])
                    def shifts():
                        return []


                    @app.post("/v1/shifts", dependencies=[Depends(current_user)])
                    def add_shift(day: str):
                        return {"day": day}


                    @app.delete("/v1/shifts/{number}", dependencies=[Depends(current_user)])
                    def drop_shift(number: int):
                        return {"number": number}


                    @app.get("/v1/debug/people")  # <- flagged
                    def people():
                        return {"people": Person.everybody()}
                    """,
                "crew/people.py": """
                    class Person(Base):
                        __tablename__ = "people"

                        def as_row(self):
                            return {"username": self.username, "password": self.password_hash}

                        @staticmethod
                        def everybody():
                            return [Person.as_row(person) for person in Person.query.all()]
                    """,
                "crew/security.py": """
                    from fastapi import Depends
                    from fastapi.security import OAuth2PasswordBearer


                    def current_user(token: str = Depends(OAuth2PasswordBearer(tokenUrl="/v1/token"))):
                        return token
                    """,
            },
            "a route for debugging hands out the hashes of passwords, two calls below the handler",
        ),
    ),
    good=(
        example(
            """
            from flask import Flask, jsonify
            from flask_login import LoginManager, current_user, login_required

            from bank.store import store

            app = Flask(__name__)
            LoginManager(app)


            @app.post("/api/v1/transfers")
            @login_required
            def transfer():
                return jsonify(sent=True), 201


            @app.delete("/api/v1/transfers/<int:number>")
            @login_required
            def cancel(number):
                return "", 204


            @app.patch("/api/v1/transfers/<int:number>")
            @login_required
            def change(number):
                return jsonify(number=number)


            @app.get("/api/v1/statement")
            def statement():
                account = store.account(current_user.id)
                return jsonify({"account_number": account.number, "balance": float(account.balance)})


            @app.get("/api/v1/people/<name>")
            def person(name):
                found = store.person(name)
                return jsonify({"username": found.name, "password": bool(found.password_hash)})


            @app.get("/api/v1/game/leaderboard")
            def leaderboard():
                return jsonify([{"username": player.name, "balance": player.balance} for player in store.best(10)])


            @app.put("/api/v1/standing-orders/<int:number>")
            def standing_order(number):
                # not served yet
                return "not implemented"
            """,
            "the caller's own account, whether a password is set, a public ranking, and a handler that does nothing yet",
        ),
        example(
            {
                "shop/app.py": """
                    from flask import Flask, jsonify

                    from shop.access import merchant, scoped

                    app = Flask(__name__)


                    @app.post("/api/v1/refunds")
                    @scoped("refunds")
                    def refund():
                        return jsonify(stored=True)


                    @app.post("/api/v1/charges")
                    @merchant
                    def charge(account):
                        return jsonify(account=account)
                    """,
                "shop/access.py": """
                    from functools import wraps

                    from flask import abort, jsonify, request


                    def scoped(scope):
                        def decorated(handler):
                            @wraps(handler)
                            def wrapped(*args, **kwargs):
                                if not allowed(request.headers.get("X-API-Key"), scope):
                                    abort(403)
                                return handler(*args, **kwargs)

                            return wrapped

                        return decorated


                    def merchant(handler):
                        @wraps(handler)
                        def wrapped(*args, **kwargs):
                            account = account_of(request)
                            if account is None:
                                return jsonify(error="unknown merchant"), 401
                            return handler(account, *args, **kwargs)

                        return wrapped


                    def allowed(key, scope):
                        return key == scope


                    def account_of(request):
                        return request.args.get("account")
                    """,
            },
            "Flask: decorators under names of their own, told by what they put around the handler",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import Depends, FastAPI

                    from app import orders, private
                    from app.auth import current_user
                    from app.config import settings

                    app = FastAPI()
                    app.include_router(orders.router, prefix="/v1", dependencies=[Depends(current_user)])
                    if settings.ENVIRONMENT == "local":
                        app.include_router(private.router, prefix="/v1")
                    """,
                "app/orders.py": """
                    from fastapi import APIRouter

                    router = APIRouter(prefix="/orders")


                    @router.post("/")
                    def create_order(order: dict) -> dict:
                        return order
                    """,
                "app/private.py": """
                    from fastapi import APIRouter

                    router = APIRouter(prefix="/private")


                    @router.post("/fill")
                    def fill_tables(amount: int) -> dict:
                        return {"rows": amount}
                    """,
                "app/auth.py": """
                    from fastapi import Depends, HTTPException
                    from fastapi.security import OAuth2PasswordBearer


                    def current_user(token: str = Depends(OAuth2PasswordBearer(tokenUrl="/v1/token"))):
                        if not token:
                            raise HTTPException(status_code=401, detail="who are you?")
                        return token
                    """,
                "app/config.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        ENVIRONMENT: str = "production"


                    settings = Settings()
                    """,
            },
            "mounted on a developer's machine alone",
        ),
        example(
            """
            from typing import Annotated

            from fastapi import APIRouter, Depends, FastAPI
            from fastapi.security import OAuth2PasswordBearer

            scheme = OAuth2PasswordBearer(tokenUrl="/v1/login")
            app = FastAPI()


            def read_user(token: Annotated[str, Depends(scheme)]):
                return token


            CurrentUser = Annotated[str, Depends(read_user)]


            @app.post("/v1/login")
            def login(email: str):
                return {"access_token": email}


            @app.post("/v1/orders")
            def create_order(user: CurrentUser, number: int):
                return {"number": number, "user": user}


            admin = APIRouter(prefix="/v1/stock", dependencies=[Depends(read_user)])


            @admin.delete("/{number}")
            def delete_stock(number: int):
                return {"number": number}


            app.include_router(admin)
            """,
            "dependencies of a parameter and of a router; signing in is public",
        ),
        example(
            """
            from flask import Blueprint, Flask, abort, g, jsonify, request, session

            app = Flask(__name__)
            tickets = Blueprint("tickets", __name__, url_prefix="/api/v1/tickets")


            @tickets.before_request
            def load_agent():
                g.agent = session.get("user_id")
                if session.get("user_id") is None:
                    abort(401)


            @tickets.delete("/<int:number>")
            def delete_ticket(number):
                return jsonify(deleted=number)


            @app.post("/api/v1/notes")
            def add_note():
                if request.headers.get("X-Api-Key") not in app.config["KEYS"]:
                    abort(401)
                return jsonify(added=True), 201


            app.register_blueprint(tickets)
            """,
            "a blueprint that turns away, and a handler that looks itself",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}
                    """,
                "clinic/urls.py": """
                    from django.contrib.auth.decorators import login_required
                    from django.urls import path

                    from clinic.views import VisitView, archive

                    urlpatterns = [
                        path("api/v1/visits/", VisitView.as_view()),
                        path("api/v1/archive/", login_required(archive)),
                    ]
                    """,
                "clinic/views.py": """
                    from django.http import JsonResponse
                    from django.views.decorators.http import require_POST
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitView(APIView):
                        def post(self, request):
                            return Response({"booked": True}, status=201)


                    @require_POST
                    def archive(request):
                        return JsonResponse({"archived": True})
                    """,
            },
            "the project's default permission, and a decorator in the URL module",
        ),
        example(
            """
            import hmac

            from fastapi import FastAPI, Header, HTTPException, Request

            app = FastAPI()
            KEY = b"from the environment"


            @app.post("/v1/webhooks/payments")
            async def payment(request: Request):
                return {"received": True}


            @app.post("/v1/shipments")
            async def shipment(request: Request, x_signature: str = Header()):
                digest = hmac.new(KEY, await request.body(), "sha256").hexdigest()
                if not hmac.compare_digest(digest, x_signature):
                    raise HTTPException(401)
                return {"stored": True}
            """,
            "a webhook, and a request that is signed",
        ),
    ),
)
