"""In: configuration files, the environment, the command line and the installed checks. Out: the policy in force.

One declaration, built from the installed checks, says which keys there are, of what type and what they mean. It
validates each source, gives the JSON Schema and names the keys of ``qgate config show``.

Sources, the strongest first: the command line, ``QGATE_*`` variables, the nearest ``qgate.toml``, ``.qgate.toml`` or
``[tool.qgate]`` of a ``pyproject.toml``. Files are not merged with one another. ``select`` of a stronger source takes the
place of ``select`` and ``ignore`` of a weaker one; ``ignore`` alone adds to it.
"""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Union

import msgspec

from qualitygate.authoring import Check
from qualitygate.model.finding import Confidence, Domain, Severity
from qualitygate.model.policy import Limits, Policy, Selection
from qualitygate.parse.toml import Key, TomlError, read_toml

__all__ = [
    "MAX_BYTES",
    "ConfigError",
    "Configuration",
    "Problem",
    "configure",
    "find",
    "option_fields",
    "schema",
    "suggest",
    "type_words",
]

NAMES = ("qgate.toml", ".qgate.toml")
PYPROJECT = "pyproject.toml"
# A configuration is written by hand; what is larger is something else under its name.
MAX_BYTES = 1_000_000
DEFAULT = "default"

_Globs = tuple[str, ...]


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


@dataclass(frozen=True)
class Configuration:
    """The policy in force, the file that it rests on (None: no file), and every key with its value, for display."""

    policy: Policy
    file: Path | None
    values: Mapping[str, Any]


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


