"""A request that may be as large as the client likes.

What it flags: in code, a model that requests are made of (pydantic, SQLModel, Django Ninja, msgspec, declared fields of
serializers of Django REST framework; followed from the bodies of handlers) with text or lists without a limit of length;
and an uploaded file that a handler reads into memory whole, where nothing there asks for its size. In a contract, a
schema of requests with text without `maxLength` or lists without `maxItems`. Each is told once, where it is defined, with
the number of operations that accept it. Where at least half of the models of an application or of the schemas of a
contract are so, or more than ten, that is told once (each by itself with the option `every_schema`); a contract that
the code serves is left to the code. Text is bounded
too by an enumeration, a constant, a pattern, a validator, or a type with a length of its own (dates, times, UUIDs,
addresses of hosts). What is `readOnly` and what only answers are made of is left alone.

Why: what has no bound is stored, indexed, logged and sent on at any size. One client with a list of a million items is
enough to fill memory; a generated gateway or validator can only hold to bounds that the contract gives.

How to mend: give text and lists a maximum length (`Field(max_length=...)`, `maxLength`, `maxItems`) that the database and
the code agree with; look at `file.size`, or read in pieces, before an upload is taken whole.

What it cannot see: a limit on the size of the whole body at the gateway; numbers and free-form objects, which are left
alone, and parameters of the path and query, which the server's limit of the address bounds. Bodies that the code reads by
hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.contract import Contract, Input
from qualitygate_checks._code import Body, Code, call_name, last_name

SHOWN = 5
# More schemas than this without bounds have one cause.
ALONE = 10
# What has no name within its schema.
_WHOLE = {"itself": "the text itself", "itself[]": "the list itself", "[]": "its items"}


@dataclass(frozen=True)
class Options:
    """``every_schema``: whether each model and schema is told by itself, however many there are."""

    every_schema: bool = False


def run(project: Project, options: Options) -> Iterator[Hit]:
    """A hit for each model, upload or request schema without bounds, or one for the application or the contract."""
    yield from _models(project, options)
    yield from _uploads(project)
    yield from _contracts(project, options)


def _models(project: Project, options: Options) -> Iterator[Hit]:
    guilty = [one for one in project.inputs if one.count]
    if not options.every_schema and len(guilty) > 1 and (2 * len(guilty) >= len(project.inputs) or len(guilty) > ALONE):
        most = sorted(guilty, key=lambda one: -one.reach)
        all_ = "All" if len(guilty) == len(project.inputs) else f"{len(guilty)} of the"
        yield Hit(
            place=Place(most[0].place.path, most[0].place.span),
            message=f"{all_} {len(project.inputs)} models that requests are made of accept text or lists of any size",
            subject="models",
            why=f"they hold {sum(one.count for one in guilty)} fields without a limit of length",
            mend="give text and lists a maximum length, in the models that most requests use first",
            places=tuple(
                Place(one.place.path, one.place.span, f"`{one.name}`: {_properties(one)}", "definition")
                for one in most[1:SHOWN]
            ),
            # Whoever bounds nothing relies on the gateway for it, or does not know; a list of all helps neither.
            severity=Severity.NOTE,
            confidence=Confidence.MEDIUM,
        )
        return
    for one in guilty:
        yield Hit(
            place=Place(one.place.path, one.place.span),
            message=f"The model `{one.name}` accepts text or lists of any size",
            subject=f"model {one.name}",
            why=f"{_properties(one)} without a limit of length; {_reach(one)} accept{'s' * (one.reach == 1)} it",
            mend="give the fields a maximum length",
            confidence=Confidence.MEDIUM,
        )


_UPLOADS = frozenset(
    ("fastapi.UploadFile.read", "starlette.datastructures.UploadFile.read", "litestar.datastructures.UploadFile.read")
)
_SIZES = ("size", "length", "len", "bytes", "limit")


def _uploads(project: Project) -> Iterator[Hit]:
    """Files that a request brings and that are read whole by code that never asks for a size."""
    for call in project.calls:
        if call.name not in _UPLOADS or not call.routes or call.positional or call.keywords:
            continue
        found = project.once(Code).at(call.place, "read")
        if found is None or _asks_for_size(found[1]):
            continue
        yield Hit(
            place=call.place,
            message=f"{call.routes[0]} reads an uploaded file into memory, however large it is",
            subject=f"upload {call.owner.partition(':')[2]}",
            why="nothing in this function asks for a size before or after, and the framework has no limit of its own",
            mend="look at `file.size` first, or read in pieces and stop at a maximum",
            places=call.chain,
            confidence=Confidence.MEDIUM,
        )


def _asks_for_size(body: Body) -> bool:
    """Whether a comparison, or the name of something called, tells that the code looks at sizes."""
    for part in body.expressions():
        if isinstance(part, ir.Call) and any(word in call_name(part).lower() for word in ("size", "limit")):
            return True
        if isinstance(part, ir.Operation) and part.operator in ("<", "<=", ">", ">="):
            names = (last_name(inner).lower() for operand in part.operands for inner in ir.subexpressions(operand))
            if any(word in name for name in names for word in _SIZES):
                return True
    return False


def _contracts(project: Project, options: Options) -> Iterator[Hit]:
    told = {agreement.contract.path for agreement in project.agreements if agreement.pairs} if project.inputs else set()
    for contract in project.contracts:
        if contract.path in told:
            continue  # its schemas are the models of the code, and are mended there
        guilty = [one for one in contract.inputs if one.count]
        if (
            not options.every_schema
            and len(guilty) > 1
            and (2 * len(guilty) >= len(contract.inputs) or len(guilty) > ALONE)
        ):
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
    return ", ".join(_WHOLE.get(name, f"`{name}`") for name in one.unbounded) + more


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
    options=Options(),
    strict=Options(every_schema=True),
    calls=_UPLOADS,
    examined=lambda project: (
        sum(len(contract.inputs) for contract in project.contracts)
        + len(project.inputs)
        + sum(call.name in _UPLOADS for call in project.calls)
    ),
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
        example(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI, UploadFile
            from pydantic import BaseModel, Field, field_validator


            class Address(BaseModel):  # <- flagged
                street: str
                city: Annotated[str, Field(max_length=80)]


            class Order(BaseModel):
                note: str = Field("", max_length=500)
                lines: list[str] = Field(max_length=100)
                address: Address | None = None


            class Comment(BaseModel):
                text: str

                @field_validator("text")
                def short(cls, text):
                    return text[:200]


            class Label(BaseModel):
                text: Annotated[str, Field(pattern="^[a-z]{1,20}$")]


            app = FastAPI()


            @app.post("/v1/orders")
            def order(order: Order):
                return order


            @app.post("/v1/comments")
            def comment(comment: Comment, label: Label):
                return comment


            @app.post("/v1/scans")
            async def scan(file: UploadFile):
                data = await file.read()  # <- flagged
                return {"bytes": data[:10].hex()}
            """,
            "pydantic: one model among others, and an upload",
        ),
        example(
            """
            from litestar import Litestar, post
            from msgspec import Struct


            class Note(Struct):  # <- flagged
                title: str
                tags: list[str]


            class Login(Struct):
                name: str
                password: str


            @post("/v1/notes")
            async def add(data: Note) -> Note:
                return data


            @post("/v1/notes/copies")
            async def copy(data: Note) -> Note:
                return data


            @post("/v1/login")
            async def login(data: Login) -> None: ...


            app = Litestar([add, copy, login])
            """,
            "msgspec: no model has a bound, told once",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework", "clinic"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitView

                    urlpatterns = [path("api/v1/visits/", VisitView.as_view())]
                    """,
                "clinic/views.py": """
                    from rest_framework import generics, serializers


                    class VisitSerializer(serializers.Serializer):  # <- flagged
                        reason = serializers.CharField()
                        patient = serializers.CharField(max_length=80)
                        kinds = serializers.ListField(child=serializers.CharField(max_length=20), max_length=5)
                        number = serializers.CharField(read_only=True)


                    class VisitView(generics.CreateAPIView):
                        serializer_class = VisitSerializer
                    """,
            },
            "a serializer of Django REST framework",
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
        example(
            """
            from datetime import date
            from enum import Enum
            from typing import Annotated, Literal
            from uuid import UUID

            from fastapi import Depends, FastAPI, UploadFile
            from pydantic import BaseModel, ConfigDict, EmailStr, StringConstraints

            Name = Annotated[str, StringConstraints(max_length=80)]


            class Kind(str, Enum):
                LARGE = "large"


            class Order(BaseModel):
                id: UUID
                name: Name
                mail: EmailStr
                kind: Kind
                state: Literal["open", "paid"]
                due: date | None = None


            class Comment(BaseModel):
                model_config = ConfigDict(str_max_length=1000)
                text: str


            class User(BaseModel):
                name: str


            class Answer(BaseModel):
                text: str


            def current_user() -> User:
                return User(name="a")


            app = FastAPI()


            @app.post("/v1/orders")
            def order(order: Order, comment: Comment, user: User = Depends(current_user)) -> Answer:
                return Answer(text=order.name)


            @app.post("/v1/scans")
            async def scan(file: UploadFile):
                if file.size is None or file.size > 10_000_000:
                    return {"stored": False}
                return {"stored": bool(await file.read())}


            @app.post("/v1/films")
            async def film(file: UploadFile):
                while piece := await file.read(65536):
                    print(len(piece))
            """,
            "types with a length of their own, a configuration, a dependency, answers, uploads that are measured",
        ),
        example(
            """
            from ninja import NinjaAPI, Schema
            from pydantic import Field

            api = NinjaAPI()


            class Ticket(Schema):
                text: str = Field(max_length=2000)
                labels: list[str] = Field(max_length=10)
                amount: int


            @api.post("/v1/tickets")
            def add(request, ticket: Ticket):
                return {"text": ticket.text}
            """,
            "Django Ninja with bounds",
        ),
    ),
)
