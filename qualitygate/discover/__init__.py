"""In: the paths that a user names. Out: the source files below them, in a fixed order, with language and role."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from qualitygate.discover import git
from qualitygate.discover.roles import Layout, is_binary, is_contract, language_of
from qualitygate.discover.walk import walk
from qualitygate.extract import MAX_BYTES
from qualitygate.globs import matcher
from qualitygate.model.source import Language, Role, SourceFile, Unread

__all__ = ["Filters", "InputError", "Layout", "Tree", "discover", "discover_commit", "language_of", "way_down"]

_TOO_LARGE = "larger than {} MB ({:.1f} MB): not read"
_MISSING = "the repository lacks its content: not read"
_OUTSIDE = "a link out of the scanned folder: not followed"
_REPOSITORY = "a repository of its own (a submodule): scan it by itself"


class InputError(Exception):
    """A path that was asked for cannot be scanned; the argument is one clear line."""


@dataclass(frozen=True)
class Tree:
    """What is to be scanned.

    ``prefix`` leads from the top of the repository to ``root`` and ``way`` from the folder of the configuration, both
    with a slash at their end where they are not empty.
    ``chosen`` holds the files and folders that were named, relative to ``root``; it is empty where that was the root
    itself. The other files are read for what they tell of the chosen ones: who mounts a router, which table there is.
    """

    root: Path
    prefix: str
    way: str
    files: tuple[SourceFile, ...]
    unread: tuple[Unread, ...] = ()
    chosen: tuple[str, ...] = ()

    def judged(self, path: str) -> bool:
        """Whether findings in ``path`` were asked for."""
        return not self.chosen or any(path == name or path.startswith(name + "/") for name in self.chosen)


@dataclass(frozen=True)
class Filters:
    """Which files are wanted: those in one of ``languages`` that ``include`` names and ``exclude`` does not.

    Both are patterns as in a ``.gitignore``, relative to ``directory`` where the root lies below it, else to the root.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    directory: Path | None = None
    languages: frozenset[Language] = frozenset(Language)


_EVERYTHING = Filters()


def discover(paths: Sequence[Path], filters: Filters = _EVERYTHING, *, staged: bool = False) -> Tree:
    """The files below ``paths`` that ``filters`` let through.

    One folder (none: the current one) is the root. Of several paths, or of files, the root is the current folder, or
    the folder that holds them all where they lie outside of it. What is listed is what git tracks or does not ignore;
    without git, what no ``.gitignore`` names. ``staged`` takes names and contents from the git index instead of the
    work tree.

    Raises :class:`InputError` for a path that is missing, unreadable, or neither file nor folder, and for a staged scan
    outside a git checkout. Links are never followed. What was to be read and is not is told in ``unread``.
    """
    root, chosen = _root(paths)
    listed, look = _index(root) if staged else _work_tree(root, chosen)
    return _tree(root, chosen, listed, look, filters)


def discover_commit(tree: Tree, commit: str, filters: Filters = _EVERYTHING) -> Tree:
    """What ``commit`` holds in the place of ``tree``, by the same rules; nothing is checked out.

    A file that ``tree`` has with the same content is taken from there, the others come from git's objects.
    Raises :class:`InputError` where they cannot be read.
    """
    heads = {file.path: file for file in tree.files}
    try:
        entries = git.committed(tree.root, commit)
        index = git.indexed(tree.root)
        names = _filtered(entries, tree.way, filters)
        same = {name for name in names if name in heads and _is_same(heads[name], entries[name])}
        # What is no text stays so, and need not be looked at again.
        passed_over = {
            name
            for name in names
            if name not in heads and index.get(name) == entries[name] and os.path.lexists(tree.root / name)
        }
        wanted = [name for name in names if name not in same and name not in passed_over]
        stored = git.stored(tree.root, {name: entries[name] for name in wanted}, MAX_BYTES)
    except OSError as error:
        raise InputError(f"base: cannot read the commit {commit} of {tree.root}: {error}") from None
    for name in wanted:
        if stored[name].size is None and language_of(name) is not Language.TEXT:
            raise InputError(f"base: the clone lacks {name} of {commit[:10]}; fetch it whole (`git fetch --refetch`)")

    def look(name: str) -> _Entry | None:
        if name in same:
            return _Entry(content=heads[name].content)
        return _look_stored(stored[name], name) if name in stored else None

    return _tree(tree.root, tree.chosen, names, look, filters)


