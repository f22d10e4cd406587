"""What the sub-commands share. In: options and paths. Out: installed checks, configuration, text on its way out."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from qualitygate.cli import FAILED, NOTHING, silence
from qualitygate.configure import ConfigError, Configuration, configure
from qualitygate.load import Installed, PackError, load
from qualitygate.model.finding import Confidence, Domain
from qualitygate.model.policy import EvidenceSource, Policy
from qualitygate.report.display import visible

if TYPE_CHECKING:
    from qualitygate.run import Request

Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])


class Failure(click.ClickException):
    """One clear line, or several, and exit code 2."""

    exit_code = FAILED

    def __init__(self, lines: str | Iterable[str]) -> None:
        self.lines = (lines,) if isinstance(lines, str) else tuple(lines)
        super().__init__("\n".join(self.lines))

    def show(self, file: Any = None) -> None:
        """Write the lines to standard error, with nothing in them that could move the cursor."""
        for line in self.lines:
            click.echo(f"qgate: {visible(line)}", file=file, err=True)


class Nothing(Failure):
    """There is nothing to scan: exit code 3."""

    exit_code = NOTHING


def check_ids(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """For the shell: the ids of installed checks that go on from what is typed; none where a pack does not load."""
    try:
        return [check.id for check in load().checks if check.id.startswith(incomplete)]
    except PackError:
        return []


def _chosen(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """For the shell: ids and domains, where several may stand with commas between them."""
    before, comma, last = incomplete.rpartition(",")
    names = [*(domain.value for domain in Domain), *check_ids(ctx, parameter, last)]
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def _something(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The values as they are. Of nothing all checks would run, where a variable of a script is empty by mistake."""
    if values and not listed(values):
        raise click.BadParameter("it names no check and no domain; leave it out to run all")
    return values


def _levels(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [level.value for level in Confidence if level.value.startswith(incomplete)]


def config_options(function: Function) -> Function:
    """The options that choose the configuration file."""
    for option in (
        click.option("--isolated", is_flag=True, help="Read no configuration file."),
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Configuration file, in place of the nearest qgate.toml, .qgate.toml or pyproject.toml.",
        ),
    ):
        function = option(function)
    return function


def evidence_option(function: Function) -> Function:
    """The option that names evidence beside what the configuration names."""
    return click.option(
        "--evidence",
        "evidence",
        multiple=True,
        callback=_evidence,
        metavar="[KIND=]PATH",
        help="Judge a file of measurements, of another scanner or of a scan; KIND is the tool that wrote it. Repeatable.",
    )(function)


