"""Rules on imports in the files of import-linter and tach."""

from __future__ import annotations

from pathlib import Path

from qualitygate.extract.import_rules import find_import_rules
from qualitygate.model.source import Language, Role, SourceFile, Text


def rules(path: str, text: str) -> dict[str, tuple[str, int]]:
    file = SourceFile(Path("/example"), path, Language.TEXT, Role.APPLICATION, text.encode())
    return {setting.key: (setting.value, setting.span.line) for setting in find_import_rules(file, Text.of(text))}


def test_sections_and_their_continued_lines_become_lists() -> None:
    text = "[importlinter]\nroot_package = shop\n\n[importlinter:contract:a]\ntype = layers\nlayers =\n    api\n    # no\n    db\n"
    assert rules(".importlinter", text) == {
        "importlinter.root_package": ("shop", 2),
        "importlinter.contracts.0.type": ("layers", 5),
        "importlinter.contracts.0.layers.0": ("api", 7),
        "importlinter.contracts.0.layers.1": ("db", 9),
    }


def test_of_a_project_file_only_the_rules_are_read() -> None:
    text = '[project]\nname = "shop"\n[tool.importlinter]\nroot_package = "shop"\n[tool.tach]\nlayers = ["a", "b"]\n'
    assert rules("pyproject.toml", text) == {
        "importlinter.root_package": ("shop", 4),
        "tach.layers.0": ("a", 6),
        "tach.layers.1": ("b", 6),
    }


def test_an_empty_list_is_told() -> None:
    assert rules("tach.toml", '[[modules]]\npath = "a"\ndepends_on = []\n') == {
        "tach.modules.0.path": ("a", 2),
        "tach.modules.0.depends_on": ("[]", 3),
    }


def test_other_sections_and_broken_files_hold_no_rules() -> None:
    assert rules("setup.cfg", "[metadata]\nname = importlinter\n") == {}
    assert rules("tach.toml", "[[modules]\n") == {}
    assert rules("other.toml", "[tool.importlinter]\nroot_package = 'x'\n") == {}
