"""In: a linked project. Out: what is there (routes, operations, tables, connections, calls) as text or JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qualitygate.model.architecture import (
    Cache,
    Channel,
    Connection,
    ErrorResponse,
    Outbound,
    Route,
    RouteParameter,
    Task,
    Unfollowed,
)
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.deployment import Decision, Unit
from qualitygate.model.project import Project
from qualitygate.model.schema import Table
from qualitygate.model.source import Place
from qualitygate.report.display import Palette, pad, understood, visible, width
from qualitygate.report.json import SCHEMA_VERSION, encoded

# Guards of these kinds say who may call.
_AUTH = frozenset({"authentication", "identity"})
_WIDEST = 60
_SHOWN = 3  # routes named in one line
_IN_PATH = re.compile(r"\{([^{}]+)\}")


def render_json(project: Project, root: Path, version: str) -> bytes:
    """The inventory as UTF-8 JSON, in the form of ``schemas/inventory-1.json``. Every part is there, if empty."""
    return encoded(document(project, root, version))


def document(project: Project, root: Path, version: str) -> dict[str, Any]:
    """The inventory as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "qgate", "version": version},
        "root": root.as_posix(),
        "routes": [_route(route) for route in project.routes],
        "operations": [
            _operation(operation, contract) for contract in project.contracts for operation in contract.operations
        ],
        "tables": [_table(table) for table in project.tables],
        "connections": [_connection(connection) for connection in project.connections],
        "outbound": [_outbound(outbound) for outbound in project.outbound],
        "tasks": [_task(task) for task in project.tasks],
        "channels": [_channel(channel) for channel in project.channels],
        "caches": [_cache(cache) for cache in project.caches],
        "units": [_unit(unit, Place(file.path, unit.span)) for file in project.files for unit in file.units],
        "decisions": [
            _decision(file.decision, Place(file.path, file.decision.span))
            for file in project.files
            if file.decision is not None
        ],
        "errors": [_shape(shape) for shape in _shapes(project)],
        "unfollowed": [{**_at(item.place), "why": item.why} for item in project.unfollowed],
        "unread": [{"path": item.path, "line": item.line, "reason": item.reason} for item in project.unread],
        "files": len(project.files),
        "statements": {"total": project.coverage.total, "understood": project.coverage.understood},
    }


def render_text(project: Project, *, color: bool) -> str:
    """The inventory as tables for people; parts that are empty are told in one line."""
    paint = Palette(color)
    contracts = [(contract, operation) for contract in project.contracts for operation in contract.operations]
    parts: tuple[tuple[str, Sequence[Sequence[str]]], ...] = (
        ("Routes", [_route_row(route) for route in project.routes]),
        ("Operations of contracts", [_operation_row(operation) for _, operation in contracts]),
        ("Tables", [_table_row(table) for table in project.tables]),
        ("Connections", [_connection_row(connection) for connection in project.connections]),
        ("Outbound calls", [_outbound_row(outbound) for outbound in project.outbound]),
        ("Tasks", [_task_row(task) for task in project.tasks]),
        ("Queues and topics", [_channel_row(channel) for channel in project.channels]),
        ("Caches", [_cache_row(cache) for cache in project.caches]),
        (
            "Built and run",
            [_unit_row(unit, Place(file.path, unit.span)) for file in project.files for unit in file.units],
        ),
        (
            "Decision records",
            [
                _decision_row(file.decision, Place(file.path, file.decision.span))
                for file in project.files
                if file.decision is not None
            ],
        ),
        ("Shapes of errors", [_shape_row(shape) for shape in _shapes(project)]),
        ("Not followed", [_unfollowed_row(item) for item in project.unfollowed]),
        (
            "Not read",
            [(f"{item.path}:{item.line}" if item.line else item.path, item.reason) for item in project.unread],
        ),
    )
    lines: list[str] = []
    empty = []
    for title, rows in parts:
        if rows:
            lines += [f"{paint.strong(title)}  {len(rows):,}", *_aligned(rows, paint.faint), ""]
        elif not title.startswith("Not "):
            empty.append(title.lower())
    if empty:
        lines.append(f"None found: {', '.join(empty)}")
    lines.append(f"{len(project.files):,} files read")
    if project.coverage.total:
        lines.append(understood(project.coverage))
    return "\n".join(lines) + "\n"


def _route(route: Route) -> dict[str, Any]:
    return {
        "method": route.method,
        "path": route.path,
        "handler": route.handler,
        **_at(route.place),
        "framework": route.framework,
        "versioned": route.versioned,
        "version_how": route.version_how,
        "collection": route.collection,
        "paginated": route.paginated,
        "paginated_by": route.paginated_by,
        "auth": _auth(route),
        "guards": [{"kind": guard.kind, "name": guard.name, **_at(guard.place)} for guard in route.guards],
        "parameters": [
            {"name": one.name, "source": one.source, "type": one.type, "maximum": one.maximum}
            for one in _parameters(route)
        ],
        "response": route.response,
        "declared": _at(route.declared),
        "mounts": [_at(place) for place in route.mounts],
        "api": route.api,
        "exempt": route.exempt,
        "uncertain": route.uncertain,
    }


