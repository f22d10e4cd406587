"""Workers: the same facts from any number of them, and a death that is told and hides nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from qualitygate.analyse import analyse, pool
from qualitygate.authoring import Check, Confidence, Domain, Hit, ParsedFile, Place, Severity
from qualitygate.discover import discover
from qualitygate.load import Installed, load
from qualitygate.model.policy import Policy
from qualitygate.model.source import Language
from qualitygate.run import Request, scan

Files = Callable[..., Path]

linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


def check(run: Callable[[ParsedFile], Iterator[Hit]], name: str = "probe") -> Check:
    return Check(
        id=name, domain=Domain.API, severity=Severity.ERROR, confidence=Confidence.HIGH, do="", dont="", doc="A probe.",
        run=run, bad=(), good=(), reads=frozenset({Language.TEXT}),
    )  # fmt: skip


def first_word(file: ParsedFile) -> Iterator[Hit]:
    word = file.text.content.split()[0]
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "leave":
        os._exit(3)
    yield Hit(Place(file.path, file.text.span(0, len(word))), f"found {word}", word)


def test_the_project_is_the_same_for_any_number_of_workers(tree: Files) -> None:
    files = {f"app/m{number}.py": f"def f{number}(x):\n    return g(x, {number})\n" for number in range(30)}
    root = tree({**files, "app/broken.py": "def (:\n", "db/a.sql": "CREATE TABLE a (id int);", "api.yaml": "a: [1"})
    found = discover([root])
    checks = load().checks
    projects = [msgspec.msgpack.encode(analyse(found.files, checks, {}, jobs=jobs)) for jobs in (None, 1, 2, 5)]
    assert projects[1:] == projects[:1] * 3


@linux
@pytest.mark.parametrize(("word", "how"), [("die", "signal 9"), ("leave", "exit code 3")])
def test_a_worker_that_dies_is_told_and_the_other_findings_are_intact(tree: Files, word: str, how: str) -> None:
    files = {f"m{number}.txt": f"word{number}" for number in range(20)}
    root = tree({**files, "a.txt": word, "m9.txt": word, "z.txt": "last"})
    report = scan(Request((root,), Policy(), jobs=2), Installed((check(first_word),), "probe"))
    assert {finding.subject for finding in report.findings} == {
        *(f"word{number}" for number in range(20) if number != 9),
        "last",
    }
    reason = f"not read: qgate itself failed on it: the process that read it died ({how})"
    assert {(unread.path, unread.reason) for unread in report.unread} == {("a.txt", reason), ("m9.txt", reason)}
    assert report.broken == {"extract": f"the process that read it died ({how}), reading a.txt (and 1 more)"}
    assert report.verdict.exit_code == 2


@linux
@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_a_file_that_takes_too_long_is_told_and_the_other_findings_are_intact(
    tree: Files, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    def sleeps(file: ParsedFile) -> Iterator[Hit]:
        if file.path == "m3.txt":
            time.sleep(60)
        yield Hit(Place(file.path, file.text.span(0, 4)), "found", "it")

    monkeypatch.setattr(pool, "_SECONDS_A_FILE", 0.3)
    # Text alone is worth a worker where it is long.
    root = tree({"long.txt": "word " * 30_000, **{f"m{number}.txt": "word" for number in range(8)}})
    report = scan(Request((root,), Policy(), jobs=jobs), Installed((check(sleeps),), "probe"))
    read = ["long.txt", *(f"m{number}.txt" for number in range(8) if number != 3)]
    assert [finding.path for finding in report.findings] == read
    assert [(unread.path, unread.reason) for unread in report.unread] == [
        ("m3.txt", "reading it took too long: given up")
    ]
    assert report.verdict.exit_code == 1


@linux
def test_parsing_is_left_to_a_worker_that_may_die(tree: Files) -> None:
    def dies(file: ParsedFile) -> Iterator[Hit]:
        if file.path == "b.py":
            os.kill(os.getpid(), signal.SIGKILL)
        yield Hit(Place(file.path, file.text.span(0, 1)), "found", "it")

    root = tree({"a.py": "x = 1\n", "b.py": "y = 2\n", "c.txt": "word"})
    report = scan(Request((root,), Policy()), Installed((check(dies),), "probe"))
    assert [finding.path for finding in report.findings] == ["a.py", "c.txt"]
    assert [unread.path for unread in report.unread] == ["b.py"]


@linux
def test_facts_of_a_file_that_a_worker_died_on_are_not_kept(tree: Files, tmp_path: Path) -> None:
    root = tree({"a.txt": "die", "b.txt": "word"})
    once = tmp_path / "once"

    def dies_once(file: ParsedFile) -> Iterator[Hit]:
        if file.path == "a.txt" and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield Hit(Place(file.path, file.text.span(0, 1)), "found", "it")

    request = Request((root,), Policy(), jobs=2)
    assert scan(request, Installed((check(dies_once),), "probe")).verdict.exit_code == 2
    again = scan(request, Installed((check(dies_once),), "probe"))
    assert [finding.path for finding in again.findings] == ["a.txt", "b.txt"]
    assert not again.broken


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_check_that_crashes_on_one_file_is_told_and_the_rest_is_intact(tree: Files, jobs: int) -> None:
    def crashes(file: ParsedFile) -> Iterator[Hit]:
        if file.path == "b.txt":
            raise ValueError("the s3cret text of the file")
        yield Hit(Place(file.path, file.text.span(0, 1)), "found", "it")

    root = tree({"a.txt": "x", "b.txt": "y", "c.txt": "z"})
    report = scan(Request((root,), Policy(), jobs=jobs), Installed((check(crashes), check(first_word, "other")), "p"))
    assert [(finding.path, finding.check) for finding in report.findings] == [
        ("a.txt", "other"),
        ("a.txt", "probe"),
        ("b.txt", "other"),
        ("c.txt", "other"),
        ("c.txt", "probe"),
    ]
    assert report.broken["probe"].startswith("ValueError in crashes (test_pool.py, line ")
    assert "s3cret" not in str(report.broken)
    assert report.verdict.exit_code == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_counts_up_to_all_files(tree: Files, jobs: int) -> None:
    root = tree({f"m{number}.txt": "word" for number in range(7)})
    steps: list[tuple[int, int]] = []
    request = Request((root,), Policy(), jobs=jobs, progress=lambda *step: steps.append(step))
    installed = Installed((check(first_word),), "probe")
    scan(request, installed)
    assert steps == [(done, 7) for done in range(1, 8)]
    steps.clear()
    (root / "m3.txt").write_text("another word")
    scan(request, installed)
    assert steps == [(7, 7)], "the rest is known from the cache"


SPAWNED = """
import multiprocessing
import sys
from pathlib import Path

