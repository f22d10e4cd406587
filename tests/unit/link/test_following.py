"""How a program is followed: classes, fields, wrappers, defaults and the functions that nobody calls."""

from __future__ import annotations

from textwrap import dedent

import pytest

from qualitygate.link.evaluate import Evaluator
from qualitygate.model.source import Text
from qualitygate.model.values import Choice, ClassValue, External, FunctionValue, Instance, Items, Known, Value
from qualitygate.parse.python import parse_python


def follow(registering: str = "", **modules: str) -> Evaluator:
    """Follows modules by name (`__` for a slash); ``registering`` are the names of calls that declare something."""
    parsed = {
        f"{name.replace('__', '/').replace('/init', '/__init__')}.py": parse_python(
            Text.of(dedent(text).lstrip("\n"))
        ).module()
        for name, text in modules.items()
    }
    evaluator = Evaluator(parsed)
    evaluator.follow(frozenset(registering.split()))
    return evaluator


def value(program: str, **modules: str) -> Value:
    """What `x` of the module `main` is."""
    return dict(follow(main=program, **modules).modules())["main.py"].names["x"]


def plain(found: Value) -> object:
    """A value in Python's own terms; of a choice the first."""
    if isinstance(found, Choice):
        return plain(found.values[0])
    if isinstance(found, Items):
        return [plain(item) for item in found.items]
    if isinstance(found, Known):
        return found.value
    return found.name if isinstance(found, External) else type(found).__name__


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("x = ['a', 'b', 'c'][1:]", ["b", "c"]),
        ("x = '/api/v1'[1:]", "api/v1"),
        ("x = ['a', 'b'][-1]", "b"),
        ("first, *x, last = ['a', 'b', 'c', 'd']", ["b", "c"]),
        ("row = list(('a', 'b'))\nrow[0] = 'c'\nx = row", ["c", "b"]),
        ("x = {'list'} | {'get'}", ["list", "get"]),
        ("x = '/api'.startswith('/')", True),
        ("x = 'min' in 'admin'", True),
        ("class Users: ...\nx = '/' + Users.__name__.lower()", "/users"),
        ("def users(): ...\nx = users.__name__ + '@' + users.__module__", "users@main"),
        ("x = '/'.join(part for part in ['', 'api', 'v1'] if part)", "api/v1"),
    ],
)
def test_what_the_language_does_with_values(program: str, expected: object) -> None:
    assert plain(value(program)) == expected


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import os\nx = '/b' if os.getenv('NESTED', '') else '/a'", "/a"),
        ("import os\nx = '/a'\nif os.getenv('NESTED', 'yes'):\n    x = '/b'", "/b"),
        (
            """
            import os

            def flag(text):
                if text in ("yes", "on"):
                    return True
                elif text in ("no", "off"):
                    return False
                raise ValueError(text)

            def scoped(rule):
                if flag(os.environ.get("MANY", "no")):
                    return "/<org>" + rule
                return rule

            x = scoped("/api")
            """,
            "/api",
        ),
    ],
)
def test_conditions_that_the_environment_decides_take_their_defaults_first(program: str, expected: str) -> None:
    assert plain(value(program)) == expected


@pytest.mark.parametrize(
    "field",
    [
        "prefix: str = Field('/api', env='PREFIX')",
        "prefix: str = Field(default='/api')",
        "prefix: str = field(default_factory=lambda: '/api')",
        "prefix = Unicode('/api').tag(config=True)",
        "prefix = OwnText('/api')",
    ],
)
def test_fields_stand_for_their_defaults(field: str) -> None:
    program = f"""
        from dataclasses import dataclass, field
        from pydantic import BaseModel, Field
        from traitlets import Unicode

        class OwnText(Unicode): ...

        class Settings(BaseModel):
            {field}

        settings = Settings()
        x = settings.prefix
    """
    found = value(program)
    assert isinstance(found, Known)
    assert (found.value, found.sure) == ("/api", False)


def test_a_computed_default_of_a_trait_wins_over_the_declared_one() -> None:
    program = """
        from traitlets import Unicode, default

        class App:
            base = Unicode("/")
            prefix = Unicode("/hub/")

            @default("prefix")
            def _prefix(self):
                return self.base + "deep/hub/"

        x = App().prefix
    """
    assert plain(value(program)) == "/deep/hub/"


def test_attributes_and_super_follow_the_order_of_several_bases() -> None:
    program = """
        class Base:
            def __init__(self):
                self.seen = []

            def add(self, name):
                self.seen.append("base " + name)

        class Left(Base):
            kind = "left"

        class Mixin:
            kind = "mixin"

            def add(self, name):
                super().add(name)
                self.seen.append("mixin " + name)

        class Both(Mixin, Left):
            pass

        both = Both()
        both.add("a")
        x = [*both.seen, both.kind]
    """
    assert plain(value(program)) == ["base a", "mixin a", "mixin"]


def test_a_wrapper_that_says_so_stands_for_what_it_wraps() -> None:
    program = """
        import functools

        def logged(view):
            @functools.wraps(view)
            def inner(*args):
                return view(*args)
            return inner

        def timed(view):
            def inner(*args):
                return view(*args)
            return functools.update_wrapper(inner, view)

        def index(): ...

        x = logged(timed(index))
    """
    found = value(program)
    assert isinstance(found, FunctionValue)
    assert found.qualname == "index"


