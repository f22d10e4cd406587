"""``qgate report --architecture``: the page, where it goes, and what is told where it cannot be written."""

from __future__ import annotations

from pathlib import Path

SECRET = "Meadow!2031-post"


def test_the_page_goes_to_standard_output_with_links_from_the_scanned_folder(qgate) -> None:
    result = qgate("report", "--architecture")
    assert result.returncode == 0
    assert result.stdout.startswith("# Architecture of orders\n")
    assert "[`orders`](migrations/0001_orders.sql#L2)" in result.stdout
    assert "```mermaid\nerDiagram\n" in result.stdout
    assert SECRET not in result.stdout


def test_links_of_a_file_lead_from_its_folder(qgate, repository: Path) -> None:
    (repository / "docs").mkdir()
    result = qgate("report", "--architecture", "-o", "docs/architecture.md")
    assert (result.returncode, result.stdout) == (0, "")
    page = (repository / "docs" / "architecture.md").read_text("utf-8")
    assert "[`orders`](../migrations/0001_orders.sql#L2)" in page
    assert SECRET not in page
    # The page itself is no part of what it tells.
    assert qgate("report", "--architecture", "-o", "docs/architecture.md").returncode == 0
    assert (repository / "docs" / "architecture.md").read_text("utf-8") == page


def test_a_report_must_be_named_and_the_answer_says_how(qgate) -> None:
    result = qgate("report")
    assert result.returncode == 2
    assert "qgate report --architecture" in result.stderr
    assert "qgate scan -o" in result.stderr


def test_a_folder_that_is_not_there_is_told_before_the_scan(qgate) -> None:
    result = qgate("report", "--architecture", "-o", "nowhere/page.md")
    assert result.returncode == 2
    assert "nowhere/page.md: the folder does not exist" in result.stderr


def test_nothing_to_read_is_exit_code_three(qgate, repository: Path) -> None:
    (repository / "empty").mkdir()
    assert qgate("report", "--architecture", "empty").returncode == 3
