"""In: a linked project. Out: the relations of its database models, and which rows an expression stands for.

Models are those of Django (`ForeignKey`, `OneToOneField`, `ManyToManyField`) and of SQLAlchemy (`relationship`), known by
the names of their classes; a name that stands for models of different shape is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qualitygate.authoring import Project, Role
from qualitygate.model import syntax as ir
from qualitygate_checks._code import Body, last_name

_KEYS = {"ForeignKey": "one", "OneToOneField": "one", "ParentalKey": "one", "ManyToManyField": "many"}
_EAGER = frozenset(
    {"joined", "selectin", "subquery", "immediate", "raise", "raise_on_sql", "noload", "dynamic", "write_only"}
)
_FETCHING = frozenset({"select_related", "prefetch_related", "prefetch_related_objects"})
MANAGERS = frozenset({"objects", "_default_manager", "_base_manager"})
# Methods of a query set after which its rows are still whole objects of the model.
_KEEPING = frozenset(
    {
        "all",
        "filter",
        "exclude",
        "order_by",
        "distinct",
        "reverse",
        "annotate",
        "alias",
        "using",
        "select_for_update",
        "select_related",
        "prefetch_related",
        "iterator",
        "aiterator",
        "complex_filter",
    }
)
_SQL_KEEPING = frozenset(
    {
        "all",
        "filter",
        "filter_by",
        "where",
        "order_by",
        "distinct",
        "limit",
        "offset",
        "options",
        "join",
        "outerjoin",
        "scalars",
        "unique",
        "execution_options",
        "with_for_update",
        "group_by",
        "having",
        "fetchall",
        "yield_per",
        "select_from",
    }
)
_WRAPPERS = frozenset({"list", "tuple", "sorted", "reversed", "set", "iter"})
_DEEPEST = 6


@dataclass(frozen=True)
class Relation:
    """One attribute of a model; ``lazy`` where what it stands for comes by a query of its own.

    ``kind`` is `one` where reading the attribute asks the database, `many` where only calling its methods does.
    """

    name: str
    kind: str
    target: str
    lazy: bool = True


@dataclass(eq=False)
class Model:
    """A model with its relations. ``framework`` is `django` or `sqlalchemy`; ``methods`` are its own, by name."""

    name: str
    framework: str
    relations: dict[str, Relation]
    methods: dict[str, ir.Function]
    fetches: bool = False
    """Its manager fetches relations itself, so that nothing is told of its query sets."""


@dataclass(frozen=True)
class Rows:
    """Objects of one model, as a query gives them; ``eager`` are the relations that it loads with them."""

    model: Model
    eager: frozenset[str]


@dataclass(eq=False)
class Relations:
    """The models of a project."""

    models: dict[str, Model] = field(default_factory=dict)

    @staticmethod
    def of(project: Project) -> Relations:
        """The models of the application's code."""
        classes = [
            statement
            for file in project.files
            if file.module is not None and file.role is Role.APPLICATION
            for statement in _classes(file.module.body)
        ]
        fetching = {cls.name for cls in classes if _functions_call(cls, _FETCHING)}
        by_name: dict[str, list[Model]] = {}
        reverse: list[tuple[str, Relation]] = []
        for cls in classes:
            model, back = _model(cls, fetching)
            if model is not None:
                by_name.setdefault(cls.name, []).append(model)
                reverse += back
        models = {name: found[0] for name, found in by_name.items() if len(found) == 1}
        _inherit(models, classes)
        for target, relation in reverse:
            if target in models:
                models[target].relations.setdefault(relation.name, relation)
        return Relations(models)

    def rows(self, expression: ir.Expression, body: Body, depth: int = 0) -> Rows | None:
        """The model whose rows an expression gives, and what is loaded with them; None where that is not sure."""
        if depth > _DEEPEST:
            return None
        if isinstance(expression, ir.Await):
            return self.rows(expression.value, body, depth + 1)
        if isinstance(expression, ir.Subscript):
            slices = isinstance(expression.index, ir.Operation) and expression.index.operator == ":"
            return self.rows(expression.value, body, depth + 1) if slices else None
        if isinstance(expression, ir.Name):
            return self._bound(expression.id, body, depth)
        if not isinstance(expression, ir.Call):
            return None
        if isinstance(expression.function, ir.Name) and expression.function.id in _WRAPPERS:
            first = expression.arguments[0].value if expression.arguments else None
            return self.rows(first, body, depth + 1) if first is not None else None
        return self._chain(expression, body, depth)

    def _bound(self, name: str, body: Body, depth: int) -> Rows | None:
        bindings = body.bindings.get(name, [])
        if not bindings or name in body.parameters or any(binding.how != "value" for binding in bindings):
            return None
        found: list[Rows] = []
        eager: set[str] = set()
        for binding in bindings:
            root, methods = chain(binding.value)
            if isinstance(root, ir.Name) and root.id == name:
                # `orders = orders.filter(...)`
                if not all(method in _KEEPING | _SQL_KEEPING for method, _ in methods):
                    return None
                eager |= _loaded(methods)
                continue
            rows = self.rows(binding.value, body, depth + 1)
            if rows is None:
                return None
            found.append(rows)
        if not found or any(rows.model is not found[0].model for rows in found):
            return None
        return Rows(found[0].model, frozenset(eager).union(*(rows.eager for rows in found)))

    def _chain(self, call: ir.Call, body: Body, depth: int) -> Rows | None:
        root, methods = chain(call)
        if isinstance(root, ir.Attribute) and root.name in MANAGERS:
            model = self.models.get(last_name(root.value))
            if model is None or model.framework != "django" or model.fetches:
                return None
            if not methods or not all(name in _KEEPING for name, _ in methods):
                return None
            if any(name == "select_related" and not one.arguments for name, one in methods):
                return Rows(model, frozenset(model.relations))
            return Rows(model, _loaded(methods)) if _told(methods) else None
        if isinstance(root, ir.Attribute) and root.name == "query":
            model = self.models.get(last_name(root.value))
            return self._sql(model, methods)
        if not methods:
            return None
        first, one = methods[0]
        if first == "query" and len(one.arguments) == 1:
            return self._sql(self.models.get(last_name(one.arguments[0].value)), methods[1:])
        if first in ("scalars", "execute", "stream_scalars") and one.arguments:
            if first == "execute" and not any(name == "scalars" for name, _ in methods):
                return None
            rows = self._selected(one.arguments[0].value, body, depth + 1)
            return rows if all(name in _SQL_KEEPING for name, _ in methods[1:]) else None
        return None

    def _selected(self, statement: ir.Expression, body: Body, depth: int) -> Rows | None:
        """The rows of `select(Model)...`, also by a name that is bound to it."""
        if isinstance(statement, ir.Name) and depth <= _DEEPEST:
            bindings = body.bindings.get(statement.id, [])
            if not bindings or any(binding.how != "value" for binding in bindings):
                return None
            first = self._selected(bindings[0].value, body, depth + 1)
            if first is None:
                return None
            eager = set(first.eager)
            for binding in bindings[1:]:
                root, methods = chain(binding.value)
                if not (isinstance(root, ir.Name) and root.id == statement.id):
                    return None
                eager |= _loaded(methods)
            return Rows(first.model, frozenset(eager))
        root, methods = chain(statement)
        if isinstance(root, ir.Call) and last_name(root.function) == "select" and len(root.arguments) == 1:
            return self._sql(self.models.get(last_name(root.arguments[0].value)), methods)
        return None

    def _sql(self, model: Model | None, methods: Sequence[tuple[str, ir.Call]]) -> Rows | None:
        if model is None or model.framework != "sqlalchemy" or not all(name in _SQL_KEEPING for name, _ in methods):
            return None
        return Rows(model, _loaded(methods)) if _told(methods) else None


