"""A page size that a client may set as large as it likes.

What it flags: in a contract, a query parameter that sets the size of a page of a collection (`limit`, `per_page`,
`pageSize`, ...) without a `maximum` and without an enumeration. A parameter that many operations share is flagged once,
where it is defined; so is one that is written out anew in more than ten places, at the first of them. The confidence is high for names that mean nothing else, medium for words with other uses (`count`,
`size`, `first`), and low where the description names a limit that the schema does not.

Why: pagination protects only as far as the page is small. `?limit=100000000` fetches everything after all, and one
client can exhaust memory and database with it.

How to mend: declare `maximum` (and a `default`) in the schema of the parameter, and refuse or clamp what is above it.

What it cannot see: a limit that the code applies without the contract saying so.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.contract import Contract, Operation, Parameter

SHOWN = 5
# More definitions than this of one name have one cause: that none is shared.
SEPARATE = 10

_CERTAIN = frozenset(
    "limit pagesize perpage maxresults maxpagesize itemsperpage pagelimit resultsperpage maxitems numresults maxrecords "
    "recordsperpage hitsperpage pagelength resultlimit maxrows rowsperpage".split()
)


def run(project: Project) -> Iterator[Hit]:
    """A hit for each definition of an unbounded page size."""
    yield from _contracts(project)


def _contracts(project: Project) -> Iterator[Hit]:
    for contract in project.contracts:
        shared: dict[Place, list[tuple[Operation, Parameter]]] = {}
        for operation, parameter in _sizes(contract):
            if parameter.maximum is None and not parameter.bounded:
                shared.setdefault(parameter.place, []).append((operation, parameter))
        for place, uses in _roots(shared):
            operation, parameter = uses[0]
            reach = operation.name if len(uses) == 1 else f"{len(uses)} operations"
            yield Hit(
                place=place,
                message=f"The page size `{parameter.name}` of {reach} has no maximum",
                subject=f"{parameter.name} {operation.name}",
                why=_why(parameter),
                mend="declare `maximum` and `default` in its schema, and hold to them in the code",
                places=tuple(
                    Place(user.place.path, user.place.span, user.name, "contract") for user, _ in uses[:SHOWN]
                ),
                confidence=_confidence(parameter),
            )


Uses = list[tuple[Operation, Parameter]]


def _roots(shared: dict[Place, Uses]) -> Iterator[tuple[Place, Uses]]:
    """The definitions with their uses; those of one name and one kind together, where they are many."""
    kinds: dict[tuple[str, bool], list[tuple[Place, Uses]]] = {}
    for place, uses in shared.items():
        parameter = uses[0][1]
        kinds.setdefault((parameter.name, parameter.bounded_in_words), []).append((place, uses))
    for definitions in kinds.values():
        if len(definitions) > SEPARATE:
            yield definitions[0][0], [use for _, uses in definitions for use in uses]
        else:
            yield from definitions


def _sizes(contract: Contract) -> Iterator[tuple[Operation, Parameter]]:
    for operation in contract.operations:
        if not operation.collection or operation.exempt:
            continue
        for parameter in operation.parameters:
            if (
                parameter.paging == "size"
                and parameter.source == "query"
                and parameter.type in ("integer", "number", "")
            ):
                yield operation, parameter


def _why(parameter: Parameter) -> str:
    if parameter.bounded_in_words:
        return "only its description names a limit: nothing that reads the contract can hold to it"
    return "its schema has neither a maximum nor an enumeration"


def _confidence(parameter: Parameter) -> Confidence:
    if parameter.bounded_in_words:
        return Confidence.LOW
    word = "".join(character for character in parameter.name.lower() if character.isalnum())
    return Confidence.HIGH if any(word.endswith(name) for name in _CERTAIN) else Confidence.MEDIUM


CHECK = Check(
    id="unbounded-page-size",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use cursor or offset pagination",
    dont="Return unbounded results",
    tags=("OWASP-API4:2023", "CWE-770"),
    gates=("api_response_time", "memory_usage"),
    run=run,
    examined=lambda project: sum(1 for contract in project.contracts for _ in _sizes(contract)),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:
                  parameters:
                    - name: limit  # <- flagged
                      in: query
                      schema: {type: integer, minimum: 1, default: 20}
                    - {name: offset, in: query, schema: {type: integer}}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            produces: [application/json]
            parameters:
              PageSize:
                name: page_size  # <- flagged
                in: query
                type: integer
            paths:
              /pallets:
                parameters: [{$ref: "#/parameters/PageSize"}]
                get:
                  responses:
                    200: {description: A page, schema: {type: array, items: {type: object}}}
              /orders:
                get:
                  parameters: [{$ref: "#/parameters/PageSize"}]
                  responses:
                    200: {description: A page, schema: {type: array, items: {type: object}}}
            """,
            "OpenAPI 2.0: one definition for two paths",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            paths:
              /v2/teams:
                get:
                  parameters:
                    - name: page[size]  # <- flagged
                      in: query
                      schema: {anyOf: [{type: integer}, {type: "null"}]}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            """,
            "OpenAPI 3.1: a number that may be null",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    paths:
                      /v1/bookings:
                        get:
                          parameters: [{$ref: "parameters.yaml#/PerPage"}]
                          responses:
                            "200":
                              description: A page
                              content:
                                application/json:
                                  schema: {type: array, items: {type: object}}
                    """,
                "spec/parameters.yaml": """
                    PerPage:
                      name: per_page  # <- flagged
                      in: query
                      schema: {type: integer}
                    """,
            },
            "several files",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.1.0
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:
                  parameters:
                    - {name: limit, in: query, schema: {type: integer, exclusiveMaximum: 101}}
                    - {name: cursor, in: query, schema: {type: string}}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
              /v1/payments:
                get:
                  parameters:
                    - {name: pageSize, in: query, schema: {type: integer, enum: [10, 50]}}
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            """,
            "a maximum, an enumeration, and a cursor, which is no size",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.0.0
            info: {title: Codes, version: "1"}
            paths:
              /v1/qr:
                get:
                  parameters:
                    - {name: size, in: query, schema: {type: integer}}
                  responses:
                    "200":
                      description: A picture
                      content:
                        image/png: {schema: {type: string, format: binary}}
              /v1/orders:
                get:
                  parameters:
                    - {name: count, in: query, schema: {type: boolean}}
                    - name: limit
                      in: query
                      schema:
                        allOf: [{$ref: "#/components/schemas/Limit"}]
                  responses:
                    "200":
                      description: A page
                      content:
                        application/json:
                          schema: {type: array, items: {type: object}}
            components:
              schemas:
                Limit: {type: integer, maximum: 500}
            """,
            "a size of something else; a maximum behind a reference",
            path="openapi.yaml",
        ),
    ),
)
