"""A change of the contract that breaks the clients it has.

What it flags: with a base to compare with (`--base`), what a client could rely on in the contract of the base and can no
more: an operation that is gone; a parameter that is gone, or that is new and required; a body, or a property of one, that
became required; a type, a format, an enumeration or a bound that takes less in a request; a property that is gone from a
response, or may be missing or null there; a type or an enumeration that has more in a response; a success status or a
media type that is gone; authentication that was not asked for. Like changes of a contract are told once where there are
more than ten. A contract is known again by its path, else by its title.

No break are an operation, a parameter or a property that the base calls deprecated, and operations that the document
calls unstable (`x-stability-level` of draft or alpha, `x-internal`, a path with alpha, beta, preview or experimental in
it). A contract whose paths all carry another major version is another contract. Where the major number of `info.version`
is raised, the breaks are announced, and noted only.

Why: clients do not change when the server does. A generated client fails on a value it does not know, a mobile
application stays as it is for years, and the first to notice is a customer.

How to mend: keep the old form beside the new one: an optional property with a default, a second operation, a new version
of the path. Mark what is to go as deprecated first, and drop it in a version of its own.

What it cannot see: what the server does; a contract that became laxer and code that did not; the date of `x-sunset`; a
contract that was removed whole; patterns and discriminators.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.surface import Body, Exchange, Input, Surface
from qualitygate_checks.api._changes import REQUEST, RESPONSE, Change, Schemas
from qualitygate_checks.api._contract import ALONE, SHOWN

_UNSTABLE = re.compile(r"(?:^|[/._-])(?:v\d+(?:alpha|beta)\d*|alpha|beta|experimental|preview|unstable)(?=$|[/._-])")
_MAJOR = re.compile(r"/v(\d+)(?=$|[/.])")
_RELEASE = re.compile(r"v?(\d+)\.(\d+)")

# OpenAPI says of these headers that a definition as a parameter is ignored.
_NO_PARAMETERS = frozenset({"accept", "content-type", "authorization"})

_Key = tuple[str, str]
_Known = Mapping[_Key, tuple[Operation, Exchange]]


def run(project: Project) -> Iterator[Hit]:
    """One hit for each break, or for more than ten of a kind in one contract."""
    if project.base is None:
        return
    surfaces = {surface.path: surface for surface in project.surfaces}
    old_surfaces = {surface.path: surface for surface in project.base.surfaces}
    for contract, old in _in_both(project, project.base):
        surface, old_surface = surfaces.get(contract.path), old_surfaces.get(old.path)
        if surface is not None and old_surface is not None and not _is_new_version(contract, old):
            announced = _is_major(contract.release, old.release)
            changes = list(_changes(contract, surface, old, old_surface))
            yield from _hits(contract, changes, announced)


def _in_both(project: Project, base: Project) -> Iterator[tuple[Contract, Contract]]:
    """Every contract with what it was: under its path, else under its title where no contract keeps the old path."""
    now = {contract.path for contract in project.contracts}
    by_path = {contract.path: contract for contract in base.contracts}
    by_title = {contract.title: contract for contract in base.contracts if contract.path not in now}
    for contract in project.contracts:
        old = by_path.get(contract.path) or by_title.get(contract.title)
        if old is not None:
            yield contract, old


def _is_new_version(contract: Contract, old: Contract) -> bool:
    now, before = _majors(contract), _majors(old)
    return bool(now and before) and now.isdisjoint(before)


def _majors(contract: Contract) -> set[str]:
    return {found[1] for operation in contract.operations if (found := _MAJOR.search(operation.full_path))}


def _is_major(release: str, old: str) -> bool:
    """Whether a release says that it breaks its clients: of 0.x, each one does."""
    now, before = _RELEASE.match(release), _RELEASE.match(old)
    if now is None or before is None:
        return False
    return int(now[1]) > int(before[1]) or (now[1] == before[1] == "0" and int(now[2]) > int(before[2]))


# What changed.


def _changes(contract: Contract, surface: Surface, old: Contract, old_surface: Surface) -> Iterator[Change]:
    now, before = _keyed(contract, surface, old, old_surface)
    schemas = Schemas(old_surface, surface)
    yield from _gone(contract, now, before)
    for key, (operation, exchange) in now.items():
        if key not in before or _is_exempt(operation, exchange):
            continue
        old_operation, old_exchange = before[key]
        yield from _inputs(schemas, operation, exchange, old_exchange)
        yield from _bodies(schemas, operation, exchange, old_exchange)
        yield from _replies(schemas, operation, exchange, old_exchange)
        yield from _security(contract, operation, old, old_operation)
    yield from schemas.changes()


def _keyed(contract: Contract, surface: Surface, old: Contract, old_surface: Surface) -> tuple[_Known, _Known]:
    """The operations of both by method and path: with the path of the server before it, or where more agree without."""
    whole = _by_path(contract, surface, True), _by_path(old, old_surface, True)
    written = _by_path(contract, surface, False), _by_path(old, old_surface, False)
    return max((whole, written), key=lambda sides: len(sides[0].keys() & sides[1].keys()))


def _by_path(contract: Contract, surface: Surface, whole: bool) -> dict[_Key, tuple[Operation, Exchange]]:
    exchanges = {(exchange.method, exchange.path): exchange for exchange in surface.exchanges}
    found = {}
    for operation in contract.operations:
        exchange = exchanges.get((operation.method, operation.path))
        if exchange is not None:
            path = operation.full_path if whole else operation.path
            # The name of a parameter in a path is no client's business.
            found[operation.method, re.sub(r"\{[^{}]*\}", "{}", path).rstrip("/")] = operation, exchange
    return found


def _is_exempt(operation: Operation, exchange: Exchange) -> bool:
    return exchange.unstable or _UNSTABLE.search(operation.full_path.lower()) is not None


def _gone(contract: Contract, now: _Known, before: _Known) -> Iterator[Change]:
    """Operations that are no more; of a path that is gone whole, one change."""
    kept = {path: operation for (_, path), (operation, _) in now.items()}
    gone: dict[str, list[Operation]] = defaultdict(list)
    for key, (operation, exchange) in before.items():
        if key not in now and not operation.deprecated and not _is_exempt(operation, exchange):
            gone[key[1]].append(operation)
    for path, operations in gone.items():
        names = tuple(operation.name for operation in operations)
        if path in kept:
            for name in names:
                yield Change("operation", kept[path].path_place, f"{name} is gone", name, Severity.ERROR, (name,))
        else:
            methods = ", ".join(operation.method for operation in operations)
            message = f"{operations[0].path} is gone ({methods})"
            yield Change("operation", contract.paths_place, message, operations[0].path, Severity.ERROR, names)


def _inputs(schemas: Schemas, operation: Operation, new: Exchange, old: Exchange) -> Iterator[Change]:
    name = operation.name
    now, before = _by_name(new), _by_name(old)
    for key, one in now.items():
        told = f"the {one.source} parameter `{one.name}`"
        subject = f"{name} {one.source} {one.name}"
        former = before.get(key)
        if former is not None:
            schemas.compare(name, former.schema, one.schema, REQUEST, f"{name} {one.name}")
        if one.required and one.source != "path" and not (former is not None and former.required):
            how = "requires" if former is None else "requires, where it was optional,"
            yield Change("input", one.place, f"{name} {how} {told}", subject, Severity.ERROR, (name,))
    for key, former in before.items():
        if key not in now and former.source != "path" and not former.deprecated:
            # One that moved is told where it is.
            message = f"{name} does not know the {former.source} parameter `{former.name}` any more"
            subject = f"{name} {former.source} {former.name}"
            yield Change("lost input", operation.place, message, subject, Severity.WARNING, (name,))


def _by_name(exchange: Exchange) -> dict[_Key, Input]:
    """The parameters by source and name; those of a path by their order, for nobody sees their names."""
    named = [
        one
        for one in exchange.inputs
        if one.source != "path" and not (one.source == "header" and one.name.lower() in _NO_PARAMETERS)
    ]
    positions = re.findall(r"\{([^{}]*)\}", exchange.path)
    found = {(one.source, one.name.lower() if one.source == "header" else one.name): one for one in named}
    for one in exchange.inputs:
        if one.source == "path" and one.name in positions:
            found["path", str(positions.index(one.name))] = one
    return found


def _bodies(schemas: Schemas, operation: Operation, new: Exchange, old: Exchange) -> Iterator[Change]:
    name = operation.name
    if new.body_required and not old.body_required and new.body_place is not None:
        how = "requires a body, which was optional" if old.bodies else "requires a body, and took none"
        yield Change("body", new.body_place, f"{name} {how}", f"{name} body", Severity.ERROR, (name,))
    now = _by_type(new.bodies)
    for kind, former in _by_type(old.bodies).items():
        one = now.get(kind)
        if one is not None:
            schemas.compare(name, former.schema, one.schema, REQUEST, f"{name} body")
        elif now and not _is_covered(kind, now):
            message = f"{name} does not take {kind} any more"
            place = new.body_place or operation.place
            yield Change("media type", place, message, f"{name} body {kind}", Severity.ERROR, (name,))


def _replies(schemas: Schemas, operation: Operation, new: Exchange, old: Exchange) -> Iterator[Change]:
    name = operation.name
    now = {reply.status.upper(): reply for reply in new.replies}
    for former in old.replies:
        status = former.status.upper()
        reply = now.get(status) or now.get(f"{status[:1]}XX") or now.get("DEFAULT")
        if reply is None:
            if status.startswith("2") and new.replies:
                message = f"{name} does not answer {former.status} any more"
                yield Change("status", operation.place, message, f"{name} {status}", Severity.ERROR, (name,))
            continue
        bodies = _by_type(reply.bodies)
        for kind, body in _by_type(former.bodies).items():
            if kind in bodies:
                schemas.compare(name, body.schema, bodies[kind].schema, RESPONSE, f"{name} {status}")
            elif status.startswith("2") and reply.status.upper() == status and not _is_covered(kind, bodies):
                message = f"{name} does not answer {former.status} with {kind} any more"
                subject = f"{name} {status} {kind}"
                yield Change("media type", reply.place, message, subject, Severity.ERROR, (name,))


def _by_type(bodies: tuple[Body, ...]) -> dict[str, Body]:
    return {body.media_type: body for body in bodies}


def _is_covered(kind: str, types: Mapping[str, Body]) -> bool:
    """Whether a range of media types holds this one; one that stood for all is no promise of any."""
    return kind == "*/*" or "*/*" in types or f"{kind.partition('/')[0]}/*" in types


def _security(contract: Contract, operation: Operation, old: Contract, former: Operation) -> Iterator[Change]:
    now, before = _alternatives(contract, operation), _alternatives(old, former)
    name = operation.name
    if operation.secured and not former.secured:
        message = f"{name} requires authentication, and could be called without"
        yield Change("security", operation.place, message, f"{name} security", Severity.ERROR, (name,))
    elif now and before and former.secured:
        # A scheme that the document does not define may be a slip that was mended.
        known = [way for way in before if all(len(scheme) > 1 for scheme in way)]
        lost = [way for way in known if not any(other <= way for other in now)]
        if lost:
            message = f"{name} cannot be called with {_way(lost[0])} any more"
            yield Change("security", operation.place, message, f"{name} security", Severity.ERROR, (name,))


def _alternatives(contract: Contract, operation: Operation) -> list[frozenset[tuple[str, ...]]]:
    """The ways to be let in, each by what has to be sent: the names of schemes are the document's own business."""
    schemes = {one.name: (one.kind.lower(), one.detail.lower(), one.parameter.lower()) for one in contract.schemes}
    return [frozenset(schemes.get(name, (name,)) for name in way) for way in operation.security or ()]


