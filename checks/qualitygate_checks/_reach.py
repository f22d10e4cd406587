"""In: a library call. Out: how requests come to it, in words for a finding."""

from __future__ import annotations

from qualitygate.model.calls import Call


def owner(call: Call) -> str:
    """The qualified name of the function that makes a call; the file's path for code that runs at import."""
    return call.owner.split(":", 1)[-1]


def way(call: Call) -> str:
    """`GET /items runs read_item -> fetch`, and how many operations come there; empty where no request is seen to."""
    if not call.routes:
        return ""
    steps = [place.note for place in call.chain if place.role == "call"]
    names = [steps[0].split(" calls ", 1)[0]] if steps else []
    names += [note.split(" calls ", 1)[-1] for note in steps]
    run = " -> ".join(names) if names else owner(call)
    others = len(call.routes) - 1
    more = f" ({others} more {'operation comes' if others == 1 else 'operations come'} here)" if others else ""
    return f"{call.routes[0]} runs {run}{more}"
