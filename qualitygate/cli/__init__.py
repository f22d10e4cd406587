"""In: the arguments of ``qgate``. Out: an exit code. A sub-command is imported when it is called, and not before."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click
import click.shell_completion

from qualitygate import __version__

__all__ = ["main"]

OPEN, CLOSED, FAILED, NOTHING, NO_EVIDENCE, INTERRUPTED = 0, 1, 2, 3, 4, 130

# One line a sub-command, so that the list can be printed without importing one.
_COMMANDS = {
    "init": "Set up qgate in a repository: configuration, baseline, hook, CI.",
    "scan": "Scan a repository and say whether it may go out.",
    "gate": "Judge stored evidence (load tests, other scanners, a report), without a scan.",
    "rules": "List the installed checks.",
    "rule": "Show the whole documentation of a check.",
    "search": "Search the checks and the guides: do, don't, why, by domain and by stack.",
    "report": "Write the architecture that the code really has as a page of Markdown.",
    "inventory": "Show the architecture that the code really has: routes, contract, schema, connections.",
    "fix": "Mend findings that carry a safe edit, or show it.",
    "attest": "State what no tool shows, with evidence, a reviewer and an end; list or export what is stated.",
    "baseline": "Write, check or update the list of known findings.",
    "evidence": "Show what files of load tests and other scanners are understood to say.",
    "config": "Show, verify or describe the configuration.",
    "completion": "Print the script by which bash, zsh or fish completes commands, options and ids.",
}

_HELP = """The quality gate for backend architecture.

Reads Python code, SQL migrations, OpenAPI contracts and configuration without running any of it, and answers with
evidence whether the backend may go out.

\b
  qgate scan                          scan the current directory
  qgate scan services/orders -v       with what was examined and what could not be read
  qgate scan -o sarif=out.sarif       text on the terminal, SARIF in a file
  qgate rule missing-pagination       what a check flags, why, and how to mend it

\b
Exit codes: 0 gate open, 1 gate closed, 2 wrong usage or configuration or an internal error,
3 nothing to scan, 4 required evidence is missing.
"""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"qualitygate.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a fault of ours, not of the user
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            click.shell_completion.CompletionItem(name, help=about)
            for name, about in _COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from qualitygate.configure import suggest

            hint = suggest(args[0], _COMMANDS)
            if args[0] == "help":
                hint = f"; `qgate {args[1]} --help` shows it" if args[1:] and args[1] in _COMMANDS else ""
            elif os.path.exists(args[0]):
                hint = f"; did you mean `qgate scan {args[0]}`?"
            ctx.fail(f"no such command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Lazy,
    help=_HELP,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="qgate", message="%(prog)s %(version)s")
@click.pass_context
def command(ctx: click.Context) -> int:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return OPEN


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``qgate`` with ``arguments`` (None: those of the process) and return its exit code.

    0 the gate is open, 1 it is closed, 2 wrong usage, wrong configuration or an internal error, 3 nothing to scan,
    4 required evidence is missing, 130 interrupted.
    """
    if arguments is None:
        # The process ends with the scan. Collecting would go through all that it holds, over and over, for a fifth of its
        # time, and find next to nothing.
        gc.disable()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before the start
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - it lives as long as the process
    try:
        result = command.main(arguments, prog_name="qgate", standalone_mode=False)
        return result if isinstance(result, int) else OPEN
    except click.UsageError as error:
        from qualitygate.cli.usage import told

        click.echo(told(error), err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        silence()
        return OPEN
    except Exception as error:  # noqa: BLE001 - Python would leave with 1, which says that the gate is closed
        return _internal(error)


def silence() -> None:
    """Send what is still to be written to standard output nowhere: its reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _internal(error: Exception) -> int:
    import traceback

    if os.environ.get("QGATE_TRACEBACK"):
        places = "".join(traceback.format_tb(error.__traceback__))
        click.echo(f"Traceback (most recent call last):\n{places}{type(error).__name__}", err=True)
    else:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
        # The message of the exception is left out: it may quote what was scanned.
        click.echo(f"qgate: internal error: {type(error).__name__}{where} (QGATE_TRACEBACK=1 shows more)", err=True)
    return FAILED
