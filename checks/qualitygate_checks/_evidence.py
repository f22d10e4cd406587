"""In: a linked project. Out: whether its code mentions something at all, and the place where a missing part would be added."""

from __future__ import annotations

import re

import msgspec

from qualitygate.authoring import Place, Project, Role
from qualitygate.model import syntax as ir


def mentions(project: Project, pattern: re.Pattern[bytes]) -> bool:
    """Whether a name or text of the application's code matches ``pattern``, functions included.

    Asked of the encoded form of the modules, in which names and texts stand as they are: that reads a large project in
    a moment. It tells that something is there, not what it is good for; so it may only keep a check silent.
    """
    return any(
        file.module is not None
        and file.role is Role.APPLICATION
        and pattern.search(msgspec.msgpack.encode(file.module)) is not None
        for file in project.files
    )


def entrance(project: Project) -> Place | None:
    """Where something that a whole service lacks would be added: its application, else its first route; None without routes."""
    served = [route for route in project.routes if route.api]
    if not served:
        return None
    if any(route.framework in ("django", "drf", "ninja") for route in served):
        for assignment in project.assignments:
            if assignment.name == "ROOT_URLCONF":
                return Place(assignment.place.path, assignment.place.span)
    if project.apps:
        return Place(project.apps[0].path, project.apps[0].span)
    return Place(served[0].declared.path, served[0].declared.span)


def logging_calls(project: Project) -> int:
    """How many functions of the application log something."""
    return sum(
        1
        for file in project.files
        if file.module is not None and file.role is Role.APPLICATION
        for function in _functions(file.module.body)
        if {"info", "warning", "error", "exception", "debug"}.intersection(function.calls)
    )


def _functions(body: tuple[ir.Statement, ...]) -> list[ir.Function]:
    found: list[ir.Function] = []
    for statement in body:
        if isinstance(statement, ir.Function):
            found.append(statement)
        elif isinstance(statement, ir.Class):
            found.extend(_functions(statement.body))
    return found
