"""The evidence that hardcoded-secret weighs: formats, names, values and bindings, each by itself."""

import base64
import json
import random
import string
import time
import zlib
from pathlib import Path

import msgspec
import pytest
from qualitygate_checks.security._addresses import addresses
from qualitygate_checks.security._formats import recognise
from qualitygate_checks.security._names import credential
from qualitygate_checks.security._surprise import surprise
from qualitygate_checks.security._values import Strength, is_random, strength
from qualitygate_checks.security.hardcoded_secret import CHECK, redacted

from qualitygate.authoring import Confidence, Hit, Language, ParsedFile, Role
from qualitygate.discover import language_of
from qualitygate.extract import extract
from qualitygate.model.source import SourceFile, Text

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM = random.Random(7)


def drawn(length: int, alphabet: str = BASE62) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(length))


def with_checksum(prefix: str) -> str:
    """A token whose last six characters are the CRC32 of the others in base 62, as GitHub and npm make them."""
    payload = drawn(30)
    number, digits = zlib.crc32(payload.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return prefix + payload + digits


def hits(content: str, path: str = "app/settings.py") -> tuple[Hit, ...]:
    source = SourceFile(Path("/nowhere"), path, language_of(path), role(path), content.encode())
    facts = extract(source, [CHECK], {}, lambda _: None)
    assert not facts.runs[0].error
    return facts.runs[0].hits


def role(path: str) -> Role:
    return Role.TEST if path.startswith("tests/") else Role.APPLICATION


def text_of(content: str, hit: Hit) -> str:
    text = Text.of(content)
    span = hit.place.span
    return content[text.offset(span.line, span.column) : text.offset(span.end_line, span.end_column)]


# -- formats


@pytest.mark.parametrize("prefix", ["ghp_", "gho_", "ghs_", "npm_"])
def test_a_right_checksum_proves_a_token(prefix: str) -> None:
    token = with_checksum(prefix)
    (found,) = recognise(f'header = "Bearer {token}"')
    assert found.value == token
    assert found.verified is True


@pytest.mark.parametrize("prefix", ["ghp_", "npm_"])
def test_a_wrong_checksum_is_told_and_lowers_the_confidence(prefix: str) -> None:
    token = with_checksum(prefix)
    broken = token[:-1] + ("a" if token[-1] != "a" else "b")
    (found,) = recognise(broken)
    assert found.verified is False
    assert [hit.confidence for hit in hits(f'x = "{broken}"\n')] == [Confidence.LOW]


def test_a_grafana_token_carries_its_checksum_in_little_endian_hexadecimal() -> None:
    head = "glsa_" + drawn(32)
    token = f"{head}_{zlib.crc32(head.encode()).to_bytes(4, 'little').hex()}"
    assert [found.verified for found in recognise(token)] == [True]
    assert [found.verified for found in recognise(head + "_00000000")] == [False]


def test_a_web_token_is_one_whose_header_names_an_algorithm() -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = part({"sub": drawn(12), "aud": "orders"})
    good = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{body}.{drawn(43)}"
    bad = f"{part({'something': 'else entirely'})}.{body}.{drawn(43)}"
    assert [found.verified for found in recognise(f"{good} {bad}")] == [True, False]


def test_an_age_key_is_judged_by_its_bech32_checksum() -> None:
    # The second differs from the first in one character: Bech32 finds every single substitution.
    head, tail = "AGE-SECRET-" + "KEY-1", "GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    assert [found.verified for found in recognise(head + tail)] == [True]
    assert [found.verified for found in recognise(head + "Q" + tail[1:])] == [False]


@pytest.mark.parametrize(
    ("title", "token"),
    [
        ("GitHub fine-grained token", "github_pat_" + drawn(22) + "_" + drawn(59)),
        ("GitLab token", "glpat-" + drawn(20)),
        ("AWS access key", "AKIA" + drawn(16, string.ascii_uppercase + "234567")),
        ("Google API key", "AIza" + drawn(35)),
        ("OpenAI key", "sk-proj-" + drawn(24) + "T3Blbk" + "FJ" + drawn(24)),
        ("Anthropic key", "sk-ant-api03-" + drawn(93) + "AA"),
        ("Stripe live key", "sk_live_" + drawn(24)),
        ("Stripe webhook secret", "whsec_" + drawn(32)),
        ("Slack token", "xoxb-" + drawn(12, string.digits) + "-" + drawn(12, string.digits) + "-" + drawn(24)),
        ("SendGrid key", "SG." + drawn(22) + "." + drawn(43)),
        ("DigitalOcean token", "dop_v1_" + drawn(64, "0123456789abcdef")),
        ("Hugging Face token", "hf_" + drawn(34, string.ascii_letters)),
        ("Docker Hub token", "dckr_pat_" + drawn(27)),
        ("Telegram bot token", drawn(9, "123456789") + ":AA" + drawn(33)),
        (
            "Slack webhook",
            "hooks.slack.com/services/T" + drawn(8, "ABCDEF01") + "/B" + drawn(8, "ABCDEF01") + "/" + drawn(24),
        ),
        ("Databricks token", "dapi" + drawn(32, "0123456789abcdef")),
        ("Mailchimp key", drawn(32, "0123456789abcdef") + "-us14"),
    ],
)
def test_a_provider_token_is_told_by_its_shape_wherever_it_stands(title: str, token: str) -> None:
    for text in (token, f"key: {token}\n", f'{{"a": "{token}"}}', f"see `{token}`.", f"'first\\n{token}'"):
        found = [(match.format.title, match.value) for match in recognise(text)]
        assert found == [(title, token)], text


def test_an_azure_key_is_64_bytes_of_base64() -> None:
    key = base64.b64encode(RANDOM.randbytes(64)).decode()
    connection = f"DefaultEndpointsProtocol=https;AccountName=orders;AccountKey={key};EndpointSuffix=core.windows.net"
    assert [match.value for match in recognise(connection)] == [key]


def test_a_private_key_is_found_as_lines_and_as_escaped_text() -> None:
    body = base64.b64encode(b"\x30" + RANDOM.randbytes(191)).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    block = "\n".join(["-----BEGIN " + "PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    for text in (block, json.dumps({"private_key": block})):
        (found,) = recognise(text)
        assert found.verified is True
        assert found.value.startswith("-----BEGIN")
        assert found.value.endswith("-----")


def test_a_public_key_and_a_certificate_are_no_secret() -> None:
    body = base64.b64encode(RANDOM.randbytes(192)).decode()
    assert not list(recognise(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"))
    assert not list(recognise(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"))


# -- names


@pytest.mark.parametrize(
    "name",
    [
        "password", "DB_PASSWORD", "dbPassword", "smtp-password", "PGPASSWORD", "SECRET_KEY", "jwt_secret", "clientSecret",
        "apiKey", "api_key", "AWS_SECRET_ACCESS_KEY", "auth_token", "github_token", "signing_key", "POSTGRES_PASSWORD",
        "PASSWORD_DEV", "SECRET_KEY_DEFAULT", "db.password", "webhook_secret", "passphrase", "ENCRYPTION_KEY",
    ],
)  # fmt: skip
def test_a_name_that_ends_in_a_credential_word_is_sure(name: str) -> None:
    named = credential(name)
    assert named is not None
    assert named.sure


@pytest.mark.parametrize(
    "name",
    [
        "password_reset_url", "token_type", "tokenUrl", "secret_name", "password_file", "PASSWORD_HASHERS", "api_key_header",
        "token_expire_minutes", "primary_key", "cache_key", "public_key", "csrf_token", "is_password_set", "max_tokens",
        "passenger", "compass", "tokenizer", "author", "keyboard_key", "secretary", "monkey", "AUTH_PASSWORD_VALIDATORS",
    ],
)  # fmt: skip
def test_a_name_that_is_about_a_credential_is_none(name: str) -> None:
    named = credential(name)
    assert named is None or not named.sure


# -- values


def test_drawn_values_are_random_and_written_ones_are_not() -> None:
    alphabets = (BASE62, string.ascii_lowercase + string.digits, BASE62 + "+/", "0123456789abcdef")
    drawn_values = [
        drawn(length, alphabet) for alphabet in alphabets for length in (20, 24, 32, 40, 64) for _ in range(50)
    ]
    assert sum(map(is_random, drawn_values)) / len(drawn_values) > 0.95
    written = [
        "get_current_active_user", "application/x-www-form-urlencoded", "Content-Security-Policy", "refresh_token",
        "test_can_create_order", "urn:ietf:params:oauth:grant-type", "django.contrib.auth.hashers.Argon2PasswordHasher",
        "SELECT * FROM orders", "2024-11-20T10:00:00Z", "access-control-allow-origin", "en_US.UTF-8", "v1.24.3-alpine",
    ]  # fmt: skip
    assert not [value for value in written if is_random(value)]


def test_surprise_tells_words_from_noise_of_the_same_length() -> None:
    assert surprise("authentication") < 4 < 5 < surprise("xkqzvjwpfhbgtm")


@pytest.mark.parametrize(
    "value",
    [
        "${DB_PASSWORD}", "{{ db_password }}", "$DB_PASSWORD", "%(password)s", "<password>", "#{password}", "{password}",
        "your-password", "********", "", "null", "true", "/run/secrets/db", "vault:secret/data/db", "Enter your password",
        "arn:aws:secretsmanager:eu-west-1:1:secret:db", "ENC(G6N718UuyPE5bHyWKyuLQSm02auQPUtm)", "xxxxxxxx", "EXAMPLE",
        "op://vault/db/password", "((db_password))", "get_((db.password1))", "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "DATABASE_PASSWORD",
    ],
)  # fmt: skip
def test_references_placeholders_and_hashes_are_no_secret(value: str) -> None:
    assert strength(value, "db_password", "password") in (Strength.NONE,)


@pytest.mark.parametrize(
    "value", ["postgres", "admin", "password123", "changeme", "secret", "root", "test1234", "!Ch4ng3Th1sP4ss!"]
)
def test_defaults_of_installation_guides_are_told_as_such(value: str) -> None:
    assert strength(value, "db_password", "password") is Strength.DEFAULT


@pytest.mark.parametrize("value", ["Winter!2024-mail", "hunter2", "P4vlova-Bake", "tR7-kettle-Drum", "Pa$$4Vendor_1"])
def test_a_password_that_somebody_chose_is_plain(value: str) -> None:
    assert strength(value, "db_password", "password") in (Strength.PLAIN, Strength.RANDOM)


@pytest.mark.parametrize("value", ["bearer", "access_token", "refresh", "Authorization", "next-page", "token"])
def test_a_word_bound_to_a_token_is_an_identifier(value: str) -> None:
    assert strength(value, "token", "token") is Strength.NONE


# -- bindings

KEY = drawn(40, "0123456789abcdef")
PYTHON_FORMS = [
    'SECRET_KEY = "{}"',
    'SECRET_KEY: str = "{}"',
    'app.secret_key = "{}"',
    'app.config["SECRET_KEY"] = "{}"',
    'CONFIG = {{"secret_key": "{}"}}',
    'connect(password="{}")',
    'def connect(password="{}"): ...',
    'SECRET_KEY = os.getenv("SECRET_KEY", "{}")',
    'SECRET_KEY = os.environ.get("SECRET_KEY") or "{}"',
    'SECRET_KEY = config("SECRET_KEY", default="{}")',
    'secret_key: SecretStr = SecretStr("{}")',
    'secret_key: str = Field("{}")',
    'secret_key: str = Field(default="{}", min_length=10)',
    'SECRET_KEY = b"{}"',
    'SECRET_KEY = "{}".encode()',
    'USER, PASSWORD = "reports", "{}"',
    'if token == "{}": pass',
    'user.set_password("{}")',
    'jwt.encode(claims, "{}", algorithm="HS256")',
    'SECRET_KEY = "a" if DEBUG else "{}"',
    "SECRET_KEY = r'''{}'''",
    'API_KEYS = ["{}"]',
]


@pytest.mark.parametrize("form", PYTHON_FORMS)
def test_python_binds_a_literal_in_every_form_and_the_span_is_the_value(form: str) -> None:
    content = "import os\n\n" + form.format(KEY) + "\n"
    (hit,) = hits(content)
    assert text_of(content, hit) == KEY
    assert hit.secret


@pytest.mark.parametrize(
    "line",
    [
        f'SECRET_KEY = f"{KEY[:20]}{{suffix}}"',
        'password = get_secret("orders/database/password-2024")',
        'token = request.headers.get("X-Api-Token-V2")',
        f'checksum = "{KEY}"',
        f'# SECRET_KEY = "{KEY}"',
        f'"""SECRET_KEY = {KEY}"""',
        'PASSWORD = "password"',
        'op.create_index(op.f("ix_license_keys_id"), "license_key", ["benefit_id2024"])',
    ],
)
def test_python_that_holds_no_literal_credential_is_silent(line: str) -> None:
    assert hits(line + "\n") == ()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".env", "DB_PASSWORD={}\n"),
        (".env", 'export DB_PASSWORD="{}"  # the database\n'),
        ("config.ini", "[db]\npassword = {}\n"),
        ("app.properties", "spring.datasource.password={}\n"),
        ("config.toml", '[db]\npassword = "{}"\n'),
        ("config.toml", 'db = {{ user = "a", password = "{}" }}\n'),
        ("config.json", '{{"db": {{"user": "a", "password": "{}"}}}}\n'),
        ("values.yaml", "db:\n  password: {}\n"),
        ("values.yaml", 'db: {{user: a, password: "{}"}}\n'),
        ("values.yaml", "env:\n  - name: DB_PASSWORD\n    value: '{}'\n"),
        ("values.yaml", "environment:\n  - DB_PASSWORD={}\n"),
        ("values.yaml", "DB_PASSWORD: ${{DB_PASSWORD:-{}}}\n"),
        ("values.yaml", "command: serve --db-password={}\n"),
        ("Dockerfile", "FROM a\nENV DB_PASSWORD={} PORT=1\n"),
        ("Dockerfile", "FROM a\nENV DB_PASSWORD {}\n"),
        ("Dockerfile", "FROM a\nARG API_TOKEN={}\n"),
        ("roles.sql", "CREATE USER a WITH PASSWORD '{}';\n"),
        ("roles.sql", "CREATE USER 'a'@'%' IDENTIFIED BY '{}';\n"),
        ("seed.sql", "INSERT INTO users (name, password) VALUES ('ada', '{}');\n"),
        ("seed.sql", "INSERT INTO clients (id, api_key)\nVALUES\n  (1, NULL),\n  (coalesce(2, 3), '{}');\n"),
        ("seed.sql", "UPDATE users SET password = '{}' WHERE id = 1;\n"),
        ("values.yaml", "url: postgresql://app:{}@db.internal/app\n"),
        ("scripts/deploy.sh", "export DB_PASSWORD='{}'\n"),
        ("scripts/deploy.sh", "psql --password={} -c 'SELECT 1'\n"),
        ("web/src/api.ts", "const client = connect({{ password: '{}' }});\n"),
        ("web/src/api.ts", 'const apiKey: string = "{}";\n'),
        ("gateway/main.go", 'apiKey := "{}"\n'),
        ("infra/main.tf", '  db_password = "{}"\n'),
        (".npmrc", "//registry.example.com/:_authToken={}\n"),
        ("notes/load.ipynb", '"source": ["password = \\"{}\\"\\n"]\n'),
        ("values.yaml", "a: b\r\ndb:\r\n  password: {}\r\nc: d\r\n"),
    ],
)
def test_configuration_binds_a_value_and_the_span_is_the_value(path: str, content: str) -> None:
    written = content.format(KEY)
    (hit,) = hits(written, path)
    assert text_of(written, hit) == KEY


def test_a_required_variable_is_no_fallback() -> None:
    assert hits("DB_PASSWORD: ${DB_PASSWORD:?must be set for 2024 releases}\n", "values.yaml") == ()


def test_the_password_of_an_address_is_bounded_exactly() -> None:
    (address,) = addresses("redis://:9fQxT2mKd7Lw@cache:6379/0 http://host:8080/a@b https://a.b/c://d")
    assert (address.scheme, address.user, address.password, address.host) == ("redis", "", "9fQxT2mKd7Lw", "cache")


@pytest.mark.parametrize(
    ("content", "confidence"),
    [
        ('URL = "postgresql://app:Kettle-41-orchard@db/app"\n', Confidence.MEDIUM),
        (
            'def connect(url):\n    """Connect.\n\n    connect("postgresql://app:Kettle-41-orchard@db/app")\n    """\n',
            Confidence.LOW,
        ),
        ('# URL = "postgresql://app:Kettle-41-orchard@db/app"\n', Confidence.LOW),
        ('URL = "postgresql://app:app@db/app"\n', Confidence.LOW),
        ('URL = "postgresql://app:Kettle-41-orchard@localhost/app"\n', Confidence.LOW),
    ],
)
def test_where_an_address_stands_weighs(content: str, confidence: Confidence) -> None:
    assert [hit.confidence for hit in hits(content)] == [confidence]


def test_names_that_differ_by_a_number_are_names() -> None:
    found = hits('validate("new_password1", "new_password2")\n')
    assert [hit.confidence for hit in found] == [Confidence.LOW]


# -- roles, leaks, cost


def test_in_tests_only_proved_formats_are_more_than_a_hint() -> None:
    token = with_checksum("ghp_")
    assert hits('PASSWORD = "secret"\n', "tests/test_a.py") == ()
    assert [hit.confidence for hit in hits(f'PASSWORD = "{KEY}"\n', "tests/test_a.py")] == [Confidence.LOW]
    assert [hit.confidence for hit in hits(f'x = "{token}"\n', "tests/test_a.py")] == [Confidence.HIGH]
    stripe = "sk_live_" + drawn(24)
    assert [hit.confidence for hit in hits(f'x = "{stripe}"\n', "tests/test_a.py")] == [Confidence.LOW]


def test_on_a_page_for_people_only_proved_formats_are_more_than_a_hint() -> None:
    token, stripe = with_checksum("ghp_"), "sk_live_" + drawn(24)
    found = hits(f"API_KEY={KEY}\nexport TOKEN={token}\n{stripe}\n", "README.md")
    assert [(hit.place.span.line, hit.confidence) for hit in found] == [
        (1, Confidence.LOW),
        (2, Confidence.HIGH),
        (3, Confidence.LOW),
    ]


@pytest.mark.parametrize(
    ("path", "confidence"),
    [
        ("deploy/production.env", Confidence.HIGH),
        ("docker-compose.yml", Confidence.MEDIUM),
        (".env.example", Confidence.MEDIUM),
        (".env.dev.example", Confidence.LOW),
        (".github/workflows/tests.yml", Confidence.LOW),
    ],
)
def test_what_a_file_is_for_weighs(path: str, confidence: Confidence) -> None:
    line = f"SECRET_KEY: {KEY}\n" if path.endswith("yml") else f"SECRET_KEY={KEY}\n"
    assert [hit.confidence for hit in hits(line, path)] == [confidence]


@pytest.mark.parametrize("path", ["locale/de/messages.json", "web/package-lock.json", "static/app.min.js"])
def test_translations_locks_and_bundles_bind_no_credentials(path: str) -> None:
    assert hits(f'{{"password": "{KEY}"}}\n', path) == ()


def test_a_secret_in_a_file_that_does_not_parse_is_found_by_its_format() -> None:
    token = with_checksum("ghp_")
    assert len(hits(f'def broken(:\n    x = "{token}"\n')) == 1


def test_one_value_is_one_hit_where_format_and_name_agree() -> None:
    token = with_checksum("ghp_")
    assert len(hits(f'GITHUB_TOKEN = "{token}"\n')) == 1


def test_no_word_of_a_finding_and_no_fact_holds_the_value() -> None:
    values = [with_checksum("ghp_"), KEY, "Winter!2024-mail", "q4-Numbers!only"]
    content = (
        f'GITHUB = "{values[0]}"\nSECRET_KEY = "{values[1]}"\nPASSWORD = "{values[2]}"\n'
        f'URL = "postgresql://app:{values[3]}@db/app"\n\n\ndef f(token="{values[1]}"):\n    return g(password="{values[2]}")\n'
    )
    found = hits(content)
    assert len(found) == 6
    for hit in found:
        said = " ".join((hit.message, hit.subject, hit.why, hit.mend))
        assert not [value for value in values if value in said]
    source = SourceFile(Path("/nowhere"), "app/settings.py", Language.PYTHON, Role.APPLICATION, content.encode())
    kept = msgspec.msgpack.encode(extract(source, [CHECK], {}, lambda _: None))
    assert not [value for value in values if value.encode() in kept]


@pytest.mark.parametrize("value", ["abc", "hunter2", "Winter!2024-mail", KEY])
def test_a_redacted_value_shows_at_most_three_characters_and_a_quarter(value: str) -> None:
    shown = redacted(value).split("…")[0]
    assert value.startswith(shown)
    assert len(shown) <= min(3, len(value) / 4)
    assert str(len(value)) in redacted(value)


@pytest.mark.parametrize(
    "content",
    [
        "password" * 30_000,
        "password=" + "a" * 300_000,
        "://" * 80_000,
        "://a:b" * 40_000,
        '"password": ' * 20_000,
        "-----BEGIN PRIVATE KEY-----\n" * 8_000,
        "eyJ" + "a" * 300_000,
        ("A" * 19 + " ") * 15_000,
        "password" + " " * 200_000 + "=",
        "${" * 100_000 + "password",
        "1234567890:AA" * 20_000,
        "x--a-password " * 20_000,
        ", password: x" * 300 + "\n",
        "password: hunter2-Kettle\n" * 10_000,
        "INSERT INTO a (password) VALUES " * 8_000,
        "INSERT INTO a (password) VALUES " + "('" * 100_000,
    ],
)
@pytest.mark.parametrize(
    "language", [Language.YAML, Language.SQL, Language.TOML, Language.INI, Language.JSON, Language.DOCKERFILE]
)
def test_hostile_text_costs_no_more_than_its_length(content: str, language: Language) -> None:
    text = Text.of(content)
    file = ParsedFile("a", language, Role.APPLICATION, text, lambda offsets: text.span(*offsets))
    started = time.perf_counter()
    list(CHECK.run(file))
    assert time.perf_counter() - started < 10


def test_the_data_of_a_kubernetes_secret_is_decoded() -> None:
    encoded = base64.b64encode(b"Harbour!kettle4711").decode()
    manifest = (
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  salt: aGVsbG8=\n---\napiVersion: v1\nkind: Secret\n"
        f"metadata:\n  name: db\ndata:\n  username: {base64.b64encode(b'orders').decode()}\n  salt: {encoded}\n"
    )
    (hit,) = [one for one in hits(manifest, "deploy/db.yaml") if one.confidence is not Confidence.LOW]
    assert hit.place.span.line == 12
    assert text_of(manifest, hit) == encoded
    assert not hits(manifest.replace("kind: Secret", "kind: SealedSecret"), "deploy/db.yaml")
