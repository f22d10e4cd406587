"""A scanned repository that would run something: nothing of it is imported, started or asked for over a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Tree = Callable[..., Path]
Git = Callable[..., str]

# All that an import of qgate, of what it stands on, or of Python itself could pick up from a folder on the path.
MODULES = (
    "qualitygate_checks", "click", "libcst", "sqlglot", "yaml", "msgspec", "pathspec", "tomli", "openapi_spec_validator",
    "sitecustomize", "usercustomize", "_distutils_hack", "setuptools", "pkg_resources", "attr", "referencing", "rpds",
)  # fmt: skip
STANDARD = ("json", "re", "ast", "hashlib", "sqlite3", "subprocess", "multiprocessing", "tokenize", "datetime", "runpy")
# What frameworks and tools run when they are asked to look at a repository.
RUN_BY_OTHERS = (
    "conftest.py",
    "setup.py",
    "manage.py",
    "noxfile.py",
    "tasks.py",
    "fabfile.py",
    "migrations/env.py",
    "app.py",
)

COMMANDS = (
    ("scan", ".", "-o", "sarif=-"),
    ("scan", "--staged", "--no-cache"),
    ("scan", "--base", "HEAD~1", "--jobs", "2"),
    ("scan", "--history"),
    ("fix", "--diff"),
    ("inventory",),
    ("baseline", "write"),
    ("config", "show", "--isolated"),
    ("rules",),
)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that whatever of the repository runs would write its name to."""
    return tmp_path / "canary"


