"""In: a check. Out: its documentation as sections, plain text and Markdown, for SARIF and for ``qgate rule``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qualitygate.authoring import Check, Example

_HEADINGS = ("What it flags", "Why", "How to mend", "What it cannot see")
_SECTION = re.compile(rf"^({'|'.join(_HEADINGS)}):[ \t]*", re.MULTILINE)
_FENCES = {".py": "python", ".sql": "sql", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


@dataclass(frozen=True)
class Page:
    """The documentation of a check. ``sections`` pairs each heading with its paragraphs, one a line; none is empty."""

    title: str
    sections: tuple[tuple[str, str], ...]

    def section(self, heading: str) -> str:
        """The text below ``heading``; empty where the documentation has none."""
        return dict(self.sections).get(heading, "")


def page(check: Check) -> Page:
    """The documentation of ``check`` taken apart by its headings."""
    body = check.doc.strip().partition("\n")[2]
    parts = _SECTION.split(body)
    found = [(heading, _unwrapped(text)) for heading, text in zip(parts[1::2], parts[2::2], strict=True)]
    return Page(check.title, tuple((heading, text) for heading, text in found if text))


def plain(check: Check) -> str:
    """The whole documentation without the examples, as plain text."""
    lines = [f"{heading}: {text}" for heading, text in page(check).sections]
    return "\n\n".join([f"{check.title}.", *lines, f"Do: {check.do}.", f"Don't: {check.dont}."])


def markdown(check: Check) -> str:
    """The documentation with the first bad and the first good example, as Markdown."""
    parts = [f"# {check.id}", f"{check.title}."]
    parts += [f"## {heading}\n\n{text}" for heading, text in page(check).sections]
    parts.append(f"**Do:** {check.do}. **Don't:** {check.dont}.")
    for heading, examples in (("Flagged", check.bad), ("Not flagged", check.good)):
        if examples:
            parts.append(f"## {heading}\n\n{_fenced(examples[0])}")
    return "\n\n".join(parts) + "\n"


def _fenced(example: Example) -> str:
    named = [(path, f"`{path}` before the change\n\n", content) for path, content in (example.base or {}).items()]
    alone = len(example.files) == 1 and not named
    named += [(path, "" if alone else f"`{path}`\n\n", content) for path, content in example.files.items()]
    blocks = []
    for path, name, content in named:
        suffix = path[path.rfind(".") :] if "." in path else ""
        # Examples hold no fence of their own; four backticks would be needed then.
        fence = "````" if "```" in content else "```"
        blocks.append(f"{name}{fence}{_FENCES.get(suffix, '')}\n{content.rstrip()}\n{fence}")
    return "\n\n".join(blocks)


def _unwrapped(text: str) -> str:
    """Paragraphs on one line each; lines that begin with a dash or that are indented stay lines."""
    paragraphs: list[str] = []
    for block in re.split(r"\n[ \t]*\n", text.strip()):
        lines: list[str] = []
        for line in block.split("\n"):
            item = re.match(r"[ \t]*([-*]|\d+\.)[ \t]", line)
            if lines and not item:
                lines[-1] += f" {line.strip()}"
            else:
                lines.append(line.strip())
        paragraphs.append("\n".join(lines))
    text = "\n\n".join(paragraphs).strip()
    return text[:1].upper() + text[1:]
