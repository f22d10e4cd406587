"""A file check that names words looks at no file without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qualitygate.authoring import Check, Confidence, Domain, Hit, ParsedFile, Place, Severity
from qualitygate.extract import extract
from qualitygate.model.source import Language, Role, SourceFile, Span


def flags_everything(file: ParsedFile) -> list[Hit]:
    return [Hit(Place(file.path, Span(1, 1, 1, 2)), "here", "file")]


CHECK = Check(
    id="flags-everything",
    domain=Domain.SECURITY,
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    do="",
    dont="",
    doc="Everything.",
    run=flags_everything,
    bad=(),
    good=(),
    reads=frozenset({Language.PYTHON}),
    words=frozenset({"except", "suppress"}),
)


@pytest.mark.parametrize(
    ("content", "looked_at"),
    [(b"try: f()\nexcept E: pass\n", True), (b"with suppress(E): f()\n", True), (b"f()\n", False), (b"", False)],
)
def test_a_file_without_the_words_of_a_check_is_not_looked_at(content: bytes, looked_at: bool) -> None:
    file = SourceFile(Path("/project"), "app/main.py", Language.PYTHON, Role.APPLICATION, content)
    facts = extract(file, [CHECK], {}, lambda path: None)
    assert [run.examined for run in facts.runs] == ([1] if looked_at else [])
