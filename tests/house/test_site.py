"""The documentation's site: it builds, every link in it leads somewhere, and every check and guide has its page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from qualitygate.knowledge import GUIDE, STACK, pages
from qualitygate.load import load

ROOT = Path(__file__).parents[2]
BLOCKS = [
    (path.name, block)
    for path in sorted((ROOT / "docs").glob("*.md"))
    for block in re.findall(r"```toml\n(\[.*?)```", path.read_text(), re.DOTALL)
    if "[[attestation]]" not in block
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    # Strict: a link or an anchor that leads nowhere is an error.
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return target


def test_every_check_and_every_guide_has_a_page(site: Path) -> None:
    known = pages(load())
    assert len(known) > 100
    for page in known:
        where = {GUIDE: f"guides/{page.id}", STACK: f"guides/stacks/{page.stack}"}.get(page.kind, f"checks/{page.id}")
        text = (site / where / "index.html").read_text()
        assert f">{page.title}" in text or page.kind == "check", page.id


def test_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        fetched = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="(?!data:)([^"]+)"', path.read_text())
        fetched += re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="([^"]+)"', path.read_text())
        assert [one for one in fetched if "://" in one or one.startswith("//")] == [], path


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_every_configuration_that_a_page_shows_is_valid(page: str, block: str, tmp_path: Path) -> None:
    # What applies `when` needs the variable, which the page sets elsewhere.
    profile = "" if "[profile]" in block or "when" not in block else '[profile]\napi_style = "rest"\n'
    (tmp_path / "qgate.toml").write_text(profile + block.replace("[[tool.qgate.", "[[").replace("[tool.qgate.", "["))
    result = subprocess.run(
        [sys.executable, "-m", "qualitygate", "config", "verify"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, ""), page