def test_a_name_that_is_imported_for_annotations_only_is_known_to_annotations() -> None:
    evaluator = follow(
        main="""
            from typing import TYPE_CHECKING

            if TYPE_CHECKING:
                from other import Page

            def pages() -> Page: ...
        """,
        other="""
            import main

            class Page: ...
        """,
    )
    function = evaluator.functions["main.py:pages"]
    found = evaluator.annotation(function.node.returns, function.scope)
    assert isinstance(found, ClassValue)
    assert found.path == "other.py"


def test_a_package_imports_its_own_submodule_by_its_full_name() -> None:
    evaluator = follow(
        shop__init="""
            def start():
                from shop import api

                return api.configure()

            x = start()
        """,
        shop__api="def configure():\n    return 'configured'",
    )
    assert plain(dict(evaluator.modules())["shop/__init__.py"].names["x"]) == "configured"


@pytest.mark.parametrize(
    "program",
    [
        # an application factory behind another one
        """
        from library import App

        def inner(name):
            app = App(name)
            app.register("route")

        def outer():
            inner("shop")
        """,
        # methods that call each other
        """
        from library import App

        class Server:
            def initialize(self):
                self.handlers = ["route"]
                self.start()

            def start(self):
                app = App("shop")
                for handler in self.handlers:
                    app.register(handler)
        """,
        # a subclass of what registers
        """
        from library import App

        class Shop(App):
            def __init__(self, **options):
                super().__init__("shop", **options)
                self.register("route")

        def main():
            return Shop()
        """,
    ],
)
def test_functions_that_nobody_calls_are_followed_where_they_register_something(program: str) -> None:
    evaluator = follow("App", main=program)
    found = [event for event in evaluator.events if event.name == "register"]
    assert [plain(event.arguments.positional[0]) for event in found] == ["route"]
    assert isinstance(found[0].receiver, Instance)


def test_hostile_hierarchies_and_loops_end_soon() -> None:
    levels = ["class A0_0: ..."]
    for level in range(1, 13):
        bases = ", ".join(f"A{level - 1}_{index}" for index in range(6 if level > 1 else 1))
        levels += [f"class A{level}_{index}({bases}): ..." for index in range(6)]
    loops = "numbers = [1] * 3\nwide = [[[[0 for a in rows] for b in rows] for c in rows] for d in rows]"
    program = "\n".join([*levels, "class Y(Z): ...", "class Z(Y): ...", "rows = list('ab')", loops])
    evaluator = follow(main=program)
    assert all(list(evaluator.ancestry(cls)) for cls in evaluator.classes.values())


def test_what_a_module_imports_does_not_use_up_its_own_account() -> None:
    busy = "def fill():\n" + "    x = 1\n" * 2_000 + "\nfor _ in range_of:\n    fill()\n"
    heavy = f"range_of = [{'1, ' * 25}]\n{busy}"
    evaluator = follow(
        "include_router",
        main="import first\nimport second\nfrom lib import app\napp.include_router(1)\n",
        first=heavy,
        second=heavy,
    )
    assert evaluator.cut_short == []
    assert any(event.name == "lib.app.include_router" for event in evaluator.events)


def test_a_function_that_many_modules_call_is_followed_so_often_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qualitygate.link.evaluate.MAX_SPENT", 1_000)
    server = "def start():\n" + "    x = 1\n" * 98 + "    made()\n\ndef made():\n    import lib\n    lib.app.run()\n"
    books = {f"book{number}": "from server import start\nstart()\n" for number in range(40)}
    evaluator = follow("", server=server, **books)
    assert sum(event.name == "lib.app.run" for event in evaluator.events) == 10
    assert evaluator.cut_short == []
    told = follow("made", server=server, **books)
    assert told.cut_short == ["server.py"]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("given = ('/a', 'handler')\nx = 'pair' if len(given) == 2 else 'more'", "pair"),
        ("x = '/'.join({'a', 'b'} - {'b'} | {'c'})", "a/c"),
        ("import parts\nx = 'yes' if hasattr(parts, 'router') else 'no'", "yes"),
        ("import parts\nx = 'yes' if hasattr(parts, 'missing') else 'no'", "no"),
        ("import importlib\nx = importlib.import_module('.inner', package='package').PREFIX", "/inner"),
        ("import importlib\nx = importlib.import_module('..inner', 'package.sub').PREFIX", "/inner"),
    ],
)
def test_what_chooses_modules_and_items_is_known(program: str, expected: object) -> None:
    found = value(program, parts="router = '/parts'", package__init="", package__inner="PREFIX = '/inner'")
    assert isinstance(found, Known), found
    assert found.value == expected


def test_a_method_of_the_class_sees_the_class_it_is_called_on() -> None:
    found = value(
        """
        class Base:
            name = "base"

            @classmethod
            def path(cls):
                return f"/{cls.name}"

        class Users(Base):
            name = "users"

            @classmethod
            def path(cls):
                return "/api" + super().path()

        x = Users.path()
        """
    )
    assert isinstance(found, Known)
    assert found.value == "/api/users"


def test_a_list_that_a_condition_rewrites_keeps_what_it_was() -> None:
    found = value("from lib import prefix\nx = ['/a']\nif prefix:\n    x = [prefix + item for item in x]\n")
    assert isinstance(found, Choice)
    kept = found.values[0]
    assert isinstance(kept, Items)
    assert [item.value for item in kept.items if isinstance(item, Known)] == ["/a"]
    longer = value("from lib import debug\nx = ['/a']\nif debug:\n    x = x + ['/b']\n")
    assert isinstance(longer, Items)
    assert len(longer.items) == 2
