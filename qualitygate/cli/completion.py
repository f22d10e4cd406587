"""``qgate completion SHELL``. In: the name of a shell. Out: the script that makes it complete commands, options and ids."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from qualitygate.cli import OPEN
from qualitygate.cli.shared import emit

SHELLS = ("bash", "zsh", "fish")

_EPILOG = """\b
Examples:
  qgate completion bash > ~/.local/share/bash-completion/completions/qgate
  qgate completion zsh > ~/.zfunc/_qgate          a folder of $fpath
  qgate completion fish > ~/.config/fish/completions/qgate.fish
  eval "$(qgate completion bash)"                  for this shell alone
"""


@click.command("completion", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the script by which a shell completes `qgate`: commands, options, formats, ids of checks and domains.

    The script asks `qgate` itself, so that it knows packs that are installed later.
    """
    root = ctx.find_root()
    kind = get_completion_class(shell)
    if kind is None:  # click writes for each of these
        raise click.UsageError(f"there is no completion for {shell}")
    emit(kind(root.command, {}, "qgate", "_QGATE_COMPLETE").source())
    return OPEN
