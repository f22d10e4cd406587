"""The whole flow: the same report however it was come by, and what is read for a part of a project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from qualitygate.load import Installed, load
from qualitygate.model.finding import Confidence
from qualitygate.model.policy import Limits, Policy, Selection
from qualitygate.model.verdict import Report
from qualitygate.run import InputError, NothingToScan, Request, scan, survey

Files = Callable[..., Path]
Git = Callable[..., str]

ROUTES = """
    from fastapi import APIRouter

    router = APIRouter(prefix="/orders")


    @router.get("/{order_id}")
    def read_order(order_id: int) -> dict[str, int]:
        return {"id": order_id}
"""
MAIN = """
    from fastapi import FastAPI

    from app.routes import router

    app = FastAPI()
    app.include_router(router, prefix="/v1")
"""
PROJECT = {
    "app/__init__.py": "",
    "app/routes.py": ROUTES,
    "app/main.py": MAIN,
    "app/settings.py": 'smtp_password = "Meadow!2031-post"\n',
    "migrations/0001_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);\n",
    "migrations/0002_index.sql": "CREATE INDEX orders_customer_idx ON orders (customer_id);\n",
    "broken.py": "def (:\n",
}


@pytest.fixture(scope="module")
def installed() -> Installed:
    return load()


def report(root: Path, installed: Installed, policy: Policy | None = None, **request: object) -> Report:
    return scan(Request((root,), policy or Policy(), **request), installed)  # type: ignore[arg-type]


def timeless(report: Report) -> bytes:
    """All of a report but the time it took, as bytes."""
    return msgspec.json.encode(
        msgspec.structs.replace(report, seconds=0.0, texts={}, contents={}, root=None, project=None)
    )


def test_a_report_is_the_same_for_any_number_of_workers_and_with_and_without_the_cache(
    tree: Files, installed: Installed
) -> None:
    root = tree(PROJECT)
    reports = [
        report(root, installed, use_cache=False, jobs=1),
        report(root, installed, use_cache=False, jobs=2),
        report(root, installed, use_cache=True, jobs=0),
        report(root, installed, use_cache=True, jobs=0),
        report(root, installed, use_cache=False, jobs=3),
    ]
    assert reports[0].findings, "the project has faults"
    assert reports[0].unread, "and a file that cannot be read"
    assert len({timeless(one) for one in reports}) == 1


def test_findings_come_worst_first(tree: Files, installed: Installed) -> None:
    ranks = [
        (finding.severity.rank, finding.confidence.rank, finding.path)
        for finding in report(tree(PROJECT), installed).findings
    ]
    assert len(ranks) >= 2
    assert ranks == sorted(ranks)


def test_what_is_below_the_confidence_asked_for_is_counted(tree: Files, installed: Installed) -> None:
    root = tree(PROJECT)
    every = report(root, installed, Policy(min_confidence=Confidence.LOW))
    sure = report(root, installed, Policy(min_confidence=Confidence.HIGH))
    assert every.hidden == 0
    assert len(every.findings) == len(sure.findings) + sure.hidden


def test_the_rest_of_a_checkout_tells_what_a_part_of_it_means(
    checkout: Files, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = checkout(PROJECT)
    monkeypatch.chdir(root)
    part = report(Path("app/routes.py"), installed)
    assert part.files == 1
    assert part.findings == (), "its routes are versioned where they are mounted, and no other file was asked for"
    assert part.unread == ()
    assert {finding.path for finding in report(Path("migrations"), installed).findings} == {"0002_index.sql"}


def test_the_paths_of_a_part_are_those_of_the_whole(
    checkout: Files, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = checkout(PROJECT)
    monkeypatch.chdir(root)
    whole = {finding.fingerprint for finding in report(root, installed).findings}
    request = Request((Path("app"), Path("migrations/0002_index.sql")), Policy())
    part = scan(request, installed)
    assert part.findings
    assert {finding.fingerprint for finding in part.findings} <= whole


def test_a_secret_is_known_even_where_its_check_is_left_out(tree: Files, installed: Installed) -> None:
    policy = Policy(selection=Selection(ignore=("hardcoded-secret",)))
    root = tree(PROJECT)
    left_out = report(root, installed, policy, use_cache=False)
    assert "hardcoded-secret" not in left_out.examined
    assert [span.line for span in left_out.secrets["app/settings.py"]] == [1]
    facts = msgspec.msgpack.encode(survey(Request((root,), policy, use_cache=False), installed))
    assert b"Meadow" not in facts


def test_a_secret_does_not_enter_the_cache(tree: Files, installed: Installed, tmp_path: Path) -> None:
    root = tree({f"app/settings{number}.py": PROJECT["app/settings.py"] for number in range(3)})
    place = tmp_path / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QGATE_CACHE_DIR", str(place))
        assert report(root, installed).findings
    written = b"".join(path.read_bytes() for path in place.iterdir())
    assert len(written) > 1000
    assert b"Meadow" not in written


def test_a_picture_that_begins_as_text_is_no_text_that_cannot_be_read(tree: Files, installed: Installed) -> None:
    root = tree({"logo.ai": b"%PDF-1.5\n" * 500 + b"\0\xff", "app/a.py": b"x = 1\n" * 500 + b"\0"})
    assert [unread.path for unread in report(root, installed).unread] == ["app/a.py"]


def test_a_changed_file_is_read_anew(tree: Files, installed: Installed) -> None:
    root = tree(PROJECT)
    before = report(root, installed)
    (root / "migrations/0002_index.sql").write_text(
        "CREATE INDEX CONCURRENTLY orders_customer_idx ON orders (customer_id);\n"
    )
    after = report(root, installed)
    assert {finding.check for finding in before.findings} - {finding.check for finding in after.findings} == {
        "blocking-index-creation"
    }


def test_a_staged_scan_judges_the_index_and_not_the_work_tree(checkout: Files, git: Git, installed: Installed) -> None:
    root = checkout({"migrations/0001_orders.sql": PROJECT["migrations/0001_orders.sql"]})
    index = root / "migrations" / "0002_index.sql"
    index.write_text(PROJECT["migrations/0002_index.sql"])
    assert report(root, installed, staged=True).findings == ()
    git(root, "add", "--all")
    index.write_text("")
    staged = report(root, installed, staged=True)
    assert [finding.path for finding in staged.findings] == ["migrations/0002_index.sql"]
    assert staged.texts["migrations/0002_index.sql"].content == PROJECT["migrations/0002_index.sql"]
    assert report(root, installed).findings == ()


def test_the_verdict_follows_the_limits(tree: Files, installed: Installed) -> None:
    root = tree({path: PROJECT[path] for path in PROJECT if path.startswith("migrations")})
    assert report(root, installed).verdict.exit_code == 0, "a warning does not close the default gate"
    assert report(root, installed, Policy(limits=Limits(warnings=0))).verdict.exit_code == 1


@pytest.mark.parametrize("files", [{}, {"notes/.keep": b""}, {"logo.png": b"\x89PNG\0"}])
def test_a_tree_without_a_file_that_is_read_is_nothing_to_scan(
    tree: Files, installed: Installed, files: dict[str, str | bytes]
) -> None:
    only_code = replace(installed, checks=tuple(check for check in installed.checks if not check.reads))
    with pytest.raises(NothingToScan, match="nothing to scan in"):
        report(tree(files), only_code)


def test_a_missing_path_is_an_input_error(installed: Installed, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        report(tmp_path / "missing", installed)
