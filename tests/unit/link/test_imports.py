"""Which module of the application imports which, and when."""

from __future__ import annotations

from qualitygate.link.imports import link_imports
from qualitygate.link.names import ModuleIndex
from qualitygate.model.source import Text
from qualitygate.model.syntax import Module
from qualitygate.parse.python import parse_python


def edges(files: dict[str, str]) -> set[tuple[str, str, str]]:
    modules: dict[str, Module] = {path: parse_python(Text.of(text)).module() for path, text in files.items()}
    return {(item.importer, item.imported, item.when) for item in link_imports(modules, ModuleIndex(modules))}


def test_a_name_of_a_package_is_its_submodule_where_there_is_one() -> None:
    files = {"app/__init__.py": "x = 1\n", "app/a.py": "from app import b, x\nfrom . import b as c\n", "app/b.py": ""}
    assert edges(files) == {("app/a.py", "app/b.py", "import"), ("app/a.py", "app/__init__.py", "import")}


def test_relative_imports_climb() -> None:
    files = {"app/__init__.py": "", "app/sub/__init__.py": "", "app/sub/a.py": "from ..b import y\n", "app/b.py": ""}
    assert edges(files) == {("app/sub/a.py", "app/b.py", "import")}


def test_an_import_tells_when_it_happens() -> None:
    text = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import app.b
        else:
            import app.c
        if not TYPE_CHECKING:
            import app.d
        try:
            import app.e
        except ImportError:
            import app.f
        def later():
            with open("x"):
                import app.g
        class A:
            import app.h
            def method(self):
                import app.i
        if __name__ == "__main__":
            import app.j
        """.replace("\n        ", "\n")
    files = {"app/__init__.py": "", "app/a.py": text, **{f"app/{name}.py": "" for name in "bcdefghij"}}
    when = {imported[4]: moment for _, imported, moment in edges(files)}
    assert when == {
        "b": "typing",
        "c": "import",
        "d": "import",
        "e": "import",
        "f": "import",
        "g": "call",
        "h": "import",
        "i": "call",
        "j": "call",
    }


def test_the_names_that_are_taken_are_told_once_a_statement() -> None:
    files = {"app/__init__.py": "", "app/a.py": "from app.b import x, y\n", "app/b.py": ""}
    modules = {path: parse_python(Text.of(text)).module() for path, text in files.items()}
    (item,) = link_imports(modules, ModuleIndex(modules))
    assert item.names == ("x", "y")
    assert item.place.span.line == 1
