"""In: a corpus and a source of chance. Out: nothing, or a fault: what one part of qgate did wrong with broken input.

Each target breaks one kind of input and holds the part that reads it to what is promised: no crash, also none that the
pipeline catches and tells; every file read or named; places inside the text; reports that are what their format says.
"""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import yaml

from fuzz.corpus import Corpus, Seed, collect
from fuzz.mutate import mutated
from qualitygate.analyse import analyse
from qualitygate.analyse.base import attach_base
from qualitygate.check import run_checks
from qualitygate.configure import ConfigError, configure, schema
from qualitygate.discover import Layout, language_of
from qualitygate.evidence import read_evidence
from qualitygate.extract import has_front_end
from qualitygate.extract.cache import Cache
from qualitygate.load import Installed, load
from qualitygate.model.evidence import Unusable
from qualitygate.model.facts import FileFacts
from qualitygate.model.finding import Confidence, Finding
from qualitygate.model.policy import Policy
from qualitygate.model.project import Project
from qualitygate.model.source import Language, SourceFile
from qualitygate.model.syntax import Module
from qualitygate.parse.python import parse_python
from qualitygate.parse.python_fast import read_module
from qualitygate.parse.python_limits import PythonSyntaxError
from qualitygate.parse.text import Undecodable, decode
from qualitygate.report import inventory
from qualitygate.report.formats import FORMATS, rendered
from qualitygate.report.text import Style
from qualitygate.run import NothingToScan, Request, scan
from qualitygate.suppress import Baseline, BaselineError, Entry, apply_answers, apply_baseline, read_baseline

_ROOT = Path("/fuzzed")
_ALL = Policy(min_confidence=Confidence.LOW)


