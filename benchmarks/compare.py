"""In: directories to scan. Out: a table of qgate, cold and warm, beside its peers on the same trees in one run.

    python benchmarks/compare.py [--runs N] TREE [TREE ...]

Peers are used where they are installed next to this Python (`pip install ruff bandit squawk-cli`); what is missing is
said. Each command runs once uncounted and then N times, in turn, so that a machine that slows down slows all of them.
Figures are medians of whole processes with their children: wall and CPU seconds, and the largest resident size.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contestant:
    """A command to time on a tree; ``fresh`` empties its cache before each run."""

    name: str
    command: tuple[str, ...]
    fresh: bool = False


@dataclass(frozen=True)
class Figures:
    """One run of a process and its children."""

    wall: float
    cpu: float
    megabytes: float


def contestants(tree: Path) -> list[Contestant]:
    """qgate and the peers that are installed. Raises ``SystemExit`` where qgate itself is not."""
    qgate = _installed("qgate")
    if qgate is None:
        raise SystemExit("qgate is not installed beside this Python: pip install -e .")
    found = [
        Contestant("qgate, cold", (qgate, "scan", "--quiet", "--exit-zero", str(tree)), fresh=True),
        Contestant("qgate, warm", (qgate, "scan", "--quiet", "--exit-zero", str(tree))),
    ]
    migrations = sorted(str(path) for path in tree.rglob("*.sql") if path.is_file() and "down" not in path.name)[:4000]
    peers = {
        "ruff": (
            "check",
            "--isolated",
            "--no-cache",
            "--exit-zero",
            "--quiet",
            "--select",
            "S,ASYNC,FAST,DJ,B",
            str(tree),
        ),
        "bandit": ("-r", "-q", "--exit-zero", str(tree)),
        "squawk": tuple(migrations),
    }
    for name, arguments in peers.items():
        program = _installed(name)
        if program is None:
            print(f"  ({name} is not installed: left out)")
        elif arguments:
            found.append(Contestant(name, (program, *arguments)))
    return found


def _installed(name: str) -> str | None:
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else shutil.which(name)


def measure(contestant: Contestant, cache: Path) -> Figures:
    """Run once. The output is thrown away, the exit code is not judged: findings are no failure."""
    if contestant.fresh:
        shutil.rmtree(cache, ignore_errors=True)
    environment = {**os.environ, "QGATE_CACHE_DIR": str(cache)}
    started = time.perf_counter()
    with subprocess.Popen(
        contestant.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    wall = time.perf_counter() - started
    return Figures(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(tree: Path, runs: int) -> None:
    """Print the table of one tree."""
    print(f"\n{tree.name}: {_size(tree)}")
    field = contestants(tree)
    caches = {contestant.name: Path(tempfile.mkdtemp(prefix="qgate-benchmark-")) for contestant in field}
    measured: dict[str, list[Figures]] = {contestant.name: [] for contestant in field}
    try:
        for run in range(runs + 1):
            for contestant in field:
                figures = measure(contestant, caches[contestant.name])
                if run:
                    measured[contestant.name].append(figures)
    finally:
        for cache in caches.values():
            shutil.rmtree(cache, ignore_errors=True)
    base = statistics.median(figures.wall for figures in measured[field[0].name])
    print(f"  {'':14} {'wall s':>8} {'CPU s':>8} {'MB':>6} {'to cold':>8}")
    for name, rows in measured.items():
        wall = statistics.median(item.wall for item in rows)
        cpu = statistics.median(item.cpu for item in rows)
        size = max(item.megabytes for item in rows)
        print(f"  {name:14} {wall:8.2f} {cpu:8.2f} {size:6.0f} {wall / base:7.2f}x")


def _size(tree: Path) -> str:
    files = [path for path in tree.rglob("*.py") if path.is_file()]
    return f"{len(files):,} Python files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB"


def main(arguments: Sequence[str]) -> None:
    """Read the command line and print one table a tree."""
    parser = argparse.ArgumentParser(description="Time qgate beside its peers")
    parser.add_argument("trees", nargs="+", type=Path, metavar="TREE")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    for tree in options.trees:
        if not tree.is_dir():
            raise SystemExit(f"{tree} is no directory")
        compare(tree.resolve(), options.runs)


if __name__ == "__main__":
    main(sys.argv[1:])
