"""Django, with Django REST framework's views below it. In: a followed program. Out: its routes with full paths.

The root is what `ROOT_URLCONF` of a settings module names; without one, every URL module that no other includes.
Patterns are concatenated without adding slashes. A plain view serves any method unless a decorator restricts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from qualitygate.frameworks import Adapter, ErrorHandlerDraft, RouteDraft, Surface, drf, graphql
from qualitygate.frameworks.paths import HTTP_METHODS, angles, path_text, regex
from qualitygate.frameworks.views import is_false, mystery
from qualitygate.model.architecture import Unfollowed
from qualitygate.model.source import Place, Span
from qualitygate.model.values import (
    Bound,
    BoundFunction,
    ClassValue,
    Entries,
    Evaluation,
    Event,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    LambdaValue,
    ModuleValue,
    Value,
)

PATH = frozenset({"django.urls.path", "django.urls.conf.path"})
REGEX = frozenset(
    {"django.urls.re_path", "django.urls.conf.re_path", "django.conf.urls.url", "django.conf.urls.re_path"}
)
INCLUDE = frozenset({"django.urls.include", "django.urls.conf.include", "django.conf.urls.include"})
I18N = frozenset({"django.conf.urls.i18n.i18n_patterns"})

# Handlers that Django's own class-based views bring, from its reference of generic views.
_GENERIC: dict[str, tuple[str, ...]] = {
    "TemplateView": ("GET",),
    "RedirectView": ("GET", "POST", "PUT", "PATCH", "DELETE"),
    "ListView": ("GET",),
    "DetailView": ("GET",),
    "ArchiveIndexView": ("GET",),
    "CreateView": ("GET", "POST"),
    "UpdateView": ("GET", "POST"),
    "DeleteView": ("GET", "POST"),
    "FormView": ("GET", "POST"),
    "LoginView": ("GET", "POST"),
    "LogoutView": ("POST",),
    "PasswordResetView": ("GET", "POST"),
    "PasswordChangeView": ("GET", "POST"),
}


@dataclass(frozen=True)
class _Way:
    """How a pattern list was reached: the text so far, the includes, what is not sure."""

    prefix: str = ""
    mounts: tuple[Place, ...] = ()
    doubt: str = ""
    depth: int = 0


@dataclass(frozen=True)
class Mount:
    """Something of another library that a URL pattern hands on to, as in `path("api/", api.urls)`."""

    served: Instance
    prefix: str
    places: tuple[Place, ...]
    doubt: str


def mounted(evaluation: Evaluation) -> tuple[Mount, ...]:
    """Everything with `urls` that the URL configuration mounts and that is no router of the REST framework."""
    walker = _Walker(evaluation)
    for path, patterns, doubt in walker.roots():
        for _ in walker.patterns(patterns, _Way(doubt=doubt), path):
            pass
    return tuple(walker.mounts)


def surface(evaluation: Evaluation) -> Surface:
    """Every route of the project's URL configuration."""
    walker = _Walker(evaluation)
    roots = walker.roots()
    drafts = [draft for path, patterns, doubt in roots for draft in walker.patterns(patterns, _Way(doubt=doubt), path)]
    handlers = walker.error_handlers()
    places = tuple(Place(path, Span(1, 1, 1, 1)) for path, _, _ in roots)
    return Surface(tuple(drafts), tuple(handlers), places if drafts else (), tuple(walker.missing))


def _patterns(urls: Value | None) -> Items | None:
    """The value of `urlpatterns` as a list; `urlpatterns = router.urls` is a list of that alone."""
    if isinstance(urls, Bound) and urls.name == "urls":
        return Items([urls])
    return urls if isinstance(urls, Items) else None


def _identity(patterns: Value) -> int:
    """Tells lists of patterns apart; that of a router is made anew each time it is asked for."""
    only = patterns.items[0] if isinstance(patterns, Items) and len(patterns.items) == 1 else None
    return id(only.receiver) if isinstance(only, Bound) else id(patterns)


