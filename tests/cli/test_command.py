"""The command itself: help, version, wrong usage, pipes and interrupts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qualitygate import __version__

if sys.platform != "win32":
    import pty


def test_without_arguments_it_prints_its_help(qgate) -> None:
    result = qgate()
    assert result.returncode == 0
    for name in ("scan", "rules", "rule", "inventory", "baseline", "config", "Exit codes:"):
        assert name in result.stdout


def test_it_tells_its_version(qgate) -> None:
    assert qgate("--version").stdout == f"qgate {__version__}\n"


def test_the_version_needs_no_parser_and_no_look_at_what_is_installed(environment) -> None:
    code = (
        "import sys; from qualitygate.cli import main; main(['--version']);"
        "print([name for name in ('libcst', 'sqlglot', 'yaml', 'msgspec', 'importlib.metadata', 'qualitygate_checks')"
        " if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["scan", "rules", "rule", "inventory", "baseline", "config"])
def test_every_command_explains_itself_with_examples(qgate, name: str) -> None:
    result = qgate(name, "--help")
    assert result.returncode == 0
    assert "Examples:" in result.stdout
    assert f"  qgate {name}" in result.stdout


def test_an_unknown_command_is_wrong_usage_with_a_hint(qgate) -> None:
    result = qgate("scna")
    assert result.returncode == 2
    assert "no such command 'scna'; did you mean 'scan'?" in result.stderr


def test_a_path_in_place_of_a_command_is_told_how(qgate) -> None:
    result = qgate("app")
    assert result.returncode == 2
    assert "did you mean `qgate scan app`?" in result.stderr


def test_an_unknown_option_is_wrong_usage(qgate) -> None:
    result = qgate("scan", "--selct", "api")
    assert result.returncode == 2
    assert "--select" in result.stderr


def test_a_reader_that_leaves_early_leaves_no_traceback(repository: Path, environment) -> None:
    command = f"{sys.executable} -m qualitygate rule hardcoded-secret; echo $? >&2"
    result = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("hardcoded-secret")
    assert result.stderr in ("0\n", "")


def test_a_closed_pipe_does_not_change_the_verdict(repository: Path, environment) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as stdout:
        process = subprocess.run(
            [sys.executable, "-m", "qualitygate", "scan"],
            cwd=repository,
            env=environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert process.returncode == 1
    assert process.stderr == b""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-"])
@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_a_stream_that_was_closed_before_changes_no_verdict(repository: Path, environment, closed: str) -> None:
    command = f"{sys.executable} -m qualitygate scan {closed}"
    result = subprocess.run(["sh", "-c", command], cwd=repository, env=environment, capture_output=True, check=False)
    assert result.returncode == 1
    assert result.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_no_open_gate(repository: Path, environment) -> None:
    with Path("/dev/full").open("wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "qualitygate", "scan", "--exit-zero"],
            cwd=repository,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert process.returncode == 2
    assert process.stderr == "qgate: error: standard output: No space left on device\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_ends_quietly_with_130(repository: Path, environment) -> None:
    # A pipe that nobody fills keeps the command waiting at a known point.
    os.mkfifo(repository / "slow.toml")
    process = subprocess.Popen(
        [sys.executable, "-m", "qualitygate", "scan", "--config", "slow.toml"],
        cwd=repository,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    writer = _open_when_read(repository / "slow.toml", process)
    # It has opened the pipe; half a second later it surely waits for what comes through it.
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    # A signal that came just before the command began to wait is seen when the waiting ends.
    os.close(writer)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (stdout, stderr.strip()) == ("", "")


def _open_when_read(fifo: Path, process: subprocess.Popen[str]) -> int:
    for _ in range(600):
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert process.poll() is None
            time.sleep(0.05)
    raise AssertionError("the command never read its configuration")


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.parametrize(
    ("variables", "colored"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    repository: Path, environment, variables: dict[str, str], colored: bool
) -> None:
    shown = on_a_terminal(repository, {**environment, **variables}, "rules")
    assert b"hardcoded-secret" in shown
    assert (b"\x1b[" in shown) is colored


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.parametrize(
    ("variables", "linked"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "5000"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm", "TERM_PROGRAM": "vscode"}, True),
        ({"TERM": "xterm", "TERM_PROGRAM": "vscode", "CI": "true"}, False),
        ({"TERM": "xterm", "FORCE_HYPERLINK": "1"}, True),
        ({"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"}, False),
        ({"TERM": "dumb", "VTE_VERSION": "7600"}, False),
    ],
)
def test_paths_are_links_on_terminals_that_know_them(
    repository: Path, environment, variables: dict[str, str], linked: bool
) -> None:
    names = ("VTE_VERSION", "TERM_PROGRAM", "WT_SESSION", "KONSOLE_VERSION", "KITTY_WINDOW_ID", "DOMTERM", "CI")
    unknown = {name: value for name, value in environment.items() if name not in (*names, "FORCE_HYPERLINK")}
    shown = on_a_terminal(repository, {**unknown, **variables}, "scan", "--select", "hardcoded-secret")
    assert b"app/settings.py:2:" in shown
    assert (b"\x1b]8;;file://" in shown) is linked


def on_a_terminal(folder: Path, environment: dict[str, str], *arguments: str) -> bytes:
    """What the command writes where standard output is a terminal."""
    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "qualitygate", *arguments],
        cwd=folder,
        env=environment,
        stdout=child,
        stderr=subprocess.DEVNULL,
    ):
        os.close(child)
        shown = b""
        try:
            while data := os.read(parent, 65536):
                shown += data
        except OSError:  # Linux says so at the end of a terminal
            pass
    os.close(parent)
    return shown


def test_colour_can_be_forced_into_a_pipe(qgate) -> None:
    assert "\x1b[1m" in qgate("rules", FORCE_COLOR="1").stdout
    assert "\x1b" not in qgate("rules").stdout


def test_a_fault_of_its_own_is_not_a_closed_gate(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import qualitygate.cli.rules
    from qualitygate.cli import main

    def crash() -> None:
        raise KeyError("text of a scanned file")

    monkeypatch.setattr(qualitygate.cli.rules, "installed", crash)
    assert main(["rules"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("qgate: internal error: KeyError at test_command.py:")
    assert "scanned" not in shown


def test_a_traceback_has_places_and_no_words_of_what_was_scanned(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import qualitygate.cli.rules
    from qualitygate.cli import main

    def crash() -> None:
        try:
            raise KeyError("text of a scanned file")
        except KeyError as error:
            raise ValueError("more text of a scanned file") from error

    monkeypatch.setenv("QGATE_TRACEBACK", "1")
    monkeypatch.setattr(qualitygate.cli.rules, "installed", crash)
    assert main(["rules"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n")
    assert shown.endswith("ValueError\n")
    assert " in crash\n" in shown
    assert "KeyError(" not in shown.replace('raise KeyError("text', "")
    assert "more text of a scanned file" not in shown.replace('raise ValueError("more text of a scanned file")', "")


def commands() -> list[str]:
    """Every command and every command of a group."""
    import click

    from qualitygate.cli import command

    found = []
    for name in command.list_commands(click.Context(command)):
        one = command.get_command(click.Context(command), name)
        found += [name, *(f"{name} {inner}" for inner in getattr(one, "commands", ()))]
    return found


@pytest.mark.parametrize("name", commands())
def test_the_help_of_every_command_teaches_by_examples(qgate, name: str) -> None:
    shown = qgate(*name.split(), "--help").stdout
    examples = shown.partition("Examples:")[2]
    assert f"qgate {name.split()[0]}" in examples


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("scn", "no such command 'scn'; did you mean 'scan'?"),
        ("app", "no such command 'app'; did you mean `qgate scan app`?"),
        ("help scan", "no such command 'help'; `qgate scan --help` shows it"),
        ("--verson", "no such option '--verson'; did you mean '--version'?"),
        ("scan --github", "no such option '--github'; did you mean `--format github`, or `-o github=FILE`?"),
        ("scan --format gitlb", "; did you mean 'gitlab'?"),
        ("rules --format xml", "'xml' is not one of 'text', 'json'"),
        ("scan -o sarif", "'sarif' is not FORMAT=FILE; say where to: `-o sarif=FILE`"),
        ("scan -o out.json", "'out.json' is not FORMAT=FILE; did you mean `-o json=out.json`?"),
        ("scan -o srif=x", "'srif=x' is not FORMAT=FILE; did you mean 'sarif'?"),
        ("scan -o xml=x", "'xml=x' is not FORMAT=FILE with one of the formats text, json, "),
        ("scan -o sarif=no/where", "no/where: the folder does not exist"),
        ("scan -o json=- -o sarif=-", "standard output takes one format; `-o FORMAT=FILE` writes the others to files"),
        ("scan --select=", "it names no check and no domain; leave it out to run all"),
        ("scan --select nope", "--select: unknown check or domain 'nope'; `qgate rules` lists them"),
        ("scan --select missing_timeout", "unknown check or domain 'missing_timeout'; did you mean 'missing-timeout'?"),
        ("scan --min-confidence hgh", "must be 'high', 'medium' or 'low', not 'hgh'; did you mean 'high'?"),
        ("scan --jobs many", "'many' is not a valid integer range"),
        ("scan --format", "option '--format' requires an argument"),
        ("scan nowhere", "nowhere: No such file or directory"),
        ("scan --baseline nope.json", "there is no such file; `qgate baseline write` makes it"),
        ("scan --staged", "not a git repository"),
        ("rule", "missing argument 'ID'"),
        ("rule nope", "unknown check 'nope'; `qgate rules` lists them"),
        ("completion tcsh", "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        ("config shwo", "no such command 'shwo'; did you mean 'show'?"),
    ],
)
def test_wrong_use_is_told_in_one_line_with_the_next_step(qgate, arguments: str, told: str) -> None:
    result = qgate(*arguments.split())
    assert (result.returncode, result.stdout) == (2, "")
    first, *others = result.stderr.splitlines()
    assert first.startswith("qgate: error: ")
    assert told in first
    assert all(re.fullmatch(r"  `qgate [a-z ]*--help` shows the usage", line) for line in others)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '[tool.qgate]\nselect = ["api"]\n',
            "the keys of this file stand without [tool.qgate], which is for pyproject.toml",
        ),
        ("errors = 3\n", "unknown key 'errors'; did you mean 'gate.errors'?"),
    ],
)
def test_a_key_in_the_wrong_table_is_told_where_it_belongs(qgate, repository: Path, content: str, told: str) -> None:
    (repository / "qgate.toml").write_text(content)
    result = qgate("scan")
    assert result.returncode == 2
    assert told in result.stderr
