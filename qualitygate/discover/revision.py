"""In: the revision to compare with, as the user names it or as a pull request's variables do. Out: the base's commit, its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from qualitygate.discover import InputError, git
from qualitygate.model.verdict import Base

AUTO = "auto"
# Lock files grow large.
LARGEST = 20_000_000
_DEEPEN = "actions/checkout: `fetch-depth: 0`; GitLab: `GIT_DEPTH: 0`; else `git fetch --unshallow`"


def find_base(root: Path, wanted: str, environ: Mapping[str, str]) -> Base | None:
    """The commit at which HEAD and the ``wanted`` revision parted, in the repository of ``root``.

    `auto` takes the revision from the variables of a pull request in ``environ``; None where there are none. Raises
    :class:`InputError` with one clear line where there is no such commit here.
    """
    named = _pull_request(environ) if wanted == AUTO else ("", (wanted,))
    if named is None:
        return None
    variable, candidates = named
    source = f" (from {variable})" if variable else ""
    try:
        for revision in candidates:
            commit = git.commit(root, revision)
            if commit is not None:
                break
        else:
            raise InputError(f"base: no revision {candidates[0]!r}{source} here{_shallow(root)}")
        base = git.merge_base(root, commit)
        if base is None:
            raise InputError(f"base: HEAD and {revision}{source} have no commit in common{_shallow(root)}")
    except OSError as error:
        raise InputError(f"base: git cannot look for {candidates[0]!r} in {root}: {error}") from None
    return Base(revision, base, variable)


def contents(root: Path, commit: str, paths: Collection[str]) -> dict[str, bytes]:
    """What ``commit`` holds under ``paths``, relative to ``root``; without those that it lacks and those that are large.

    Raises :class:`InputError` where it cannot be read.
    """
    try:
        entries = git.committed(root, commit) if paths else {}
        stored = git.stored(root, {path: entries[path] for path in paths if path in entries}, LARGEST)
    except OSError as error:
        raise InputError(f"base: cannot read the commit {commit} of {root}: {error}") from None
    return {path: one.content for path, one in stored.items() if one.content is not None}


def _shallow(root: Path) -> str:
    """What to do where the history is cut off."""
    return f": the clone is shallow; fetch its history ({_DEEPEN})" if git.is_shallow(root) else ""


def _pull_request(environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]] | None:
    """The variable that names what a change is to be merged into, and the revisions it can be found under.

    pre-commit sets its own for a push (and for ``--from-ref``). GitHub sets the name of a branch, and by default checks
    out a merge whose first parent is the head of that branch: the branch itself is then often not fetched. GitLab's pipeline for merged results builds on the head of the target branch; a
    plain one for merge requests knows only where the two parted.
    """
    if revision := environ.get("PRE_COMMIT_FROM_REF"):
        return "PRE_COMMIT_FROM_REF", (revision,)
    if branch := environ.get("GITHUB_BASE_REF"):
        merge = environ.get("GITHUB_SHA", "") if environ.get("GITHUB_REF", "").endswith("/merge") else ""
        merged = (f"{merge}^1",) if merge else ()
        return "GITHUB_BASE_REF", (f"refs/remotes/origin/{branch}", *merged)
    for variable in ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "CI_MERGE_REQUEST_DIFF_BASE_SHA"):
        if revision := environ.get(variable):
            return variable, (revision,)
    return None
