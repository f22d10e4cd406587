"""In: the neutral programs of a project's files. Out: its routes, connections, error responses and outbound calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qualitygate.frameworks import RouteDraft, adapters
from qualitygate.link import caches, tasks
from qualitygate.link.assignments import link_assignments, link_settings
from qualitygate.link.calls import CallGraph
from qualitygate.link.connections import link_connections
from qualitygate.link.declared import declared
from qualitygate.link.errors import link_error_handlers, link_errors
from qualitygate.link.evaluate import Evaluator
from qualitygate.link.imports import link_imports
from qualitygate.link.inputs import link_inputs
from qualitygate.link.library_calls import link_calls
from qualitygate.link.mentions import Mentions
from qualitygate.link.outbound import link_outbound
from qualitygate.link.page_sizes import link_page_sizes
from qualitygate.link.routes import link_routes
from qualitygate.link.state import link_state
from qualitygate.model.facts import FileFacts
from qualitygate.model.program import Program
from qualitygate.model.source import Role, Span, Unread
from qualitygate.model.values import ClassValue, FunctionValue


def link_program(files: Sequence[FileFacts], wanted: frozenset[str], assigned: frozenset[str] = frozenset()) -> Program:
    """Follow the application's code; tests, examples, generated and vendored code are no part of it.

    ``wanted`` names the library calls that checks ask for, ``assigned`` the names whose assignments they want to see.
    """
    modules = {file.path: file.module for file in files if file.module is not None and not file.module.generated}
    if not modules:
        return Program()
    roles = {file.path: file.role for file in files}
    application = {path: module for path, module in modules.items() if roles[path] is Role.APPLICATION}
    frameworks = adapters()
    contracts = (file.contract for file in files if file.contract is not None and file.role is not Role.TEST)
    evaluator = Evaluator(application, tuple(sorted(contracts, key=lambda contract: contract.path)))
    evaluator.follow(frozenset().union(*(adapter.registers for adapter in frameworks)))
    surfaces = [adapter.surface(evaluator) for adapter in frameworks]
    drafts = _distinct(draft for surface in surfaces for draft in surface.routes)
    mentions = Mentions()
    graph = CallGraph(evaluator, frameworks, mentions)
    routes, names, pages = link_routes(evaluator, graph, drafts)
    handlers = [handler for surface in surfaces for handler in surface.error_handlers]
    assignments = link_assignments(evaluator, mentions, application, assigned | caches.SETTINGS)
    settings = link_settings(evaluator, application, assignments, assigned | caches.SETTINGS)
    calls = link_calls(evaluator, graph, drafts, names, roles, wanted | caches.CALLS | tasks.CALLS)
    return Program(
        routes=routes,
        imports=link_imports(application, evaluator.index),
        apps=tuple(dict.fromkeys(place for surface in surfaces for place in surface.apps)),
        connections=link_connections(evaluator, graph, drafts, names, roles),
        outbound=link_outbound(evaluator, graph, roles),
        tasks=tasks.link_tasks(evaluator, graph, roles, calls),
        channels=tasks.link_channels(calls),
        caches=caches.link_caches(calls, settings),
        unfollowed=tuple(dict.fromkeys(place for surface in surfaces for place in surface.unfollowed)),
        calls=tuple(call for call in calls if call.name in wanted),
        assignments=tuple(item for item in assignments if item.name in assigned),
        settings=settings,
        errors=link_errors(evaluator, graph, drafts, names, pages, handlers),
        error_handlers=link_error_handlers(evaluator, graph, handlers),
        page_sizes=link_page_sizes(evaluator, graph, drafts, names, pages),
        state=link_state(evaluator, graph, drafts, names, roles, mentions),
        inputs=link_inputs(evaluator, drafts, names),
        models=declared(evaluator, files),
        unread=tuple(
            Unread(path, 0, "start-up code too long to follow: routes that it declares may be missing")
            for path in evaluator.cut_short
        ),
    )


def _distinct(drafts: Iterable[RouteDraft]) -> list[RouteDraft]:
    """Each route once: an application factory that several entry points call makes the same routes for each of them."""
    found: dict[tuple[object, ...], RouteDraft] = {}
    for draft in drafts:
        node = draft.handler.node if isinstance(draft.handler, (FunctionValue, ClassValue)) else draft.handler
        view = draft.view.node if isinstance(draft.view, ClassValue) else draft.view
        place = (draft.declared.path, draft.declared.span, draft.mounts)
        found.setdefault((draft.method, draft.path, id(node), id(view), place), draft)
    sure = {(draft.method, draft.path, _at(draft)) for draft in found.values() if _HOLE not in draft.path}
    return [draft for draft in found.values() if (draft.method, _without_holes(draft.path), _at(draft)) not in sure]


_HOLE = "{?}"


def _at(draft: RouteDraft) -> tuple[str, Span]:
    return draft.declared.path, draft.declared.span


def _without_holes(path: str) -> str:
    """A path below a prefix that is not known, empty for any other: the same program mounts it elsewhere for sure."""
    return path[path.rindex(_HOLE) + len(_HOLE) :] if path.startswith(_HOLE) else ""
