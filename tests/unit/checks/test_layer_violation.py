"""Layers that the configuration of the check itself declares."""

from __future__ import annotations

from pathlib import Path

from qualitygate_checks.architecture.layer_violation import CHECK, Options

from qualitygate.analyse import analyse
from qualitygate.model.source import Language, Role, SourceFile

FILES = {
    "app/__init__.py": "",
    "app/api.py": "from app import domain\n",
    "app/domain.py": "import sqlalchemy.orm\n\n\ndef price():\n    from app.api import rate\n",
}


def messages(options: Options) -> list[str]:
    files = [
        SourceFile(Path("/example"), path, Language.PYTHON, Role.APPLICATION, text.encode())
        for path, text in FILES.items()
    ]
    project = analyse(files, [CHECK], {})
    return [hit.message for hit in CHECK.hits(project, options)]


def test_a_layer_must_not_import_one_above_it() -> None:
    assert messages(Options(layers=("app.api", "app.domain"))) == ["app.domain imports app.api"]
    assert messages(Options(layers=("app.domain", "app.api"))) == ["app.api imports app.domain"]


def test_a_library_can_be_forbidden() -> None:
    assert messages(Options(forbidden=("app.domain -> sqlalchemy",))) == ["app.domain imports sqlalchemy"]
    assert messages(Options(forbidden=("app.domain -> redis",))) == []


def test_without_a_rule_nothing_is_said() -> None:
    assert messages(Options()) == []
