"""GraphQL endpoints. In: what a framework mounts or routes to. Out: one POST operation where it serves a GraphQL schema.

An endpoint has one path by design: its version and its pages are matters of the schema, so it is exempt from the rules
of paths. The libraries' views are known by name; where they are mounted is known to the framework that hosts them.
"""

from __future__ import annotations

import re
from typing import TypeGuard

from qualitygate.frameworks import RouteDraft
from qualitygate.model.source import Place
from qualitygate.model.values import ClassValue, Evaluation, External, Instance, Value

_LIBRARIES = (
    "strawberry",
    "strawberry_django",
    "graphene",
    "graphene_django",
    "graphene_file_upload",
    "graphql_server",
    "flask_graphql",
    "aiohttp_graphql",
    "sanic_graphql",
    "ariadne",
    "ariadne_django",
    "ariadne_graphql_proxy",
    "starlette_graphene",
    "starlette_graphene3",
    "starlette",
    "tartiflette_asgi",
    "tartiflette_aiohttp",
)
_VIEW = re.compile(r"GraphQL\w*|make_graphql_controller|TartifletteApp")


def is_endpoint(evaluation: Evaluation, value: Value | None) -> TypeGuard[Value]:
    """Whether a view, an application, a router or a controller of a GraphQL library stands here, or a class of its."""
    if isinstance(value, Instance) and value.event is not None and value.event.name == "as_view":
        value = value.event.receiver
    if not isinstance(value, (Instance, ClassValue, External)):
        return False
    return any(isinstance(base, External) and _is_view(base.name) for base in evaluation.ancestry(value))


def _is_view(name: str) -> bool:
    name = name.removesuffix("()").removesuffix(".as_view")
    package, _, last = name.rpartition(".")
    return package.split(".", 1)[0] in _LIBRARIES and _VIEW.fullmatch(last) is not None


def draft(
    view: Value,
    path: str,
    declared: Place,
    mounts: tuple[Place, ...] = (),
    before: tuple[Value, ...] = (),
    uncertain: str = "",
) -> RouteDraft:
    """The operation of an endpoint at a full path; its handler is the project's class where it has one."""
    if isinstance(view, Instance) and view.event is not None and view.event.name == "as_view":
        view = view.event.receiver or view
    if isinstance(view, Instance):
        view = view.cls
    return RouteDraft(
        framework="graphql",
        method="POST",
        path=path,
        handler=view,
        declared=declared,
        mounts=mounts,
        before=before,
        uncertain=uncertain,
        exempt="graphql",
    )
