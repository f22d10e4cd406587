"""In: how many cases, and a seed. Out: what broke, each fault once, and how often each target was tried.

    python -m fuzz --cases 20000 --seed 1
    python -m fuzz --cases 20000 --seed 2 --tree ~/src/netbox --tree ~/src/saleor
    python -m fuzz --seed 1 --only 4711 --keep /tmp/case      the inputs of one case, to look at

A case is told by its seed and number alone. Each runs in a process with a limit of its own on the time of the processor,
set with the kernel, so that a hang in native code is found too; one that dies is told, and the next case goes on.
Exit code 1 where anything broke.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import mmap
import multiprocessing
import os
import pkgutil
import resource
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from typing import Any

import qualitygate
from fuzz.targets import Case, Fault, Targets, signature

# Of a processor, for one case: its inputs have some thousand lines at most, and take milliseconds as a rule.
_SECONDS = 10
_SLOW = 2.0
_MEMORY = 3 << 30
_BATCH = 250


def main() -> int:
    """Run the cases and print what came of them."""
    arguments = _arguments()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:  # noqa: S108
        targets = Targets(arguments.tree, Path(folder))
        if arguments.only is not None:
            return _one(targets, arguments)
        faults, tried, slow, seconds = _run(targets, arguments)
    for (target, kind), numbers in sorted(faults.items(), key=lambda item: -len(item[1])):
        first = numbers[0]
        print(f"{len(numbers):6} {target}: {kind}\n       first in case {first[0]}: {first[1]}")
    for took, number, target in sorted(slow, reverse=True)[:10]:
        print(f"  slow {target}: {took:.1f} s in case {number}")
    shares = ", ".join(f"{count:,} {target}" for target, count in sorted(tried.items()))
    broken = sum(len(numbers) for numbers in faults.values())
    print(
        f"seed {arguments.seed}: {sum(tried.values()):,} cases ({shares}), {broken} faults of {len(faults)} kinds; "
        f"{len(targets.corpus.seeds):,} seeds, {seconds:.0f} s of processor, {time.monotonic() - started:.0f} s"
    )
    if arguments.totals:
        line = {
            "seed": arguments.seed,
            "cases": dict(sorted(tried.items())),
            "faults": broken,
            "seconds": round(seconds),
        }
        with arguments.totals.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tree", type=Path, action="append", default=[], help="a git checkout to take files from")
    parser.add_argument("--target", default="", help="only this target")
    parser.add_argument("--only", type=int, help="run one case here, with its traceback")
    parser.add_argument("--keep", type=Path, help="with --only: a folder for its inputs")
    parser.add_argument("--totals", type=Path, help="a file to add a line of JSON to")
    return parser.parse_args()


def _case(targets: Targets, arguments: argparse.Namespace, number: int) -> tuple[str, Case]:
    chance = Random(f"{arguments.seed}:{number}")
    known = targets.all()
    names = [arguments.target] if arguments.target else list(known)
    name = chance.choices(names, [known[name][0] for name in names])[0]
    return name, Case(chance)


class _Kept(dict[str, bytes]):
    """Inputs that are written as soon as they are made: what reads them may end the process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __setitem__(self, path: str, content: bytes) -> None:
        super().__setitem__(path, content)
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _one(targets: Targets, arguments: argparse.Namespace) -> int:
    name, case = _case(targets, arguments, arguments.only)
    if arguments.keep:
        case.inputs = _Kept(arguments.keep)
    print(f"case {arguments.only}: {name}")
    began = time.process_time()
    try:
        targets.all()[name][1](case)
    except Exception:  # noqa: BLE001 - whatever it is is what was looked for
        traceback.print_exc()
        return 1
    finally:
        print(f"{time.process_time() - began:.2f} s; broken: {', '.join(map(repr, case.inputs))}")
    return 0


Faults = dict[tuple[str, str], list[tuple[int, str]]]


def _run(
    targets: Targets, arguments: argparse.Namespace
) -> tuple[Faults, Counter[str], list[tuple[float, int, str]], float]:
    """Share the cases out among processes; what broke, what was tried, what was slow, and the time it took."""
    context = multiprocessing.get_context("fork")
    pending = list(range(arguments.first, arguments.first + arguments.cases))[::-1]
    faults: Faults = {}
    tried: Counter[str] = Counter()
    slow: list[tuple[float, int, str]] = []
    seconds = 0.0
    # What every process would import and make for itself otherwise.
    for found in pkgutil.walk_packages(qualitygate.__path__, "qualitygate."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in ("_configurations", "_samples", "_baseline", "_cached_project", "_cached"):
        getattr(targets, name)
    for seed in targets._whole:
        targets._facts(seed)
    gc.freeze()
    running: dict[Connection, tuple[Any, mmap.mmap, list[int]]] = {}
    try:
        while pending or running:
            while pending and len(running) < arguments.jobs:
                batch = [pending.pop() for _ in range(min(_BATCH, len(pending)))]
                ours, theirs = context.Pipe(duplex=False)
                note = mmap.mmap(-1, 8)
                process = context.Process(target=_batch, args=(targets, arguments, batch, theirs, note))
                process.start()
                theirs.close()
                running[ours] = (process, note, batch)
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)  # noqa: S101 - said to the type checker
                process, note, batch = running[pipe]
                try:
                    number, name, took, kind, detail = pipe.recv()
                except EOFError:
                    process.join()
                    del running[pipe]
                    if batch:
                        # It died over the case that it had noted: the others of its batch are still to be tried.
                        (number,) = struct.unpack("q", note[:8])
                        name, _ = _case(targets, arguments, number)
                        how = "hangs" if process.exitcode in (-24, -9) else f"dies (exit code {process.exitcode})"
                        faults.setdefault((name, how), []).append(
                            (number, f"more than {_SECONDS} s" if how == "hangs" else "")
                        )
                        tried[name] += 1
                        pending += [left for left in batch if left != number][::-1]
                    continue
                batch.remove(number)
                tried[name] += 1
                seconds += took
                if kind:
                    faults.setdefault((name, kind), []).append((number, detail))
                if took > _SLOW:
                    slow.append((took, number, name))
            if sys.stderr.isatty():
                print(f"\r{sum(tried.values()):,} cases, {len(faults)} kinds of faults", end="", file=sys.stderr)
    except KeyboardInterrupt:
        # What was tried until then is told.
        for process, _, _ in running.values():
            process.kill()
    return faults, tried, slow, seconds


def _batch(
    targets: Targets, arguments: argparse.Namespace, batch: list[int], pipe: Connection, note: mmap.mmap
) -> None:
    """The life of a process: its cases, one by one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    known = targets.all()
    for number in list(batch):
        name, case = _case(targets, arguments, number)
        note[:8] = struct.pack("q", number)
        began = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(began) + _SECONDS + 1, resource.RLIM_INFINITY))
        kind = detail = ""
        try:
            known[name][1](case)
        except Fault as fault:
            kind, detail = fault.kind, str(fault)
        except Exception as error:  # noqa: BLE001 - whatever it is is what was looked for
            kind, detail = signature(error), str(error)[:200]
        pipe.send((number, name, time.process_time() - began, kind, detail))
    pipe.close()


if __name__ == "__main__":
    raise SystemExit(main())
