"""An operation of the contract that cannot fail, if one believes it.

What it flags: an operation that documents no error at all: no 4xx or 5xx status, no range (`4XX`) and no `default`; and
an operation that needs authentication and documents errors, but not what happens without it (401, 403, `4XX` or
`default`). Where at least half of a contract's operations share the fault, or more than ten do, the contract is flagged
once, with the number of operations. Health, documentation and the like are left alone, as are HEAD, OPTIONS and TRACE.

Why: clients are written against what the contract says. An error that it does not mention meets no code that handles it,
and generated clients have no type for its body.

How to mend: add the errors that the operation can answer, or one `default` response with the API's error schema.

What it cannot see: errors that the code raises; that needs the code beside the contract.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.contract import Operation
from qualitygate_checks.api._contract import hits, judged


def run(project: Project) -> Iterator[Hit]:
    """Hits for operations without errors, and for guarded ones without the error of the guard."""
    for contract in project.contracts:
        operations = [operation for operation in judged(contract) if operation.responses]
        silent = [operation for operation in operations if not _errors(operation)]
        yield from hits(
            contract,
            silent,
            len(operations),
            subject="no error",
            one="{} documents no error",
            many="{} document no error",
            why="there is no 4xx or 5xx status, no range and no `default` response",
            mend="add the errors it can answer, or a `default` response with the error schema of the API",
            confidence=Confidence.HIGH,
        )
        guarded = [operation for operation in operations if operation.secured and _errors(operation)]
        unguarded = [operation for operation in guarded if not _errors(operation) & {"401", "403", "4XX", "DEFAULT"}]
        yield from hits(
            contract,
            unguarded,
            len(guarded),
            subject="no refusal",
            one="{} does not document what it answers without authentication",
            many="{} that need authentication do not document what they answer without it",
            why="a security scheme is required, and there is no 401, 403, `4XX` or `default` response",
            mend="add a 401 response (and a 403 where permissions differ), by reference to one that all share",
            confidence=Confidence.MEDIUM,
        )


def _errors(operation: Operation) -> set[str]:
    return {
        status.upper()
        for status in (response.status for response in operation.responses)
        if status[:1] in ("4", "5") or status == "default"
    }


CHECK = Check(
    id="undocumented-error",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use a consistent error format",
    dont="Return unstructured errors",
    tags=("CWE-755",),
    gates=("error_rate",),
    run=run,
    examined=lambda project: sum(len(judged(contract)) for contract in project.contracts),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices/{id}:
                get:  # <- flagged
                  responses:
                    "200": {description: The invoice}
                put:
                  responses:
                    "200": {description: Changed}
                    "404": {description: There is no such invoice}
                delete:
                  responses:
                    "204": {description: Gone}
                    default: {description: What went wrong}
            """,
            "one operation forgets what the others say",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            paths:  # <- flagged
              /pallets:
                get: {responses: {200: {description: OK}}}
                post: {responses: {201: {description: Created}}}
              /pallets/{id}:
                get: {responses: {200: {description: OK}, 404: {description: None}}}
            """,
            "OpenAPI 2.0: most operations, told once",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            security: [{token: []}]
            paths:
              /v2/teams:
                get:
                  responses: {"200": {description: OK}, "401": {description: Who are you?}}
                post:  # <- flagged
                  responses: {"201": {description: Created}, "422": {description: Not like this}}
              /v2/teams/{id}:
                get:
                  responses: {"200": {description: OK}, 4XX: {description: Refused}}
            components:
              securitySchemes:
                token: {type: http, scheme: bearer}
            """,
            "authentication without its refusal",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    paths:
                      /v1/bookings: {$ref: bookings.yaml}
                    """,
                "spec/bookings.yaml": """
                    get:  # <- flagged
                      responses: {"200": {description: OK}}
                    """,
            },
            "several files",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            security: [{token: []}]
            paths:
              /v1/invoices:
                get:
                  responses: {"200": {description: OK}, 4XX: {description: Refused}, 5XX: {description: Broken}}
                post:
                  responses: {"201": {description: Created}, default: {$ref: "#/components/responses/Problem"}}
                head:
                  responses: {"200": {description: OK}}
              /v1/prices:
                get:
                  security: []
                  responses: {"200": {description: OK}, "503": {description: Later}}
              /health:
                get:
                  security: []
                  responses: {"200": {description: Up}}
            components:
              responses:
                Problem: {description: What went wrong}
              securitySchemes:
                token: {type: http, scheme: bearer}
            """,
            "ranges and a default count; an open operation needs no refusal",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            paths:
              /pallets:
                get: {responses: {200: {description: OK}, 400: {description: Bad filter}}}
            """,
            "OpenAPI 2.0 with a numeric status",
            path="openapi.yaml",
        ),
    ),
)
