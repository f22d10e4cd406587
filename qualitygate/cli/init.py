"""``qgate init``. In: a repository. Out: its configuration, baseline, hook and CI step, where it has none yet."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qualitygate import __version__
from qualitygate.cli import OPEN
from qualitygate.cli.shared import Failure, configured, emit, installed, run, write_file
from qualitygate.configure import find, shown_path
from qualitygate.model.finding import Severity, Status
from qualitygate.report.display import visible

if TYPE_CHECKING:
    from qualitygate.model.policy import Policy
    from qualitygate.model.verdict import Report
    from qualitygate.profile import Trait

_CONFIGURATION = "qgate.toml"
_HOOKS = ".pre-commit-config.yaml"
_WORKFLOW = ".github/workflows/qgate.yml"
_GITLAB = ".gitlab-ci.yml"
_GITLAB_PART = ".gitlab/qgate.yml"
_DISTRIBUTION = "backend-qgate"
# Directories and files by which a repository shows where it is built.
_CI = {".github": "github", _GITLAB: "gitlab"}

_EPILOG = """\b
Examples:
  qgate init
  qgate init --dry-run            only show what would be written
  qgate init --ci gitlab --no-baseline
"""


@dataclass(frozen=True)
class _File:
    """A file to be written (``content``), or one that is left as it is, and what to say of it."""

    path: Path
    content: str | None
    note: str


@click.command("init", epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would be written.")
@click.option(
    "--ci",
    type=click.Choice(("auto", "github", "gitlab", "none")),
    default="auto",
    show_default=True,
    help="Which CI gets a step; `auto` takes the one that the repository has.",
)
@click.option("--baseline/--no-baseline", default=True, help="Take the findings of today as known.  [default: on]")
@click.option("--hook/--no-hook", default=True, help="Add the hook of pre-commit.  [default: on]")
def command(path: Path, force: bool, dry_run: bool, ci: str, baseline: bool, hook: bool) -> int:
    """Set up qgate in a repository.

    Scans it once, and writes a commented configuration with what the code shows of its profile, a baseline if there
    are findings, the hook of pre-commit and the step of the CI. Files that are there are left as they are.
    """
    from qualitygate.profile import detect
    from qualitygate.run import scan

    checks = installed()
    root = Path(os.path.abspath(path))
    existing = find(root)
    policy = configured(checks, (path,), config_file=None, isolated=existing is None).policy
    report = run(scan, checks, policy, (path,))
    traits = detect(report.project)
    files = [_configuration(root, existing, traits, report, force)]
    if hook:
        files.append(_hook(root, force))
    files.extend(_steps(root, ci, force))
    lines = [*_found(traits, report), *_baselined(root, policy, report, baseline, force, dry_run)]
    for file in files:
        if file.content is not None and not dry_run:
            _write(root, file)
        lines.append(_line("left" if file.content is None else "would write" if dry_run else "wrote", file))
    if dry_run:
        for file in files:
            if file.content is not None:
                lines += ["", f"--- {visible(shown_path(file.path))}", visible_text(file.content).rstrip()]
    else:
        lines += ["", *_next(report)]
    emit("\n".join([*lines, ""]))
    return OPEN


def visible_text(text: str) -> str:
    """Lines of text, each safe for a terminal."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _line(what: str, file: _File) -> str:
    return f"{what:<12} {visible(shown_path(file.path)):<34} {file.note}".rstrip()


def _write(root: Path, file: _File) -> None:
    # A link in a repository that is set up for the first time may lead anywhere.
    if not Path(os.path.realpath(file.path)).is_relative_to(os.path.realpath(root)):
        raise Failure(f"error: {shown_path(file.path)} leads out of the repository: nothing was written there")
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"error: {shown_path(file.path.parent)}: {error.strerror or error}") from None
    write_file(file.path, (file.content or "").encode())


