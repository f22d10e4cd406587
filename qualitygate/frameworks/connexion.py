"""Connexion. In: a followed program with its contracts. Out: the operations of the documents that it is told to serve.

An application is handed OpenAPI documents (`app.add_api("openapi.yaml")`); each operation is served by the function that
its `operationId` names, in the module that `x-openapi-router-controller` or a resolver names. What the document secures
is asked for before the function runs. Without an id a `RestyResolver` takes the function from method and path. `base_path` replaces the path of the document's server.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.frameworks import Adapter, RouteDraft, Surface
from qualitygate.frameworks.paths import path_text
from qualitygate.model.architecture import Unfollowed
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    Bound,
    Choice,
    ClassValue,
    Evaluation,
    External,
    FunctionValue,
    Instance,
    Known,
    Pattern,
    Value,
)

APPS = frozenset(
    f"connexion.{name}"
    for name in (
        "App",
        "FlaskApp",
        "AsyncApp",
        "AioHttpApp",
        "ConnexionMiddleware",
        "apps.flask.FlaskApp",
        "apps.asynchronous.AsyncApp",
    )
)
_DOCUMENTS = (".yaml", ".yml", ".json")
_DEEPEST = 5
# Functions of a `RestyResolver` by method; GET of a collection is `search`.
_RESTY = {"GET": "get", "POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete", "HEAD": "head"}


def surface(evaluation: Evaluation) -> Surface:
    """Every operation of every document that an application of the project is handed."""
    drafts: list[RouteDraft] = []
    missing: list[Unfollowed] = []
    apps: dict[int, Place] = {}
    for event in evaluation.events:
        receiver = event.receiver
        if not isinstance(receiver, Instance) or not evaluation.is_a(receiver, APPS):
            continue
        if receiver.place is not None:
            apps.setdefault(id(receiver), receiver.place)
        if event.name != "add_api":
            continue
        contract = _contract(evaluation, event.arguments.get("specification", 0), event.place)
        if contract is None:
            missing.append(Unfollowed(event.place, "add_api() of a document that is not found"))
        else:
            drafts.extend(_operations(evaluation, contract, event.arguments, event.place))
    return Surface(tuple(drafts), (), tuple(apps.values()), tuple(missing))


def _contract(evaluation: Evaluation, given: Value | None, place: Place) -> Contract | None:
    """The document that is meant: by the end of its path, nearest to the call where several end so."""
    wanted = next(_documents(given, 0), "").lstrip("./")
    found = [
        contract
        for contract in evaluation.contracts
        if wanted and (contract.path == wanted or contract.path.endswith(f"/{wanted.rpartition('/')[2]}"))
    ]
    if not wanted and len(evaluation.contracts) == 1:
        return evaluation.contracts[0]
    exact = [contract for contract in found if contract.path.endswith(wanted)]
    chosen = exact or found
    return max(chosen, key=lambda contract: _shared(contract.path, place.path)) if chosen else None


def _shared(first: str, second: str) -> int:
    """How many leading directories two paths have in common."""
    count = 0
    for one, other in zip(first.split("/"), second.split("/"), strict=False):
        if one != other:
            break
        count += 1
    return count


def _documents(value: Value | None, depth: int) -> Iterator[str]:
    """Names of documents in a value, and in what made it: `Parser("openapi.yaml").specification`."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Known) and isinstance(value.value, str) and value.value.endswith(_DOCUMENTS):
        yield value.value
    elif isinstance(value, Pattern) and value.parts and (value.parts[-1] or "").endswith(_DOCUMENTS):
        yield value.parts[-1] or ""
    elif isinstance(value, Choice):
        yield from _documents(value.values[0], depth + 1)
    elif isinstance(value, Bound):
        yield from _documents(value.receiver, depth + 1)
    elif isinstance(value, Instance):
        for part in (*value.arguments.positional, *value.arguments.keywords.values()):
            yield from _documents(part, depth + 1)
        if value.event is not None:
            yield from _documents(value.event.receiver, depth + 1)


def _operations(evaluation: Evaluation, contract: Contract, arguments: Arguments, place: Place) -> Iterator[RouteDraft]:
    base = arguments.get("base_path", 1)
    resolver = arguments.get("resolver")
    for operation in contract.operations:
        prefix, doubt = path_text(base)
        path = operation.full_path if base is None else prefix.rstrip("/") + operation.path
        handler, view = _handler(evaluation, operation, resolver, place)
        yield RouteDraft(
            framework="connexion",
            method=operation.method,
            path=path,
            handler=handler,
            declared=operation.place,
            mounts=(place,),
            view=view,
            before=(External("connexion.security"),) if operation.secured else (),
            uncertain=doubt,
            response=handler.node.returns if isinstance(handler, FunctionValue) else None,
            response_scope=handler.scope if isinstance(handler, FunctionValue) else None,
        )


def _handler(
    evaluation: Evaluation, operation: Operation, resolver: Value | None, place: Place
) -> tuple[Value, ClassValue | None]:
    """The function of an operation, and its class where a class serves it."""
    names = []
    module = _module(resolver)
    if operation.operation_id:
        if operation.controller:
            names.append(f"{operation.controller}.{operation.operation_id}")
        if module:
            names.append(f"{module}.{operation.operation_id}")
        names.append(operation.operation_id)
    segments = [part for part in operation.path.split("/") if part and not part.startswith("{")]
    if segments and (module or operation.controller):
        single = operation.path.rstrip("/").endswith("}")
        verb = "search" if operation.method == "GET" and not single else _RESTY.get(operation.method, "")
        names.append(f"{operation.controller or f'{module}.{segments[0]}'}.{verb}".replace("-", "_"))
    for name in names:
        found = evaluation.lookup(name, place.path)
        if isinstance(found, FunctionValue):
            return found, found.owner
    return External(names[0] if names else operation.name), None


def _module(resolver: Value | None) -> str:
    """The module that a resolver is given: `RestyResolver("api")`, `RelativeResolver("controllers")`."""
    if not isinstance(resolver, Instance):
        return ""
    for name in ("default_module_name", "root_path"):
        given = resolver.arguments.get(name, 0)
        if isinstance(given, Known) and isinstance(given.value, str):
            return given.value
    return ""


ADAPTER = Adapter("connexion", frozenset({"FlaskApp", "AsyncApp", "add_api"}), surface)