def _is_same(file: SourceFile, entry: tuple[int, str]) -> bool:
    mode, identity = entry
    try:
        return stat.S_ISREG(mode) and git.identity(file.read(), identity) == identity
    except OSError:
        return False


def _filtered(listed: Collection[str], way: str, filters: Filters) -> list[str]:
    include, exclude = filters.include, filters.exclude
    included, excluded = matcher(include, way), matcher(exclude, way)
    return sorted(name for name in listed if (not include or included(name)) and not excluded(name))


def _tree(root: Path, chosen: tuple[str, ...], listed: Collection[str], look: _Look, filters: Filters) -> Tree:
    way = way_down(filters.directory, root)
    names = _filtered(listed, way, filters)
    layout = Layout.of(names)
    files: list[SourceFile] = []
    unread: list[Unread] = []
    for name in names:
        role = layout.role(name)
        found = _admit(root, name, role, look(name), filters.languages)
        if isinstance(found, SourceFile):
            files.append(found)
        elif found and role is not Role.VENDORED:
            unread.append(Unread(_shown(name), 0, found))
    return Tree(root, _prefix(root), way, tuple(files), tuple(unread), chosen)


@dataclass(frozen=True)
class _Entry:
    """What stands under a name: why it is not to be read (empty: it is), and its content where it is at hand."""

    reason: str = ""
    content: bytes | None = None


def _admit(
    root: Path, name: str, role: Role, entry: _Entry | None, languages: Collection[Language]
) -> SourceFile | str | None:
    """The file under ``name``, why it is not read though it should be, or None where nothing would read it."""
    if entry is None:
        return None
    if entry.reason:
        return entry.reason
    if _shown(name) != name:
        return "its name is not UTF-8: not read"
    language = language_of(name)
    file = SourceFile(root, name, language, role, entry.content)
    try:
        if language is Language.TEXT and (Language.TEXT in languages or "." not in posixpath.basename(name)):
            head = _head(file, git.HEAD)
            # A picture or an archive is not meant to be read: only what is named as text is told when it is none.
            if is_binary(head):
                return None
            file = replace(file, language=language_of(name, head))
        elif (
            role in (Role.DOCUMENTATION, Role.GENERATED)
            and language in (Language.YAML, Language.JSON)
            and is_contract(_head(file, 1_000_000))
        ):
            file = replace(file, role=Role.APPLICATION)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return file if file.language in languages else None


def _head(file: SourceFile, size: int) -> bytes:
    if file.content is not None:
        return file.content[:size]
    with open(file.root / file.path, "rb", buffering=0) as stream:
        return stream.read(size)


