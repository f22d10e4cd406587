"""Terms in terms, and links in chains: they end in a result or in a named file, never in a crash or without end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qualitygate.analyse import analyse
from qualitygate.check import run_checks
from qualitygate.discover import Layout, language_of
from qualitygate.load import load
from qualitygate.model.policy import Policy
from qualitygate.model.project import Project
from qualitygate.model.source import SourceFile

FASTAPI = "from fastapi import APIRouter, Depends, FastAPI\napp = FastAPI()\n"
# A fault that no other file has a part in, and that is found whatever lies beside it.
FAULT = {
    "migrations/0001_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);\n",
    "migrations/0002_index.sql": "CREATE INDEX orders_customer_idx ON orders (customer_id);\n",
}

# What stands in itself so many times is within the bounds of the readers, and past the depth that Python allows by default.
TERMS: dict[str, str] = {
    "minus": "x = " + "-" * 900 + "a\n",
    "not": "x = " + "not " * 900 + "a\n",
    "sums": "x = " + " + ".join(["a"] * 900) + "\n",
    "attributes": "x = a" + ".b" * 990 + "\n",
    "calls in a row": "x = a" + ".b()" * 490 + "\n",
    "subscripts": "x = a" + "[0]" * 900 + "\n",
    "conditions": "x = " + "a if b else " * 490 + "c\n",
    "lambdas": "x = " + "lambda: " * 990 + "c\n",
    "alternatives": "if a:\n    b()\n" + "elif c:\n    d()\n" * 900,
    "calls in calls": "x = " + "f(" * 149 + ")" * 149 + "\n",
    "functions in functions": "".join(" " * n + f"def f{n}():\n" for n in range(90)) + " " * 90 + "pass\n",
    "a function that calls itself": "x = lambda: x()\nx()\ndef f():\n    return f()\nf()\n",
    "functions that double one another": (
        "x0 = lambda a: a\n" + "".join(f"x{n + 1} = lambda a: x{n}(x{n}(a))\n" for n in range(60)) + "print(x60(1))\n"
    ),
    "lists that double one another": (
        "x0 = ['a']\n" + "".join(f"x{n + 1} = [x{n}, x{n}]\n" for n in range(60)) + "print(x60)\n"
    ),
    "a provider of a provider": (
        FASTAPI
        + "def d0(): return 1\n"
        + "".join(f"def d{n + 1}(x=Depends(d{n})):\n    return x\n" for n in range(400))
        + "@app.get('/orders')\ndef orders(x=Depends(d400)):\n    return x\n"
    ),
    "routers in routers": (
        FASTAPI
        + "r0 = APIRouter()\n"
        + "".join(f"r{n + 1} = APIRouter(prefix='/x')\nr{n}.include_router(r{n + 1})\n" for n in range(400))
        + "@r400.get('/y')\ndef y():\n    return 1\napp.include_router(r0)\n"
    ),
    "a class of a class": (
        "class C0:\n    a = 1\n" + "".join(f"class C{n + 1}(C{n}):\n    b = {n}\n" for n in range(400)) + "C400().a\n"
    ),
}
CHAINS: dict[str, Callable[[int], str]] = {
    "imports": lambda n: f"from app.m{n} import x\ny = x\n",
    "imports of all": lambda n: f"from app.m{n} import *\n",
    "imports of modules": lambda n: f"from app import m{n}\nx = m{n}.x\n",
    "classes": lambda n: f"from app.m{n} import x as y\nclass x(y): pass\n",
}


def test_thousands_of_queries_in_one_body_take_no_minutes() -> None:
    query = 'rows = database.execute("SELECT id FROM orders WHERE id = 1").fetchall()\n'
    began = time.process_time()
    project_of({"app/main.py": "def run(database):\n    " + query + ("    " + query) * 2000})
    # Each went through all of the body once: that took minutes.
    assert time.process_time() - began < 20


def project_of(files: dict[str, str]) -> Project:
    """The linked project, after all checks found what they find in it without a crash."""
    files = {**FAULT, **files}
    layout = Layout.of(files)
    sources = [
        SourceFile(Path("/project"), path, language_of(path), layout.role(path), content.encode())
        for path, content in sorted(files.items())
    ]
    checks = load().checks
    project = analyse(sources, checks, {})
    runs = run_checks(project, checks, Policy())
    assert [run.error for run in runs if run.error] == []
    assert [file.fault for file in project.files if file.fault] == []
    found = {finding.check for run in runs for finding in run.findings if finding.path == "migrations/0002_index.sql"}
    assert "blocking-index-creation" in found
    return project


@pytest.mark.parametrize("name", TERMS)
def test_what_stands_in_itself_many_times_is_read(name: str) -> None:
    assert project_of({"app/main.py": TERMS[name]}).unread == ()


@pytest.mark.parametrize("depth", [300, 2000])
@pytest.mark.parametrize("name", CHAINS)
def test_modules_that_import_one_another_in_a_row_are_followed_or_told(name: str, depth: int) -> None:
    modules = {f"app/m{n}.py": CHAINS[name](n + 1) for n in range(depth)}
    project = project_of({**modules, f"app/m{depth}.py": "class x: pass\n"})
    assert {unread.reason.partition(":")[0] for unread in project.unread} <= {"start-up code too long to follow"}
    assert depth > 300 or project.unread == ()


def test_a_circle_of_imports_is_no_depth() -> None:
    modules = {f"app/m{n}.py": f"from app.m{(n + 1) % 400} import x\ny = x\n" for n in range(400)}
    assert project_of(modules).unread == ()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("app/main.py", "x = " + "-" * 5000 + "a\n"),
        ("app/main.py", "x = " + "(" * 4000 + ")" * 4000),
        ("app/main.py", "".join("  " * depth + "if x:\n" for depth in range(500)) + "  " * 500 + "pass\n"),
        ("app/main.py", 'x = f"{' + "f(" * 3000 + ")" * 3000 + '}"\n'),
        ("app/main.py", "x = rf'''{" + "[" * 3000 + "]" * 3000 + "}'''\n"),
        ("openapi.json", '{"openapi": "3.1.0", "info": {}, "x": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        ("openapi.yaml", "openapi: 3.1.0\ninfo: {}\nx: " + "[" * 20_000 + "]" * 20_000),
        ("openapi.yaml", "openapi: 3.1.0\ninfo: {}\nx:\n" + "".join(" " * n + "- \n" for n in range(1, 400))),
        ("migrations/atlas.toml", "a = " + "[" * 20_000 + "]" * 20_000),
    ],
)
def test_what_is_past_the_bounds_is_named(path: str, content: str) -> None:
    assert [unread.path for unread in project_of({path: content}).unread] == [path]


@pytest.mark.parametrize(
    "content", ["SELECT " + "(" * 20_000 + "1" + ")" * 20_000 + ";", "/*" * 20_000, "BEGIN " * 20_000]
)
def test_deep_sql_is_read_as_words(content: str) -> None:
    assert {unread.path for unread in project_of({"migrations/0003_deep.sql": content}).unread} <= {
        "migrations/0003_deep.sql"
    }