def _throttles(route: Route) -> list[str]:
    return list(dict.fromkeys(guard.name for guard in route.guards if guard.kind == "throttling"))


def _auth(route: Route) -> list[str]:
    return list(dict.fromkeys(guard.name for guard in route.guards if guard.kind in _AUTH))


def _parameters(route: Route) -> list[RouteParameter]:
    """The parameters that are told, and those that the path names."""
    told = {parameter.name for parameter in route.parameters if parameter.source == "path"}
    named = [RouteParameter(name, "path") for name in _IN_PATH.findall(route.path) if name not in told | {"?"}]
    return [*named, *route.parameters]


def _operation(operation: Operation, contract: Contract) -> dict[str, Any]:
    return {
        "method": operation.method,
        "path": operation.path,
        "full_path": operation.full_path,
        "operation_id": operation.operation_id,
        **_at(operation.place),
        "contract": contract.path,
        "versioned": operation.versioned,
        "version_how": operation.version_how,
        "collection": operation.collection,
        "paginated": operation.paginated,
        "paginated_by": operation.paginated_by,
        "secured": operation.secured,
        "auth": _schemes(operation),
        "deprecated": operation.deprecated,
        "exempt": operation.exempt,
    }


def _schemes(operation: Operation) -> list[str]:
    return sorted({name for alternative in operation.security or () for name in alternative})


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "schema": table.schema,
        "kind": table.kind,
        "columns": [
            {"name": column.name, "type": column.type, "nullable": column.nullable, "default": column.default}
            for column in table.columns
        ],
        "primary_key": list(table.primary_key),
        "foreign_keys": [
            {
                "columns": list(key.columns),
                "references_table": key.references_table,
                "references_columns": list(key.references_columns),
            }
            for key in table.foreign_keys
        ],
        "indexes": [
            {"name": index.name, "columns": list(index.columns), "unique": index.unique} for index in table.indexes
        ],
        "source": table.source,
        "defined_at": _at(table.defined_at),
    }


def _connection(connection: Connection) -> dict[str, Any]:
    return {
        "kind": connection.kind,
        "constructor": connection.constructor,
        **_at(connection.place),
        "owner": connection.owner,
        "scope": connection.scope.value,
        "routes": list(connection.routes),
    }


def _outbound(outbound: Outbound) -> dict[str, Any]:
    return {
        "client": outbound.client,
        "call": outbound.call,
        "target": outbound.target,
        "host": outbound.host,
        "timeout": outbound.timeout,
        "retry": outbound.retry,
        **_at(outbound.place),
    }


def _task(task: Task) -> dict[str, Any]:
    return {
        "library": task.library,
        "name": task.name,
        **_at(task.place),
        "queue": task.queue,
        "retries": task.retries,
        "time_limit": task.time_limit,
        "schedule": task.schedule,
        "callers": [_at(place) for place in task.callers],
        "routes": list(task.routes),
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "library": channel.library,
        "direction": channel.direction,
        "name": channel.name,
        **_at(channel.place),
        "owner": channel.owner,
        "routes": list(channel.routes),
    }


def _cache(cache: Cache) -> dict[str, Any]:
    return {
        "kind": cache.kind,
        "library": cache.library,
        "name": cache.name,
        "backend": cache.backend,
        "ttl": cache.ttl,
        **_at(cache.place),
        "owner": cache.owner,
        "routes": list(cache.routes),
    }


def _unit(unit: Unit, place: Place) -> dict[str, Any]:
    return {
        "kind": unit.kind,
        "name": unit.name,
        **_at(place),
        "image": unit.image,
        "command": unit.command,
        "ports": list(unit.ports),
        "needs": list(unit.needs),
        "scale": unit.scale,
        "build": unit.build,
        "health": unit.health,
    }


def _decision(decision: Decision, place: Place) -> dict[str, Any]:
    return {
        "title": decision.title,
        "status": decision.status,
        "date": decision.date,
        "replaced_by": decision.replaced_by,
        "replaces": decision.replaces,
        **_at(place),
    }


def _shapes(project: Project) -> list[list[ErrorResponse]]:
    """The error responses that routes reach, by their shape, the most frequent first."""
    shapes: dict[tuple[str, str, tuple[str, ...]], list[ErrorResponse]] = {}
    for error in project.errors:
        if error.routes and not error.says:
            shapes.setdefault((error.framework, error.shape, error.keys), []).append(error)
    return sorted(shapes.values(), key=lambda errors: (-len(errors), errors[0].place.path, errors[0].place.span))


def _shape(errors: Sequence[ErrorResponse]) -> dict[str, Any]:
    first = errors[0]
    return {
        "shape": first.shape,
        "keys": list(first.keys),
        "framework": first.framework,
        "count": len(errors),
        "statuses": sorted({error.status for error in errors}),
        **_at(first.place),
    }