def _shown(name: str) -> str:
    """A name as UTF-8 can carry it: bytes of another encoding are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _root(paths: Sequence[Path]) -> tuple[Path, tuple[str, ...]]:
    """The root, and the paths below it that were named where they are not the root itself."""
    real = [_real(path) for path in paths] or [_real(Path())]
    if len(real) == 1 and real[0].is_dir():
        return real[0], ()
    here = _real(Path())
    root = here
    if not all(here == path or here in path.parents for path in real):
        root = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in real]))
    if root in real:
        return root, ()
    return root, tuple(sorted({path.relative_to(root).as_posix() for path in real}))


def _real(path: Path) -> Path:
    try:
        real = Path(os.path.realpath(path, strict=True))
        mode = os.stat(real).st_mode
        if stat.S_ISDIR(mode):
            os.scandir(real).close()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise InputError(f"{path}: neither a file nor a folder")
    return real


def _prefix(root: Path) -> str:
    for parent in (root, *root.parents):
        if os.path.lexists(parent / ".git"):
            return way_down(parent, root)
    return ""


def way_down(directory: Path | None, root: Path) -> str:
    """The way from ``directory`` down to ``root``; empty where it does not lead there."""
    if directory is None or (above := Path(os.path.realpath(directory))) not in root.parents:
        return ""
    return root.relative_to(above).as_posix() + "/"


_Look = Callable[[str], "_Entry | None"]


def _work_tree(root: Path, chosen: Sequence[str]) -> tuple[Collection[str], _Look]:
    """Names below ``root`` and what stands under them; what was named is among them even where git ignores it."""
    folders = [name for name in chosen if (root / name).is_dir()] if chosen else [""]
    try:
        names = set(git.listed(root))
    except OSError:
        names = set()
    for folder in folders:
        if not any(name.startswith(folder and f"{folder}/") for name in names):
            names.update(walk(root, folder))
    inside = cache(lambda folder: _inside(root, folder))
    return names | set(chosen).difference(folders), lambda name: _look(root, root / name, inside)


def _look(root: Path, path: Path, inside: Callable[[Path], bool]) -> _Entry | None:
    """What stands at a path of the work tree; None where there is nothing to read."""
    try:
        if not inside(path.parent):
            return _Entry(_OUTSIDE)
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None  # git still lists what was deleted
    except OSError as error:
        return _Entry(f"cannot be read: {error.strerror or error}")
    if stat.S_ISLNK(status.st_mode):
        return _look_link(root, path)
    if stat.S_ISDIR(status.st_mode):
        readable = os.access(path, os.R_OK | os.X_OK)
        return _Entry(_REPOSITORY if readable else "a folder that cannot be read: Permission denied")
    if not stat.S_ISREG(status.st_mode):
        return _Entry("a pipe, a socket or a device: not read")
    if status.st_size > MAX_BYTES:
        return _Entry(_TOO_LARGE.format(MAX_BYTES // 1_000_000, status.st_size / 1_000_000))
    return _Entry()


def _look_link(root: Path, path: Path) -> _Entry | None:
    """A link is never followed: what it names inside the root is read under its own name; else that is told."""
    try:
        target = Path(os.path.realpath(path, strict=True))
    except FileNotFoundError:
        return None
    except OSError as error:
        return _Entry(f"a link that cannot be followed: {error.strerror or error}")
    if _inside(root, target) or (target.is_file() and language_of(path.name) is Language.TEXT):
        return None
    return _Entry(_OUTSIDE)


def _inside(root: Path, path: Path) -> bool:
    real = Path(os.path.realpath(path))
    return root == real or root in real.parents


def _index(root: Path) -> tuple[Collection[str], _Look]:
    """Names in the git index below ``root`` and what stands under them.

    What is byte for byte the same in the work tree is read from there: git would have to unpack it.
    """
    inside = cache(lambda folder: _inside(root, folder))

    def is_same(name: str, mode: int, identity: str) -> bool:
        try:
            there = stat.S_ISREG(mode) and _look(root, root / name, inside) == _Entry()
            return there and git.identity((root / name).read_bytes(), identity) == identity
        except OSError:
            return False

    try:
        entries = git.indexed(root)
        same = {name for name, entry in entries.items() if is_same(name, *entry)}
        stored = git.stored(root, {name: entry for name, entry in entries.items() if name not in same}, MAX_BYTES)
    except OSError as error:
        raise InputError(f"cannot read what is staged in {root}: {error}") from None
    return entries, lambda name: _Entry() if name in same else _look_stored(stored[name], name)


def _look_stored(entry: git.Stored, name: str) -> _Entry | None:
    if stat.S_ISLNK(entry.mode):
        target = os.fsdecode(entry.content or b"")
        way = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        return _Entry(_OUTSIDE) if way.startswith(("/", "..")) and language_of(name) is not Language.TEXT else None
    if not stat.S_ISREG(entry.mode):
        return _Entry(_REPOSITORY)
    if entry.size is None:
        return _Entry(_MISSING)
    if entry.content is None:
        return _Entry(_TOO_LARGE.format(MAX_BYTES // 1_000_000, entry.size / 1_000_000))
    return _Entry(content=entry.content)
