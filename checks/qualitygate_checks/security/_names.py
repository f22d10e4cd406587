"""In: the name that a value is bound to. Out: whether it says that the value is a credential, and of which kind."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PASSWORD = frozenset({"password", "passwd", "passphrase", "passcode", "pass", "pwd", "pw", "passwort"})
_JOINED = ("password", "passwd", "passphrase", "secret", "apikey", "secretkey", "accesskey", "authtoken", "accesstoken")
_KEY_OF = _words(
    "api access auth private secret encryption encrypt signing sign account service client shared master"
    " consumer webhook hmac jwt crypto cipher session app application licence license ssh deploy integration"
)

# The last word of a name that speaks about a credential without being one.
_ABOUT = _words(
    "id ids name names url urls uri endpoint endpoints path paths file files filename dir directory folder type types"
    " kind length len size min max field fields label hint help text title description desc policy policies rule rules"
    " expiry expiration expires expire exp ttl timeout age lifetime duration seconds minutes hours days header headers"
    " param params parameter parameters prefix suffix format regex pattern re message msg error errors exception class"
    " cls version algorithm alg algo provider backend backends service services manager store storage count limit"
    " limits budget usage status state enabled disabled required valid invalid verified reset form forms view views"
    " template templates page link redirect placeholder input widget attr attribute column columns table index model"
    " schema serializer validator validators hasher hashers hash hashed digest salt rounds iterations strength"
    " callback function func handler method methods permission permissions scope scopes role roles group groups"
    " location source engine driver mode ref reference arn alias env var variable option options flag config settings"
    " endpointurl created updated at date time on by for from event events action actions code codes info data"
    " generator factory getter cache queue topic mount annotation annotations selector pair pairs ring rotation"
    " question answer test tests case cases spec example"
)
# The first word of a name that is a question, or a deed, about a credential.
_DEED = _words(
    "is has have had can should must may get set reset forgot forgotten change changed validate verify check confirm"
    " require requires need needs use uses using allow allows show hide no not missing invalid valid wrong bad update"
    " create generate new make delete remove revoke refresh find parse read load send on max min num n total count"
    " enable disable from existing"
)
# Words beside `key` that make it a key of a table, of a map or of a keyboard.
_NO_KEY = _words(
    "public primary foreign sort partition cache row hash map dict lookup group index unique natural composite object"
    " property record column table field route routing message event sort range order filter translation i18n label"
    " redis bucket s3 idempotency item data json attribute header param config setting name path file dedup context"
)
# Words that make of a credential's name something else, wherever they stand.
_ELSE = _words(
    "public publishable website anon csrf xsrf keyboard hash hashed digest encrypted sealed masked redacted obfuscated"
)
_STATES = frozenset(
    {"is", "has", "have", "can", "should", "must", "may", "require", "requires", "need", "needs", "use"}
)
# Words after a credential word that change nothing.
_NEUTRAL = _words(
    "value val string str default fallback prod production dev development staging local live test sandbox old new"
    " current previous primary secondary base64 b64 raw plain plaintext 1 2 3"
)


@dataclass(frozen=True)
class Credential:
    """What a name says: ``kind`` is `password`, `secret`, `token` or `key`.

    ``sure`` is false where the name says so only in passing: then the value itself must look like a credential.
    """

    kind: str
    sure: bool


def words_of(name: str) -> list[str]:
    """The words of an identifier or a dotted key, in lower case: ``DB_PASSWORD``, ``dbPassword`` and ``db-password`` agree."""
    return [word.lower() for word in _WORD.findall(name)]


def credential(name: str) -> Credential | None:
    """What ``name`` says about the value bound to it; None where it says nothing of a credential."""
    words = words_of(name[-120:])
    if not words or not _ELSE.isdisjoint(words):
        return None
    while len(words) > 1 and (words[-1] in _NEUTRAL or words[-1].isdigit()):
        words = words[:-1]
    kind = _kind(words)
    if kind:
        return Credential(kind, words[0] not in _DEED or (words[0] == "new" and kind == "password"))
    if words[-1] in _ABOUT or words[0] in _STATES:
        return None
    # The credential word stands inside: `secret_for_webhooks`, `token_a`.
    for end in range(len(words) - 1, 0, -1):
        if kind := _kind(words[:end]):
            return Credential(kind, False)
    if words[-1] in ("secrets", "tokens", "passwords") or (
        words[-1] == "keys" and words[-2:-1] and words[-2] in _KEY_OF
    ):
        return Credential(words[-1][:-1], False)
    if words[-1] == "key" and words[-2:-1] != ["public"] and _NO_KEY.isdisjoint(words):
        # `TUMBLR_KEY`: the key of a service, or one of a table.
        return Credential("key", False)
    return None


def _kind(words: list[str]) -> str:
    """The kind that the end of ``words`` names, or the empty string."""
    last = words[-1]
    before = words[-2] if len(words) > 1 else ""
    if last in _PASSWORD or (last.startswith("pg") and last[2:] in _PASSWORD):
        return "password"
    if last == "secret":
        return "secret"
    if last == "token":
        return "token"
    if last == "key" and before in _KEY_OF:
        return "key"
    if last in ("credential", "credentials", "creds"):
        return "secret"
    if last.endswith(_JOINED):
        if "password" in last or "pass" in last:
            return "password"
        return "token" if last.endswith("token") else "key" if last.endswith("key") else "secret"
    return ""
