"""The architecture report: true to the project, sound Markdown and Mermaid whatever the names, links that lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest
from markdown_it import MarkdownIt

from qualitygate.analyse import analyse
from qualitygate.discover import Layout, language_of
from qualitygate.load import load
from qualitygate.model.finding import Confidence, Domain, Finding, Severity, Status
from qualitygate.model.project import Project
from qualitygate.model.source import Place, SourceFile, Span, Text
from qualitygate.model.verdict import Report, Verdict
from qualitygate.report.architecture import render
from qualitygate.report.architecture_markup import code, prose, table, text

HOSTILE = 'a"b]}|<script>alert(1)</script> `x` *end* #1 @you $y$ [l](http://e) \\ \u202e \U0001f600'
ROOT = Path("/srv/shop")

SHOP = {
    "pyproject.toml": "[project]\nname = 'shop'\n",
    "Dockerfile": 'FROM python:3.12\nCMD ["uvicorn", "shop.main:app"]\n',
    "compose.yaml": "services:\n  db: {image: 'postgres:16'}\n  api: {build: ., depends_on: [db]}\n",
    "docs/adr/0001-use-queues.md": "# 1. Use queues\n\nDate: 2024-02-03\n\n## Status\n\nAccepted\n",
    "docs/adr/0002-no-queues.md": "# 2. Use no queues\n\n## Status\n\nSuperseded by [3](0003-x.md)\n",
    "migrations/0001_all.sql": (
        "CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL);\n"
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id));\n"
        "CREATE INDEX orders_customer_id ON orders (customer_id);\n"
    ),
    "shop/__init__.py": "",
    "shop/main.py": (
        "import httpx\nfrom fastapi import Depends, FastAPI\n\nfrom shop.people.users import current_user\n\napp = FastAPI()\n"
        "bank = httpx.Client(base_url='https://bank.example.com', timeout=3)\n\n\n"
        "@app.get('/v1/orders/{number}')\ndef order(number: int, user=Depends(current_user)):\n    return {}\n\n\n"
        "@app.get('/v2/orders/{number}')\ndef newer(number: int, user=Depends(current_user)):\n    return {}\n\n\n"
        "@app.post('/v1/payments')\ndef pay():\n    return bank.post('/pay').json()\n\n\n"
        "@app.get('/health')\ndef health():\n    return {}\n"
    ),
    "shop/people/__init__.py": "",
    "shop/people/users.py": (
        "from fastapi import HTTPException, Request\n\n\ndef current_user(request: Request):\n"
        "    if 'Authorization' not in request.headers:\n        raise HTTPException(401, 'who are you?')\n    return request\n"
    ),
}


def project_of(files: Mapping[str, str]) -> Project:
    layout = Layout.of(files)
    return analyse(
        [
            SourceFile(ROOT, path, language_of(path, content.encode()), layout.role(path), content.encode())
            for path, content in sorted(files.items())
        ],
        load().checks,
        {},
    )


def report_of(files: Mapping[str, str], *findings: Finding) -> Report:
    return Report(
        version="0.1.0",
        root=ROOT,
        prefix="",
        files=len(files),
        seconds=1.0,
        findings=findings,
        hidden=0,
        examined={},
        broken={},
        unread=(),
        verdict=Verdict("open", (), 0),
        texts={},
        secrets={},
        project=project_of(files),
    )


def page_of(report: Report, folder: Path = ROOT, profile: Mapping[str, str | float] | None = None) -> str:
    return render(report, load().checks, profile or {}, folder).decode()


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def diagrams(page: str) -> list[str]:
    return [token.content for token in MarkdownIt("commonmark").parse(page) if token.info == "mermaid"]


def finding(check: str, **fields: object) -> Finding:
    given = {
        "check": check,
        "domain": Domain.ARCHITECTURE,
        "severity": Severity.ERROR,
        "confidence": Confidence.HIGH,
        "message": "x",
        "place": Place("shop/main.py", Span(23, 12, 23, 21)),
        "subject": "x",
        "fingerprint": "x",
        **fields,
    }
    return Finding(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(report_of(SHOP))


def test_each_statement_of_a_small_shop_is_there_with_its_line(page: str) -> None:
    told = sections(page)
    assert "3 API operations" in told["Overview"]
    assert "`uvicorn shop.main:app`" in told["Services and boundaries"]
    assert "[compose.yaml:3](compose.yaml#L3)" in told["Services and boundaries"]
    assert "| [`shop/people`](shop/people) |" in told["Components"]
    assert "| `/{v1, v2}/orders` | 2 | GET 2 | all | [shop/main.py:10](shop/main.py#L10) |" in told["API"]
    assert "all 3 API operations carry a version (3 by path)." in told["API"]
    assert "1 foreign key," in told["Data"]
    assert "| `bank.example.com` | 1 | all | httpx | [shop/main.py:22](shop/main.py#L22) |" in told["Communication"]
    assert "2 of 3 API operations have a guard declared before them." in told["Authentication and authorisation"]
    assert "- `POST /v1/payments` ([shop/main.py:20](shop/main.py#L20))" in told["Authentication and authorisation"]
    assert "Health: `GET /health` ([shop/main.py:25](shop/main.py#L25))." in told["Resilience"]
    assert "| [1. Use queues](docs/adr/0001-use-queues.md) | Accepted | 2024-02-03 |" in told["Decisions"].replace(
        "\\", ""
    )
    assert "| Superseded, by 3 |" in told["Decisions"]
    assert "[`customers.email`](migrations/0001_all.sql#L1)" in told["Open questions"]


def test_an_empty_project_says_so_in_each_section() -> None:
    told = sections(page_of(report_of({"README.md": "# x\n"})))
    assert len(told) == 17
    assert all(body.strip() for body in told.values())
    assert not diagrams(page_of(report_of({"README.md": "# x\n"})))


def test_services_of_one_repository_are_told_apart() -> None:
    serve = "import httpx\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get('/v1/{0}/{{number}}')\ndef get(number: int):\n"
    page = page_of(
        report_of(
            {
                "orders/pyproject.toml": "",
                "orders/main.py": serve.format("orders") + "    return httpx.get('https://bank.example.com').json()\n",
                "people/pyproject.toml": "",
                "people/main.py": serve.format("people") + "    return {}\n",
            }
        )
    )
    told = sections(page)
    assert "**orders: 1 operation**" in told["API"]
    assert "**people: 1 operation**" in told["API"]
    (context,) = diagrams(told["Overview"])
    assert re.search(r'n1\["orders<br/>1 route"\]', context)
    assert re.search(r'n3\(\["bank.example.com"\]\)', context)
    assert re.findall(r"n[12] -->.*", context) == ['n1 -->|"HTTP"| n3']


def test_what_the_configuration_states_is_no_open_question() -> None:
    without, stated = (
        sections(page_of(report_of(SHOP), profile=profile))["Open questions"]
        for profile in ({}, {"expected_load.rps": 500, "availability_target": "99.9"})
    )
    assert "Which load is expected" in without
    assert "Which load is expected" not in stated
    assert "| `expected_load.rps` | 500 |" in stated
    assert stated.count("?\n") + stated.count("? *") == without.count("?\n") + without.count("? *") - 2


def test_risks_are_ranked_and_say_how_sure_they_are_and_how_to_mend() -> None:
    found = [
        finding("query-in-loop", severity=Severity.WARNING, mend="ask once, with `IN`"),
        finding("missing-timeout", mend="pass `timeout=3`"),
        finding("missing-timeout", mend="pass `timeout=9`", confidence=Confidence.MEDIUM, fingerprint="y"),
        finding("plain-http", status=Status.SUPPRESSED, answer="a lab"),
    ]
    told = sections(page_of(report_of(SHOP, *found)))["Bottlenecks and risks"]
    assert told.index("`missing-timeout`") < told.index("`query-in-loop`")
    assert "2 findings, 1 of them likely rather than sure" in told
    assert "Bottleneck: A query" in told
    assert "Mitigation: ask once, with `IN`." in told
    assert "1 finding answered in the code" in told
    (timeout,) = [line for line in told.splitlines() if "`missing-timeout`" in line]
    assert "timeout=3" not in timeout
    assert "Mitigation: " in timeout
    assert "`plain-http` at [shop/main.py:23](shop/main.py#L23): a lab" in told


def test_the_same_repository_gives_the_same_bytes_in_any_order_of_work() -> None:
    assert page_of(report_of(SHOP)) == page_of(report_of(dict(reversed(SHOP.items()))))


def test_links_lead_from_the_folder_of_the_page_to_files_that_are_there(tmp_path: Path) -> None:
    for name, content in SHOP.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    report = msgspec.structs.replace(report_of(SHOP), root=tmp_path)
    page = page_of(report, tmp_path / "docs" / "architecture")
    addresses = [
        str(child.attrs["href"])
        for token in MarkdownIt("commonmark").parse(page)
        for child in token.children or ()
        if child.type == "link_open"
    ]
    assert "../../shop/main.py#L10" in addresses
    anchors = {"#" + title.lower().replace(" ", "-") for title in sections(page)}
    for address in addresses:
        way, _, line = address.partition("#")
        if not way:
            assert address in anchors
            continue
        target = Path(os.path.normpath(tmp_path / "docs" / "architecture" / unquote(way)))
        assert target.exists(), address
        assert not line or int(line[1:]) <= target.read_text().count("\n") + 1


@pytest.mark.parametrize(
    "value", [HOSTILE, "__init__", "- x", "1. x", "# x", "a\n\n# b", "`", "``a`", "*", "a|b", "~~x~~", "&lt;"]
)
def test_hostile_words_stay_words(value: str) -> None:
    read = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for shown in (
        text(value),
        f"see {text(value)} there",
        table(("H",), [(text(value),)]),
        table(("H",), [(code(value),)]),
    ):
        tokens = read.parse(shown)
        inside = [child for token in tokens for child in token.children or ()]
        assert {token.type for token in tokens} <= {
            *("paragraph_open", "paragraph_close", "inline", "table_open", "table_close", "thead_open", "thead_close"),
            *("tbody_open", "tbody_close", "tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close"),
        }
        assert {child.type for child in inside} <= {"text", "code_inline", "text_special"}
        words = "".join(child.content for child in inside)
        assert "alert(1)" in words or "script" not in value


def test_a_sentence_keeps_its_code_and_a_lone_backtick_is_a_letter() -> None:
    assert prose("pass `timeout=` to *all*") == "pass `timeout=` to \\*all\\*"
    assert prose("a ` b") == "a \\` b"
    assert prose("`a`, then `b`") == "`a`, then `b`"


def hostile_shop() -> dict[str, str]:
    """A shop whose names are chosen to break a page: routes, tables, columns, hosts, services, records, folders."""
    name = 'end"]}|<b>`x` #{n} %% --> \u2028'
    quoted = name.replace('"', '""')
    return {
        "it's [a] (folder)/end/__init__.py": "",
        "it's [a] (folder)/end/main.py": (
            "import requests\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
            + "".join(
                f"@app.get({route!r})\ndef f{number}():\n    return requests.get('https://' + {host!r} + '/x').json()\n\n\n"
                for number, (route, host) in enumerate(
                    [(f"/end/{name}/subgraph", 'e"]|x.example.com'), ("/graph`/x|y", "end.example.com")]
                )
            )
        ),
        "compose.yaml": json.dumps({"services": {name: {"image": "postgres:" + name, "ports": [name]}}}),
        "docs/adr/0001-x.md": f"# {name}\n\nStatus: {name}\n",
        "migrations/0001_x.sql": (
            f'CREATE TABLE "{quoted}" ("{quoted}" bigint PRIMARY KEY, "end" text, "1" "x y");\n'
            f'CREATE TABLE "end" (id int PRIMARY KEY, "{quoted}_id" bigint REFERENCES "{quoted}" ("{quoted}"));\n'
        ),
    }


def many_tables() -> dict[str, str]:
    lines = [
        f"CREATE TABLE t{number // 60}_{number} (id int PRIMARY KEY, "
        + ", ".join(
            f"c{other} int REFERENCES t{number // 60}_{other} (id)" for other in range(max(0, number - 30), number)
        )
        + ");\n"
        for number in range(180)
    ]
    return {"migrations/0001_x.sql": "".join(lines).replace(", );", ");")}


@pytest.mark.parametrize("make", [lambda: SHOP, hostile_shop, many_tables], ids=["shop", "hostile", "many"])
def test_diagrams_are_taken_by_the_parser_of_mermaid(make: Callable[[], dict[str, str]]) -> None:
    folder = os.environ.get("MERMAID_PACKAGES", "")
    if not folder:
        pytest.skip("MERMAID_PACKAGES names no folder with the npm packages mermaid and jsdom")
    drawn = diagrams(page_of(report_of(make())))
    assert drawn
    result = subprocess.run(
        ["node", str(Path(__file__).with_name("mermaid.mjs")), folder],
        input=json.dumps(drawn),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    faults = json.loads(result.stdout)
    assert len(faults) == len(drawn)
    assert not [(fault, source) for fault, source in zip(faults, drawn, strict=True) if fault]


def test_no_diagram_is_larger_than_github_draws() -> None:
    for drawn in diagrams(page_of(report_of(many_tables()))):
        assert len(drawn) <= 50_000
        assert len(re.findall(r"--|-->", drawn)) <= 500


def test_hostile_names_make_no_markup() -> None:
    page = page_of(report_of(hostile_shop()))
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
    html = [token.content for token in tokens if token.type == "html_block"]
    html += [child.content for token in tokens for child in token.children or () if child.type == "html_inline"]
    assert all(re.fullmatch(r"(?:</?details>|<summary>[^<]*</summary>|\s)*", one) for one in html)
    assert [token.content for token in tokens if token.type == "inline"]
    assert len(sections(page)) == 17
    assert "\u2028" not in page


@pytest.mark.parametrize("secret", ["p4ss_*word*[x]", "Meadow!2031-post", "__a1b2c3d4__"])
def test_the_value_of_a_secret_is_in_no_form_on_the_page(secret: str) -> None:
    line = f"KEY = '{secret}'\n"
    report = report_of(
        {**SHOP, "shop/keys.py": "KEY = 1\n"},
        finding("missing-timeout", mend=f"do not write {secret}, or `{secret}`"),
        finding("plain-http", status=Status.SUPPRESSED, answer=f"it is {secret}"),
    )
    report = msgspec.structs.replace(
        report,
        texts={"shop/keys.py": Text.of(line)},
        secrets={"shop/keys.py": (Span(1, 8, 1, 8 + len(secret)),)},
        project=project_of({"Procfile": f"web: serve {secret}\n", "a.py": ""}),
    )
    page = page_of(report)
    assert "(secret)" in page
    assert secret not in page
    assert secret not in re.sub(r"\\(.)", r"\1", page)


def test_a_name_of_any_length_is_cut() -> None:
    assert len(text("x" * 1_000_000)) < 1_000
    assert len(code("`" * 1_000_000)) < 3_000


FIXTURES = sorted(Path(__file__).parents[3].glob("fixtures/*/*/expected.json"))


@pytest.mark.parametrize("fixture", [path.parent for path in FIXTURES], ids=lambda path: "/".join(path.parts[-2:]))
def test_every_link_of_a_whole_backend_leads_to_a_line_that_is_there(fixture: Path) -> None:
    files = {
        path.relative_to(fixture).as_posix(): path.read_text("utf-8")
        for path in sorted(fixture.rglob("*"))
        if path.is_file()
        and path.name != "expected.json"
        and path.suffix in (".py", ".sql", ".yaml", ".yml", ".toml", ".txt", "")
    }
    page = page_of(msgspec.structs.replace(report_of(files), root=fixture), fixture)
    seen = 0
    for token in MarkdownIt("commonmark").enable("table").parse(page):
        for child in token.children or ():
            way, _, line = str(child.attrs.get("href", "")).partition("#")
            if child.type == "link_open" and way:
                target = fixture / unquote(way)
                assert target.exists(), way
                assert not line or int(line[1:]) <= target.read_text("utf-8").count("\n") + 1
                seen += 1
    assert seen > 20
