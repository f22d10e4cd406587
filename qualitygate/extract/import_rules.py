"""In: the text of a file that says which modules may import which. Out: what it says, as settings with places.

Read are `.importlinter` and `setup.cfg` (sections `importlinter...`), `pyproject.toml` (`tool.importlinter`, `tool.tach`) and
`tach.toml`. Keys come out as TOML would have them: `importlinter.contracts.0.layers.2`, `tach.modules.1.depends_on.0`;
an empty list has the value `[]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from qualitygate.model.facts import Setting
from qualitygate.model.source import SourceFile, Span, Text

_LARGEST = 500_000
_SECTION = re.compile(r"\[([^\]\n]+)\]")
_ENTRY = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*[=:][ \t]*(.*)")
_CONTRACT = "importlinter:contract:"


def declares_import_rules(file: SourceFile) -> bool:
    """Whether a file may hold such rules, by its name."""
    return PurePosixPath(file.path).name in (".importlinter", "setup.cfg", "pyproject.toml", "tach.toml")


def find_import_rules(file: SourceFile, text: Text) -> tuple[Setting, ...]:
    """The rules that a file holds, in its order; none where it cannot be read as what its name says."""
    if not declares_import_rules(file) or len(text.content) > _LARGEST:
        return ()
    name = PurePosixPath(file.path).name
    if name in (".importlinter", "setup.cfg"):
        return tuple(_of_sections(text)) if "importlinter" in text.content else ()
    if name == "pyproject.toml" and "importlinter" not in text.content and "tach" not in text.content:
        return ()
    return tuple(_of_toml(text, name))


def _of_toml(text: Text, name: str) -> Iterator[Setting]:
    from qualitygate.parse.toml import Key, TomlError, read_toml

    try:
        document = read_toml(text.content.encode())
    except TomlError:
        return

    def walk(value: Any, key: Key, shown: Key) -> Iterator[Setting]:
        if isinstance(value, dict):
            for inner, item in value.items():
                yield from walk(item, (*key, inner), (*shown, inner))
        elif isinstance(value, list) and value:
            for number, item in enumerate(value):
                yield from walk(item, (*key, number), (*shown, number))
        else:
            line = max(document.line(key), 1)
            written = str(value).lower() if isinstance(value, bool) else str(value)
            yield Setting(".".join(map(str, shown)), written, _line(text, line))

    if name == "tach.toml":
        yield from walk(document.data, (), ("tach",))
        return
    tools = document.data.get("tool")
    for tool in ("importlinter", "tach"):
        if isinstance(tools, dict) and isinstance(tools.get(tool), dict):
            yield from walk(tools[tool], ("tool", tool), (tool,))


def _of_sections(text: Text) -> Iterator[Setting]:
    """Sections as `configparser` reads them: a line that is indented continues the value above it."""
    contracts = 0
    prefix = key = ""
    number = 0
    for line_number in range(1, len(text.line_starts) + 1):
        line = text.line(line_number)
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        section = _SECTION.match(line)
        if section:
            title = section[1].strip()
            prefix = key = ""
            if title == "importlinter":
                prefix = "importlinter"
            elif title.startswith(_CONTRACT):
                prefix = f"importlinter.contracts.{contracts}"
                contracts += 1
            continue
        if not prefix:
            continue
        entry = _ENTRY.match(line)
        if entry:
            key, number = entry[1].lower(), 0
            if entry[2].strip():
                yield Setting(f"{prefix}.{key}", entry[2].strip(), _line(text, line_number))
        elif key and line[0] in " \t":
            yield Setting(f"{prefix}.{key}.{number}", line.strip(), _line(text, line_number))
            number += 1


def _line(text: Text, number: int) -> Span:
    line = text.line(number)
    return Span(number, len(line) - len(line.lstrip()) + 1, number, len(line.rstrip()) + 1)
