"""Where the words of credentials stand in a text, told for one stretch of it after another."""

from __future__ import annotations

import random

import pytest
from qualitygate_checks.security._bindings import Keywords, has_keyword

TEXT = 'API_TOKEN = "x"\ndef total(rows):\n    return sum(rows)\nuser_PassWord = passwd = 1\n# credentials\n' * 3


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("total", "\u0130total")], ids=["plain", "a letter that grows"])
def test_each_stretch_is_told_as_if_it_stood_alone(text: str) -> None:
    keywords = Keywords(text)
    chance = random.Random(4)
    starts = [0, *(place + 1 for place, letter in enumerate(text) if letter == "\n")]
    for _ in range(300):
        start, end = sorted(chance.choices(starts, k=2))
        assert keywords.within(start, end) == has_keyword(text[start:end])


@pytest.mark.parametrize("text", ["", "def total(rows):\n    return sum(rows)\n", "\u0130"])
def test_a_text_without_one_is_empty_of_them(text: str) -> None:
    assert not Keywords(text)
    assert Keywords(text + "token")
