"""In: the installed checks, their guides, the commands and the configuration. Out: pages of the documentation's site.

A hook of MkDocs: nothing that is written in a check, a guide or a command is written a second time for the site.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from qualitygate.authoring import Check, Example
from qualitygate.cli import command
from qualitygate.cli.rule import written
from qualitygate.configure import option_fields, schema, type_words
from qualitygate.gates import GATES
from qualitygate.knowledge import GUIDE, STACK, Page, pages
from qualitygate.load import load
from qualitygate.model.policy import Kind
from qualitygate.report.page import page

_FENCES = {"py": "python", "yml": "yaml", "yaml": "yaml", "sql": "sql", "json": "json", "toml": "toml"}
# Domains and stacks as their names are written.
_NAMES = {"api": "API", "node": "Node.js", "java": "Java", "dotnet": ".NET"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the navigation over all of them."""
    installed = load()
    known = pages(installed)
    made: dict[str, str] = {
        "reference/commands.md": "\n".join(_commands()),
        "reference/policy.md": "\n".join(_policy(installed.checks)),
        "reference/configuration.md": "\n".join(_configuration(schema(installed.checks))),
    }
    by_domain: dict[str, list[Check]] = defaultdict(list)
    for check in installed.checks:
        by_domain[check.domain.value].append(check)
        made[f"checks/{check.id}.md"] = "\n".join(_check(check))
    made["checks/index.md"] = "\n".join(_catalogue(by_domain))
    guides: dict[str, list[Page]] = defaultdict(list)
    stacks: dict[str, list[Page]] = defaultdict(list)
    for entry in known:
        if entry.kind == GUIDE:
            guides[entry.domain].append(entry)
            made[f"guides/{entry.id}.md"] = "\n".join(_guide(entry, 1))
        elif entry.kind == STACK:
            stacks[entry.stack].append(entry)
    for stack, entries in stacks.items():
        parts = [f"# {_name(stack)}", ""]
        for entry in entries:
            parts += [*_guide(entry, 2), ""]
        made[f"guides/stacks/{stack}.md"] = "\n".join(parts)
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    config.nav = [
        {"Start": ["index.md", "first-scan.md"]},
        {"Using it": ["gate.md", "evidence.md", "ci.md", "outputs.md", "findings.md"]},
        {"Reference": ["reference/commands.md", "reference/configuration.md", "reference/policy.md"]},
        {
            "Checks": [
                "checks/index.md",
                *({_name(name): [f"checks/{one.id}.md" for one in by_domain[name]]} for name in sorted(by_domain)),
            ]
        },
        {
            "Guides": [
                *({_name(name): [f"guides/{one.id}.md" for one in guides[name]]} for name in sorted(guides)),
                {"By stack": [f"guides/stacks/{name}.md" for name in sorted(stacks)]},
            ]
        },
    ]
    return files


def _name(word: str) -> str:
    return _NAMES.get(word, word.capitalize())


def _check(check: Check) -> Iterator[str]:
    yield from (f"# {check.id}", "", f"{check.title}.", "")
    yield f"{check.severity.value.capitalize()}, {check.confidence.value} confidence, domain {check.domain.value}."
    yield from ("", f"**Do:** {check.do}. **Don't:** {check.dont}.", "")
    for heading, text in page(check).sections:
        yield from (f"## {heading}", "", _text(text), "")
    fields = option_fields(check)
    if fields:
        yield from ("## Options", "", "| option | default | type |", "| --- | --- | --- |")
        for name, hint, default in fields:
            yield f"| `{name.replace('_', '-')}` | `{_cell(written(default))}` | {_cell(type_words(hint))} |"
        yield ""
    if check.tags:
        yield from (f"Tags: {', '.join(check.tags)}.", "")
    for heading, examples in (("Flagged", check.bad), ("Not flagged", check.good)):
        yield from (f"## {heading}", "")
        for example in examples:
            yield from _example(example)


def _example(example: Example) -> Iterator[str]:
    if example.title:
        yield from (f"**{example.title}**", "")
    files = [
        *((f"{path} before the change", text) for path, text in (example.base or {}).items()),
        *example.files.items(),
    ]
    for name, text in files:
        yield from (f'```{_fence(name)} title="{name}"', text.strip("\n"), "```", "")


def _fence(name: str) -> str:
    return _FENCES.get(name.partition(" ")[0].rpartition(".")[2], "text")


def _catalogue(by_domain: dict[str, list[Check]]) -> Iterator[str]:
    yield from ("# All checks", "", "`qgate rules` prints this list, `qgate rule ID` one of its pages.", "")
    for domain in sorted(by_domain):
        yield from (f"## {_name(domain)}", "", "| check | severity | flags |", "| --- | --- | --- |")
        for check in by_domain[domain]:
            yield f"| [{check.id}]({check.id}.md) | {check.severity.value} | {_cell(check.title)} |"
        yield ""


