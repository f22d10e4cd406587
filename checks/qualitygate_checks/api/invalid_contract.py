"""A contract that is not what its format demands.

What it flags: every place where an OpenAPI document (2.0, 3.0, 3.1, 3.2) breaks the JSON Schema of its format: missing and
unknown keys, values of the wrong kind, keys that stand twice. Further: two operations with the same `operationId`, a
parameter of a path that no operation declares, and one that is declared and stands in no path. A mapping with a `$ref` is
taken at its word wherever it stands. Of more than twenty faults in one contract the rest is counted.

Why: documentation, generated clients and gateways read what they understand and drop the rest without a word. What is
wrong in the contract is missing where somebody relies on it.

How to mend: correct the place; the message names what belongs there.

What it cannot see: examples and defaults that do not fit their schemas, and faults inside the JSON Schemas of 3.1 and 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.contract import Contract, Operation

SHOWN = 20

_NAMES = re.compile(r"\{([^{}/]+)\}")


def run(project: Project) -> Iterator[Hit]:
    """A hit for each fault, of many the first ones."""
    for contract in project.contracts:
        hits = [*_problems(contract), *_same_ids(contract), *_path_parameters(contract)]
        yield from hits[:SHOWN]
        if len(hits) > SHOWN:
            yield Hit(
                place=contract.place,
                message=f"{len(hits) - SHOWN} more faults in this contract",
                subject="more",
                why=f"it is not valid as OpenAPI {contract.format}",
                mend="correct the first ones: others often follow from them",
            )


def _problems(contract: Contract) -> Iterator[Hit]:
    for problem in contract.problems:
        yield Hit(
            place=problem.place,
            message=problem.message[0].upper() + problem.message[1:],
            subject=f"{problem.pointer or 'key'} {problem.message.rsplit(' ', 1)[0]}",
            why=f"the schema of OpenAPI {contract.format} does not allow it",
        )


def _same_ids(contract: Contract) -> Iterator[Hit]:
    first: dict[str, Operation] = {}
    for operation in contract.operations:
        if not operation.operation_id:
            continue
        known = first.setdefault(operation.operation_id, operation)
        if known is not operation and known.place != operation.place:
            yield Hit(
                place=operation.place,
                message=f"{operation.name} has the operationId `{operation.operation_id}` of {known.name}",
                subject=f"operationId {operation.name}",
                why="generated clients name their functions by it: one of the two is lost",
                mend="give it a name of its own",
                places=(Place(known.place.path, known.place.span, known.name, "contract"),),
            )


def _path_parameters(contract: Contract) -> Iterator[Hit]:
    for operation in contract.operations:
        named = set(_NAMES.findall(operation.path))
        declared = {parameter.name: parameter for parameter in operation.parameters if parameter.source == "path"}
        missing = sorted(named - declared.keys())
        if missing and contract.complete:
            names = " and ".join(f"`{name}`" for name in missing)
            yield Hit(
                place=operation.place,
                message=f"{operation.name} does not declare its path parameter{'s' if len(missing) > 1 else ''} {names}",
                subject=f"undeclared {operation.name}",
                why="every name in braces of a path needs a parameter with `in: path`",
                mend="declare it with the operation or with its path",
            )
        for name in sorted(declared.keys() - named):
            yield Hit(
                place=declared[name].place,
                message=f"The path parameter `{name}` stands nowhere in {operation.path}",
                subject=f"unused {operation.name} {name}",
                why="a parameter with `in: path` needs its name in braces in the path",
                mend="put it into the path, or declare it where it is",
            )


CHECK = Check(
    id="invalid-contract",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Publish a contract that tools can read",
    dont="Break existing clients",
    run=run,
    examined=lambda project: len(project.contracts),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info:  # <- flagged
              title: Invoices
            paths:
              /v1/invoices/{id}:
                get:  # <- flagged
                  operationId: getInvoice
                  responses:
                    "200": {description: OK}
                    "404":  # <- flagged
                      describtion: Not there  # <- flagged
            """,
            "a missing version, a typing error, a parameter that nobody declares",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            schemes: [https, htps]  # <- flagged
            paths:
              /v1/pallets:
                get:
                  operationId: pallets
                  produces: application/json  # <- flagged
                  responses: {200: {description: OK}}
                post:  # <- flagged
                  operationId: pallets
                  responses: {201: {description: Created}}
            """,
            "OpenAPI 2.0: text for a list, a scheme that is none, one name for two operations",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            paths:
              /v2/teams:
                parameters:
                  - name: team  # <- flagged
                    in: path
                    required: true
                    schema: {type: string}
                get:
                  responses: {"200": {description: OK}}
                get:  # <- flagged
                  responses: {"200": {description: OK again}}
            """,
            "OpenAPI 3.1: a key that stands twice, a parameter without a place",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: 1.0}  # <- flagged
                    paths:
                      /v1/bookings/{id}: {$ref: bookings.yaml}
                    """,
                "spec/bookings.yaml": """
                    get:  # <- flagged
                      responses: {"200": {description: OK}}
                    """,
            },
            "several files; a version that is a number to YAML",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0, x-audience: public}
            paths:
              /v1/invoices/{id}:
                parameters:
                  - {name: id, in: path, required: true, schema: {type: string, example: 2024-01-01}}
                get:
                  responses:
                    200: {description: OK}
                    4XX: {$ref: "#/components/responses/Refused"}
                    default: {description: What went wrong}
            components:
              responses:
                Refused: {description: Refused}
            """,
            "status codes without quotes, ranges, extensions",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            paths:
              /v1/pallets:
                get:
                  parameters:
                    - {name: since, in: query, type: string, format: date, default: 2024-01-01}
                  responses: {default: {description: OK, schema: {$ref: "#/definitions/Pallet"}}}
            definitions:
              Pallet: {type: object, properties: {weight: {type: number, minimum: 0, exclusiveMinimum: true}}}
            """,
            "OpenAPI 2.0",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Hooks, version: 2.0.0, summary: Calls to others}
            webhooks:
              invoicePaid:
                post: {responses: {"204": {description: Heard}}}
            components:
              schemas:
                Anything: true
                Tree: {type: object, properties: {children: {type: array, items: {$ref: "#/components/schemas/Tree"}}}}
            """,
            "OpenAPI 3.1 without paths",
            path="openapi.yaml",
        ),
    ),
)
