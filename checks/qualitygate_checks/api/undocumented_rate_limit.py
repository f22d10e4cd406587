"""A public contract that never says how often it may be called.

What it flags: a contract of which no operation documents the status 429 and no response a header that tells the limit
(`RateLimit-*`, `X-RateLimit-*`, `Retry-After`, in any case): flagged once. A contract that documents 429, and nowhere the
header by which a client knows when to try again, is flagged once too. With the option `every_operation` each operation
must document 429 (or `4XX`, or `default`). Contracts whose servers are all local or private are left alone.

Why: a client that does not know the limit runs into it, and one that is not told when to come back tries again at once
and makes it worse.

How to mend: add a 429 response with `Retry-After` (and the `RateLimit` headers) under the shared responses, and refer to
it from the operations.

What it cannot see: whether anything limits the calls; that is for the code and the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.contract import Contract, Operation
from qualitygate_checks.api._contract import hits, judged

_STATUSES = frozenset(("429", "4XX", "DEFAULT"))


@dataclass(frozen=True)
class Options:
    """``every_operation``: whether each operation must document 429, instead of one in the whole contract."""

    every_operation: bool = False


def run(project: Project, options: Options) -> Iterator[Hit]:
    """At most one hit a contract; with ``every_operation`` also hits for the operations without 429."""
    for contract in project.contracts:
        operations = _operations(contract)
        if not operations:
            continue
        refused = [operation for operation in operations if any(one.status == "429" for one in operation.responses)]
        told = any(map(_tells, operations))
        if not refused and not told:
            yield _nothing(contract, operations)
        elif refused and not told:
            yield _when(refused)
        if options.every_operation:
            guilty = [operation for operation in operations if not _refuses(operation)]
            yield from hits(
                contract,
                guilty,
                len(operations),
                subject="no 429",
                one="{} does not document the status 429",
                many="{} do not document the status 429",
                why="there is no 429, `4XX` or `default` response",
                mend="refer to the shared 429 response",
                confidence=Confidence.HIGH,
            )


def _operations(contract: Contract) -> list[Operation]:
    if contract.servers and all(server.local for server in contract.servers):
        return []
    return judged(contract)


def _refuses(operation: Operation) -> bool:
    return any(response.status.upper() in _STATUSES for response in operation.responses)


def _tells(operation: Operation) -> bool:
    return any(
        header == "retry-after" or "ratelimit" in header.replace("-", "").replace("_", "")
        for response in operation.responses
        for header in response.headers
    )


def _nothing(contract: Contract, operations: list[Operation]) -> Hit:
    return Hit(
        place=contract.paths_place,
        message="This contract says nothing of a rate limit",
        subject="contract",
        why=f"{_none_of(operations)} documents the status 429, or a header that tells the limit",
        mend="add a 429 response with `Retry-After` under the shared responses, and refer to it from the operations",
        confidence=Confidence.HIGH if any("://" in server.url for server in contract.servers) else Confidence.MEDIUM,
    )


def _none_of(operations: list[Operation]) -> str:
    return f"none of its {len(operations)} operations" if len(operations) > 1 else "no operation of it"


def _when(refused: list[Operation]) -> Hit:
    operation = refused[0]
    response = next(response for response in operation.responses if response.status == "429")
    who = operation.name if len(refused) == 1 else f"{len(refused)} operations"
    return Hit(
        place=Place(response.place.path, response.place.span),
        message=f"The status 429 of {who} does not say when to try again",
        subject="retry",
        why="no response of this contract has a `Retry-After` or `RateLimit` header",
        mend="add the header `Retry-After` to it",
        confidence=Confidence.HIGH,
    )


CHECK = Check(
    id="undocumented-rate-limit",
    domain=Domain.API,
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    do="Implement rate limits",
    dont="Allow unlimited requests",
    tags=("OWASP-API4:2023", "CWE-770"),
    run=run,
    options=Options(),
    strict=Options(every_operation=True),
    examined=lambda project: sum(len(_operations(contract)) for contract in project.contracts),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            servers: [{url: https://api.example.com/v1}]
            paths:  # <- flagged
              /invoices:
                get: {responses: {"200": {description: OK}, 4XX: {description: Refused}}}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            host: api.example.com
            basePath: /v1
            paths:
              /pallets:
                get:
                  responses:
                    200: {description: OK}
                    429: {description: Slow down}  # <- flagged
            """,
            "OpenAPI 2.0: a refusal that does not say for how long",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.1.0
                    info: {title: Teams, version: 2.0.0}
                    paths:
                      /v2/teams: {$ref: teams.yaml}
                    """,
                "spec/teams.yaml": """
                    get:
                      responses:
                        "200": {description: OK}
                        "429": {$ref: "#/refused"}  # <- flagged
                    refused: {description: Slow down}
                    """,
            },
            "several files",
        ),
        example(
            """
            {"openapi": "3.0.0", "info": {"title": "Codes", "version": "1"},
             "paths": {  # <- flagged
               "/v1/codes": {"get": {"responses": {"200": {"description": "OK", "headers": {"X-Total": {}}}}}}}}
            """,
            "JSON",
            path="openapi.json",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:
                  responses:
                    "200": {description: OK}
                    "429":
                      description: Slow down
                      headers: {retry-after: {schema: {type: integer}}}
              /v1/invoices/{id}:
                get: {responses: {"200": {description: OK}}}
            """,
            "told once, in lower case",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            paths:
              /pallets:
                get:
                  responses:
                    200: {description: OK, headers: {X-RateLimit-Remaining: {type: integer}}}
            """,
            "the limit is told with every answer",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: A worker, version: 1.4.0}
            servers: [{url: "http://worker:8080"}]
            paths:
              /v1/jobs:
                get: {responses: {"200": {description: OK}}}
            """,
            "a service of the private network",
            path="openapi.yaml",
        ),
    ),
)
