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


def titles(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if line.startswith("Flagged")]


def test_examples_of_the_framework_around_come_first(qgate, checkout) -> None:
    for framework, code in (
        ("Flask", "from flask import Flask, request\n"),
        ("Django REST framework", "from rest_framework import viewsets\nimport django\n"),
        ("FastAPI", "import fastapi\nfrom pydantic import BaseModel\n"),
    ):
        root = checkout({f"shop/{name}.py": code for name in ("api", "views", "models")}, framework)
        shown = titles(qgate("rule", "missing-pagination", cwd=root).stdout)
        assert shown[0].startswith(f"Flagged: {framework}:")
        assert len(shown) == len({check.id: check for check in load().checks}["missing-pagination"].bad)


def test_examples_of_a_framework_can_be_asked_for(qgate) -> None:
    shown = qgate("rule", "missing-pagination", "--framework", "Flask").stdout
    assert titles(shown)[0].startswith("Flagged: Flask:")
    result = qgate("rule", "missing-pagination", "--framework", "flsk")
    assert result.returncode == 2
    assert "no example of missing-pagination uses 'flsk'; did you mean 'flask'?; they use django," in result.stderr


def test_json_keeps_the_order_of_the_examples(qgate, checkout) -> None:
    root = checkout({"shop/api.py": "import flask\n"})
    arguments = ("rule", "missing-pagination", "--format", "json")
    assert qgate(*arguments, cwd=root).stdout == qgate(*arguments).stdout