def _way(way: frozenset[tuple[str, ...]]) -> str:
    return " and ".join(sorted(" ".join(filter(None, scheme)) for scheme in way))


# What is told of it.


def _hits(contract: Contract, changes: list[Change], announced: bool) -> Iterator[Hit]:
    kinds: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        kinds[change.kind].append(change)
    for kind, found in kinds.items():
        if len(found) <= ALONE:
            yield from (_hit(contract, change, announced) for change in found)
            continue
        first = min(found, key=lambda change: change.severity.rank)
        others = [change for change in found if change is not first]
        yield Hit(
            place=first.place,
            message=f"{first.message}, and {len(others)} changes like it break clients",
            subject=f"{kind} in {contract.title or contract.path}",
            why=_why(contract, tuple(dict.fromkeys(name for change in found for name in change.operations)), announced),
            mend=_MEND,
            places=tuple(Place(one.place.path, one.place.span, one.message, "contract") for one in others[:SHOWN]),
            severity=Severity.NOTE if announced else first.severity,
        )


def _hit(contract: Contract, change: Change, announced: bool) -> Hit:
    return Hit(
        place=change.place,
        message=change.message,
        subject=change.subject,
        why=_why(contract, change.operations, announced),
        mend=_MEND,
        severity=Severity.NOTE if announced else change.severity,
    )


