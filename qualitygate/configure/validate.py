"""In: values of one source and what is declared. Out: every place where they are not what they should be, in the user's words."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, Union

import msgspec

from qualitygate.configure.declare import bare_type, fields_of, is_table
from qualitygate.parse.toml import Key


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


def faults(value: Any, hint: Any, key: Key) -> Iterator[tuple[Key, str]]:
    """Every place where ``value`` is not what ``hint`` declares."""
    bare = bare_type(hint)
    origin, members = typing.get_origin(bare), typing.get_args(bare)
    if is_table(bare):
        if not isinstance(value, dict):
            moved = '; what was the profile `strict` is the preset: preset = "strict"' if key == ("profile",) else ""
            yield key, f"{name_of(key)} must be a table, not {_kind(value)}{moved}"
            return
        fields = fields_of(bare)
        for name, item in value.items():
            if name in fields:
                yield from faults(item, fields[name], (*key, name))
            else:
                yield (*key, name), f"{_unknown(key, name)}{suggest(name, fields) or _below(name, fields)}"
    elif origin in (Union, types.UnionType) and (wanted := _alternative(value, members)) is not None:
        yield from faults(value, wanted, key)
    elif origin in (tuple, list, set, frozenset) and isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from faults(item, members[0], (*key, index))
    elif origin in (dict, Mapping) and isinstance(value, dict):
        for name, item in value.items():
            yield from faults(item, members[1], (*key, name))
    elif not _fits(value, hint):
        choices = _choices(bare)
        title = _title(hint)
        if isinstance(value, str) and choices and title:
            near = suggest(value, choices) or "; `qgate rules` lists them"
            yield key, f"{name_of(key)}: unknown {title} {value!r}{near}"
        elif isinstance(value, str) and choices:
            yield key, f"{name_of(key)} must be {type_words(hint)}, not {value!r}{suggest(value, choices)}"
        else:
            yield key, f"{name_of(key)} must be {type_words(hint)}, not {_kind(value)}"


def _alternative(value: Any, members: tuple[Any, ...]) -> Any:
    """That member of a union of one value and an array of such values which ``value`` is to be held against."""
    arrays = [member for member in members if typing.get_origin(member) is tuple]
    if len(arrays) != 1 or len(members) != 2:
        return None
    if isinstance(value, (list, tuple)):
        return arrays[0]
    return next(one for one in members if one is not arrays[0]) if isinstance(value, str) else None


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
    bare = bare_type(hint)
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
    plain: dict[Any, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        date: "a day",
    }
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


def name_of(key: Key) -> str:
    """The key that a message speaks of: without the indexes of its array items."""
    return dotted(tuple(part for part in key if isinstance(part, str))) or "the configuration"


def _below(name: str, fields: Mapping[str, Any]) -> str:
    """Where a key belongs that stands in the wrong table; empty where it belongs nowhere."""
    tables = [
        table for table, hint in fields.items() if is_table(bare_type(hint)) and name in fields_of(bare_type(hint))
    ]
    return f"; did you mean {dotted((tables[0], name))!r}?" if len(tables) == 1 else ""


def _unknown(table: Key, name: str) -> str:
    if table == ("checks",):
        return f"unknown check {name!r}"
    if not table and name == "tool":
        return "unknown key 'tool': the keys of this file stand without [tool.qgate], which is for pyproject.toml"
    if len(table) == 2 and table[0] == "checks":
        return f"unknown option {name!r} of {table[1]}"
    return f"unknown key {name!r}" + (f" in {name_of(table)}" if table else "")
