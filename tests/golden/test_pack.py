"""The pack of a third party: built, installed beside qgate into a fresh environment, found there and run."""

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

PACK = Path(__file__).parents[2] / "fixtures" / "pack"

MAIN = """from fastapi import FastAPI

from app import lines

app = FastAPI()
app.include_router(lines.router, prefix="/v1/shops/{shop_id}")
"""
LINES = """from fastapi import APIRouter

router = APIRouter(prefix="/orders/{order_id}/lines")


@router.get("/{line_id}")
def read_line(shop_id: int, order_id: int, line_id: int):
    breakpoint()
    return {"id": line_id}
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A function that runs a module in an environment of its own, where the pack is installed."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home / "venv", with_pip=True, symlinks=os.name != "nt")
    python = home / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    # qgate and its dependencies come from the environment that runs this test, as they are installed there.
    (site / "parent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    source = shutil.copytree(PACK, home / "pack", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-deps", source],
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )

    def run(*arguments: str, cwd: Path = home) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([python, "-m", *arguments], capture_output=True, text=True, cwd=cwd, check=False)

    return run


def test_its_checks_stand_beside_those_of_qgate(environment: Run) -> None:
    listed = environment("qualitygate", "rules", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    for name in ("deeply-nested-route", "leftover-breakpoint", "hardcoded-secret"):
        assert f'"{name}"' in listed.stdout
    explained = environment("qualitygate", "rule", "leftover-breakpoint")
    assert explained.returncode == 0, explained.stderr
    assert "waits for a terminal that nobody has" in explained.stdout


def test_its_project_check_and_its_file_check_find_their_faults(environment: Run, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(MAIN)
    (tmp_path / "app" / "lines.py").write_text(LINES)
    scanned = environment("qualitygate", "scan", "--format", "json", "--no-cache", ".", cwd=tmp_path)
    assert scanned.returncode == 1, scanned.stderr
    found = {(item["check"], item["path"], item["line"]) for item in json.loads(scanned.stdout)["findings"]}
    assert {
        ("deeply-nested-route", "app/lines.py", 6),
        ("leftover-breakpoint", "app/lines.py", 8),
    } <= found


def test_an_option_of_its_check_is_set_in_the_configuration(environment: Run, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(MAIN)
    (tmp_path / "app" / "lines.py").write_text(LINES)
    (tmp_path / "qgate.toml").write_text("[checks.deeply-nested-route]\nparameters = 3\n")
    arguments = ("scan", "--format", "json", "--no-cache", "--select", "deeply-nested-route", ".")
    scanned = environment("qualitygate", *arguments, cwd=tmp_path)
    assert scanned.returncode == 0, scanned.stderr
    assert json.loads(scanned.stdout)["findings"] == []


def test_its_own_tests_pass(environment: Run) -> None:
    tested = environment("pytest", "-q", "-p", "no:cacheprovider", "pack/tests")
    assert tested.returncode == 0, tested.stdout
    assert "4 passed" in tested.stdout
