"""An operation of the contract that anybody may call.

What it flags: a contract that declares no authentication at all (once); and, in a contract that does, an operation that
changes something (POST, PUT, PATCH, DELETE) and needs none, or one that reads and of which nothing is said. Where at
least half of the operations share the fault, or more than ten do, it is told once. What must be open is left alone:
signing in and up, passwords that were forgotten, tokens, webhooks, addresses that carry a secret (`/invites/{token}`),
health and documentation. Reading operations that the
contract opens on purpose (`security: []`) are taken at its word. A parameter that carries a credential (`Authorization`,
`api_key`, ...) counts as authentication, though a security scheme should say so. Where routes of the code serve the
contract, an operation that the contract leaves open and that the code guards like the others is flagged with both
places; one that changes something and is open in both is told at the route (`unauthenticated-route`).

Why: broken authentication is the second of the OWASP API risks. Gateways, tests and generated clients take from the
contract which calls need a credential; what it leaves open is found by whoever reads it.

How to mend: declare the scheme under `components.securitySchemes`, require it for the whole document with `security`,
and write `security: []` where an operation is meant to be public.

What it cannot see: what the code does with the credential; authentication by the network or a gateway.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.agreement import Agreement, Pair
from qualitygate.model.architecture import Guard, Route
from qualitygate.model.contract import Contract, Operation
from qualitygate_checks._agreement import key

SHOWN = 5
ALONE = 10

_WRITES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_UNJUDGED = frozenset(("HEAD", "OPTIONS", "TRACE"))
_CREDENTIAL = re.compile(
    r"authorization|(?:x-?)?(?:api|app|access|auth|subscription|client|session|secret)[-_ ]?(?:key|token|id|secret)"
    r"|(?:x-)?auth(?:-key|-token|entication)?|token|key|jwt|apikey|appid|sessionid|x-[a-z-]*(?:key|token|signature)",
    re.IGNORECASE,
)
# An address that carries its own credential.
_SECRET = re.compile(r"\{[^{}]{0,80}(?:token|secret|signature|nonce)[^{}]{0,80}\}", re.IGNORECASE)
_ASKING = frozenset("get list search query find lookup count filter preview validate estimate suggest fetch".split())
# A guard that lets strangers pass.
_OPTIONAL = re.compile(r"optional|maybe|anonymous|or_none|ornone|if_present|header|cors")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Words of operations that nobody can be signed in for.
_OPEN = frozenset(
    "login logon signin signup signon register registration forgot forgotten authenticate authentication auth authorize "
    "authorization token tokens session sessions oauth oidc saml sso otp captcha webhook webhooks callback callbacks hook hooks "
    "public pub invitation invitations newsletter unsubscribe".split()
)
# Words that mean so only beside what makes an account.
_STEPS = frozenset("reset recover activate activation verify verification confirm confirmation refresh resend".split())
_ACCOUNT = frozenset("account accounts user users email mail password passwords phone".split())


def run(project: Project) -> Iterator[Hit]:
    """A hit for a contract without authentication; hits for the operations that it leaves open."""
    agreements = {agreement.contract.path: agreement for agreement in project.agreements}
    for contract in project.contracts:
        operations = _judged(contract)
        if not operations:
            continue
        agreement = agreements.get(contract.path)
        if not contract.schemes and not any(map(_is_guarded, operations)):
            yield _with_code(_bare(contract, operations), operations, agreement)
        elif not any(map(_is_guarded, operations)):
            yield _with_code(_unused(contract, operations), operations, agreement)
        elif contract.schemes:
            contradicted = _contradicted(agreement) if agreement is not None else {}
            yield from _contradictions(contract, contradicted, len(operations))
            known = _told_in_code(project, agreement) | set(contradicted)
            yield from _gaps(contract, [operation for operation in operations if operation.place not in known])


def _asks(route: Route) -> list[Guard]:
    """The guards of a route that turn strangers away, as far as their names tell."""
    return [
        guard for guard in route.guards if guard.kind == "authentication" and not _OPTIONAL.search(guard.name.lower())
    ]


def _with_code(hit: Hit, operations: list[Operation], agreement: Agreement | None) -> Hit:
    """The hit of a whole contract, with what the code does for the same operations."""
    wanted = {operation.place for operation in operations}
    pairs = [pair for pair in agreement.pairs if pair.operation.place in wanted] if agreement is not None else []
    guarded = [(pair, _asks(pair.route)[0]) for pair in pairs if _asks(pair.route)]
    count = len({pair.operation.place for pair, _ in guarded})
    if 2 * count < len(operations):
        return hit
    first, guard = guarded[0]
    place = Place(first.route.shown.path, first.route.shown.span, f"guarded by `{guard.name}`", "route")
    return msgspec.structs.replace(
        hit,
        why=f"{hit.why}; in the code {count} of them are guarded",
        places=(place, *hit.places),
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
    )


def _contradicted(agreement: Agreement) -> dict[Place, tuple[Pair, str]]:
    """Operations that the contract leaves open and that the code guards as it guards those that need a credential.

    What stands in front of every route alike (a middleware) says nothing of a single one.
    """
    routes = {key(pair.route): pair.route for pair in agreement.pairs}
    everywhere = Counter(name for route in routes.values() for name in {guard.name for guard in _asks(route)})
    usual = {
        guard.name
        for pair in agreement.pairs
        if pair.operation.secured
        for guard in _asks(pair.route)
        if everywhere[guard.name] < len(routes)
    }
    found: dict[Place, tuple[Pair, str]] = {}
    for pair in agreement.pairs:
        name = next((guard.name for guard in _asks(pair.route) if guard.name in usual), "")
        if name and not pair.operation.exempt and not _is_guarded(pair.operation):
            found.setdefault(pair.operation.place, (pair, name))
    return found


def _contradictions(contract: Contract, contradicted: dict[Place, tuple[Pair, str]], among: int) -> Iterator[Hit]:
    found = list(contradicted.values())
    if len(found) > 1 and (2 * len(found) >= among or len(found) > ALONE):
        yield Hit(
            place=contract.paths_place,
            message=f"{len(found)} operations that the contract leaves open ask for a credential in the code",
            subject="guarded in the code",
            why=_why([pair.operation for pair, _ in found]),
            mend="require the scheme for them in the contract",
            places=tuple(_route(pair, name) for pair, name in found[:SHOWN]),
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
        )
        return
    for pair, name in found:
        yield Hit(
            place=pair.operation.place,
            message=f"{pair.operation.name} asks for a credential in the code, and the contract leaves it open",
            subject=pair.operation.name,
            why=f"{_why([pair.operation])}, and the route is guarded by `{name}`",
            mend=f"require `{contract.schemes[0].name}` for it in the contract",
            places=(_route(pair, name),),
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
        )


def _told_in_code(project: Project, agreement: Agreement | None) -> set[Place]:
    """Operations that change something and whose routes stand open in the code too: told there, once."""
    if agreement is None or not any(map(_asks, project.routes)):
        return set()
    return {
        pair.operation.place
        for pair in agreement.pairs
        if pair.operation.method in _WRITES and pair.route.api and not pair.route.exempt and not pair.route.guards
    }


def _route(pair: Pair, name: str) -> Place:
    return Place(pair.route.shown.path, pair.route.shown.span, f"guarded by `{name}`", "route")


def _judged(contract: Contract) -> list[Operation]:
    return [
        operation
        for operation in contract.operations
        if not operation.exempt and operation.method not in _UNJUDGED and not _is_open(operation)
    ]


def _is_open(operation: Operation) -> bool:
    """Whether an operation must be open by what it does, as the fixed segments of its path say."""
    if _SECRET.search(operation.path):
        return True
    fixed = [segment for segment in operation.path.split("/") if "{" not in segment]
    words = {word.lower() for segment in fixed for word in _WORD.findall(segment)}
    words |= {segment.replace("-", "").replace("_", "").lower() for segment in fixed}
    return bool(words & _OPEN) or bool(words & _STEPS and words & _ACCOUNT)


def _is_guarded(operation: Operation) -> bool:
    if operation.secured:
        return True
    return any(
        parameter.source in ("header", "query", "cookie") and _CREDENTIAL.fullmatch(parameter.name)
        for parameter in operation.parameters
    )


def _bare(contract: Contract, operations: list[Operation]) -> Hit:
    writes = [operation for operation in operations if _changes(operation)]
    count = "The one operation" if len(operations) == 1 else f"None of the {len(operations)} operations"
    need = "needs no authentication" if len(operations) == 1 else "needs authentication"
    return Hit(
        place=contract.place,
        message=f"{count} of this contract {need}",
        subject="contract",
        why="it has no security scheme, and no parameter that carries a credential"
        + (f"; {len(writes)} of its operations change something" if writes else "; all of them only read"),
        mend="declare the scheme under `components.securitySchemes` and require it with `security`; `security: []` opens an operation",
        places=tuple(_place(operation) for operation in (writes or operations)[:SHOWN]),
        severity=None if writes else Severity.NOTE,
        confidence=Confidence.MEDIUM,
    )


def _unused(contract: Contract, operations: list[Operation]) -> Hit:
    scheme = contract.schemes[0]
    writes = [operation for operation in operations if _changes(operation)]
    return Hit(
        place=Place(scheme.place.path, scheme.place.span),
        message=f"The scheme `{scheme.name}` is declared, and no operation requires it ({len(operations)} in all)",
        subject="contract",
        why=_why(operations),
        mend="require it for the whole document with `security`, and open what is meant to be public with `security: []`",
        places=tuple(_place(operation) for operation in (writes or operations)[:SHOWN]),
        severity=None if writes else Severity.WARNING,
        confidence=Confidence.HIGH
        if any(operation.security is None for operation in operations)
        else Confidence.MEDIUM,
    )


def _changes(operation: Operation) -> bool:
    """Whether an operation changes something: a POST whose last word is one of asking does not (`POST /categories/get`)."""
    if operation.method != "POST":
        return operation.method in _WRITES
    words = [word.lower() for word in _WORD.findall(operation.path.rpartition("/")[2])]
    return not words or not {words[0], words[-1]} & _ASKING


def _gaps(contract: Contract, operations: list[Operation]) -> Iterator[Hit]:
    writes, silent = [], []
    for operation in operations:
        if _is_guarded(operation):
            continue
        if _changes(operation):
            writes.append(operation)
        elif operation.security is None:
            silent.append(operation)
    groups = ((writes, "change something", "changes something", None), (silent, "read", "reads", Severity.WARNING))
    for guilty, many, one, severity in groups:
        if len(guilty) > 1 and (2 * len(guilty) >= len(operations) or len(guilty) > ALONE):
            yield Hit(
                place=contract.paths_place,
                message=f"{len(guilty)} operations that {many} need no authentication",
                subject=many,
                why=f"{_why(guilty)}, though the contract has the scheme `{contract.schemes[0].name}`",
                mend="require a scheme for the whole document with `security`, and open what is meant to be public with `security: []`",
                places=tuple(_place(operation) for operation in guilty[:SHOWN]),
                severity=severity,
                confidence=Confidence.MEDIUM,
            )
            continue
        for operation in guilty:
            yield Hit(
                place=operation.place,
                message=f"{operation.name} {one} and needs no authentication",
                subject=operation.name,
                why=f"{_why([operation])}, unlike other operations of this contract",
                mend=f"require `{contract.schemes[0].name}`, as the others do",
                severity=severity,
                confidence=Confidence.HIGH if operation.security is None else Confidence.MEDIUM,
            )


def _why(guilty: list[Operation]) -> str:
    if all(operation.security is None for operation in guilty):
        return "neither the operation nor the document requires any" if len(guilty) == 1 else "nothing requires any"
    if all(operation.security == () for operation in guilty):
        return "`security: []` opens it" if len(guilty) == 1 else "`security: []` opens them"
    return "the `security` in force allows to go without (`{}` or `[]`)"


def _place(operation: Operation) -> Place:
    return Place(operation.place.path, operation.place.span, operation.name, "contract")


CHECK = Check(
    id="unsecured-operation",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use industry standards (OAuth2, JWT)",
    dont="Roll your own auth",
    tags=("OWASP-API2:2023", "CWE-306"),
    gates=("authentication",),
    run=run,
    examined=lambda project: sum(len(_judged(contract)) for contract in project.contracts),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:
                  security: [{token: []}]
                  responses: {"200": {description: OK}}
                post:  # <- flagged
                  responses: {"201": {description: Created}}
              /v1/invoices/{id}:
                get:
                  security: [{token: []}]
                  responses: {"200": {description: OK}}
                delete:
                  security: [{token: []}]
                  responses: {"204": {description: Gone}}
            components:
              securitySchemes:
                token: {type: http, scheme: bearer}
            """,
            "one operation was forgotten",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"  # <- flagged
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            paths:
              /pallets:
                get: {responses: {200: {description: OK}}}
                post: {responses: {201: {description: Created}}}
            """,
            "OpenAPI 2.0 without any authentication",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            security: [{token: []}]
            paths:
              /v2/teams:
                get: {responses: {"200": {description: OK}}}
                put:  # <- flagged
                  security: [{}, {token: []}]
                  responses: {"200": {description: Changed}}
              /v2/teams/{id}:
                get: {responses: {"200": {description: OK}}}
                delete:  # <- flagged
                  security: []
                  responses: {"204": {description: Gone}}
              /v2/members:
                get: {responses: {"200": {description: OK}}}
            components:
              securitySchemes:
                token: {type: http, scheme: bearer}
            """,
            "OpenAPI 3.1: optional authentication, and none, on operations that write",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    paths:
                      /v1/bookings: {$ref: bookings.yaml}
                    components:
                      securitySchemes: {$ref: "schemes.yaml"}
                    """,
                "spec/bookings.yaml": """
                    get: {responses: {"200": {description: OK}}}
                    post: {responses: {"201": {description: Created}}}
                    delete: {responses: {"204": {description: Gone}}}
                    """,
                "spec/schemes.yaml": """
                    token: {type: apiKey, in: header, name: X-Api-Key}  # <- flagged
                    """,
            },
            "several files: a scheme that nothing requires",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import APIRouter, Depends, FastAPI
                    from fastapi.security import OAuth2PasswordBearer


                    def current_user(token: str = Depends(OAuth2PasswordBearer(tokenUrl="/v1/token"))):
                        return token


                    app = FastAPI()
                    orders = APIRouter(prefix="/v1/orders", dependencies=[Depends(current_user)])


                    @orders.get("/{number}")
                    def order(number: int):
                        return {"number": number}


                    @orders.get("/{number}/invoice")
                    def invoice(number: int):
                        return {"number": number}


                    @app.get("/v1/prices/{number}")
                    def price(number: int):
                        return {"number": number}


                    app.include_router(orders)
                    """,
                "openapi.yaml": """
                    openapi: 3.0.3
                    info: {title: Orders, version: 1.4.0}
                    components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
                    security: [{bearer: []}]
                    paths:
                      /v1/orders/{number}:
                        get: {responses: {"200": {description: The order}}}
                      /v1/orders/{number}/invoice:
                        get:  # <- flagged
                          security: []
                          responses: {"200": {description: The invoice}}
                      /v1/prices/{number}:
                        get: {security: [], responses: {"200": {description: The price}}}
                    """,
            },
            "guarded in the code, open in the contract",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.0.3
            info: {title: Checkout, version: "1"}
            components:
              securitySchemes:
                bearer: {type: http, scheme: bearer}
            security:
              - bearer: []
            paths:
              /v1/orders:
                post:
                  responses: {"201": {description: created}}
              /v1/checkouts/{client_secret}:
                patch:
                  security: []
                  parameters:
                    - {name: client_secret, in: path, required: true, schema: {type: string}}
                  responses: {"200": {description: changed}}
            """,
            "an address that carries a secret of its own",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Clinic, version: "1"}
            securityDefinitions:
              key: {type: apiKey, in: header, name: X-API-Key}
            security:
              - key: []
            paths:
              /v1/visits:
                post:
                  responses: {"201": {description: created}}
              /v1/password/forgot:
                post:
                  security: []
                  responses: {"204": {description: sent}}
              /v1/opening-hours:
                get:
                  security: []
                  responses: {"200": {description: hours}}
            """,
            "Swagger 2.0: open for who forgot a password, and opened on purpose for reading",
            path="swagger.yaml",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            security: [{token: []}]
            paths:
              /v1/invoices:
                get: {responses: {"200": {description: OK}}}
                post: {responses: {"201": {description: Created}}}
              /v1/login:
                post:
                  security: []
                  responses: {"200": {description: A token}}
              /v1/users/forgot-password:
                post:
                  security: []
                  responses: {"204": {description: Sent}}
              /v1/prices:
                get:
                  security: []
                  responses: {"200": {description: What anybody may know}}
              /health:
                get:
                  security: []
                  responses: {"200": {description: Up}}
            components:
              securitySchemes:
                token: {type: oauth2, flows: {}}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            paths:
              /pallets:
                parameters:
                  - {name: X-Api-Key, in: header, required: true, type: string}
                post: {responses: {201: {description: Created}}}
            """,
            "OpenAPI 2.0: the credential is a parameter",
            path="openapi.yaml",
        ),
    ),
)
