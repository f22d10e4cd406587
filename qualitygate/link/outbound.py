"""In: an evaluated program. Out: its calls to other systems over HTTP, with the host or setting and the timeout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from qualitygate.link.calls import CallGraph, decorators, dotted, every_function
from qualitygate.link.evaluate import Evaluator, Site
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Outbound
from qualitygate.model.source import Place, Role
from qualitygate.model.values import Arguments, Bound, External, FunctionValue, Instance, Known, Pattern, Value

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_MODULES = ("requests", "httpx")
_CLIENTS = (
    "requests.Session",
    "requests.session",
    "requests.sessions.Session",
    "httpx.Client",
    "httpx.AsyncClient",
    "aiohttp.ClientSession",
    "urllib3.PoolManager",
)
_CALLS: Mapping[str, str] = {
    **{f"{module}.{method}": module for module in _MODULES for method in (*_METHODS, "stream")},
    **{
        f"{client}.{method}": client.split(".", 1)[0] for client in _CLIENTS for method in (*_METHODS, "send", "stream")
    },
    "urllib.request.urlopen": "urllib",
    "requests.api.request": "requests",
}
# `tenacity.retry`, `backoff.on_exception`, `stamina.retry`, and decorators of the project that are named alike.
_RETRIES = re.compile(r"retr(?:y|ies|ying)|backoff|^on_(?:exception|predicate)$", re.IGNORECASE)
_PATH = re.compile(r"(?<=[.][a-z][a-z])\{\}$|(?<=[.][a-z]{3})\{\}$", re.IGNORECASE)
_HOST = re.compile(r"^[a-z][a-z0-9+.-]*://([^/?#]+)", re.IGNORECASE)


def link_outbound(evaluator: Evaluator, graph: CallGraph, roles: Mapping[str, Role]) -> tuple[Outbound, ...]:
    """Outbound calls of application code, in the order of their places."""
    words = frozenset(name.rsplit(".", 1)[-1] for name in _CALLS)
    found: dict[tuple[str, int, int], Outbound] = {}
    for event in evaluator.events:  # made while modules are loaded
        holder = (
            event.receiver.cls.name
            if isinstance(event.receiver, Instance) and isinstance(event.receiver.cls, External)
            else ""
        )
        name = f"{holder}.{event.name}" if event.receiver is not None else event.name
        if name in _CALLS and roles.get(event.place.path) is Role.APPLICATION and ":" not in event.owner:
            _add(found, _outbound(name, event.arguments, event.place, None))
    for function in every_function(evaluator):
        if roles.get(function.path) is not Role.APPLICATION or not words.intersection(function.node.calls):
            continue
        for site in graph.sites(function):
            name = dotted(site.callee)
            if name in _CALLS:
                retry = _retried(function, site)
                _add(found, _outbound(name, site.arguments, site.place, site, retry))
    return tuple(found[key] for key in sorted(found))


def _add(found: dict[tuple[str, int, int], Outbound], outbound: Outbound) -> None:
    span = outbound.place.span
    found[outbound.place.path, span.line, span.column] = outbound


def _client(site: Site | None) -> Instance | None:
    """The client whose method is called; None for a plain function."""
    receiver = site.callee.receiver if site is not None and isinstance(site.callee, Bound) else None
    return receiver if isinstance(receiver, Instance) else None


def _tells_its_limit(client: Instance | None) -> bool:
    """Whether all is known that a client was made with; one of requests takes no time limit."""
    return client is None or client.arguments.complete or _class_of(client).startswith("requests.")


def _retried(function: FunctionValue, site: Site) -> str:
    """What tries a call again: a decorator around its function, or the transport that its client was made with."""
    if told := next((name for name in sorted(decorators(function)) if _RETRIES.search(name)), ""):
        return told
    client = _client(site)
    transport = client.arguments.get("transport") if client is not None else None
    if isinstance(transport, Instance) and transport.arguments.get("retries") is not None:
        return "its transport"
    return "its transport" if isinstance(transport, Instance) and _RETRIES.search(_class_of(transport)) else ""


def _class_of(value: Instance) -> str:
    return value.cls.name if isinstance(value.cls, External) else value.cls.qualname


def _outbound(name: str, arguments: Arguments, place: Place, site: Site | None, retry: str = "") -> Outbound:
    position = 1 if name.endswith(".request") else 0
    target = arguments.get("url", position)
    client = _client(site)
    host = _host(target) or (_host(client.arguments.get("base_url")) if client is not None else "")
    timeout = arguments.get("timeout", 2 if name == "urllib.request.urlopen" else None)
    if timeout is None and client is not None:
        timeout = client.arguments.get("timeout")
    return Outbound(
        client=_CALLS[name],
        call=name,
        target=host or _name(_argument(site, "url", position)),
        timeout=_timeout(timeout, arguments.complete and _tells_its_limit(client)),
        place=place,
        retry=retry,
        host=host,
    )


def _argument(site: Site | None, name: str, position: int) -> ir.Expression | None:
    if site is None:
        return None
    positional = [
        argument.value for argument in site.expression.arguments if argument.name is None and not argument.stars
    ]
    named = [argument.value for argument in site.expression.arguments if argument.name == name]
    return named[0] if named else positional[position] if position < len(positional) else None


def _host(value: Value | None) -> str:
    """The host of an address, with `{}` for a part that is not known; empty where the code spells none of it."""
    text = ""
    if isinstance(value, Known) and isinstance(value.value, str):
        text = value.value
    elif isinstance(value, Pattern):
        text = "".join(part if part is not None else "{}" for part in value.parts)
    match = _HOST.match(text)
    # What follows a whole name without a colon is a path: `https://api.example.com{path}`.
    host = _PATH.sub("", match[1].rsplit("@", 1)[-1]) if match else ""
    return host if any(map(str.isalnum, host.partition(":")[0].replace("{}", ""))) or host.startswith("[") else ""


def _name(expression: ir.Expression | None) -> str:
    """The name of what holds an address; empty where it has none."""
    return "".join(_names(expression)) if expression is not None else ""


def _names(expression: ir.Expression) -> Iterator[str]:
    """The dotted name that an address begins with: `settings.RATES_URL` of `settings.RATES_URL + "/latest"`."""
    if isinstance(expression, ir.Template):
        first = next((part for part in expression.parts if not isinstance(part, ir.Constant)), None)
        if first is not None:
            yield from _names(first)
    elif isinstance(expression, ir.Operation) and expression.operands:
        yield from _names(expression.operands[0])
    elif isinstance(expression, ir.Attribute):
        yield from _names(expression.value)
        yield f".{expression.name}"
    elif isinstance(expression, ir.Name):
        yield expression.id


def _timeout(value: Value | None, complete: bool) -> str:
    if isinstance(value, Known):
        return "none" if value.value is None else str(value.value)
    if value is not None:
        return "set"
    return "" if complete else "unknown"