@pytest.fixture
def hostile(checkout: Tree, git: Git, canary: Path) -> Path:
    """A repository with two commits, whose every part would write to the canary."""
    python = f"with open({str(canary)!r}, 'a') as stream: stream.write(__file__ + ' ')\n"
    command = f"echo ran >> {canary}"
    files = {f"{name}/__init__.py": python for name in MODULES}
    files |= {f"{name}.py": python for name in STANDARD} | dict.fromkeys(RUN_BY_OTHERS, python)
    files |= {
        "qualitygate/__init__.py": python,
        "qualitygate/__main__.py": python,
        "qualitygate/cli/__init__.py": python,
        "evil.pth": f"import os; os.system({command!r})\n",
        "evil.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
        "evil.egg-info/entry_points.txt": "[qualitygate.checks]\nevil = evil_checks\n",
        "evil.egg-info/top_level.txt": "evil_checks\n",
        "evil-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
        "evil-1.0.dist-info/entry_points.txt": "[qualitygate.checks]\nevil = evil_checks\n",
        "evil_checks.py": python,
        "pyproject.toml": (
            '[build-system]\nrequires = ["evil"]\nbuild-backend = "evil_checks"\nbackend-path = ["."]\n'
            '[project]\nname = "evil"\nversion = "1"\n[project.entry-points."qualitygate.checks"]\nevil = "evil_checks"\n'
            '[tool.pytest.ini_options]\naddopts = "-p evil_checks"\n'
        ),
        "qgate.toml": 'exclude = ["*.md"]\n',
        ".gitattributes": "* filter=evil diff=evil merge=evil\n",
        ".gitmodules": f'[submodule "a"]\n\tpath = a\n\turl = ext::sh -c "{command}"\n\tupdate = !{command}\n',
        ".pre-commit-config.yaml": f"repos: [{{repo: local, hooks: [{{id: x, entry: {canary}, language: system}}]}}]\n",
        "openapi.yaml": "openapi: 3.0.3\ninfo: {title: a, version: '1'}\nx: !!python/object/apply:os.system ['" + command + "']\n"
        "paths:\n  /a: {get: {responses: {'200': {$ref: 'http://127.0.0.1:9/a.yaml#/a'}}}}\n"
        "  /b: {get: {responses: {'200': {$ref: '/etc/passwd#/a'}}}}\n"
        "  /c: {get: {responses: {'200': {$ref: '../../../../../etc/passwd#/a'}}}}\n"
        "  /d: {get: {responses: {'200': {$ref: '/dev/zero#/a'}}}}\n",
        "settings.py": "SIGNING_KEY = 'qXz7Rk2Lm9Tw4Vb8Nc3Yd6Hf1Js5Pg0'\n",
    }  # fmt: skip
    root = checkout(files)
    (root / "settings.py").write_text("SIGNING_KEY = 'Hf1Js5Pg0qXz7Rk2Lm9Tw4Vb8Nc3Yd6'\n")
    git(root, "commit", "--quiet", "--all", "--message", "second")
    for name, value in {
        "core.fsmonitor": command, "core.hooksPath": str(root / "hooks"), "core.pager": command, "core.editor": command,
        "core.sshCommand": command, "core.askPass": command, "core.gitProxy": command, "core.attributesFile": ".gitattributes",
        "core.alternateRefsCommand": command, "core.preloadIndex": "true", "core.untrackedCache": "true",
        "diff.external": command, "diff.evil.command": command, "diff.evil.textconv": command,
        "filter.evil.clean": command, "filter.evil.smudge": command, "filter.evil.process": command,
        "filter.evil.required": "true", "merge.evil.driver": command, "gpg.program": command, "log.showSignature": "true",
        "pager.log": command, "pager.ls-files": command, "alias.ls-files": f"!{command}", "alias.cat-file": f"!{command}",
        "credential.helper": f"!{command}", "uploadpack.packObjectsHook": command, "sequence.editor": command,
        "remote.origin.url": f"ext::sh -c '{command}'", "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none", "extensions.partialClone": "origin", "protocol.ext.allow": "always",
        "submodule.recurse": "true", "fetch.recurseSubmodules": "true", "trace2.eventTarget": str(canary),
    }.items():  # fmt: skip
        git(root, "config", name, value)
    for folder in (root / "hooks", root / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for hook in ("post-index-change", "post-checkout", "pre-commit", "fsmonitor-watchman", "reference-transaction"):
            (folder / hook).write_text(f"#!/bin/sh\n{command}\n")
            (folder / hook).chmod(0o755)
    (root / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (root / ".git" / "objects" / "info" / "alternates").write_text("/nowhere\n../../../../..\n")
    # What git itself wrote of its own accord while the repository was made.
    canary.unlink(missing_ok=True)
    return root


def programs() -> dict[str, list[str]]:
    """The ways of starting qgate in a folder that is not trusted."""
    script = shutil.which("qgate", path=os.path.dirname(sys.executable))
    found = {"qgate": [script]} if script else {}
    if sys.version_info >= (3, 11):
        found["python -P -m qualitygate"] = [sys.executable, "-P", "-m", "qualitygate"]
    return found


def run(program: list[str], arguments: tuple[str, ...], root: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GIT_"))}
    environment = {**kept, "HOME": str(tmp_path / "home"), "QGATE_CACHE_DIR": str(tmp_path / "own cache")}
    return subprocess.run(
        [*program, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", programs())
def test_nothing_of_a_hostile_repository_runs(
    hostile: Path, canary: Path, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    done = run(programs()[name], arguments, hostile, tmp_path)
    assert not canary.exists(), f"these ran: {canary.read_text()}"
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert "root:x:" not in done.stdout, "a file outside of the root was read"


def test_started_as_a_module_it_takes_only_itself_from_the_current_folder(
    hostile: Path, canary: Path, tmp_path: Path
) -> None:
    # `python -m` itself looks there for what it is to start, and for `runpy`: no program can keep it from that.
    shutil.rmtree(hostile / "qualitygate")
    (hostile / "runpy.py").unlink()
    for name in STANDARD:
        (hostile / f"{name}.py").unlink(missing_ok=True)
    done = run([sys.executable, "-m", "qualitygate"], ("scan", ".", "--jobs", "2"), hostile, tmp_path)
    assert not canary.exists(), f"these ran: {canary.read_text()}"
    assert done.returncode in (0, 1), done.stderr


def test_references_out_of_the_root_are_told_and_not_opened(hostile: Path, tmp_path: Path) -> None:
    done = run(next(iter(programs().values())), ("scan", "--format", "json"), hostile, tmp_path)
    assert done.returncode in (0, 1), done.stderr
    told = " ".join(line for line in done.stdout.splitlines() if "openapi.yaml" in line or "reference" in line)
    for reference in ("http://127.0.0.1:9/a.yaml", "/etc/passwd", "/dev/zero"):
        assert reference in told


@pytest.mark.parametrize(
    "program",
    [
        ["git", "status"],
        ["git", "log", "-p"],
        [sys.executable, "-m", "qualitygate"],
        [sys.executable, "-c", "import yaml"],
    ],
)
def test_the_traps_of_these_tests_are_live(hostile: Path, canary: Path, tmp_path: Path, program: list[str]) -> None:
    run(program, (), hostile, tmp_path)
    assert canary.exists()
