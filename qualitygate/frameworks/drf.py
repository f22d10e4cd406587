"""Django REST framework. In: view classes and routers of a followed program. Out: their operations, exactly.

What a class serves follows from its ancestry: the generic views and mixins of the library and the methods of the
project's own classes. Copies of the framework inside a project are known by their structure, since their classes are
then the project's own: a router has `register` and `urls`, a view set has actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.frameworks.paths import HTTP_METHODS, path_text
from qualitygate.frameworks.views import is_false, listed
from qualitygate.model import syntax as ir
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    Bound,
    ClassValue,
    Entries,
    Evaluation,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Value,
)

ROUTERS = frozenset(
    {
        "rest_framework.routers.DefaultRouter",
        "rest_framework.routers.SimpleRouter",
        "rest_framework.routers.BaseRouter",
        "rest_framework_nested.routers.NestedSimpleRouter",
        "rest_framework_nested.routers.NestedDefaultRouter",
        "rest_framework_nested.routers.SimpleRouter",
        "rest_framework_nested.routers.DefaultRouter",
        "rest_framework_extensions.routers.ExtendedSimpleRouter",
        "rest_framework_extensions.routers.ExtendedDefaultRouter",
    }
)

# Handlers that the library's classes bring, from its documentation of generic views and mixins.
_GENERIC: dict[str, dict[str, str]] = {
    "CreateAPIView": {"post": "create"},
    "ListAPIView": {"get": "list"},
    "RetrieveAPIView": {"get": "retrieve"},
    "DestroyAPIView": {"delete": "destroy"},
    "UpdateAPIView": {"put": "update", "patch": "partial_update"},
    "ListCreateAPIView": {"get": "list", "post": "create"},
    "RetrieveUpdateAPIView": {"get": "retrieve", "put": "update", "patch": "partial_update"},
    "RetrieveDestroyAPIView": {"get": "retrieve", "delete": "destroy"},
    "RetrieveUpdateDestroyAPIView": {
        "get": "retrieve",
        "put": "update",
        "patch": "partial_update",
        "delete": "destroy",
    },
}
_MIXINS: dict[str, tuple[str, ...]] = {
    "CreateModelMixin": ("create",),
    "ListModelMixin": ("list",),
    "RetrieveModelMixin": ("retrieve",),
    "UpdateModelMixin": ("update", "partial_update"),
    "DestroyModelMixin": ("destroy",),
    "ReadOnlyModelViewSet": ("list", "retrieve"),
    "ModelViewSet": ("list", "create", "retrieve", "update", "partial_update", "destroy"),
}
_LIST_ACTIONS = {"list": "GET", "create": "POST"}
_DETAIL_ACTIONS = {"retrieve": "GET", "update": "PUT", "partial_update": "PATCH", "destroy": "DELETE"}


@dataclass(frozen=True)
class Served:
    """One operation of a view class: method, the project's function (or the class, where the library brings it), action."""

    method: str
    handler: Value
    action: str


def is_api_view(evaluation: Evaluation, cls: Value) -> bool:
    """Whether a class is a view of the framework, or of a copy of it inside the project."""
    return any(
        (isinstance(base, External) and base.name.startswith(("rest_framework.", "rest_framework_")))
        or (isinstance(base, ClassValue) and base.node.name in ("APIView", "GenericAPIView", "ViewSetMixin"))
        for base in evaluation.ancestry(cls)
    )


def view_operations(evaluation: Evaluation, cls: ClassValue) -> Iterator[Served]:
    """What an API view class serves, by the methods of its ancestry; later bases do not override earlier ones."""
    allowed = _allowed(evaluation, cls)
    actions = _actions(evaluation, cls)
    for name in HTTP_METHODS:
        if name in ("head", "options", "trace") or name not in allowed:
            continue
        found, action = _handler(evaluation, cls, name)
        if found is not None:
            if isinstance(found, ClassValue) and action in actions and isinstance(actions[action], FunctionValue):
                found = actions[action]
            yield Served(name.upper(), found, action)


def _handler(evaluation: Evaluation, cls: ClassValue, name: str) -> tuple[Value | None, str]:
    for base in evaluation.ancestry(cls):
        if isinstance(base, ClassValue):
            value = base.names.get(name)
            if isinstance(value, FunctionValue):
                return value, _delegated(value)
        else:
            action = _GENERIC.get(base.name.rsplit(".", 1)[-1], {}).get(name)
            if action is not None:
                return cls, action
    return None, ""


