"""``qgate rules``. In: the installed checks. Out: a table of them, or JSON with their whole documentation."""

from __future__ import annotations

import sys
from typing import Any

import click

from qualitygate.authoring import Check, Example
from qualitygate.cli.shared import emit, installed, wants_color
from qualitygate.report.display import Palette, pad, visible


@click.command("rules", epilog="\b\nExamples:\n  qgate rules\n  qgate rules --format json | jq '.rules[].id'")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(form: str) -> int:
    """List the installed checks: `qgate rule ID` shows one of them whole."""
    checks = installed().checks
    if form == "json":
        from qualitygate.report.json import encoded

        emit(encoded({"schema_version": 1, "rules": [described(check) for check in checks]}))
    else:
        emit(_table(checks, Palette(wants_color(sys.stdout))))
    return 0


def _table(checks: tuple[Check, ...], paint: Palette) -> str:
    columns = max(len(check.id) for check in checks)
    colors = {"error": paint.error, "warning": paint.warning, "note": paint.note}
    lines: list[str] = []
    for domain in sorted({check.domain.value for check in checks}):
        if lines:
            lines.append("")
        lines.append(paint.strong(domain))
        for check in checks:
            if check.domain.value == domain:
                severity = colors[check.severity.value](pad(check.severity.value, 7))
                lines.append(f"  {pad(visible(check.id), columns)}  {severity}  {visible(check.title)}")
    return "\n".join([*lines, "", f"{len(checks)} checks; `qgate rule ID` shows one of them whole", ""])


def described(check: Check) -> dict[str, Any]:
    """The documentation of a check as plain values."""
    from qualitygate.configure import option_fields, type_words
    from qualitygate.report.page import page

    found = page(check)
    return {
        "id": check.id,
        "domain": check.domain.value,
        "severity": check.severity.value,
        "confidence": check.confidence.value,
        "title": check.title,
        "flags": found.section("What it flags"),
        "why": found.section("Why"),
        "mend": found.section("How to mend"),
        "cannot_see": found.section("What it cannot see"),
        "do": check.do,
        "dont": check.dont,
        "tags": list(check.tags),
        "gates": list(check.gates),
        "options": [
            {"name": name.replace("_", "-"), "type": type_words(hint), "default": plain(default)}
            for name, hint, default in option_fields(check)
        ],
        "examples": {
            "bad": [_example(example) for example in check.bad],
            "good": [_example(example) for example in check.good],
        },
    }


def _example(example: Example) -> dict[str, Any]:
    before = {"base": dict(example.base)} if example.base is not None else {}
    return {"title": example.title, "files": dict(example.files), **before}


def plain(value: Any) -> Any:
    """An option's value in the types of JSON; sets in a fixed order."""
    import msgspec

    return msgspec.to_builtins(value, order="deterministic")