def _found(traits: Sequence[Trait], report: Report) -> Iterator[str]:
    """What the code showed, a line each."""
    project = report.project
    parts = [f"{report.files} files"]
    for count, words in (
        (len(project.routes), "routes"),
        (len(project.operations), "operations of contracts"),
        (sum(len(history.migrations) for history in project.histories), "migrations"),
        (len(project.tables), "tables"),
    ):
        if count:
            parts.append(f"{count} {words if count > 1 else words.replace('s of', ' of').removesuffix('s')}")
    yield f"{'read':<12} {', '.join(parts)}"
    for trait in traits:
        yield f"{'found':<12} {trait.variable + ' = ' + trait.value:<34} {visible(trait.why)}"


def _baselined(root: Path, policy: Policy, report: Report, wanted: bool, force: bool, dry_run: bool) -> Iterator[str]:
    """The baseline, written; and what it now hides."""
    from qualitygate.suppress import BASELINE, write_baseline

    active = [finding for finding in report.findings if finding.status is Status.ACTIVE]
    target = Path(policy.baseline) if policy.baseline else (policy.directory or root) / BASELINE
    if not wanted or not active:
        return
    if target.exists() and not force:
        yield _line("left", _File(target, None, "it is there; `qgate baseline update` shrinks it"))
        return
    counts = Counter(finding.severity for finding in active)
    words = ", ".join(f"{counts[one]} {one.value}{'s' * (counts[one] != 1)}" for one in Severity if counts[one])
    if not dry_run:
        try:
            write_baseline(report, target)
        except OSError as error:
            raise Failure(f"error: {shown_path(target)}: {error.strerror or error}") from None
    yield _line("would write" if dry_run else "wrote", _File(target, "", f"known from now on: {words}"))
    secrets = sum("secret" in finding.check for finding in active)
    if secrets:
        what = "1 of them is a secret" if secrets == 1 else f"{secrets} of them are secrets"
        yield f"{'':<12} {what}: known is not harmless; revoke it, then `qgate baseline update`"


def _next(report: Report) -> Iterator[str]:
    active = [finding for finding in report.findings if finding.status is Status.ACTIVE]
    yield "Next:"
    yield f"  {'qgate scan':<34} what counts from now on"
    if active:
        yield f"  {'qgate rule ' + active[0].check:<34} why the worst of them matters, and how to mend it"
    yield f"  {'qgate config show':<34} every key, its value, and where that comes from"
    yield "  then read the files above and commit them"


def _configuration(root: Path, existing: Path | None, traits: Sequence[Trait], report: Report, force: bool) -> _File:
    target = root / _CONFIGURATION
    if existing is not None and not (force and existing == target):
        return _File(existing, None, "it is the configuration; `qgate config show` prints it")
    return _File(target, configuration(traits, report), f"{len(traits)} variables of the profile, all else as comments")


def configuration(traits: Sequence[Trait], report: Report) -> str:
    """The text of a first configuration: what was found, and as comments what a team decides."""
    from qualitygate.configure.declare import PROFILE

    lines = [
        "# The configuration of qgate. `qgate config show` prints every key with its value and where that comes from,",
        "# `qgate config schema` the JSON Schema for editors. What is a comment here is off, or a default.",
        "",
        '# exclude = ["legacy/**"]                 # globs of files that are left out',
        '# ignore = ["undocumented-rate-limit"]    # checks or domains that do not run',
        '# preset = "strict"                       # asks for more than most APIs have',
        "",
        "[profile]",
        "# What the service is. The lines without # were found in the code; look them through.",
    ]
    known = {trait.variable: trait for trait in traits}
    for name, (choices, words) in PROFILE.items():
        if trait := known.get(name):
            lines.append(f"{name} = {_quoted(trait.value)}  # {visible(trait.why)}")
        else:
            lines.append(f'# {name} = "{choices[0] if choices else "..."}"  # {_choice(choices, words)}')
    lines += [
        "# What is asked of it. Each of these makes a row of the gate required: without evidence of it the gate is undecided.",
        "# expected_load = { rps = 500 }",
        '# performance_targets = { p95 = "200 ms", error_rate = "0.1 %" }',
        "# availability_target = 99.9",
        "",
        "[gate]",
        "errors = 0             # the default",
        "# warnings = 10",
        '# scope = "all"        # with --base: count what stood there too',
        "",
    ]
    lines += _migrations(report)
    lines += [
        "# A load test, read on each scan and held against the limits above (`qgate evidence check FILE` shows what is",
        "# understood of it):",
        "# [[evidence]]",
        '# path = "build/k6-summary.json"',
        "",
        "# A fault that somebody answers for up to a day:",
        "# [[waiver]]",
        '# check = "missing-rate-limit"',
        '# path = "app/internal/**"',
        '# reason = "reached through the gateway only, which limits"',
        '# owner = "orders-team"',
        "# until = 2027-03-01",
    ]
    return "\n".join(lines) + "\n"


