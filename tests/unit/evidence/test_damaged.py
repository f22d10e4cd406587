"""Files of evidence with damage of every kind: each is read soundly or refused in a line, and nothing else happens."""

from __future__ import annotations

import gzip
import math
import random
import re
from pathlib import Path

import pytest

from qualitygate.evidence import read_evidence
from qualitygate.model.evidence import Measured, Unusable

SAMPLES = Path(__file__).parent / "samples"
CASES = 40
WORDS = [
    *b'null|-1|0|1e400|NaN|"x"|[]|{}|-0.0|1e-320|true|""|"|,|;|\n|\t|{|}|[|<|&a;|<!DOCTYPE x>|0.1|%|1e308'.split(b"|"),
    b"9" * 400,
    b"\x00",
    b"\xff\xfe",
]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """``content`` with one to three changes: bytes, lines and numbers replaced, doubled, added or cut off."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        place = chance.randrange(len(content) or 1)
        before, after = content[:place], content[place:]
        kind = chance.randrange(6)
        if kind == 0:
            content = before
        elif kind == 1:
            content = before + after[chance.choice((1, 5, 200)) :]
        elif kind == 2:
            content = before + chance.choice(WORDS) + after
        elif kind == 3:
            start = chance.randrange(len(content) or 1)
            content = before + content[start : start + chance.choice((1, 30, 800))] + after
        else:
            numbers = list(re.finditer(rb"\d+(?:\.\d+)?|\"[^\"\n]{0,40}\"", content))
            if numbers:
                chosen = chance.choice(numbers)
                other = chance.choice([*WORDS, str(chance.randrange(10**9)).encode(), chance.choice(numbers).group()])
                content = content[: chosen.start()] + other + content[chosen.end() :]
    return content


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_whatever_the_damage_the_file_is_read_soundly_or_refused(sample: Path, tmp_path: Path) -> None:
    chance = random.Random(sample.name)
    content = sample.read_bytes()
    content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    content = b"".join(content.splitlines(keepends=True)[:400])
    path = tmp_path / "evidence"
    for number in range(CASES):
        path.write_bytes(damaged(content, chance))
        options = {"metric": "http.latency.p95", "unit": "s"} if number % 2 else {}
        for found in read_evidence(path, tmp_path, **options):  # type: ignore[arg-type]
            if isinstance(found, Unusable):
                assert found.reason
                assert "\n" not in found.reason
                assert len(found.reason) < 400
            if isinstance(found, Measured):
                for one in found.measurements:
                    known = [value for value in (one.low, one.value, one.high) if value is not None]
                    assert all(math.isfinite(value) and value >= 0 for value in known), one
                    assert known == sorted(known), one
                    assert one.metric != "http.error_rate" or known[-1] <= 1, one