_MEND = "keep what was there beside what is new, or announce it as deprecated and drop it in a new version"


def _why(contract: Contract, operations: tuple[str, ...], announced: bool) -> str:
    if announced:
        return f"version {contract.release} announces that it breaks clients"
    reached = ", ".join(operations[:3])
    more = f" and {len(operations) - 3} more operations" if len(operations) > 3 else ""
    return f"a client that was written against the contract as it was fails on {reached}{more}"


def _contract(operations: str, version: str = "1.4.0", components: str = "") -> str:
    return f"openapi: 3.0.3\ninfo: {{title: Orders, version: {version}}}\npaths:\n{operations}{components}"


_LIST = """\
  /v1/orders:
    get:
      parameters:
        - {name: state, in: query, schema: {type: string, enum: [open, paid, sent]}}
      responses:
        "200":
          description: All
          content:
            application/json:
              schema: {type: array, items: {$ref: "#/components/schemas/Order"}}
    post:
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/NewOrder"}
      responses: {"201": {description: Made}}
"""
_ONE = """\
  /v1/orders/{id}:
    delete:
      responses: {"204": {description: Gone}}
"""
_SCHEMAS = """\
components:
  schemas:
    Order:
      type: object
      required: [id, total]
      properties:
        id: {type: integer}
        total: {type: number}
        note: {type: string}
    NewOrder:
      type: object
      required: [total]
      properties:
        total: {type: number}
        note: {type: string, maxLength: 500}
"""
_BASE = _contract(_LIST + _ONE, components=_SCHEMAS)