def chain(expression: ir.Expression) -> tuple[ir.Expression, list[tuple[str, ir.Call]]]:
    """Where a chain of method calls starts, and its methods in the order in which they are called."""
    methods: list[tuple[str, ir.Call]] = []
    current = expression
    while True:
        if isinstance(current, ir.Await) or (
            isinstance(current, ir.Subscript)
            and isinstance(current.index, ir.Operation)
            and current.index.operator == ":"
        ):
            current = current.value
        elif isinstance(current, ir.Call) and isinstance(current.function, ir.Attribute):
            methods.append((current.function.name, current))
            current = current.function.value
        else:
            return current, methods[::-1]


def _loaded(methods: Iterable[tuple[str, ir.Call]]) -> frozenset[str]:
    """The relations that a chain loads with its rows: the first part of each path that it names."""
    names: set[str] = set()
    for name, call in methods:
        for argument in call.arguments:
            for part in ir.subexpressions(argument.value):
                if name in _FETCHING and isinstance(part, ir.Constant) and isinstance(part.value, str):
                    names.add(part.value.split("__", 1)[0])
                elif name == "options" and isinstance(part, ir.Attribute):
                    names.add(part.name)
    return frozenset(names)


def _told(methods: Iterable[tuple[str, ir.Call]]) -> bool:
    """Whether what a chain loads is written out in it."""
    return not any(
        argument.stars or (name in _FETCHING and isinstance(argument.value, ir.Name))
        for name, call in methods
        if name in _FETCHING or name == "options"
        for argument in call.arguments
    )


