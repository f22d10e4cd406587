"""What a framework adapter hands over: the routes, error handlers and limits that a followed program declares.

One adapter a file, each a module of this package with an ``ADAPTER``. An adapter reads the events of the evaluation
and knows one framework; it knows no parser and no check.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from qualitygate.model.architecture import Unfollowed
from qualitygate.model.source import Place
from qualitygate.model.syntax import Expression
from qualitygate.model.values import Evaluation, FunctionValue, Scope, Value


@dataclass(frozen=True)
class RouteDraft:
    """One operation as its framework declares it.

    ``path`` is full, parameters as ``{name}``. ``handler`` is the function or method; ``view`` the class that serves,
    where there is one. ``before`` are callables that run for each request ahead of the handler (dependencies,
    middleware, permissions). ``response`` is what the declaration says of the response's type, with the scope to read
    it in. ``collection`` and ``paginated_by`` are set where the framework decides them exactly. ``exempt`` says why the
    rules of an API leave the route alone, where the framework knows (`graphql`).
    """

    framework: str
    method: str
    path: str
    handler: Value
    declared: Place
    mounts: tuple[Place, ...] = ()
    view: Value | None = None
    before: tuple[Value, ...] = ()
    response: Expression | None = None
    response_value: Value | None = None
    response_scope: Scope | None = None
    uncertain: str = ""
    hidden: bool = False
    page: bool = False
    exempt: str = ""
    versioned_by: str = ""
    collection: bool | None = None
    paginated_by: str | None = None
    name: str = ""


@dataclass(frozen=True)
class ErrorHandlerDraft:
    """A handler for an exception or a status, registered for the whole application: ``catches`` names what it takes."""

    catches: str
    handler: Value
    place: Place


@dataclass(frozen=True)
class Surface:
    """All that one framework declares in a project."""

    routes: tuple[RouteDraft, ...] = ()
    error_handlers: tuple[ErrorHandlerDraft, ...] = ()
    apps: tuple[Place, ...] = ()
    unfollowed: tuple[Unfollowed, ...] = ()


@dataclass(frozen=True)
class Adapter:
    """One framework.

    ``registers`` names the calls by which code declares routes: a function that makes one and that nobody calls is an
    entry point (an application factory). ``injected`` gives the callables that a framework runs to fill a handler's
    parameters.
    """

    name: str
    registers: frozenset[str]
    surface: Callable[[Evaluation], Surface]
    injected: Callable[[Evaluation, FunctionValue], Iterable[Value]] = field(default=lambda evaluation, function: ())


def adapters() -> tuple[Adapter, ...]:
    """Every adapter of this package, in the order of their names. Raises ``LookupError`` where there is none."""
    found = tuple(_adapters())
    if not found:
        raise LookupError("no framework adapter is installed")
    return found


def _adapters() -> Iterator[Adapter]:
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        adapter = getattr(importlib.import_module(f"{__name__}.{module.name}"), "ADAPTER", None)
        if isinstance(adapter, Adapter):
            yield adapter
