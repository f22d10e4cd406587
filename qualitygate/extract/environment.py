"""In: the text of a file that sets environment variables. Out: those variables as facts, with their places.

Read are `.env` files, `ENV` of container files, and what stands below `environment:` (or as `name:` and `value:`) in the
YAML of containers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.model.facts import Setting
from qualitygate.model.source import Language, SourceFile, Text

_LARGEST = 500_000
_ASSIGNED = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)")
_PAIR = re.compile(r"""(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_]*)=("[^"]*"|'[^']*'|[^\s"']+)""")
_ENV = re.compile(r"[ \t]*ENV[ \t]+(.*)", re.IGNORECASE)
_ENTRY = re.compile(r"""([ \t]*)(?:-[ \t]*)?["']?([A-Z_][A-Z0-9_]*)["']?[ \t]*[:=][ \t]*(.*)""")
_BLOCK = re.compile(r"([ \t]*)(?:environment|env|data|stringData):[ \t]*(?:#.*)?$")
_NAMED = re.compile(r"""[ \t]*(?:-[ \t]+)?name:[ \t]*["']?([A-Z_][A-Z0-9_]*)["']?[ \t]*$""")
_VALUE = re.compile(r"[ \t]*value:[ \t]*(.*)")


def sets_environment(file: SourceFile) -> bool:
    """Whether a file may set environment variables, by its language; YAML wherever it lies."""
    return file.language in (Language.ENV, Language.DOCKERFILE, Language.YAML)


def find_variables(file: SourceFile, text: Text) -> tuple[Setting, ...]:
    """The variables that a file sets, in its order. ``text`` must already be without secrets."""
    if not sets_environment(file) or len(text.content) > _LARGEST:
        return ()
    lines = [text.line(number) for number in range(1, len(text.line_starts) + 1)]
    if file.language is Language.ENV:
        found = _of_env(lines)
    elif file.language is Language.DOCKERFILE:
        found = _of_container_file(lines)
    else:
        found = _of_yaml(lines)
    result = []
    for number, name, written in found:
        line = lines[number - 1]
        start = line.index(name) if name in line else len(line) - len(line.lstrip())
        begin = text.line_starts[number - 1]
        result.append(Setting(name, _plain(written), text.span(begin + start, begin + len(line.rstrip()))))
    return tuple(result)


def _of_env(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines, start=1):
        found = _ASSIGNED.match(line)
        if found:
            yield number, found[1], found[2]


def _of_container_file(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    inside = False
    for number, line in enumerate(lines, start=1):
        found = _ENV.match(line)
        rest = found[1] if found else line if inside else ""
        if rest:
            pairs = list(_PAIR.finditer(rest))
            for pair in pairs:
                yield number, pair[1], pair[2]
            if found and not pairs and len(words := rest.split(None, 1)) == 2:
                yield number, words[0], words[1]
        inside = bool(found or inside) and line.rstrip().endswith("\\")


def _of_yaml(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    below = -1
    named = ""
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        if below >= 0 and (indent < below or (indent == below and not line.lstrip().startswith("-"))):
            below = -1
        value = _VALUE.match(line)
        if named and value:
            yield number, named, value[1]
        name = _NAMED.match(line)
        named = name[1] if name else ""
        block = _BLOCK.match(line)
        if block:
            below = len(block[1])
        elif below >= 0 and (entry := _ENTRY.match(line)):
            yield number, entry[2], entry[3]


def _plain(written: str) -> str:
    """A value without its quotes, and without a comment behind it."""
    value = written.strip().rstrip("\\").strip()
    if value[:1] in ("'", '"'):
        end = value.find(value[0], 1)
        return value[1:end] if end > 0 else value[1:]
    return re.split(r"[ \t]#", value, maxsplit=1)[0].strip().rstrip("\"'")