def _classes(body: Iterable[ir.Statement]) -> Iterator[ir.Class]:
    for statement in body:
        if isinstance(statement, ir.Class):
            yield statement
        elif isinstance(statement, (ir.If, ir.Try)):
            yield from _classes(statement.body)


def _functions_call(cls: ir.Class, names: frozenset[str]) -> bool:
    return any(isinstance(item, ir.Function) and names.intersection(item.calls) for item in cls.body)


def _model(cls: ir.Class, fetching: set[str]) -> tuple[Model | None, list[tuple[str, Relation]]]:
    """A class as a model, with the relations that it gives to others; None where it has no field."""
    relations: dict[str, Relation] = {}
    back: list[tuple[str, Relation]] = []
    framework = ""
    fetches = False
    for statement in cls.body:
        if not isinstance(statement, ir.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if not isinstance(target, ir.Name):
            continue
        call = statement.value
        if not isinstance(call, ir.Call):
            continue
        kind = last_name(call.function)
        if target.id == "objects":
            words = {
                part.id if isinstance(part, ir.Name) else part.name
                for part in ir.subexpressions(call)
                if isinstance(part, (ir.Name, ir.Attribute))
            }
            fetches = bool(words & fetching)
        keywords = {argument.name: argument.value for argument in call.arguments if argument.name}
        first = next((argument.value for argument in call.arguments if argument.name is None), None)
        if kind in _KEYS and _is_field(call):
            framework = "django"
            to = _named(first if first is not None else keywords.get("to"))
            relations[target.id] = Relation(target.id, _KEYS[kind], to)
            named = keywords.get("related_name")
            name = named.value if isinstance(named, ir.Constant) and isinstance(named.value, str) else ""
            one = kind == "OneToOneField"
            name = name or (cls.name.lower() if one else f"{cls.name.lower()}_set")
            if to and not name.endswith("+") and "%" not in name:
                back.append((to, Relation(name, "one" if one else "many", cls.name)))
        elif kind.endswith("Field") and _is_field(call):
            framework = framework or "django"
        elif kind == "relationship":
            framework = "sqlalchemy"
            lazy = keywords.get("lazy")
            eager = isinstance(lazy, ir.Constant) and lazy.value in _EAGER
            unsure = lazy is not None and not isinstance(lazy, ir.Constant)
            relations[target.id] = Relation(target.id, "one", _named(first), lazy=not eager and not unsure)
        elif kind in ("Column", "mapped_column"):
            framework = framework or "sqlalchemy"
    if not framework:
        return None, []
    methods = {item.name: item for item in cls.body if isinstance(item, ir.Function)}
    return Model(cls.name, framework, relations, methods, fetches), back


def _is_field(call: ir.Call) -> bool:
    """Whether a call makes a field of a model, not one of a form or a serializer."""
    if isinstance(call.function, ir.Attribute):
        return last_name(call.function.value) not in ("serializers", "forms", "fields", "filters", "django_filters")
    return True


def _named(expression: ir.Expression | None) -> str:
    if isinstance(expression, ir.Constant) and isinstance(expression.value, str):
        return expression.value.rpartition(".")[2]
    return last_name(expression) if expression is not None else ""


def _inherit(models: dict[str, Model], classes: Iterable[ir.Class]) -> None:
    """Relations of the models that a model is built on."""
    bases = {cls.name: [last_name(base.value) for base in cls.bases] for cls in classes}
    for name, model in models.items():
        seen = {name}
        queue = list(bases.get(name, ()))
        while queue:
            base = queue.pop()
            if base in seen:
                continue
            seen.add(base)
            if base in models:
                for relation in models[base].relations.values():
                    model.relations.setdefault(relation.name, relation)
                model.fetches = model.fetches or models[base].fetches
            queue.extend(bases.get(base, ()))