class _Walker:
    """Walks URL patterns of one project."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._defaults: Entries | None = drf.settings(evaluation)
        self._registered = drf.registrations(evaluation)
        self._middleware = self._settings_classes("MIDDLEWARE", "MIDDLEWARE_CLASSES")
        self.mounts: list[Mount] = []
        self.missing: list[Unfollowed] = []

    def _settings_classes(self, *names: str) -> tuple[Value, ...]:
        found: list[Value] = []
        for path, scope in self._evaluation.modules():
            if "INSTALLED_APPS" not in scope.names:
                continue
            for name in names:
                listed = scope.names.get(name)
                for item in listed.items if isinstance(listed, Items) else ():
                    if isinstance(item, Known) and isinstance(item.value, str):
                        value = self._evaluation.lookup(item.value, path)
                        if isinstance(value, (ClassValue, FunctionValue)) and value not in found:
                            found.append(value)
        return tuple(found)

    def error_handlers(self) -> Iterator[ErrorHandlerDraft]:
        """The exception handler of the REST framework, and `handler404` and its like."""
        if self._defaults is not None and self._defaults.place is not None:
            named = self._defaults.entries.get("EXCEPTION_HANDLER")
            if isinstance(named, Known) and isinstance(named.value, str):
                value = self._evaluation.lookup(named.value) or External(named.value)
                yield ErrorHandlerDraft("rest_framework.exceptions.APIException", value, self._defaults.place)

    def roots(self) -> list[tuple[str, Value, str]]:
        """Path, patterns and doubt of each root."""
        named: dict[str, Value] = {}
        for path, scope in self._evaluation.modules():
            configured = scope.names.get("ROOT_URLCONF")
            if isinstance(configured, Known) and isinstance(configured.value, str):
                module = self._evaluation.module(configured.value, path)
                if module is not None:
                    patterns = self._evaluation.attribute(module, "urlpatterns")
                    if (listed := _patterns(patterns)) is not None:
                        named.setdefault(module.path, listed)
        if named:
            return [(path, patterns, "") for path, patterns in sorted(named.items())]
        lists = {
            path: listed
            for path, scope in self._evaluation.modules()
            if (listed := _patterns(scope.names.get("urlpatterns"))) is not None
        }
        included = {_identity(target) for patterns in lists.values() for target in self._included(patterns)}
        doubt = "no settings module names a root URL configuration"
        return [
            (path, patterns, doubt) for path, patterns in sorted(lists.items()) if _identity(patterns) not in included
        ]

    def _included(self, patterns: Value) -> Iterator[Value]:
        for item in patterns.items if isinstance(patterns, Items) else ():
            view = item.arguments.get("view", 1) if isinstance(item, Instance) else None
            if isinstance(view, Instance) and self._evaluation.is_a(view, INCLUDE):
                target, _ = self._include_target(view)
                if target is not None:
                    yield target

    def patterns(self, patterns: Value, way: _Way, near: str) -> Iterator[RouteDraft]:
        """Routes of a list of patterns."""
        if way.depth > 20:
            return
        for item in patterns.items if isinstance(patterns, Items) else ():
            if isinstance(item, Items):
                yield from self.patterns(item, way, near)
                continue
            if isinstance(item, Bound) and item.name == "urls" and isinstance(item.receiver, Instance):
                if drf.is_router(self._evaluation, item.receiver):
                    yield from self._router(item.receiver, way)
                continue
            if not isinstance(item, Instance) or item.event is None:
                continue
            if self._evaluation.is_a(item, I18N):
                inner = Items([*item.arguments.positional])
                # The default language may go without a prefix.
                plain = is_false(item.arguments.get("prefix_default_language"))
                yield from self.patterns(inner, way if plain else replace(way, prefix=way.prefix + "{language}/"), near)
                continue
            is_regex = self._evaluation.is_a(item, REGEX)
            if not is_regex and not self._evaluation.is_a(item, PATH):
                continue
            text, doubt = path_text(item.arguments.get("route" if not is_regex else "regex", 0))
            if "route" in item.arguments.keywords:
                text, doubt = path_text(item.arguments.keywords["route"])
            step = regex(text) if is_regex else angles(text)
            below = _Way(way.prefix + step, way.mounts, way.doubt or doubt, way.depth + 1)
            yield from self._view(item.arguments.get("view", 1), below, item.event, near)

    def _view(self, view: Value | None, way: _Way, event: Event, near: str) -> Iterator[RouteDraft]:
        if view is None:
            return
        if isinstance(view, Instance) and self._evaluation.is_a(view, INCLUDE):
            target, inner_near = self._include_target(view)
            mounted = replace(way, mounts=(*way.mounts, event.place))
            if isinstance(target, Instance) and drf.is_router(self._evaluation, target):
                yield from self._router(target, mounted)
            elif isinstance(target, Instance):
                self.mounts.append(Mount(target, mounted.prefix, mounted.mounts, mounted.doubt))
            elif target is not None:
                yield from self.patterns(target, mounted, inner_near or near)
            else:
                self.missing.append(_not_included(view, event.place))
            return
        if isinstance(view, Bound) and view.name == "urls" and isinstance(view.receiver, Instance):
            if drf.is_router(self._evaluation, view.receiver):
                yield from self._router(view.receiver, replace(way, mounts=(*way.mounts, event.place)))
            else:
                self.mounts.append(Mount(view.receiver, way.prefix, (*way.mounts, event.place), way.doubt))
            return
        if isinstance(view, Items):
            for item in view.items:
                yield from self._view(item, replace(way, mounts=(*way.mounts, event.place)), event, near)
            return
        if isinstance(view, External) and view.name.endswith(".urls"):
            # The administration site and its like: a library's own pages.
            self.missing.append(mystery("path()", view, event.place))
            return
        endpoint, _ = self._unwrap(view)
        if graphql.is_endpoint(self._evaluation, endpoint):
            path = "/" + way.prefix.lstrip("/")
            yield graphql.draft(endpoint, path, event.place, way.mounts, self._middleware, way.doubt)
            return
        wrappers = tuple(self._wrappers(view))
        operations = list(self._operations(view)) or list(_of_library(endpoint))
        if not operations:
            self.missing.append(mystery("path()", endpoint, event.place))
        for method, handler, cls, action in operations:
            yield self._draft(way, event.place, method, handler, cls, action, wrappers)

    def _include_target(self, include: Instance) -> tuple[Value | None, str]:
        value = include.arguments.get("arg", 0)
        if isinstance(value, Items) and value.items and not self._is_pattern(value.items[0]):
            value = value.items[0]
        if isinstance(value, Known) and isinstance(value.value, str):
            module = self._evaluation.module(value.value, include.place.path if include.place else "")
            value = module
        if isinstance(value, ModuleValue):
            patterns = self._evaluation.attribute(value, "urlpatterns")
            return _patterns(patterns), value.path
        return _patterns(value), ""

    def _is_pattern(self, value: Value) -> bool:
        return self._evaluation.is_a(value, PATH | REGEX)

    def _router(self, router: Instance, way: _Way) -> Iterator[RouteDraft]:
        for registration in self._registered.get(id(router), ()):
            if not isinstance(registration.view, ClassValue):
                self.missing.append(mystery("register()", registration.view, registration.place))
        for path, doubt, served, view, registered in drf.router_operations(self._evaluation, router, self._registered):
            mounted = _Way(way.prefix + path, (*way.mounts, registered), way.doubt or doubt)
            yield self._draft(mounted, registered, served.method, served.handler, view, served.action)

    def _operations(self, view: Value) -> Iterator[tuple[str, Value, ClassValue | None, str]]:
        """Method, handler, class and action of each operation that a view serves."""
        unwrapped, restricted = self._unwrap(view)
        cls = _view_class(unwrapped)
        if cls is not None:
            if drf.is_api_view(self._evaluation, cls):
                mapped = self._mapped_actions(unwrapped, cls)
                if mapped:
                    yield from mapped
                    return
                for served in drf.view_operations(self._evaluation, cls):
                    yield served.method, served.handler, cls, served.action
                return
            methods = _class_methods(self._evaluation, cls)
            for method, handler in methods.items():
                yield method, handler, cls, ""
            if not methods:
                yield "ANY", cls, cls, ""
            return
        if isinstance(unwrapped, Instance) and isinstance(unwrapped.cls, ClassValue):
            # An object that is called: a syndication feed, a form preview.
            called = self._evaluation.attribute(unwrapped, "__call__")
            yield "ANY", called.function if isinstance(called, BoundFunction) else unwrapped.cls, unwrapped.cls, ""
        if isinstance(unwrapped, (FunctionValue, LambdaValue, BoundFunction)):
            function = unwrapped.function if isinstance(unwrapped, BoundFunction) else unwrapped
            methods_of = restricted or (self._restriction(function) if isinstance(function, FunctionValue) else ())
            for method in methods_of or ("ANY",):
                yield method, function, None, ""

    def _mapped_actions(self, view: Value, cls: ClassValue) -> list[tuple[str, Value, ClassValue | None, str]]:
        """`ViewSet.as_view({"get": "list"})`."""
        arguments = view.arguments if isinstance(view, Instance) else None
        mapping = arguments.get("actions", 0) if arguments is not None else None
        if not isinstance(mapping, Entries):
            return []
        found: list[tuple[str, Value, ClassValue | None, str]] = []
        for method, action in mapping.entries.items():
            if isinstance(method, str) and isinstance(action, Known) and isinstance(action.value, str):
                handler = self._evaluation.attribute(cls, action.value)
                found.append(
                    (method.upper(), handler if isinstance(handler, FunctionValue) else cls, cls, action.value)
                )
        return found

    def _unwrap(self, view: Value) -> tuple[Value, tuple[str, ...]]:
        """The view below decorators that are applied in the URL module: `login_required(view)`, `require_POST(view)`."""
        restricted: tuple[str, ...] = ()
        for _ in range(10):
            if (
                isinstance(view, Instance)
                and view.event is not None
                and view.event.name != "as_view"
                and view.arguments.positional
            ):
                restricted = restricted or _restricting(view.event.name, None)
                view = view.arguments.positional[0]
            else:
                break
        return view, restricted

    def _wrappers(self, view: Value) -> Iterator[Value]:
        """The decorators that are applied in the URL module, outermost first."""
        for _ in range(10):
            if not isinstance(view, Instance) or view.event is None or view.event.name == "as_view":
                return
            if not view.arguments.positional:
                return
            yield view
            view = view.arguments.positional[0]

    def _restriction(self, function: FunctionValue) -> tuple[str, ...]:
        for decorator in function.decorators:
            if isinstance(decorator, External):
                if found := _restricting(decorator.name, None):
                    return found
            elif isinstance(decorator, Instance) and isinstance(decorator.cls, External):
                if found := _restricting(decorator.cls.name, decorator.arguments.get("request_method_list", 0)):
                    return found
                if decorator.cls.name.endswith("decorators.api_view"):
                    return _listed(decorator.arguments.get("http_method_names", 0)) or ("GET",)
        return ()

    def _draft(
        self,
        way: _Way,
        declared: Place,
        method: str,
        handler: Value,
        cls: ClassValue | None,
        action: str,
        wrappers: tuple[Value, ...] = (),
    ) -> RouteDraft:
        path = "/" + way.prefix.lstrip("/")
        collection: bool | None = None
        paginated: str | None = None
        versioned = ""
        before: list[Value] = [*self._middleware, *wrappers]
        framework = "django"
        rest = cls is not None and drf.is_api_view(self._evaluation, cls)
        if cls is not None and rest:
            framework = "drf"
            before.extend(drf.permissions(self._evaluation, cls))
            versioned = drf.versioning(self._evaluation, cls, self._defaults)
            if method == "GET" and action:
                collection = action == "list"
                if collection:
                    paginated = drf.pagination(self._evaluation, cls, self._defaults)
                    if drf.lists_without_paginating(self._evaluation, cls):
                        paginated = ""
        elif isinstance(handler, FunctionValue) and any(
            isinstance(decorator, Instance)
            and isinstance(decorator.cls, External)
            and decorator.cls.name.endswith("decorators.api_view")
            for decorator in handler.decorators
        ):
            framework = "drf"
        library = isinstance(handler, External)
        page = framework == "django" and (_is_page(self._evaluation, handler, cls) or _renders(handler))
        return RouteDraft(
            framework=framework,
            method=method,
            path=path,
            handler=handler,
            declared=declared,
            mounts=way.mounts,
            view=cls,
            before=tuple(before),
            uncertain=way.doubt,
            versioned_by=versioned,
            collection=collection,
            paginated_by=paginated,
            page=page,
            exempt="library" if library else "",
        )


def _not_included(include: Instance, place: Place) -> Unfollowed:
    given = include.arguments.get("arg", 0)
    if isinstance(given, Items) and given.items:
        given = given.items[0]
    if isinstance(given, Known) and isinstance(given.value, str):
        return Unfollowed(place, f"include() of {given.value}, which is no module of the project")
    return mystery("include()", given, place)


def _of_library(view: Value) -> Iterator[tuple[str, Value, ClassValue | None, str]]:
    """Operations of a view that a library brings: `TemplateView.as_view()`, `obtain_auth_token`."""
    made = isinstance(view, Instance) and view.event is not None and view.event.name.endswith("as_view")
    cls = view.cls if isinstance(view, Instance) else view
    if not isinstance(cls, External) or not (made or isinstance(view, External)):
        return
    name = cls.name.removesuffix("()").removesuffix(".as_view")
    last = name.rsplit(".", 1)[-1]
    for method in _GENERIC.get(last, ()) or [verb.upper() for verb in drf.generic_methods(last)] or ("ANY",):
        yield method, External(name), None, ""


def _renders(handler: Value) -> bool:
    return isinstance(handler, External) and handler.name.startswith("django.")


def _is_page(evaluation: Evaluation, handler: Value, cls: ClassValue | None) -> bool:
    """Whether a view renders a page: by what it calls, or by the generic view that it comes from."""
    if cls is not None and any(
        isinstance(base, External) and base.name.startswith("django.views.generic") and not base.name.endswith(".View")
        for base in evaluation.ancestry(cls)
    ):
        return True
    calls = set(handler.node.calls) if isinstance(handler, FunctionValue) else set()
    return bool(calls & {"render", "redirect", "TemplateResponse", "render_to_string", "HttpResponseRedirect"})


def _view_class(view: Value) -> ClassValue | None:
    if isinstance(view, Instance) and view.event is not None and view.event.name == "as_view":
        receiver = view.event.receiver
        return receiver if isinstance(receiver, ClassValue) else None
    return None


def _class_methods(evaluation: Evaluation, cls: ClassValue) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for base in evaluation.ancestry(cls):
        if isinstance(base, ClassValue):
            for name in HTTP_METHODS:
                value = base.names.get(name)
                if isinstance(value, FunctionValue) and name not in ("head", "options", "trace"):
                    found.setdefault(name.upper(), value)
        else:
            for method in _GENERIC.get(base.name.rsplit(".", 1)[-1], ()):
                found.setdefault(method, cls)
    return found


def _restricting(name: str, argument: Value | None) -> tuple[str, ...]:
    last = name.rsplit(".", 1)[-1]
    if last == "require_GET":
        return ("GET",)
    if last == "require_safe":
        return ("GET",)
    if last == "require_POST":
        return ("POST",)
    if last == "require_http_methods":
        return _listed(argument)
    return ()


def _listed(value: Value | None) -> tuple[str, ...]:
    if not isinstance(value, Items):
        return ()
    return tuple(str(item.value).upper() for item in value.items if isinstance(item, Known))


ADAPTER = Adapter("django", frozenset(), surface)
