"""Errors of one contract that come in different shapes.

What it flags: a JSON error body (4xx, 5xx, `default`) whose properties are others than those that most operations of the
contract answer with. Bodies are alike when one has all properties of the other, when they share at least half of them,
or when both have the same property for the text (`message`, `detail`, `error`, ...): code that shows one shows the
other. A `default` response of an operation without any 2xx status is taken for its good answer. Each other shape is flagged once, where its schema is defined, with the number of operations that it reaches; with
more than three of them, the contract is flagged once. With the option `problem_details` every JSON error must be
`application/problem+json` (RFC 9457).

Why: a client wants one piece of code that shows and logs errors. Each further shape is a case that somebody forgets.

How to mend: define one error schema (RFC 9457 has a good one) and refer to it from every error response; put what is
special into an extra property.

What it cannot see: bodies without a schema, and what the code really sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.contract import Contract, Operation, Response
from qualitygate_checks.api._contract import hits, judged

SHOWN = 5
# More shapes than this have no common cause but the missing convention.
SEPARATE = 3

Shape = frozenset[str]

_TEXTS = frozenset(("message", "msg", "detail", "title", "error", "error_description", "description", "reason"))


@dataclass(frozen=True)
class Options:
    """``problem_details``: whether every JSON error must be a problem of RFC 9457."""

    problem_details: bool = False


def run(project: Project, options: Options) -> Iterator[Hit]:
    """Hits for each shape of error that is not the usual one; with ``problem_details`` also for each other format."""
    for contract in project.contracts:
        yield from _shapes(contract)
        if options.problem_details:
            yield from _problems(contract)


def _errors(contract: Contract) -> Iterator[tuple[Operation, Response]]:
    for operation in judged(contract):
        succeeds = any(response.status[:1] in ("2", "3") for response in operation.responses)
        for response in operation.responses:
            if response.status[:1] in ("4", "5") or (response.status == "default" and succeeds):
                yield operation, response


def _shapes(contract: Contract) -> Iterator[Hit]:
    users: dict[Shape, list[tuple[Operation, Response]]] = {}
    for operation, response in _errors(contract):
        if (shape := _shape(response)) is not None:
            users.setdefault(shape, []).append((operation, response))
    if len(users) < 2:
        return
    reach = Counter({shape: len({operation.name for operation, _ in found}) for shape, found in users.items()})
    # Of two that are used alike, the one that says more, then the first by name: the same document gives the same answer.
    usual = max(users, key=lambda shape: (_like(shape, reach), reach[shape], len(shape), sorted(shape)))
    others = [shape for shape in users if not _alike(shape, usual)]
    if not others:
        return
    if len(others) > SEPARATE:
        yield Hit(
            place=contract.paths_place,
            message=f"Errors of this contract come in {len(others) + 1} different shapes",
            subject="shapes",
            why=f"most have {_listed(usual)}; others have {'; '.join(_listed(shape) for shape in others[:SHOWN])}",
            mend="define one error schema, and refer to it from every error response",
            places=tuple(_place(users[shape][0][1], _listed(shape)) for shape in (usual, *others[:SHOWN])),
            confidence=Confidence.MEDIUM,
        )
        return
    for shape in others:
        operation, response = users[shape][0]
        who = operation.name if reach[shape] == 1 else f"{reach[shape]} operations"
        yield Hit(
            place=_place(response, ""),
            message=f"Errors of {who} have another shape than those of {reach[usual]} others",
            subject=response.schema or f"{operation.name} {response.status}",
            why=f"they have {_listed(shape)}, where most have {_listed(usual)}",
            mend=f"answer with the usual schema{_named(users[usual][0][1])}",
            places=(_place(users[usual][0][1], "the usual shape"),),
            confidence=Confidence.HIGH if reach[usual] >= 2 * reach[shape] else Confidence.MEDIUM,
        )


def _shape(response: Response) -> Shape | None:
    """The property names of a JSON error body; a text or an array has a name of its own; None where nothing is known."""
    if response.shape in ("scalar", "array"):
        return frozenset((f"({response.shape})",))
    return frozenset(response.keys) if response.keys else None


def _alike(one: Shape, other: Shape) -> bool:
    shared = one & other
    return one <= other or other <= one or bool(shared & _TEXTS) or 2 * len(shared) >= len(one | other)


def _like(shape: Shape, reach: Counter[Shape]) -> int:
    return sum(count for other, count in reach.items() if _alike(shape, other))


def _listed(shape: Shape) -> str:
    names = sorted(shape)
    if names[0].startswith("("):
        return {"(scalar)": "plain text", "(array)": "an array"}[names[0]]
    return ", ".join(f"`{name}`" for name in names[:4]) + (" ..." if len(names) > 4 else "")


def _named(response: Response) -> str:
    return f" `{response.schema}`" if response.schema else ""


def _place(response: Response, note: str) -> Place:
    place = response.schema_place or response.place
    return Place(place.path, place.span, note, "contract" if note else "")


def _problems(contract: Contract) -> Iterator[Hit]:
    guilty = []
    total = set()
    for operation, response in _errors(contract):
        if any("json" in media_type for media_type in response.media_types):
            total.add(operation.name)
            if "application/problem+json" not in response.media_types and operation not in guilty:
                guilty.append(operation)
    yield from hits(
        contract,
        guilty,
        len(total),
        subject="problem details",
        one="{} answers errors that are no problem details",
        many="{} answer errors that are no problem details",
        why="the media type is not `application/problem+json`",
        mend="answer with the media type and the members of RFC 9457 (`type`, `title`, `status`, `detail`)",
        confidence=Confidence.HIGH,
    )


CHECK = Check(
    id="inconsistent-error-schema",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use a consistent error format",
    dont="Return unstructured errors",
    gates=("error_rate",),
    run=run,
    options=Options(),
    strict=Options(problem_details=True),
    examined=lambda project: sum(1 for contract in project.contracts for _ in _errors(contract)),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/invoices:
                get:
                  responses:
                    "200": {description: OK}
                    "400": {description: Bad filter, content: {application/json: {schema: {$ref: "#/components/schemas/Error"}}}}
                post:
                  responses:
                    "201": {description: Created}
                    "422": {description: Refused, content: {application/json: {schema: {$ref: "#/components/schemas/Error"}}}}
              /v1/invoices/{id}:
                get:
                  responses:
                    "200": {description: OK}
                    "404": {description: None, content: {application/json: {schema: {$ref: "#/components/schemas/NotFound"}}}}
            components:
              schemas:
                Error:
                  type: object
                  properties:
                    code: {type: string}
                    message: {type: string}
                NotFound:  # <- flagged
                  type: object
                  properties:
                    resource: {type: string}
                    reason: {type: string}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            produces: [application/json]
            paths:
              /pallets:
                get:
                  responses:
                    200: {description: OK}
                    400: {description: Bad, schema: {$ref: "#/definitions/Error"}}
              /pallets/{id}:
                get:
                  responses:
                    200: {description: OK}
                    404: {description: None, schema: {$ref: "#/definitions/Error"}}
                delete:
                  responses:
                    204: {description: Gone}
                    409:
                      description: In use
                      schema: {type: string}  # <- flagged
            definitions:
              Error:
                type: object
                properties: {error: {type: object}}
            """,
            "OpenAPI 2.0: a bare string beside an envelope",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            paths:  # <- flagged
              /v2/a:
                get: {responses: {400: {content: {application/json: {schema: {properties: {a: {}, b: {}}}}}}}}
              /v2/b:
                get: {responses: {400: {content: {application/json: {schema: {properties: {c: {}, d: {}}}}}}}}
              /v2/c:
                get: {responses: {400: {content: {application/json: {schema: {properties: {e: {}, f: {}}}}}}}}
              /v2/d:
                get: {responses: {4XX: {content: {application/json: {schema: {type: array}}}}}}
              /v2/e:
                get: {responses: {204: {}, default: {content: {application/json: {schema: {type: string}}}}}}
            """,
            "no convention at all, told once",
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
                          responses:
                            "400": {$ref: "errors.yaml#/Bad"}
                            "500": {$ref: "errors.yaml#/Bad"}
                        post:
                          responses:
                            "400": {$ref: "errors.yaml#/Bad"}
                      /v1/rooms:
                        get:
                          responses:
                            "500": {$ref: "errors.yaml#/Crash"}
                    """,
                "spec/errors.yaml": """
                    Bad:
                      content: {application/json: {schema: {$ref: "#/Problem"}}}
                    Crash:
                      content: {application/json: {schema: {$ref: "#/Trace"}}}
                    Problem:
                      properties: {type: {type: string}, title: {type: string}}
                    Trace:  # <- flagged
                      properties: {exception: {type: string}, stack: {type: string}}
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
                get:
                  responses:
                    "400": {content: {application/json: {schema: {$ref: "#/components/schemas/Error"}}}}
                    "404": {description: No body}
                post:
                  responses:
                    "422": {content: {application/json: {schema: {$ref: "#/components/schemas/ValidationError"}}}}
                    "503": {content: {text/html: {schema: {type: string}}}}
                    default: {content: {application/json: {schema: {type: object}}}}
            components:
              schemas:
                Error:
                  type: object
                  properties: {code: {type: string}, message: {type: string}}
                ValidationError:
                  allOf:
                    - $ref: "#/components/schemas/Error"
                    - properties: {fields: {type: array, items: {type: string}}}
            """,
            "an extension of the usual shape; bodies of which nothing is known",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            basePath: /v1
            produces: [application/json]
            paths:
              /pallets:
                get:
                  responses:
                    200: {description: OK, schema: {type: array, maxItems: 9, items: {type: object}}}
                    400: {description: Bad, schema: {properties: {error: {type: string}}}}
                    500: {description: Broken, schema: {properties: {error: {type: string}}}}
            """,
            "one shape, written twice",
            path="openapi.yaml",
        ),
    ),
)