def generic_methods(name: str) -> tuple[str, ...]:
    """The methods that a generic view of the library serves, by its class's name; none where it is no such view."""
    return tuple(_GENERIC.get(name, ()))


def _delegated(function: FunctionValue) -> str:
    """`def get(self, ...): return self.list(...)` is the action that it hands on to; the builtin `list()` is none."""
    named = [action for action in (*_LIST_ACTIONS, *_DETAIL_ACTIONS) if action in function.node.calls]
    if not named:
        return ""
    handed = {
        part.function.name
        for expression in ir.expressions(ir.statements(function.node))
        for part in ir.subexpressions(expression)
        if isinstance(part, ir.Call) and isinstance(part.function, ir.Attribute)
    }
    return next((action for action in named if action in handed), "")


def _actions(evaluation: Evaluation, cls: ClassValue) -> dict[str, Value]:
    """Actions of a view set: the project's functions by name; the class itself for those that the library brings."""
    found: dict[str, Value] = {}
    for base in evaluation.ancestry(cls):
        if isinstance(base, ClassValue):
            for name in (*_LIST_ACTIONS, *_DETAIL_ACTIONS):
                value = base.names.get(name)
                if isinstance(value, FunctionValue):
                    found.setdefault(name, value)
        else:
            for name in _MIXINS.get(base.name.rsplit(".", 1)[-1], ()):
                found.setdefault(name, cls)
    return found


def _allowed(evaluation: Evaluation, cls: ClassValue) -> frozenset[str]:
    names = evaluation.attribute(cls, "http_method_names")
    if isinstance(names, Items) and names.complete and names.items:
        return frozenset(str(item.value).lower() for item in names.items if isinstance(item, Known))
    return frozenset(HTTP_METHODS)


def is_router(evaluation: Evaluation, value: Value) -> bool:
    """Whether a value is a router: the library's, or of a class of the project that has `register` and `urls`."""
    if not isinstance(value, Instance):
        return False
    if evaluation.is_a(value, ROUTERS):
        return True
    own = {name for base in evaluation.ancestry(value) if isinstance(base, ClassValue) for name in base.names}
    return {"register", "urls"} <= own


@dataclass(frozen=True)
class Registration:
    """A view set that a router was given, with its prefix."""

    prefix: Value | None
    view: Value | None
    place: Place


def registrations(evaluation: Evaluation) -> dict[int, list[Registration]]:
    """What was registered with each of the library's routers, by the router's identity."""
    found: dict[int, list[Registration]] = {}
    for event in evaluation.events:
        if event.name == "register" and event.receiver is not None and is_router(evaluation, event.receiver):
            prefix, view = event.arguments.get("prefix", 0), event.arguments.get("viewset", 1)
            found.setdefault(id(event.receiver), []).append(Registration(prefix, view, event.place))
    return found


def _registry(router: Instance) -> Iterator[Registration]:
    """What a router of the project's own keeps in its registry: prefix, view set and more."""
    registry = router.attributes.get("registry")
    for item in registry.items if isinstance(registry, Items) else ():
        if isinstance(item, Items) and len(item.items) > 1 and item.place is not None:
            yield Registration(item.items[0], item.items[1], item.place)


def _added_mappings(evaluation: Evaluation, router: Instance) -> Iterator[tuple[int, str, str]]:
    """Position of a route (0 for lists, 2 for one), method and action that a router adds to what the library maps.

    As in `self.routes[0].mapping.update({"put": "bulk_update"})` in the constructor of a subclass.
    """
    for event in evaluation.events:
        mapping = event.receiver
        if event.name != "update" or not isinstance(mapping, Bound) or mapping.name != "mapping":
            continue
        route = mapping.receiver
        listed_routes = route.receiver if isinstance(route, Bound) else None
        if not isinstance(route, Bound) or not isinstance(listed_routes, Bound) or listed_routes.receiver is not router:
            continue
        given = event.arguments.get("", 0)
        if listed_routes.name == "routes" and isinstance(route.index, Known) and isinstance(route.index.value, int):
            for method, action in given.entries.items() if isinstance(given, Entries) else ():
                if isinstance(method, str) and isinstance(action, Known) and isinstance(action.value, str):
                    yield route.index.value, method.lower(), action.value


