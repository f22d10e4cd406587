"""In: a project. Out: the pieces of code during which a database transaction is open, each with how it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Project
from qualitygate.model import syntax as ir
from qualitygate_checks._code import Body, Code, declared_functions, last_name

SESSION = re.compile(r"(^|_)(session|db|database|uow|transaction|tx)$", re.IGNORECASE)


@dataclass(frozen=True)
class Region:
    """Statements of ``body`` that run while a transaction is open, and why it is, in a clause."""

    body: Body
    statements: tuple[ir.Statement, ...]
    why: str


def regions(project: Project, code: Code) -> Iterator[Region]:
    """What stands in `transaction.atomic()` and `session.begin()`, and functions that are one transaction by a decorator."""
    for word in ("atomic", "begin"):
        for body in code.everywhere(word):
            for statement in ir.walk(body.statements):
                if isinstance(statement, ir.With):
                    opened = next((name for item, _ in statement.items if (name := _opens(item))), "")
                    if opened and (word == "atomic") == opened.endswith("atomic()"):
                        yield Region(body, statement.body, f"`{opened}` is still open here")
    for path, function in declared_functions(project):
        for decorator in function.decorators:
            expression = decorator.expression
            named = expression.function if isinstance(expression, ir.Call) else expression
            if last_name(named) == "atomic":
                for body in code.bodies(path):
                    # No body is decoded to find the function: its head tells where it stands.
                    if body.function is not None and body.function.span == function.span:
                        yield Region(body, body.statements, "the function is one transaction (`atomic`)")


def _opens(expression: ir.Expression) -> str:
    """How a context opens a transaction, as the code spells it; empty where it opens none."""
    if not isinstance(expression, ir.Call):
        return ""
    name = last_name(expression.function)
    holder = expression.function.value if isinstance(expression.function, ir.Attribute) else None
    if name == "atomic":
        return "transaction.atomic()"
    if name == "begin" and holder is not None and SESSION.search(last_name(holder)):
        return f"{last_name(holder)}.begin()"
    return ""
