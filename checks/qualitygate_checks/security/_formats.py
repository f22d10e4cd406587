"""In: the text of any file. Out: provider tokens, keys and key blocks, told by their own shape, with offsets.

Formats are data (:data:`FORMATS`). Every long word of the text is looked at; a dictionary on its first characters
names the few formats that could match. Where a format carries a checksum, a wrong one is told, not dropped: a token
with a wrong checksum was most likely invented.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A kind of credential that can be told by its shape.

    ``pattern`` must match from the first character of the word; ``prefixes`` (of 3 or 4 characters) lead to it.
    ``verify`` answers True or False where the value carries a checksum or a structure, None where there is none.
    ``public`` marks credentials that are meant for browsers or for trials, so that a leak weighs less.
    ``rotate`` says where it is revoked.
    """

    title: str
    prefixes: tuple[str, ...]
    pattern: re.Pattern[str]
    rotate: str
    verify: Callable[[str], bool | None] = lambda _: None
    public: bool = False


@dataclass(frozen=True)
class Recognised:
    """A value of a known format: offsets in the text, and what its checksum says."""

    format: Format
    value: str
    start: int
    end: int
    verified: bool | None


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _crc_base62(value: str) -> bool:
    """The last six characters are the CRC32 of the 30 before them, in base 62 (GitHub, npm)."""
    payload = value[value.index("_") + 1 :]
    number = zlib.crc32(payload[:-6].encode())
    digits = ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits == payload[-6:]


def _github(value: str) -> bool | None:
    # Newer server-to-server tokens are longer and their checksum is not published.
    return _crc_base62(value) if len(value) == 40 else None


def _grafana(value: str) -> bool:
    return zlib.crc32(value[:37].encode()).to_bytes(4, "little").hex() == value[38:].lower()


