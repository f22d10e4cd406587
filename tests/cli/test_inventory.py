"""``qgate inventory``: what is there, without a judgement."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from jsonschema import Draft202012Validator


def test_json_has_the_published_form_with_every_part(qgate, repository: Path) -> None:
    result = qgate("inventory", "--format", "json")
    assert result.returncode == 0
    document = json.loads(result.stdout)
    schema = json.loads((files("qualitygate") / "schemas" / "inventory-1.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
    assert document["root"] == repository.as_posix()
    assert [(one["method"], one["path"], one["line"]) for one in document["operations"]] == [
        ("GET", "/orders", 6),
        ("POST", "/orders", 9),
    ]
    (_, orders) = document["tables"]
    assert orders["name"] == "orders"
    assert orders["primary_key"] == ["id"]
    assert orders["foreign_keys"] == [
        {"columns": ["customer_id"], "references_table": "customers", "references_columns": ["id"]}
    ]
    assert orders["indexes"][-1] == {"name": "orders_created_at", "columns": ["created_at"], "unique": False}
    assert orders["columns"][1] == {"name": "created_at", "type": "timestamptz", "nullable": False, "default": None}
    assert orders["defined_at"] == {"file": "migrations/0001_orders.sql", "line": 2}
    assert document["connections"] == []


def test_text_lists_what_is_there_and_what_is_not(qgate) -> None:
    shown = qgate("inventory").stdout
    assert "Operations of contracts  2\n" in shown
    assert "GET   /orders" in shown
    assert "customer_id -> customers(id)" in shown
    assert (
        "None found: routes, connections, outbound calls, tasks, queues and topics, caches, built and run, decision records, shapes of errors\n"
        in shown
    )


def test_nothing_to_read_is_exit_code_three(qgate, repository: Path) -> None:
    (repository / "empty").mkdir()
    assert qgate("inventory", "empty").returncode == 3
    assert qgate("inventory", "missing").returncode == 2
