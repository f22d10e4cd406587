"""An operation of the contract that can never change without breaking its clients.

What it flags: an operation of an OpenAPI document for which no version can be told: not in the address of its server
(path or host), not in the first three segments of its path, not in a query parameter or header that chooses one, not in
a media type. Where most operations of a contract have no version, the contract is flagged once, at its server, with the
number of operations that it reaches; where most have one, the others are flagged once for each first segment of their
paths. Without the address of a public server in the contract the confidence is medium: a prefix may be added outside.
Health, metrics, documentation, well-known and OAuth endpoints are left alone. Operations that routes of the code serve
are judged there (`unversioned-route`), so that one missing version is told once.

Why: clients that were built on a contract break the day it changes. A version lets the old and the new form live side
by side until the last client has moved.

How to mend: put a major version into the server's path (`/v1`), or declare the header, query parameter or media type by
which clients choose one on every operation. Leave what is published where it is, and serve it under the version too.

What it cannot see: a version that a gateway adds or that clients send without the contract saying so. Webhooks and
callbacks are calls of the API to others, and are not judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import Route
from qualitygate.model.contract import Contract, Operation
from qualitygate_checks._agreement import served

# Further places shown with a finding that stands for many.
SHOWN = 5


def run(project: Project) -> Iterator[Hit]:
    """One hit a contract, or one for each group of paths that stays behind the rest."""
    routes = served(project)
    for contract in project.contracts:
        judged = _judged(contract)
        unversioned = [
            operation
            for operation in judged
            if not operation.versioned and not any(map(_is_told, routes.get(operation.place, [])))
        ]
        if not unversioned:
            continue
        if 2 * len(unversioned) >= len(judged):
            yield _whole(contract, unversioned, len(judged))
        else:
            yield from _groups(unversioned, len(judged))


def _is_told(route: Route) -> bool:
    """Whether the version of an operation is a matter of its route: that one has it, or is told for the want of it."""
    return route.versioned or (route.api and not route.exempt and not route.uncertain)


def _judged(contract: Contract) -> list[Operation]:
    return [operation for operation in contract.operations if not operation.exempt]


def _whole(contract: Contract, unversioned: list[Operation], judged: int) -> Hit:
    public = [server for server in contract.servers if not server.local and "://" in server.url]
    server = next(iter(public or contract.servers), None)
    if judged == 1:
        message = f"The one operation of this contract, {unversioned[0].name}, has no version"
    elif len(unversioned) == judged:
        message = f"None of the {judged} operations of this contract has a version"
    else:
        message = f"{len(unversioned)} of the {judged} operations of this contract have no version"
    why = "no server address, path, query parameter, header or media type carries one"
    if not public:
        why += "; the contract names no public server, so that a prefix may be added where it is mounted"
    return Hit(
        place=server.place if server is not None else contract.paths_place,
        message=message,
        subject="contract",
        why=why,
        mend="put a major version into the server's path (`/v1`), or declare the header by which clients choose one",
        places=tuple(_place(operation) for operation in unversioned[:SHOWN]),
        confidence=Confidence.HIGH if public else Confidence.MEDIUM,
    )


def _groups(unversioned: list[Operation], judged: int) -> Iterator[Hit]:
    groups: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in unversioned:
        groups[operation.path.split("/", 2)[1]].append(operation)
    for segment, operations in groups.items():
        first = operations[0]
        if len(operations) == 1:
            message = f"{first.name} has no version"
        else:
            message = f"{len(operations)} operations below /{segment} have no version"
        yield Hit(
            place=first.path_place,
            message=f"{message}, unlike {judged - len(unversioned)} others of this contract",
            subject=f"/{segment}",
            why="no server address, path, query parameter, header or media type of theirs carries one",
            mend="serve them under the version that the rest of the contract has",
            places=tuple(_place(operation) for operation in operations[1 : SHOWN + 1]),
        )


def _place(operation: Operation) -> Place:
    return Place(operation.place.path, operation.place.span, operation.name, "contract")


CHECK = Check(
    id="unversioned-operation",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use URL or header versioning",
    dont="Break existing clients",
    tags=("OWASP-API9:2023",),
    gates=("versioning_strategy",),
    run=run,
    examined=lambda project: sum(len(_judged(contract)) for contract in project.contracts),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info:
              title: Invoices
              version: 1.4.0
            servers:
              - url: https://api.example.com  # <- flagged
            paths:
              /health:
                get:
                  responses:
                    "200":
                      description: Up
              /invoices:
                get:
                  operationId: listInvoices
                  responses:
                    "200":
                      description: The invoices
              /invoices/{id}:
                get:
                  operationId: getInvoice
                  parameters:
                    - {name: id, in: path, required: true, schema: {type: string}}
                  responses:
                    "200":
                      description: The invoice
            """,
            "the version of the document is no version of the API",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            host: warehouse.example.com
            basePath: /api  # <- flagged
            schemes: [https]
            paths:
              /stock/{sku}:
                get:
                  parameters:
                    - {name: sku, in: path, required: true, type: string}
                  responses:
                    200: {description: What is left}
            """,
            "OpenAPI 2.0, with a base path that is no version",
            path="api/swagger.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Shop, version: 2.0.0}
            paths:
              /v2/orders:
                get: {responses: {"200": {description: OK}}}
                post: {responses: {"201": {description: Created}}}
              /v2/orders/{id}:
                get: {responses: {"200": {description: OK}}}
                delete: {responses: {"204": {description: Gone}}}
              /coupons:  # <- flagged
                get: {responses: {"200": {description: OK}}}
              /coupons/{code}:
                get: {responses: {"200": {description: OK}}}
            """,
            "two paths stay behind the rest",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    paths:  # <- flagged
                      /bookings:
                        $ref: paths/bookings.yaml
                      /rooms/{id}:
                        $ref: "paths/rooms.yaml#/room"
                    """,
                "spec/paths/bookings.yaml": """
                    get:
                      responses:
                        "200": {description: OK}
                    """,
                "spec/paths/rooms.yaml": """
                    room:
                      parameters:
                        - {name: ipv4, in: query, schema: {type: string}}
                      get:
                        responses:
                          "200": {description: OK}
                    """,
            },
            "several files, and no server at all",
        ),
        example(
            """
            {
              "openapi": "3.0.1",
              "info": {"title": "Resolver", "version": "1.0"},
              "servers": [
                {"url": "http://localhost:8080"},
                {"url": "https://{region}.example.com", "variables": {"region": {"default": "eu"}}}  # <- flagged
              ],
              "paths": {
                "/snmpv3/{ipv4}": {"get": {"responses": {"200": {"description": "OK"}}}}
              }
            }
            """,
            "words that look like a version and are none",
            path="openapi.json",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            servers:
              - url: https://{region}.example.com/{release}
                variables:
                  region: {default: eu}
                  release: {default: v1}
            paths:
              /invoices:
                get: {responses: {"200": {description: OK}}}
            """,
            "the version is the default of a server variable",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Notes, version: 1.0.0}
            servers:
              - url: https://api.example.com
            paths:
              /notes:
                parameters:
                  - $ref: "#/components/parameters/Version"
                get: {responses: {"200": {description: OK}}}
              /.well-known/jwks.json:
                get: {responses: {"200": {description: Keys}}}
              /healthz:
                get: {responses: {"200": {description: Up}}}
              /oauth/token:
                post: {responses: {"200": {description: A token}}}
            components:
              parameters:
                Version:
                  name: Notes-Version
                  in: header
                  required: true
                  schema: {type: string, examples: ["2024-06-01"]}
            """,
            "a header of the path, by reference; endpoints that need no version",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Compute, version: v1beta1}
            host: compute.example.com
            basePath: /compute/v1beta1
            paths:
              /projects/{project}/disks:
                get: {responses: {"200": {description: OK}}}
            """,
            "OpenAPI 2.0 with the version in its base path",
            path="openapi.yaml",
        ),
        example(
            """
            {
              "openapi": "3.0.0",
              "info": {"title": "Carts", "version": "7"},
              "servers": [{"url": "https://shop.example.com"}],
              "paths": {
                "/carts/{id}": {
                  "get": {
                    "responses": {
                      "200": {
                        "description": "OK",
                        "content": {"application/vnd.shop.v2+json": {"schema": {"type": "object"}}}
                      }
                    }
                  }
                },
                "/api/2024-05-01/carts": {"post": {"responses": {"201": {"description": "Created"}}}},
                "/carts": {
                  "get": {
                    "parameters": [{"name": "api-version", "in": "query", "schema": {"type": "string"}}],
                    "responses": {"200": {"description": "OK"}}
                  }
                }
              }
            }
            """,
            "a media type, a date in the path, a query parameter",
            path="openapi.json",
        ),
        example(
            {
                "tests/fixtures/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: A server for tests, version: "1"}
                    paths:
                      /things:
                        get: {responses: {"200": {description: OK}}}
                    """
            },
            "a contract that is material of a test",
        ),
    ),
)
