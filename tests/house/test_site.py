"""The documentation's site: it builds, every link in it leads somewhere, and every check and guide has its page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qualitygate.knowledge import GUIDE, STACK, pages
from qualitygate.load import load

ROOT = Path(__file__).parents[2]


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
    import re

    for path in site.rglob("*.html"):
        fetched = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="(?!data:)([^"]+)"', path.read_text())
        fetched += re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="([^"]+)"', path.read_text())
        assert [one for one in fetched if "://" in one or one.startswith("//")] == [], path
