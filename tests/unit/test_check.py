"""Checks are selected, run apart from one another, and their hits become findings with an identity."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, Span
from qualitygate.check import findings, fingerprint, run_checks, selected
from qualitygate.model.facts import Directive, FileCheckRun, FileFacts
from qualitygate.model.policy import Policy, Selection
from qualitygate.model.source import Language, Role
from qualitygate.model.syntax import Module

Run = Callable[..., Iterator[Hit]]


def hit(path: str = "app/a.py", line: int = 1, subject: str = "GET /a", message: str = "wrong", **more: Any) -> Hit:
    return Hit(Place(path, Span(line, 1, line, 5)), message, subject, **more)


def nothing(_: Project) -> Iterator[Hit]:
    return iter(())


def check(name: str = "probe", run: Run = nothing, domain: Domain = Domain.API, **more: Any) -> Check:
    fields = {"severity": Severity.ERROR, "confidence": Confidence.HIGH, "do": "", "dont": "", "doc": "A probe."}
    return Check(**{"id": name, "domain": domain, "run": run, "bad": (), "good": (), **fields, **more})


ALL = (check("a"), check("b", domain=Domain.DATABASE), check("c", domain=Domain.DATABASE))


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        ((), (), "abc"),
        (("a",), (), "a"),
        (("database",), (), "bc"),
        (("database",), ("b",), "c"),
        ((), ("database",), "a"),
        (("b",), ("database",), ""),
    ],
)
def test_a_selection_names_ids_and_domains_and_ignore_wins(
    select: tuple[str, ...], ignore: tuple[str, ...], expected: str
) -> None:
    assert "".join(one.id for one in selected(ALL, Selection(select, ignore))) == expected


def test_findings_come_by_place_each_once() -> None:
    hits = [hit(line=9), hit(path="app/b.py"), hit(line=2), hit(line=9)]
    assert [(one.path, one.span.line) for one in findings(check(), hits)] == [
        ("app/a.py", 2),
        ("app/a.py", 9),
        ("app/b.py", 1),
    ]


def test_a_hit_may_weigh_other_than_its_check_and_the_user_has_the_last_word() -> None:
    hits = [hit(severity=Severity.NOTE, confidence=Confidence.LOW)]
    (own,) = findings(check(), hits)
    assert (own.severity, own.confidence) == (Severity.NOTE, Confidence.LOW)
    (asked,) = findings(check(), hits, Severity.WARNING)
    assert asked.severity is Severity.WARNING


def test_a_fingerprint_survives_a_move_of_the_lines() -> None:
    before = findings(check(), [hit(line=3), hit(line=8), hit(line=9, subject="GET /b")])
    after = findings(check(), [hit(line=30), hit(line=80), hit(line=90, subject="GET /b")])
    assert [one.fingerprint for one in before] == [one.fingerprint for one in after]
    assert len({one.fingerprint for one in before}) == 3


def test_a_fingerprint_tells_check_path_subject_and_repetition_apart() -> None:
    prints = {
        fingerprint("a", "p", "s", 0),
        fingerprint("b", "p", "s", 0),
        fingerprint("a", "q", "s", 0),
        fingerprint("a", "p", "t", 0),
        fingerprint("a", "p", "s", 1),
    }
    assert len(prints) == 5


def test_a_check_that_crashes_takes_no_other_along() -> None:
    def crashes(_: Project) -> Iterator[Hit]:
        yield hit()
        raise KeyError("s3cret")

    runs = run_checks(Project(), (check("bad", crashes), check("good", lambda _: iter([hit()]))), Policy())
    assert [(run.check, len(run.findings)) for run in runs] == [("bad", 0), ("good", 1)]
    assert runs[0].error.startswith("KeyError in crashes (test_check.py, line ")
    assert "s3cret" not in runs[0].error
    assert not runs[1].error


def test_a_count_that_crashes_is_a_crash_of_its_check() -> None:
    (run,) = run_checks(Project(), (check(examined=lambda project: project.nothing),), Policy())
    assert run.error.startswith("AttributeError")


def test_what_was_examined_is_counted() -> None:
    files = (FileFacts("a.py", Language.PYTHON, Role.APPLICATION), FileFacts("b.py", Language.PYTHON, Role.TEST))
    (run,) = run_checks(Project(files=files), (check(examined=lambda project: len(project.files)),), Policy())
    assert run.examined == 2


def test_hits_of_a_file_check_are_collected_from_the_facts() -> None:
    def facts(path: str, *runs: FileCheckRun) -> FileFacts:
        return FileFacts(path, Language.PYTHON, Role.APPLICATION, runs=runs)

    project = Project(
        files=(
            facts("a.py", FileCheckRun("mine", (hit("a.py"),), 3), FileCheckRun("other", (hit("a.py"),), 1)),
            facts("b.py", FileCheckRun("mine", (), 0, "ValueError, reading b.py")),
            facts("c.py", FileCheckRun("mine", (hit("c.py"),), 4), FileCheckRun("gone", (hit("c.py"),), 1)),
            facts("d.py", FileCheckRun("mine", (), 0, "ValueError, reading d.py")),
        )
    )
    (run,) = run_checks(project, (check("mine", reads=frozenset({Language.PYTHON})),), Policy())
    assert [one.path for one in run.findings] == ["a.py", "c.py"]
    assert run.examined == 7
    assert run.error == "ValueError, reading b.py (and 1 more)"


def test_a_path_may_ignore_a_check_or_a_domain() -> None:
    hits = [hit("app/a.py"), hit("legacy/old/b.py"), hit("scripts/c.py")]
    checks = (check("a", lambda _: iter(hits)), check("b", lambda _: iter(hits), domain=Domain.SECURITY))
    selection = Selection(per_path=(("legacy/", ("a",)), ("/scripts/*.py", ("security",))))
    runs = run_checks(Project(), checks, Policy(selection=selection))
    assert [[one.path for one in run.findings] for run in runs] == [
        ["app/a.py", "scripts/c.py"],
        ["app/a.py", "legacy/old/b.py"],
    ]


def test_the_paths_of_a_policy_are_relative_to_its_folder() -> None:
    selection = Selection(per_path=(("/service/app/", ("probe",)),))
    probe = check(run=lambda _: iter([hit("app/a.py")]))
    (run,) = run_checks(Project(), (probe,), Policy(selection=selection), way="service/")
    assert run.findings == ()
    (run,) = run_checks(Project(), (probe,), Policy(selection=selection))
    assert len(run.findings) == 1


def test_a_check_over_the_project_sees_no_more_of_a_file_than_the_identity_of_the_project_tells() -> None:
    span = Span(1, 1, 1, 9)
    facts = FileFacts(
        "a.py",
        Language.PYTHON,
        Role.APPLICATION,
        lines=7,
        module=Module(()),
        directives=(Directive(("probe",), "known", span, True, 2),),
        secrets=(span,),
        scopes=((1, 7),),
        runs=(FileCheckRun("mine", (hit("a.py"),), 3),),
        depends_on=(("b.yaml", "0" * 32),),
        identity="1" * 32,
    )
    shown: list[FileFacts] = []

    def looks(project: Project) -> Iterator[Hit]:
        shown.extend(project.files + (project.base.files if project.base is not None else ()))
        return iter(())

    run_checks(Project(files=(facts,), base=Project(files=(facts,))), (check(run=looks),), Policy())
    bare = FileFacts("a.py", Language.PYTHON, Role.APPLICATION, module=Module(()))
    assert shown == [bare, bare]


@dataclass(frozen=True)
class Options:
    limit: int = 100


def test_a_check_runs_with_the_options_in_force() -> None:
    def limited(_: Project, options: Options) -> Iterator[Hit]:
        yield hit(message=f"over {options.limit}")

    probe = check(run=limited, options=Options())
    messages = [
        run_checks(Project(), (probe,), Policy(options=options))[0].findings[0].message
        for options in ({}, {"probe": Options(7)})
    ]
    assert messages == ["over 100", "over 7"]


def test_a_second_process_that_dies_leaves_its_checks_to_the_first() -> None:
    """Where a project is large enough to share its checks; on a machine of one processor they are not shared."""
    files = tuple(
        FileFacts(f"app/m{number:03}.py", Language.PYTHON, Role.APPLICATION, module=Module(())) for number in range(200)
    )
    here = os.getpid()

    def dies_elsewhere(project: Project) -> Iterator[Hit]:
        if os.getpid() != here:
            os._exit(1)
        yield hit()

    def counts(project: Project) -> Iterator[Hit]:
        yield hit(message=str(len(project.files)))

    def slow(project: Project) -> Iterator[Hit]:
        time.sleep(0.2)
        yield hit(message="late")

    ways = ("slow", slow), ("counts", counts), ("dies", dies_elsewhere), ("crashes", lambda _: 1 // 0)
    checks = tuple(check(name, run) for name, run in (*ways, *((f"{name}-too", run) for name, run in ways)))
    alone, shared = (run_checks(Project(files=files), checks, Policy(), jobs=jobs) for jobs in (1, 2))
    assert shared == alone
    assert [run.check for run in shared] == [one.id for one in checks]
    assert [len(run.findings) for run in shared] == [1, 1, 1, 0] * 2
