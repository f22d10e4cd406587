"""In: patterns as in a .gitignore. Out: a predicate on paths."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence

# A pattern becomes a regular expression, in which many stars backtrack for ever on a name that is made for it.
_MOST_STARS = 4


def is_sound(pattern: str) -> bool:
    """Whether a line is a pattern at all, and one that takes no endless time."""
    parts = pattern.split("/")
    if max(sum(part.count("*") for part in parts if part != "**"), parts.count("**")) > _MOST_STARS:
        return False
    from pathspec import GitIgnoreSpec

    try:
        with warnings.catch_warnings():
            # of what a set of characters may mean one day
            warnings.simplefilter("ignore")
            GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error):
        return False
    return True


def matcher(patterns: Sequence[str], way: str = "") -> Callable[[str], bool]:
    """Whether a path (with forward slashes) is named by ``patterns``; ``way`` leads from their folder to the path's."""
    if not patterns:
        return lambda _: False
    # Imported here: a run without patterns need not wait for it.
    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        specification = GitIgnoreSpec.from_lines(patterns)
    return lambda path: specification.match_file(way + path)
