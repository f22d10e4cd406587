"""What a change adds, against the commit that it parted from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]

ROUTES = """\
import requests
from fastapi import APIRouter

router = APIRouter(prefix="/v1/rates")


@router.get("/{currency}")
def read_rate(currency: str) -> float:
    return float(requests.get("https://rates.example.com/" + currency, timeout=5).text)
"""
MAIN = """\
from fastapi import FastAPI

from app.rates import router

app = FastAPI()
app.include_router(router)
"""
LOCK = "CREATE INDEX orders_customer ON orders (customer_id);\n"


@pytest.fixture
def change(repository: Path, git: Git) -> Callable[[], None]:
    """The repository under git, its first commit on `main`; what the tests then do happens on a branch of its own."""
    (repository / "app/__init__.py").write_text("")
    (repository / "app/rates.py").write_text(ROUTES)
    (repository / "app/main.py").write_text(MAIN)
    git(repository, "init", "--quiet", "--initial-branch=main")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "first")
    git(repository, "checkout", "--quiet", "-b", "topic")

    def commit() -> None:
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--message", "change")

    return commit


def report(qgate, *arguments: str, **variables: str) -> dict:
    result = qgate("scan", "--format", "json", *arguments, **variables)
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


def new(document: dict) -> list[tuple[str, str]]:
    return [(one["check"], one["path"]) for one in document["findings"] if one["change"] == "new"]


def test_what_stood_before_leaves_the_gate_open_and_is_counted(qgate, change) -> None:
    assert qgate("scan").returncode == 1
    result = qgate("scan", "--base", "main")
    assert result.returncode == 0
    assert "hardcoded-secret" not in result.stdout
    assert "where HEAD parted from main: 0 new, " in result.stdout
    assert "error[hardcoded-secret]" in qgate("scan", "--base", "main", "--all").stdout


def test_the_gate_judges_all_findings_where_it_is_told_to(qgate, change, repository: Path) -> None:
    (repository / "qgate.toml").write_text('[gate]\nscope = "all"\n')
    assert qgate("scan", "--base", "main").returncode == 1


def test_a_new_finding_is_shown_and_closes_the_gate(qgate, change, repository: Path) -> None:
    (repository / "app/database.py").write_text('database_password = "Autumn!2025-base"\n')
    change()
    result = qgate("scan", "--base", "main")
    assert result.returncode == 1
    assert "app/database.py:1:" in result.stdout
    assert "app/settings.py" not in result.stdout
    assert "1 new, " in result.stdout


def test_a_fault_caused_in_an_untouched_file_is_new(qgate, change, repository: Path) -> None:
    index = repository / "migrations/0003_more.sql"
    index.write_text(LOCK)
    change()
    assert "unindexed-foreign-key" not in {one["check"] for one in report(qgate)["findings"]}
    index.unlink()
    document = report(qgate, "--base", "HEAD")
    assert new(document) == [("unindexed-foreign-key", "migrations/0001_orders.sql")]


def test_new_findings_are_the_difference_of_two_whole_scans(qgate, change, repository: Path) -> None:
    before = {one["fingerprint"] for one in report(qgate)["findings"]}
    (repository / "migrations/0003_more.sql").write_text(LOCK)
    (repository / "app/rates.py").write_text(ROUTES.replace(", timeout=5", ""))
    (repository / "app/keys.py").write_text('api_key = "kZ83hs0-Lq2mV7xNp4RtY6wB"\n')
    change()
    whole = {one["fingerprint"]: one["check"] for one in report(qgate)["findings"]}
    compared = report(qgate, "--base", "main")
    found = {one["fingerprint"] for one in compared["findings"] if one["change"] == "new"}
    assert {"missing-timeout", "blocking-index-creation"} <= {whole[one] for one in found}
    assert found == set(whole) - before
    assert report(qgate, "--base", "main", "--no-cache")["findings"] == compared["findings"]


def test_a_file_that_was_renamed_brings_nothing_new(qgate, change, repository: Path, git: Git) -> None:
    git(repository, "mv", "app/settings.py", "app/mail.py")
    (repository / "app/mail.py").write_text('# mail\nsmtp_host = "mail"\n\nsmtp_password = "Meadow!2031-post"\n')
    change()
    document = report(qgate, "--base", "main")
    assert new(document) == []
    assert [one["change"] for one in document["findings"] if one["path"] == "app/mail.py"] == ["changed"]
    assert document["base"]["gone"] == []


def test_what_is_mended_is_counted_and_named(qgate, change, repository: Path) -> None:
    (repository / "app/settings.py").write_text("")
    change()
    document = report(qgate, "--base", "main")
    assert len(document["base"]["gone"]) == 1
    assert document["base"]["gone"][0].startswith("hardcoded-secret app/settings.py: ")
    assert "Meadow" not in json.dumps(document)
    result = qgate("scan", "--base", "main", "--verbose")
    assert ", 1 gone" in result.stdout
    assert "Gone since the base:\n  hardcoded-secret app/settings.py: " in result.stdout


def test_an_answer_that_is_taken_back_makes_the_finding_new(qgate, change, repository: Path) -> None:
    settings = repository / "app/settings.py"
    plain = settings.read_text()
    settings.write_text(plain.rstrip("\n") + "  # qgate: ignore[hardcoded-secret] a test server\n")
    change()
    settings.write_text(plain)
    assert new(report(qgate, "--base", "HEAD")) == [("hardcoded-secret", "app/settings.py")]


def test_the_base_is_where_the_branches_parted_not_their_head(qgate, change, repository: Path, git: Git) -> None:
    git(repository, "checkout", "--quiet", "main")
    (repository / "app/settings.py").write_text("")
    change()
    git(repository, "checkout", "--quiet", "topic")
    assert new(report(qgate, "--base", "main")) == []


def test_what_is_staged_is_compared_with_the_last_commit(qgate, change, repository: Path, git: Git) -> None:
    (repository / "app/one.py").write_text('database_password = "Autumn!2025-base"\n')
    git(repository, "add", "app/one.py")
    (repository / "app/two.py").write_text('database_password = "Winter!2026-base"\n')
    assert new(report(qgate, "--staged", "--base", "HEAD")) == [("hardcoded-secret", "app/one.py")]


def test_migrations_of_the_base_are_not_judged_for_locks(qgate, change, repository: Path) -> None:
    (repository / "migrations/0003_more.sql").write_text(LOCK)
    change()
    # What is remembered of a scan without a base is not believed for one with a base, nor the other way round.
    for _ in range(2):
        alone = report(qgate, "--select", "blocking-index-creation")["findings"]
        found = report(qgate, "--base", "main", "--select", "blocking-index-creation")["findings"]
        assert {one["path"] for one in alone} == {"migrations/0002_index.sql", "migrations/0003_more.sql"}
        assert [(one["path"], one["change"]) for one in found] == [("migrations/0003_more.sql", "new")]


def test_a_pull_request_names_its_base(qgate, change, repository: Path, git: Git) -> None:
    git(repository, "update-ref", "refs/remotes/origin/main", "main")
    commit = git(repository, "rev-parse", "main").strip()
    for variables, revision in (
        ({"GITHUB_BASE_REF": "main"}, "refs/remotes/origin/main"),
        ({"CI_MERGE_REQUEST_DIFF_BASE_SHA": commit, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": ""}, commit),
        ({"PRE_COMMIT_FROM_REF": "main", "PRE_COMMIT_TO_REF": "topic"}, "main"),
    ):
        base = report(qgate, "--base", "auto", **variables)["base"]
        assert (base["revision"], base["commit"], base["variable"]) == (revision, commit, next(iter(variables)))
    text = qgate("scan", QGATE_BASE="auto", GITHUB_BASE_REF="main").stdout
    assert f"Compared with {commit[:10]}, where HEAD parted from origin/main from GITHUB_BASE_REF: " in text


def test_the_merge_that_github_checks_out_knows_its_base_without_the_branch(
    qgate, change, repository: Path, git: Git
) -> None:
    (repository / "app/database.py").write_text('database_password = "Autumn!2025-base"\n')
    change()
    git(repository, "checkout", "--quiet", "--detach", "main")
    git(repository, "merge", "--quiet", "--no-ff", "topic")
    merge = git(repository, "rev-parse", "HEAD").strip()
    variables = {"GITHUB_BASE_REF": "main", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": merge}
    assert new(report(qgate, "--base", "auto", **variables)) == [("hardcoded-secret", "app/database.py")]


def test_outside_a_pull_request_nothing_is_compared_and_that_is_told(qgate, change) -> None:
    result = qgate("scan", "--base", "auto", GITHUB_BASE_REF="", PRE_COMMIT_FROM_REF="")
    assert result.returncode == 1
    assert "Compared with nothing: no variable of a pull request is set" in result.stdout


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "main\n", ""])
def test_a_revision_that_is_none_is_told_in_one_line(qgate, change, revision: str) -> None:
    result = qgate("scan", "--base", revision)
    if revision:
        assert result.returncode == 2
        assert result.stderr.startswith("qgate: error: base: no revision ")
        assert result.stderr.count("\n") == 1
    else:
        assert result.returncode == 1


def test_a_folder_without_git_has_no_base(qgate) -> None:
    result = qgate("scan", "--base", "main", GIT_CEILING_DIRECTORIES="/")
    assert result.returncode == 2
    assert "error: base: git cannot look for 'main'" in result.stderr


def test_a_shallow_clone_says_what_to_fetch(qgate, change, repository: Path, git: Git, tmp_path: Path) -> None:
    (repository / "app/settings.py").write_text("")
    change()
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "clone")
    result = qgate("scan", "--base", "origin/main", cwd=tmp_path / "clone")
    assert result.returncode == 2
    assert "no revision 'origin/main' here: the clone is shallow; fetch its history" in result.stderr


def test_histories_with_nothing_in_common_have_no_base(qgate, change, repository: Path, git: Git) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "other")
    change()
    result = qgate("scan", "--base", "main")
    assert result.returncode == 2
    assert "HEAD and main have no commit in common" in result.stderr


def test_sarif_says_how_a_result_stands_to_the_base(qgate, change, repository: Path) -> None:
    (repository / "app/database.py").write_text('database_password = "Autumn!2025-base"\n')
    change()
    results = json.loads(qgate("scan", "--base", "main", "--format", "sarif").stdout)["runs"][0]["results"]
    assert {one["baselineState"] for one in results} == {"new", "unchanged"}
    plain = json.loads(qgate("scan", "--format", "sarif").stdout)["runs"][0]["results"]
    assert not any("baselineState" in one for one in plain)


def test_a_baseline_is_written_of_everything_whatever_the_base(qgate, change, repository: Path) -> None:
    (repository / "qgate.toml").write_text('base = "main"\n')
    assert qgate("baseline", "write").returncode == 0
    content = json.loads((repository / ".qgate/baseline.json").read_text())
    assert {"hardcoded-secret", "blocking-index-creation"} <= {one["check"] for one in content["findings"]}
