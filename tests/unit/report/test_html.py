"""The page for people: what stands in it, and that what the repository says is never more than text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qualitygate.load import load
from qualitygate.model.agreement import Agreement
from qualitygate.model.architecture import Connection, Guard, Outbound, Route, Scope, Task, Unfollowed
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.facts import FileFacts
from qualitygate.model.finding import Change, Confidence, Finding, Severity, Status
from qualitygate.model.project import Project
from qualitygate.model.schema import Column, ForeignKey, Table
from qualitygate.model.source import Language, Place, Role, Span, Unread
from qualitygate.model.syntax import Module
from qualitygate.model.verdict import Base, Report, Row, State, Verdict
from qualitygate.report.html import render

Make = Callable[..., Report]
MakeFinding = Callable[..., Finding]

AT = Span(1, 1, 1, 5)
# Each would do something where text becomes markup, an attribute, a script, a style or a drawing.
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>body{display:none}",
    "</svg><foreignObject>",
    "javascript:alert(1)",
    "]]>&lt;b&gt;&amp;",
    "line\u2028separator\u2029paragraph",
    "\u202eright to left\u2066",
    "\x00\x1b[31m\x07",
    "`</code><b>`",
    "\ud800 half a pair",
)


class Tree(HTMLParser):
    """Elements with their attributes, and the text outside of script and style."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self.inside: list[str] = []
        self.drawings: list[tuple[dict[str, str], list[tuple[str, str]]]] = []
        self.key: str | None = None
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.elements.append((tag, names))
        if tag == "svg":
            self.drawings.append(({}, []))
        if "data-from" in names:
            self.drawings[-1][1].append((names["data-from"] or "", names["data-to"] or ""))
        self.key = names.get("data-key") if tag == "g" else self.key if tag == "title" else None
        if tag in ("script", "style"):
            self.inside.append(tag)
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if self.inside:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        else:
            self.texts.append(data)
            if self.key is not None:
                self.drawings[-1][0].setdefault(self.key, data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(next(text for names, text in self.scripts if names.get("id") == "data"))
        return found


def tree_of(report: Report) -> Tree:
    return Tree(render(report, load().checks))


def place(path: str = "app/api.py") -> Place:
    return Place(path, AT)


def route(path: str, method: str = "GET", **changes: Any) -> Route:
    return Route(method, path, "fastapi", "app.api.orders", place(), place(), place(), **changes)


def table(name: str, *references: str) -> Table:
    columns = (
        Column("id", "bigint", False, None, place()),
        *(Column(f"{to}_id", "bigint", True, None, place()) for to in references),
    )
    keys = tuple(ForeignKey("", (f"{to}_id",), to, ("id",), place()) for to in references)
    return Table(name, "", columns, ("id",), keys, (), place("migrations/1.sql"), dialect="postgres")


def project(**changes: Any) -> Project:
    files = (FileFacts("app/api.py", Language.PYTHON, Role.APPLICATION, module=Module((), ())),)
    return Project(**{"files": files, **changes})


def test_the_gate_stands_first_with_every_state_and_class_of_evidence(report: Make) -> None:
    rows = tuple(
        Row(
            f"row.{state.value}",
            state,
            "412 ms",
            "< 200 ms",
            "measured",
            source="k6.json",
            observed="2026-11-01T10:00:00Z",
            samples=5000,
        )
        for state in State
    )
    tree = tree_of(report(verdict=Verdict("closed", rows, 1)))
    text = tree.text
    assert text.index("The gate is closed") < text.index("row.error") < text.index("row.fail") < text.index("row.pass")
    for word in ("failed", "in error", "without data", "inconclusive", "stale", "waived", "passed", "not applicable"):
        assert f" {word} " in text
    assert "7 rows decide" in text
    assert "1 row is shown and not required" in text
    assert "7 measured" in text
    assert "5,000 samples" in text
    assert ("time", {"datetime": "2026-11-01T10:00:00Z"}) in tree.elements
    assert [names["id"] for tag, names in tree.elements if tag == "section"][:2] == ["gate", "findings"]


def test_a_finding_carries_its_code_its_labels_its_reason_and_its_documentation(
    report: Make, finding: MakeFinding
) -> None:
    found = finding(
        "app/api.py",
        Span(8, 12, 8, 21),
        why="`connect` is called by the handler",
        mend="make one pool",
        places=(
            Place("app/api.py", Span(6, 1, 6, 20), "GET /orders", "route"),
            Place("app/db.py", Span(4, 1, 4, 15), "opens it", "call"),
        ),
        change=Change.NEW,
    )
    data = tree_of(report(found, base=Base("main", "0" * 40))).data
    (one,) = data["findings"]
    assert data["compared"] is True
    assert (one["path"], one["line"], one["severity"], one["change"]) == ("app/api.py", 8, "error", "new")
    frame, other = one["frames"]
    lines = {line["n"]: line for line in frame["lines"]}
    assert lines[8]["t"] == [["    return "], ["connect()", "main"], ['.execute("SELECT * FROM orders").fetchall()']]
    assert lines[6]["t"] == [['@app.get("/orders")', "other"]]
    assert lines[6]["notes"] == [["GET /orders", "other"]]
    assert frame["roles"] == ["route"]
    assert other["path"] == "app/db.py"
    check = data["checks"]["connection-per-request"]
    assert [head for head, _ in check["sections"]] == ["What it flags", "Why", "How to mend", "What it cannot see"]


def test_a_secret_is_masked_in_frames_messages_and_the_architecture(report: Make, finding: MakeFinding) -> None:
    found = finding("app/db.py", Span(5, 9, 5, 25), message="s3cret-Value! is in the code")
    reached = project(
        outbound=(Outbound("httpx", "httpx.get", "s3cret-Value!", "", place(), "", "s3cret-Value!.example"),)
    )
    page = render(report(found, secrets={"app/db.py": (Span(5, 35, 5, 48),)}, project=reached), load().checks)
    assert b"s3cret-Value!" not in page
    assert b"*************.example" in page


def test_long_lines_are_cut_around_what_is_marked(report: Make, finding: MakeFinding) -> None:
    text = "a" * 5000 + "GUILTY" + "b" * 5000 + "\n"
    (one,) = tree_of(report(finding("m.json", Span(1, 5001, 1, 5007)), files_of={"m.json": text})).data["findings"]
    parts = one["frames"][0]["lines"][0]["t"]
    assert ["GUILTY", "main"] in parts
    assert sum(len(part[0]) for part in parts) < 300


def test_columns_count_characters_and_not_their_bytes(report: Make, finding: MakeFinding) -> None:
    found = finding("a.py", Span(1, 5, 1, 7))
    (one,) = tree_of(report(found, files_of={"a.py": "é😀= bad\n"})).data["findings"]
    assert one["frames"][0]["lines"][0]["t"] == [["é😀= "], ["ba", "main"], ["d"]]


def test_the_page_loads_nothing_and_runs_one_script_by_its_digest(report: Make, finding: MakeFinding) -> None:
    tree = tree_of(report(finding(), project=project(routes=(route("/orders"),))))
    policy = next(names["content"] for tag, names in tree.elements if tag == "meta" and "http-equiv" in names)
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    style, _, script = (text for _, text in tree.scripts)
    for text in (style, script):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    for tag, names in tree.elements:
        assert not {"src", "style", "srcset", "action"} & set(names), tag
        assert not any(name.startswith("on") for name in names), tag
        assert names.get("href", "#").startswith("#"), tag  # type: ignore[union-attr]
    assert "url(" not in style
    assert "innerHTML" not in script


@pytest.mark.parametrize("text", HOSTILE)
def test_what_the_repository_says_is_only_text(report: Make, finding: MakeFinding, text: str) -> None:
    """The same elements, attributes and scripts stand in the page, whatever the names and lines of the repository are."""

    def page(said: str) -> Tree:
        found = finding(
            f"app/{said}.py",
            Span(1, 1, 1, 4),
            message=f"bad {said}",
            why=said,
            mend=said,
            answer=said,
            tags=(said,),
            status=Status.SUPPRESSED,
            places=(Place("b.py", AT, said, "route"),),
        )
        contract = Contract(
            f"{said}.yaml",
            "3.1",
            said,
            said,
            place(),
            place(),
            operations=(Operation("GET", said, said, place(), place()),),
        )
        linked = project(
            routes=(route(f"/{said}"), route(f"/{said}/b", uncertain=said)),
            tables=(table(said, "other"), table("other")),
            outbound=(Outbound("httpx", said, said, said, place(said), said, said),),
            connections=(Connection("cache", f"{said}.Redis", place(), said, Scope.MODULE),),
            tasks=(Task(said, said, place()),),
            unfollowed=(Unfollowed(place(said), said),),
            contracts=(contract,),
            agreements=(
                Agreement(
                    contract, "served", undocumented=(route(f"/{said}"),), among=1, unimplemented=contract.operations
                ),
            ),
        )
        row = Row(said, State.FAIL, said, said, said, said, source=said, observed=said, place=place(said))
        return tree_of(
            report(
                found,
                files_of={f"app/{said}.py": f"{readable(said)} = 1\n", "b.py": f"# {readable(said)}\n"},
                root=Path("/srv") / said.replace("\x00", "").replace("/", "-"),
                verdict=Verdict("closed", (row,), 1),
                project=linked,
                unread=(Unread(said, 1, said),),
                broken={said: said},
                notes=(said,),
                stale_baseline=(said,),
                base=Base(said, said, said, (said,)),
            )
        )

    # a slash divides a path, whatever stands around it
    harmless, hostile = page(re.sub("[^/]", "w", text)), page(text)
    assert shape(hostile) == shape(harmless)
    assert [names for names, _ in hostile.scripts] == [names for names, _ in harmless.scripts]
    assert hostile.scripts[-1] == harmless.scripts[-1]
    raw = "".join(hostile.texts) + json.dumps(hostile.data, ensure_ascii=False)
    assert not re.search("[\x00-\x08\x0b-\x1f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", raw)


def readable(said: str) -> str:
    """What a file can hold: a name can be half of a pair, decoded text cannot."""
    return said.encode("utf-8", "replace").decode()


def shape(tree: Tree) -> Counter[tuple[str, tuple[str, ...]]]:
    """How many elements there are with which attributes; `code` comes and goes with backticks."""
    return Counter((tag, tuple(sorted(names))) for tag, names in tree.elements if tag != "code")


def edges(tree: Tree) -> set[tuple[str, str]]:
    """What is drawn from what to what, in all drawings, by the titles of the boxes."""
    return {(titles[source], titles[target]) for titles, arrows in tree.drawings for source, target in arrows}


def test_a_system_is_drawn_from_its_routes_to_what_it_reaches(report: Make) -> None:
    routes = [route(f"/v1/{name}/{{id}}/{number}") for name in ("orders", "users") for number in range(20)]
    linked = project(
        routes=tuple(routes),
        tables=(table("orders", "users"), table("users")),
        connections=(
            Connection("database", "psycopg.connect", place(), "", Scope.REQUEST, routes=("GET /v1/orders/1",)),
        ),
        outbound=(
            Outbound("httpx", "httpx.get", "", "", place(), "", "api.stripe.com"),
            Outbound("httpx", "httpx.get", "url", "", place()),
        ),
        tasks=(Task("celery", "send", place()),),
    )
    tree = tree_of(report(project=linked))
    for told in (
        "/v1/orders",
        "20 routes, not seen to ask",
        "postgres",
        "2 tables, postgres, psycopg",
        "api.stripe.com",
        "celery",
        "1 task",
    ):
        assert told in tree.text
    assert edges(tree) == {
        ("orders", "users"),
        ("/v1/orders, 20 routes, not seen to ask", "app, 40 routes, 1 task, 0 lines"),
        ("/v1/users, 20 routes, not seen to ask", "app, 40 routes, 1 task, 0 lines"),
        ("app, 40 routes, 1 task, 0 lines", "Database, 2 tables, postgres, psycopg"),
        ("app, 40 routes, 1 task, 0 lines", "api.stripe.com, over HTTP, 1 place"),
        ("app, 40 routes, 1 task, 0 lines", "Hosts without a name here, over HTTP, 1 place"),
        ("app, 40 routes, 1 task, 0 lines", "celery, 1 task"),
    }


def test_a_route_tells_what_asks_who_calls(report: Make) -> None:
    guards = (
        Guard("authentication", "IsAdmin", place()),
        Guard("identity", "request.user", place()),
        Guard("throttling", "limiter", place()),
    )
    linked = project(routes=(route("/a/x", guards=guards), route("/a/y", guards=guards[2:]), route("/a/z")))
    text = tree_of(report(project=linked)).text
    assert "guarded by IsAdmin; reads who calls from request.user; throttled by limiter" in text
    assert "not seen to ask who calls; throttled by limiter" in text
    assert "2 not seen to ask" in text


def test_of_many_services_each_is_a_box(report: Make) -> None:
    names = ("orders", "people", "stock")
    files = [FileFacts(f"services/{name}/setup.cfg", Language.INI, Role.APPLICATION) for name in names]
    files += [
        FileFacts(f"services/{name}/{part}/api.py", Language.PYTHON, Role.APPLICATION, module=Module((), ()), lines=10)
        for name in names
        for part in ("api", "core")
    ]
    routes = tuple(
        msgspec.structs.replace(route(f"/{name}/{part}"), place=place(f"services/{name}/{part}/api.py"))
        for name in names
        for part in ("api", "core")
    )
    tree = tree_of(
        report(project=Project(files=tuple(files), routes=routes, tasks=(Task("rq", "t", routes[0].place),)))
    )
    assert {target for source, target in edges(tree) if source.startswith("/")} == {
        "services/orders, 2 routes, 1 task, 20 lines",
        "services/people, 2 routes, 20 lines",
        "services/stock, 2 routes, 20 lines",
    }


def test_a_big_system_is_told_in_few_boxes(report: Make) -> None:
    tables = tuple(
        table(f"t{number % 30}_{number}", *([f"t{(number + 1) % 30}_{number - 29}"] if number > 30 else []))
        for number in range(300)
    )
    routes = tuple(route(f"/v1/{chr(97 + number % 26)}{number % 13}/{number}") for number in range(1000))
    tree = tree_of(report(project=project(routes=routes, tables=tables)))
    assert sum(tag == "details" and names.get("class") == "prefix" for tag, names in tree.elements) <= 40
    assert sum(names.get("id", "").startswith("tables-") for _, names in tree.elements if names.get("id")) == 30  # type: ignore[union-attr]
    widths = [
        float(names["width"] or 0)
        for tag, names in tree.elements
        if tag == "svg" and "height" in names and names["width"] != "100%"
    ]
    assert max(widths) < 1600


def test_foreign_keys_in_a_circle_and_to_the_own_table_are_drawn(report: Make) -> None:
    linked = project(tables=(table("a", "b"), table("b", "c"), table("c", "a", "c"), table("alone")))
    tree = tree_of(report(project=linked))
    assert edges(tree) == {("a", "b"), ("b", "c"), ("c", "a")}
    assert all(name in tree.text for name in ("alone", "4 tables after all migrations"))


def test_a_contract_is_covered_in_both_directions(report: Make) -> None:
    operations = tuple(Operation("GET", f"/{name}", f"/{name}", place(), place()) for name in ("a", "b"))
    contract = Contract("openapi.yaml", "3.1", "Shop", "1", place(), place(), operations=operations)
    foreign = Contract("other.yaml", "3.0", "Other", "1", place(), place())
    linked = project(
        contracts=(contract, foreign),
        agreements=(
            Agreement(
                contract, "served", undocumented=(route("/c"),), unimplemented=operations[:1], among=4, sure=False
            ),
            Agreement(foreign, "foreign"),
        ),
        routes=(route("/c"),),
    )
    text = tree_of(report(project=linked)).text
    assert "3 of 4 routes that it could have are in it" in text
    assert "0 of 1 operations of it are served by a route" in text
    assert "Routes may have escaped" in text
    assert "another service's contract" in text


def test_what_was_not_read_not_followed_or_not_judged_is_told(report: Make, unread: tuple[Unread, ...]) -> None:
    tree = tree_of(
        report(
            unread=unread,
            hidden=7,
            broken={"some-check": "ValueError"},
            notes=("left out",),
            project=project(unfollowed=(Unfollowed(place(), "mounted in a loop"),)),
        )
    )
    for told in (
        "app/broken.py:7",
        "expected ':'",
        "Below the confidence asked for and not in this page: 7 findings",
        "some-check",
        "mounted in a loop",
        "left out",
        "unversioned-route",
    ):
        assert told in tree.text


def test_the_trend_tells_what_is_new_changed_and_gone(report: Make, finding: MakeFinding) -> None:
    findings = [
        finding(fingerprint=f"{number:032x}", change=change)
        for number, change in enumerate((Change.NEW, Change.NEW, Change.CHANGED, Change.UNCHANGED))
    ]
    known = finding(fingerprint="f" * 32, status=Status.BASELINED)
    text = tree_of(
        report(*findings, known, base=Base("main", "a" * 40, gone=("x app/y.py: old fault",)), stale_baseline=("one",))
    ).text
    assert "2 new, 1 changed, 1 unchanged, 1 gone" in text
    assert "x app/y.py: old fault" in text
    assert "holds back 1 finding; of its entries, 1 stand" in text


def test_a_page_of_the_same_state_is_the_same(
    report: Make, finding: MakeFinding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one = report(
        finding(severity=Severity.WARNING, confidence=Confidence.MEDIUM), project=project(routes=(route("/orders"),))
    )
    pages = {render(one, load().checks) for _ in range(2)}
    assert len(pages) == 1
    assert b"2023-11-14 22:13 UTC" in pages.pop()


def test_nothing_found_and_nothing_there_still_makes_a_page(report: Make) -> None:
    text = tree_of(report(verdict=Verdict("open", (), 0))).text
    assert "The gate is open" in text
    assert "Nothing was found" in text
