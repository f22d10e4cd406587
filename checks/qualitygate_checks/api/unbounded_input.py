"""A request that may be as large as the client likes.

What it flags: in a contract, a schema that requests are made of (followed from the bodies through references) and that
holds text without `maxLength` or lists without `maxItems`: once for each schema, where it is defined, with the number of
operations that accept it. Where at least half of a contract's request schemas are so, or more than ten, the contract is
flagged once. Text is bounded too by an enumeration, a constant, a pattern, or a format with a length of its own (dates,
times, UUIDs, addresses of hosts). What is `readOnly` and what only answers are made of is left alone.

Why: what has no bound is stored, indexed, logged and sent on at any size. One client with a list of a million items is
enough to fill memory; a generated gateway or validator can only hold to bounds that the contract gives.

How to mend: give text a `maxLength` and lists a `maxItems` that the database and the code agree with.

What it cannot see: a limit on the size of the whole body at the gateway; numbers and free-form objects, which are left
alone, and parameters of the path and query, which the server's limit of the address bounds.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.contract import Contract, Input

SHOWN = 5
# More schemas than this without bounds have one cause.
ALONE = 10


def run(project: Project) -> Iterator[Hit]:
    """A hit for each request schema without bounds, or one for the contract."""
    yield from _contracts(project)


def _contracts(project: Project) -> Iterator[Hit]:
    for contract in project.contracts:
        guilty = [one for one in contract.inputs if one.count]
        if len(guilty) > 1 and (2 * len(guilty) >= len(contract.inputs) or len(guilty) > ALONE):
            yield _whole(contract, guilty)
            continue
        for one in guilty:
            yield Hit(
                place=Place(one.place.path, one.place.span),
                message=f"{_title(one)} accepts text or lists of any size",
                subject=one.name,
                why=f"{_properties(one)} without `maxLength` or `maxItems`; {_reach(one)} accept{'s' * (one.reach == 1)} it",
                mend="give text a `maxLength` and lists a `maxItems`",
                confidence=Confidence.MEDIUM,
            )


def _whole(contract: Contract, guilty: list[Input]) -> Hit:
    count = (
        f"All {len(guilty)}" if len(guilty) == len(contract.inputs) else f"{len(guilty)} of the {len(contract.inputs)}"
    )
    return Hit(
        place=contract.paths_place,
        message=f"{count} request schemas of this contract accept text or lists of any size",
        subject="contract",
        why=f"they hold {sum(one.count for one in guilty)} properties without `maxLength` or `maxItems`",
        mend="give text a `maxLength` and lists a `maxItems`, the schemas that most requests use first",
        places=tuple(
            Place(one.place.path, one.place.span, f"{_title(one)}: {_properties(one)}", "contract")
            for one in sorted(guilty, key=lambda one: -one.reach)[:SHOWN]
        ),
        confidence=Confidence.MEDIUM,
    )


def _title(one: Input) -> str:
    return one.name[0].upper() + one.name[1:] if " " in one.name else f"The schema `{one.name}`"


def _properties(one: Input) -> str:
    more = f" and {one.count - len(one.unbounded)} more" if one.count > len(one.unbounded) else ""
    return ", ".join(f"`{name}`" for name in one.unbounded) + more


def _reach(one: Input) -> str:
    return one.operations[0] if one.reach == 1 else f"{one.reach} operations"


CHECK = Check(
    id="unbounded-input",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Validate and sanitise all input",
    dont="Trust user input",
    tags=("OWASP-API4:2023", "CWE-770", "CWE-1284"),
    gates=("input_validation",),
    run=run,
    examined=lambda project: sum(len(contract.inputs) for contract in project.contracts),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                post:
                  requestBody:
                    content: {application/json: {schema: {$ref: "#/components/schemas/Invoice"}}}
                  responses: {"201": {description: Created}}
              /v1/customers:
                post:
                  requestBody:
                    content: {application/json: {schema: {$ref: "#/components/schemas/Customer"}}}
                  responses: {"201": {description: Created}}
            components:
              schemas:
                Invoice:  # <- flagged
                  type: object
                  properties:
                    number: {type: string, maxLength: 20}
                    note: {type: string}
                    customer: {$ref: "#/components/schemas/Customer"}
                    address: {$ref: "#/components/schemas/Address"}
                Customer:
                  type: object
                  properties: {name: {type: string, maxLength: 100}}
                Address:
                  type: object
                  properties: {city: {type: string, maxLength: 100}}
            """,
            "one schema among others",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            paths:  # <- flagged
              /v1/pallets:
                post:
                  parameters:
                    - {name: pallet, in: body, schema: {$ref: "#/definitions/Pallet"}}
                  responses: {201: {description: Created}}
            definitions:
              Pallet:
                type: object
                properties:
                  boxes: {type: array, items: {$ref: "#/definitions/Box"}}
              Box:
                type: object
                properties: {label: {type: string}}
            """,
            "OpenAPI 2.0: all of them, told once",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            paths:
              /v2/teams:
                patch:
                  requestBody:
                    content:
                      application/json:
                        schema:  # <- flagged
                          type: object
                          properties:
                            name: {type: [string, "null"]}
                            owner: {type: string, format: uuid}
                  responses: {"200": {description: Changed}}
            """,
            "OpenAPI 3.1: a schema without a name, and text that may be null",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    paths:
                      /v1/bookings:
                        put:
                          requestBody: {$ref: "bodies.yaml#/Booking"}
                          responses: {"200": {description: OK}}
                    """,
                "spec/bodies.yaml": """
                    Booking:
                      content: {application/json: {schema: {$ref: "schemas/booking.yaml"}}}
                    """,
                "spec/schemas/booking.yaml": """
                    type: object  # <- flagged
                    properties:
                      guests: {type: array, items: {type: string, maxLength: 80}}
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
            paths:
              /v1/invoices:
                post:
                  requestBody:
                    content: {application/json: {schema: {$ref: "#/components/schemas/Invoice"}}}
                  responses:
                    "201":
                      description: Created
                      content: {application/json: {schema: {$ref: "#/components/schemas/Answer"}}}
            components:
              schemas:
                Invoice:
                  type: object
                  properties:
                    id: {type: string, readOnly: true}
                    number: {allOf: [{$ref: "#/components/schemas/Text"}, {maxLength: 20}]}
                    state: {type: string, enum: [open, paid]}
                    due: {type: string, format: date}
                    country: {type: string, pattern: "^[A-Z]{2}$"}
                    lines: {type: array, maxItems: 100, items: {$ref: "#/components/schemas/Line"}}
                    scan: {type: string, format: binary}
                Line:
                  type: object
                  properties: {amount: {type: integer}, next: {$ref: "#/components/schemas/Line"}}
                Text: {type: string, maxLength: 1000}
                Answer:
                  type: object
                  properties: {message: {type: string}}
            """,
            "bounds of every kind, also in parts; answers need none",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            paths:
              /v1/pallets:
                post:
                  parameters:
                    - {name: pallet, in: body, schema: {type: object, properties: {weight: {type: number}}}}
                  responses: {201: {description: Created, schema: {type: string}}}
            """,
            "OpenAPI 2.0 without text",
            path="openapi.yaml",
        ),
    ),
)
