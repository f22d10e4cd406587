"""In: values and arguments. Out: what the language's own functions and methods make of them; None where that is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from qualitygate.model.values import (
    Arguments,
    Bound,
    Choice,
    ClassValue,
    Entries,
    Items,
    Known,
    ModuleValue,
    Pattern,
    Unknown,
    Value,
)

MAX_TEXT = 20_000
MAX_ITEMS = 5_000
"""Characters and items kept of one value: a loop that doubles a text or a list would fill the memory."""


class Follower(Protocol):
    """What these functions ask of whoever follows the program."""

    def add(self, values: list[Value], text: bool = False) -> Value:
        """The sum of values; ``text`` where every one of them is put into a text."""
        ...

    def items(self, value: Value) -> list[Value]:
        """What a value gives when it is looped over; nothing where that is not known."""
        ...

    def any_entry(self, value: Entries) -> Value:
        """What a look-up by an unknown key may give."""
        ...

    def attribute(self, value: Value, name: str) -> Value:
        """The attribute of a value."""
        ...

    def module(self, dotted: str, near: str = "") -> ModuleValue | None:
        """A module of the project by its import name."""
        ...


def bounded(value: Items) -> Items:
    """The same list, cut where it is too long to be followed further."""
    if len(value.items) > MAX_ITEMS:
        del value.items[MAX_ITEMS:]
        value.complete = False
    return value


def text_of(value: Value | None) -> str | None:
    """The text that a value is, of alternatives the first; None for anything else."""
    if isinstance(value, Choice):
        value = value.values[0]
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else None


def _format(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    template = text_of(receiver)
    if template is None:
        return None
    parts: list[Value] = []
    position = 0
    for piece in template.replace("{{", "\0").replace("}}", "\1").split("{"):
        if not parts:
            parts.append(Known(piece.replace("\0", "{").replace("\1", "}")))
            continue
        name, closed, rest = piece.partition("}")
        name = name.split(":", 1)[0].split("!", 1)[0]
        if not closed:
            return None
        if name == "" or name.isdigit():
            index = int(name) if name else position
            position += 1
            parts.append(arguments.positional[index] if index < len(arguments.positional) else Unknown("formatted"))
        else:
            parts.append(arguments.keywords.get(name, Unknown("formatted")))
        parts.append(Known(rest.replace("\0", "{").replace("\1", "}")))
    return evaluator.add(parts, text=True)


def _textual(change: Callable[[str, list[str]], str]) -> Callable[[Follower, Value, Arguments], Value | None]:
    def apply(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
        text = text_of(receiver)
        words = [text_of(value) for value in arguments.positional]
        if text is None or any(word is None for word in words):
            return None
        sure = not isinstance(receiver, Known) or receiver.sure
        known = [word for word in words if word is not None]
        # `replace` may put a long word in the place of every letter.
        if len(text) * (1 + max(map(len, known), default=0)) > MAX_TEXT**2 // 100:
            return Unknown("a long text")
        changed = change(text, known)
        return Known(changed, sure) if len(changed) <= MAX_TEXT else Unknown("a long text")

    return apply


def _tested(test: Callable[[str, str], bool]) -> Callable[[Follower, Value, Arguments], Value | None]:
    def apply(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
        text, word = text_of(receiver), text_of(arguments.get("", 0))
        if text is None or word is None:
            return None
        return Known(test(text, word), not isinstance(receiver, Known) or receiver.sure)

    return apply


def _join(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    separator = text_of(receiver)
    if separator is None or not arguments.positional:
        return None
    parts: list[Value] = []
    items = evaluator.items(arguments.positional[0])
    for item in items:
        if parts:
            parts.append(Known(separator))
        parts.append(item)
    return evaluator.add(parts, text=True) if items else None


def _split(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    text = text_of(receiver)
    separator = text_of(arguments.get("sep", 0))
    if text is None:
        return None
    return Items([Known(part) for part in (text.split(separator) if separator else text.split())])


def _append(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    if isinstance(receiver, Items) and arguments.positional:
        receiver.items.append(arguments.positional[0])
        bounded(receiver)
    return Known(None)


def _extend(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    if isinstance(receiver, Items) and arguments.positional:
        added = arguments.positional[0]
        receiver.items.extend(evaluator.items(added))
        receiver.complete = receiver.complete and isinstance(added, Items) and added.complete
        bounded(receiver)
    return Known(None)


def _insert(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    if isinstance(receiver, Items) and len(arguments.positional) > 1:
        receiver.items.append(arguments.positional[1])
        bounded(receiver)
    return Known(None)


def _entries(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    if not isinstance(receiver, Entries):
        return None
    return Items([Items([Known(key), value]) for key, value in receiver.entries.items()], receiver.complete)


def _values(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    return Items(list(receiver.entries.values()), receiver.complete) if isinstance(receiver, Entries) else None


def _get(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    key = arguments.get("key", 0)
    if not isinstance(receiver, Entries):
        return None
    if not isinstance(key, Known):
        return evaluator.any_entry(receiver)
    found = receiver.entries.get(key.value)
    return found if found is not None else arguments.get("default", 1) or Known(None)


def _update(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    if isinstance(receiver, Entries):
        for added in arguments.positional:
            if isinstance(added, Entries):
                receiver.entries.update(added.entries)
            receiver.complete = receiver.complete and isinstance(added, Entries) and added.complete
        receiver.entries.update(arguments.keywords)
        receiver.complete = receiver.complete and arguments.complete
    return Known(None)


def _setdefault(evaluator: Follower, receiver: Value, arguments: Arguments) -> Value | None:
    key = arguments.get("key", 0)
    if not isinstance(receiver, Entries):
        return None
    if not isinstance(key, Known):
        receiver.complete = False
        return evaluator.any_entry(receiver)
    return receiver.entries.setdefault(key.value, arguments.get("default", 1) or Known(None))


METHODS: Mapping[tuple[str, str], Callable[[Follower, Value, Arguments], Value | None]] = {
    ("Known", "format"): _format,
    ("Known", "join"): _join,
    ("Known", "split"): _split,
    ("Known", "strip"): _textual(lambda text, words: text.strip(*words)),
    ("Known", "lstrip"): _textual(lambda text, words: text.lstrip(*words)),
    ("Known", "rstrip"): _textual(lambda text, words: text.rstrip(*words)),
    ("Known", "startswith"): _tested(str.startswith),
    ("Known", "endswith"): _tested(str.endswith),
    ("Known", "lower"): _textual(lambda text, words: text.lower()),
    ("Known", "upper"): _textual(lambda text, words: text.upper()),
    ("Known", "replace"): _textual(lambda text, words: text.replace(words[0], words[1]) if len(words) > 1 else text),
    ("Known", "removeprefix"): _textual(lambda text, words: text.removeprefix(words[0])),
    ("Known", "removesuffix"): _textual(lambda text, words: text.removesuffix(words[0])),
    ("Items", "append"): _append,
    ("Items", "add"): _append,
    ("Items", "extend"): _extend,
    ("Items", "insert"): _insert,
    ("Entries", "items"): _entries,
    ("Entries", "values"): _values,
    ("Entries", "get"): _get,
    ("Entries", "update"): _update,
    ("Entries", "setdefault"): _setdefault,
}


def _same(evaluator: Follower, arguments: Arguments) -> Value | None:
    return arguments.positional[0] if arguments.positional else None


def _bool(evaluator: Follower, arguments: Arguments) -> Value | None:
    value = arguments.positional[0] if arguments.positional else None
    return Known(bool(value.value), value.sure) if isinstance(value, Known) else None


def _list(evaluator: Follower, arguments: Arguments) -> Value | None:
    if not arguments.positional:
        return Items([])
    value = arguments.positional[0]
    if isinstance(value, (Items, Entries)):
        whole = not isinstance(value, Items) or value.complete
        return Items(list(evaluator.items(value)), whole, value.place)
    return None


def _dict(evaluator: Follower, arguments: Arguments) -> Value | None:
    entries: dict[str | int | float | bool | None, Value] = {}
    complete = arguments.complete
    for value in arguments.positional:
        if isinstance(value, Entries):
            entries.update(value.entries)
            complete = complete and value.complete
        else:
            complete = False
    entries.update(arguments.keywords)
    return Entries(entries, complete)


def _enumerate(evaluator: Follower, arguments: Arguments) -> Value | None:
    value = arguments.get("iterable", 0)
    if not isinstance(value, Items):
        return None
    return Items([Items([Known(index), item]) for index, item in enumerate(value.items)], value.complete)


def _zip(evaluator: Follower, arguments: Arguments) -> Value | None:
    if not all(isinstance(value, Items) for value in arguments.positional):
        return None
    rows = zip(*(evaluator.items(value) for value in arguments.positional), strict=False)
    return Items([Items(list(row)) for row in rows])


def _getattr(evaluator: Follower, arguments: Arguments) -> Value | None:
    if len(arguments.positional) < 2:
        return None
    name = text_of(arguments.positional[1])
    if name is None:
        return None
    found = evaluator.attribute(arguments.positional[0], name)
    if len(arguments.positional) > 2 and isinstance(found, (Bound, Unknown)):
        default = arguments.positional[2]
        return Known(default.value, sure=False) if isinstance(default, Known) else default
    return found


def _str(evaluator: Follower, arguments: Arguments) -> Value | None:
    if not arguments.positional:
        return Known("")
    value = arguments.positional[0]
    if isinstance(value, Known) and value.value is not None and not isinstance(value.value, bool):
        return Known(str(value.value), value.sure)
    return value if isinstance(value, Pattern) else None


def _int(evaluator: Follower, arguments: Arguments) -> Value | None:
    value = arguments.positional[0] if arguments.positional else None
    if isinstance(value, Known):
        if isinstance(value.value, str):
            digits = value.value.strip()
            return Known(int(digits), value.sure) if digits.isdecimal() and len(digits) < 18 else None
        if isinstance(value.value, (int, float)) and abs(value.value) < 1e18:
            return Known(int(value.value), value.sure)
    return None


def _import_module(evaluator: Follower, arguments: Arguments) -> Value | None:
    name = text_of(arguments.get("name", 0))
    package = text_of(arguments.get("package", 1))
    if name is not None and name.startswith(".") and package is not None:
        bare = name.lstrip(".")
        parts = package.split(".")
        kept = parts[: len(parts) - (len(name) - len(bare) - 1)]
        name = ".".join((*kept, bare)) if kept else bare
    return None if name is None else evaluator.module(name)


def _len(evaluator: Follower, arguments: Arguments) -> Value | None:
    value = arguments.positional[0] if arguments.positional else None
    if isinstance(value, Items):
        return Known(len(value.items)) if value.complete and value.items else None
    if isinstance(value, Entries):
        return Known(len(value.entries)) if value.complete and value.entries else None
    return Known(len(value.value), value.sure) if isinstance(value, Known) and isinstance(value.value, str) else None


def _hasattr(evaluator: Follower, arguments: Arguments) -> Value | None:
    name = text_of(arguments.get("name", 1))
    if name is None or not isinstance(arguments.positional[0], (ModuleValue, ClassValue)):
        return None
    found = evaluator.attribute(arguments.positional[0], name)
    if isinstance(found, (Unknown, Bound)):
        return Known(False) if isinstance(arguments.positional[0], ModuleValue) else None
    return Known(True)


def _path_join(evaluator: Follower, arguments: Arguments) -> Value | None:
    parts: list[Value] = []
    for value in arguments.positional:
        if (text := text_of(value)) is not None and text.startswith("/"):
            parts = []
        parts += [Known("/"), value] if parts and not (text_of(parts[-1]) or "").endswith("/") else [value]
    return evaluator.add(parts, text=True) if arguments.complete and parts else None


def _import_by_name(evaluator: Follower, arguments: Arguments) -> Value | None:
    # Without a list of names the built-in gives the outermost package.
    return _import_module(evaluator, arguments) if arguments.get("fromlist", 3) is not None else None


FUNCTIONS: Mapping[str, Callable[[Follower, Arguments], Value | None]] = {
    "builtins.list": _list,
    "builtins.tuple": _list,
    "builtins.set": _list,
    "builtins.frozenset": _list,
    "builtins.sorted": _list,
    "builtins.reversed": _list,
    "builtins.iter": _same,
    "builtins.dict": _dict,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.getattr": _getattr,
    "builtins.hasattr": _hasattr,
    "builtins.len": _len,
    "builtins.str": _str,
    "builtins.int": _int,
    "builtins.bool": _bool,
    "builtins.__import__": _import_by_name,
    "importlib.import_module": _import_module,
    "os.path.join": _path_join,
    "posixpath.join": _path_join,
    "pydantic.SecretStr": _same,
    "copy.deepcopy": _same,
    "copy.copy": _same,
    "rest_framework.urlpatterns.format_suffix_patterns": _same,
}

BUILTINS = frozenset(
    """
    abs all any ascii bin bool bytearray bytes callable chr classmethod compile complex delattr dict dir divmod
    enumerate eval exec filter float format frozenset getattr globals hasattr hash help hex id input int
    isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow print
    property range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip
    __import__ BaseException Exception ArithmeticError AssertionError AttributeError ConnectionError EOFError
    FileExistsError FileNotFoundError IOError ImportError IndexError KeyError KeyboardInterrupt LookupError
    NotImplementedError OSError OverflowError PermissionError RuntimeError StopIteration SystemExit TimeoutError
    TypeError UnicodeDecodeError ValueError ZeroDivisionError
    """.split()
)
"""Names that every module knows without an import."""