class Fault(Exception):
    """What is promised does not hold. ``kind`` is the same for the same fault in other inputs."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


@dataclass
class Case:
    """One input: what is broken in it, kept by name so that it can be looked at."""

    chance: Random
    inputs: dict[str, bytes] = field(default_factory=dict)


class Targets:
    """All targets over one corpus. ``folder`` is a place for files that are made and removed."""

    def __init__(self, trees: Sequence[Path], folder: Path) -> None:
        self.installed: Installed = load()
        self.corpus: Corpus = collect(self.installed.checks, trees)
        self.folder = folder
        self._small = [seed for seed in self.corpus.seeds if not seed.whole]
        self._whole = [seed for seed in self.corpus.seeds if seed.whole]
        self._known: dict[str, Project] = {}

    def all(self) -> Mapping[str, tuple[int, Callable[[Case], None]]]:
        """Each target by name, with its share of the cases."""
        return {
            "file": (600, self.file),
            "two front ends": (110, self.front_ends),
            "backend": (60, self.backend),
            "base": (40, self.base),
            "scan": (70, self.scan),
            "configuration": (50, self.configuration),
            "baseline": (30, self.baseline),
            "cache": (40, self.cache),
            "evidence": (60, self.evidence),
        }

    # -- what is read

    def file(self, case: Case) -> None:
        """One or two files of a small project, through extraction, linking and all checks."""
        seed = case.chance.choice(self._small)
        files = self._broken(case, seed, case.chance.choice((1, 1, 1, 2)))
        project = analyse(_sources(files), self.installed.checks, {})
        self._judge(project, files)
        if case.chance.random() < 0.1:
            inventory.render_text(project, color=False)
            json.loads(inventory.render_json(project, _ROOT, "0"))

    def backend(self, case: Case) -> None:
        """One file of a whole backend, linked with all the others."""
        seed = case.chance.choice(self._whole)
        known = self._facts(seed)
        files = self._broken(case, seed, 1)
        same = {path: facts for path, facts in known.items() if path not in case.inputs}
        self._judge(analyse(_sources(files), self.installed.checks, {}, known=same), files)

    def base(self, case: Case) -> None:
        """A change that breaks a file: compared with what stood before."""
        seed = case.chance.choice(self._small)
        before = _sources(seed.files)
        files = self._broken(case, seed, 1)
        after = _sources(files)
        checks = self.installed.checks
        old, new = analyse(before, checks, {}), analyse(after, checks, {})
        if case.chance.random() < 0.3:
            old, new, before, after, files = new, old, after, before, seed.files
        self._judge(attach_base(new, after, old, before), files)

    def front_ends(self, case: Case) -> None:
        """What the running Python's own parser reads, libcst reads to the same form."""
        path, content = self._python(case)
        broken = mutated(content, self.corpus.others(path), case.chance)
        case.inputs[path] = broken
        try:
            text = decode(broken, Language.PYTHON)
            fast = read_module(text)
            slow: Module = parse_python(text).module()
        except (Undecodable, PythonSyntaxError):
            return
        if fast is not None and fast.module != slow:
            raise Fault("the two front ends differ", _first_difference(fast.module, slow))

    def scan(self, case: Case) -> None:
        """A tree on the disk, by the whole flow, told in every format."""
        seed = case.chance.choice(self._small)
        files = self._broken(case, seed, case.chance.choice((1, 2)))
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            root = Path(name) / "tree"
            for path, content in files.items():
                target = root / _renamed(path, case.chance)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            if case.chance.random() < 0.2:
                ignored = case.inputs[".gitignore"] = mutated(
                    b"*.pyc\n/build/\n!keep.py\n", (b"**/a[b-c]*\n",), case.chance
                )
                (root / ".gitignore").write_bytes(ignored)
            request = Request((root,), _ALL, use_cache=False, jobs=1)
            try:
                report = scan(request, self.installed)
            except NothingToScan:
                return
        if report.broken:
            raise Fault(next(iter(report.broken.values())))
        for format_ in FORMATS:
            style = Style(verbose=True, everything=True)
            output = rendered(report, list(self.installed.checks), format_, style).decode()
            if format_ in ("json", "sarif"):
                json.loads(output)
            elif "\x1b" in output or "\x07" in output:
                raise Fault(f"a control character in {format_}")

    # -- what is written by hand, or by qgate itself

    def configuration(self, case: Case) -> None:
        """A configuration file: used, or refused with the places of all that is wrong."""
        content = mutated(case.chance.choice(self._configurations), self._configurations, case.chance)
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            file = Path(name) / case.chance.choice(("qgate.toml", "pyproject.toml"))
            if file.name == "pyproject.toml":
                content = b"[tool.qgate]\n" + content.replace(b"\n[", b"\n[tool.qgate.")
            case.inputs[file.name] = content
            file.write_bytes(content)
            try:
                configured = configure(self.installed.checks, file.parent, environ={})
            except ConfigError as error:
                if not error.problems or not all(problem.message for problem in error.problems):
                    raise Fault("a configuration is refused without a word") from None
            else:
                analyse(_sources({"a.py": b"x = 1\n"}), self.installed.checks, configured.policy.options)

    def baseline(self, case: Case) -> None:
        """A baseline: used, or refused in one line."""
        content = mutated(self._baseline, (self._baseline,), case.chance)
        case.inputs["baseline.json"] = content
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            file = Path(name) / "baseline.json"
            file.write_bytes(content)
            try:
                known = read_baseline(file)
            except BaselineError:
                return
            apply_baseline(self._findings, known, judged=lambda entry: True)

    def cache(self, case: Case) -> None:
        """A damaged cache: the project is the same as without one."""
        content = case.chance.choice((mutated, _overwritten))(self._cached, (self._cached,), case.chance)
        case.inputs["facts.sqlite3"] = content
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            place = Path(name)
            place.chmod(0o700)
            (place / "facts.sqlite3").write_bytes(content)
            if case.chance.random() < 0.2:
                side = case.chance.choice(("facts.sqlite3-journal", "facts.sqlite3-wal", "facts.sqlite3-shm"))
                case.inputs[side] = mutated(self._cached[:20_000], (self._cached,), case.chance)
                (place / side).write_bytes(case.inputs[side])
            cache = Cache("fuzz", place)
            try:
                project = analyse(_sources(self._cached_files), self.installed.checks, {}, cache=cache)
            finally:
                cache.close()
        if msgspec.structs.replace(project, identity="") != self._cached_project:
            raise Fault("a damaged cache changes the project")

    def evidence(self, case: Case) -> None:
        """A file of measurements, of another scanner or of statements: read, or told why not."""
        name = case.chance.choice(sorted(self._samples))
        content = mutated(self._samples[name], tuple(self._samples.values()), case.chance)
        case.inputs[name] = content
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            file = Path(folder) / name
            file.write_bytes(content)
            found = read_evidence(file, Path(folder))
        if not found:
            raise Fault("evidence is neither read nor told")
        for one in found:
            if isinstance(one, Unusable) and (not one.reason or "\n" in one.reason):
                raise Fault("evidence is refused without a word, or with a line break")
            msgspec.json.encode(one)

    # -- what they are made of

    def _broken(self, case: Case, seed: Seed, count: int) -> dict[str, bytes]:
        files = dict(seed.files)
        for path in case.chance.sample(seed.targets, min(count, len(seed.targets))):
            files[path] = case.inputs[path] = mutated(files[path], self.corpus.others(path), case.chance)
        return files

    def _python(self, case: Case) -> tuple[str, bytes]:
        while True:
            seed = case.chance.choice(self._small)
            paths = [path for path in seed.targets if language_of(path) is Language.PYTHON]
            if paths:
                path = case.chance.choice(paths)
                return path, seed.files[path]

    def _facts(self, seed: Seed) -> dict[str, FileFacts]:
        if seed.name not in self._known:
            self._known[seed.name] = analyse(_sources(seed.files), self.installed.checks, {})
        return {file.path: file for file in self._known[seed.name].files}

    def _judge(self, project: Project, files: Mapping[str, bytes]) -> None:
        """Hold a project that was made of ``files`` to what is promised, with what all checks find in it."""
        if {file.path for file in project.files} != set(files):
            raise Fault("a file is neither read nor told", str(set(files) ^ {file.path for file in project.files}))
        for facts in project.files:
            if facts.fault:
                raise Fault(facts.fault, facts.path)
            _expect_told(facts, files[facts.path])
        plain = [check for check in self.installed.checks if not check.audits]
        runs = run_checks(project, plain, _ALL)
        findings, answers = apply_answers(
            [finding for run in runs for finding in run.findings],
            project,
            ran=frozenset(run.check for run in runs if not run.error),
            known=frozenset(check.id for check in self.installed.checks),
            today=date(2031, 5, 6),
        )
        answered = msgspec.structs.replace(project, answers=answers)
        audits = run_checks(answered, [check for check in self.installed.checks if check.audits], _ALL)
        for run in (*runs, *audits):
            if run.error:
                raise Fault(f"{run.check}: {run.error.partition(', reading ')[0]}")
        lines = {file.path: file.lines for file in project.files}
        for finding in (*findings, *(finding for run in audits for finding in run.findings)):
            _expect_inside(finding, lines)

    @cached_property
    def _configurations(self) -> tuple[bytes, ...]:
        values = configure(self.installed.checks, self.folder, isolated=True, environ={}).values
        every = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items() if value is not None)
        keys = list(schema(self.installed.checks)["properties"])
        named = "".join(f'{key} = ["app/**", "api"]\n' for key in keys)
        tables = "".join(f'[{key}]\n"a/*.py" = ["api"]\n' for key in keys)
        readme = (Path(__file__).parents[1] / "README.md").read_text()
        shown = [part.partition("```")[0] for part in readme.split("```toml\n")[1:]]
        return tuple(text.encode() for text in (every, named, tables, *shown))

    @cached_property
    def _samples(self) -> dict[str, bytes]:
        samples = Path(__file__).parents[1] / "tests" / "unit" / "evidence" / "samples"
        return {path.name: path.read_bytes()[:60_000] for path in sorted(samples.iterdir())} | {
            f"shown {number}.toml": content for number, content in enumerate(self._configurations)
        }

    @cached_property
    def _findings(self) -> tuple[Finding, ...]:
        project = analyse(_sources(self._whole[0].files), self.installed.checks, {})
        return tuple(finding for run in run_checks(project, self.installed.checks, _ALL) for finding in run.findings)

    @cached_property
    def _baseline(self) -> bytes:
        entries = tuple(
            Entry(finding.fingerprint, finding.check, finding.path, finding.subject, finding.message)
            for finding in self._findings[:6]
        )
        return msgspec.json.format(msgspec.json.encode(Baseline(1, entries)), indent=2)

    @cached_property
    def _cached_files(self) -> dict[str, bytes]:
        return {path: content for seed in self._small[:60:10] for path, content in seed.files.items()}

    @cached_property
    def _cached_project(self) -> Project:
        return analyse(_sources(self._cached_files), self.installed.checks, {})

    @cached_property
    def _cached(self) -> bytes:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            cache = Cache("fuzz", Path(name))
            analyse(_sources(self._cached_files), self.installed.checks, {}, cache=cache)
            cache.close()
            return (Path(name) / "facts.sqlite3").read_bytes()


