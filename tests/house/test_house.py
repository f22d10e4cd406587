"""The rules that the whole code keeps: who may import whom, types, style, and how a module begins."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("qualitygate", "checks/qualitygate_checks")
    for path in (ROOT / folder).rglob("*.py")
)


def run(*command: str) -> str:
    """What a tool says; empty where it is content."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_every_import_keeps_the_contracts() -> None:
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_hold() -> None:
    assert run("mypy", "--no-error-summary") == ""


def test_the_linter_is_content() -> None:
    assert run("ruff", "check", "--quiet", ".") == ""


def test_everything_is_formatted() -> None:
    assert run("ruff", "format", "--check", "--quiet", ".") == ""


@pytest.mark.parametrize("module", MODULES)
def test_a_module_begins_by_saying_what_it_is(module: str) -> None:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    assert first.endswith((".", ":")), f"{module} does not begin with a sentence"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_keeps_no_state_that_changes(module: str) -> None:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    changed = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global)]
    assert not changed, f"{module} changes a global in line {changed}"
    defaults = [
        default.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for default in (*node.args.defaults, *node.args.kw_defaults)
        if isinstance(default, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))
    ]
    assert not defaults, f"{module} has a default that can change in line {defaults}"


def test_loading_the_packs_imports_no_parser() -> None:
    code = (
        "import sys; from qualitygate.load import load; load();"
        "print(*sorted({'libcst', 'sqlglot', 'yaml', 'openapi_spec_validator', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
