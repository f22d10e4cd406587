"""In: the paths of all Python files and what they import. Out: which file an import names, seen from another file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from posixpath import dirname

from qualitygate.model.syntax import If, Import, Module, Statement, Try


class ModuleIndex:
    """Finds the project's modules by import name.

    A directory is a package where it holds an ``__init__.py``, or where imports of the project go through it
    (namespace packages); every other directory is a place that imports may start from. So `app/redis.py` does not
    shadow the library `redis` once anything imports `app.something`.
    """

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._files = set(modules)
        self._directories: set[str] = {""}
        for path in modules:
            while path := dirname(path):
                self._directories.add(path)
        packages = {dirname(path) for path in modules if path.endswith("__init__.py")} - {""}
        # `graphql-demo/__init__.py` makes no package: no import can name it.
        self._packages = {path for path in packages if path.rpartition("/")[2].isidentifier()}
        # What one file of a folder imports, the others do too: a file's own name and that of a package tell answers apart.
        self._known: dict[tuple[str, str, str], str | None] = {}
        self._through_imports(modules)
        self._roots = sorted(self._directories - self._packages, key=lambda path: (path.count("/"), path))

    def _through_imports(self, modules: Mapping[str, Module]) -> None:
        # Most imports name a library: no directory is called so.
        called = {path.rpartition("/")[2] for path in self._directories}
        for path, module in modules.items():
            for statement in _imports(module.body):
                parts = statement.module.split(".") if statement.module else []
                if statement.level or not parts or parts[0] not in called:
                    continue
                names = ["", *(name for name, _ in statement.names)]
                for start in _upwards(dirname(path)):
                    found = _join(start, parts[0])
                    if found in self._directories and any(
                        self._descend(start, [*parts, *([name] if name else [])]) for name in names
                    ):
                        self._packages.update(
                            directory
                            for length in range(1, len(parts) + 1)
                            if (directory := "/".join(filter(None, [start, *parts[:length]]))) in self._directories
                        )
                        break

    def absolute(self, dotted: str, near: str) -> str | None:
        """The path of a module, or a package's directory, by its absolute import name; None for a library's."""
        folder, _, name = near.rpartition("/")
        own = name.endswith("__init__.py") or name.removesuffix(".py") in dotted
        key = (dotted, folder, name if own else "")
        if key not in self._known:
            self._known[key] = self._absolute(dotted, near)
        return self._known[key]

    def _absolute(self, dotted: str, near: str) -> str | None:
        parts = dotted.split(".")
        tried = set()
        for start in _upwards(dirname(near)):
            tried.add(start)
            found = self._descend(start, parts) if start not in self._packages else None
            # `app/redis.py` imports the library of its name, `app/__init__.py` its own submodules.
            if found and (found != near or (near.endswith("__init__.py") and (len(parts) > 1 or not start))):
                return found
        for start in self._roots:
            found = self._descend(start, parts) if start not in tried else None
            # Elsewhere in the tree a single word may be anything: only a package is taken to be meant.
            if found and found != near and (len(parts) > 1 or found.endswith("__init__.py")):
                return found
        return None

    def relative(self, level: int, dotted: str, near: str) -> str | None:
        """The path of a module imported with ``level`` leading dots from the file ``near``."""
        start = dirname(near)
        for _ in range(level - 1):
            start = dirname(start)
        return self._descend(start, dotted.split(".")) if dotted else self._package(start)

    def child(self, path: str, name: str) -> str | None:
        """The submodule ``name`` of the package whose file or directory is ``path``."""
        directory = dirname(path) if path.endswith("__init__.py") else path
        return None if path.endswith(".py") and not path.endswith("__init__.py") else self._descend(directory, [name])

    def _descend(self, start: str, parts: Iterable[str]) -> str | None:
        leaf = "/".join(filter(None, [start, *parts]))
        for found in (f"{leaf}/__init__.py", f"{leaf}.py"):
            if found in self._files:
                return found
        return leaf if leaf in self._directories else None

    def _package(self, directory: str) -> str | None:
        init = _join(directory, "__init__.py")
        if init in self._files:
            return init
        return directory if directory in self._directories and directory else None


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _upwards(directory: str) -> Iterable[str]:
    while directory:
        yield directory
        directory = dirname(directory)
    yield ""


def _imports(body: Iterable[Statement]) -> Iterable[Import]:
    for statement in body:
        if isinstance(statement, Import):
            yield statement
        elif isinstance(statement, (If, Try)):
            yield from _imports(statement.body)
