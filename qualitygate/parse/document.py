"""In: the text of a YAML or JSON file. Out: plain dicts and lists, with the place of every key and value.

YAML is read by the rules of its version 1.2 (core schema): `on`, `no` and `12:30` are text, dates are text, and a key is
always the text as written, so that a response code is `"200"` whether quoted or not. libyaml scans (when PyYAML was
built with it); the tree is built here from its events, without recursion, so that no nesting can exhaust the stack.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json.decoder import scanstring as _scan_string  # type: ignore[attr-defined] # as the scanner of json uses it
from typing import Any, Final

import yaml

from qualitygate.model.source import Language, Span, Text

MAX_DEPTH: Final = 200
# Aliases are shared, not copied, but whoever walks the tree walks the copies: a document of n nodes may stand for so many.
MAX_EXPANSION: Final = 20
MIN_EXPANSION: Final = 100_000


class Malformed(Exception):
    """The text is not the YAML or JSON that it should be. ``line`` counts from 1; ``bound`` is true where the text may be
    sound, and goes past a bound of this reader."""

    def __init__(self, line: int, reason: str, *, bound: bool = False) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason
        self.bound = bound


@dataclass(frozen=True)
class Duplicate:
    """A key that its mapping holds twice: the later value stands. Spans are those of the keys."""

    key: str
    first: Span
    again: Span


@dataclass(frozen=True)
class Document:
    """One document: ``data`` of dict, list, str, int, float, bool and None, and places on demand.

    Dicts and lists are plain, shared where the document uses an alias, and must not be changed: places are found by
    the identity of their container.
    """

    text: Text = field(repr=False)
    data: Any = field(repr=False)
    duplicates: tuple[Duplicate, ...]
    _marks: Mapping[int, Sequence[int]] = field(repr=False)
    _root: tuple[int, int]
    _order: dict[int, dict[str, int]] = field(default_factory=dict, repr=False)

    def key(self, container: Mapping[str, Any] | Sequence[Any], name: str | int) -> Span:
        """The span of a key of a dict of this document; of an item of a list. Raises ``KeyError`` for a stranger."""
        marks, at = self._find(container, name)
        return self.text.span(marks[at], marks[at + 1])

    def value(self, container: Mapping[str, Any] | Sequence[Any], name: str | int) -> Span:
        """The span of a value of a dict, or of an item of a list, of this document. Raises ``KeyError``."""
        marks, at = self._find(container, name)
        if isinstance(container, Mapping):
            at += 2
        start, end = marks[at], marks[at + 1]
        # A block ends for the scanner where the next token starts.
        while end > start and self.text.content[end - 1].isspace():
            end -= 1
        return self.text.span(start, end)

    def span(self, pointer: str | Sequence[str | int]) -> Span:
        """The span of what a JSON pointer (or its parts) names: the key where it is one, else the item.

        A pointer that leads nowhere gives the span of the last thing on the way that exists; "" the whole document.
        """
        parts: Sequence[str | int] = split_pointer(pointer) if isinstance(pointer, str) else pointer
        span = self.text.span(*self._root)
        node = self.data
        for part in parts:
            if isinstance(node, list):
                index = int(part) if str(part).isdecimal() and len(str(part)) < 10 else -1
                if not 0 <= index < len(node):
                    break
                span, node = self.key(node, index), node[index]
            elif isinstance(node, dict) and str(part) in node:
                span, node = self.key(node, str(part)), node[str(part)]
            else:
                break
        return span

    def _find(self, container: Mapping[str, Any] | Sequence[Any], name: str | int) -> tuple[Sequence[int], int]:
        marks = self._marks[id(container)]
        if isinstance(container, Mapping):
            order = self._order.get(id(container))
            if order is None:
                order = {key: number for number, key in enumerate(container)}
                self._order[id(container)] = order
            return marks, 4 * order[str(name)]
        if not isinstance(name, int) or not 0 <= name < len(container):
            raise KeyError(name)
        return marks, 2 * name


def split_pointer(pointer: str) -> tuple[str, ...]:
    """The parts of a JSON pointer (RFC 6901), unescaped; of "" none."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def join_pointer(parts: Sequence[str | int]) -> str:
    """The JSON pointer of these parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def load(text: Text, language: Language) -> Iterator[Document]:
    """The documents of a file in their order: one for JSON, any number for YAML.

    Raises :class:`Malformed` at the first fault.
    """
    content, restore = _readable(text.content, language)
    try:
        parser = _parser(content)
        try:
            yield from _documents(text, parser.get_event, restore)
        finally:
            parser.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is not None and error.context_mark is not None and mark.index >= len(content.rstrip()):
            # What is open at the end of the file is told where it was opened.
            mark = error.context_mark
        # The last line that holds something, not the empty one after it.
        at = min(mark.index, len(content.rstrip())) if mark is not None else 0
        if language is Language.JSON and (events := _json_events(text.content)) is not None:
            yield from _documents(text, iter([*events, None]).__next__, None)
            return
        raise Malformed(_line(text, at), str(error.problem or error.context)) from None
    except yaml.reader.ReaderError as error:
        # libyaml gives the position in bytes of UTF-8, the pure parser in characters of what it holds: find it again.
        at = content.find(chr(error.character)) if isinstance(error.character, int) else -1
        raise Malformed(
            _line(text, max(at, 0)),
            f"holds the character U+{ord(content[at]):04X}, which {language.value} does not allow"
            if at >= 0
            else error.reason,
        ) from None


_WHITE: Final = re.compile(r"[ \t\r\n]*")
_LITERAL: Final = re.compile(r"true|false|null|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def _mark(index: int) -> yaml.error.Mark:
    return yaml.error.Mark("", index, 0, 0, None, 0)


def _skip(content: str, at: int) -> int:
    """The offset after white space."""
    white = _WHITE.match(content, at)
    return white.end() if white is not None else at


def _json_events(content: str) -> list[Any] | None:
    """The events of a JSON text that libyaml refuses (it knows no key of more than 1,024 characters); None where the
    text is no JSON either."""
    events: list[Any] = []
    open_: list[str] = []
    at = 0
    key = value = closing = comma = False  # what may come next, beside the first value
    first = True
    while True:
        at = _skip(content, at)
        if at == len(content):
            return events if events and not open_ and not first else None
        sign, start = content[at], at
        if comma and sign == "," and open_:
            key, value, closing, comma, at = open_[-1] == "}", open_[-1] == "]", False, False, at + 1
            continue
        if closing and open_ and sign == open_[-1]:
            open_.pop()
            end = yaml.MappingEndEvent if sign == "}" else yaml.SequenceEndEvent
            events.append(end(_mark(at), _mark(at + 1)))
            key, value, closing, comma, at = False, False, bool(open_), bool(open_), at + 1
            continue
        if not (first or key or value) or (key and sign != '"'):
            return None
        first = False
        if sign in "{[" and len(open_) <= MAX_DEPTH:
            begin = yaml.MappingStartEvent if sign == "{" else yaml.SequenceStartEvent
            events.append(begin(None, None, True, _mark(at), _mark(at + 1)))
            open_.append("}" if sign == "{" else "]")
            key, value, closing, comma, at = sign == "{", sign == "[", True, False, at + 1
            continue
        if sign == '"':
            try:
                text, at = _scan_string(content, at + 1, False)
            except ValueError:
                return None
        elif (literal := _LITERAL.match(content, at)) is not None:
            text, at = literal[0], literal.end()
        else:
            return None
        style = '"' if sign == '"' else ""
        events.append(yaml.ScalarEvent(None, None, (True, False), text, _mark(start), _mark(at), style))
        if key:
            at = _skip(content, at)
            if content[at : at + 1] != ":":
                return None
            key, value, closing, comma, at = False, True, False, False, at + 1
        else:
            key, value, closing, comma = False, False, bool(open_), bool(open_)


def _parser(content: str) -> Any:
    if yaml.__with_libyaml__:
        from yaml._yaml import CParser

        return CParser(content)
    return yaml.SafeLoader(content)  # a reader of events here: nothing is constructed


def _line(text: Text, offset: int) -> int:
    return text.span(min(offset, len(text.content)), min(offset, len(text.content))).line


# What libyaml takes for a line break or refuses, and YAML 1.2 and JSON allow inside a quoted scalar.
_STRANGE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_ESCAPE = re.compile(r"\\(?:u[dD][89A-Fa-f][0-9A-Fa-f]{2}|.)", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89A-Fa-f][0-9A-Fa-f]{2}")


def _readable(content: str, language: Language) -> tuple[str, Callable[[str, int, int], str] | None]:
    """The text as libyaml can read it, of the same length, and how to restore a scalar from its value and offsets."""
    original = content
    if language is Language.JSON:
        # Between tokens a tab is white space; libyaml refuses it there. Inside a JSON string it cannot stand.
        content = content.replace("\t", " ")
    strange = sorted(set(_STRANGE.findall(content)))
    surrogates = language is Language.JSON and _SURROGATE.search(content) is not None
    if not strange and not surrogates:
        return content, None
    # A stand-in is a private-use character that the text does not use.
    used = set(content)
    free = [character for character in map(chr, range(0xF0000, 0xF0000 + len(strange) + 300)) if character not in used]
    if len(free) <= len(strange):
        free = [character for character in map(chr, range(0x100000, 0x10FFFE)) if character not in used]
    stand_ins = dict(zip(strange, free, strict=False))
    back = str.maketrans({stand_in: character for character, stand_in in stand_ins.items()})
    content = content.translate(str.maketrans(stand_ins))
    if not surrogates:
        return content, lambda value, start, end: value.translate(back)
    filler = free[len(strange)]
    content = _ESCAPE.sub(lambda match: filler * 6 if _SURROGATE.fullmatch(match[0]) else match[0], content)

    def restore(value: str, start: int, end: int) -> str:
        if filler not in value:
            return value.translate(back)
        try:
            return str(json.loads(original[start:end], strict=False))
        except ValueError:
            return value.replace(filler, "\N{REPLACEMENT CHARACTER}")

    return content, restore


_WORDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_NUMERIC = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)")


def _scalar(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    # Python refuses to convert endless digits, and nobody means a number by them.
    if text[0] in _NUMERIC and len(text) <= 300:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
    return text


_STRING_TAG = "tag:yaml.org,2002:str"


class _Frame:
    """A mapping or list that is still open."""

    __slots__ = (
        "anchor",
        "container",
        "expects_key",
        "key",
        "key_end",
        "key_start",
        "marks",
        "merges",
        "seen",
        "start",
        "weight",
    )

    def __init__(self, container: dict[str, Any] | list[Any], start: int, anchor: str | None) -> None:
        self.container = container
        self.marks: list[int] = []
        self.start = start
        self.anchor = anchor
        self.expects_key = isinstance(container, dict)
        self.key: str | None = None
        self.key_start = self.key_end = 0
        self.merges: list[dict[str, Any]] = []
        self.seen: dict[str, int] | None = None
        self.weight = 1


_OPEN: Final = object()


def _documents(
    text: Text, get_event: Callable[[], Any], restore: Callable[[str, int, int], str] | None
) -> Iterator[Document]:
    builder = _Builder(text)
    stack: list[_Frame] = []
    frame: _Frame | None = None
    while True:
        event = get_event()
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value: Any = event.value
            start = event.start_mark.index
            end = event.end_mark.index
            if restore is not None:
                value = restore(value, start, end)
            if frame is not None and frame.expects_key:
                frame.key = value
                frame.key_start = start
                frame.key_end = end
                frame.expects_key = False
                if event.anchor is not None:
                    builder.anchors[event.anchor] = (value, 1)
                continue
            # Plain text is typed by what it looks like, unless it is tagged as a string; other tags say nothing here.
            if not event.style and event.tag != _STRING_TAG:
                value = _scalar(value)
            weight = 1
            if event.anchor is not None:
                builder.anchors[event.anchor] = (value, 1)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            start = event.start_mark.index
            if frame is not None:
                if frame.expects_key:
                    raise Malformed(_line(text, start), "a mapping or a list stands as a key")
                stack.append(frame)
                if len(stack) >= MAX_DEPTH:
                    raise Malformed(_line(text, start), f"nested more than {MAX_DEPTH} deep", bound=True)
            if event.anchor is not None:
                builder.anchors[event.anchor] = (_OPEN, 1)
            frame = _Frame({} if kind is yaml.MappingStartEvent else [], start, event.anchor)
            continue
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            assert frame is not None  # noqa: S101 - the parser balances its events
            value, weight = builder.close(frame, event.end_mark.index)
            start, end = frame.start, event.end_mark.index
            frame = stack.pop() if stack else None
        elif kind is yaml.AliasEvent:
            start, end = event.start_mark.index, event.end_mark.index
            value, weight = builder.alias(event.anchor, start)
            if frame is not None and frame.expects_key:
                frame.key, frame.key_start, frame.key_end = str(value), start, end
                frame.expects_key = False
                continue
        elif kind is yaml.DocumentStartEvent:
            builder = _Builder(text)
            continue
        elif kind is yaml.StreamEndEvent or event is None:
            return
        else:
            continue
        builder.nodes += 1
        if frame is None:
            yield builder.document(value, start, end)
        elif isinstance(frame.container, list):
            frame.container.append(value)
            frame.marks += (start, end)
            frame.weight += weight
        else:
            frame.expects_key = True
            frame.weight += weight
            key = frame.key
            assert key is not None  # noqa: S101 - a value follows its key
            if key == "<<" and builder.merge(frame, value):
                continue
            if key in frame.container:
                builder.replace(frame, key, start, end)
            else:
                frame.marks += (frame.key_start, frame.key_end, start, end)
            frame.container[key] = value


class _Builder:
    """What is known while one document is read."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.marks: dict[int, array[int]] = {}
        self.duplicates: list[Duplicate] = []
        self.nodes = 0
        self.aliased = False

    def alias(self, name: str, start: int) -> tuple[Any, int]:
        value, weight = self.anchors.get(name, (None, 0))
        if weight == 0:
            raise Malformed(_line(self.text, start), f"the alias *{name} has no anchor")
        if value is _OPEN:
            raise Malformed(_line(self.text, start), f"the alias *{name} stands inside what it names")
        self.aliased = True
        return value, weight

    def close(self, frame: _Frame, end: int) -> tuple[Any, int]:
        for source in frame.merges:
            self._merge(frame, source)
        container = frame.container
        self.marks[id(container)] = array("I", frame.marks)
        if self.aliased:
            self._bound(frame)
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (container, frame.weight)
        return container, frame.weight

    def merge(self, frame: _Frame, value: Any) -> bool:
        """Note what a merge key brings; false where `<<` is a key like another."""
        sources = value if isinstance(value, list) else [value]
        if not sources or not all(isinstance(source, dict) for source in sources):
            return False
        frame.merges += sources
        return True

    def _merge(self, frame: _Frame, source: dict[str, Any]) -> None:
        frame.weight += len(source)
        self.aliased = True
        self._bound(frame)
        target: Any = frame.container
        marks = self.marks[id(source)]
        for number, (key, value) in enumerate(source.items()):
            if key not in target:
                target[key] = value
                frame.marks += marks[4 * number : 4 * number + 4]

    def _bound(self, frame: _Frame) -> None:
        if frame.weight > MIN_EXPANSION + MAX_EXPANSION * self.nodes:
            raise Malformed(
                _line(self.text, frame.start),
                f"its aliases stand for more than {MIN_EXPANSION:,} nodes: not expanded",
                bound=True,
            )

    def replace(self, frame: _Frame, key: str, start: int, end: int) -> None:
        """A key again: the later one stands, in the place of the first."""
        if frame.seen is None:
            frame.seen = {}
        if key not in frame.seen:
            frame.seen[key] = next(number for number, known in enumerate(frame.container) if known == key)
        at = 4 * frame.seen[key]
        if len(self.duplicates) < 100:
            first = self.text.span(frame.marks[at], frame.marks[at + 1])
            self.duplicates.append(Duplicate(key, first, self.text.span(frame.key_start, frame.key_end)))
        frame.marks[at : at + 4] = (frame.key_start, frame.key_end, start, end)

    def document(self, data: Any, start: int, end: int) -> Document:
        return Document(self.text, data, tuple(self.duplicates), self.marks, (start, end))
