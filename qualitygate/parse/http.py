"""In: a path, a host, the name of a header or parameter. Out: what it says about version, pagination and purpose.

The vocabulary was measured on 2,639 published contracts; routes in code and operations in contracts are read by the
same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_VERSION: Final = re.compile(
    r"v\d+(?:[._-]\d+)*(?:[a-z][a-z0-9]*)?"  # v1, v2.1, v1beta1, v1p1beta1, v1b3
    r"|\d{4}-\d{2}(?:-\d{2})?"  # 2010-04-01
    r"|\d+(?:\.\d+)+"  # 3.0
    r"|(?:api|rest|service|services)[._-]?v\d+(?:[._-]\d+)*"  # apiv1, rest-v2
    r"|v?\{[a-z_-]*version\}(?:\.\{[a-z_-]*version\})?"  # {version}, v{api-version}
)
_HOST_LABEL: Final = re.compile(r"(?:[a-z0-9-]*-)?v\d+(?:[-_]\d+)*(?:[a-z][a-z0-9]*)?")
_VERSION_PARAMETER: Final = frozenset(("apiversion", "version", "v", "ver", "apiver", "xapiversion"))
_MEDIA_TYPE: Final = re.compile(r"/vnd\.[^;]*[.+-]v\d|/vnd\.[^;]*\.\d{4}-\d{2}-\d{2}|;\s*(?:version|v)\s*=")

# How deep in a path a version may stand and still version the whole resource: /apis/apps/v1/...
VERSION_DEPTH: Final = 3


def path_version(path: str, depth: int = VERSION_DEPTH) -> str:
    """The first of the first ``depth`` segments of a path that is a version; empty where none is."""
    for segment in [segment for segment in path.split("/") if segment][:depth]:
        if _VERSION.fullmatch(segment.lower()):
            return segment
    return ""


def host_version(host: str) -> str:
    """The label of a host name that is a version (`v2.api.example.com`, `api-v1.example.com`); empty where none is."""
    for label in host.lower().split(":", 1)[0].split("."):
        if _HOST_LABEL.fullmatch(label):
            return label
    return ""


def is_version_parameter(name: str, source: str) -> bool:
    """Whether a parameter (``source``: `query`, `header`, `path`, ...) chooses a version of the API by its name."""
    word = normalised(name)
    if source == "query":
        return word in _VERSION_PARAMETER
    # If-Match and its like carry the version of a resource, and never say so in their name.
    return source == "header" and "version" in word


def is_versioned_media_type(media_type: str) -> bool:
    """Whether a media type carries a version (`application/vnd.example.v2+json`)."""
    return _MEDIA_TYPE.search(media_type.lower()) is not None


# Words that say it wherever a path ends, and words that say it only where they are the whole path: /orders/status is a
# resource, /status is not.
_HEALTH_END: Final = frozenset(
    "health healthz healthcheck health-check health_check readyz readiness livez liveness ping".split()
)
_ALONE: Final = {
    **dict.fromkeys("status ready live heartbeat alive up startup".split(), "health"),
    **dict.fromkeys(("metrics", "prometheus", "actuator"), "metrics"),
    **dict.fromkeys("docs doc redoc swagger swagger-ui openapi schema api-docs".split(), "documentation"),
}
_OAUTH: Final = frozenset("oauth oauth2 oidc saml saml2 sso auth".split())
_OAUTH_END: Final = frozenset(
    "token authorize authorization revoke introspect userinfo jwks certs callback acs metadata logout".split()
)
_DOCUMENT: Final = re.compile(
    r"(?:openapi|swagger)[\w.-]*\.(?:json|ya?ml)|(?:robots|humans|security)\.txt|favicon\.ico"
)


def purpose(path: str) -> str:
    """Why the rules of an API leave a path alone, by its words; empty where they do not.

    One of `root`, `health`, `metrics`, `documentation`, `well-known`, `oauth`. A path with parameters is never exempt.
    """
    segments = [segment for segment in path.lower().split("/") if segment]
    if not segments:
        return "root"
    if "{" in path:
        return ""
    if segments[0] == ".well-known":
        return "well-known"
    if _DOCUMENT.fullmatch(segments[-1]):
        return "documentation"
    rest = [segment for segment in segments if segment not in ("api", "rest") and not _VERSION.fullmatch(segment)]
    if segments[-1] in _HEALTH_END or (rest and rest[0] in _HEALTH_END):
        return "health"
    if rest and rest[0] == "actuator":
        return "metrics"
    if len(rest) == 1:
        return _ALONE.get(rest[0], "")
    if rest and rest[0] in _OAUTH and rest[-1] in _OAUTH_END:
        return "oauth"
    return ""


# What sets the size of a page, and what moves through the pages; normalised. `from`, `to` and `since` are dates more often.
_SIZE: Final = frozenset(
    "limit pagesize perpage maxresults count size top max maxpagesize itemsperpage pagelimit resultsperpage first last "
    "take rows maxitems numresults maxrecords recordsperpage batchsize maxkeys resultcount hitsperpage fetchsize "
    "maxitemcount pagelength resultlimit maxrows".split()
)
_POSITION: Final = frozenset(
    "offset page pagenumber pagenum pageno cursor start startindex startat skip after before startingafter endingbefore "
    "pagetoken nexttoken nextpagetoken continuationtoken continuation marker token next nextcursor sinceid maxid bookmark "
    "scrollid lastkey exclusivestartkey pageindex pagekey pagecursor startposition startkey anchor resumptiontoken "
    "skiptoken paginationtoken lastid fromid afterid firstresult currentpage nextpage position".split()
)
# Properties of an envelope that lead to the next page, or say which page this is.
_NEXT: Final = frozenset(
    "next nextlink nextpage nextpagetoken nextcursor nexttoken nextmarker nextpageurl nextpageuri nextpagelink nextrecordsurl "
    "nexturl nexturi nexthref odatanextlink hasmore hasnext hasnextpage hasmoreitems morerecords istruncated pagination paging "
    "pageinfo pageinformation pagedetails continuationtoken continuation cursor cursors page pagenumber pagesize perpage currentpage "
    "totalpages pagecount lastpage offset limit endcursor lastevaluatedkey scrollid bookmark".split()
)
# What an envelope keeps such properties in.
_META: Final = frozenset(
    "links link meta metadata responsemetadata info page pageable result response listmeta".split()
)

_BRACKETED: Final = re.compile(r"\[([^\[\]]*)\]")


def normalised(name: str) -> str:
    """A name in lower case, letters and digits only."""
    return "".join(character for character in name.lower() if character.isascii() and character.isalnum())


def paging_role(name: str) -> str:
    """What a query parameter does for pagination, by its name: `size`, `position` or nothing.

    Of `page[size]` and `criteria[pageSize]` the last bracket speaks first, then both together, then the outer name.
    """
    inner = _BRACKETED.findall(name)
    words = [name]
    if inner:
        outer = name.split("[", 1)[0]
        words = [inner[-1], outer + inner[-1], outer]
    elif "." in name:
        words = [name.rsplit(".", 1)[1], name]
    for word in map(normalised, words):
        if word in _SIZE:
            return "size"
        if word in _POSITION:
            return "position"
    return ""


def next_page_property(names: Iterable[str]) -> str:
    """The first of the names of an envelope's properties that tells of further pages; empty where none does."""
    return next((name for name in names if normalised(name) in _NEXT), "")


def is_envelope_metadata(name: str) -> bool:
    """Whether a property of an envelope is where links to further pages are kept (`links`, `meta`)."""
    return normalised(name) in _META
