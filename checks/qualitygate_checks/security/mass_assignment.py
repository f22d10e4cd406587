"""A record whose fields are set by whatever names a client sends.

What it flags: a model made or changed from the raw body of a request as a whole (`User(**request.json)`,
`User.objects.create(**request.data)`, `.update(**body)`); a loop that sets an attribute for each key of the body without
asking which keys those may be (`setattr(user, key, value)`; `hasattr` is no such question, since it is true of every
field); and a `ModelSerializer` or `ModelForm` with `fields = "__all__"` whose model has a field that grants something
(`is_staff`, `is_superuser`, `permissions`, `balance`, the `role` of a user), where neither `read_only_fields` nor a field of its own
holds that back and something writes through it.

Why: the client chooses which columns are written. The field that nobody thought of, added to the table next year, is
writable on the day that it appears: its own role, another one's account, a price.

How to mend: name the fields: a schema with the ones that clients may set, `fields = [...]` in a serializer,
`{key: body[key] for key in ALLOWED if key in body}` in a loop.

What it cannot see: bodies that are handed to another function which sets the attributes, and tables that take over
unknown fields by themselves. A view that admits administrators alone may let them set everything; it is told as well, since
the fields that come later are not thought of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Route
from qualitygate.model.schema import Model
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks._raw_body import holders, is_raw

_CHANGING = frozenset(("POST", "PUT", "PATCH", "ANY"))
_WRITES = frozenset(("create", "update", "update_or_create", "get_or_create", "bulk_create", "insert", "values"))
# Fields by which a client gives itself rights or money; a role does so where it is that of the user.
_GRANTING = re.compile(
    r"^(?:is_|has_)?(?:staff|superuser|super_user|admin|administrator|root|approved)$"
    r"|^(?:permissions?|user_permissions|privileges|access_level|balance|credits?|credit_limit)$"
)
_ROLE = re.compile(r"^(?:user_)?roles?$")
_PERSON = re.compile(r"User|Account|Customer|Employee|Patient|Client")


def run(project: Project) -> Iterator[Hit]:
    """One hit a statement, and one a serializer or form."""
    code = project.once(Code)
    models = {model.name for model in project.models if model.name}
    told: set[tuple[str, int]] = set()
    for route in project.routes:
        body = code.handler(route) if route.method in _CHANGING and route.framework != "graphql" else None
        for hit in _in_handler(route, body, models) if body is not None else ():
            at = (hit.place.path, hit.place.span.line)
            if at not in told:
                told.add(at)
                yield hit
    yield from _declared(project, code)


def _in_handler(route: Route, body: Body, models: set[str]) -> Iterator[Hit]:
    names, direct = holders(body, route)
    if not names and not direct:
        return
    for call in body.calls:
        whole = any(argument.stars == 2 and _holds(argument.value, names) for argument in call.arguments)
        if whole and (what := _record(call, models)):
            yield Hit(
                place=Place(body.path, call.name_span),
                message=f"{what} takes every field that {route.method} {route.path} is sent",
                subject=f"{what} in {body.qualname}",
                why="the body is spread into it as it came: a client that adds a field sets that column",
                mend="read the body into a schema that has the fields clients may set, and hand over those",
                confidence=Confidence.HIGH,
            )
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.For) and (key := _key(statement, names)):
            for call in _setting(statement, key):
                target = last_name(call.arguments[0].value)
                yield Hit(
                    place=Place(body.path, call.name_span),
                    message=f"{route.method} {route.path} sets any attribute of `{target}` that its body names",
                    subject=f"setattr on {target} in {body.qualname}",
                    why=f"`{key}` runs over the keys of the body, and nothing asks whether clients may set them",
                    mend=f"go through the names that clients may set: `for {key} in ALLOWED: if {key} in body: ...`",
                    confidence=Confidence.HIGH,
                )


def _holds(expression: ir.Expression, names: set[str]) -> bool:
    """Whether an expression is the raw body: by name, at its source, or as a plain dict of it."""
    if isinstance(expression, ir.Call) and last_name(expression.function) in ("dict", "to_dict", "copy"):
        inner = expression.arguments[0].value if expression.arguments else None
        held = expression.function.value if isinstance(expression.function, ir.Attribute) else inner
        return held is not None and _holds(held, names)
    return expression.id in names if isinstance(expression, ir.Name) else is_raw(expression)


def _record(call: ir.Call, models: set[str]) -> str:
    """The model that a call makes or changes, as the code spells it; empty for a call of something else."""
    function = call.function
    if isinstance(function, ir.Name):
        return f"{function.id}()" if function.id in models else ""
    if not isinstance(function, ir.Attribute):
        return ""
    if function.name in models:
        return f"{function.name}()"
    if function.name in _WRITES:
        inner: ir.Expression = function.value
        while isinstance(inner, (ir.Attribute, ir.Call)):
            if isinstance(inner, ir.Attribute) and inner.name in models:
                return f"{inner.name}.{function.name}()"
            if isinstance(inner, ir.Call) and any(last_name(one.value) in models for one in inner.arguments):
                return f"{last_name(inner.arguments[0].value)}.{function.name}()"
            inner = inner.value if isinstance(inner, ir.Attribute) else inner.function
        return f"{inner.id}.{function.name}()" if isinstance(inner, ir.Name) and inner.id in models else ""
    return ""


def _key(loop: ir.For, names: set[str]) -> str:
    """The name that runs over the keys of the raw body; empty for another loop."""
    iterable, target = loop.iterable, loop.target
    if isinstance(iterable, ir.Call) and isinstance(iterable.function, ir.Attribute):
        if iterable.function.name not in ("items", "keys") or not _holds(iterable.function.value, names):
            return ""
        if iterable.function.name == "items":
            target = target.items[0] if isinstance(target, ir.Sequence) and target.items else target
    elif not _holds(iterable, names):
        return ""
    return target.id if isinstance(target, ir.Name) else ""


def _setting(loop: ir.For, key: str) -> Iterator[ir.Call]:
    """Calls of `setattr` with the key of the loop, where nothing in it asks for the key."""
    for statement in ir.walk(loop.body):
        if isinstance(statement, ir.If) and _asks(statement.test, key):
            return
    for expression in ir.expressions(loop.body):
        for part in ir.subexpressions(expression):
            if (
                isinstance(part, ir.Call)
                and last_name(part.function) == "setattr"
                and len(part.arguments) == 3
                and last_name(part.arguments[1].value) == key
            ):
                yield part


def _asks(test: ir.Expression, key: str) -> bool:
    """Whether a condition looks at the key, but by `hasattr`."""
    for part in ir.subexpressions(test):
        if isinstance(part, ir.Call) and last_name(part.function) == "hasattr":
            continue
        if isinstance(part, ir.Operation) and any(
            isinstance(operand, ir.Name) and operand.id == key for operand in part.operands
        ):
            return True
        if isinstance(part, ir.Call) and any(
            isinstance(argument.value, ir.Name) and argument.value.id == key for argument in part.arguments
        ):
            return True
        if (
            isinstance(part, ir.Call)
            and isinstance(part.function, ir.Attribute)
            and last_name(part.function.value) == key
        ):
            return True
    return False


@dataclass(frozen=True)
class _Form:
    """A serializer or form over all fields of a model: which are held back, and where `fields` stands."""

    path: str
    cls: ir.Class
    place: Place
    model: str
    held: frozenset[str]


def _declared(project: Project, code: Code) -> Iterator[Hit]:
    forms = [form for form in _forms(project) if form is not None]
    if not forms:
        return
    by_name: dict[str, list[Model]] = {}
    for model in project.models:
        by_name.setdefault(model.name, []).append(model)
    used = _written(project, code, {form.cls.name for form in forms})
    for form in forms:
        models = by_name.get(form.model, [])
        if len(models) != 1 or form.cls.name not in used:
            continue
        granting = [
            each for each in models[0].attributes if _GRANTING.search(each.name.lower()) and each.name not in form.held
        ]
        if granting:
            names = ", ".join(f"`{each.name}`" for each in granting)
            yield Hit(
                place=form.place,
                message=f"{form.cls.name} lets clients set {names} of {form.model}",
                subject=f"all fields of {form.model} in {form.cls.name}",
                why='`fields = "__all__"` takes every field of the model, those too that come later',
                mend="list the fields that clients may set, or put these into `read_only_fields`",
                places=(
                    Place(models[0].place.path, models[0].place.span, form.model, "definition"),
                    used[form.cls.name],
                ),
                confidence=Confidence.MEDIUM,
            )


def _forms(project: Project) -> Iterator[_Form]:
    for file in project.files:
        if file.module is None or file.role is not Role.APPLICATION or file.module.generated:
            continue
        for cls in ir.walk(file.module.body):
            if isinstance(cls, ir.Class) and (form := _form(file.path, cls)) is not None:
                yield form


def _form(path: str, cls: ir.Class) -> _Form | None:
    if not any("Serializer" in last_name(base.value) or "Form" in last_name(base.value) for base in cls.bases):
        return None
    meta = next((one for one in cls.body if isinstance(one, ir.Class) and one.name == "Meta"), None)
    if meta is None:
        return None
    values = {
        target.id: statement.value
        for statement in meta.body
        if isinstance(statement, ir.Assign) and statement.value is not None
        for target in statement.targets
        if isinstance(target, ir.Name)
    }
    fields = values.get("fields")
    every = (isinstance(fields, ir.Constant) and fields.value == "__all__") or (
        fields is not None and last_name(fields) == "ALL_FIELDS"
    )
    if not every or "model" not in values:
        return None
    place = next(
        Place(path, statement.span)
        for statement in meta.body
        if isinstance(statement, ir.Assign) and any(last_name(target) == "fields" for target in statement.targets)
    )
    held: set[str] = set()
    for name in ("read_only_fields", "exclude"):
        listed = values.get(name)
        if isinstance(listed, ir.Sequence):
            held |= {str(one.value) for one in listed.items if isinstance(one, ir.Constant)}
        elif listed is not None:
            return None  # made elsewhere: what it holds back is not known
    for statement in cls.body:
        # A field of its own says what becomes of it.
        if isinstance(statement, ir.Assign):
            held |= {target.id for target in statement.targets if isinstance(target, ir.Name)}
    return _Form(path, cls, place, last_name(values["model"]), frozenset(held))


def _written(project: Project, code: Code, names: set[str]) -> dict[str, Place]:
    """Where something writes through each of these classes: `Serializer(data=...)`, or the class of a view that changes."""
    found: dict[str, Place] = {}
    for name in sorted(names):
        for body in code.everywhere(name):
            for call in body.calls:
                given = {argument.name for argument in call.arguments}
                if last_name(call.function) == name and ("data" in given or (call.arguments and name.endswith("Form"))):
                    found.setdefault(
                        name, Place(body.path, call.name_span, f"{name} is given what a client sends", "call")
                    )
    changing = {
        (route.place.path, route.handler.rpartition(".")[2]) for route in project.routes if route.method in _CHANGING
    }
    changing |= {(path, handler) for path, handler in _classes(project)}
    for file in project.files:
        if file.module is None or file.role is not Role.APPLICATION:
            continue
        for cls in ir.walk(file.module.body):
            if not isinstance(cls, ir.Class) or (file.path, cls.name) not in changing:
                continue
            for statement in cls.body:
                if isinstance(statement, ir.Assign) and any(
                    last_name(target) in ("serializer_class", "form_class") for target in statement.targets
                ):
                    name = last_name(statement.value) if statement.value is not None else ""
                    if name in names:
                        found.setdefault(
                            name,
                            Place(
                                file.path, statement.span, f"{cls.name} takes what a client sends by it", "definition"
                            ),
                        )
    return found


def _classes(project: Project) -> Iterator[tuple[str, str]]:
    """The classes that serve a route which changes something: `module.View` and `module.View.post`."""
    for route in project.routes:
        if route.method in _CHANGING:
            for word in route.handler.split("."):
                if word[:1].isupper():
                    yield route.place.path, word


CHECK = Check(
    id="mass-assignment",
    domain=Domain.SECURITY,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Name the fields that clients may set",
    dont="Write whatever fields a request names",
    tags=("OWASP-API3:2023", "CWE-915"),
    gates=("authorization", "input_validation"),
    run=run,
    examined=lambda project: sum(route.method in _CHANGING for route in project.routes),
    doc=__doc__,
    bad=(
        example(
            {
                "app/models.py": """
                    from app.database import db


                    class User(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        name = db.Column(db.String(80))
                        is_admin = db.Column(db.Boolean, default=False)
                    """,
                "app/database.py": """
                    from flask_sqlalchemy import SQLAlchemy

                    db = SQLAlchemy()
                    """,
                "app/views.py": """
                    from flask import Blueprint, request

                    from app.database import db
                    from app.models import User

                    users = Blueprint("users", __name__, url_prefix="/api/v1/users")


                    @users.post("/")
                    def create_user():
                        user = User(**request.get_json())  # <- flagged
                        db.session.add(user)
                        db.session.commit()
                        return {"id": user.id}, 201
                    """,
                "app/__init__.py": """
                    from flask import Flask

                    from app.views import users

                    app = Flask(__name__)
                    app.register_blueprint(users)
                    """,
            },
            "Flask: the body spread into a model",
        ),
        example(
            {
                "app/main.py": """
                    from typing import Any

                    from fastapi import Depends, FastAPI
                    from sqlalchemy.orm import Session

                    from app.database import get_session
                    from app.models import Account

                    app = FastAPI()


                    @app.patch("/v1/accounts/{account_id}")
                    def change(account_id: int, body: dict[str, Any], session: Session = Depends(get_session)):
                        account = session.get(Account, account_id)
                        for key, value in body.items():
                            if hasattr(account, key):
                                setattr(account, key, value)  # <- flagged
                        session.commit()
                        return {"id": account.id}
                    """
            },
            "FastAPI: each key becomes an attribute",
        ),
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Customer(models.Model):
                        email = models.EmailField()
                        balance = models.DecimalField(max_digits=12, decimal_places=2)
                        role = models.CharField(max_length=20)
                    """,
                "shop/serializers.py": """
                    from rest_framework import serializers

                    from shop.models import Customer


                    class CustomerSerializer(serializers.ModelSerializer):
                        class Meta:
                            model = Customer
                            fields = "__all__"  # <- flagged
                    """,
                "shop/views.py": """
                    from rest_framework import viewsets

                    from shop.models import Customer
                    from shop.serializers import CustomerSerializer


                    class CustomerViewSet(viewsets.ModelViewSet):
                        queryset = Customer.objects.all()
                        serializer_class = CustomerSerializer
                    """,
                "shop/urls.py": """
                    from rest_framework import routers

                    from shop.views import CustomerViewSet

                    router = routers.DefaultRouter()
                    router.register("customers", CustomerViewSet)
                    urlpatterns = router.urls
                    """,
                "config/settings.py": 'ROOT_URLCONF = "shop.urls"\nINSTALLED_APPS = ["rest_framework", "shop"]\n',
            },
            "Django REST framework: all fields, a balance among them",
        ),
        example(
            {
                "clinic/models.py": """
                    from django.db import models


                    class Doctor(models.Model):
                        name = models.CharField(max_length=80)
                        approved = models.BooleanField(default=False)
                    """,
                "clinic/views.py": """
                    import json

                    from django.http import JsonResponse

                    from clinic.models import Doctor


                    def doctors(request):
                        fields = json.loads(request.body)
                        doctor = Doctor.objects.create(**fields)  # <- flagged
                        return JsonResponse({"id": doctor.pk}, status=201)
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import doctors

                    urlpatterns = [path("api/v1/doctors", doctors)]
                    """,
                "config/settings.py": 'ROOT_URLCONF = "clinic.urls"\nINSTALLED_APPS = ["clinic"]\n',
            },
            "Django: a row of the body",
        ),
    ),
    good=(
        example(
            {
                "app/main.py": """
                    from fastapi import Depends, FastAPI
                    from pydantic import BaseModel, Field
                    from sqlalchemy.orm import Session

                    from app.database import get_session
                    from app.models import Account

                    app = FastAPI()


                    class AccountChange(BaseModel):
                        name: str = Field(max_length=80)


                    @app.patch("/v1/accounts/{account_id}")
                    def change(account_id: int, body: AccountChange, session: Session = Depends(get_session)):
                        account = session.get(Account, account_id)
                        for key, value in body.model_dump(exclude_unset=True).items():
                            setattr(account, key, value)
                        session.commit()
                        return {"id": account.id}
                    """
            },
            "the fields of a schema",
        ),
        example(
            {
                "app/views.py": """
                    from flask import Flask, request

                    from app.models import User

                    app = Flask(__name__)
                    ALLOWED = {"name", "language"}


                    @app.patch("/api/v1/users/<int:number>")
                    def change(number):
                        user = User.query.get_or_404(number)
                        for key, value in request.get_json().items():
                            if key in ALLOWED:
                                setattr(user, key, value)
                        return {"id": user.id}
                    """
            },
            "a loop that asks which keys may be set",
        ),
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Customer(models.Model):
                        email = models.EmailField()
                        balance = models.DecimalField(max_digits=12, decimal_places=2)
                    """,
                "shop/serializers.py": """
                    from rest_framework import serializers

                    from shop.models import Customer


                    class CustomerSerializer(serializers.ModelSerializer):
                        class Meta:
                            model = Customer
                            fields = "__all__"
                            read_only_fields = ["balance"]
                    """,
                "shop/views.py": """
                    from rest_framework import viewsets

                    from shop.models import Customer
                    from shop.serializers import CustomerSerializer


                    class CustomerViewSet(viewsets.ModelViewSet):
                        queryset = Customer.objects.all()
                        serializer_class = CustomerSerializer
                    """,
                "shop/urls.py": """
                    from rest_framework import routers

                    from shop.views import CustomerViewSet

                    router = routers.DefaultRouter()
                    router.register("customers", CustomerViewSet)
                    urlpatterns = router.urls
                    """,
                "config/settings.py": 'ROOT_URLCONF = "shop.urls"\nINSTALLED_APPS = ["rest_framework", "shop"]\n',
            },
            "what grants something is read-only",
        ),
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Role(models.Model):
                        name = models.CharField(max_length=80)
                        permissions = models.JSONField(default=list)
                    """,
                "shop/serializers.py": """
                    from rest_framework import serializers

                    from shop.models import Role


                    class RoleSerializer(serializers.ModelSerializer):
                        class Meta:
                            model = Role
                            fields = "__all__"
                    """,
                "shop/views.py": """
                    from rest_framework import viewsets

                    from shop.models import Role
                    from shop.serializers import RoleSerializer


                    class RoleViewSet(viewsets.ReadOnlyModelViewSet):
                        queryset = Role.objects.all()
                        serializer_class = RoleSerializer
                    """,
                "shop/urls.py": """
                    from rest_framework import routers

                    from shop.views import RoleViewSet

                    router = routers.DefaultRouter()
                    router.register("roles", RoleViewSet)
                    urlpatterns = router.urls
                    """,
                "config/settings.py": 'ROOT_URLCONF = "shop.urls"\nINSTALLED_APPS = ["rest_framework", "shop"]\n',
            },
            "a view that only reads",
        ),
    ),
)
