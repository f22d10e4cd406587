"""A handler that takes the body of a request as it comes.

What it flags: a handler of an API that picks fields out of the raw body (`request.get_json()["total"]`,
`(await request.json())["total"]`, `json.loads(request.body)`, `request.data.get("total")`, `request.form["total"]`) and
uses them without a schema, a conversion or a test; and a body that a typed framework is told to take as `dict` or `Any`
and that is used in the same way. Three such handlers and more in one file are one finding; where most files of an
application do so it is one finding.

Why: a field that is missing, of another type or a thousand times too long becomes a server error, a broken row or an
attack further in, and the client is never told what was wrong.

How to mend: a schema at the door: a pydantic model as the parameter, `Schema().load(...)` of marshmallow, a serializer
with `is_valid()`, `msgspec.json.decode(..., type=...)`.

What it cannot see: validation inside the function that a whole body is handed to (such handlers are left alone), and
constraints of the database. A field counts as validated where it is converted, compared, measured or tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Route
from qualitygate_checks._code import Body, Code, last_name, span_of, spelling
from qualitygate_checks._raw_body import holders as raw_holders
from qualitygate_checks._raw_body import is_raw

_CHANGING = frozenset(("POST", "PUT", "PATCH", "DELETE", "ANY"))
_VALIDATED = re.compile(
    r"valid|schema|pars(?:e|er)|serializ|^load$|is_valid|convert|from_dict|clean|check|coerce|form$|Form$|use_args|use_kwargs|expect|marshal"
    r"|get_args|arguments|cattrs|structure|adapter|verify|sanit|construct_event|unsign|Request$|Body$|Input$|DTO$|Dto$|fields",
    re.IGNORECASE,
)
_CONVERTED = frozenset(
    "int float bool str UUID Decimal date datetime fromisoformat strptime len isinstance loads b64decode set sorted min max "
    "get_object_or_404 Enum split strip lower".split()
)
_FIELDS = frozenset(("get", "pop", "getlist"))
_HARMLESS = frozenset(
    ("jsonify", "dumps", "print", "debug", "info", "warning", "error", "exception", "bool", "len", "type")
)
_PUBLIC = frozenset(("webhook", "health", "oauth"))
_MANY = 3
_EVERYWHERE = 4
_SHOWN = 6


@dataclass(frozen=True)
class _Reading:
    """Where a handler takes a field out of the raw body: the name of the field, and how many are unchecked of how many."""

    route: Route
    body: Body
    span: Span
    field: str
    unchecked: int
    fields: int


def run(project: Project) -> Iterator[Hit]:
    """Hits for handlers that use the raw body, by file, or one for all."""
    code = project.once(Code)
    readings: dict[tuple[str, Span], _Reading] = {}
    for route in project.routes:
        if route.api and route.method in _CHANGING and route.exempt not in _PUBLIC and route.framework != "graphql":
            body = code.handler(route)
            found = _reading(route, body) if body is not None else None
            if found is not None:
                readings.setdefault((found.body.path, found.span), found)
    by_file: dict[str, list[_Reading]] = {}
    for reading in readings.values():
        by_file.setdefault(reading.body.path, []).append(reading)
    if len(by_file) >= _EVERYWHERE:
        yield _together(max(by_file.values(), key=len), list(readings.values()), f"{len(by_file)} files")
        return
    for group in by_file.values():
        if len(group) >= _MANY:
            yield _together(group, group, "this file")
        else:
            for reading in group:
                yield _alone(reading)


def _reading(route: Route, body: Body) -> _Reading | None:
    function = body.function
    if function is None or any(_VALIDATED.search(word) for word in function.calls):
        return None
    # The library's own handler, that the method wraps, validates.
    if any(isinstance(part, ir.Call) and _is_super(part.function) for part in body.expressions()):
        return None
    if any(_VALIDATED.search(spelling(decorator.expression)) for decorator in function.decorators):
        return None
    holders, direct = raw_holders(body, route)
    if not holders and not direct:
        return None
    fields: dict[str, tuple[Span, bool]] = {}
    parents = _parents(body)
    for expression, statement in _placed(body):
        if _is_handed_on(expression, holders, direct):
            return None
        field = _field(expression, holders, direct)
        if field:
            checked = _is_checked(expression, statement, body, parents)
            span = span_of(expression) or getattr(statement, "span", None)
            if span is not None:
                known = fields.get(field)
                fields[field] = (known[0] if known else span, checked or (known[1] if known else False))
    unchecked = {name: span for name, (span, checked) in fields.items() if not checked}
    if not unchecked:
        return None
    name, span = min(unchecked.items(), key=lambda item: item[1])
    return _Reading(route, body, span, name, len(unchecked), len(fields))


def _is_super(function: ir.Expression) -> bool:
    inner = function.value if isinstance(function, ir.Attribute) else None
    return isinstance(inner, ir.Call) and last_name(inner.function) == "super"


def _placed(body: Body) -> Iterator[tuple[ir.Expression, ir.Statement]]:
    for statement in ir.walk(body.statements):
        for name in ("value", "test", "iterable", "exception", "subject"):
            expression = getattr(statement, name, None)
            if expression is not None and not isinstance(statement, (ir.Function, ir.Class)):
                for part in ir.subexpressions(expression):
                    yield part, statement
        if isinstance(statement, ir.With):
            for item, _ in statement.items:
                for part in ir.subexpressions(item):
                    yield part, statement


def _parents(body: Body) -> dict[int, list[ir.Expression]]:
    """The calls and comparisons that an expression stands in, by the identity of the expression."""
    found: dict[int, list[ir.Expression]] = {}
    for part, _ in _placed(body):
        inner: list[ir.Expression] = []
        if isinstance(part, ir.Call):
            inner = [argument.value for argument in part.arguments]
            if isinstance(part.function, ir.Attribute):
                inner.append(part.function.value)
        elif isinstance(part, ir.Operation):
            inner = list(part.operands)
        for child in inner:
            for below in ir.subexpressions(child):
                found.setdefault(id(below), []).append(part)
    return found


def _is_holder(expression: ir.Expression, holders: set[str], direct: bool) -> bool:
    if isinstance(expression, ir.Name):
        return expression.id in holders
    return direct and is_raw(expression)


def _field(expression: ir.Expression, holders: set[str], direct: bool) -> str:
    """The name of the field that an expression takes out of the raw body."""
    if isinstance(expression, ir.Subscript) and isinstance(expression.index, ir.Constant):
        return str(expression.index.value) if _is_holder(expression.value, holders, direct) else ""
    if (
        isinstance(expression, ir.Call)
        and isinstance(expression.function, ir.Attribute)
        and expression.function.name in _FIELDS
        and expression.arguments
        and isinstance(expression.arguments[0].value, ir.Constant)
        and _is_holder(expression.function.value, holders, direct)
        # `form.get("page", type=int)` converts
        and not any(argument.name == "type" for argument in expression.arguments)
    ):
        return str(expression.arguments[0].value.value)
    return ""


def _is_handed_on(expression: ir.Expression, holders: set[str], direct: bool) -> bool:
    """Whether the whole body goes to a function, which may validate it."""
    if not isinstance(expression, ir.Call) or last_name(expression.function) in _HARMLESS:
        return False
    if is_raw(expression):
        return False
    return any(_is_holder(argument.value, holders, direct) for argument in expression.arguments)


def _is_checked(
    expression: ir.Expression, statement: ir.Statement, body: Body, parents: dict[int, list[ir.Expression]]
) -> bool:
    """Whether the field is converted, compared or tested: where it is read, or under the name it gets."""
    if isinstance(statement, (ir.If, ir.While)):
        return True
    if any(_is_test(parent) for parent in parents.get(id(expression), ())):
        return True
    if isinstance(statement, ir.Assign) and isinstance(statement.targets[0], ir.Name):
        name = statement.targets[0].id
        for part, place in _placed(body):
            if not isinstance(part, ir.Name) or part.id != name or place is statement:
                continue
            tested = isinstance(place, (ir.If, ir.While))
            if tested or any(_is_test(parent) for parent in parents.get(id(part), ())):
                return True
    return False


def _is_test(parent: ir.Expression) -> bool:
    if isinstance(parent, ir.Call):
        return last_name(parent.function) in _CONVERTED or bool(_VALIDATED.search(last_name(parent.function)))
    return isinstance(parent, ir.Operation) and parent.operator in (
        "==",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "in",
        "not in",
        "is",
        "is not",
        "not",
    )


def _alone(reading: _Reading) -> Hit:
    name = f"{reading.route.method} {reading.route.path}"
    more = f" and {reading.unchecked - 1} more" if reading.unchecked > 1 else ""
    return Hit(
        place=Place(reading.body.path, reading.span),
        message=f"{name} uses `{reading.field}`{more} of the body as it comes",
        subject=name,
        why="no schema, conversion or test stands between the client and this field",
        mend=_MEND.get(reading.route.framework, _MEND["flask"]),
        places=(Place(reading.route.shown.path, reading.route.shown.span, name, "route"),),
        confidence=_confidence([reading]),
    )


def _together(group: list[_Reading], all_of_them: list[_Reading], where: str) -> Hit:
    first = group[0]
    return Hit(
        place=Place(first.body.path, first.span),
        message=f"{len(all_of_them)} handlers of {where} use fields of the body as they come",
        subject="raw bodies",
        why=f"`{first.field}` of {first.route.method} {first.route.path} is the first: no schema, conversion or test",
        mend=_MEND.get(first.route.framework, _MEND["flask"]),
        places=tuple(
            Place(item.body.path, item.span, f"{item.route.method} {item.route.path}: `{item.field}`", "route")
            for item in all_of_them[:_SHOWN]
            if item is not first
        ),
        confidence=_confidence(all_of_them),
    )


def _confidence(readings: list[_Reading]) -> Confidence:
    if any(reading.unchecked == reading.fields and reading.fields > 1 for reading in readings):
        return Confidence.HIGH
    return Confidence.MEDIUM


_MEND = {
    "fastapi": "declare a pydantic model as the parameter: the framework then answers 422 for you",
    "flask": "load the body by a schema first (marshmallow, pydantic, msgspec), and answer 422 with what it says",
    "drf": "read it through a serializer: `serializer.is_valid(raise_exception=True)`",
    "django": "read it through a form or a schema, and answer 422 with what it says",
}


CHECK = Check(
    id="unvalidated-input",
    domain=Domain.API,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Validate and sanitise all input",
    dont="Trust user input",
    tags=("CWE-20", "OWASP-API3:2023", "OWASP-API10:2023"),
    gates=("input_validation",),
    run=run,
    examined=lambda project: sum(1 for route in project.routes if route.api and route.method in _CHANGING),
    doc=__doc__,
    bad=(
        example(
            """
            from flask import Flask, jsonify, request

            from app.models import Order, db

            app = Flask(__name__)


            @app.post("/api/v1/orders")
            def create_order():
                body = request.get_json()
                order = Order(product=body["product"], quantity=body["quantity"], note=body.get("note"))  # <- flagged
                db.session.add(order)
                db.session.commit()
                return jsonify(id=order.id), 201
            """,
            "fields go from the body into the row",
        ),
        example(
            """
            from fastapi import FastAPI, Request

            from app.store import save

            app = FastAPI()


            @app.post("/v1/shipments")
            async def create_shipment(request: Request):
                data = await request.json()
                save(data["address"], data["weight"])  # <- flagged
                return {"stored": True}


            @app.put("/v1/shipments/{number}")
            def change_shipment(number: int, payload: dict):
                save(payload["address"], payload.get("weight"))  # <- flagged
                return {"number": number}
            """,
            "a raw request, and a body declared as a dictionary",
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
                    from rest_framework.response import Response
                    from rest_framework.views import APIView

                    from clinic.models import Visit


                    class VisitView(APIView):
                        def post(self, request):
                            visit = Visit.objects.create(
                                patient=request.data["patient"],  # <- flagged
                                reason=request.data["reason"],
                            )
                            return Response({"id": visit.pk}, status=201)
                    """,
            },
            "a view without a serializer",
        ),
        example(
            """
            import json

            from flask import Blueprint, Flask, jsonify, request

            from app.store import add, change, remove

            app = Flask(__name__)
            items = Blueprint("items", __name__, url_prefix="/api/v1/items")


            @items.post("/")
            def add_item():
                data = json.loads(request.get_data())
                return jsonify(id=add(data["name"], data["price"]))  # <- flagged


            @items.put("/<int:number>")
            def change_item(number):
                return jsonify(id=change(number, request.json["name"], request.json["price"]))


            @items.delete("/")
            def remove_items():
                return jsonify(gone=remove(request.json["name"]))


            app.register_blueprint(items)
            """,
            "three handlers of one file are one finding",
        ),
    ),
    good=(
        example(
            """
            from flask import Flask, jsonify, request
            from marshmallow import Schema, fields

            from app.models import Order, db

            app = Flask(__name__)


            class OrderSchema(Schema):
                product = fields.String(required=True)
                quantity = fields.Integer(required=True)


            @app.post("/api/v1/orders")
            def create_order():
                data = OrderSchema().load(request.get_json())
                order = Order(product=data["product"], quantity=data["quantity"])
                db.session.add(order)
                return jsonify(id=order.id), 201
            """,
            "a schema at the door",
        ),
        example(
            """
            from fastapi import FastAPI, Request
            from pydantic import BaseModel

            from app.store import save

            app = FastAPI()


            class Shipment(BaseModel):
                address: str
                weight: float


            @app.post("/v1/shipments")
            def create_shipment(shipment: Shipment):
                save(shipment.address, shipment.weight)
                return {"stored": True}


            @app.put("/v1/shipments/{number}")
            async def change_shipment(number: int, request: Request):
                data = await request.json()
                shipment = Shipment.model_validate(data)
                save(shipment.address, shipment.weight)
                return {"number": number}
            """,
            "a model as the parameter, or by hand",
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
                    from rest_framework import serializers
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitSerializer(serializers.Serializer):
                        patient = serializers.IntegerField()


                    class VisitView(APIView):
                        def post(self, request):
                            serializer = VisitSerializer(data=request.data)
                            serializer.is_valid(raise_exception=True)
                            return Response(serializer.data, status=201)
                    """,
            },
            "a serializer",
        ),
        example(
            """
            from flask import Flask, abort, jsonify, request

            from app.store import add, store

            app = Flask(__name__)


            @app.post("/api/v1/items")
            def add_item():
                body = request.get_json()
                name = body.get("name")
                if not isinstance(name, str) or len(name) > 200:
                    abort(422)
                return jsonify(id=add(name, int(body["price"])))


            @app.post("/api/v1/imports")
            def import_items():
                return jsonify(store(request.get_json()))
            """,
            "a test and a conversion; a whole body handed on",
        ),
    ),
)
