"""In: files, the environment, the command line. Out: the keys that each of them gives, with their places, and faults."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from qualitygate.configure.declare import bare_type, fields_of, identifier, is_mapping, is_table
from qualitygate.configure.validate import name_of
from qualitygate.globs import is_sound
from qualitygate.model.source import Place, Span
from qualitygate.parse.toml import Key, TomlError, read_toml

NAMES = ("qgate.toml", ".qgate.toml")
PYPROJECT = "pyproject.toml"
# A configuration is written by hand; what is larger is something else under its name.
MAX_BYTES = 1_000_000
DEFAULT = "default"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: ``where`` is `file:line`, a variable or an option; ``message`` one clause."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(Exception):
    """The configuration cannot be used. ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def find(start: Path) -> Path | None:
    """The nearest configuration file, from the directory ``start`` upwards to the top of its repository.

    A ``pyproject.toml`` counts where it has a ``[tool.qgate]`` table. Raises :class:`ConfigError` for one that mentions
    qgate and cannot be parsed: whether it has the table is then unknown.
    """
    for directory in (start, *start.parents):
        for name in NAMES:
            if (directory / name).is_file():
                return directory / name
        project = directory / PYPROJECT
        if project.is_file() and _has_table(project):
            return project
        if (directory / ".git").exists():
            return None
    return None


@dataclass(frozen=True)
class Layer:
    """The keys that one source gives. ``where`` names the place of a key in it, for messages and origins.

    ``file`` is None for a source that is no file; else ``line`` tells the line of a key in it, 0 where it is unknown.
    """

    data: dict[str, Any]
    where: Callable[[Key], str]
    file: Path | None = None
    line: Callable[[Key], int] = field(default=lambda _: 0)

    @property
    def is_file(self) -> bool:
        """Whether the source is a file."""
        return self.file is not None

    def place(self, key: Key) -> Place | None:
        """The line of a key, its path absolute; None where the source is no file."""
        line = self.line(key)
        return Place(str(self.file), Span(line, 1, line, 1)) if self.file is not None and line else None

    def worded(self, key: Key, message: str) -> str:
        """A message that does not name the key again where the source itself is named after it."""
        return message if self.is_file else message.removeprefix(name_of(key)).lstrip(": ")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(shown_path(file), f"cannot be read: {error.strerror or error}")]) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(shown_path(file), f"is larger than {MAX_BYTES // 1_000_000} MB")])
    return data


def _has_table(project: Path) -> bool:
    data = _read(project)
    # Most have none, and templates of a pyproject.toml are often no TOML: those are passed over unparsed.
    return b"qgate" in data and _table_of(project, data) is not None


def _table_of(file: Path, data: bytes) -> Layer | None:
    shown = shown_path(file)
    try:
        document = read_toml(data)
    except TomlError as error:
        raise ConfigError(
            [Problem(f"{shown}:{error.line}" if error.line else shown, f"not TOML: {error.reason}")]
        ) from None
    table: Any = document.data
    prefix: Key = ()
    if file.name == PYPROJECT:
        tool = table.get("tool")
        if not isinstance(tool, dict) or "qgate" not in tool:
            return None
        table, prefix = tool["qgate"], ("tool", "qgate")

    def line(key: Key) -> int:
        return document.line((*prefix, *key))

    def where(key: Key) -> str:
        return f"{shown}:{number}" if (number := line(key)) else shown

    return Layer(table, where, file.absolute(), line)


def file_layer(file: Path) -> Layer:
    found = _table_of(file, _read(file))
    if found is None:
        raise ConfigError([Problem(shown_path(file), "has no table [tool.qgate]")])
    return found


def environment(declared: type[msgspec.Struct], environ: Mapping[str, str]) -> Layer:
    """Keys of the top that hold text or a list of texts: ``QGATE_MIN_CONFIDENCE=low``, ``QGATE_SELECT=api,security``."""
    data: dict[str, Any] = {}
    for key, hint in fields_of(declared).items():
        text = environ.get(_variable(key), "")
        if not text or is_table(hint) or is_mapping(hint):
            continue
        listed = typing.get_origin(bare_type(hint)) is tuple
        if listed and is_table(typing.get_args(bare_type(hint))[0]):
            continue
        data[key] = [item.strip() for item in text.split(",") if item.strip()] if listed else text
    return Layer(data, lambda key: _variable(str(key[0])) if key else "environment")


def _variable(key: str) -> str:
    return f"QGATE_{identifier(key).upper()}"


def escapes(layer: Layer) -> Iterator[tuple[Key, str]]:
    """A file that came with the repository names no file outside its own folder: baselines are written to, evidence is read."""
    if not layer.is_file or not isinstance(layer.data, dict):
        return
    named: list[tuple[Key, Any]] = [(("baseline",), layer.data.get("baseline"))]
    evidence = layer.data.get("evidence")
    for index, table in enumerate(evidence if isinstance(evidence, list) else ()):
        if isinstance(table, dict):
            named.append((("evidence", index, "path"), table.get("path")))
    for key, value in named:
        if isinstance(value, str):
            path = PurePosixPath(value.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or Path(value).is_absolute():
                yield key, f"{name_of(key)} must be a path below the folder of the configuration file"


def unsound(layer: Layer) -> Iterator[tuple[Key, str]]:
    """Globs that are none, or that would take endless time."""
    if not isinstance(layer.data, dict):
        return
    named: list[tuple[Key, Any]] = []
    tables: list[tuple[Key, dict[str, Any]]] = [((), layer.data)]
    tables += [
        ((name, index), table)
        for name in ("evidence", "waiver")
        if isinstance(rows := layer.data.get(name), list)
        for index, table in enumerate(rows)
        if isinstance(table, dict)
    ]
    for key, table in tables:
        named.append(((*key, "path"), table.get("path")))
        for name in ("include", "exclude", "paths"):
            if isinstance(globs := table.get(name), (list, tuple)):
                named += [((*key, name, index), glob) for index, glob in enumerate(globs)]
    if isinstance(ignores := layer.data.get("per-path-ignores"), dict):
        named += [(("per-path-ignores", glob), glob) for glob in ignores]
    for key, value in named:
        if isinstance(value, str) and not is_sound(value):
            yield key, f"{value[:40]!r} is no pattern that can be matched"


def shown_path(file: Path) -> str:
    """A file's path for people: relative to the current directory where it lies below it."""
    try:
        return file.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return file.as_posix()
