"""In: the address of a service. Out: its scheme and host, and whether only a private network reaches it."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[^/?#@\s]*@)?(\[[^\]]*\]|[^/?#:,\s]*)(?::(\d+|\{\}))?", re.IGNORECASE)
# The numbers of RFC 1918, RFC 3927 and RFC 6598, and names that no public name server answers.
_PRIVATE = re.compile(
    r"(?:127|10|0)\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|169\.254\.\d+\.\d+"
    r"|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+|\[.*\]"
    r"|(?:[^.]+\.)+(?:local|localhost|localdomain|test|internal|intranet|lan|home|corp|private|svc|consul|invalid|docker)"
    r"|(?:[^.]+\.)+(?:svc\.cluster\.local|cluster\.local)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*\.[a-z][a-z0-9-]+|\d{1,3}(?:\.\d{1,3}){3}", re.IGNORECASE)


def address(text: str) -> tuple[str, str]:
    """Scheme and host of an address in lower case, without its port and credentials; two empty texts for anything else."""
    found = _ADDRESS.match(text)
    return (found[1].lower(), found[2].lower()) if found else ("", "")


def is_public(host: str) -> bool:
    """Whether a host is surely one that is reached over a network of others; false for parts that are not known."""
    return "{" not in host and _NAME.fullmatch(host) is not None and _PRIVATE.fullmatch(host) is None


def is_private(host: str) -> bool:
    """Whether a host is surely this machine or one of a private network: a name of one label is a container."""
    return "{" not in host and bool(host) and (_PRIVATE.fullmatch(host) is not None or "." not in host)
