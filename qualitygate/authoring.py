"""The one door for checks: what an author writes (Check, Hit, Example, Pack) and nothing of the engine behind it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from qualitygate.model.finding import Confidence, Domain, Edit, Hit, Severity
from qualitygate.model.project import Answer, Project
from qualitygate.model.source import Language, Place, Role, Span, Text
from qualitygate.model.syntax import Module, Scope

__all__ = [
    "APPLICATION",
    "Answer",
    "Check",
    "Confidence",
    "Domain",
    "Edit",
    "Example",
    "Hit",
    "Language",
    "Pack",
    "ParsedFile",
    "Place",
    "Project",
    "Role",
    "Severity",
    "Span",
    "example",
]

APPLICATION = frozenset({Role.APPLICATION, Role.MIGRATION})

_MARK = re.compile(r"(?<![ \t])[ \t]*(?:#|--|//)[ \t]*<-[ \t]*flagged[^\n\r]*")


@dataclass(frozen=True)
class ParsedFile:
    """What a file check reads: one file, decoded and parsed.

    ``tree`` is a ``libcst.Module`` for PYTHON, a tuple of statements for SQL, the document for a contract, and None for
    plain text; it is parsed when it is first asked for. ``span`` gives the place of a node (or of a pair of offsets, for
    text). ``module`` is the neutral form of a program (see ``model.syntax``): enough for most checks of code, there
    already, and much quicker to walk than the tree. ``scopes`` are the code of the
    module outside of functions, then its functions in order, read once for all checks.
    """

    path: str
    language: Language
    role: Role
    text: Text
    span: Callable[[Any], Span]
    grow: Callable[[], Any] = field(default=lambda: None, repr=False)
    module: Module | None = None
    scopes: tuple[Scope, ...] = ()
    remarked: Callable[[], tuple[Span, ...]] = field(default=tuple, repr=False)

    @cached_property
    def tree(self) -> Any:
        """The parsed tree; None for plain text."""
        return self.grow()

    @cached_property
    def remarks(self) -> tuple[Span, ...]:
        """The strings of a program that stand as statements: docstrings, and text that nothing uses."""
        return self.remarked()


@dataclass(frozen=True)
class Example:
    """A small backend on which a check is tried: files by path; lines that end in ``# <- flagged`` must be found.

    ``base`` are the files as they were before the change that is judged; None where nothing is compared.
    """

    files: Mapping[str, str]
    title: str = ""
    base: Mapping[str, str] | None = None

    @property
    def flagged(self) -> frozenset[tuple[str, int]]:
        """Path and 1-based line of every marked line."""
        return frozenset(
            (path, number)
            for path, content in self.files.items()
            for number, line in enumerate(content.split("\n"), start=1)
            if _MARK.search(line)
        )

    def sources(self) -> dict[str, bytes]:
        """The files without their marks."""
        return {path: _MARK.sub("", content).encode() for path, content in self.files.items()}

    def base_sources(self) -> dict[str, bytes]:
        """The files of the base; none where there is no base."""
        return {path: content.encode() for path, content in (self.base or {}).items()}


def example(
    files: str | Mapping[str, str],
    title: str = "",
    *,
    path: str = "app/main.py",
    base: str | Mapping[str, str] | None = None,
) -> Example:
    """An example from one text (taken to be ``path``) or from several files. Common indentation is removed.

    ``base`` is what stood there before, in the same form. Raises ``ValueError`` for a path that is absolute or leaves the
    example.
    """
    return Example(_files(files, path), title, None if base is None else _files(base, path))


def _files(files: str | Mapping[str, str], path: str) -> Mapping[str, str]:
    named = {path: files} if isinstance(files, str) else dict(files)
    for name in named:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"example file {name!r} must be a relative path inside the example")
    return _Dedented(named)


class _Dedented(Mapping[str, str]):
    """Texts without common indentation, which is taken away when one is read: a scan reads none of its examples."""

    def __init__(self, written: Mapping[str, str]) -> None:
        self._written = written

    def __getitem__(self, name: str) -> str:
        from textwrap import dedent

        return dedent(self._written[name]).lstrip("\n")

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)


@dataclass(frozen=True)
class Check:
    """One rule, whole.

    ``id`` is the file's name in kebab case and names the thing flagged, never the remedy. ``doc`` is the module's
    docstring: its first line is the title; the paragraphs `What it flags`, `Why`, `How to mend` and `What it cannot
    see` follow. ``words`` of a file check: a file whose text holds none of them is not looked at.
    ``calls`` names the library calls that the check asks the project for (`requests.get`, `redis.Redis.set`,
    `?.execute` for a method of any object, `pymongo.MongoClient..find_one` for a method of what an object of that class
    leads to by attributes and keys): only those are in ``project.calls``. ``assigns`` names what it wants to see assigned (`DEBUG`, `verify`):
    only those are in ``project.assignments`` and ``project.settings``. A project check has no ``reads`` and its ``run`` takes the linked project; a file check names the
    languages that it ``reads`` and its ``run`` takes one parsed file, in the worker: once per file, with the tree where
    the file's own language is among them and could be parsed, else without one where TEXT is. With ``options`` (an
    instance of a frozen dataclass: the defaults) ``run`` takes a second argument, the options in force; ``strict`` are
    the defaults under ``preset = "strict"``, where they are others. ``examined``
    counts what was looked at, so that silence can be told from emptiness. ``version`` of a file check is part of the
    cache key: raise it when the same file may give other hits. A project check that ``audits`` runs after all others
    and finds in ``project.answers`` what the inline answers in the code were good for. A check of TEXT with ``history``
    also judges, where that is asked for, what a file was in earlier commits: as text, never parsed.
    """

    id: str
    domain: Domain
    severity: Severity
    confidence: Confidence
    do: str
    dont: str
    doc: str
    run: Any
    bad: tuple[Example, ...]
    good: tuple[Example, ...]
    examined: Callable[[Any], int] = field(default=lambda _: 1)
    reads: frozenset[Language] = frozenset()
    roles: frozenset[Role] = APPLICATION
    words: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    assigns: frozenset[str] = frozenset()
    options: Any = None
    strict: Any = None
    tags: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    version: int = 1
    audits: bool = False
    history: bool = False

    @property
    def title(self) -> str:
        """The first line of the documentation."""
        return self.doc.strip().split("\n", 1)[0].rstrip(".")

    def hits(self, subject: Project | ParsedFile, options: Any = None) -> Iterator[Hit]:
        """Run on a project or a parsed file with the options in force (None: the defaults)."""
        if self.options is None:
            yield from self.run(subject)
        else:
            yield from self.run(subject, self.options if options is None else options)


@dataclass(frozen=True)
class Pack:
    """What an entry point of the group ``qualitygate.checks`` gives: a name, its checks, and a folder of guides.

    Guides are Markdown: ``<domain>/<topic>.md``, and ``stacks/<stack>.md`` with a section a topic; see
    :mod:`qualitygate.knowledge` for what is read of them.
    """

    name: str
    checks: tuple[Check, ...]
    guides: Path | None = None

    @staticmethod
    def of(package: str, path: Iterable[str]) -> Pack:
        """The pack of a package whose modules each hold one ``CHECK`` (pass ``__name__`` and ``__path__``).

        Raises ``TypeError`` for a module without one, ``ValueError`` for an id that is not its file's name.
        """
        checks = []
        for module in sorted(pkgutil.iter_modules(path), key=lambda module: module.name):
            if module.name.startswith("_"):
                continue
            check = getattr(importlib.import_module(f"{package}.{module.name}"), "CHECK", None)
            if not isinstance(check, Check):
                raise TypeError(f"{package}.{module.name} holds no CHECK")
            if check.id != module.name.replace("_", "-"):
                raise ValueError(f"{package}.{module.name} holds a check with the id {check.id!r}")
            checks.append(check)
        return Pack(package, tuple(checks))