import msgspec

import qualitygate.analyse.pool as pool
from qualitygate.analyse import analyse, pool
from qualitygate.discover import discover
from qualitygate.load import load

if __name__ == "__main__":
    pool._context = lambda: multiprocessing.get_context("spawn")
    found = discover([Path(sys.argv[1])])
    checks = load().checks
    one, two = (msgspec.msgpack.encode(analyse(found.files, checks, {}, jobs=jobs)) for jobs in (1, 2))
    print(one == two, len(found.files))
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="workers that start anew need Python 3.11")
def test_workers_that_start_anew_take_the_same_facts_and_nothing_from_the_scanned_folder(
    tree: Files, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    code = f"with open({str(canary)!r}, 'a') as stream: stream.write(__name__ + ' ')\n"
    names = ("pickle", "socket", "signal", "multiprocessing", "msgspec", "qualitygate_checks", "sitecustomize")
    root = tree({"a.py": "x = 1\n", "b.py": "y = 2\n", **{f"{name}/__init__.py": code for name in names}})
    script = tmp_path / "spawned.py"
    script.write_text(dedent(SPAWNED))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, str(script), "."], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "9"], done.stderr
    assert not canary.exists(), f"these ran: {canary.read_text()}"


@linux
def test_an_interrupted_scan_leaves_no_worker_behind(tree: Files, tmp_path: Path) -> None:
    root = tree({f"m{number}.py": "x = 1\n" * 2000 for number in range(200)})
    command = [sys.executable, "-m", "qualitygate", "scan", ".", "--jobs", "2", "--no-cache"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (children := _children(process.pid)) and process.poll() is None:
        pass
    process.kill()
    process.communicate()
    for child in children:
        _wait_for_end(child)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _wait_for_end(pid: int) -> None:
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"worker {pid} is still there")
