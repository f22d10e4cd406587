"""A credential that is written in the repository.

What it flags: a password, key or token that stands in a file as itself. Two kinds of evidence count. A *format*: tokens
of known providers, told by prefix, length, alphabet and, where the format has one, its checksum; private key blocks; JSON
Web Tokens. These are found in every text file. A *binding*: a literal bound to the name of a credential (assignment,
keyword argument, dictionary entry, parameter default, comparison, fallback of a look-up in the environment; a key of YAML,
JSON, TOML, INI, .env; ENV and ARG of a Dockerfile; PASSWORD and IDENTIFIED BY in SQL; quoted values in shell scripts,
Terraform and other languages; `NAME=value` handed to a command), the password inside a connection address or a driver's
connection string, and HTTP Basic. Vendored and generated files are searched for formats only.

The confidence says how strong the evidence is. High: a format whose checksum holds or that has no other use, and a
random value under the name of a credential. Medium: a password that a person chose, or a random value under a name that
only hints. Low: defaults of installation guides, values for development, tokens whose checksum is wrong, and
everything in tests and documentation whose checksum does not prove it.

Why: whoever can read the repository, a fork, a build log or an image layer can use the credential, and history keeps it
after the line is gone. It cannot be rotated without a release, and it is the same in every environment.

How to mend: revoke the value first, for removing the line does not take it back. Read it from the environment or from a
secret manager when the process starts, with no fallback (`os.environ["SECRET_KEY"]`, a required field of the settings
class), so that a missing secret stops the start instead of opening the door. In compose files and manifests refer to a
secret (`secrets:`, `secretKeyRef`).

What it cannot see: a value that is put together from parts or decoded, a credential under a name that says nothing, a
password that is a dictionary word (low confidence), and values in binary files and in lines of more than 4,000
characters. Earlier commits are searched with `--history` only. Whether a token still works is not tried, for nothing is sent anywhere.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from qualitygate.authoring import (
    APPLICATION,
    Check,
    Confidence,
    Domain,
    Edit,
    Hit,
    Language,
    ParsedFile,
    Place,
    Role,
    Severity,
    example,
)
from qualitygate.model.source import Text
from qualitygate_checks.security._addresses import Address, addresses
from qualitygate_checks.security._bindings import Bound, bindings
from qualitygate_checks.security._formats import PRIVATE_KEY, Recognised, recognise
from qualitygate_checks.security._names import Credential, credential, words_of
from qualitygate_checks.security._values import Strength, is_invented, strength

MAX_CONTEXT = 2_000_000
"""Files with more characters are data: they are searched for formats only."""

# What teams have already told detect-secrets, gitleaks and trufflehog about a line.
_ALLOWED = re.compile(r"pragma: ?(?:allowlist|whitelist)[ -]secret|gitleaks:allow|trufflehog:ignore", re.IGNORECASE)
_ALLOWED_NEXT = re.compile(r"pragma: ?(?:allowlist|whitelist) nextline[ -]secret", re.IGNORECASE)
_LEVELS = (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW)
_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}", re.IGNORECASE)
_TRANSLATION = re.compile(r"(^|/)(i18n|locales?|lang|langs|languages|translations?|messages)(/|[._-])", re.IGNORECASE)
_BROWSER = (".jsx", ".tsx", ".vue", ".svelte")
_LOCK = re.compile(r"(^|/)[^/]*(lock|\.min|\.map|\.chunk|\.bundle|[.-][0-9a-f]{8,20})(\.[a-z]+)?$", re.IGNORECASE)
# What a mobile application is shipped with.
_SHIPPED = (*_BROWSER, "google-services.json", "GoogleService-Info.plist")
_PROSE = re.compile(r"\.(md|mdx|rst|txt|adoc|html?|svg|css|csv|tsv|log|po|patch|diff)$|(^|/)(changelog|readme)[^/]*$", re.IGNORECASE)  # fmt: skip
_SAMPLE = re.compile(r"(^|[./_-])(example|sample|template|dist|tpl|default)([./_-]|$)", re.IGNORECASE)
_TESTING = re.compile(r"(^|[./_-])(tests?|testing|spec|e2e|fixtures?|testdata|mocks?)([./_-]|$)", re.IGNORECASE)
_PIPELINE = re.compile(r"(^|/)(\.github|\.gitlab|\.circleci|\.ci|ci|\.buildkite|\.woodpecker)[/.]|(^|[./_-])(ci|cypress)\.ya?ml$|\.gitlab-ci|woodpecker", re.IGNORECASE)  # fmt: skip
_DEVELOPMENT = re.compile(r"(^|[./_-])(dev|hack|devel|development|local|localhost|debug|demo|playground|devcontainer|seeds?|docker-compose|compose)([./_-]|$)", re.IGNORECASE)  # fmt: skip
_LOCAL_HOST = re.compile(r"^(localhost|127\.|0\.0\.0\.0|\[?::1|host\.docker\.internal)|(^|\.)(example|test|invalid|local)(\.(com|org|net))?$", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """One value that looks like a credential, and why. ``start`` and ``end`` bound exactly its characters.

    ``what`` names it in a sentence, ``subject`` in the fingerprint; ``reasons`` are clauses for the reader. The value
    itself leaves this record only as :func:`redacted`.
    """

    what: str
    subject: str
    value: str
    start: int
    end: int
    confidence: Confidence
    reasons: tuple[str, ...]
    mend: str
    edit: Edit | None = None


def redacted(value: str) -> str:
    """The first three characters (fewer of a short value) and the length."""
    return f"{value[: min(3, len(value) // 4)]}…, {len(value)} characters"


def collect(file: ParsedFile) -> tuple[Evidence, ...]:
    """Every piece of evidence in one file, in order; where several cover the same characters, the first kind wins."""
    text = file.text.content
    found = [evidence for match in recognise(text) if (evidence := _from_format(file, match))]
    if len(text) <= MAX_CONTEXT and not _passed_over(file):
        found += [evidence for address in addresses(text) if (evidence := _from_address(file, address))]
        found += [evidence for bound in bindings(file) if (evidence := _from_binding(file, bound))]
    kept = _apart(found)
    examples = _examples(file.text) if kept and file.language in (Language.YAML, Language.JSON) else ()
    return tuple(
        replace(one, confidence=Confidence.LOW, reasons=(*one.reasons, "it is given as an example"))
        if one.confidence is not Confidence.LOW and _is_within(one.start, examples)
        else one
        for one in kept
    )


def _apart(found: list[Evidence]) -> tuple[Evidence, ...]:
    """Those that share no character with an earlier one of the list, in the order of the text."""
    starts: list[int] = []
    taken: list[Evidence] = []
    for evidence in found:
        place = bisect_left(starts, evidence.start)
        before, after = taken[place - 1 : place], taken[place : place + 1]
        if all(other.end <= evidence.start for other in before) and all(evidence.end <= other.start for other in after):
            starts.insert(place, evidence.start)
            taken.insert(place, evidence)
    return tuple(taken)


def run(file: ParsedFile) -> Iterator[Hit]:
    """One hit for each value."""
    for evidence in collect(file):
        yield Hit(
            place=Place(file.path, file.text.span(evidence.start, evidence.end)),
            message=f"{evidence.what} is written in the file ({redacted(evidence.value)})",
            subject=evidence.subject,
            why="; ".join(evidence.reasons),
            mend=evidence.mend,
            confidence=evidence.confidence,
            secret=True,
            answer=_allowed(file, evidence.start),
            edit=evidence.edit,
        )


def _allowed(file: ParsedFile, offset: int) -> str:
    """What the line, or the one before it, says to another scanner of secrets; empty where it says nothing."""
    number = file.text.span(offset, offset).line
    found = _ALLOWED.search(file.text.line(number)) or _ALLOWED_NEXT.search(file.text.line(number - 1))
    return f"the line is allowed for another scanner: `{found[0]}`" if found else ""


def _passed_over(file: ParsedFile) -> bool:
    return file.role in (Role.VENDORED, Role.GENERATED) or bool(
        _TRANSLATION.search(file.path) or _LOCK.search(file.path)
    )


def _lower(confidence: Confidence, steps: int = 1) -> Confidence:
    return _LEVELS[min(confidence.rank + steps, 2)]


def _circumstances(file: ParsedFile) -> tuple[int, tuple[str, ...]]:
    """How many steps the file takes from the confidence of a binding, and why."""
    if file.role not in APPLICATION:
        return 2, (f"the file is for {file.role.value}",)
    if _PROSE.search(file.path):
        return 2, ("the file is for people to read",)
    if _TESTING.search(file.path):
        return 2, ("the file is for tests",)
    if _PIPELINE.search(file.path):
        return 2, ("the file is for a build pipeline, whose services live for one run",)
    reasons = []
    if _SAMPLE.search(file.path):
        reasons.append("the file is a sample")
    if _DEVELOPMENT.search(file.path):
        reasons.append("the file is for development")
    if file.path.endswith(_BROWSER):
        reasons.append("the file is shipped to browsers, whose keys are often public")
    return len(reasons), tuple(reasons)


def _kind_of_file(file: ParsedFile) -> str:
    """What a file is, where it is nothing that runs; empty for the others."""
    if file.role not in APPLICATION:
        return f"for {file.role.value}"
    if _PROSE.search(file.path):
        return "for people to read"
    if _TESTING.search(file.path):
        return "for tests"
    return "a sample" if _SAMPLE.search(file.path) else ""


def _from_format(file: ParsedFile, match: Recognised) -> Evidence | None:
    form = match.format
    reasons = [f"it has the form of a {form.title}"]
    confidence = Confidence.MEDIUM if form.public else Confidence.HIGH
    if form.public:
        reasons.append("such values are also made for trials and for clients")
    if match.verified:
        reasons.append("its checksum or inner structure is right")
    elif match.verified is False:
        confidence = Confidence.LOW
        reasons.append("its checksum is wrong, so that it was probably invented")
    if form is not PRIVATE_KEY and is_invented(match.value):
        confidence = Confidence.LOW
        reasons.append("it reads like a stand-in")
    if form.public and file.path.endswith(_SHIPPED):
        confidence = Confidence.LOW
        reasons.append("the file is shipped to clients")
    if _shown_as_example(file, match.start):
        confidence = Confidence.LOW
        reasons.append("it is given as an example")
    kind = _kind_of_file(file)
    if kind:
        # A key block or a token without a checksum in a test is nearly always made for the test.
        proved = match.verified and form is not PRIVATE_KEY and not form.public
        confidence = confidence if proved else Confidence.LOW
        reasons.append(f"the file is {kind}")
    elif form is PRIVATE_KEY and _DEVELOPMENT.search(file.path):
        confidence = _lower(confidence)
        reasons.append("the file is for development")
    return Evidence(
        f"{'An' if form.title[0] in 'AO' else 'A'} {form.title}",
        form.title,
        match.value,
        match.start,
        match.end,
        confidence,
        tuple(reasons),
        f"Revoke it ({form.rotate}), then read the new one from a secret manager or the environment.",
    )


def _from_address(file: ParsedFile, address: Address) -> Evidence | None:
    level = strength(address.password, address.user, "password")
    if level is Strength.NONE and address.password != address.user:
        return None
    if address.password == address.user:
        level = Strength.DEFAULT
    if level is Strength.DEFAULT and _kind_of_file(file) not in ("", "a sample"):
        return None
    confidence = _of_strength(level)
    steps, reasons = _circumstances(file)
    if _LOCAL_HOST.search(address.host):
        steps, reasons = steps + 1, (*reasons, f"the host is {address.host}")
    if _in_documentation(file, address.start):
        steps, reasons = steps + 2, (*reasons, "it stands in a docstring")
    if _in_comment(file, address.start):
        steps, reasons = steps + 1, (*reasons, "it stands in a comment")
    where = _kind_of_address(address.scheme)
    return Evidence(
        f"The password in {where}",
        f"password in {where}",
        address.password,
        address.start,
        address.end,
        _lower(confidence, steps),
        (_described(level), *reasons),
        "Change the password, and read the whole address from the environment or a secret manager, with no fallback.",
    )


def _kind_of_address(scheme: str) -> str:
    if " " in scheme:
        return f"a {scheme}" if scheme[0].islower() else f"{scheme} credentials"
    return f"a {scheme} address" if scheme else "an address"


def _from_binding(file: ParsedFile, bound: Bound) -> Evidence | None:
    named: Credential | None = credential(bound.name)
    if named is None or (bound.form == "assignment" and bound.value.lower() == bound.name.lower()):
        # A constant that holds its own name is a key of something else: `PASSWORD = "password"`.
        return None
    level = strength(bound.value, bound.name, named.kind)
    if level is Strength.NONE or (level is not Strength.RANDOM and (not named.sure or bound.form == "element")):
        return None
    if level is Strength.DEFAULT and _kind_of_file(file) not in ("", "a sample"):
        # Tests and guides are full of `password="secret"`; 138 of 187 such lines of labelled projects are no credential.
        return None
    confidence = _of_strength(level)
    steps, reasons = _circumstances(file)
    if not named.sure:
        # What is only called a key is an identifier or a public one more often than not.
        steps += 2 if named.kind == "key" else 1
        reasons = ("the name only hints at a credential", *reasons)
    if bound.form == "comparison":
        steps, reasons = steps + 1, ("it is compared, not used", *reasons)
    if file.module is None and _in_comment(file, bound.start):
        steps, reasons = steps + 2, ("it stands in a comment", *reasons)
    if named.kind == "password" and _DIGEST.fullmatch(bound.value):
        steps, reasons = steps + 1, ("it has the form of an unsalted hash of a password", *reasons)
    if "insecure" in bound.value.lower():
        steps, reasons = steps + 1, ("the value calls itself insecure", *reasons)
    form = {"fallback": "the fallback of", "comparison": "what is compared with"}.get(bound.form, "the value of")
    return Evidence(
        f"A {named.kind}, {form} `{_short(bound.name)}`,",
        _short(bound.name),
        bound.value,
        bound.start,
        bound.end,
        _lower(confidence, steps),
        (_described(level), *reasons),
        _mend(file, bound),
        _edit(file, bound),
    )


def _of_strength(level: Strength) -> Confidence:
    return {Strength.RANDOM: Confidence.HIGH, Strength.PLAIN: Confidence.MEDIUM}.get(level, Confidence.LOW)


def _described(level: Strength) -> str:
    return {
        Strength.RANDOM: "its characters are random, as those of a generated key",
        Strength.PLAIN: "it reads like a password that somebody chose",
        Strength.WEAK: "it is a word, a number or a run of characters",
    }.get(level, "it is a default that every guide prints, or its own name")


def _short(name: str) -> str:
    name = re.sub(r"[^\w.\- /]", "", name)
    return name if len(name) <= 60 else f"{name[:57]}..."


def _in_documentation(file: ParsedFile, offset: int) -> bool:
    place = file.text.span(offset, offset)
    return any(
        (span.line, span.column) <= (place.line, place.column) < (span.end_line, span.end_column)
        for span in file.remarks
    )


def _in_comment(file: ParsedFile, offset: int) -> bool:
    line = file.text.line(file.text.span(offset, offset).line).lstrip()
    return line.startswith(("#", "--", "//", ";", "*"))


def _shown_as_example(file: ParsedFile, offset: int) -> bool:
    """Whether the line, up to the value, or the line before says that an example follows (OpenAPI, doc comments)."""
    line = file.text.span(offset, offset).line
    before = file.text.content[file.text.line_starts[line - 1] : offset]
    return "example" in before.lower() or file.text.line(line - 1).strip().lower().endswith(
        ("example:", 'examples": [')
    )


# The key of an example in a contract, or in a part of one.
_EXAMPLE = re.compile(r"""(?P<indent> *)(?:[\t\-][ \t\-]*)?["']?(?:[xX]-)?[eE]xamples?["']?[ \t]*:""")
_DEEPEST = 1000


def _examples(text: Text) -> tuple[tuple[int, int], ...]:
    """Where a YAML or JSON document, as its indentation tells, gives examples: the offsets of each key and of its end."""
    content = text.content
    found: list[tuple[int, int]] = []
    place = content.find("xample")
    while place >= 0:
        start = text.line_starts[bisect_right(text.line_starts, place) - 1]
        key = _EXAMPLE.match(content, start)
        if key is None or key.end() < place:
            place = content.find("xample", place + 1)
            continue
        indent = len(key["indent"])
        # What is indented further belongs to the key; an empty line ends nothing.
        end = re.compile(rf"[\r\n] {{0,{min(indent, _DEEPEST)}}}[^ \r\n]").search(content, key.end())
        found.append((start, end.end() - 1 if end is not None else len(content)))
        place = content.find("xample", found[-1][1])
    return tuple(found)


def _is_within(place: int, stretches: tuple[tuple[int, int], ...]) -> bool:
    """Whether an offset lies in one of the stretches, which are in order."""
    index = bisect_right(stretches, (place, sys.maxsize)) - 1
    return index >= 0 and place < stretches[index][1]


def _variable(name: str) -> str:
    """The variable of the environment that takes the place of a value: `DB_PASSWORD` for `dbPassword`."""
    return "_".join(words_of(name)).upper() or "SECRET"


_LOOKED_UP = re.compile(r"(?:\bos\.)?\b(?:environ\.get|getenv)\(\s*(?P<quote>[\"'])(?P<name>\w+)(?P=quote)\s*,\s*$")
_CLOSED = re.compile(r"\s*(?:,\s*)?\)")


def _edit(file: ParsedFile, bound: Bound) -> Edit | None:
    """The literal, or a look-up with the literal as its fallback, as a variable of the environment that must be set."""
    if bound.whole is None or file.role is not Role.APPLICATION or not bound.name.isidentifier():
        return None
    start, end = bound.whole
    text = file.text.content
    variable = _variable(bound.name)
    if text[start] not in "\"'":
        return None  # bytes, or a raw text
    if bound.form == "fallback":
        before, after = _LOOKED_UP.search(text, max(0, start - 200), start), _CLOSED.match(text, end)
        if before is None or after is None:
            return None
        start, end, variable = before.start(), after.end(), before["name"]
    elif bound.form not in ("assignment", "argument"):
        return None
    return Edit(file.text.span(start, end), f'os.environ["{variable}"]', ("os",))


def _mend(file: ParsedFile, bound: Bound) -> str:
    variable = _variable(bound.name)
    if file.language is Language.PYTHON:
        if bound.form == "fallback":
            return f'Change the value and drop the fallback: `os.environ["{variable}"]` stops the start where it is missing.'
        return f'Change the value and read it when the process starts: `os.environ["{variable}"]`, or a secret manager.'
    if file.language in (Language.YAML, Language.DOCKERFILE):
        return f"Change the value and refer to a secret instead of the literal (`${{{variable}}}`, `secretKeyRef`, a build secret)."
    return "Change the value, keep the file without it, and let the deployment's secret store fill it in."


# The tokens of the examples are put together here, so that no scanner of pushed commits takes them for live ones.
_GITHUB = "ghp_" + "REz4qpebkEXfU568bq" + "EAG5dTL3G4oP0OEmMj"
_STRIPE = "sk_" + "live_" + "iVNijJalQLCD" + "nV9ceWk7dmfi"
_CHOSEN = "wK93-" + "hillTop"
_CACHE = "9fQx" + "T2mKd7Lw"
_SIGNING = "9e9b6b06d7f3022bb3adc15131a35d899163b3f7"
_SIGNER = "\n".join(
    (
        "KEY = '''-----BEGIN EC " + "PRIVATE KEY-----  # <- flagged",
        "Jtu/qdfSdQugJLrmh+fgk4gztQPTimh7l6aNV8oySviJ1ET2f6c+fkqnilCe6re9",
        "0/dOs0BQuQG/S7183xfn2Djb9sbw34PtyvNHPCjc9udBPGA4vEz5SrrAU9olx2HD",
        "bJmuJFpPq5XK7fFwMiTuJysfs/+kNMelOnX4DxrgFKpW7aFnUw5C02gesvcKhwgZ",
        "-----END EC PRIVATE KEY-----'''",
        "",
    )
)

CHECK = Check(
    id="hardcoded-secret",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use secret managers",
    dont="Hardcode credentials",
    doc=__doc__,
    run=run,
    reads=frozenset({Language.TEXT, Language.PYTHON}),
    roles=frozenset(Role),
    history=True,
    tags=("CWE-798", "CWE-259", "CWE-321", "OWASP-API8:2023", "PCI-DSS-8.6.2", "ISO-27001-A.8.24", "SOC2-CC6.1"),
    gates=("data_protection", "authentication"),
    bad=(
        example(
            f'''
            import os

            import jwt
            from pydantic import SecretStr
            from pydantic_settings import BaseSettings


            class Settings(BaseSettings):
                database_url: str = "postgresql://orders:{_CHOSEN}@db.internal:5432/orders"  # <- flagged
                smtp_password: SecretStr = SecretStr("Winter!2024-mail")  # <- flagged
                signing_key: str = os.environ.get("SIGNING_KEY", "{_SIGNING}")  # <- flagged


            def upload(client):
                return client.connect(user="reports", password="r3ports-Upload!")  # <- flagged


            def session_for(user):
                return jwt.encode({{"sub": user.id}}, "{_SIGNING}", algorithm="HS256")  # <- flagged
            ''',
            "values in settings, a fallback, an argument",
            path="app/settings.py",
        ),
        example(
            {
                "app/billing.py": f'''
                    STRIPE = {{
                        "api_key": "{_STRIPE}",  # <- flagged
                        "currency": "eur",
                    }}
                    ''',
                "tests/test_releases.py": f"""
                    HEADERS = {{"Authorization": "Bearer {_GITHUB}"}}  # <- flagged
                    """,
                "deploy/signer.py": _SIGNER,
            },
            "provider tokens, in tests too where the checksum holds, and a key block",
        ),
        example(
            {
                "deploy/production.env": """
                    APP_NAME=orders
                    DATABASE_PASSWORD=tR7-kettle-Drum  # <- flagged
                    """,
                "deploy/values.yaml": f"""
                    image: orders:1.4.2
                    env:
                      - name: SESSION_SECRET
                        value: "{_SIGNING}"  # <- flagged
                      - name: LOG_LEVEL
                        value: info
                    redis:
                      url: redis://:{_CACHE}@cache.internal:6379/0  # <- flagged
                    """,
                "config/service.json": f"""
                    {{
                      "name": "orders",
                      "clientSecret": "{_SIGNING}"  # <- flagged
                    }}
                    """,
                "Dockerfile": f"""
                    FROM python:3.12-slim
                    ENV PORT=8000 API_TOKEN={_SIGNING}  # <- flagged
                    """,
            },
            "configuration of a deployment",
        ),
        example(
            """
            CREATE ROLE reporting LOGIN PASSWORD 'q4-Numbers!only';  -- <- flagged
            GRANT SELECT ON orders TO reporting;
            """,
            "a role made by a migration",
            path="migrations/0007_reporting_role.sql",
        ),
    ),
    good=(
        example(
            '''
            import os

            from pydantic import SecretStr
            from pydantic_settings import BaseSettings

            TOKEN_URL = "/api/v1/login/access-token"
            PASSWORD_RESET_SUBJECT = "Reset your password"
            SECRET_NAME = "orders/production/database"


            class Settings(BaseSettings):
                database_url: str
                smtp_password: SecretStr
                secret_key: str = os.environ["SECRET_KEY"]
                token_type: str = "bearer"
                password_hasher: str = "argon2id"


            def token_kind(token):
                """Tell access tokens from refresh tokens."""
                if token.kind == "refresh_token":
                    return "refresh"
                return os.environ.get("DEFAULT_TOKEN", "")


            def verify(form, errors):
                errors["password"] = "The password is not right"
                return form.get("password", None)
            ''',
            "names that speak of credentials, and values from outside",
            path="app/settings.py",
        ),
        example(
            {
                "docker-compose.yml": """
                    services:
                      db:
                        image: postgres:16
                        environment:
                          POSTGRES_USER: orders
                          POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it}
                          POSTGRES_PASSWORD_FILE: /run/secrets/postgres
                      api:
                        environment:
                          - DATABASE_URL=postgresql://orders:${POSTGRES_PASSWORD}@db/orders
                          - SECRET_KEY
                    """,
                "deploy/api.yaml": """
                    env:
                      - name: SESSION_SECRET
                        valueFrom:
                          secretKeyRef:
                            name: orders-session
                            key: session-secret
                    """,
                "Dockerfile": """
                    FROM python:3.12-slim
                    ARG PIP_INDEX_TOKEN
                    RUN --mount=type=secret,id=index pip install -r requirements.txt
                    """,
            },
            "references to secrets in configuration",
        ),
        example(
            {
                "locale/en/messages.json": """
                    {"password": "Password", "forgotPassword": "Forgot your password?", "token": "Enter the token"}
                    """,
                "app/auth/schemas.json": """
                    {"properties": {"password": {"type": "string", "format": "password", "title": "Password"}}}
                    """,
            },
            "translations and schemas",
        ),
        example(
            {
                "tests/test_login.py": """
                    def test_login(client):
                        assert client.post("/login", json={"username": "ada", "password": "secret"}).status_code == 200
                    """,
            },
            "a password that says what it is, in a test",
        ),
    ),
)
