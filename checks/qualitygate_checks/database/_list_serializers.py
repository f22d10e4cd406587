"""In: a linked project and its relations. Out: the methods of serializers of lists that ask the database for each row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qualitygate.authoring import Confidence, Hit, Place, Project, Role, Span
from qualitygate.model import syntax as ir
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks.database._asking import RELATED, arguments_of, dots, names_in, query_of
from qualitygate_checks.database._relations import Model, Relations, chain

_SHOWN = 8
_LISTING = re.compile(r"ListAPIView|ListCreateAPIView|ModelViewSet|ListModelMixin|ReadOnlyModelViewSet")


def serializers(project: Project, relations: Relations) -> Iterator[Hit]:
    """Methods of serializers of lists that ask the database for each row."""
    classes = [
        (file.path, statement)
        for file in project.files
        if file.module is not None and file.role is Role.APPLICATION
        for statement in file.module.body
        if isinstance(statement, ir.Class)
    ]
    candidates = [
        (path, cls) for path, cls in classes if any(last_name(base.value).endswith("Serializer") for base in cls.bases)
    ]
    if not candidates:
        return
    listed = _listed(project, [cls for _, cls in classes], frozenset(cls.name for _, cls in candidates))
    for path, cls in candidates:
        if cls.name not in listed:
            continue
        model = relations.models.get(_model_of(cls))
        found: list[tuple[str, Span, str]] = []
        for method in _field_methods(cls):
            if len(method.parameters) < 2:
                continue
            row = method.parameters[1].name
            for written, span in _asked(method, row, model):
                found.append((written, span, method.name))
                break
        if not found:
            continue
        written, span, name = found[0]
        yield Hit(
            place=Place(path, span),
            message=f"{written} asks the database for every row that {cls.name} shows in a list",
            subject=f"{cls.name}.{name}",
            why=f"{listed[cls.name]}; {cls.name}.{name} runs once a row",
            mend="annotate the query set with what the method works out, or prefetch the rows that it reads",
            places=tuple(
                Place(path, other, f"{what} in {where} too", "query") for what, other, where in found[1:_SHOWN]
            ),
            confidence=Confidence.MEDIUM,
        )


def _listed(project: Project, classes: Sequence[ir.Class], names: frozenset[str]) -> dict[str, str]:
    """Serializers of these names that are used for lists, each with how."""
    found: dict[str, str] = {}
    for cls in classes:
        if not any(_LISTING.search(last_name(base.value)) for base in cls.bases):
            continue
        for statement in cls.body:
            if isinstance(statement, ir.Assign) and statement.value is not None:
                for target in statement.targets:
                    if isinstance(target, ir.Name) and target.id == "serializer_class":
                        found.setdefault(last_name(statement.value), f"{cls.name} lists by it")
    for body in project.once(Code).everywhere(wanted=lambda function: not names.isdisjoint(function.calls)):
        for expression in body.expressions():
            if isinstance(expression, ir.Call) and any(
                argument.name == "many" and isinstance(argument.value, ir.Constant) and argument.value.value is True
                for argument in expression.arguments
            ):
                where = body.qualname or body.path
                found.setdefault(last_name(expression.function), f"{where} uses it with many=True")
    return found


def _model_of(cls: ir.Class) -> str:
    for meta in cls.body:
        for statement in meta.body if isinstance(meta, ir.Class) and meta.name == "Meta" else ():
            if (
                isinstance(statement, ir.Assign)
                and statement.value is not None
                and any(isinstance(target, ir.Name) and target.id == "model" for target in statement.targets)
            ):
                return last_name(statement.value)
    return ""


def _field_methods(cls: ir.Class) -> Iterator[ir.Function]:
    names = set()
    for statement in cls.body:
        value = statement.value if isinstance(statement, ir.Assign) else None
        if not isinstance(value, ir.Call) or last_name(value.function) != "SerializerMethodField":
            continue
        given = [argument.value for argument in value.arguments]
        if given and isinstance(given[0], ir.Constant) and isinstance(given[0].value, str):
            names.add(given[0].value)
        elif isinstance(statement, ir.Assign):
            names |= {f"get_{target.id}" for target in statement.targets if isinstance(target, ir.Name)}
    for statement in cls.body:
        if isinstance(statement, ir.Function) and statement.name in names:
            yield statement


def _asked(method: ir.Function, row: str, model: Model | None) -> Iterator[tuple[str, Span]]:
    """Queries of a method that ask for something of the row that it is given."""
    body = Body("", "", method, ir.statements(method), None)
    for expression in body.expressions():
        if not isinstance(expression, ir.Call):
            continue
        root, methods = chain(expression)
        if isinstance(root, ir.Attribute) and isinstance(root.value, ir.Name) and root.value.id == row and methods:
            relation = model.relations.get(root.name) if model is not None else None
            # `all()` may have been fetched along; every other method asks anew.
            if relation is not None and relation.kind == "many" and methods[0][0] in RELATED - {"all"}:
                yield f"{row}.{root.name}.{dots(methods)}", expression.name_span
            continue
        written, _ = query_of(expression, body, read=False)
        if written and any(row in names_in(argument.value) for argument in arguments_of(expression)):
            yield written, expression.name_span
