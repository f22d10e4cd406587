"""``qgate config``. In: the configuration that would be in force. Out: its values with their origins, faults, or schema."""

from __future__ import annotations

import sys
from pathlib import Path

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
from qualitygate.report.display import Palette, pad, visible, width


@click.group(
    "config", epilog="\b\nExamples:\n  qgate config show\n  qgate config verify\n  qgate config schema > s.json"
)
def command() -> None:
    """Show, verify or describe the configuration."""


@command.command("show")
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
                }
            )
        )
        return 0
    paint = Palette(wants_color(sys.stdout))
    lines = [visible(f"{key} = {written(value)}") for key, value in configuration.values.items()]
    columns = min(60, max(map(width, lines)))
    shown = [
        f"{pad(line, columns)}  {paint.faint('# ' + visible(origins[key]))}"
        for line, key in zip(lines, configuration.values, strict=True)
    ]
    file = f"# {visible(shown_path(configuration.file))}" if configuration.file else "# no configuration file"
    emit("\n".join([paint.faint(file), *shown]) + "\n")
    return 0


@command.command("verify")
@click.argument("path", type=click.Path(path_type=Path, exists=True), default=".")
@config_options
def verify(path: Path, config_file: Path | None, isolated: bool) -> int:
    """Check the configuration for PATH: every fault with file and line, exit code 2; nothing wrong, 0."""
    configuration = configured(installed(), (path,), config_file=config_file, isolated=isolated)
    file = visible(shown_path(configuration.file)) if configuration.file else "no configuration file"
    emit(f"{file}: valid\n" if configuration.file else f"{file}; the defaults are in force\n")
    return 0


@command.command("schema")
def print_schema() -> int:
    """Print the JSON Schema of the configuration, with the options of the installed checks."""
    from qualitygate.configure import schema
    from qualitygate.report.json import encoded

    emit(encoded(schema(installed().checks)))
    return 0
