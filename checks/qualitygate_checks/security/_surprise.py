"""In: a string. Out: how unlike written language and identifiers it is, in bits per character.

Character trigrams tell a random key from a name far better than entropy does: `get_current_user` and `xK9fQ2mZpL7v`
have nearly the same entropy, but only one of them is made of letters in an order that people write.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from qualitygate_checks.security._trigrams import TABLE

ALPHABET = "abcdefghijklmnopqrstuvwxyz0_"
"""What a string is folded to before it is judged: letters, one class for digits, one for everything else."""

STEP = 0.25
"""Bits per step of the table."""

_SIZE = len(ALPHABET)
_FIRST = 35  # the printable character that stands for zero steps; quotes and backslashes stay out of the table
_SKIPPED = 92  # the backslash
_LAST = 125
_INDEX = {character: number for number, character in enumerate(ALPHABET)}
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def folded(value: str) -> str:
    """The string over :data:`ALPHABET`, its parts (camelCase humps too) set apart, with boundaries at both ends."""
    parts = _HUMP.sub("_", value).lower()
    letters = "".join("0" if c.isdecimal() else c if c in _INDEX else "_" for c in parts)
    return "__" + re.sub("_+", "_", letters).strip("_") + "_"


def surprise(value: str) -> float:
    """Bits per character of ``value`` under the trigram table: about 3 for words, 5 and more for random text."""
    text = folded(value)
    total = 0.0
    first, second = _INDEX["_"], _INDEX["_"]
    for character in text[2:]:
        third = _INDEX[character]
        total += _BITS[TABLE[(first * _SIZE + second) * _SIZE + third]]
        first, second = second, third
    return total / (len(text) - 2)


def entropy(value: str) -> float:
    """Shannon entropy of the characters of ``value``, in bits per character; 0 for an empty string."""
    length = len(value)
    return -sum(n / length * math.log2(n / length) for n in Counter(value).values()) if length else 0.0


def learn(words: Iterable[str]) -> str:
    """The table for a set of words and identifiers, each counted once: steps of :data:`STEP` bits, one character each.

    Add-one smoothing over the alphabet, so that no trigram is impossible.
    """
    counts: Counter[str] = Counter()
    for word in set(words):
        text = folded(word)
        counts.update(text[place : place + 3] for place in range(len(text) - 2))
    rows = []
    for first in ALPHABET:
        for second in ALPHABET:
            total = sum(counts[first + second + third] for third in ALPHABET) + _SIZE
            for third in ALPHABET:
                bits = -math.log2((counts[first + second + third] + 1) / total)
                rows.append(_character(round(bits / STEP)))
    return "".join(rows)


def _character(steps: int) -> str:
    code = min(_FIRST + steps, _LAST)
    return chr(code + 1 if code >= _SKIPPED else code)


def _bits(character: str) -> float:
    code = ord(character)
    return ((code - 1 if code > _SKIPPED else code) - _FIRST) * STEP


_BITS = {character: _bits(character) for character in set(TABLE)}
