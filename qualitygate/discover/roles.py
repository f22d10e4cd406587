"""In: the names of a tree (and a file's first bytes). Out: what each file is written in and what it is for."""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from qualitygate.model.source import Language, Role

_SUFFIXES = {
    ".py": Language.PYTHON,
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
_PYTHON_SCRIPT = re.compile(rb"#![^\n]*\bpython[0-9.]*\b")
_CONTRACT = re.compile(rb"(?:^|[\n{,])[ \t]*[\"']?(?:openapi|swagger)[\"']?[ \t]*:")

_VENDORED = re.compile(
    r"(?:^|/)(?:_vendor|third_party|thirdparty|node_modules|bower_components|site-packages|\.?venv)/"
)
_TEST = re.compile(
    r"(?:^|/)(?:"
    r"tests?|testing|e2e|__tests__"
    r"|(?:unit|integration|functional|acceptance|system|load|smoke|regression|performance|contract)[_-]?tests?"
    r"|tests?[_-]?(?:data|utils?|helpers?|support|fixtures|resources|cases|suite)"
    r")/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_tests?|tests?|conftest)\.py$"
)
_EXAMPLE = re.compile(r"(?:^|/)examples?/")
_GENERATED = re.compile(
    r"(?:^|/)(?:__generated__|generated)/|_pb2(?:_grpc)?\.pyi?$|\.generated\.[^/]+$"
    r"|(?:^|/)(?:[^/]*[-.]lock|npm-shrinkwrap)\.(?:json|ya?ml)$|\.min\.(?:js|css)$"
    # the report of a scanner, which quotes code and the documentation of its rules
    r"|\.sarif(?:\.json)?$"
)
# Names that are words of a business too (a clinic's samples, a shop's vendors): inside a package they are its code.
_UNLESS_PACKAGE = (
    (re.compile(r"vendor|vendored"), Role.VENDORED),
    (re.compile(r"(?<![a-z0-9])[a-z0-9]+[_-]tests?"), Role.TEST),
    (re.compile(r"samples?|demos?|fixtures"), Role.EXAMPLE),
    (re.compile(r"docs?|documentation|docs?_src"), Role.DOCUMENTATION),
)
_NUMBERED = re.compile(r"[Vv]?[0-9]+[_-]|[0-9a-f]{12}_")


def language_of(path: str, head: bytes = b"") -> Language:
    """The language of a file by its name and first bytes; TEXT for what has no front end of its own."""
    name = posixpath.basename(path)
    if name in ("Dockerfile", "Containerfile") or name.startswith("Dockerfile.") or name.endswith(".Dockerfile"):
        return Language.DOCKERFILE
    if name == ".env" or name.startswith(".env."):
        return Language.ENV
    suffix = posixpath.splitext(name)[1].lower()
    if not suffix and _PYTHON_SCRIPT.match(head):
        return Language.PYTHON
    return _SUFFIXES.get(suffix, Language.TEXT)


def is_binary(head: bytes) -> bool:
    """Whether the first bytes of a file are those of no text, in UTF-8 or in UTF-16 with its mark."""
    return b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def is_contract(head: bytes) -> bool:
    """Whether a YAML or JSON file is an OpenAPI document. One that lies in `docs/` is what clients are promised."""
    return _CONTRACT.search(head) is not None


def is_vendored(folder: str) -> bool:
    """Whether the name of a folder alone says that others wrote what lies in it."""
    return _VENDORED.search(folder + "/") is not None


@dataclass(frozen=True)
class Layout:
    """What the names in a tree say about its folders: which are Python packages, which hold migrations."""

    packages: frozenset[str]
    migrations: frozenset[str]

    @staticmethod
    def of(paths: Iterable[str]) -> Layout:
        """The layout of ``paths``, which are relative to the scanned root: a root called `tests` makes no test."""
        children: dict[str, set[str]] = {}
        for path in paths:
            below = path
            while below:
                parent, _, name = below.rpartition("/")
                known = children.setdefault(parent, set())
                if name in known:
                    break
                known.add(name)
                below = parent
        packages = frozenset(folder for folder, names in children.items() if "__init__.py" in names)
        migrations = frozenset(folder for folder in children if _holds_migrations(folder, children))
        return Layout(packages, migrations)

    def role(self, path: str) -> Role:
        """The role of a file by its path."""
        for pattern, role in ((_VENDORED, Role.VENDORED), (_TEST, Role.TEST), (_EXAMPLE, Role.EXAMPLE)):
            if pattern.search(path):
                return role
        names = path.split("/")[:-1]
        folders = ["/".join(names[:depth]) for depth in range(len(names) + 1)]
        for depth, name in enumerate(names):
            for pattern, role in _UNLESS_PACKAGE:
                if pattern.fullmatch(name) and not {folders[depth], folders[depth + 1]} & self.packages:
                    return role
        if _GENERATED.search(path):
            return Role.GENERATED
        if path.endswith(".py") and any(name.startswith(".") for name in names):
            return Role.EXAMPLE  # of a rule in `.semgrep`, a helper of an editor: the service runs none of it
        return Role.APPLICATION if self.migrations.isdisjoint(folders) else Role.MIGRATION


def _holds_migrations(folder: str, children: dict[str, set[str]]) -> bool:
    """Whether the name of a folder and what lies in it say that it holds migrations.

    `migrations` needs numbered files or folders, SQL (also one folder down: one a migration, or one a dialect), or
    Alembic's `env.py` and `versions`; `versions` needs an `env.py` beside it or a parent that is named for its tool,
    since `app/api/versions` is a versioned API; `migrate` needs SQL.
    """
    parent, _, name = folder.rpartition("/")
    names = children[folder]
    if name == "versions":
        return "env.py" in children.get(parent, ()) or parent.rpartition("/")[2] in ("alembic", "migrations")
    if name == "migrate":
        return any(child.endswith(".sql") for child in names)
    if name in ("migration", "migrations"):
        return any(
            child in ("env.py", "versions")
            or child.endswith(".sql")
            or _NUMBERED.match(child)
            or any(grandchild.endswith(".sql") for grandchild in children.get(f"{folder}/{child}", ()))
            for child in names
        )
    return False
