"""In: a folder of a checkout and a commit that evidence speaks of. Out: what changed below the folder from there to HEAD."""

from __future__ import annotations

from pathlib import Path

from qualitygate.discover import git


def changed_since(directory: Path, revision: str) -> tuple[str, ...] | str:
    """The files below ``directory`` that differ between a commit and HEAD, or why that is not known, in one clause.

    Only for an ancestor of HEAD: what was measured of another branch says nothing of this one.
    """
    try:
        commit = git.commit(directory, revision)
        if commit is None:
            return f"it is of commit {revision[:10]}, which is not known here"
        if git.merge_base(directory, commit) != commit:
            return f"it is of commit {commit[:10]}, which HEAD does not descend from"
        return git.differing(directory, commit)
    except OSError as error:
        return f"it is of commit {revision[:10]}, and git cannot compare: {error}"


def head(directory: Path) -> str:
    """The commit that is checked out in ``directory``; empty where there is none or no git."""
    try:
        return git.commit(directory, "HEAD") or ""
    except OSError:
        return ""
