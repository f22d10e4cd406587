"""In: a value and the name it is bound to. Out: how much like a credential the value itself is."""

from __future__ import annotations

import re
from enum import Enum

from qualitygate_checks.security._names import words_of
from qualitygate_checks.security._surprise import entropy, surprise


class Strength(Enum):
    """`NONE` is no credential; `DEFAULT` one that guides print or that says its own name; `WEAK` a word or a run;
    `PLAIN` one that a person chose; `RANDOM` drawn."""

    NONE = 0
    DEFAULT = 1
    WEAK = 2
    PLAIN = 3
    RANDOM = 4


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Syntax of references and templates in the formats that configuration and code use.
_REFERENCE = re.compile(
    r"\$\{|\$\(|\(\(|\{\{|\{%|%\(|#\{|^\$[A-Za-z_]|^%[A-Za-z_]\w*%$|^<|^\[[^\]]*\]$|^\{\w*\}|\{[a-z_][\w.]*\}|^@[A-Za-z]"
    r"|^(?:#+|@+|__|%%)\w+(?:#+|@+|__|%%)$|^(?:ENC\(|vault:|sm://|arn:|op://|ref\+|ssm:|secretsmanager:|file:|env:|projects/|AgA[A-Za-z0-9+/]{100})"
)
_FILLER = re.compile(
    r"change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this|with)|your[-_ .]|^your|example|sample|dummy|placeholder|redacted"
    r"|fill[-_ ]?(?:me|in)|insert[-_ ]|todo|fixme|not[-_ ]?(?:set|real|used|needed|secure|a[-_ ])|(?<![a-z])fake|\bfoo(?:bar)?\b|xxx|\*\*\*|\.\.\."
    r"|generate[-_ ]|some[-_ ]?(?:secret|key|token|password|random)"
    r"|goes[-_ ]here|^(?:a|the)[-_ ]|ask[-_ ]|provided[-_ ]",
    re.IGNORECASE,
)
_RUN = re.compile(r"01234|12345|23456|abcd|bcdef|qwert|asdf|zxcv|(.)\1{4}|9876", re.IGNORECASE)
_HASH = re.compile(
    r"^(?:\$2[aby]?\$|\$argon2|\$[156]\$|pbkdf2|bcrypt|scrypt|sha\d+[:$-]|\{SSHA\}|md5[a-f0-9$:]|sha1\$)", re.IGNORECASE
)
_UUID = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_PATH = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|[./~]|[A-Za-z]:\\|data:|mailto:|ssh-(?:rsa|ed25519|dss) |ecdsa-)")
_DOTTED = re.compile(r"^[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+$")
_CONSTANT = re.compile(r"^_*[A-Z]+(?:_+[A-Z]+)+_*$")
_ARGUMENT = re.compile(r"^--?[a-z]+(?:-[a-z]+)*$")
_HEX = re.compile(r"^[0-9a-fA-F]{16,}$")
_OPAQUE = re.compile(r"^[A-Za-z0-9+/_=.~!@#$%^&*()-]+$")
# Digits and signs that stand for letters: `Ch4ng3Th1s` says what `ChangeThis` says.
_LEET = str.maketrans("430157@$", "aeoistas")
_LITERAL = frozenset(
    {"true", "false", "null", "none", "nil", "undefined", "yes", "no", "on", "off", "required", "optional"}
)

# Values that every installation guide prints; with or without digits behind them.
_DEFAULTS = _words(
    "admin administrator root toor postgres postgresql mysql mariadb mongo mongodb redis rabbitmq guest user username"
    " test testing tester demo default pass passwd password passw0rd p4ssword secret supersecret topsecret verysecret"
    " token key apikey dev devel development local localhost prod production staging app web db database server"
    " minio minioadmin elastic kafka sa system oracle welcome letmein hello temp tmp dummy foo bar baz foobar"
    " insecure unsafe public private abc master none empty django flask fastapi celery postgrespassword"
)