def configure(
    checks: Sequence[Check],
    start: Path,
    *,
    file: Path | None = None,
    isolated: bool = False,
    environ: Mapping[str, str] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Configuration:
    """The policy for a scan of ``start``, a directory.

    ``file`` is the configuration file that the user named (None: the nearest one); ``isolated`` leaves files out.
    ``arguments`` maps keys of the declaration to what the command line says of them; keys that are None are left out.
    Raises :class:`ConfigError` with all that is wrong in all sources.
    """
    declared = _declaration(checks)
    layers: list[_Layer] = []
    problems: list[Problem] = []
    if file is None and not isolated:
        file = find(start)
    elif isolated:
        file = None
    if file is not None:
        try:
            layers.append(_file_layer(file))
        except ConfigError as error:
            problems.extend(error.problems)
    layers.append(_environment(declared, os.environ if environ is None else environ))
    given = {key: value for key, value in (arguments or {}).items() if value is not None}
    layers.append(_Layer(given, lambda key: f"--{key[0]}" if key else "command line"))
    for layer in layers:
        faults = (*_faults(layer.data, declared, ()), *_escapes(layer))
        problems.extend(Problem(layer.where(key), layer.worded(key, message)) for key, message in faults)
    if problems:
        raise ConfigError(problems)
    directory = file.parent if file is not None else None
    values, origins, written = _merged(layers, declared)
    try:
        policy = _policy(checks, values, origins, written, directory)
    except _Refused as error:
        raise ConfigError([Problem(error.where, error.message)]) from None
    shown = {**dict(_defaults(checks, declared, values)), **values}
    return Configuration(
        dataclasses.replace(policy, origins={dotted(key): origins.get(key, DEFAULT) for key in shown}),
        file,
        {dotted(key): value for key, value in shown.items()},
    )


def schema(checks: Sequence[Check]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, with the options of the installed checks."""
    generated = msgspec.json.schema(_declaration(checks))
    definitions = generated["$defs"]
    top = definitions.pop("Configuration")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of qgate",
        "description": "The content of qgate.toml and .qgate.toml, and of [tool.qgate] in pyproject.toml.",
        **{key: value for key, value in top.items() if key != "title"},
        "$defs": definitions,
    }


def suggest(name: object, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a misspelt name, or an empty string."""
    # difflib costs an import that a correct command does not need.
    from difflib import get_close_matches

    near = get_close_matches(str(name)[:100].replace("_", "-").lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def dotted(key: Key) -> str:
    """A key as it is written in TOML."""
    return ".".join(
        part if isinstance(part, str) and part.replace("-", "").replace("_", "").isalnum() else f'"{part}"'
        for part in key
    )


# The declaration.


def _declaration(checks: Sequence[Check]) -> type[msgspec.Struct]:
    """All keys: a Struct type whose fields carry type, default and description."""
    ids = tuple(check.id for check in checks)
    domains = tuple(sorted({domain.value for domain in Domain} | {check.domain.value for check in checks}))
    named: Any = Annotated[Literal[(*ids, *domains)], msgspec.Meta(title="check or domain")]
    known: Any = Annotated[Literal[ids], msgspec.Meta(title="check")]
    limit = Annotated[int, msgspec.Meta(ge=0)] | Literal["off"]
    default = Limits()
    gate = _struct(
        "Gate",
        ("errors", limit, default.errors, "How many errors leave the gate open; `off` for any number."),
        ("warnings", limit, _limit(default.warnings), "How many warnings leave the gate open; `off` for any number."),
        ("notes", limit, _limit(default.notes), "How many notes leave the gate open; `off` for any number."),
        (
            "unread",
            Literal["fail", "warn", "ignore"],
            default.unread,
            "What a file that cannot be read does: close the gate, be shown and counted, or nothing.",
        ),
        (
            "required",
            tuple[known, ...],
            default.required,
            "Checks that must have something to judge; without it the gate is undecided.",
        ),
        (
            "scope",
            Literal["new", "all"],
            default.scope,
            "Which findings count where there is a base to compare with: those that it does not have, or all.",
        ),
    )
    tables = [(check.id, _table(check), None, check.title) for check in checks]
    return _struct(
        "Configuration",
        ("select", tuple[named, ...], (), "Checks and domains that run; empty for all."),
        ("ignore", tuple[named, ...], (), "Checks and domains that do not run."),
        ("include", _Globs, (), "Globs of the files that are read; empty for all that qgate knows."),
        ("exclude", _Globs, (), "Globs of files that are left out."),
        (
            "min-confidence",
            Literal[tuple(level.value for level in Confidence)],
            Confidence.MEDIUM.value,
            "The weakest evidence that is shown and judged.",
        ),
        (
            "profile",
            Literal["default", "strict"],
            "default",
            "How much is asked for: `strict` changes the defaults of those options that demand more than most APIs have.",
        ),
        ("baseline", str, "", "The baseline file, relative to this file."),
        (
            "base",
            str,
            "",
            "The revision that a change is compared with, at the commit where it parted from it; `auto` for that of a "
            "pull request, where there is one.",
        ),
        (
            "per-path-ignores",
            dict[str, tuple[named, ...]],
            None,
            "Checks and domains that are not judged in files that match a glob.",
        ),
        ("gate", gate, None, "When the gate is open."),
        (
            "migrations",
            _struct(
                "Migrations",
                (
                    "since",
                    str | tuple[str, ...],
                    (),
                    "The last migration that is applied everywhere, by revision or file; several for several histories. "
                    "It and what comes before it is not judged for what it locks.",
                ),
            ),
            None,
            "What is known about the migrations.",
        ),
        ("checks", _struct("Checks", *tables), None, "Severity and options of single checks."),
    )


def _struct(name: str, *fields: tuple[str, Any, Any, str]) -> type[msgspec.Struct]:
    members: list[tuple[str, Any, Any]] = []
    for key, hint, default, description in fields:
        described = Annotated[hint, msgspec.Meta(description=description)] if description else hint
        hashable = default is not None and not isinstance(default, (list, dict, set))
        value = default if hashable else msgspec.field(default_factory=_Absent(hint, default))
        members.append((_identifier(key), described, value))
    return msgspec.defstruct(
        name,
        members,
        rename={_identifier(key): key for key, *_ in fields},
        forbid_unknown_fields=True,
        frozen=True,
        kw_only=True,
    )


@dataclass(frozen=True)
class _Absent:
    """Makes the value of a key that is not given: a copy of the default, or an empty value of its type."""

    hint: Any
    default: Any

    def __call__(self) -> Any:
        return type(self.default)(self.default) if self.default is not None else self.hint()


def _identifier(key: str) -> str:
    return key.replace("-", "_")


def _limit(value: int | None) -> int | str:
    return "off" if value is None else value


def _table(check: Check) -> type[msgspec.Struct]:
    """The table ``[checks.<id>]``: a severity, and the fields of the check's options."""
    return _struct(
        check.id,
        (
            "severity",
            Literal[tuple(level.value for level in Severity)],
            check.severity.value,
            "The severity of every finding of this check, in place of its own.",
        ),
        *((name.replace("_", "-"), hint, default, "") for name, hint, default in option_fields(check)),
    )


def option_fields(check: Check) -> tuple[tuple[str, Any, Any], ...]:
    """Name, type and default of every option of a check."""
    if check.options is None:
        return ()
    hints = typing.get_type_hints(type(check.options), include_extras=True)
    return tuple(
        (member.name, hints[member.name], getattr(check.options, member.name))
        for member in dataclasses.fields(check.options)
        if member.init
    )


def _fields(declared: Any) -> dict[str, Any]:
    return {member.encode_name: member.type for member in msgspec.structs.fields(declared)}


def _is_table(hint: Any) -> bool:
    bare = _bare(hint)
    return isinstance(bare, type) and issubclass(bare, msgspec.Struct)


def _is_mapping(hint: Any) -> bool:
    return typing.get_origin(_bare(hint)) in (dict, Mapping)


def _bare(hint: Any) -> Any:
    while typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    return hint


# Validation: every fault, in the user's words.


def _faults(value: Any, hint: Any, key: Key) -> Iterator[tuple[Key, str]]:
    """Every place where ``value`` is not what ``hint`` declares."""
    bare = _bare(hint)
    origin, members = typing.get_origin(bare), typing.get_args(bare)
    if _is_table(bare):
        if not isinstance(value, dict):
            yield key, f"{_name(key)} must be a table, not {_kind(value)}"
            return
        fields = _fields(bare)
        for name, item in value.items():
            if name in fields:
                yield from _faults(item, fields[name], (*key, name))
            else:
                yield (*key, name), f"{_unknown(key, name)}{suggest(name, fields)}"
    elif origin in (tuple, list, set, frozenset) and isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _faults(item, members[0], (*key, index))
    elif origin in (dict, Mapping) and isinstance(value, dict):
        for name, item in value.items():
            yield from _faults(item, members[1], (*key, name))
    elif not _fits(value, hint):
        choices = _choices(bare)
        title = _title(hint)
        if isinstance(value, str) and choices and title:
            yield key, f"{_name(key)}: unknown {title} {value!r}{suggest(value, choices)}"
        elif isinstance(value, str) and choices:
            yield key, f"{_name(key)} must be {type_words(hint)}, not {value!r}{suggest(value, choices)}"
        else:
            yield key, f"{_name(key)} must be {type_words(hint)}, not {_kind(value)}"


def _fits(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _choices(bare: Any) -> tuple[str, ...]:
    if typing.get_origin(bare) is Literal:
        return tuple(str(choice) for choice in typing.get_args(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return tuple(str(member.value) for member in bare)
    return ()


def _title(hint: Any) -> str:
    titles = [
        note.title
        for note in (hint.__metadata__ if typing.get_origin(hint) is Annotated else ())
        if isinstance(note, msgspec.Meta) and note.title
    ]
    return str(titles[0]) if titles else ""


def type_words(hint: Any) -> str:
    """What a type asks for, in words: `a whole number of at least 1`."""
    bare = _bare(hint)
    origin, members = typing.get_origin(bare), typing.get_args(bare)
    if choices := _choices(bare):
        quoted = [f"{choice!r}" for choice in choices]
        return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    if origin in (Union, types.UnionType):
        return " or ".join(type_words(member) for member in members if member is not type(None))
    if origin in (tuple, list, set, frozenset):
        return "an array"
    if origin in (dict, Mapping):
        return "a table"
    plain: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    words = plain.get(bare, str(bare))
    bounds = [note for note in (hint.__metadata__ if hint is not bare else ()) if isinstance(note, msgspec.Meta)]
    for note in bounds:
        for limit, text in (
            (note.ge, "of at least"),
            (note.gt, "above"),
            (note.le, "of at most"),
            (note.lt, "below"),
            (note.min_length, "of at least this length:"),
            (note.max_length, "of at most this length:"),
            (note.pattern, "that matches"),
        ):
            if limit is not None:
                words += f" {text} {limit}"
    return words


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)[:40]
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    if isinstance(value, dict):
        return "a table"
    return "an array" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def _name(key: Key) -> str:
    """The key that a message speaks of: without the indexes of its array items."""
    return dotted(tuple(part for part in key if isinstance(part, str))) or "the configuration"


def _unknown(table: Key, name: str) -> str:
    if table == ("checks",):
        return f"unknown check {name!r}"
    if len(table) == 2 and table[0] == "checks":
        return f"unknown option {name!r} of {table[1]}"
    return f"unknown key {name!r}" + (f" in {dotted(table)}" if table else "")


# Sources.


@dataclass(frozen=True)
class _Layer:
    """The keys that one source gives. ``where`` names the place of a key in it, for messages and origins."""

    data: dict[str, Any]
    where: Callable[[Key], str]
    is_file: bool = False

    def worded(self, key: Key, message: str) -> str:
        """A message that does not name the key again where the source itself is named after it."""
        return message if self.is_file else message.removeprefix(_name(key)).lstrip(": ")


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


def _table_of(file: Path, data: bytes) -> tuple[Any, Callable[[Key], str]] | None:
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

    def where(key: Key) -> str:
        line = document.line((*prefix, *key))
        return f"{shown}:{line}" if line else shown

    return table, where


def _file_layer(file: Path) -> _Layer:
    found = _table_of(file, _read(file))
    if found is None:
        raise ConfigError([Problem(shown_path(file), "has no table [tool.qgate]")])
    table, where = found
    return _Layer(table, where, is_file=True)


def _environment(declared: type[msgspec.Struct], environ: Mapping[str, str]) -> _Layer:
    """Keys of the top that hold text or a list of texts: ``QGATE_MIN_CONFIDENCE=low``, ``QGATE_SELECT=api,security``."""
    data: dict[str, Any] = {}
    for key, hint in _fields(declared).items():
        text = environ.get(_variable(key), "")
        if not text or _is_table(hint) or _is_mapping(hint):
            continue
        listed = typing.get_origin(_bare(hint)) is tuple
        data[key] = [item.strip() for item in text.split(",") if item.strip()] if listed else text
    return _Layer(data, lambda key: _variable(str(key[0])) if key else "environment")


def _variable(key: str) -> str:
    return f"QGATE_{_identifier(key).upper()}"


def _escapes(layer: _Layer) -> Iterator[tuple[Key, str]]:
    """A file that came with the repository names no file outside its own folder: baselines are written to."""
    baseline = layer.data.get("baseline") if layer.is_file and isinstance(layer.data, dict) else None
    if isinstance(baseline, str):
        path = PurePosixPath(baseline.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or Path(baseline).is_absolute():
            yield ("baseline",), "baseline must be a path below the folder of the configuration file"


def shown_path(file: Path) -> str:
    """A file's path for people: relative to the current directory where it lies below it."""
    try:
        return file.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return file.as_posix()


# The policy.


class _Refused(Exception):
    """An option value that the check's own dataclass refused."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where
        self.message = message


def _merged(layers: Iterable[_Layer], declared: Any) -> tuple[dict[Key, Any], dict[Key, str], frozenset[Key]]:
    """The given keys with their values and origins, and those that the file decides; ``layers`` come weakest first."""
    written: set[Key] = set()
    values: dict[Key, Any] = {}
    origins: dict[Key, str] = {}
    for layer in layers:
        given = dict(_leaves(layer.data, declared, ()))
        if ("select",) in given:
            for name in ("select", "ignore"):
                values.pop((name,), None)
                origins.pop((name,), None)
        for key, value in given.items():
            if key == ("ignore",) and key in values:
                values[key] = (*values[key], *(name for name in value if name not in values[key]))
                origins[key] = f"{origins[key]}, {layer.where(key)}"
            else:
                values[key] = value
                origins[key] = layer.where(key)
                (written.add if layer.is_file else written.discard)(key)
    return values, origins, frozenset(written)


def _leaves(value: Any, hint: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if _is_table(hint):
        fields = _fields(_bare(hint))
        for name, item in value.items():
            yield from _leaves(item, fields[name], (*key, name))
    elif key == ("per-path-ignores",):
        for name, item in value.items():
            yield (*key, name), tuple(item)
    else:
        yield key, tuple(value) if isinstance(value, list) else value


def _defaults(
    checks: Sequence[Check], declared: type[msgspec.Struct], values: Mapping[Key, Any]
) -> Iterator[tuple[Key, Any]]:
    for member in msgspec.structs.fields(declared):
        if member.encode_name in ("gate", "migrations"):
            for inner in msgspec.structs.fields(_bare(member.type)):
                yield (
                    (member.encode_name, inner.encode_name),
                    inner.default if inner.default is not msgspec.NODEFAULT else (),
                )
        elif not _is_table(member.type) and not _is_mapping(member.type):
            yield (member.encode_name,), member.default
    for check in checks:
        base = _base_options(check, values)
        for name, _, _ in option_fields(check):
            yield ("checks", check.id, name.replace("_", "-")), getattr(base, name)


def _base_options(check: Check, values: Mapping[Key, Any]) -> Any:
    """The options of a check under the chosen profile, before any is given."""
    return check.strict if values.get(("profile",)) == "strict" and check.strict is not None else check.options


def _policy(
    checks: Sequence[Check],
    values: Mapping[Key, Any],
    origins: Mapping[Key, str],
    written: frozenset[Key],
    directory: Path | None,
) -> Policy:
    def limit(name: str, default: int | None) -> int | None:
        value = values.get(("gate", name), _limit(default))
        return None if value == "off" else int(value)

    default = Policy()
    since = values.get(("migrations", "since"), ())
    baseline = values.get(("baseline",), "")
    if baseline and directory is not None and ("baseline",) in written:
        # A path in a file is relative to that file; in the other sources, to the current directory.
        baseline = str(directory / baseline)
    return Policy(
        selection=Selection(
            select=values.get(("select",), ()),
            ignore=values.get(("ignore",), ()),
            per_path=tuple((str(key[1]), names) for key, names in values.items() if key[0] == "per-path-ignores"),
        ),
        include=values.get(("include",), ()),
        exclude=values.get(("exclude",), ()),
        min_confidence=Confidence(values.get(("min-confidence",), default.min_confidence.value)),
        limits=Limits(
            errors=limit("errors", default.limits.errors),
            warnings=limit("warnings", default.limits.warnings),
            notes=limit("notes", default.limits.notes),
            unread=values.get(("gate", "unread"), default.limits.unread),
            required=values.get(("gate", "required"), default.limits.required),
            scope=values.get(("gate", "scope"), default.limits.scope),
        ),
        baseline=baseline,
        base=values.get(("base",), ""),
        applied=(since,) if isinstance(since, str) else since,
        directory=directory,
        options={check.id: given for check in checks if (given := _options(check, values, origins)) is not None},
        severities={
            str(key[1]): Severity(value)
            for key, value in values.items()
            if key[0] == "checks" and len(key) == 3 and key[2] == "severity"
        },
    )


def _options(check: Check, values: Mapping[Key, Any], origins: Mapping[Key, str]) -> Any:
    """The options of a check with the given values in them; None where they are the check's own."""
    given = {}
    where = ""
    for name, hint, _ in option_fields(check):
        key = ("checks", check.id, name.replace("_", "-"))
        if key in values:
            given[name] = msgspec.convert(values[key], hint)
            where = origins[key]
    base = _base_options(check, values)
    if not given:
        return None if base is check.options else base
    try:
        return dataclasses.replace(base, **given)
    except ValueError as error:
        raise _Refused(where, f"checks.{check.id}: {error}") from None