def _guide(entry: Page, level: int) -> Iterator[str]:
    # Guides lie two folders below the top, as do the pages of the stacks.
    up = "../../"
    yield from (f"{'#' * level} {entry.title}", "", entry.summary, "")
    for label, lines in (("Do", entry.do), ("Don't", entry.dont)):
        yield from (f"**{label}**", "")
        yield from (f"- {_inline(line)}" for line in lines)
        yield ""
    for heading, text in entry.sections:
        if heading:
            yield from (f"{'#' * (level + 1)} {heading}", "")
        yield from (text, "")
    if entry.checks:
        links = ", ".join(f"[{name}]({up}checks/{name}.md)" for name in entry.checks)
        yield from (f"**Checks:** {links}", "")
    if entry.sources:
        yield from ("**Sources**", "")
        yield from (f"- {_linked(source)}" for source in entry.sources)


def _linked(source: str) -> str:
    words, _, address = source.rpartition(" ")
    if not address.startswith("https://"):
        return source
    return f"[{words.rstrip(':') or address}]({address})"


def _inline(line: str) -> str:
    """Text in which nothing is markup: what looks like a tag or an emphasis is code."""
    return line.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def _text(text: str) -> str:
    return text.replace("<", "&lt;") if "`" not in text else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _commands() -> Iterator[str]:
    yield from ("# Commands", "", "What `qgate COMMAND --help` prints.", "")
    context = click.Context(command, info_name="qgate")
    yield from _help(command, context, 2)


def _help(found: click.Command, context: click.Context, level: int) -> Iterator[str]:
    if context.parent is not None:
        text = found.get_help(context)
        yield from (f"{'#' * min(level, 4)} {context.command_path}", "", "```text", text.strip(), "```", "")
    if isinstance(found, click.Group):
        for name in found.list_commands(context):
            below = found.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _help(
                    below,
                    click.Context(below, info_name=name, parent=context, max_content_width=100),
                    level + (context.parent is not None),
                )


def _policy(checks: Iterable[Check]) -> Iterator[str]:
    """The rows of the default policy, each with what it looks at."""
    by_gate: dict[str, list[str]] = defaultdict(list)
    for check in checks:
        for gate in check.gates:
            by_gate[gate].append(f"[{check.id}](../checks/{check.id}.md)")
    yield from ("# The default policy", "")
    yield "Beside the limits on all findings (`errors = 0`) the gate has these rows. A measured row decides where there is"
    yield "evidence of it, or where the profile sets its target; the others break the findings down by topic and are shown."
    yield from ("", "| row | limit | of the profile | rests on |", "| --- | --- | --- | --- |")
    for gate in GATES:
        rests = f"`{gate.metric}`" if gate.metric else "results of other scanners" if gate.kind is Kind.SCANNER else ""
        parts = [part for part in (rests, ", ".join(by_gate[gate.id]), "a statement" if gate.attest else "") if part]
        target = f"`{gate.target}`" if gate.target else ""
        yield f"| `{gate.id}` | `{gate.limit}` | {target} | {'; '.join(parts)} |"


def _configuration(document: dict[str, Any]) -> Iterator[str]:
    yield from ("# Configuration", "")
    yield "The keys of `qgate.toml` and `.qgate.toml`, and of `[tool.qgate]` in `pyproject.toml`, as `qgate config schema`"
    yield from ("describes them for editors. Options of single checks are on the pages of the checks.", "")
    yield from _table("", document["properties"], document["$defs"], {"checks"})


def _table(
    prefix: str, properties: dict[str, Any], definitions: dict[str, Any], left_out: Iterable[str]
) -> Iterator[str]:
    simple = {name: one for name, one in properties.items() if name not in left_out}
    nested = {name: found for name, one in simple.items() if (found := _definition(one, definitions)) is not None}
    yield from ("| key | default | meaning |", "| --- | --- | --- |")
    for name, one in simple.items():
        default = "" if one.get("default") in (None, "", [], {}) else f"`{written(one['default'])}`"
        words = one.get("description", "")
        key = f"[`{prefix}{name}`](#{_anchor(prefix + name)})" if name in nested else f"`{prefix}{name}`"
        yield f"| {key} | {_cell(default)} | {_cell(words)} |"
    yield ""
    for name, found in nested.items():
        yield from (f"## `{prefix}{name}` {{ #{_anchor(prefix + name)} }}", "")
        yield from _table(f"{prefix}{name}.", found["properties"], definitions, ())


def _anchor(name: str) -> str:
    return name.replace(".", "-").replace("_", "-")


def _definition(one: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """The table that a key holds, directly or as items of a list."""
    choices = [one, *one.get("anyOf", ()), one.get("items", {})]
    for choice in choices:
        name = choice.get("$ref", "").rpartition("/")[2] or choice.get("items", {}).get("$ref", "").rpartition("/")[2]
        if name and "properties" in definitions[name]:
            found: dict[str, Any] = definitions[name]
            return found
    return None
