"""The baseline may only shrink."""

from __future__ import annotations

import json
import re
from pathlib import Path


def entries(repository: Path) -> set[str]:
    content = json.loads((repository / ".qgate/baseline.json").read_text())
    return {entry["check"] for entry in content["findings"]}


def test_a_baseline_holds_the_findings_and_neither_lines_nor_secrets(qgate, repository: Path) -> None:
    result = qgate("baseline", "write")
    assert result.returncode == 0
    assert re.fullmatch(r"\d+ known findings written to \.qgate/baseline\.json\n", result.stdout)
    content = (repository / ".qgate/baseline.json").read_text()
    assert '"line"' not in content
    assert "Meadow" not in content
    assert "hardcoded-secret" in entries(repository)


def test_a_baseline_survives_edits_above_a_finding(qgate, repository: Path) -> None:
    qgate("baseline", "write")
    settings = repository / "app/settings.py"
    settings.write_text("# mail\n\n" + settings.read_text())
    assert qgate("scan").returncode == 0


def test_a_new_finding_is_not_hidden(qgate, repository: Path) -> None:
    qgate("baseline", "write")
    (repository / "app/database.py").write_text('database_password = "Autumn!2025-base"\n')
    result = qgate("scan")
    assert result.returncode == 1
    assert "app/database.py:1:" in result.stdout


def test_a_baseline_that_is_there_is_not_replaced(qgate, repository: Path) -> None:
    qgate("baseline", "write")
    before = (repository / ".qgate/baseline.json").read_bytes()
    (repository / "app/database.py").write_text('database_password = "Autumn!2025-base"\n')
    result = qgate("baseline", "write")
    assert result.returncode == 2
    assert ".qgate/baseline.json exists" in result.stderr
    assert (repository / ".qgate/baseline.json").read_bytes() == before
    assert qgate("baseline", "write", "--force").returncode == 0
    assert qgate("scan").returncode == 0


def test_an_update_drops_what_is_gone_and_adds_nothing(qgate, repository: Path) -> None:
    qgate("baseline", "write")
    (repository / "app/settings.py").write_text("")
    (repository / "app/database.py").write_text('database_password = "Autumn!2025-base"\n')
    result = qgate("baseline", "check")
    assert result.returncode == 1
    assert "gone: hardcoded-secret app/settings.py: " in result.stdout
    assert re.search(r"\.qgate/baseline\.json: \d+ known, 1 gone, 1 not in the baseline\n", result.stdout)
    result = qgate("baseline", "update")
    assert result.returncode == 0
    assert ".qgate/baseline.json: 1 dropped\n" in result.stdout
    assert "hardcoded-secret" not in entries(repository)
    assert qgate("baseline", "check").returncode == 0


def test_a_baseline_elsewhere_is_named(qgate, repository: Path) -> None:
    assert qgate("baseline", "write", "--baseline", "known.json").returncode == 0
    assert qgate("scan").returncode == 1
    assert qgate("scan", "--baseline", "known.json").returncode == 0
    (repository / "qgate.toml").write_text('baseline = "known.json"\n')
    assert qgate("scan").returncode == 0


def test_a_configuration_cannot_have_a_baseline_written_outside_its_folder(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text('baseline = "../precious.json"\n')
    result = qgate("baseline", "write", "--force")
    assert result.returncode == 2
    assert "qgate.toml:1: baseline must be a path below" in result.stderr
    assert not (repository.parent / "precious.json").exists()


def test_what_is_not_there_is_not_checked(qgate) -> None:
    for name in ("check", "update"):
        result = qgate("baseline", name)
        assert result.returncode == 2
        assert "`qgate baseline write` makes it" in result.stderr
