"""In: the text of a configuration file. Out: whether a gateway or proxy that it configures limits the rate of requests."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from qualitygate.model.source import Language, SourceFile, Text

_LARGEST = 500_000
_CONFIGURATION = frozenset((Language.YAML, Language.JSON, Language.TOML, Language.TEXT, Language.INI))
# From the references of nginx, HAProxy, Traefik, Kong, Envoy, ingress-nginx, Caddy, AWS API Gateway and Apache APISIX.
_LIMIT = re.compile(
    r"^[ \t]*limit_req(?:_zone)?[ \t]+\S|stick-table[^\n]*http_req_rate|\brateLimit:|[.]ratelimit[.](?:average|burst)"
    r"|\bname:[ \t]*[\"']?rate-limiting|local_rate_?limit|envoy[.]filters[.]http[.]ratelimit|rate_limits:"
    r"|nginx[.]ingress[.]kubernetes[.]io/limit-r|^[ \t]*rate_limit[ \t]*\{|throttlingRateLimit|ThrottlingRateLimit"
    r"|burstLimit|BurstLimit|\"limit-(?:req|count)\"|\blimit-(?:req|count):",
    re.MULTILINE,
)
# One of these is part of whatever the pattern matches; each is looked for a hundred times as fast as the pattern.
_WORDS = (
    *("limit_req", "http_req_rate", "rateLimit:", "ratelimit.", "rate-limiting", "local_rate", "http.ratelimit"),
    *("rate_limit", "/limit-r", "hrottlingRateLimit", "urstLimit", "limit-req", "limit-count"),
)


def configures_gateway(file: SourceFile) -> bool:
    """Whether a file may configure a gateway by its name, so that it is opened though nothing else would read it."""
    path = PurePosixPath(file.path)
    return path.suffix in (".conf", ".cfg", ".nginx", ".vcl", ".template") or path.name == "Caddyfile"


def limits_requests(text: Text, language: Language) -> bool:
    """Whether the text holds a directive by which a gateway limits requests; never for code."""
    if language not in _CONFIGURATION or len(text.content) > _LARGEST:
        return False
    if "imit" not in text.content and "http_req_rate" not in text.content:
        return False
    return any(word in text.content for word in _WORDS) and _LIMIT.search(text.content) is not None