def router_operations(
    evaluation: Evaluation, router: Instance, registered: dict[int, list[Registration]]
) -> Iterator[tuple[str, str, Served, ClassValue, Place]]:
    """Path below the router, doubt about it, operation, class and place of everything that is registered."""
    slash = _trailing_slash(evaluation, router)
    added = list(_added_mappings(evaluation, router))
    for registration in (*registered.get(id(router), ()), *_registry(router)):
        prefix, doubt = path_text(registration.prefix)
        view, place = registration.view, registration.place
        if not isinstance(view, ClassValue):
            continue
        prefix = _regex_free(prefix.strip("/").removeprefix("^").removesuffix("$"))
        detail = f"{prefix}/{{{_lookup(evaluation, view)}}}" if prefix else f"{{{_lookup(evaluation, view)}}}"
        allowed = _allowed(evaluation, view)
        actions = _actions(evaluation, view)
        for where, table in ((prefix, _LIST_ACTIONS), (detail, _DETAIL_ACTIONS)):
            for action, method in table.items():
                if action in actions and method.lower() in allowed:
                    # Without a prefix the router leaves the slash out: what includes it has one already.
                    yield where and where + slash, doubt, Served(method, actions[action], action), view, place
        for position, method, action in added:
            function = evaluation.attribute(view, action)
            if isinstance(function, FunctionValue) and method in allowed:
                where = prefix if position < 2 else detail
                yield where and where + slash, doubt, Served(method.upper(), function, action), view, place
        for path, is_detail, methods, function in _extra_actions(evaluation, view):
            base = detail if is_detail else prefix
            for method in methods:
                if method.lower() in allowed:
                    full = f"{base}/{path}" if base else path
                    yield full + slash, doubt, Served(method, function, function.node.name), view, place


def _trailing_slash(evaluation: Evaluation, router: Instance) -> str:
    for arguments in _constructions(evaluation, router):
        given = arguments.get("trailing_slash")
        if isinstance(given, Known):
            return "/" if given.value else ""
    set_on_class = evaluation.attribute(router, "trailing_slash")
    if isinstance(set_on_class, Known):
        return str(set_on_class.value or "").replace("?", "")
    return "/"


def _constructions(evaluation: Evaluation, holder: Instance) -> Iterator[Arguments]:
    yield holder.arguments
    for event in evaluation.events:
        if event.receiver is holder and event.name == "__init__":
            yield event.arguments


def _lookup(evaluation: Evaluation, view: ClassValue) -> str:
    for name in ("lookup_url_kwarg", "lookup_field"):
        value = evaluation.attribute(view, name)
        if isinstance(value, Known) and isinstance(value.value, str):
            return value.value
    return "pk"


def _extra_actions(
    evaluation: Evaluation, view: ClassValue
) -> Iterator[tuple[str, bool, tuple[str, ...], FunctionValue]]:
    seen: set[str] = set()
    for base in evaluation.ancestry(view):
        if not isinstance(base, ClassValue):
            continue
        for name, value in base.names.items():
            if not isinstance(value, FunctionValue) or name in seen:
                continue
            bound = value.attributes.get("bind_to_methods")
            if isinstance(bound, Items):  # a copy of the library: its decorators are the project's own functions
                seen.add(name)
                path, _ = path_text(value.attributes.get("url_path"))
                yield path or name, not is_false(value.attributes.get("detail")), listed(bound), value
            for decorator in value.decorators:
                arguments = _action_arguments(decorator)
                if arguments is None:
                    continue
                seen.add(name)
                kind = _decorator_name(decorator)
                detail = arguments.get("detail")
                is_detail = kind == "detail_route" or (isinstance(detail, Known) and bool(detail.value))
                path, _ = path_text(arguments.get("url_path"))
                methods = arguments.get("methods", 0)
                named = (
                    [str(item.value).upper() for item in methods.items if isinstance(item, Known)]
                    if isinstance(methods, Items)
                    else []
                )
                yield _regex_free(path) or name, is_detail, tuple(named or ["GET"]), value


def _regex_free(path: str) -> str:
    from qualitygate.frameworks.paths import regex

    return regex(path) if "(" in path or "\\" in path else path


def _decorator_name(decorator: Value) -> str:
    if isinstance(decorator, Instance) and isinstance(decorator.cls, External):
        return decorator.cls.name.rsplit(".", 1)[-1]
    return ""


def _action_arguments(decorator: Value) -> Arguments | None:
    if isinstance(decorator, Instance) and _decorator_name(decorator) in ("action", "detail_route", "list_route"):
        return decorator.arguments
    if isinstance(decorator, Instance) and decorator.event is not None and decorator.event.name == "mapping":
        return None
    return None


def settings(evaluation: Evaluation) -> Entries | None:
    """`REST_FRAMEWORK` of the settings module that has it."""
    for _, scope in evaluation.modules():
        value = scope.names.get("REST_FRAMEWORK")
        if isinstance(value, Entries):
            return value
    return None