def _decoded(text: str) -> bytes:
    """Base64 in either alphabet, padding optional; empty where it is not base64."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _pypi(value: str) -> bool:
    return b"pypi.org" in _decoded(value[5 : 5 + (len(value) - 5) // 4 * 4])[:16]


def _jwt(value: str) -> bool:
    header, payload, _ = value.split(".", 2)
    try:
        declared = json.loads(_decoded(header))
    except (ValueError, RecursionError):
        return False
    # The name and the number in every tutorial's payload.
    tutorial = b"John Doe" in _decoded(payload) or b'"1234567890"' in _decoded(payload)
    return isinstance(declared, dict) and "alg" in declared and not tutorial


def _azure(value: str) -> bool:
    return len(_decoded(value)) == 64


def _discord(value: str) -> bool:
    return _decoded(value.split(".", 1)[0]).isdigit()


def _aws(value: str) -> bool | None:
    # Identifiers made since 2019 are base32 of the account number; older ones may hold the other digits.
    return None if set(value[4:]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") or value[4:].isalnum() else False


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _age(value: str) -> bool:
    """The checksum of Bech32 (BIP 173)."""
    text = value.lower()
    prefix, _, data = text.rpartition("1")
    if any(character not in _BECH32 for character in data):
        return False
    numbers = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [_BECH32.index(c) for c in data]
    check = 1
    for number in numbers:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ number
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                check ^= generator
    return check == 1


def _format(
    title: str,
    prefixes: str,
    pattern: str,
    rotate: str,
    verify: Callable[[str], bool | None] = lambda _: None,
    public: bool = False,
) -> Format:
    return Format(title, tuple(prefixes.split()), re.compile(pattern + r"(?![A-Za-z0-9])"), rotate, verify, public)


FORMATS: tuple[Format, ...] = (
    _format("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,251}", "GitHub, Settings, Developer settings", _github),
    _format("GitHub fine-grained token", "gith", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", "GitHub, Settings, Developer settings"),
    _format("GitLab token", "glpa glrt gldt glcb glft glsoat", r"gl(?:pat|rt|dt|cbt|ft|soat)-[A-Za-z0-9_-]{20,64}(?:\.[0-9a-z.]{9,})?", "GitLab, Access tokens"),
    _format("npm token", "npm_", r"npm_[A-Za-z0-9]{36}", "npmjs.com, Access Tokens", _crc_base62),
    _format("PyPI token", "pypi", r"pypi-AgE[A-Za-z0-9_-]{50,}", "pypi.org, Account settings, API tokens", _pypi),
    _format("AWS access key", "AKIA ASIA", r"A[KS]IA[A-Z0-9]{16}", "AWS IAM, Security credentials", _aws),
    _format("Google API key", "AIza", r"AIza[A-Za-z0-9_-]{35}", "Google Cloud console, Credentials", public=True),
    _format("Google OAuth client secret", "GOCS", r"GOCSPX-[A-Za-z0-9_-]{28}", "Google Cloud console, Credentials"),
    _format("OpenAI key", "sk-", r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,160}T3BlbkFJ[A-Za-z0-9_-]{20,}", "platform.openai.com, API keys"),
    _format("Anthropic key", "sk-", r"sk-ant-(?:api|admin)\d\d-[A-Za-z0-9_-]{93}AA", "console.anthropic.com, API keys"),
    _format("Stripe live key", "sk_l rk_l", r"[sr]k_live_[A-Za-z0-9]{16,247}", "Stripe dashboard, Developers, API keys"),
    _format("Stripe test key", "sk_t rk_t", r"[sr]k_test_[A-Za-z0-9]{16,247}", "Stripe dashboard, Developers, API keys", public=True),
    _format("Stripe webhook secret", "whse", r"whsec_[A-Za-z0-9]{32,64}", "Stripe dashboard, Developers, Webhooks"),
    _format("Slack token", "xoxb xoxp xoxa xoxe xoxr xoxs xoxo", r"xox[abeoprs]-(?:\d-)?\d{8,}-[A-Za-z0-9-]{10,}", "api.slack.com, Your apps"),
    _format("Slack app token", "xapp", r"xapp-\d-[A-Z0-9]{8,}-\d{8,}-[a-f0-9]{32,}", "api.slack.com, Your apps"),
    _format("SendGrid key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", "SendGrid, Settings, API Keys"),
    _format("Brevo key", "xkey xsmt", r"x(?:keysib|smtpsib)-[a-f0-9]{64}-[A-Za-z0-9]{16}", "Brevo, SMTP and API"),
    _format("Mailchimp key", "", r"[a-f0-9]{32}-us\d{1,2}", "Mailchimp, Account, API keys"),
    _format("DigitalOcean token", "dop_ doo_ dor_", r"do[opr]_v1_[a-f0-9]{64}", "DigitalOcean, API"),
    _format("HashiCorp Vault token", "hvs. hvb.", r"hv[sb]\.[A-Za-z0-9_-]{90,300}", "vault token revoke"),
    _format("Hugging Face token", "hf_", r"hf_[A-Za-z]{34}", "huggingface.co, Settings, Access Tokens"),
    _format("Docker Hub token", "dckr", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,32}", "hub.docker.com, Account settings, Security"),
    _format("Grafana service account token", "glsa", r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", "Grafana, Service accounts", _grafana),
    _format("Atlassian token", "ATAT ATCT", r"AT[AC]TT3[A-Za-z0-9_=-]{60,}", "id.atlassian.com, Security"),
    _format("Shopify token", "shpa shpc shps shpp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", "Shopify admin, Apps"),
    _format("Databricks token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?", "Databricks, User settings, Developer"),
    _format("Linear key", "lin_", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}", "Linear, Settings, API"),
    _format("Postman key", "PMAK", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", "Postman, Settings, API keys"),
    _format("Pulumi token", "pul-", r"pul-[a-f0-9]{40}", "app.pulumi.com, Access Tokens"),
    _format("RubyGems key", "ruby", r"rubygems_[a-f0-9]{48}", "rubygems.org, API keys"),
    _format("Sentry token", "sntr", r"sntr(?:ys_eyJ[A-Za-z0-9+/=_]{80,}|yu_[a-f0-9]{64})", "Sentry, Settings, Auth Tokens"),
    _format("New Relic key", "NRAK", r"NRAK-[A-Z0-9]{27}", "New Relic, API keys"),
    _format("Doppler token", "dp.p dp.s dp.c", r"dp\.(?:pt|st|ct)\.[A-Za-z0-9_.-]{40,}", "Doppler, Access"),
    _format("Groq key", "gsk_", r"gsk_[A-Za-z0-9]{52}", "console.groq.com, API Keys"),
    _format("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}", "replicate.com, API tokens"),
    _format("Supabase token", "sbp_", r"sbp_[a-f0-9]{40}", "supabase.com, Access Tokens"),
    _format("age secret key", "AGE-", r"AGE-SECRET-KEY-1[A-Z0-9]{58}", "make a new key and re-encrypt", _age),
    _format("JSON Web Token", "eyJ", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}", "the service that issued it", _jwt, public=True),
    _format("Discord bot token", "", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}", "discord.com/developers, Bot", _discord),
)  # fmt: skip

TELEGRAM = _format("Telegram bot token", "", r"\d{8,10}:AA[A-Za-z0-9_-]{33}", "BotFather, /revoke")
SLACK_HOOK = _format("Slack webhook", "", r"hooks\.slack\.com/(?:services/T[A-Z0-9]{8,}/B[A-Z0-9]{8,}|triggers/[A-Z0-9]{8,}/\d+)/[A-Za-z0-9]{20,}", "api.slack.com, Incoming Webhooks")  # fmt: skip
AZURE = _format("Azure storage key", "", r"[A-Za-z0-9+/]{86}==", "Azure portal, Access keys", _azure)
PRIVATE_KEY = _format(
    "private key", "", r"-----BEGIN", "make a new key pair, and replace the public key wherever it is trusted"
)

# No value of a format is shorter than this.
_SHORTEST = 20
# Formats that hold signs which end a word: the run that begins one may be shorter.
_DIVIDED = ("sntrys_eyJ", "ATATT3", "ATCTT3")
_IN_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_SHAPE = bytes(0x61 if character in _IN_WORD else 0x20 for character in range(256))
_BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?)-----")
_BODY = re.compile(r"(?:[A-Za-z0-9+/=\s\\,:\"'()]|-(?!----))*")
_LONGEST_BLOCK = 20_000
_MAXIMUM = 4000


def _by_prefix() -> dict[str, tuple[Format, ...]]:
    table: dict[str, list[Format]] = {}
    for form in FORMATS:
        for prefix in form.prefixes:
            table.setdefault(prefix[:4], []).append(form)
    return {prefix: tuple(forms) for prefix, forms in table.items()}


_TABLE = _by_prefix()
_MAILCHIMP = next(form for form in FORMATS if form.title == "Mailchimp key")
_DISCORD = next(form for form in FORMATS if form.title == "Discord bot token")


def recognise(text: str) -> Iterator[Recognised]:
    """Every value of a known format in ``text``; a value may be met more than once."""
    for begin, end in _words(text):
        # In source text "\nAKIA..." holds the letter n of an escape in front of the value.
        start = begin + (text[begin - 1 : begin] == "\\" and text[begin] in "nrt")
        for form in _candidates(text, start, end):
            if found := form.pattern.match(text, start, start + _MAXIMUM):
                yield Recognised(form, found[0], start, found.end(), form.verify(found[0]))
                break
    yield from _anchored(text, ":AA", TELEGRAM, re.compile(r"\d{8,10}$"), 10)
    yield from _anchored(text, "hooks.slack.com/", SLACK_HOOK, re.compile(r"$"), 0)
    yield from _anchored(text, "AccountKey=", AZURE, re.compile(r"$"), 0, len("AccountKey="))
    yield from _private_keys(text)


def _words(text: str) -> Iterator[tuple[int, int]]:
    """The bounds of every run of letters, digits and `_.-` that is long enough to begin a value, in no fixed order.

    The search goes over a copy with one byte a character that tells only what belongs to a word: a run of one byte is
    found in strides of its length, ten times as fast as by a pattern over text that holds none.
    """
    shape = text.encode("latin-1", "replace").translate(_SHAPE)
    long = b"a" * _SHORTEST
    start = shape.find(long)
    while start >= 0:
        end = shape.find(b" ", start + _SHORTEST)
        end = len(shape) if end < 0 else end
        yield start, end
        start = shape.find(long, end)
    for beginning in _DIVIDED:
        start = text.find(beginning)
        while start >= 0:
            first = shape.rfind(b" ", 0, start) + 1
            end = shape.find(b" ", start)
            if start - first < 2 and 0 <= end < first + _SHORTEST:
                yield first, end
            start = text.find(beginning, start + 1)


def _candidates(text: str, start: int, end: int) -> tuple[Format, ...]:
    forms = _TABLE.get(text[start : start + 4]) or _TABLE.get(text[start : start + 3])
    if forms:
        return forms
    if text[start] in "MNO" and 58 <= end - start <= 73:
        return (_DISCORD,)
    if 36 <= end - start <= 37 and text[start + 32 : start + 35] == "-us":
        return (_MAILCHIMP,)
    return ()


def _anchored(
    text: str, anchor: str, form: Format, before: re.Pattern[str], width: int, skip: int = 0
) -> Iterator[Recognised]:
    """Values around a fixed string: ``before`` matches the part of the value in front of it, ``skip`` leaves it out."""
    place = text.find(anchor)
    while place >= 0:
        ahead = before.search(text[max(0, place - width) : place])
        if ahead:
            start = place - len(ahead[0]) + skip
            if found := form.pattern.match(text, start):
                yield Recognised(form, found[0], start, found.end(), form.verify(found[0]))
        place = text.find(anchor, place + len(anchor))


def _private_keys(text: str) -> Iterator[Recognised]:
    place = text.find("-----BEGIN ")
    while place >= 0:
        head = _BLOCK.match(text, place)
        stop = text.find("-----END", head.end(), head.end() + _LONGEST_BLOCK) if head else -1
        if head and stop >= 0 and _BODY.fullmatch(text, head.end(), stop):
            body = text[head.end() : stop]
            tail = text.find("-----", stop + 8, stop + 68)
            end = tail + 5 if tail >= 0 else stop + 8
            letters = re.sub(r"\\[nrt]|[^A-Za-z0-9+/=]", "", body)
            if len(letters) >= 64:
                der = _decoded(letters[: len(letters) // 4 * 4][:64])
                # PKCS#1, PKCS#8 and SEC1 are DER sequences, OpenSSH has a magic word; others carry headers of their own.
                known = der[:1] == b"\x30" or der.startswith(b"openssh-key-v1") or None
                yield Recognised(PRIVATE_KEY, text[place:end], place, end, known)
        place = text.find("-----BEGIN ", place + 11)
