"""Every regular expression takes time in proportion to its text, whatever the text is.

The expressions are derived by machine: what the modules hold, and what they give to functions of `re`. For each, texts are
made of its own parts: a repetition that goes on and on and then fails, after its beginning, or from many beginnings at once.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import qualitygate_checks

import qualitygate

if sys.version_info >= (3, 11):
    from re import _constants as signs
    from re import _parser as parser
else:
    import sre_constants as signs
    import sre_parse as parser

# Texts grow to such lengths, until one takes a time that can be measured...
LENGTHS = (10, 14, 18, 22, 26, 30, 36, 42, 50, 100, 200, 400, 800, 1600, 3200)
MEASURABLE = 0.003
# ...and four times the text takes four times the time, give or take the machine; quadratic time would be sixteen times.
RATIO = 9.0

SEARCHES = ("search", "finditer", "findall", "sub", "subn", "split")
REPEATS = {getattr(signs, name) for name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") if hasattr(signs, name)}
ATOMIC = getattr(signs, "ATOMIC_GROUP", None)
FAILS = ("\0", "")


def modules() -> Iterator[ModuleType]:
    for pack in (qualitygate, qualitygate_checks):
        for found in pkgutil.walk_packages(pack.__path__, f"{pack.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def inside(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    """The expressions in a value of a module: itself, or in its parts."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 5:
        parts: list[Any] = []
        if isinstance(value, (list, tuple, set, frozenset)):
            parts = list(value)
        elif isinstance(value, dict):
            parts = [*value, *value.values()]
        elif isinstance(value, type):
            parts = list(vars(value).values()) if value.__module__.startswith("qualitygate") else []
        elif type(value).__module__.startswith("qualitygate"):
            names = getattr(value, "__dict__", None) or getattr(type(value), "__slots__", ())
            parts = [getattr(value, name, None) for name in names]
        for part in parts:
            yield from inside(part, depth + 1)


@cache
def patterns() -> dict[str, tuple[re.Pattern[Any], str]]:
    """Every expression by where it stands, with the method by which it is used: `search` for all that look further."""
    found: dict[str, tuple[re.Pattern[Any], str]] = {}
    known: set[tuple[Any, str]] = set()

    def add(where: str, pattern: re.Pattern[Any], how: str) -> None:
        if (pattern, how) not in known:
            known.add((pattern, how))
            found[where] = pattern, how

    for module in modules():
        source = Path(str(module.__file__)).read_text()
        for name, value in list(vars(module).items()):
            for number, pattern in enumerate(inside(value)):
                used = set(re.findall(rf"\b{re.escape(name)}\.(\w+)\b", source))
                methods = used & {*SEARCHES, "match", "fullmatch"}
                how = (
                    "search" if not methods or methods & {*SEARCHES} else "match" if "match" in methods else "fullmatch"
                )
                add(f"{module.__name__}.{name}" + (f" {number}" if number else ""), pattern, how)
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr in (*SEARCHES, "match", "fullmatch")
                and isinstance(node.args[0], ast.Constant)
            ):
                how = "search" if node.func.attr in SEARCHES else node.func.attr
                add(f"{module.__name__}:{node.lineno}", re.compile(node.args[0].value), how)
    return found


def member(items: Any) -> str:
    """A character that a set of characters holds."""
    plain = [(kind, value) for kind, value in items if kind is not signs.NEGATE]
    negated = len(plain) < len(items)

    def holds(code: int) -> bool:
        character = chr(code)
        classes = {
            signs.CATEGORY_DIGIT: character.isdigit(),
            signs.CATEGORY_SPACE: character.isspace(),
            signs.CATEGORY_WORD: character.isalnum() or character == "_",
            signs.CATEGORY_NOT_DIGIT: not character.isdigit(),
            signs.CATEGORY_NOT_SPACE: not character.isspace(),
            signs.CATEGORY_NOT_WORD: not (character.isalnum() or character == "_"),
        }
        return any(
            (kind is signs.LITERAL and code == value)
            or (kind is signs.RANGE and value[0] <= code <= value[1])
            or (kind is signs.CATEGORY and classes[value])
            for kind, value in plain
        )

    return next((chr(code) for code in (*b"a0A_ -.\t\"'/:=,([{<\\\n", *range(33, 1500)) if holds(code) != negated), "a")