def signature(error: BaseException) -> str:
    """What an exception is told apart by: its kind, and where in the project it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if "qualitygate" in frame.filename] or frames
    return f"{type(error).__name__} at {os.path.basename(here[-1].filename)}:{here[-1].lineno} in {here[-1].name}"


def _sources(files: Mapping[str, bytes]) -> list[SourceFile]:
    layout = Layout.of(files)
    return [
        SourceFile(_ROOT, path, language_of(path, content[:100]), layout.role(path), content)
        for path, content in sorted(files.items())
    ]


def _renamed(path: str, chance: Random) -> str:
    """Sometimes a name that a terminal, a URL or a shell would take for something else."""
    if chance.random() > 0.1:
        return path
    odd = chance.choice(
        ("\n", "\x1b[31m", "%2e", "$(x)", "é", "\u202e", " ", "\t", "'\"", "\\", "<b>", "::error::", "\udcff")
    )
    folder, _, name = path.rpartition("/")
    return f"{folder}/{odd}{name}" if folder else f"{odd}{name}"


def _expect_told(facts: FileFacts, content: bytes) -> None:
    """A file that a front end was to read is read, or its reason is told."""
    file = SourceFile(_ROOT, facts.path, facts.language, facts.role, content)
    if facts.unread or not has_front_end(file):
        return
    missing = (facts.language is Language.PYTHON and facts.module is None) or (
        facts.language is Language.SQL and facts.script is None
    )
    if facts.language in (Language.YAML, Language.JSON) and facts.contract is None and b"openapi" in content:
        missing = _is_contract(content)
    if missing:
        raise Fault(f"a file of {facts.language.value} is not read, and not told", facts.path)


def _is_contract(content: bytes) -> bool:
    """Whether another reader takes the bytes for a contract."""
    if content.count(b"{") + content.count(b"[") > 900:
        return False
    try:
        root = yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError, KeyError, OverflowError):
        return False
    return isinstance(root, dict) and str(root.get("openapi")).startswith("3.") and isinstance(root.get("paths"), dict)


def _expect_inside(finding: Finding, lines: Mapping[str, int]) -> None:
    """All places of a finding lie in the text of their files."""
    spans = [(finding.path, finding.span), *((place.path, place.span) for place in finding.places)]
    for path, span in spans:
        ordered = (span.line, span.column) <= (span.end_line, span.end_column)
        if not ordered or span.line < 1 or span.column < 1 or span.end_line > max(lines.get(path, 0), 1):
            raise Fault(f"{finding.check}: a place outside of its file", f"{path} {span} of {lines.get(path)} lines")


def _overwritten(content: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """The same length, with some bytes, or a whole page, replaced."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 5, 200))):
        at = chance.randrange(len(changed))
        changed[at] = chance.randrange(256)
    if chance.random() < 0.3:
        page = chance.randrange(max(1, len(changed) // 4096)) * 4096
        changed[page : page + 4096] = chance.randbytes(min(4096, len(changed) - page))
    return bytes(changed)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(name))} = {_toml(item)}" for name, item in value.items()) + "}"
    return json.dumps(str(getattr(value, "value", value)))


def _first_difference(one: Any, other: Any, depth: int = 0) -> str:
    """Where two records differ first."""
    if type(one) is not type(other) or depth > 60:
        return f"{one!r:.80} / {other!r:.80}"
    if isinstance(one, tuple):
        for left, right in zip(one, other, strict=False):
            if left != right:
                return _first_difference(left, right, depth + 1)
        return f"{len(one)} / {len(other)} parts"
    if isinstance(one, msgspec.Struct):
        for name in one.__struct_fields__:
            if getattr(one, name) != getattr(other, name):
                return f"{type(one).__name__}.{name} " + _first_difference(
                    getattr(one, name), getattr(other, name), depth + 1
                )
    return f"{one!r:.80} / {other!r:.80}"
