"""In: patterns as in a .gitignore. Out: a predicate on paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def matcher(patterns: Sequence[str], way: str = "") -> Callable[[str], bool]:
    """Whether a path (with forward slashes) is named by ``patterns``; ``way`` leads from their folder to the path's."""
    if not patterns:
        return lambda _: False
    # Imported here: a run without patterns need not wait for it.
    from pathspec import GitIgnoreSpec

    specification = GitIgnoreSpec.from_lines(patterns)
    return lambda path: specification.match_file(way + path)
