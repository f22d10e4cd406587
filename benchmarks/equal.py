"""In: directories to scan. Out: whether a scan that remembers says, byte for byte, what one that reads all anew says.

    python benchmarks/equal.py [--edits N] [--seed N] TREE [TREE ...]

Each tree is copied and then edited at random, again and again: lines are deleted, doubled, moved, taken from other files,
words are exchanged, files come, go and are renamed. After each edit the copy is scanned with the cache that all scans
before have filled, by one or two workers in turn, and without a cache. The JSON reports must be the same but for their time.
At the first difference the edit is told, with the seed that makes it again, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from qualitygate.load import Installed, load
from qualitygate.model.finding import Confidence
from qualitygate.model.policy import Policy
from qualitygate.report.json import document
from qualitygate.run import Request, scan

_SUFFIXES = (".py", ".sql", ".yaml", ".yml", ".json", ".toml", ".env", ".cfg", ".md")
_LARGEST = 300_000

Edit = Callable[[random.Random, list[str], list[str]], list[str]]


def _deleted(chance: random.Random, lines: list[str], _: list[str]) -> list[str]:
    at = chance.randrange(len(lines))
    return lines[:at] + lines[at + chance.randint(1, 4) :]


def _doubled(chance: random.Random, lines: list[str], _: list[str]) -> list[str]:
    at = chance.randrange(len(lines))
    return lines[:at] + lines[at : at + chance.randint(1, 4)] + lines[at:]


def _moved(chance: random.Random, lines: list[str], _: list[str]) -> list[str]:
    start, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    block = lines[start : start + chance.randint(1, 6)]
    rest = lines[:start] + lines[start + len(block) :]
    return rest[:to] + block + rest[to:]


def _taken(chance: random.Random, lines: list[str], other: list[str]) -> list[str]:
    at, start = chance.randrange(len(lines)), chance.randrange(len(other))
    return lines[:at] + other[start : start + chance.randint(1, 12)] + lines[at:]


def _exchanged(chance: random.Random, lines: list[str], other: list[str]) -> list[str]:
    words = [word for line in other for word in line.replace("(", " ").replace(".", " ").split() if word.isidentifier()]
    mine = [word for line in lines for word in line.replace("(", " ").replace(".", " ").split() if word.isidentifier()]
    if not words or not mine:
        return lines
    old, new = chance.choice(mine), chance.choice(words)
    return [line.replace(old, new) for line in lines]


def _noted(chance: random.Random, lines: list[str], _: list[str]) -> list[str]:
    at = chance.randrange(len(lines) + 1)
    return [*lines[:at], chance.choice(("", "# a note", "    # qgate: ignore[query-in-loop] on purpose")), *lines[at:]]


_EDITS: tuple[Edit, ...] = (_deleted, _doubled, _moved, _taken, _exchanged, _noted)


def edit(root: Path, chance: random.Random) -> str:
    """Change one file of a tree; what was done, in words."""
    files = sorted(
        path for path in root.rglob("*") if path.suffix in _SUFFIXES and path.is_file() and not path.is_symlink()
    )
    files = [path for path in files if ".git" not in path.parts and 0 < path.stat().st_size < _LARGEST]
    code = [path for path in files if path.suffix in (".py", ".sql")]
    path = chance.choice(code if code and chance.random() < 0.8 else files)
    name = path.relative_to(root)
    how = chance.random()
    if how < 0.06:
        path.unlink()
        return f"{name} deleted"
    if how < 0.14:
        copy = path.with_name(f"copy_{chance.randrange(1000)}_{path.name}")
        (shutil.move if how < 0.09 else shutil.copyfile)(path, copy)
        return f"{name} {'renamed' if how < 0.09 else 'copied'} to {copy.name}"
    other = chance.choice([one for one in files if one.suffix == path.suffix])
    try:
        lines, others = path.read_text().split("\n"), other.read_text().split("\n")
    except UnicodeDecodeError:
        return f"{name} left alone"
    change = chance.choice(_EDITS)
    path.write_text("\n".join(change(chance, lines, others)))
    return f"{name}: {change.__name__.strip('_')}"


def report(root: Path, installed: Installed, *, use_cache: bool, jobs: int) -> str:
    """The JSON report of a scan, without its time."""
    policy = Policy(min_confidence=Confidence.LOW)
    found = document(scan(Request((root,), policy, use_cache=use_cache, jobs=jobs), installed))
    found.pop("seconds", None)
    return json.dumps(found, indent=1, default=str)


def compare(tree: Path, edits: int, seed: int, installed: Installed) -> int:
    """The number of edits after which both scans said the same. Raises ``SystemExit`` at the first difference."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="qgate-equal-") as folder:
        root = Path(folder) / tree.name
        shutil.copytree(tree, root, symlinks=True, ignore=shutil.ignore_patterns(".git", "__pycache__"))
        os.environ["QGATE_CACHE_DIR"] = str(Path(folder) / "cache")
        for number in range(edits + 1):
            done = edit(root, chance) if number else "nothing yet"
            remembering = report(root, installed, use_cache=True, jobs=1 + number % 2)
            anew = report(root, installed, use_cache=False, jobs=1)
            if remembering != anew:
                lines = difflib.unified_diff(anew.splitlines(), remembering.splitlines(), "anew", "remembering", n=4)
                shown = "\n".join(list(lines)[:80])
                raise SystemExit(f"{tree} (seed {seed}), edit {number}: {done}\n{shown}")
    return edits


def main() -> None:
    """Read the command line, compare, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    installed = load()
    for tree in arguments.trees:
        same = compare(tree.resolve(), arguments.edits, arguments.seed, installed)
        print(f"{tree}: the same after each of {same} edits (seed {arguments.seed})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