def pagination(evaluation: Evaluation, view: ClassValue, defaults: Entries | None) -> str:
    """What paginates the list of a view: the paginator's name, or empty. A paginator with no page size pages nothing."""
    chosen: Value | None = None
    for base in evaluation.ancestry(view):
        if isinstance(base, ClassValue) and "pagination_class" in base.names:
            chosen = base.names["pagination_class"]
            break
    page_size = defaults.entries.get("PAGE_SIZE") if defaults is not None else None
    if chosen is None and defaults is not None:
        default = defaults.entries.get("DEFAULT_PAGINATION_CLASS")
        if isinstance(default, Known) and isinstance(default.value, str):
            chosen = evaluation.lookup(default.value) or External(default.value)
        elif default is not None and not isinstance(default, Known):
            chosen = default
        elif default is None and isinstance(page_size, Known) and page_size.value is not None:
            # Before version 3.7 a page size alone switched the default paginator on.
            chosen = External("rest_framework.pagination.PageNumberPagination") if _is_old(defaults) else None
    if chosen is None or (isinstance(chosen, Known) and chosen.value is None):
        return ""
    if isinstance(chosen, ClassValue):
        own = evaluation.attribute(chosen, "page_size")
        limit = evaluation.attribute(chosen, "default_limit")
        sizes = [value for value in (own, limit) if isinstance(value, Known)]
        if any(value.value is None for value in sizes):
            return ""
        if sizes or (isinstance(page_size, Known) and page_size.value is not None):
            return chosen.qualname
        if not any(isinstance(base, External) for base in evaluation.ancestry(chosen)):
            return chosen.qualname
        own_pages = any(
            isinstance(base, ClassValue)
            and not {"paginate_queryset", "get_page_size", "get_limit"}.isdisjoint(base.names)
            for base in evaluation.ancestry(chosen)
        )
        return chosen.qualname if page_size is not None or own_pages else ""
    name = chosen.name.rsplit(".", 1)[-1] if isinstance(chosen, External) else "pagination_class"
    if isinstance(page_size, Known) and page_size.value is None:
        return ""
    if page_size is None and isinstance(chosen, External) and name in ("PageNumberPagination", "LimitOffsetPagination"):
        return ""
    return name


def _is_old(defaults: Entries) -> bool:
    return "DEFAULT_PAGINATION_CLASS" not in defaults.entries


def lists_without_paginating(evaluation: Evaluation, view: ClassValue) -> bool:
    """Whether an own `list()` (or a `get()` that lists) never calls the paginator nor the library's list."""
    for base in evaluation.ancestry(view):
        if isinstance(base, ClassValue):
            value = base.names.get("list")
            if isinstance(value, FunctionValue):
                return not {"paginate_queryset", "get_paginated_response", "list"} & set(value.node.calls)
    return False


def versioning(evaluation: Evaluation, view: ClassValue, defaults: Entries | None) -> str:
    """How a view is versioned by the framework: `header`, `query`, `host`, `path`, or empty."""
    chosen: Value | None = None
    for base in evaluation.ancestry(view):
        if isinstance(base, ClassValue) and "versioning_class" in base.names:
            chosen = base.names["versioning_class"]
            break
    if chosen is None and defaults is not None:
        chosen = defaults.entries.get("DEFAULT_VERSIONING_CLASS")
        if isinstance(chosen, Known) and isinstance(chosen.value, str):
            chosen = evaluation.lookup(chosen.value) or External(chosen.value)
    if chosen is None:
        return ""
    for base in evaluation.ancestry(chosen):
        name = base.name if isinstance(base, External) else base.node.name
        for part, how in (
            ("AcceptHeaderVersioning", "header"),
            ("QueryParameterVersioning", "query"),
            ("HostNameVersioning", "host"),
            ("URLPathVersioning", "path"),
            ("NamespaceVersioning", "path"),
        ):
            if name.endswith(part):
                return how
    return ""


def permissions(evaluation: Evaluation, view: ClassValue) -> list[Value]:
    """Permission, authentication and throttle classes that a view names; their methods run for every request."""
    found: list[Value] = []
    for attribute in ("permission_classes", "authentication_classes", "throttle_classes", "serializer_class"):
        value = evaluation.attribute(view, attribute)
        if isinstance(value, Items):
            found.extend(item for item in value.items if isinstance(item, ClassValue))
        elif isinstance(value, ClassValue):
            found.append(value)
    return found
