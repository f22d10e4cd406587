"""In: what is wrong with the arguments. Out: one line that says it in the words of all other errors, and the next step."""

from __future__ import annotations

import re

import click
from click.exceptions import NoArgsIsHelpError

from qualitygate.configure import suggest
from qualitygate.report.display import visible
from qualitygate.report.formats import FORMATS


def told(error: click.UsageError) -> str:
    """The lines to print; the whole help where a group was called without a command."""
    if isinstance(error, NoArgsIsHelpError):
        return error.format_message()
    message = " ".join(error.format_message().split()).rstrip(".,").replace(". Did you mean", "; did you mean")
    if message[1:2].islower():
        message = message[0].lower() + message[1:]
    if isinstance(error, click.NoSuchOption) and (name := error.option_name.lstrip("-")) in FORMATS:
        message += f"; did you mean `--format {name}`, or `-o {name}=FILE`?"
    kind = getattr(getattr(error, "param", None), "type", None)
    if isinstance(kind, click.Choice) and (wrong := re.search(r": '([^']*)' is not one of", message)):
        message += suggest(wrong[1], map(str, kind.choices))
    path = error.ctx.command_path if error.ctx is not None else "qgate"
    return f"qgate: error: {visible(message)}\n  `{path} --help` shows the usage"