def strength(value: str, name: str, kind: str) -> Strength:
    """How much like a credential of ``kind`` (of ``_names``) ``value`` is, bound to ``name``."""
    text = value.strip()
    if len(text) < 3 or text.lower() in _LITERAL or len(set(text)) < 3:
        return Strength.NONE
    if _REFERENCE.search(text) or _PATH.match(text) or _HASH.match(text):
        return Strength.NONE
    if not text.isascii() and not (
        kind == "password" and re.search(r"\d", text) and re.search(r"[!-/:-@\[-`{-~]", text)
    ):
        # Words of other languages are labels; a password of a person may hold any letter.
        return Strength.NONE
    if _CONSTANT.match(text) or _ARGUMENT.match(text):
        return Strength.NONE
    if any(character.isspace() for character in text):
        # Sentences are labels and messages; a drawn key has no spaces.
        return Strength.NONE
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    letters = plain.rstrip("0123456789")
    dressed = bool(re.search(r"\d", text) and re.search(r"[^\w.\-]", text))
    if not plain or (not text.isdigit() and not dressed and (letters in _DEFAULTS or _all_defaults(text))):
        return Strength.DEFAULT if kind != "token" and plain else Strength.NONE
    filler = next((way for way in (text, text.translate(_LEET)) if _FILLER.search(way)), "")
    if filler:
        return Strength.DEFAULT if re.search("change|replace", filler, re.IGNORECASE) else Strength.NONE
    if _echoes(plain, name):
        # `api_key: "api_key"` maps names; `SECRET_KEY = "my-secret-key"` is a value, if a poor one.
        own = re.sub(r"[^a-z0-9]", "", name.lower())
        return Strength.DEFAULT if kind == "password" or (kind != "token" and own in plain != own) else Strength.NONE
    if _UUID.match(text):
        return Strength.WEAK
    if is_random(text):
        return Strength.RANDOM
    # `Winter.kettle1139` is a password of two words, `app.security.TokenStore2` a name.
    if text.startswith("--") or (_DOTTED.match(text) and not (kind == "password" and re.search(r"\d{2}$", text))):
        return Strength.NONE
    if kind == "password":
        return _chosen(text)
    if kind == "token" or len(text) < 4 or not _OPAQUE.match(text):
        return Strength.NONE
    if text.isdigit():
        return Strength.NONE
    # A signing key of words: short of a secret, but it is what signs. `settings_v2` is an identifier.
    words = re.sub(r"[-_.]?v?\d{1,4}$", "", text)
    written = len(text) >= 10 and any(c.isdigit() for c in words) and not _RUN.search(text)
    return Strength.PLAIN if written else Strength.WEAK


def is_random(text: str) -> bool:
    """Whether the characters were drawn, not written: no words, no runs, enough of them.

    The bounds were set on 20,000 literals of two public backends (0.2 % above) and on drawn strings (97 % above).
    """
    bare = re.sub(r"^(?:django-insecure-|sk-|pk-|key-|[a-z]{2,10}_)", "", text)
    if len(bare) < 8 or not _OPAQUE.match(bare) or _RUN.search(bare):
        return False
    if _HEX.match(bare):
        return entropy(bare) >= 2.7 and not bare.isalpha() and not bare.isdigit()
    digits = sum(character.isdigit() for character in bare)
    mixed = digits > 0 and digits < len(bare)
    cases = bare.lower() != bare and bare.upper() != bare
    if len(bare) < 12:
        return mixed and cases and surprise(bare) >= 5.2 and _scattered(bare)
    if not mixed and not cases and len(bare) < 16:
        return False
    return surprise(bare) >= (4.8 if mixed else 5.2)


def is_invented(value: str) -> bool:
    """Whether a value of a known format is a stand-in: filler words, runs, or too few different characters."""
    return bool(_FILLER.search(value) or _RUN.search(value)) or len(set(value)) < 10


def _scattered(text: str) -> bool:
    """Whether digits and letters change places more than once: `a8K2x` and not `Summer2019`."""
    kinds = re.sub(r"[^\d]+", "a", re.sub(r"\d+", "0", text))
    return len(kinds) >= 4


def _all_defaults(text: str) -> bool:
    words = [word for word in words_of(text) if not word.isdigit()]
    return bool(words) and all(word in _DEFAULTS for word in words)


def _echoes(plain: str, name: str) -> bool:
    """Whether the value only says its own name again: ``API_KEY = "api-key"``, ``token="access_token"``."""
    own = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain.rstrip("0123456789") == own.rstrip("0123456789"):
        return True
    return plain in own or (len(own) >= 3 and own in plain and len(plain) - len(own) <= 8)


def _chosen(text: str) -> Strength:
    """A password that a person made up: letters with digits or signs, no identifier and no sentence."""
    digit = any(character.isdigit() for character in text)
    sign = any(not character.isalnum() for character in text)
    if text.isdigit():
        return Strength.WEAK
    if len(text) >= 6 and digit and any(character.isalpha() for character in text):
        return Strength.WEAK if _RUN.search(text) else Strength.PLAIN
    if len(text) >= 8 and sign and not re.fullmatch(r"[A-Za-z]+(?:[-_.:/ ][A-Za-z]+)*[:.?!]*", text):
        return Strength.PLAIN
    return Strength.WEAK if re.fullmatch(r"[A-Za-z]+(?:[-_][A-Za-z]+){0,2}!*", text) else Strength.NONE
