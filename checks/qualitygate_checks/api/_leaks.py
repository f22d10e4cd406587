"""In: an error response. Out: whether the text of an exception in it tells internals, or was worded for clients."""

from __future__ import annotations

import re

from qualitygate.authoring import Confidence
from qualitygate.model.architecture import ErrorResponse

# Exceptions whose words are meant for whoever sent the request.
_ADDRESSED = re.compile(
    r"(?:Validation|HTTP|Http|API|Api|BadRequest|NotFound|Forbidden|Unauthorized|PermissionDenied|Permission|Conflict|Parse"
    r"|Authentication|NotAuthenticated|Unprocessable|DoesNotExist|Throttled|RequestException|ClientDisconnect|Form|Cli"
    r"|NoReverse|Suspicious|Serializer|Parameter|Argument)\w{0,80}$|^Http404$|^DoesNotExist$"
)
# Raised on purpose with words of one's own at least as often as by accident.
_PLAIN = frozenset(
    ("ValueError", "AssertionError", "NotImplementedError", "PermissionError", "StopIteration", "LookupError")
)
_BROAD = frozenset(("Exception", "BaseException", "parameter", "traceback"))
_HANDLED_BROADLY = frozenset(("Exception", "BaseException", "500", "InternalServerError"))
_TELLING = re.compile(
    r"sqlalchemy|psycopg|asyncpg|pymysql|sqlite3|django\.db|pymongo|redis|botocore|subprocess|builtins\.OSError"
)


def leak(error: ErrorResponse) -> Confidence | None:
    """How sure it is that the response tells internals; None where its words are the project's own or meant for clients."""
    name = error.exception
    if not name:
        return None
    last = name.rsplit(".", 1)[-1]
    if name == "traceback":
        return Confidence.HIGH
    if name == "parameter":
        # The argument of an error handler is what the handler was registered for.
        return Confidence.HIGH if error.catches.rsplit(".", 1)[-1] in _HANDLED_BROADLY else None
    if ":" in name or last in _PLAIN or _ADDRESSED.search(last):
        return None
    if last in _BROAD or _TELLING.search(name):
        return Confidence.HIGH
    return Confidence.MEDIUM


def addressed(error: ErrorResponse) -> bool:
    """Whether the words of the exception in a response are the project's own, or a library's for its clients."""
    return ":" in error.exception or _ADDRESSED.search(error.exception.rsplit(".", 1)[-1]) is not None
