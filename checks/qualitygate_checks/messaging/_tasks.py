"""In: a linked project. Out: its tasks of Celery, and the calls that hand work to a queue or publish a message."""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Place, Project, Role
from qualitygate.model import syntax as ir
from qualitygate_checks._code import declared_functions, last_name

_DECORATORS = frozenset({"task", "shared_task", "periodic_task"})
_CELERY = ("celery", "kombu")


def celery_tasks(project: Project) -> tuple[tuple[str, ir.Function, ir.Decorator], ...]:
    """Path, function and decorator of every task of Celery."""
    return project.once(_celery_tasks)


def _celery_tasks(project: Project) -> tuple[tuple[str, ir.Function, ir.Decorator], ...]:
    return tuple(_tasks(project))


def _tasks(project: Project) -> Iterator[tuple[str, ir.Function, ir.Decorator]]:
    known = {file.path for file in project.files if file.module is not None and _imports_celery(file.module)}
    for path, function in declared_functions(project):
        for decorator in function.decorators:
            expression = decorator.expression
            called = expression.function if isinstance(expression, ir.Call) else expression
            holder = last_name(called.value).lower() if isinstance(called, ir.Attribute) else ""
            if last_name(called) in _DECORATORS and (path in known or "celery" in holder):
                yield path, function, decorator


def uses_celery(project: Project) -> bool:
    """Whether a module of the application imports Celery; other queues have a `delay` too, some inside the transaction."""
    return any(
        isinstance(statement, ir.Import) and statement.module.split(".", 1)[0] in _CELERY
        for file in project.files
        if file.module is not None and file.role is Role.APPLICATION
        for statement in ir.walk(file.module.body)
    )


def _imports_celery(module: ir.Module) -> bool:
    return any(
        isinstance(statement, ir.Import)
        and (
            statement.module.split(".", 1)[0] in _CELERY
            or "celery" in statement.module.lower().rsplit(".", 1)[-1]
            or any("celery" in name.lower() for name, _ in statement.names)
        )
        for statement in ir.walk(module.body)
    )


def celery_application(project: Project) -> Place | None:
    """Where the application of Celery is made; None without one."""
    return next((call.place for call in project.calls if call.name in CELERY), None)


CELERY = frozenset({"celery.Celery", "celery.app.Celery", "celery.app.base.Celery"})