def sample(tree: Any) -> str:
    """A short text that a part of an expression takes, as far as that can be told part by part."""
    text = ""
    for kind, value in tree:
        if kind is signs.LITERAL:
            text += chr(value)
        elif kind is signs.NOT_LITERAL:
            text += "a" if value != ord("a") else "b"
        elif kind is signs.IN:
            text += member(value)
        elif kind is signs.ANY:
            text += "a"
        elif kind in REPEATS:
            text += sample(value[2]) * value[0]
        elif kind is signs.SUBPATTERN:
            text += sample(value[3])
        elif kind is signs.BRANCH:
            text += sample(value[1][0])
        elif kind is ATOMIC:
            text += sample(value)
    return text


def branches(tree: Any) -> Iterator[Any]:
    """The alternatives at the top of a part of an expression, and the part itself."""
    yield tree
    for kind, value in tree:
        if kind is signs.BRANCH:
            yield from value[1]
        elif kind is signs.SUBPATTERN:
            yield from branches(value[3])


def pumps(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """What repeats without end in an expression, each with a text that leads to it."""
    for kind, value in tree:
        if kind in REPEATS:
            least, most, body = value
            if most is signs.MAXREPEAT or most >= 200:
                for branch in branches(body):
                    if text := sample(branch):
                        yield before, text
                    for inner, items in branch:
                        if inner is signs.IN and any(part[0] in (signs.NEGATE, signs.CATEGORY) for part in items):
                            yield from ((before, character) for character in " a0\n/.\"'-")
            yield from pumps(body, before)
            before += sample(body) * least
        elif kind is signs.SUBPATTERN:
            yield from pumps(value[3], before)
            before += sample(value[3])
        elif kind is signs.BRANCH:
            for branch in value[1]:
                yield from pumps(branch, before)
            before += sample(value[1][0])
        elif kind is ATOMIC:
            yield from pumps(value, before)
            before += sample(value)
        elif kind in (signs.ASSERT, signs.ASSERT_NOT):
            yield from pumps(value[1], before)
        else:
            before += sample([(kind, value)])


def texts(pattern: re.Pattern[Any]) -> Iterator[Callable[[int], Any]]:
    """Makers of texts of about a given length that the expression may find hard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parser.parse(pattern.pattern, pattern.flags)
    seen = set()
    for before, pump in pumps(tree):
        for start, part in ((before, pump), ("", before + pump), ("", before)):
            for end in FAILS:
                if part and (start, part, end) not in seen:
                    seen.add((start, part, end))

                    def make(length: int, start: str = start, part: str = part, end: str = end) -> Any:
                        text = start + part * max(1, length // len(part)) + end
                        return text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text

                    yield make


def seconds(run: Callable[[Any], Any], text: Any, times: int = 1) -> float:
    best = 1e9
    for _ in range(times):
        began = time.process_time()
        run(text)
        best = min(best, time.process_time() - began)
    return best


def slow_text(pattern: re.Pattern[Any], how: str) -> str:
    """The beginning of a text for which the time grows faster than its length; empty where none was found."""
    run = getattr(pattern, how)
    for make in texts(pattern):
        length = next((length for length in LENGTHS if seconds(run, make(length)) > MEASURABLE), 0)
        if not length:
            continue
        short, long = seconds(run, make(length // 4), 5), seconds(run, make(length), 2)
        if long > RATIO * short and length >= 400 and long < 0.1:
            # What looks ahead for a thousand characters at most is quadratic only as long as the text is no longer.
            short, length = seconds(run, make(3200), 2), 12_800
            long = seconds(run, make(length))
        if long > RATIO * short:
            shown = f"{length // 4} of its characters take {short * 1000:.2f} ms, {length} take {long * 1000:.1f} ms"
            return f"{make(min(length, 60))!r}: {shown}"
    return ""


def test_the_expressions_are_found() -> None:
    assert len(patterns()) > 600


def test_a_slow_expression_would_be_noticed() -> None:
    for slow in (r"(?:a+)+b", r"\s*x", r"(?:a|a)*b", r"<[^>]*>", r"a*a*a*b"):
        assert slow_text(re.compile(slow), "search"), slow
    for quick in (r"(?<!\s)\s+", r"^[a-z]+\.py$", r"[^\n]{0,200}x", r"\bdef\b"):
        assert not slow_text(re.compile(quick), "search"), quick


@pytest.mark.parametrize(
    "module", sorted({where.partition(":")[0].rpartition(".")[0] or where for where in patterns()})
)
def test_no_expression_takes_more_than_its_share_of_time(module: str) -> None:
    slow = {
        where: found
        for where, (pattern, how) in patterns().items()
        if where.partition(":")[0].rpartition(".")[0] == module and (found := slow_text(pattern, how))
    }
    assert slow == {}
