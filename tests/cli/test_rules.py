"""The documentation of the checks, offline."""

from __future__ import annotations

import json

from qualitygate.load import load


def test_every_installed_check_is_listed(qgate) -> None:
    result = qgate("rules")
    assert result.returncode == 0
    for check in load().checks:
        assert f"  {check.id} " in result.stdout


def test_the_list_as_json_holds_the_whole_documentation(qgate) -> None:
    rules = {rule["id"]: rule for rule in json.loads(qgate("rules", "--format", "json").stdout)["rules"]}
    assert set(rules) == {check.id for check in load().checks}
    for check in load().checks:
        rule = rules[check.id]
        assert rule["title"] == check.title
        assert all(rule[part] for part in ("flags", "why", "mend", "cannot_see", "do", "dont"))
        assert len(rule["examples"]["bad"]) == len(check.bad)


def test_a_check_is_shown_whole(qgate) -> None:
    shown = qgate("rule", "hardcoded-secret").stdout
    check = {check.id: check for check in load().checks}["hardcoded-secret"]
    for part in ("What it flags", "Why", "How to mend", "What it cannot see", check.do, check.dont, *check.tags):
        assert part in shown
    assert shown.count("\nFlagged") == len(check.bad)
    assert shown.count("\nNot flagged") == len(check.good)
    assert all(len(line) <= 100 for line in shown.split("\nFlagged")[0].splitlines())


def test_guilty_lines_of_an_example_are_marked_and_their_comments_gone(qgate) -> None:
    shown = qgate("rule", "hardcoded-secret").stdout
    assert "<- flagged" not in shown
    assert "\n  > " in shown


def test_a_check_as_markdown_and_json(qgate) -> None:
    assert qgate("rule", "missing-pagination", "--format", "markdown").stdout.startswith("# missing-pagination\n")
    assert json.loads(qgate("rule", "missing-pagination", "--format", "json").stdout)["id"] == "missing-pagination"


def test_an_unknown_check_is_wrong_usage_with_a_hint(qgate) -> None:
    result = qgate("rule", "missing_pagination")
    assert result.returncode == 2
    assert result.stderr == "qgate: error: unknown check 'missing_pagination'; did you mean 'missing-pagination'?\n"
    assert "`qgate rules` lists them" in qgate("rule", "zzzz").stderr
