"""In: a library call. Out: how requests come to it, in words for a finding, and whether a person starts it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qualitygate.authoring import Place
from qualitygate.model.calls import Call

# Below the top, `tools` are more often the tools that a service offers: to its users, to a language model.
_SCRIPT = re.compile(r"(^|/)(commands|cli|scripts|bin)/|^(tools|dev|hack)/|(^|/)(manage|cli|commands)\.py$")
_STEP = re.compile(r" calls | depends on ")


def owner(call: Call) -> str:
    """The qualified name of the function that makes a call; the file's path for code that runs at import."""
    return call.owner.split(":", 1)[-1]


def way(call: Call) -> str:
    """`GET /items runs read_item -> fetch`, and how many operations come there; empty where no request is seen to."""
    if not call.routes:
        return ""
    names = functions(call.chain) or [owner(call)]
    others = len(call.routes) - 1
    more = f" ({others} more {'operation comes' if others == 1 else 'operations come'} here)" if others else ""
    return f"{call.routes[0]} runs {' -> '.join(names)}{more}"


def functions(chain: Sequence[Place]) -> list[str]:
    """The functions that a chain of calls runs through, the first caller first; empty for a chain without calls."""
    steps = [_STEP.split(place.note, maxsplit=1) for place in chain if place.role == "call"]
    return [steps[0][0], *(step[-1] for step in steps)] if steps else []


def is_script(path: str) -> bool:
    """Whether a file is a command that a person starts and can stop, so that no request waits behind it."""
    return _SCRIPT.search(path) is not None
