"""In: the neutral programs of the application's files. Out: which module imports which, where, and when that happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qualitygate.link.names import ModuleIndex
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import ModuleImport
from qualitygate.model.source import Place, Span


def link_imports(modules: Mapping[str, ir.Module], index: ModuleIndex) -> tuple[ModuleImport, ...]:
    """Every import of one module by another, in the order of the paths and lines; ``index`` finds the modules.

    An import of a name of a package is one of the submodule of that name where there is one. Packages around what is
    imported do not count, though Python loads them too: nothing of theirs is asked for.
    """
    targets = _Targets(modules, index)
    found = []
    for path, module in sorted(modules.items()):
        taken: dict[tuple[str, str, Span], list[str]] = {}
        for statement, when in _imports(module.body, "import"):
            for target, name in targets.of(statement, path):
                if target != path:
                    taken.setdefault((target, when, statement.span), []).extend([name] if name else [])
        found += [
            ModuleImport(path, target, when, Place(path, span), tuple(names))
            for (target, when, span), names in taken.items()
        ]
    return tuple(found)


class _Targets:
    """Resolves imports to the files that they load."""

    def __init__(self, modules: Mapping[str, ir.Module], index: ModuleIndex) -> None:
        self._modules = modules
        self._index = index

    def of(self, statement: ir.Import, near: str) -> Iterator[tuple[str, str]]:
        """The files that an import loads, each with the name that it takes from there."""
        base = self._base(statement, near)
        if base is None:
            return
        if not statement.names:
            if base in self._modules:
                yield base, ""
            return
        for name, _ in statement.names:
            child = self._index.child(base, name) if name != "*" else None
            if child is not None and child in self._modules:
                yield child, ""
            elif base in self._modules:
                yield base, name

    def _base(self, statement: ir.Import, near: str) -> str | None:
        if statement.level:
            return self._index.relative(statement.level, statement.module, near)
        return self._index.absolute(statement.module, near)


def _imports(body: tuple[ir.Statement, ...], when: str) -> Iterator[tuple[ir.Import, str]]:
    for statement in body:
        if isinstance(statement, ir.Import):
            yield statement, when
        elif isinstance(statement, ir.Function):
            if ir.may_hold(statement, ir.Import):
                yield from _imports(ir.statements(statement), "call")
        elif isinstance(statement, ir.If):
            inside, otherwise = _branches(statement.test, when)
            yield from _imports(statement.body, inside)
            yield from _imports(statement.orelse, otherwise)
        else:
            for block in ir.blocks(statement):
                yield from _imports(block, when)


def _branches(test: ir.Expression, when: str) -> tuple[str, str]:
    """When the imports of a condition's two branches happen."""
    if isinstance(test, ir.Operation) and test.operator == "not" and test.operands:
        inside, otherwise = _branches(test.operands[0], when)
        return otherwise, inside
    words = {
        part.id if isinstance(part, ir.Name) else part.name
        for part in ir.subexpressions(test)
        if isinstance(part, (ir.Name, ir.Attribute))
    }
    if "TYPE_CHECKING" in words:
        return "typing", when
    return ("call", when) if "__name__" in words else (when, when)
