"""The worked example of CONTRIBUTING.md is a check that runs, and the paths that the page names exist."""

import re
import runpy
from pathlib import Path

from qualitygate.authoring import Check
from qualitygate.testing import flagged_by

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_worked_example_flags_exactly_its_marked_lines(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module = tmp_path / "missing_primary_key.py"
    module.write_text(code, encoding="utf-8")
    check = runpy.run_path(str(module))["CHECK"]
    assert isinstance(check, Check)
    assert [flagged_by(check, example) == example.flagged for example in (*check.bad, *check.good)] == [True, True]
    assert any(example.flagged for example in check.bad)


def test_every_path_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`((?:qualitygate|checks|fixtures|tests)/[\w/.-]+)`", PAGE))
    assert len(named) >= 8
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