def _shape_row(errors: Sequence[ErrorResponse]) -> tuple[str, ...]:
    first = errors[0]
    statuses = sorted({error.status for error in errors if error.status})
    told = " ".join(map(str, statuses[:_SHOWN])) + (" ..." if len(statuses) > _SHOWN else "")
    return (f"{len(errors):,}", first.shape, ", ".join(first.keys), told, _where(first.place))


def _at(place: Place) -> dict[str, Any]:
    return {"file": place.path, "line": place.span.line}


def _route_row(route: Route) -> tuple[str, ...]:
    marks = [
        f"version by {route.version_how}" if route.versioned else "",
        (f"paginated by {route.paginated_by}" if route.paginated else "not paginated") if route.collection else "",
        f"auth: {', '.join(_auth(route))}" if _auth(route) else "",
        f"throttled: {', '.join(_throttles(route))}" if _throttles(route) else "",
        f"gives {route.response}" if route.response else "",
        f"uncertain: {route.uncertain}" if route.uncertain else "",
    ]
    return (route.method, route.path, _where(route.place), route.handler, "; ".join(filter(None, marks)))


def _operation_row(operation: Operation) -> tuple[str, ...]:
    marks = [
        f"version by {operation.version_how}" if operation.versioned else "",
        ("paginated" if operation.paginated else "not paginated") if operation.collection else "",
        f"auth: {', '.join(_schemes(operation))}" if _schemes(operation) else "",
        "deprecated" if operation.deprecated else "",
    ]
    name = operation.operation_id
    return (operation.method, operation.full_path, _where(operation.place), name, "; ".join(filter(None, marks)))


def _table_row(table: Table) -> tuple[str, ...]:
    keys = [
        f"{', '.join(key.columns)} -> {key.references_table}({', '.join(key.references_columns)})"
        for key in table.foreign_keys
    ]
    columns, indexes = len(table.columns), len(table.indexes)
    counts = f"{columns} column{'s' * (columns != 1)}, {indexes} index{'es' * (indexes != 1)}"
    counts += ", from models" if table.source == "models" else ""
    return (table.full_name, _where(table.defined_at), counts, "; ".join(keys))


def _connection_row(connection: Connection) -> tuple[str, ...]:
    scope = f"per {connection.scope.value}" if connection.scope.value == "request" else connection.scope.value
    return (connection.kind, connection.constructor, _where(connection.place), scope, connection.owner)


def _outbound_row(outbound: Outbound) -> tuple[str, ...]:
    timeout = f"timeout {outbound.timeout}" if outbound.timeout else "no timeout"
    retry = f"; retried by {outbound.retry}" if outbound.retry else ""
    return (outbound.call, outbound.target or "unknown target", _where(outbound.place), timeout + retry)


def _task_row(task: Task) -> tuple[str, ...]:
    callers = len(task.callers)
    marks = [
        f"queue {task.queue}" if task.queue else "",
        f"retries {task.retries}" if task.retries else "",
        f"time limit {task.time_limit}" if task.time_limit else "",
        f"schedule {task.schedule}" if task.schedule else "",
        f"handed over at {callers} place{'s' * (callers != 1)}" if callers else "",
        f"by {', '.join(task.routes[:_SHOWN])}" if task.routes else "",
    ]
    return (task.library, task.name, _where(task.place), "; ".join(filter(None, marks)))


def _channel_row(channel: Channel) -> tuple[str, ...]:
    name = channel.name or "unknown name"
    return (channel.library, channel.direction, name, _where(channel.place), channel.owner)


def _cache_row(cache: Cache) -> tuple[str, ...]:
    lives = "lives for ever" if cache.ttl == "never" else f"lives {cache.ttl}" if cache.ttl else "life unknown"
    return (cache.kind, cache.library, cache.name or cache.backend, _where(cache.place), lives)


def _unit_row(unit: Unit, place: Place) -> tuple[str, ...]:
    marks = [
        f"image {unit.image}" if unit.image else "",
        unit.command,
        f"ports {', '.join(unit.ports)}" if unit.ports else "",
        f"needs {', '.join(unit.needs)}" if unit.needs else "",
        f"scale {unit.scale}" if unit.scale else "",
        "health check" if unit.health else "",
    ]
    return (unit.kind, unit.name, _where(place), "; ".join(filter(None, marks)))


def _decision_row(decision: Decision, place: Place) -> tuple[str, ...]:
    return (decision.title, _where(place), "; ".join(filter(None, (decision.status or "no status", decision.date))))


def _unfollowed_row(item: Unfollowed) -> tuple[str, ...]:
    return (_where(item.place), item.why)


def _where(place: Place) -> str:
    return f"{place.path}:{place.span.line}"


def _aligned(rows: Sequence[Sequence[str]], faint: Callable[[str], str]) -> Iterator[str]:
    """Rows in columns; one very long cell does not push all others aside."""
    cells = [[visible(cell) for cell in row] for row in rows]
    columns = [min(_WIDEST, max(width(row[number]) for row in cells)) for number in range(len(cells[0]))]
    for row in cells:
        padded = [pad(cell, size) for cell, size in zip(row, columns, strict=True)]
        yield f"  {'  '.join(padded[:-1])}  {faint(row[-1])}".rstrip()