def _migrations(report: Report) -> list[str]:
    """The key that says what is applied everywhere, with the newest migration of each history as a proposal."""
    newest = [history.migrations[-1].path for history in report.project.histories if history.migrations]
    if not newest:
        return []
    return [
        "# Migrations up to here are applied everywhere, and are no longer judged for the locks that they take:",
        "# [migrations]",
        *(f"# since = {_quoted(path)}" for path in newest[:1]),
        "",
    ]


def _choice(choices: Sequence[str], words: str) -> str:
    return f"{words} One of {', '.join(choices)}." if choices else words


def _quoted(text: str) -> str:
    """A TOML string on one line; JSON's escapes are TOML's too."""
    import json

    return json.dumps(text)


def _hook(root: Path, force: bool) -> _File:
    target = root / _HOOKS
    entry = _template("pre-commit")
    if not target.exists():
        return _File(target, entry, "runs before each commit: `pre-commit install`")
    added = "add the hook to it; `qgate init --dry-run` in an empty folder prints it"
    try:
        text = target.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return _File(target, None, added)
    if "id: qgate" in text:
        return _File(target, None, "it has the hook")
    longer = _appended(text, entry)
    if longer is None:
        return _File(target, None, added)
    return _File(target, longer, "the hook is added at its end")


def _appended(text: str, entry: str) -> str | None:
    """``text`` with another item at the end of `repos`, as it is indented there; None where that is not its end."""
    before = _plain(text)
    if not isinstance(before, dict) or not isinstance(before.get("repos"), list) or not before["repos"]:
        return None
    first = next((line for line in text.split("\n") if line.lstrip().startswith("- ")), "")
    indent = " " * (len(first) - len(first.lstrip()))
    lines = entry.rstrip("\n").split("\n")[1:]
    longer = f"{text.rstrip()}\n" + "".join(f"{indent}{line[2:]}\n" for line in lines)
    wanted = {**before, "repos": [*before["repos"], *_plain(entry)["repos"]]}
    return longer if _plain(longer) == wanted else None


def _plain(text: str) -> Any:
    """The data of a YAML document; None where it is none."""
    from qualitygate.model.source import Language, Text
    from qualitygate.parse.document import Malformed, load

    try:
        return next((document.data for document in load(Text.of(text), Language.YAML)), None)
    except Malformed:
        return None


def _template(name: str) -> str:
    """The text of one of the templates of this package, for this version."""
    text = (resources.files("qualitygate") / "templates" / f"{name}.yml").read_text(encoding="utf-8")
    return text.replace("@REQUIREMENT@", f"{_DISTRIBUTION}=={__version__}").replace("@VERSION@", __version__)


def _steps(root: Path, ci: str, force: bool) -> Iterator[_File]:
    wanted = {name for there, name in _CI.items() if (root / there).exists()} if ci == "auto" else {ci} - {"none"}
    if "github" in wanted:
        yield _step(root / _WORKFLOW, _template("github"), force, "scans each pull request against its base")
    if "gitlab" in wanted:
        if (root / _GITLAB).exists():
            yield _step(
                root / _GITLAB_PART,
                _template("gitlab"),
                force,
                f"add to {_GITLAB}: include: [{{local: {_GITLAB_PART}}}]",
            )
        else:
            yield _step(root / _GITLAB, _template("gitlab"), force, "scans each merge request against its base")


def _step(target: Path, content: str, force: bool, note: str) -> _File:
    if target.exists() and not force:
        return _File(target, None, "it is there; --force replaces it")
    return _File(target, content, note)
