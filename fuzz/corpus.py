"""In: the installed checks, the fixtures, and trees that are named. Out: small projects of sound files to be broken."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from qualitygate.authoring import Check
from qualitygate.discover import language_of
from qualitygate.discover.roles import is_binary
from qualitygate.model.source import Language

FIXTURES = Path(__file__).parents[1] / "fixtures"

_LARGEST = 60_000
_FROM_A_TREE = 600
_BESIDE = 3


@dataclass(frozen=True)
class Seed:
    """A small project: its files by path, and those of them that are worth breaking. ``whole`` is one of many files."""

    name: str
    files: dict[str, bytes]
    targets: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True)
class Corpus:
    """All seeds, and all contents by language, to borrow from."""

    seeds: tuple[Seed, ...]
    lent: dict[Language, tuple[bytes, ...]]

    def others(self, path: str) -> tuple[bytes, ...]:
        """Contents in the language of ``path``, for a mutation to borrow from."""
        return self.lent.get(language_of(path)) or (b"x\n",)


def collect(checks: Iterable[Check], trees: Iterable[Path] = ()) -> Corpus:
    """The examples of the checks, the fixtures, and a sample of the files of each tree, in a fixed order."""
    seeds = [*_examples(checks), *_fixtures()]
    for tree in trees:
        seeds += _tree(tree)
    lent: dict[Language, dict[bytes, None]] = {}
    for seed in seeds:
        for path in seed.targets:
            lent.setdefault(language_of(path), {})[seed.files[path]] = None
    return Corpus(tuple(seeds), {language: tuple(contents) for language, contents in lent.items()})


def _examples(checks: Iterable[Check]) -> Iterator[Seed]:
    for check in checks:
        for number, example in enumerate((*check.bad, *check.good)):
            files = example.sources()
            yield Seed(f"{check.id} {number}", files, tuple(sorted(files)))


def _fixtures() -> Iterator[Seed]:
    for listed in sorted(FIXTURES.glob("*/*/expected.json")):
        root = listed.parent
        files = {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path != listed and "__pycache__" not in path.parts
        }
        yield Seed(f"{root.parent.name} {root.name}", files, tuple(files), whole=True)


def _tree(root: Path) -> Iterator[Seed]:
    """Files of a checkout, each with some that lie beside it."""
    names = (
        subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
    )
    known = [
        name
        for name in sorted(filter(None, names))
        if language_of(name) is not Language.TEXT
        and not (root / name).is_symlink()
        and (root / name).is_file()
        and 0 < (root / name).stat().st_size <= _LARGEST
    ]
    chosen = Random(root.name).sample(known, min(len(known), _FROM_A_TREE))
    for name in sorted(chosen):
        folder = name.rpartition("/")[0]
        beside = [other for other in known if other.rpartition("/")[0] == folder and other != name][:_BESIDE]
        files = {path: (root / path).read_bytes() for path in (name, *beside)}
        if not is_binary(files[name]):
            yield Seed(f"{root.name} {name}", files, (name,))
