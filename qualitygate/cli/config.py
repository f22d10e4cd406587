"""``qgate config``. In: the configuration that would be in force. Out: its values with their origins, faults, or schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from qualitygate.cli.rule import written
from qualitygate.cli.rules import plain
from qualitygate.cli.shared import (
    config_options,
    configured,
    emit,
    installed,
    listed,
    selection_options,
    wants_color,
)
from qualitygate.configure import shown_path
from qualitygate.model.policy import Condition
from qualitygate.report.display import Palette, pad, visible, width

_EPILOG = """\b
An example of qgate.toml (in pyproject.toml the same below [tool.qgate]):
  select = ["api", "database"]            # ids and domains; nothing: all
  ignore = ["unversioned-route"]
  exclude = ["legacy/**"]
  min-confidence = "medium"
  [gate]
  errors = 0                              # or "off"
  warnings = 20
  unread = "fail"                         # files that cannot be read
  required = ["missing-pagination"]       # must have something to judge
  [migrations]
  since = "4f1c0a7be210"                  # applied: what it locks is not judged
  [per-path-ignores]
  "scripts/**" = ["hardcoded-secret"]
  [profile]                               # what the service is; moves limits, switches rows and checks
  api_style = "rest"
  expected_load = { rps = 500 }
  performance_targets = { p95 = "150 ms" }
  [[condition]]                           # a row of the gate; the id of a default one changes that
  id = "collections_paginated"
  ratio = "missing-pagination"            # or metric, checks, sarif, attest
  limit = ">= 95 %"
  when = { api_style = "rest" }
  [[evidence]]
  path = "out/k6.json"
  [checks.missing-pagination]
  severity = "warning"                    # and the options that `qgate rule ID` lists

\b
Examples:
  qgate config show
  qgate config verify
  qgate config schema > qgate.schema.json
"""


@click.group("config", epilog=_EPILOG)
def command() -> None:
    """Show, verify or describe the configuration.

    It comes from the command line, then from variables such as QGATE_SELECT and QGATE_MIN_CONFIDENCE, then from the
    nearest qgate.toml, .qgate.toml or pyproject.toml with [tool.qgate], from the scanned path up to the top of the
    repository. Files are not merged. Globs and the baseline are relative to the file. `--select` takes the place of
    `select` and `ignore` of the file; `--ignore` adds to them.
    """


@command.command(
    "show",
    epilog="\b\nExamples:\n  qgate config show\n  QGATE_SELECT=api qgate config show      with where each value comes from",
    short_help="Print every value in force and its origin.",
)
@click.argument("path", type=click.Path(path_type=Path, exists=True), default=".")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@selection_options
@config_options
def show(
    path: Path,
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    min_confidence: str | None,
    exclude: tuple[str, ...],
    config_file: Path | None,
    isolated: bool,
) -> int:
    """Print every value that is in force for a scan of PATH, and where it comes from."""
    configuration = configured(
        installed(),
        (path,),
        config_file=config_file,
        isolated=isolated,
        arguments={
            "select": listed(select),
            "ignore": listed(ignore),
            "min-confidence": min_confidence,
            "exclude": exclude or None,
        },
    )
    origins = configuration.policy.origins
    if form == "json":
        from qualitygate.report.json import encoded

        emit(
            encoded(
                {
                    "schema_version": 1,
                    "file": str(configuration.file) if configuration.file else None,
                    "values": {
                        key: {"value": plain(value), "origin": origins[key]}
                        for key, value in configuration.values.items()
                    },
                    "conditions": [_described(one) for one in configuration.policy.conditions],
                    "inapplicable": dict(configuration.policy.inapplicable),
                }
            )
        )
        return 0
    paint = Palette(wants_color(sys.stdout))
    values = {key: value for key, value in configuration.values.items() if key != "condition"}
    file = f"# {visible(shown_path(configuration.file))}" if configuration.file else "# no configuration file"
    lines = [
        paint.faint(file),
        *_aligned([(f"{key} = {written(value)}", f"# {origins[key]}") for key, value in values.items()], paint),
        *(f"# {check} does not run: {because}" for check, because in configuration.policy.inapplicable.items()),
        "",
        paint.faint("# rows of the gate beside those on all findings"),
        *_aligned([_row(one) for one in configuration.policy.conditions], paint),
    ]
    emit("\n".join(lines) + "\n")
    return 0


def _aligned(rows: list[tuple[str, str]], paint: Palette) -> list[str]:
    """Texts with a remark behind each."""
    shown = [visible(text) for text, _ in rows]
    columns = min(60, max(map(width, shown), default=0))
    return [
        f"{pad(text, columns)}  {paint.faint(visible(remark))}" for text, (_, remark) in zip(shown, rows, strict=True)
    ]


def _row(condition: Condition) -> tuple[str, str]:
    limit = condition.bound.text if condition.bound is not None else "stated"
    origin = "" if condition.origin == "default" else f" ({condition.origin})"
    return f"{condition.id}  {limit}", f"# {_decides(condition)}: {condition.because}{origin}"


def _decides(condition: Condition) -> str:
    """Whether a row is one that decides."""
    if not condition.applies:
        return "does not apply"
    if condition.required is None:
        return "required where there is evidence"
    return "required" if condition.required else "shown"


def _described(condition: Condition) -> dict[str, Any]:
    return {
        "id": condition.id,
        "kind": condition.kind.value,
        "limit": condition.bound.text if condition.bound is not None else None,
        "metric": condition.metric,
        "checks": list(condition.checks),
        "required": condition.required,
        "applies": condition.applies,
        "because": condition.because,
        "origin": condition.origin,
    }


@command.command(
    "verify",
    epilog="\b\nExamples:\n  qgate config verify\n  qgate config verify --config ci/qgate.toml",
    short_help="Name every fault of the configuration.",
)
@click.argument("path", type=click.Path(path_type=Path, exists=True), default=".")
@config_options
def verify(path: Path, config_file: Path | None, isolated: bool) -> int:
    """Check the configuration for PATH: every fault with file and line, exit code 2; nothing wrong, 0."""
    configuration = configured(installed(), (path,), config_file=config_file, isolated=isolated)
    file = visible(shown_path(configuration.file)) if configuration.file else "no configuration file"
    emit(f"{file}: valid\n" if configuration.file else f"{file}; the defaults are in force\n")
    return 0


@command.command(
    "schema",
    epilog="\b\nExamples:\n  qgate config schema > qgate.schema.json     for the editor, and for `#:schema qgate.schema.json`",
    short_help="Print its JSON Schema.",
)
@click.option("--attestations", is_flag=True, help="That of .qgate/attestations.toml.")
def print_schema(attestations: bool) -> int:
    """Print the JSON Schema of the configuration, with the options of the installed checks."""
    from qualitygate.configure import schema
    from qualitygate.evidence.attestations import schema as statements
    from qualitygate.report.json import encoded

    emit(encoded(statements() if attestations else schema(installed().checks)))
    return 0
