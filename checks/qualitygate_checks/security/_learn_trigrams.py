"""In: directories of Python source. Out, on standard output: the module ``_trigrams.py``.

    python -m qualitygate_checks.security._learn_trigrams DIRECTORY... > _trigrams.py

The table that ships was learnt from the standard library of CPython 3.11 (identifiers and the words of its prose).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from qualitygate_checks.security._surprise import learn

_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]{2,30}")
_WIDTH = 112


def main(directories: list[str]) -> None:
    """Print the module."""
    words: set[str] = set()
    for directory in directories:
        for path in sorted(Path(directory).rglob("*.py")):
            words.update(_WORD.findall(path.read_text(encoding="utf-8", errors="ignore")))
    table = learn(words)
    print('"""How likely each letter follows two others in identifiers and prose; written by ``_learn_trigrams``."""')
    print("\n# The alphabet, the steps and their characters are those of ``_surprise``.")
    print("TABLE = (")
    for start in range(0, len(table), _WIDTH):
        print(f'    "{table[start : start + _WIDTH]}"')
    print(")")


if __name__ == "__main__":
    main(sys.argv[1:])
