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
    r"|\d{1,2}"  # /rest/api/3: a bare number that is written in the path is no identifier
    r"|(?:[a-z0-9-]+-|api[._]?)v\d+(?:[._-]\d+)*"  # apiv1, invoices-v2; alerts_v2 is a resource
    r"|v?\{[a-z_-]*version\}(?:\.\{[a-z_-]*version\})?"  # {version}, v{api-version}
)
_EXTENSION: Final = re.compile(r"\.(?:[a-z]+|\{[a-z_]+\})$")
_HOST_LABEL: Final = re.compile(r"(?:[a-z0-9-]*-)?v\d+(?:[-_]\d+)*(?:[a-z][a-z0-9]*)?")
_VERSION_PARAMETER: Final = frozenset(("apiversion", "version", "v", "ver", "apiver", "xapiversion"))
_MEDIA_TYPE: Final = re.compile(
    r"/vnd\.[^;]{0,99}[.+-]v\d|/vnd\.[^;]{0,99}\.\d{4}-\d{2}-\d{2}|;\s{0,9}(?:version|v)\s*="
)

# How many fixed segments may lead to a version that still versions the whole resource: /apis/apps/v1/...
VERSION_DEPTH: Final = 3


def path_version(path: str, depth: int = VERSION_DEPTH) -> str:
    """The version among the first ``depth`` fixed segments of a path; empty where none is one.

    A version that is a parameter counts wherever it stands before them.
    """
    fixed = 0
    for segment in path.split("/"):
        if not segment:
            continue
        if _VERSION.fullmatch(_EXTENSION.sub("", segment.lower())):
            return segment
        fixed += "{" not in segment
        if fixed >= depth:
            break
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
    **dict.fromkeys(("version", "versions", "info", "about"), "documentation"),
}
_DOCUMENTATION: Final = frozenset("docs doc redoc swagger swagger-ui openapi schema api-docs".split())
_OAUTH: Final = frozenset("oauth oauth2 oidc saml saml2 sso auth".split())
_OAUTH_END: Final = frozenset(
    "token authorize authorization revoke introspect userinfo jwks certs callback acs metadata logout code device".split()
)
_DOCUMENT: Final = re.compile(
    r"(?:openapi|swagger)[\w.-]*\.(?:json|ya?ml)|(?:robots|humans|security)\.txt|favicon\.ico"
)


def purpose(path: str) -> str:
    """Why the rules of an API leave a path alone, by its words; empty where they do not.

    One of `root`, `health`, `metrics`, `documentation`, `well-known`, `oauth`. A path with parameters is never exempt.
    """
    segments = [segment for segment in path.lower().split("/") if segment]
    if all(segment in ("api", "rest") for segment in segments):
        return "root"
    if "{" in path:
        return ""
    # Contracts that describe one path in two ways set them apart by a fragment: /oauth2/token#refresh.
    segments[-1] = segments[-1].partition("#")[0]
    if segments[0] == ".well-known":
        return "well-known"
    if _DOCUMENT.fullmatch(segments[-1]):
        return "documentation"
    rest = [segment for segment in segments if segment not in ("api", "rest") and not _VERSION.fullmatch(segment)]
    if segments[-1] in _HEALTH_END or (rest and rest[0] in _HEALTH_END):
        return "health"
    if rest and rest[0] == "actuator":
        return "metrics"
    if rest and all(segment in _DOCUMENTATION for segment in rest):
        return "documentation"
    if len(rest) == 1:
        return "oauth" if rest[0] in ("authorize", "token", "revoke", "introspect") else _ALONE.get(rest[0], "")
    if rest and rest[0] in _OAUTH and rest[-1] in _OAUTH_END:
        return "oauth"
    return ""


def is_probe(path: str) -> bool:
    """Whether a path asks how the service fares: a health check, its metrics, `/status/database`."""
    if purpose(path) in ("health", "metrics"):
        return True
    rest = [
        word for word in path.lower().split("/") if word not in ("", "api", "rest") and not _VERSION.fullmatch(word)
    ]
    return "{" not in path and bool(rest) and _ALONE.get(_EXTENSION.sub("", rest[0])) == "health"


