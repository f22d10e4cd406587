"""In: state that requests share. Out: which of its changes count, whose data it holds, and the words of a finding."""

from __future__ import annotations

import re
from collections.abc import Iterable

from qualitygate.authoring import Place
from qualitygate.model.architecture import SharedState, StateChange
from qualitygate_checks._reach import functions

# What belongs to one user or client, by the words of a name.
_SESSION = re.compile(
    r"(^|_)(sessions?|logins?|logged|carts?|baskets?|otps?|nonces?|csrf|conversations?|online|(active|current|connected|"
    r"authenticated|logged_in)_(users?|sessions?|clients?)|(refresh|access|auth|user|reset|verification|invite)_(tokens?|"
    r"codes?|states?)|tokens|oauth_states?|pending_(logins?|states?|codes?)|presence|visitors)($|_)"
)
_COUNTS = re.compile(
    r"(^|_)(attempts?|limits?|counts?|counters?|failures?|locks?|handlers?|factory|maker|tracker)($|_)"
)
_LOST = re.compile(r"(^|_)(sessions?|logins?|carts?|baskets?|otps?)($|_)")
_OTHER = re.compile(
    r"(^|[/_ ])(db|database|sql\w*|orm|http|aiohttp|clients?|connections?|pools?|engines?|boto\w*|tracker)([/_. ]|$)"
)
_CACHE = re.compile(
    r"cache|memo|lru|lookup|singleton|(^|_)(instances?|clients?|engines?|pools?|providers?|plugins?|loaded|registry)($|_)"
)
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")
# What a probe asks is asked of each process by itself.
_PROBE = re.compile(r"/(health\w*|ready\w*|live\w*|ping|status)(/[a-z]*)?$")
_SHOWN = 3


def words(name: str) -> str:
    """A name in lower case with its words joined by underscores."""
    return "_".join(word.lower() for word in _WORDS.findall(name))


def is_cache(state: SharedState) -> bool:
    """Whether a container keeps what can be worked out again: by its kind, its name, its class or the way it is filled.

    What is named after sessions, logins or carts is no cache, whatever else its name says: nobody can work it out again.
    """
    filled = [change for change in state.changes if change.how in ("item", "added", "rebound")]
    if _LOST.search(words(state.name)):
        return False
    if state.kind.endswith("Cache") or state.kind.startswith("Weak"):
        return True
    holder = state.owner.rsplit(":", 1)[-1]
    if _CACHE.search(words(state.name)) or "cache" in words(holder):
        return True
    return bool(filled) and all(change.guarded for change in filled)


def is_session(state: SharedState) -> bool:
    """Whether a name says that the data belongs to one user or client."""
    name = words(state.name)
    # Sessions of a database or an HTTP client are no sessions of users.
    if _COUNTS.search(name):
        return False
    return _SESSION.search(name) is not None and not _OTHER.search(f"{name} {state.place.path} {words(state.owner)}")


def changed_by_requests(state: SharedState) -> list[StateChange]:
    """Changes that requests make and that other requests would have to see."""
    return [
        change
        for change in state.changes
        if not all(map(_PROBE.search, change.routes))
        and not (change.guarded and change.how == "rebound")
        and (change.own_key if change.how in ("item", "added") else change.how == "rebound")
    ]


def reason(changes: Iterable[StateChange]) -> str:
    """`POST /login runs login -> remember, which changes it`, and how many more places do."""
    found = list(changes)
    first = found[0]
    names = functions(first.chain) or [first.owner.split(":", 1)[-1]]
    more = f"; {len(found) - 1} more {'place does' if len(found) == 2 else 'places do'}" if len(found) > 1 else ""
    return f"{first.routes[0]} runs {' -> '.join(names)}, which changes it{more}"


def places(changes: Iterable[StateChange]) -> tuple[Place, ...]:
    """The way to the first change, and the changes themselves."""
    found = list(changes)
    return (*found[0].chain, *(change.place for change in found[:_SHOWN]))
