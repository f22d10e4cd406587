"""A file of evidence with a given content, and what is read of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qualitygate.evidence import read_evidence
from qualitygate.model.evidence import Measured, Measurement, Unusable

SAMPLES = Path(__file__).parent / "samples"


class Read:
    """What was read of one file of measurements."""

    def __init__(self, measured: Measured) -> None:
        self.origin = measured.origin
        self.notes = " | ".join(measured.notes)
        self.all = measured.measurements

    def of(self, metric: str, subject: str = "") -> Measurement:
        """The only measurement of this metric and subject."""
        found = [one for one in self.all if one.metric == metric and one.subject == subject]
        assert len(found) == 1, (metric, subject, [one.metric for one in self.all])
        return found[0]

    def value(self, metric: str, subject: str = "") -> float:
        """Its number."""
        value = self.of(metric, subject).value
        assert value is not None
        return value

    def bounds(self, metric: str, subject: str = "") -> tuple[float | None, float | None]:
        """What it lies between."""
        one = self.of(metric, subject)
        return one.low, one.high

    def has(self, metric: str) -> bool:
        """Whether anything is said of the metric."""
        return any(one.metric == metric for one in self.all)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes text, bytes or a JSON value into a file whose name says nothing."""

    def written(content: Any) -> Path:
        path = tmp_path / "evidence"
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return written


@pytest.fixture
def measured(write: Callable[[Any], Path]) -> Callable[..., Read]:
    """Reads content, or the sample of a name, as measurements."""

    def read(content: Any = None, *, sample: str = "", **options: str) -> Read:
        path = SAMPLES / sample if sample else write(content)
        (found,) = read_evidence(path, path.parent, **options)  # type: ignore[arg-type]
        assert isinstance(found, Measured), found
        return Read(found)

    return read


@pytest.fixture
def refused(write: Callable[[Any], Path]) -> Callable[..., str]:
    """Why content cannot be used."""

    def read(content: Any = None, *, path: Path | None = None, **options: Any) -> str:
        path = path or write(content)
        (found,) = read_evidence(path, path.parent, **options)
        assert isinstance(found, Unusable), found
        assert "\n" not in found.reason
        return found.reason

    return read
