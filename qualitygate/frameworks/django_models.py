"""In: a followed program. Out: the tables that its Django models declare, with the operations that would make them.

Abstract bases give their fields, concrete ones a table of their own that the child points at; keys get indexes, and
many-to-many fields tables. What Django does with a model is what it does with one that a migration creates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qualitygate.frameworks.declared import bound_of, call_of, declared_at, name_of
from qualitygate.frameworks.django_migrations import (
    Field,
    Keyed,
    State,
    read_constraint,
    read_index,
    read_together,
)
from qualitygate.frameworks.django_migrations import Model as Described
from qualitygate.frameworks.literals import Bound, Given, Names, items
from qualitygate.model import syntax as ir
from qualitygate.model.schema import Attribute, Model
from qualitygate.model.source import Place
from qualitygate.model.values import Choice, ClassValue, Evaluation, External, Instance, Items, Known, Value

_MODEL = frozenset({"django.db.models.Model", "django.db.models.base.Model", "django.contrib.gis.db.models.Model"})
_FIELD = ("Field", "ForeignKey", "ParentalKey")
# Not stored, although the name says field or key.
_NO_COLUMN = frozenset({"GenericForeignKey", "GenericRelation", "TaggableManager", "CompositePrimaryKey"})
# The abstract classes of django.contrib.auth, with the fields that they give.
_USER: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("password", "CharField", {"max_length": 128}),
    ("last_login", "DateTimeField", {"null": True}),
)
_RIGHTS: tuple[tuple[str, str, dict[str, object]], ...] = (("is_superuser", "BooleanField", {}),)
_PERSON: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("username", "CharField", {"max_length": 150, "unique": True}),
    ("first_name", "CharField", {"max_length": 150}),
    ("last_name", "CharField", {"max_length": 150}),
    ("email", "EmailField", {}),
    ("is_staff", "BooleanField", {}),
    ("is_active", "BooleanField", {}),
    ("date_joined", "DateTimeField", {}),
)
_AUTH = {
    "AbstractBaseUser": _USER,
    "PermissionsMixin": _RIGHTS,
    "AbstractUser": (*_USER, *_RIGHTS, *_PERSON),
}
_PLAIN_PACKAGES = frozenset({"builtins", "typing", "abc", "enum"})


def read_models(
    evaluation: Evaluation, label_of: Callable[[str], str], user_model: str, automatic: str
) -> tuple[Model, ...]:
    """Every table that Django's models declare, in the order of their places.

    ``label_of`` gives the label of the application that a file belongs to; ``user_model`` and ``automatic`` are the
    settings AUTH_USER_MODEL and the last word of DEFAULT_AUTO_FIELD.
    """
    reader = _Reader(evaluation, label_of, State(user_model, automatic))
    return tuple(sorted(reader.models(), key=lambda model: (model.place.path, model.place.span, model.table)))


class _Reader:
    """Reads the models of one program."""

    def __init__(self, evaluation: Evaluation, label_of: Callable[[str], str], state: State) -> None:
        self._evaluation = evaluation
        self._label_of = label_of
        self._state = state
        self._members: dict[int, list[ClassValue]] = {}
        for _, cls in sorted(evaluation.classes.items()):
            ancestry = evaluation.ancestry(cls)
            if any(isinstance(base, External) and _is_model(base.name) for base in ancestry):
                members = [base for base in ancestry if isinstance(base, ClassValue)]
                self._members[id(cls)] = [member for member in members if member is cls or self._derives(member)]

    def _derives(self, cls: ClassValue) -> bool:
        return any(isinstance(base, External) and _is_model(base.name) for base in self._evaluation.ancestry(cls))

    def models(self) -> list[Model]:
        """The models, those first described whole so that keys know the type of what they point at."""
        concrete = [
            members
            for members in self._members.values()
            if not self._is_abstract(members[0]) and self._meta(members, "proxy") is not True
        ]
        described = [(members, self._described(members)) for members in concrete]
        for _, model in described:
            self._state.models[model.app, model.name.lower()] = model
        found = [self._made(members, model) for members, model in described]
        for members in self._members.values():
            if self._meta(members, "proxy") is True and not self._is_abstract(members[0]):
                parent = next((one for one in found if any(one.label == self._label(m) for m in members[1:])), None)
                if parent is not None:
                    cls = members[0]
                    found.append(
                        Model(
                            self._label(cls), cls.node.name, "django", parent.table, Place(cls.path, cls.node.span),
                            parent.group, parent.attributes, managed=False, whole=parent.whole,
                        )
                    )  # fmt: skip
        return found

    # -- what a class says ----------------------------------------------------------------------------------------

    def _label(self, cls: ClassValue) -> str:
        return f"{self._app(cls)}.{cls.node.name.lower()}"

    def _app(self, cls: ClassValue) -> str:
        named = self._meta(self._members.get(id(cls), [cls]), "app_label")
        return named if isinstance(named, str) and named else self._label_of(cls.path)

    def _is_abstract(self, cls: ClassValue) -> bool:
        meta = cls.names.get("Meta")
        value = meta.names.get("abstract") if isinstance(meta, ClassValue) else None
        return isinstance(value, Known) and value.value is True

    def _meta(self, members: list[ClassValue], name: str) -> str | int | float | bool | None:
        value = self._option(members, name)
        return value.value if isinstance(value, Known) else None

    def _option(self, members: list[ClassValue], name: str) -> Value | None:
        """An option of the class's own `Meta`, or of the one that it has from an abstract base."""
        for member in members:
            if member is not members[0] and not self._is_abstract(member):
                continue
            meta = member.names.get("Meta")
            if isinstance(meta, ClassValue):
                for base in self._evaluation.ancestry(meta):
                    if isinstance(base, ClassValue) and name in base.names:
                        # the proxy and managed options are not handed down
                        own = member is members[0] or name not in ("proxy", "managed", "db_table")
                        return base.names[name] if own else None
                return None
        return None

    def _described(self, members: list[ClassValue]) -> Described:
        cls = members[0]
        app = self._app(cls)
        fields: dict[str, Field] = {}
        parents = self._parents(members)
        inherited = {id(one) for parent in parents for one in self._members[id(parent)]}
        seen: set[str] = set()
        for member in members:
            if id(member) in inherited:
                continue
            for name, value in member.names.items():
                if name in seen:
                    continue
                seen.add(name)
                each = self._field(name, value, member, cls, app)
                if each is not None:
                    fields[name] = each
        for name, each in self._from_libraries(members, app).items():
            if name not in seen:
                fields[name] = each
        if not any(each.primary_key for each in fields.values()):
            if parents:
                fields = {**self._pointers(parents, cls, app), **fields}
            else:
                fields = {"id": self._state.numbered(cls.node.span), **fields}
        if self._meta(members, "order_with_respect_to"):
            call = ir.Call(ir.Name("OrderWrt"), (), cls.node.span, cls.node.span)
            fields["_order"] = Field("_order", "OrderWrt", Given.of(call, Names()))
        table = self._meta(members, "db_table")
        keyed = {f"{number}": each for number, each in enumerate(self._keyed(members, app))}
        return Described(
            app,
            cls.node.name,
            table if isinstance(table, str) else "",
            fields,
            self._meta(members, "managed") is not False,
            read_together(self._bound(members, "unique_together")),
            read_together(self._bound(members, "index_together")),
            keyed,
        )

    def _bound(self, members: list[ClassValue], name: str) -> Bound | None:
        value = self._option(members, name)
        return bound_of(value, self._special) if value is not None else None

    def _keyed(self, members: list[ClassValue], app: str) -> list[Keyed]:
        found: list[Keyed] = []
        for option, read in (("indexes", read_index), ("constraints", read_constraint)):
            value = self._option(members, option)
            places = value.items if isinstance(value, Items) else []
            for bound, made in zip(items(self._bound(members, option)) or (), places, strict=False):
                each = read(bound)
                if each is not None:
                    names = {"app_label": app, "class": members[0].node.name.lower()}
                    name = each.name
                    for key, text in names.items():
                        name = name.replace(f"%({key})s", text)
                    place = made.place if isinstance(made, Instance) else None
                    path = place.path if place is not None and place.path != members[0].path else ""
                    found.append(replace(each, name=name, path=path))
        return found

    def _parents(self, members: list[ClassValue]) -> list[ClassValue]:
        """The concrete models that a class is built on directly."""
        found: list[ClassValue] = []
        covered: set[int] = set()
        for member in members[1:]:
            if id(member) in covered or self._is_abstract(member) or id(member) not in self._members:
                continue
            if self._meta(self._members[id(member)], "proxy") is True:
                continue
            found.append(member)
            covered.update(id(one) for one in self._members[id(member)])
        return found

    def _pointers(self, parents: list[ClassValue], cls: ClassValue, app: str) -> dict[str, Field]:
        """The keys by which a model points at its parents' rows; the first is its own."""
        found: dict[str, Field] = {}
        for number, parent in enumerate(parents):
            name = f"{parent.node.name.lower()}_ptr"
            arguments = [ir.Argument(ir.Constant(self._label(parent)))]
            if not number:
                arguments.append(ir.Argument(ir.Constant(True), "primary_key"))
            call = ir.Call(ir.Name("OneToOneField"), tuple(arguments), cls.node.span, cls.node.span)
            each = self._state.field(name, _bound_call(call), app, cls.node.name)
            if each is not None:
                found[name] = each
        return found

    def _from_libraries(self, members: list[ClassValue], app: str) -> dict[str, Field]:
        found: dict[str, Field] = {}
        span = members[0].node.span
        for base in self._evaluation.ancestry(members[0]):
            if isinstance(base, External):
                for name, kind, given in _AUTH.get(base.name.rpartition(".")[2], ()):
                    arguments = tuple(
                        ir.Argument(ir.Constant(value), key)
                        for key, value in given.items()
                        if isinstance(value, (int, bool, str))
                    )
                    call = ir.Call(ir.Name(kind), arguments, span, span)
                    each = self._state.field(name, _bound_call(call), app, members[0].node.name)
                    if each is not None:
                        found.setdefault(name, each)
        return found

    def _is_whole(self, members: list[ClassValue]) -> bool:
        return all(
            (_is_model(base.name) and base.name in _MODEL)
            or base.name.rpartition(".")[2] in _AUTH
            or base.name.partition(".")[0] in _PLAIN_PACKAGES
            or not base.name.rpartition(".")[2].endswith("Model")
            for base in self._evaluation.ancestry(members[0])
            if isinstance(base, External)
        )

    # -- fields ---------------------------------------------------------------------------------------------------

    def _field(self, name: str, value: Value, member: ClassValue, cls: ClassValue, app: str) -> Field | None:
        if isinstance(value, Choice):
            value = value.values[0]
        if not isinstance(value, Instance):
            return None
        kind = self._kind(value)
        if not kind:
            return None
        call = call_of(value, self._special)
        span = declared_at(member, name, value)
        made = ir.Call(ir.Name(kind), call.arguments, span, span)
        each = self._state.field(name, _bound_call(made), app, cls.node.name)
        return replace(each, path=member.path if member.path != cls.path else "") if each is not None else None

    def _kind(self, value: Instance) -> str:
        """The field of Django that an object is, by its class or the nearest base that says so; empty for no field."""
        names = []
        for base in self._evaluation.ancestry(value):
            name = base.name if isinstance(base, External) else base.qualname
            if name.endswith("()") or ".forms." in name or "serializers." in name or ".filters." in name:
                return ""
            names.append((isinstance(base, External), name.rpartition(".")[2]))
        if any(name in _NO_COLUMN for _, name in names):
            return ""
        stored = [name for foreign, name in names if foreign and name.endswith(_FIELD)]
        if not stored or stored[0] != "Field":
            return stored[0] if stored else ""
        # `class Color(models.Field)` has a column where it says of which type
        own = (base for base in self._evaluation.ancestry(value) if isinstance(base, ClassValue))
        typed = any(name in base.names for base in own for name in ("db_type", "get_internal_type"))
        return names[0][1] if typed else ""

    def _special(self, value: Value) -> ir.Expression | None:
        """A model is written as its label, and the user model as its setting."""
        if isinstance(value, ClassValue) and id(value) in self._members:
            return ir.Constant(self._label(value))
        if name_of(value) == "get_user_model":
            return ir.Name("AUTH_USER_MODEL")
        if isinstance(value, External) and value.name.startswith("django.contrib.") and ".models." in value.name:
            return ir.Constant(f"{value.name.split('.')[2]}.{value.name.rpartition('.')[2]}")
        return None

    def _made(self, members: list[ClassValue], model: Described) -> Model:
        cls = members[0]
        key = model.key
        attributes = [
            Attribute(each.name, each.column, ".".join(each.to) if each.to is not None else "")
            for each in model.fields.values()
        ]
        for parent in self._parents(members):
            above = self._state.models.get((self._app(parent), parent.node.name.lower()))
            attributes += [
                # a column of the parent's table, reached by the pointer
                Attribute(each.name, "", self._label(parent))
                for each in (above.fields.values() if above is not None else ())
                if each.name not in model.fields
            ]
        if key is not None:
            attributes.append(Attribute("pk", key.column))
        swapped = self._option(members, "swappable") is not None
        return Model(
            label=self._label(cls),
            name=cls.node.name,
            framework="django",
            table=model.table,
            place=Place(cls.path, cls.node.span),
            group="django",
            attributes=tuple(attributes),
            operations=tuple(self._state.made_table(model, cls.node.span)) if model.kept else (),
            managed=model.kept and not swapped,
            whole=self._is_whole(members),
        )


def _bound_call(call: ir.Call) -> Bound:
    return Bound(call, Names())


def _is_model(name: str) -> bool:
    if name in _MODEL:
        return True
    last = name.rpartition(".")[2]
    package = name.partition(".")[0]
    if package in (
        "pydantic",
        "sqlmodel",
        "rest_framework",
        "flask_sqlalchemy",
        "peewee",
        "tortoise",
        "ninja",
        "odmantic",
    ):
        return False
    return last in _AUTH or (
        (".models" in name and last.endswith(("Model", "Abstract")))
        or (".models." in name and last.startswith("Abstract"))
    )


__all__ = ["read_models"]