def _changed(old: str, new: str, text: str = _BASE) -> str:
    if old not in text:
        raise ValueError(f"{old!r} is not in the example")
    return text.replace(old, new, 1)


CHECK = Check(
    id="breaking-change",
    domain=Domain.API,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use URL or header versioning",
    dont="Break existing clients",
    tags=("OWASP-API9:2023",),
    gates=("versioning_strategy",),
    run=run,
    examined=lambda project: (
        sum(len(contract.operations) for contract, _ in _in_both(project, project.base))
        if project.base is not None
        else 0
    ),
    doc=__doc__,
    bad=(
        example(
            _contract(_LIST, components=_SCHEMAS).replace("paths:", "paths:  # <- flagged"),
            "a path is gone",
            path="openapi.yaml",
            base=_BASE,
        ),
        example(
            _changed("required: [total]", "required: [total, currency]").replace(
                "        note: {type: string, maxLength: 500}\n",
                "        note: {type: string, maxLength: 100}  # <- flagged\n        currency: {type: string}  # <- flagged\n",
            ),
            "a request needs more, and takes less",
            path="openapi.yaml",
            base=_BASE,
        ),
        example(
            _changed("enum: [open, paid, sent]}}", "enum: [open, paid]}}  # <- flagged")
            .replace(
                "        total: {type: number}\n        note: {type: string}\n",
                "        total: {type: string}  # <- flagged\n",
            )
            .replace("    Order:\n", "    Order:  # <- flagged\n"),
            "a filter takes less, a response holds less, and an amount is a text",
            path="openapi.yaml",
            base=_BASE,
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Rates, version: 2.1.0}
            paths:
              /rates:
                get:  # <- flagged
                  security: [{token: []}]
                  parameters:
                    - {name: market, in: query, required: true, schema: {type: string}}  # <- flagged
                  responses:
                    "202": {description: Later}
            components:
              securitySchemes: {token: {type: http, scheme: bearer}}
            """,
            "a status is gone, a parameter is required, a token is needed",
            path="docs/openapi.yaml",
            base="""
            openapi: 3.1.0
            info: {title: Rates, version: 2.0.0}
            paths:
              /rates:
                get:
                  responses:
                    "200": {description: Rates}
                    "202": {description: Later}
            """,
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Pallets, version: "3"}
            basePath: /v3
            paths:
              /pallets:
                post:
                  parameters:
                    - in: body
                      name: pallet
                      required: true
                      schema:
                        type: object
                        required: [weight]
                        properties:
                          weight: {type: integer}  # <- flagged
                  responses: {200: {description: OK}}
            """,
            "OpenAPI 2.0: a property became required",
            path="openapi.yaml",
            base="""
            swagger: "2.0"
            info: {title: Pallets, version: "3"}
            basePath: /v3
            paths:
              /pallets:
                post:
                  parameters:
                    - in: body
                      name: pallet
                      required: true
                      schema:
                        type: object
                        properties:
                          weight: {type: integer}
                  responses: {200: {description: OK}}
            """,
        ),
    ),
    good=(
        example(
            _changed("        note: {type: string}\n", "        note: {type: string}\n        tax: {type: number}\n")
            .replace("maxLength: 500", "maxLength: 900")
            .replace("required: [total]", "required: []")
            .replace("[open, paid, sent]", "[open, paid, sent, lost]"),
            "more in a response, less asked for in a request",
            path="openapi.yaml",
            base=_BASE,
        ),
        example(
            _contract(_LIST, components=_SCHEMAS),
            "what was deprecated is gone",
            path="openapi.yaml",
            base=_changed("    delete:\n", "    delete:\n      deprecated: true\n"),
        ),
        example(
            _BASE.replace("/v1/", "/v2/").replace("type: number", "type: string"),
            "another major version in the paths",
            path="openapi.yaml",
            base=_BASE,
        ),
        example(
            {
                "api/openapi.yaml": _changed("{id}", "{orderId}")
                .replace("paths:", "servers: [{url: /v1}]\npaths:")
                .replace("/v1/orders", "/orders")
            },
            "the same contract elsewhere: the version moved to the server, and a parameter of the path has another name",
            base={"openapi.yaml": _BASE},
        ),
        example(
            _contract("  /v1beta1/orders:\n    get:\n      responses: {'200': {description: All}}\n"),
            "a path that calls itself beta",
            path="openapi.yaml",
            base=_contract(
                "  /v1beta1/orders:\n    get:\n      responses: {'200': {description: All}}\n    post:\n      responses: {'200': {description: Made}}\n"
            ),
        ),
    ),
)
