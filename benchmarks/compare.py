"""In: directories to scan. Out: tables of qgate, cold, warm and after a change, beside its peers on the same trees in one run.

    python benchmarks/compare.py [--quick] [--runs N] [--peers NAMES] [--scale TREE] [--write FILE] TREE [TREE ...]

Each tree is copied and committed to a repository of its own first, so that every contestant reads the same files and a
change can be made. Peers are used where they are installed next to this Python (`pip install ruff bandit semgrep
detect-secrets pylint fixit squawk-cli`) or on the path; what is missing is said. Each command runs once uncounted and then N
times, in turn, so that a machine that slows down slows all of them; ``--quick`` runs each once. A command that takes longer
than ``--limit`` seconds is ended and told as such. Figures are medians of whole processes with their children: wall and CPU
seconds, and the largest resident size of one process. ``--scale`` also draws its table, beside the file that is written.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Reading and hashing every file that git lists: nothing that looks at a whole tree can be faster.
_FLOOR = """
import hashlib, os, subprocess, sys
os.chdir(sys.argv[1])
for name in subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout.split(b"\\0"):
    if name and os.path.isfile(name):
        with open(name, "rb") as file:
            hashlib.blake2b(file.read()).digest()
"""
# The last statement of a function, with its indentation, and what a path of tests looks like.
_RETURN = re.compile(r"^([ \t]+)return\b", re.MULTILINE)
_TEST = re.compile(r"/tests?/|/test_|_tests?\.py$|/conftest\.py$")
_QUICK = "ruff,bandit,semgrep,detect-secrets"
_PEERS = f"{_QUICK},fixit,pylint,squawk"
_GIT = ("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Contestant:
    """A command to time on a tree; ``prepare`` is called before each run, untimed."""

    name: str
    command: tuple[str, ...]
    prepare: Callable[[], None] = lambda: None
    cache: Path | None = None


@dataclass(frozen=True)
class Figures:
    """One run of a process and its children; ``code`` is how it ended, ``late`` that it was ended for its time."""

    wall: float
    cpu: float
    megabytes: float
    code: int = 0
    late: bool = False


def own(tree: Path, cache: Path) -> list[Contestant]:
    """qgate in its ways of running. Raises ``SystemExit`` where it is not installed."""
    qgate = installed("qgate")
    if qgate is None:
        raise SystemExit("qgate is not installed beside this Python: pip install -e .")
    scan = (qgate, "scan", "--quiet", "--exit-zero", str(tree))
    code = [path for path in tree.rglob("*.py") if _RETURN.search(path.read_text("utf-8", "replace"))]
    tests = [path for path in code if _TEST.search(f"/{path.relative_to(tree)}")]
    application = [path for path in code if path not in tests and "migrations" not in path.parts]

    def change(paths: Sequence[Path], stage: bool = False) -> Callable[[], None]:
        """Write one more statement into a function in the middle of a file, so that all below it moves."""
        changed = max(paths, key=lambda path: (path.stat().st_size < 20_000, path.stat().st_size, str(path)))

        def apply() -> None:
            text = changed.read_text("utf-8", "surrogateescape")
            found = list(_RETURN.finditer(text))
            place = found[len(found) // 2]
            line = f"{place[1]}measured_{time.time_ns()} = 1\n"
            changed.write_text(text[: place.start()] + line + text[place.start() :], "utf-8", "surrogateescape")
            if stage:
                subprocess.run([*_GIT, "-C", str(tree), "add", str(changed)], check=True)

        return apply

    return [
        Contestant("qgate, cold", scan, lambda: shutil.rmtree(cache, ignore_errors=True), cache),
        Contestant("qgate, warm", scan, cache=cache),
        *([Contestant("qgate, a test edited", scan, change(tests), cache)] if tests else []),
        *([Contestant("qgate, a function edited", scan, change(application), cache)] if application else []),
        *(
            [
                Contestant(
                    "qgate --staged, the same", (*scan[:-1], "--staged", str(tree)), change(application, True), cache
                )
            ]
            if application
            else []
        ),
    ]


def peers(tree: Path, names: Sequence[str]) -> list[Contestant]:
    """The floor, and those of the named peers that are installed."""
    migrations = sorted(str(path) for path in tree.rglob("*.sql") if path.is_file() and "down" not in path.name)[:4000]
    rules = str(Path(__file__).with_name("semgrep.yml"))
    commands = {
        "ruff": ("check", "--isolated", "--no-cache", "--exit-zero", "--quiet", "--select", "S,ASYNC,FAST,DJ,B", str(tree)),
        "bandit": ("-r", "-q", "--exit-zero", str(tree)),
        "semgrep": ("scan", "--quiet", "--metrics=off", "--disable-version-check", "--config", rules, str(tree)),
        "detect-secrets": ("-C", str(tree), "scan"),
        "fixit": ("--quiet", "lint", str(tree)),
        "pylint": ("--recursive=y", "--exit-zero", "--jobs=2", "--score=n", str(tree)),
        "squawk": tuple(migrations),
    }  # fmt: skip
    found = [Contestant("list and hash", (sys.executable, "-c", _FLOOR, str(tree)))]
    for name, arguments in commands.items():
        program = installed(name)
        if name not in names:
            continue
        if program is None:
            print(f"({name} is not installed: left out)", file=sys.stderr)
        elif arguments:
            found.append(Contestant(name, (program, *arguments)))
    return found


def installed(name: str) -> str | None:
    """The path of a program: beside this Python, else on the path."""
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else shutil.which(name)


def measure(contestant: Contestant, limit: float = 900) -> Figures:
    """Run once, for ``limit`` seconds at most. The output is thrown away, the exit code is not judged: findings are no failure."""
    contestant.prepare()
    # As installed packages run: with their compiled code.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if contestant.cache is not None:
        environment["QGATE_CACHE_DIR"] = str(contestant.cache)
    started = time.perf_counter()
    with subprocess.Popen(
        contestant.command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as process:
        clock = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        clock.start()
        _, status, usage = os.wait4(process.pid, 0)
        clock.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    cpu, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return Figures(wall, cpu, megabytes, process.returncode, wall >= limit)


@contextmanager
def _copied(tree: Path, times: int = 1) -> Iterator[Path]:
    """The tree in a repository of its own, ``times`` times beside itself."""
    with tempfile.TemporaryDirectory(prefix="qgate-benchmark-") as folder:
        root = Path(folder) / tree.name
        for number in range(times):
            target = root if times == 1 else root / f"part{number}"
            shutil.copytree(tree, target, ignore=shutil.ignore_patterns(".git"), symlinks=True)
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "--no-verify", "-m", "tree")):
            subprocess.run([*_GIT, "-C", str(root), *command], check=True, stdout=subprocess.DEVNULL)
        yield root


def in_turn(field: Sequence[Contestant], runs: int, limit: float = 900) -> dict[str, Figures]:
    """The medians of every contestant; one that took too long once is not run again."""
    measured: dict[str, list[Figures]] = {contestant.name: [] for contestant in field}
    for run in range(runs + 1):
        for contestant in field:
            if any(figures.late for figures in measured[contestant.name]):
                continue
            figures = measure(contestant, limit)
            if run or runs == 0 or figures.late:
                measured[contestant.name].append(figures)
    return {
        name: Figures(
            statistics.median(item.wall for item in rows),
            statistics.median(item.cpu for item in rows),
            max(item.megabytes for item in rows),
            rows[-1].code,
            rows[-1].late,
        )
        for name, rows in measured.items()
    }


def compare(tree: Path, names: Sequence[str], runs: int, limit: float) -> Iterator[str]:
    """The table of one tree, as Markdown."""
    with _copied(tree) as copy, tempfile.TemporaryDirectory(prefix="qgate-benchmark-") as cache:
        yield f"\n### {tree.name}: {_size(copy)}\n"
        rows = in_turn([*own(copy, Path(cache) / "cache"), *peers(copy, names)], runs, limit)
    cold = rows["qgate, cold"]
    yield "| | wall s | CPU s | MB | times qgate cold (wall) | (CPU) |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, row in rows.items():
        ratios = f"{row.wall / cold.wall:.2f} | {row.cpu / cold.cpu:.2f}"
        told = f"{name} (ended after {limit:.0f} s)" if row.late else name
        yield f"| {told} | {row.wall:.2f} | {row.cpu:.2f} | {row.megabytes:.0f} | {ratios} |"


def scale(tree: Path, runs: int, drawing: Path | None) -> Iterator[str]:
    """The table of one tree once, twice and four times beside itself, as Markdown, and drawn where it is asked for."""
    drawn: list[tuple[int, float, float, float]] = []
    yield f"\n### {tree.name}, several times beside itself\n"
    yield "| | files | cold wall s | cold CPU s | MB | warm wall s | warm CPU s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for times in (1, 2, 4):
        with _copied(tree, times) as copy, tempfile.TemporaryDirectory(prefix="qgate-benchmark-") as cache:
            rows = in_turn(own(copy, Path(cache) / "cache")[:2], runs)
            files = sum(path.is_file() for path in copy.rglob("*") if ".git" not in path.parts)
        cold, warm = rows["qgate, cold"], rows["qgate, warm"]
        drawn.append((files, cold.cpu, warm.cpu, cold.megabytes))
        yield (
            f"| {times}x | {files:,} | {cold.wall:.2f} | {cold.cpu:.2f} | {cold.megabytes:.0f} | {warm.wall:.2f} | {warm.cpu:.2f} |"
        )
    if drawing is not None:
        drawing.write_text(plot(tree.name, drawn))
        yield f"\n![CPU seconds and memory by the number of files]({drawing.name})"


def plot(name: str, rows: Sequence[tuple[int, float, float, float]]) -> str:
    """Files against CPU seconds of a cold and of a warm scan, and against megabytes: two charts beside each other, as SVG."""
    series = {
        "cold, CPU s": ([row[1] for row in rows], "#1f6feb", 0),
        "warm, CPU s": ([row[2] for row in rows], "#2da44e", 0),
        "cold, MB": ([row[3] for row in rows], "#bf8700", 1),
    }
    most = max(row[0] for row in rows)
    tops = [max(max(values) for values, _, at in series.values() if at == chart) for chart in (0, 1)]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 280" font-family="sans-serif" font-size="12">',
        '<rect width="640" height="280" fill="white"/>',
        f'<text x="20" y="20" font-size="14">{name}, once, twice and four times beside itself</text>',
    ]
    for chart, top in enumerate(tops):
        left = 60 + 320 * chart
        parts.append(f'<path d="M{left} 40V240H{left + 220}" fill="none" stroke="#57606a"/>')
        for share in (0.5, 1.0):
            y = 240 - 190 * share
            parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{top * share:.3g}</text>')
            parts.append(f'<path d="M{left} {y:.0f}h220" stroke="#d0d7de"/>')
        for files, *_ in rows:
            x = left + 220 * files / most
            parts.append(f'<text x="{x:.0f}" y="256" text-anchor="middle">{files:,}</text>')
        parts.append(f'<text x="{left + 110}" y="274" text-anchor="middle">files</text>')
    for number, (label, (values, colour, chart)) in enumerate(series.items()):
        left = 60 + 320 * chart
        points = [
            (left + 220 * row[0] / most, 240 - 190 * value / tops[chart])
            for row, value in zip(rows, values, strict=True)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{left + 12}" y="{52 + 16 * (number % 2)}" fill="{colour}">{label}</text>')
    return "\n".join((*parts, "</svg>")) + "\n"


def _size(tree: Path) -> str:
    files = [path for path in tree.rglob("*") if path.is_file() and ".git" not in path.parts]
    python = [path for path in files if path.suffix == ".py"]
    megabytes, code = (sum(path.stat().st_size for path in some) / 1e6 for some in (files, python))
    return f"{len(files):,} files, {megabytes:.0f} MB; of these {len(python):,} Python files, {code:.1f} MB"


def main(arguments: Sequence[str]) -> None:
    """Read the command line; print one table a tree, and write them behind the marker of a file where that is asked for."""
    parser = argparse.ArgumentParser(description="Time qgate beside its peers")
    parser.add_argument("trees", nargs="*", type=Path, metavar="TREE")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each command; 0: one, and none uncounted")
    parser.add_argument(
        "--quick", action="store_true", help="run each once, none uncounted, the slowest peers not at all"
    )
    parser.add_argument("--peers", help=f"which to run, with commas ({_PEERS}; {_QUICK} if quick)")
    parser.add_argument("--limit", type=float, default=0, help="seconds until a command is ended (900; 90 if quick)")
    parser.add_argument("--scale", type=Path, metavar="TREE", help="a tree to measure once, twice and four times")
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace what follows the marker in this file")
    options = parser.parse_args(arguments)
    runs = 0 if options.quick else options.runs
    limit = options.limit or (90 if options.quick else 900)
    names = (options.peers or (_QUICK if options.quick else _PEERS)).split(",")
    for tree in (*options.trees, *([options.scale] if options.scale else [])):
        if not tree.is_dir():
            raise SystemExit(f"{tree} is no directory")
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    lines = [f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}{load}."]
    tables = [compare(tree.resolve(), names, runs, limit) for tree in options.trees]
    if options.scale:
        drawing = options.write.with_name("scaling.svg") if options.write else None
        tables.append(scale(options.scale.resolve(), runs, drawing))
    print(lines[0], flush=True)
    for table in tables:
        for line in table:
            print(line, flush=True)
            lines.append(line)
    if options.write:
        marker = "<!-- measured -->\n"
        before = options.write.read_text().partition(marker)[0]
        options.write.write_text(before + marker + "\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
