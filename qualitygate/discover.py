"""In: a directory. Out: its source files, in a fixed order, with language and role."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qualitygate.model.source import Language, Role, SourceFile

_SUFFIXES = {
    ".py": Language.PYTHON,
    ".pyi": None,
    ".sql": Language.SQL,
    ".yaml": Language.YAML,
    ".yml": Language.YAML,
    ".json": Language.JSON,
    ".toml": Language.TOML,
    ".ini": Language.INI,
    ".cfg": Language.INI,
    ".properties": Language.INI,
    ".env": Language.ENV,
}
_TEST = re.compile(r"(^|/)(tests?|testing|__tests__|spec|specs|e2e)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_EXAMPLE = re.compile(r"(^|/)(examples?|samples?|demos?|fixtures)/")
_DOCUMENTATION = re.compile(r"(^|/)(docs?|documentation)/")
_VENDORED = re.compile(r"(^|/)(vendor|vendored|third_party|thirdparty|node_modules|site-packages|\.venv|venv)/")
_MIGRATION = re.compile(r"(^|/)(migrations?|alembic|versions|migrate)/")


def language_of(path: str, head: bytes = b"") -> Language | None:
    """The language of a file by its name and first bytes; None for a file that nothing reads."""
    name = PurePosixPath(path).name
    if name == "Dockerfile" or name.startswith("Dockerfile.") or name.endswith(".Dockerfile"):
        return Language.DOCKERFILE
    if name == ".env" or name.startswith(".env."):
        return Language.ENV
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if not suffix and head.startswith(b"#!") and b"python" in head.split(b"\n", 1)[0]:
        return Language.PYTHON
    return None


def role_of(path: str) -> Role:
    """The role of a file by its path, relative to the scanned root."""
    if _VENDORED.search(path):
        return Role.VENDORED
    if _TEST.search(path):
        return Role.TEST
    if _MIGRATION.search(path):
        return Role.MIGRATION
    if _EXAMPLE.search(path):
        return Role.EXAMPLE
    if _DOCUMENTATION.search(path):
        return Role.DOCUMENTATION
    return Role.APPLICATION


class InputError(Exception):
    """A path that was asked for cannot be scanned; the argument is one clear line."""


@dataclass(frozen=True)
class Tree:
    """What is to be scanned: the root, the way to it from the top of the repository, and the files below it."""

    root: Path
    prefix: str
    files: tuple[SourceFile, ...]


def discover(paths: Sequence[Path], include: Sequence[str], exclude: Sequence[str]) -> Tree:
    """The files below the one directory in ``paths`` that some front end reads."""
    for path in paths:
        if not path.exists():
            raise InputError(f"no such file or directory: {path}")
    root = paths[0].resolve() if paths else Path.cwd()
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout
    files = []
    for name in sorted(set(listed.decode().split("\0")) - {""}):
        language = language_of(name)
        if language is not None and (root / name).is_file():
            files.append(SourceFile(root, name, language, role_of(name)))
    return Tree(root, "", tuple(files))
