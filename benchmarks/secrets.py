"""In: a seed. Out: a table of precision, recall and F1 of qgate and its peers on the labelled secrets, and their speed.

    python benchmarks/secrets.py [--seed N] [TREE ...]

Peers are used where they are installed beside this Python (`pip install detect-secrets deepsecrets`). Each scans the same
files in one run; a line counts as found where a tool points at it. Further trees are only timed, in MB of text a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures" / "secrets"))

from corpus import corpus, write

Lines = set[tuple[str, int]]


def of_qgate(output: Path, tree: Path) -> Lines:
    """The lines that a report of qgate points at."""
    report = json.loads(output.read_text())
    return {(one["path"], one["line"]) for one in report["findings"]}


def of_sarif(output: Path, tree: Path) -> Lines:
    """The lines that a SARIF file points at."""
    places = [
        place["physicalLocation"]
        for run in json.loads(output.read_text())["runs"]
        for result in run["results"]
        for place in result["locations"]
    ]
    return {(_below(place["artifactLocation"]["uri"], tree), place["region"]["startLine"]) for place in places}


def of_detect_secrets(output: Path, tree: Path) -> Lines:
    """The lines that a baseline of detect-secrets points at."""
    results: Mapping[str, list[dict[str, int]]] = json.loads(output.read_text())["results"]
    return {(_below(path, tree), one["line_number"]) for path, found in results.items() for one in found}


def _below(path: str, tree: Path) -> str:
    return path.split(f"{tree.name}/", 1)[-1]


def contestants(tree: Path, output: Path) -> list[tuple[str, list[str], Callable[[Path, Path], Lines]]]:
    """Name, command and reader of the output of every tool that is installed."""
    known = [
        ("qgate", ["scan", "--select", "hardcoded-secret", "--exit-zero", "--no-cache", "-o", f"json={output}", str(tree)], of_qgate),
        ("deepsecrets", ["--target-dir", str(tree), "--outfile", str(output)], of_sarif),
        ("detect-secrets", ["-C", str(tree), "scan", "--all-files"], of_detect_secrets),
    ]  # fmt: skip
    scripts = Path(sysconfig.get_path("scripts"))
    return [
        (name, [str(scripts / name), *options], reader) for name, options, reader in known if (scripts / name).exists()
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("trees", nargs="*", type=Path)
    arguments = parser.parse_args()
    labelled = corpus(arguments.seed)
    secrets = {(one.path, one.line) for one in labelled.labels if one.secret}
    others = {(one.path, one.line) for one in labelled.labels if not one.secret}
    with tempfile.TemporaryDirectory() as place:
        tree, output = Path(place) / "corpus", Path(place) / "output"
        write(tree, labelled)
        (tree / "labels.json").unlink()
        print(f"{len(secrets)} secrets and {len(others)} lines that only look like one")
        print(f"{'tool':16}{'precision':>10}{'recall':>8}{'F1':>7}")
        for name, command, reader in contestants(tree, output):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if name == "detect-secrets":
                output.write_text(ran.stdout)
            found = reader(output, tree)
            hit, wrong = len(found & secrets), len(found & others)
            precision, recall = hit / max(1, hit + wrong), hit / len(secrets)
            both = 2 * precision * recall / max(1e-9, precision + recall)
            print(f"{name:16}{precision:10.3f}{recall:8.3f}{both:7.3f}")
        for timed in arguments.trees:
            size = (
                sum(path.stat().st_size for path in timed.rglob("*") if path.is_file() and ".git" not in path.parts)
                / 1e6
            )
            for name, command, _ in contestants(timed.resolve(), output):
                began = time.perf_counter()
                subprocess.run(command, capture_output=True, check=False)
                spent = time.perf_counter() - began
                print(f"{name:16}{timed.name}: {spent:.1f} s, {size / spent:.1f} MB/s")


if __name__ == "__main__":
    main()
