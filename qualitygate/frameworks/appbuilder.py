"""Flask-AppBuilder. In: a followed program. Out: the operations that its APIs and views expose, with full paths.

`appbuilder.add_api(Api)` serves each method that `@expose` decorates below `route_base`, or else below
`/api/<version>/<resource_name>`; `add_view(View)` below `route_base` or the class's name in lower case. Pages that the
library's own model views bring are not told, its REST operations are.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.frameworks import Adapter, RouteDraft, Surface
from qualitygate.frameworks.paths import angles, path_text, under
from qualitygate.frameworks.views import listed
from qualitygate.model.source import Place
from qualitygate.model.values import (
    ClassValue,
    Evaluation,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Value,
)

_ADDING = frozenset({"add_api", "add_view", "add_view_no_menu"})

_PLAIN = frozenset({"BaseApi", "BaseModelApi", "ModelRestApi", "object"})

# Operations of `ModelRestApi`, from the library's documentation of its REST API.
_REST: dict[str, tuple[str, str]] = {
    "info": ("GET", "/_info"),
    "get_list": ("GET", "/"),
    "get": ("GET", "/{pk}"),
    "post": ("POST", "/"),
    "put": ("PUT", "/{pk}"),
    "delete": ("DELETE", "/{pk}"),
}


def surface(evaluation: Evaluation) -> Surface:
    """Every operation of the APIs and views that an application builder is given."""
    drafts: list[RouteDraft] = []
    for event in evaluation.events:
        if event.name in _ADDING and event.receiver is not None:
            view = event.arguments.get("baseview", 0)
            cls = view.cls if isinstance(view, Instance) else view
            if isinstance(cls, ClassValue) and _is_view(evaluation, cls):
                drafts.extend(_operations(evaluation, cls, event.place, api=event.name == "add_api"))
    return Surface(tuple(drafts))


def _is_view(evaluation: Evaluation, cls: ClassValue) -> bool:
    return any(
        isinstance(base, External) and base.name.startswith("flask_appbuilder.") for base in evaluation.ancestry(cls)
    )


def _operations(evaluation: Evaluation, cls: ClassValue, place: Place, api: bool) -> Iterator[RouteDraft]:
    base, doubt = _base(evaluation, cls, api)
    exposed: dict[str, Value] = {}
    rest = False
    for ancestor in evaluation.ancestry(cls):
        if isinstance(ancestor, ClassValue):
            for name, value in ancestor.names.items():
                exposed.setdefault(name, value)
        else:
            rest = rest or ancestor.name.rsplit(".", 1)[-1] == "ModelRestApi"
    for name in _served(exposed, rest):
        found = exposed.get(name)
        if isinstance(found, FunctionValue):
            for url, methods, uncertain in _rules(found):
                for method in methods:
                    yield _draft(method, under(base, url), found, cls, place, api, doubt or uncertain)
        elif found is None and name in _REST:
            method, url = _REST[name]
            yield _draft(method, base + url, cls, cls, place, api, doubt)


def _served(exposed: dict[str, Value], rest: bool) -> Iterator[str]:
    """Names of the methods that are routed: all, or those that the class includes, without those that it excludes."""
    include, exclude = exposed.get("include_route_methods"), exposed.get("exclude_route_methods")
    chosen = _names(include) if isinstance(include, Items) and include.complete else None
    left_out = _names(exclude)
    for name in dict.fromkeys((*exposed, *(_REST if rest else ()))):
        if (chosen is None or name in chosen) and name not in left_out:
            yield name


def _names(value: Value | None) -> set[str]:
    items = value.items if isinstance(value, Items) else []
    return {item.value for item in items if isinstance(item, Known) and isinstance(item.value, str)}


def _base(evaluation: Evaluation, cls: ClassValue, api: bool) -> tuple[str, str]:
    given = _attribute(evaluation, cls, "route_base")
    if given is not None:
        text, doubt = path_text(given)
        return text.rstrip("/"), doubt
    if not api:
        return "/" + cls.node.name.lower(), ""
    version, doubt = path_text(_attribute(evaluation, cls, "version") or Known("v1"))
    name, unsure = path_text(_attribute(evaluation, cls, "resource_name") or Known(cls.node.name.lower()))
    bases = {base.name.rsplit(".", 1)[-1] for base in evaluation.ancestry(cls) if isinstance(base, External)}
    if not _attribute(evaluation, cls, "resource_name") and not bases <= _PLAIN:
        unsure = "a class of the library may name the resource"
    return f"/api/{version}/{name}", doubt or unsure


def _attribute(evaluation: Evaluation, cls: ClassValue, name: str) -> Value | None:
    for ancestor in evaluation.ancestry(cls):
        if isinstance(ancestor, ClassValue) and name in ancestor.names:
            value = ancestor.names[name]
            return None if isinstance(value, Known) and value.value is None else value
    return None


def _rules(function: FunctionValue) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Text, methods and doubt of each `@expose` on a method."""
    for decorator in function.decorators:
        if isinstance(decorator, Instance) and isinstance(decorator.cls, External):
            package, _, last = decorator.cls.name.rpartition(".")
            if last == "expose" and package.split(".", 1)[0] == "flask_appbuilder":
                url, doubt = path_text(decorator.arguments.get("url", 0) or Known("/"))
                yield url, listed(decorator.arguments.get("methods", 1)) or ("GET",), doubt


def _draft(method: str, path: str, handler: Value, view: ClassValue, place: Place, api: bool, doubt: str) -> RouteDraft:
    return RouteDraft(
        framework="flask",
        method=method,
        path=angles(path),
        handler=handler,
        declared=place,
        view=view,
        uncertain=doubt,
        page=not api,
        response=handler.node.returns if isinstance(handler, FunctionValue) else None,
        response_scope=handler.scope if isinstance(handler, FunctionValue) else None,
    )


ADAPTER = Adapter("appbuilder", _ADDING, surface)
