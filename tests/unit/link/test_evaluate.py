"""What is known of values after following a program."""

from __future__ import annotations

from textwrap import dedent

import pytest

from qualitygate.link.evaluate import Evaluator
from qualitygate.link.language import MAX_TEXT
from qualitygate.model.source import Text
from qualitygate.model.values import Choice, External, Instance, Items, Known, Pattern, Unknown, Value
from qualitygate.parse.python import parse_python


def follow(files: dict[str, str], registering: frozenset[str] = frozenset()) -> Evaluator:
    modules = {path: parse_python(Text.of(dedent(text).lstrip("\n"))).module() for path, text in files.items()}
    evaluator = Evaluator(modules)
    evaluator.follow(registering)
    return evaluator


def name(program: str, wanted: str = "x", **others: str) -> Value:
    """The value of a name of `main.py`; other modules by name."""
    files = {"main.py": program, **{f"{module}.py": text for module, text in others.items()}}
    scopes = dict(follow(files).modules())
    return scopes["main.py"].names[wanted]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("x = '/api' + '/v1'", "/api/v1"),
        ("v = 2\nx = f'/v{v}/users'", "/v2/users"),
        ("x = '/{}/{name}'.format('api', name='users')", "/api/users"),
        ("x = '/%s/v%s' % ('api', 1)", "/api/v1"),
        ("x = '/'.join(['', 'api', 'v1'])", "/api/v1"),
        ("x = '/api/'.rstrip('/')", "/api"),
        ("parts = {'prefix': '/api'}\nx = parts['prefix']", "/api"),
        ("class C:\n    PREFIX = '/api'\nx = C.PREFIX", "/api"),
        ("import enum\nclass V(str, enum.Enum):\n    ONE = 'v1'\nx = V.ONE.value", "v1"),
        ("def prefix(version=1):\n    return f'/v{version}'\nx = prefix(3)", "/v3"),
        ("x = (lambda: '/api')()", "/api"),
        ("a, *rest, b = ['p', 'q', 'r']\nx = a", "p"),
        ("x = '/api' if True else '/rest'", "/api"),
        ("x = 60 * 60 * 24", 86400),
        ("import os\nx = os.path.join('spec/', 'v1', 'api.yaml')", "spec/v1/api.yaml"),
        ("import os\nx = os.path.join('spec', '/etc/api.yaml')", "/etc/api.yaml"),
        ("try:\n    x = 1\nexcept ImportError:\n    x = None", 1),
    ],
)
def test_constants_fold(program: str, expected: object) -> None:
    value = name(program)
    assert isinstance(value, Known), value
    assert value.value == expected


def test_constants_fold_across_modules() -> None:
    value = name(
        "from config import settings\nx = settings.prefix", config="class S:\n    prefix = '/api/v1'\nsettings = S()\n"
    )
    assert isinstance(value, Known)
    assert value.value == "/api/v1"


@pytest.mark.parametrize(
    "program",
    [
        "import os\nx = os.getenv('PREFIX', '/api')",
        "import os\nx = os.environ.get('PREFIX', default='/api')",
        "from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    prefix: str = '/api'\nx = S().prefix",
    ],
)
def test_a_default_that_the_environment_may_replace_is_known_but_not_sure(program: str) -> None:
    value = name(program)
    assert isinstance(value, Known)
    assert value.value == "/api"
    assert not value.sure


def test_what_cannot_be_told_stays_unknown() -> None:
    assert isinstance(name("import os\nx = os.environ['PREFIX']"), Unknown)
    assert isinstance(name("x = somewhere"), Unknown)


def test_text_with_a_hole_keeps_what_is_known() -> None:
    value = name("import os\nx = f\"/api/{os.environ['V']}/users\"")
    assert isinstance(value, Pattern)
    assert value.parts == ("/api/", None, "/users")


def test_a_condition_that_cannot_be_decided_keeps_the_default() -> None:
    value = name("prefix = ''\nif unknown:\n    prefix = '/sub'\nx = prefix + '/ping'")
    assert isinstance(value, Known)
    assert value.value == "/ping"


def test_a_condition_over_two_values_is_a_choice() -> None:
    value = name("if unknown:\n    x = '/a'\nelse:\n    x = '/b'")
    assert isinstance(value, Choice)
    assert [option.value for option in value.values if isinstance(option, Known)] == ["/a", "/b"]


def test_code_for_type_checkers_alone_is_not_followed() -> None:
    value = name("from typing import TYPE_CHECKING\nx = 'run'\nif TYPE_CHECKING:\n    x = 'checked'")
    assert isinstance(value, Known)
    assert value.value == "run"