def _evidence(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[EvidenceSource, ...]:
    sources = []
    for value in values:
        kind, separator, path = value.partition("=")
        # A path may hold the sign too; a kind is one short word.
        named = bool(separator) and kind.replace("-", "").isalnum() and not os.path.exists(value)
        path = path if named else value
        if not path:
            raise click.BadParameter(f"{value!r} names no file")
        sources.append(EvidenceSource(os.path.abspath(path), kind if named else ""))
    return tuple(sources)


def scan_options(function: Function) -> Function:
    """The options that say how the files are read."""
    for option in (
        click.option(
            "--jobs", "-j", type=click.IntRange(min=0), default=0, metavar="N", help="Worker processes; 0 decides."
        ),
        click.option("--no-cache", is_flag=True, help="Read every file anew and keep nothing."),
    ):
        function = option(function)
    return function


def selection_options(function: Function) -> Function:
    """The options that say what is judged; each is a key of the configuration."""
    for option in (
        click.option(
            "--exclude", multiple=True, metavar="GLOB", help="Leave files out. Repeatable; replaces `exclude`."
        ),
        click.option(
            "--min-confidence",
            metavar="LEVEL",
            shell_complete=_levels,
            help="Weakest evidence to show and judge: high, medium or low.  [default: medium]",
        ),
        click.option(
            "--ignore",
            multiple=True,
            metavar="CHECKS",
            shell_complete=_chosen,
            help="Leave out these too. Repeatable, or commas.",
        ),
        click.option(
            "--select",
            multiple=True,
            metavar="CHECKS",
            shell_complete=_chosen,
            callback=_something,
            help="Run only these check ids and domains. Repeatable, or commas.",
        ),
    ):
        function = option(function)
    return function


def installed() -> Installed:
    """The installed checks. Fails with exit code 2 where a pack does not load."""
    try:
        return load()
    except PackError as error:
        raise Failure(f"error: {error}") from None


def configured(
    checks: Installed,
    paths: Sequence[Path],
    *,
    config_file: Path | None,
    isolated: bool,
    arguments: dict[str, Any] | None = None,
) -> Configuration:
    """The configuration for ``paths``. Fails with exit code 2 and every fault, a line each."""
    if isolated and config_file is not None:
        raise click.UsageError("--isolated and --config exclude each other")
    try:
        return configure(checks.checks, start(paths), file=config_file, isolated=isolated, arguments=arguments or {})
    except ConfigError as error:
        raise Failure(f"error: {problem}" for problem in error.problems) from None


def run(
    stage: Callable[[Request, Installed], Result],
    checks: Installed,
    policy: Policy,
    paths: Sequence[Path],
    *,
    staged: bool = False,
    base: str = "",
    history: str = "",
    use_cache: bool = True,
    jobs: int = 0,
    evidence: tuple[EvidenceSource, ...] = (),
) -> Result:
    """``run.scan`` or ``run.survey`` on ``paths`` (none: the current directory), with progress on a terminal.

    Fails with exit code 2 for wrong input and 3 for nothing to scan.
    """
    from qualitygate.run import InputError, NothingToScan, Request

    progress = Progress()
    watch = progress if progress.on else None
    try:
        request = Request(tuple(paths) or (Path(),), policy, staged, base, history, use_cache, jobs, watch, evidence)
        return stage(request, checks)
    except NothingToScan as error:
        raise Nothing(str(error)) from None
    except InputError as error:
        raise Failure(f"error: {error}") from None
    finally:
        progress.clear()


def start(paths: Sequence[Path]) -> Path:
    """The directory that the search for a configuration begins in: the deepest one that holds all the paths."""
    absolute = [os.path.abspath(path) for path in paths]
    common = Path(os.path.commonpath(absolute)) if absolute else Path.cwd()
    return common if common.is_dir() else common.parent


def listed(values: Sequence[str]) -> tuple[str, ...] | None:
    """The items of a repeatable option that also takes commas; None where it was not given."""
    items = tuple(item.strip() for value in values for item in value.split(",") if item.strip())
    return items if values else None


def wants_color(stream: Any) -> bool:
    """Whether to colour what goes to ``stream``: https://no-color.org first, then FORCE_COLOR, then the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "").lower() not in ("", "0", "false"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def knows_links(stream: Any) -> bool:
    """Whether the terminal behind ``stream`` turns OSC 8 into links. Others may print it, so that it must say who it is.

    FORCE_HYPERLINK overrides what is found, as for other programs: 0 is no.
    """
    forced = os.environ.get("FORCE_HYPERLINK")
    if forced:
        return forced.lower() not in ("0", "false")
    if not stream.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return False
    vte = os.environ.get("VTE_VERSION", "")
    return (
        (vte.isdigit() and int(vte) > 5000)  # 0.50.0 crashes of it
        or any(os.environ.get(name) for name in ("WT_SESSION", "KONSOLE_VERSION", "KITTY_WINDOW_ID", "DOMTERM"))
        or os.environ.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "vscode", "ghostty", "zed", "Hyper")
        or os.environ.get("TERM", "").startswith(("xterm-kitty", "alacritty", "foot", "xterm-ghostty"))
    )


def terminal_width(stream: Any) -> int | None:
    """Columns of the terminal behind ``stream``; None for a pipe or a file, where lines are not broken."""
    if not stream.isatty():
        return None
    import shutil

    return max(40, shutil.get_terminal_size((100, 24)).columns)


def emit(text: str | bytes) -> None:
    """Write to standard output, whole. A reader that has gone is no fault; anything else fails with exit code 2."""
    try:
        if isinstance(text, bytes):
            sys.stdout.flush()
            sys.stdout.buffer.write(text)
        else:
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
    except OSError as error:
        silence()
        raise Failure(f"error: standard output: {error.strerror or error}") from None


def write_file(target: Path, data: bytes) -> None:
    """Write ``target`` in one step, so that a reader sees the old content or the new. Fails with exit code 2."""
    try:
        path = Path(os.path.realpath(target))
        if path.exists() and not path.is_file():
            # A pipe or a device cannot be replaced.
            path.write_bytes(data)
            return
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
            os.chmod(name, _mode(path))
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise Failure(f"error: {target}: {error.strerror or error}") from None


def append_file(target: Path, data: bytes) -> None:
    """Add to the end of ``target``, which others write to as well. Fails with exit code 2."""
    try:
        with target.open("ab") as stream:
            stream.write(data)
    except OSError as error:
        raise Failure(f"error: {target}: {error.strerror or error}") from None


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, or those of a new one."""
    try:
        return path.stat().st_mode & 0o7777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


class Progress:
    """A line on the terminal behind standard error, for work that takes more than a second; nothing on a pipe."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.next = time.monotonic() + 1
        self.drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` files are read."""
        if self.on and (now := time.monotonic()) >= self.next:
            self.next = now + 0.1
            self.drawn = True
            sys.stderr.write(f"\r\x1b[KReading files: {done:,} of {total:,}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self.drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.drawn = False