# What sets the size of a page, and what moves through the pages; normalised. `from`, `to` and `since` are dates more often.
_SIZE: Final = frozenset(
    "limit pagesize perpage maxresults count size top max maxpagesize itemsperpage pagelimit resultsperpage first last "
    "take rows maxitems numresults maxrecords recordsperpage batchsize maxkeys resultcount hitsperpage fetchsize "
    "maxitemcount pagelength resultlimit maxrows rpp maxcount returncount".split()
)
_POSITION: Final = frozenset(
    "offset page pagenumber pagenum pageno cursor start startindex startat skip after before startingafter endingbefore "
    "pagetoken nexttoken nextpagetoken continuationtoken continuation marker token next nextcursor sinceid maxid bookmark "
    "scrollid lastkey exclusivestartkey pageindex pagekey pagecursor startposition startkey anchor resumptiontoken "
    "skiptoken paginationtoken lastid fromid afterid firstresult currentpage nextpage position pg".split()
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

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_THINGS: Final = frozenset(
    "result results item items record records row rows entry entries hits elements objects".split()
)
_COUNTS: Final = frozenset("number num no count max limit total".split())
_CLOCK: Final = frozenset("time timezone tz utc gmt zone date minute minutes hour hours".split())
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
    return _role_of_words([word.lower() for word in _WORD.findall(words[0])])


def _role_of_words(words: list[str]) -> str:
    """The role of a name of several words that is in no list: `numberOfResults`, `row_count`, `users_limit`, `skipRecords`."""
    if len(words) < 2:
        return ""
    known = set(words)
    if words[-1] == "limit" or words[:2] == ["limit", "per"] or (known & _THINGS and known & _COUNTS):
        return "size"
    if words[-1] in ("cursor", "offset") and not known & _CLOCK:
        return "position"
    if words[0] in ("first", "start", "skip", "next") and words[-1] in _THINGS:
        return "position"
    return "position" if words[0].startswith("paginat") and words[-1] == "page" else ""


def next_page_property(names: Iterable[str]) -> str:
    """The first of the names of an envelope's properties that tells of further pages; empty where none does."""
    return next((name for name in names if normalised(name) in _NEXT), "")


def is_envelope_metadata(name: str) -> bool:
    """Whether a property of an envelope is where links to further pages are kept (`links`, `meta`)."""
    return normalised(name) in _META


_PLURALS: Final = frozenset("children people data media history feed timeline list all search find export".split())
# Plural words for what is fixed by the service or small by its nature.
_FIXED: Final = frozenset(
    "countries currencies languages locales timezones zones regions types statuses states units genders formats "
    "settings preferences options capabilities features permissions scopes details statistics stats counts totals "
    "categories genres fields columns holidays licenses commons styles headings "
    "summaries metrics analytics status address analysis news series basis plans limits quotas sas credentials rates "
    "methods sizes tiers editions defaults".split()
)
# Words for a few chosen ones of many.
_SELECTION: Final = frozenset(
    "popular top recent latest trending featured highlighted suggested suggestions recommended recommendations nearby stats "
    "statistics random".split()
)


def last_word(path: str) -> str:
    """The last word of the last segment of a path, in lower case: `types` of `/users/regTypes.json`."""
    segment = path.rstrip("/").rpartition("/")[2]
    words = _WORD.findall(re.sub(r"\.[a-z]+$", "", segment))
    return words[-1].lower() if words else ""


def is_fixed_set(word: str) -> bool:
    """Whether a word names a set that does not grow with use: `currencies`, `types`, `settings`."""
    return word in _FIXED


def is_selection(path: str) -> bool:
    """Whether one of the last two segments of a path says that it gives a few of many: `/traffic/popular/paths`."""
    return any(segment.lower() in _SELECTION for segment in path.rstrip("/").split("/")[-2:])


def is_plural(word: str) -> bool:
    """Whether a word of a path names many things, as English builds it."""
    return word in _PLURALS or (len(word) > 2 and word.endswith("s") and not word.endswith(("ss", "us", "is")))
