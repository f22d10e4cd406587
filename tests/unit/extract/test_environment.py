"""Which environment variables files set."""

from __future__ import annotations

from pathlib import Path

import pytest

from qualitygate.extract.environment import find_variables
from qualitygate.model.source import Language, Role, SourceFile, Text


def variables(text: str, language: Language) -> list[tuple[str, str, int, int]]:
    """Name, value, line and column of each variable."""
    file = SourceFile(Path(), "file", language, Role.APPLICATION)
    found = find_variables(file, Text.of(text))
    return [(one.key, one.value, one.span.line, one.span.column) for one in found]


def test_a_file_of_variables_is_read_with_quotes_and_comments() -> None:
    text = "# first\nexport A=1\nB = \"two words\" # why\nC='x'  \nnone\nD=\n"
    assert variables(text, Language.ENV) == [
        ("A", "1", 2, 8),
        ("B", "two words", 3, 1),
        ("C", "x", 4, 1),
        ("D", "", 6, 1),
    ]


def test_a_container_file_sets_several_on_several_lines() -> None:
    text = 'FROM x\nENV A=1 B="2 3" \\\n    C=4\nENV D five\nRUN E=6 make\n'
    assert variables(text, Language.DOCKERFILE) == [
        ("A", "1", 2, 5),
        ("B", "2 3", 2, 9),
        ("C", "4", 3, 5),
        ("D", "five", 4, 5),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("services:\n  web:\n    environment:\n      A: 1\n      - B=2\n    image: x\n", [("A", "1"), ("B", "2")]),
        ("services:\n  web:\n    environment:\n    - A=http://b:80/c\n    ports: []\n", [("A", "http://b:80/c")]),
        ('env:\n  - name: A\n    value: "1"\n  - name: B\n    valueFrom: x\n', [("A", "1")]),
        ("A: 1\nimage: x\n", []),
        ("openapi: 3.0.0\npaths: {}\n", []),
    ],
)
def test_the_yaml_of_containers_sets_what_stands_below_environment(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(name, value) for name, value, *_ in variables(text, Language.YAML)] == expected


def test_code_sets_none() -> None:
    assert variables("A=1\n", Language.PYTHON) == []
