"""``qgate scan --history``: secrets in earlier commits, each once, with the commit that brought it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

# Put together here, so that no scanner takes them for live ones.
GONE = "9e9b6b06d7f3022bb3ad" + "c15131a35d899163b3f7"
STANDING = "77c1e0b2a94d3f8856aa" + "0b9cd41e62f7a3b85d90"


class Checkout:
    """A repository that is committed to, a day further each time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.day = 0
        root.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        when = f"2024-03-{self.day + 1:02d}T12:00:00+0000"
        named = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a.example", "GIT_COMMITTER_NAME": "a"}
        variables = {**os.environ, **named, "GIT_COMMITTER_EMAIL": "a@a.example"}
        variables |= {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "GIT_CONFIG_GLOBAL": os.devnull}
        ran = subprocess.run(
            ["git", *arguments], cwd=self.root, env=variables, capture_output=True, encoding="utf-8", check=True
        )
        return ran.stdout.strip()

    def commit(self, files: dict[str, str | None]) -> str:
        self.day += 1
        for path, content in files.items():
            target = self.root / path
            if content is None:
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "work")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "shop")


def scanned(qgate, checkout: Checkout, *arguments: str) -> list[dict[str, object]]:
    result = qgate("scan", "--select", "hardcoded-secret", "--format", "json", *arguments, cwd=checkout.root)
    assert result.stderr == ""
    assert GONE not in result.stdout
    assert STANDING not in result.stdout
    return json.loads(result.stdout)["findings"]


def test_a_secret_that_was_removed_is_told_with_its_commit(qgate, checkout: Checkout) -> None:
    checkout.commit({"app/main.py": "x = 1\n"})
    first = checkout.commit({"app/settings.py": f'import os\n\nSIGNING_KEY = "{GONE}"\n'})
    checkout.commit({"app/settings.py": f'import os\n\nDEBUG = 1\nSIGNING_KEY = "{GONE}"\n'})
    checkout.commit({"app/settings.py": 'import os\n\nSIGNING_KEY = os.environ["SIGNING_KEY"]\n'})
    assert scanned(qgate, checkout) == []
    (one,) = scanned(qgate, checkout, "--history")
    assert one["path"] == f"{first[:10]}:app/settings.py"
    assert one["line"] == 3
    assert "2024-03-03" in str(one["message"])
    assert "it is gone from there" in str(one["why"])


def test_a_secret_that_still_stands_is_told_once_with_its_first_commit(qgate, checkout: Checkout) -> None:
    first = checkout.commit({"old.env": f"API_TOKEN={STANDING}\n"})
    checkout.commit({"old.env": None, "deploy/new.env": f"# moved\nAPI_TOKEN={STANDING}\n"})
    (one,) = scanned(qgate, checkout, "--history")
    assert one["path"] == "deploy/new.env"
    assert f"in the history since commit {first[:10]} of 2024-03-02" in str(one["why"])


def test_a_range_is_searched_alone(qgate, checkout: Checkout) -> None:
    start = checkout.commit({"a.env": f"API_TOKEN={GONE}\n"})
    checkout.commit({"a.env": "API_TOKEN=${API_TOKEN}\n"})
    checkout.commit({"b.env": "PORT=80\n"})
    assert scanned(qgate, checkout, f"--history={start}..") == []
    assert len(scanned(qgate, checkout, f"--history={start}")) == 1


def test_what_a_merge_brings_by_itself_is_seen(qgate, checkout: Checkout) -> None:
    checkout.commit({"a.env": "PORT=80\n"})
    checkout.git("switch", "-q", "-c", "side")
    checkout.commit({"b.env": "PORT=81\n"})
    checkout.git("switch", "-q", "main")
    checkout.commit({"c.env": "PORT=82\n"})
    checkout.git("merge", "-q", "--no-ff", "--no-commit", "side")
    checkout.commit({"a.env": f"API_TOKEN={GONE}\n"})
    checkout.commit({"a.env": "PORT=83\n"})
    assert len(scanned(qgate, checkout, "--history")) == 1


def test_a_past_secret_can_be_accepted_in_the_baseline(qgate, checkout: Checkout) -> None:
    checkout.commit({"app/settings.py": f'SIGNING_KEY = "{GONE}"\n'})
    checkout.commit({"app/settings.py": "SIGNING_KEY = None\n"})
    fingerprint = scanned(qgate, checkout, "--history")[0]["fingerprint"]
    entry = {"fingerprint": fingerprint, "check": "hardcoded-secret", "path": f"{0:010d}:app/settings.py"}
    known = {"version": 1, "findings": [{**entry, "subject": "SIGNING_KEY", "message": "revoked"}]}
    (checkout.root / ".qgate").mkdir()
    (checkout.root / ".qgate/baseline.json").write_text(json.dumps(known))
    (one,) = scanned(qgate, checkout, "--history")
    assert one["status"] == "baselined"
    # without the history nobody looked: the entry is not stale
    assert "stale" not in qgate("scan", cwd=checkout.root).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--history=nowhere..",), "nowhere"),
        (("--history", "."), "is a path"),
        (("--history", "--base", "HEAD"), "exclude each other"),
    ],
)
def test_what_cannot_be_searched_is_one_clear_line(
    qgate, checkout: Checkout, arguments: tuple[str, ...], told: str
) -> None:
    checkout.commit({"app/main.py": "x = 1\n"})
    result = qgate("scan", *arguments, cwd=checkout.root)
    assert result.returncode == 2
    assert told in result.stderr.splitlines()[0]
    assert result.stdout == ""


def test_a_folder_without_git_has_no_history(qgate, repository: Path) -> None:
    result = qgate("scan", "--history")
    assert result.returncode == 2
    assert result.stderr.startswith("qgate: error: history: ")
