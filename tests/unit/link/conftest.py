"""Reads small programs through the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from qualitygate.analyse import analyse
from qualitygate.discover import Layout, language_of
from qualitygate.model.project import Project
from qualitygate.model.source import SourceFile

Read = Callable[[Mapping[str, str]], Project]


@pytest.fixture
def project() -> Read:
    """Reads a program (text by path, without its common indentation) and gives the linked project."""

    def read(files: Mapping[str, str]) -> Project:
        contents = {path: dedent(text).lstrip("\n").encode() for path, text in sorted(files.items())}
        layout = Layout.of(contents)
        sources = [
            SourceFile(Path("/project"), path, language_of(path, content), layout.role(path), content)
            for path, content in contents.items()
        ]
        return analyse(sources, [], {})

    return read