def test_modules_that_import_each_other_are_both_followed() -> None:
    files = {"a.py": "import b\nx = 1\ny = b.z\n", "b.py": "import a\nz = 2\n"}
    scopes = dict(follow(files).modules())
    value = scopes["a.py"].names["y"]
    assert isinstance(value, Known)
    assert value.value == 2


def test_a_star_import_takes_public_names() -> None:
    value = name("from config import *\nx = (PREFIX, '_hidden' in dir())", config="PREFIX = '/api'\n_hidden = 1\n")
    assert isinstance(value, Items)
    assert isinstance(value.items[0], Known)


def test_a_loop_over_known_items_is_followed_for_each() -> None:
    evaluator = follow({"main.py": "import lib\napp = lib.App()\nfor path in ('/a', '/b'):\n    app.add(path)\n"})
    added = [event.arguments.positional[0] for event in evaluator.events if event.name == "add"]
    assert [value.value for value in added if isinstance(value, Known)] == ["/a", "/b"]


def test_a_decorator_of_a_library_is_an_event_with_its_target() -> None:
    evaluator = follow({"main.py": "import lib\napp = lib.App()\n@app.get('/a')\ndef handler(): ...\n"})
    (event,) = [event for event in evaluator.events if event.name == "get"]
    assert event.target is evaluator.functions["main.py:handler"]
    assert isinstance(event.receiver, Instance)
    assert isinstance(event.receiver.cls, External)
    assert event.receiver.cls.name == "lib.App"


def test_a_factory_that_nobody_calls_is_an_entry_point() -> None:
    program = "from lib import App\ndef create_app():\n    app = App()\n    register(app)\n    return app\ndef register(app):\n    app.add('/a')\n"
    evaluator = follow({"main.py": program}, frozenset({"App", "add"}))
    adds = [event for event in evaluator.events if event.name == "add"]
    assert len(adds) == 1
    assert isinstance(adds[0].receiver, Instance)


def test_a_remembered_function_gives_the_same_object_each_time() -> None:
    program = "from functools import lru_cache\nimport lib\n@lru_cache\ndef app():\n    return lib.App()\na = app()\nb = app()\n"
    scopes = dict(follow({"main.py": program}).modules())
    assert scopes["main.py"].names["a"] is scopes["main.py"].names["b"]


MANY = ",".join("1" * 300)


@pytest.mark.parametrize(
    "growth",
    [
        "x += x",
        "x = x + x",
        "x.extend(x)",
        "x = [*x, *x]",
        "y = y + y",
        "y = y.replace('a', 'aaaaaaaaaa')",
        "y = y.join([y, y, y])",
        "y = '{}{}'.format(y, y)",
        "y = f'{y}{z}{y}'",
    ],
)
def test_what_doubles_in_a_loop_is_cut_short(growth: str) -> None:
    value = name(f"import os\nz = os.environ['Z']\nx = [1]\ny = 'ab'\nfor i in [{MANY}]:\n    {growth}\n", growth[0])
    size = len(value.items) if isinstance(value, Items) else len(str(getattr(value, "value", "")))
    assert size <= MAX_TEXT


@pytest.mark.parametrize(
    "program",
    [
        "def f(n):\n    return f(n + 1)\nx = f(0)\n",
        "while True:\n    x = 1\n",
        "x = [y for y in range(10 ** 9)]\n",
        "items = []\nfor i in items:\n    items.append(i)\nitems += items\nx = items\n",
        "class A(A): pass\nx = A().b.c()\n",
        "def f(): return g()\ndef g(): return f()\nx = f()\n",
        "x = x\n",
    ],
)
def test_a_program_that_would_not_end_is_followed_to_an_end(program: str) -> None:
    assert name(program) is not None


def test_a_method_of_a_subclass_finds_the_constructor_of_the_library() -> None:
    program = """
    import lib
    class Router(lib.Router):
        def __init__(self, **more):
            super().__init__(prefix="/sub", **more)
    router = Router(tags=["a"])
    """
    evaluator = follow({"main.py": program})
    first = next(event for event in evaluator.events if event.name == "__init__")
    assert isinstance(first.arguments.keywords["prefix"], Known)
    assert isinstance(first.receiver, Instance)
    assert first.receiver is dict(evaluator.modules())["main.py"].names["router"]


def test_a_table_of_classes_may_give_any_of_them() -> None:
    program = "import lib\nclass A: ...\nclass B: ...\nTABLE = {'a': A, 'b': B}\nx = TABLE[lib.choice()]\ny = TABLE.get(lib.choice())\n"
    assert isinstance(name(program), Choice)
    assert isinstance(name(program, "y"), Choice)
