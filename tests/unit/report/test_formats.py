"""What every consumer of a format relies on, and that nothing in a report can break it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for

from qualitygate.authoring import Check, example
from qualitygate.model.finding import Change, Confidence, Domain, Edit, Finding, Severity, Status
from qualitygate.model.source import Place, Span
from qualitygate.model.verdict import Base, Report, Row, State, Verdict
from qualitygate.report.formats import FORMATS, rendered
from qualitygate.report.text import Style

Make = Callable[..., Report]
MakeFinding = Callable[..., Finding]

# A folder with the schemas that the consumers publish, where there is one: CONTRIBUTING.md names them.
SCHEMAS = os.environ.get("CONSUMER_SCHEMAS")

# Everything that means something to one of the formats or to a terminal.
HOSTILE = (
    "a|b ``` ]]> <script>x</script> ::error::x %0A @team #1 [x](http://x.io) \x1b[2J\r\n::warning::y\u202e\ud800\x00"
)


def check(name: str, domain: Domain = Domain.DATABASE, severity: Severity = Severity.ERROR) -> Check:
    return Check(
        name,
        domain,
        severity,
        Confidence.HIGH,
        do="Use a pool",
        dont="Connect per request",
        doc="A title.\n\nWhat it flags: <b>`this`</b>.\n\nWhy: cost.\n\nHow to mend: a pool.\n",
        run=lambda project: iter(()),
        bad=(example("connect()  # <- flagged\n"),),
        good=(example("pool.get()\n"),),
    )


CHECKS = (
    check("connection-per-request"),
    check("unversioned-route", Domain.API, Severity.WARNING),
    check("hardcoded-secret", Domain.SECURITY),
)


def written(report: Report, name: str) -> str:
    return rendered(report, CHECKS, name, Style()).decode()


@pytest.fixture
def hostile(report: Make, finding: MakeFinding) -> Report:
    """A report in which all that comes from the tree is hostile."""
    # what is no UTF-8 in a name of a file comes as the lower half of a pair
    path = f"app/{HOSTILE}.py".replace("\ud800", "\udcff")
    place = Place(path, Span(1, 1, 1, 4), HOSTILE, "call")
    found = finding(
        path, Span(1, 1, 1, 4), message=HOSTILE, why=HOSTILE, mend=HOSTILE, subject=HOSTILE, places=(place,)
    )
    rows = (
        Row("findings.errors", State.FAIL, "1", "<= 0"),
        Row(HOSTILE, State.NO_DATA, HOSTILE, HOSTILE, "unknown", HOSTILE, source=HOSTILE),
    )
    return report(found, files_of={path: "x = 1\n"}, verdict=Verdict("closed", rows, 1), broken={HOSTILE: HOSTILE})


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_tree_says_cannot_move_a_cursor_or_end_a_line(hostile: Report, name: str) -> None:
    text = written(hostile, name)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\ud800\udcff]", text)
    assert not any(line.lstrip().startswith(("::warning::y", "::error::x")) for line in text.split("\n"))


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_report_is_written_in_every_format(report: Make, name: str) -> None:
    assert written(report(), name).endswith("\n")


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"sarif-full", "json", "text", "junit", "html"}))
def test_what_is_known_or_answered_is_not_reported(report: Make, finding: MakeFinding, name: str) -> None:
    aside = (finding(status=Status.SUPPRESSED, answer="fine"), finding(status=Status.BASELINED))
    assert "opens its own connection" not in written(report(*aside), name)
    assert "opens its own connection" in written(report(finding()), name)


@pytest.mark.parametrize("name", ["gitlab", "rdjson", "sonar", "sarif", "sarif-full", "github", "markdown"])
def test_a_condition_that_fails_stands_at_its_line_of_the_configuration(report: Make, name: str) -> None:
    place = Place("qgate.toml", Span(14, 1, 14, 20))
    row = Row("perf.latency.p95", State.FAIL, "240 ms", "< 200 ms", "measured", place=place)
    text = written(report(verdict=Verdict("closed", (row,), 1)), name)
    assert "gate-condition" in text
    assert "qgate.toml" in text
    assert "perf.latency.p95 is 240 ms, asked for" in text


# GitLab


def test_gitlab_gets_the_fields_that_it_reads(report: Make, finding: MakeFinding) -> None:
    found = report(finding(mend="make a pool"), prefix="services/orders/")
    (entry,) = json.loads(written(found, "gitlab"))
    assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert entry["description"] == "Every request of GET /orders opens its own connection. Mend: make a pool."
    assert entry["location"] == {"path": "services/orders/app/api.py", "lines": {"begin": 8, "end": 8}}
    assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")


def test_gitlab_tells_the_same_fault_of_two_services_apart(report: Make, finding: MakeFinding) -> None:
    prints = {
        json.loads(written(report(finding(), prefix=prefix), "gitlab"))[0]["fingerprint"] for prefix in ("", "a/", "b/")
    }
    assert len(prints) == 3


# Sonar: the rules of ExternalIssueReportValidator and ExternalIssueImporter of SonarQube.


ATTRIBUTES = set(
    "CONVENTIONAL FORMATTED IDENTIFIABLE CLEAR COMPLETE EFFICIENT LOGICAL DISTINCT FOCUSED MODULAR TESTED LAWFUL "
    "RESPECTFUL TRUSTWORTHY".split()
)


def refused_by_sonar(data: dict[str, Any], texts: dict[str, str]) -> list[str]:
    faults = []
    ids = [rule["id"] for rule in data["rules"]]
    if len(ids) != len(set(ids)):
        faults.append("a rule twice")
    for rule in data["rules"]:
        if not all(rule.get(key) for key in ("id", "name", "engineId", "impacts")):
            faults.append("a rule without a mandatory field")
        if rule["cleanCodeAttribute"] not in ATTRIBUTES:
            faults.append("an unknown attribute")
        for impact in rule["impacts"]:
            if impact["softwareQuality"] not in ("SECURITY", "RELIABILITY", "MAINTAINABILITY"):
                faults.append("an unknown quality")
            if impact["severity"] not in ("BLOCKER", "HIGH", "MEDIUM", "LOW", "INFO"):
                faults.append("an unknown severity")
    for issue in data["issues"]:
        if issue["ruleId"] not in ids or {"severity", "type"} & set(issue):
            faults.append("an issue without its rule, or of the old form")
        for place in (issue["primaryLocation"], *issue.get("secondaryLocations", ())):
            span = place["textRange"]
            if not place["filePath"] or not place["message"] or span["startLine"] < 1:
                faults.append("a place without a file, a message or a line")
            if "startColumn" in span:
                lines = [
                    line.encode("utf-16-le", "surrogatepass")
                    for line in re.split(r"\r\n|\r|\n", texts[place["filePath"]])
                ]
                start = (span["startLine"], span["startColumn"])
                end = (span["endLine"], span["endColumn"])
                for line, column in (start, end):
                    if not 0 <= column <= len(lines[line - 1]) // 2:
                        faults.append("a column behind its line")
                if start >= end:
                    faults.append("an empty range")
    return faults


SPANS = [Span(0, 0, 0, 0), Span(1, 1, 1, 1), Span(1, 3, 1, 4), Span(1, 2, 2, 40), Span(3, 1, 3, 1), Span(9, 1, 9, 2)]


@pytest.mark.parametrize("span", SPANS)
def test_sonar_takes_every_range(report: Make, finding: MakeFinding, span: Span) -> None:
    content = "é😀x = 1\r\n\ty\n"
    found = finding("app/wide.py", span, places=(Place("app/wide.py", span, "there"), Place("gone.py", span)))
    data = json.loads(written(report(found, files_of={"app/wide.py": content}), "sonar"))
    assert refused_by_sonar(data, {"app/wide.py": content}) == []


def test_sonar_knows_what_each_domain_has_an_impact_on(report: Make, finding: MakeFinding) -> None:
    checks = [check(f"of-{domain.value}", domain) for domain in Domain]
    found = report(*(finding(check=one.id, domain=one.domain) for one in checks), files_of={})
    data = json.loads(rendered(found, checks, "sonar", Style()))
    assert len(data["rules"]) == len(data["issues"]) == len(Domain)
    assert refused_by_sonar(data, {}) == []


def test_sonar_counts_columns_from_zero_in_utf16(report: Make, finding: MakeFinding) -> None:
    found = report(finding("app/wide.py", Span(1, 3, 1, 4)), files_of={"app/wide.py": "é😀x\n"})
    (issue,) = json.loads(written(found, "sonar"))["issues"]
    assert issue["primaryLocation"]["textRange"] == {"startLine": 1, "startColumn": 3, "endLine": 1, "endColumn": 4}


def test_only_a_finding_of_security_is_a_vulnerability_for_sonar(report: Make, finding: MakeFinding) -> None:
    found = report(*(finding(check=one.id, domain=one.domain) for one in CHECKS))
    rules = json.loads(written(found, "sonar"))["rules"]
    qualities = {rule["id"]: rule["impacts"][0]["softwareQuality"] for rule in rules}
    assert qualities == {
        "connection-per-request": "RELIABILITY",
        "unversioned-route": "MAINTAINABILITY",
        "hardcoded-secret": "SECURITY",
    }


def test_the_description_of_a_rule_is_html_for_sonar(report: Make, finding: MakeFinding) -> None:
    (rule,) = json.loads(written(report(finding()), "sonar"))["rules"]
    assert "<p>What it flags: &lt;b&gt;<code>this</code>&lt;/b&gt;.</p><p>Why: Cost.</p>" in rule["description"]


# reviewdog


def test_reviewdog_counts_columns_in_bytes(report: Make, finding: MakeFinding) -> None:
    found = report(finding("app/wide.py", Span(1, 3, 1, 4)), files_of={"app/wide.py": "é😀x\n"})
    (diagnostic,) = json.loads(written(found, "rdjson"))["diagnostics"]
    assert diagnostic["location"] == {
        "path": "app/wide.py",
        "range": {"start": {"line": 1, "column": 7}, "end": {"line": 1, "column": 8}},
    }
    assert diagnostic["severity"] == "ERROR"
    assert diagnostic["code"] == {"value": "connection-per-request"}


def test_a_safe_edit_is_a_suggestion_with_its_import(report: Make, finding: MakeFinding) -> None:
    content = "é = 1\nTOKEN = 'abc'\n"
    edits = (("app/keys.py", Edit(Span(2, 9, 2, 14), 'os.environ["TOKEN"]', ("os",))),)
    found = report(finding("app/keys.py", Span(2, 9, 2, 14), edits=edits), files_of={"app/keys.py": content})
    (diagnostic,) = json.loads(written(found, "rdjson"))["diagnostics"]
    assert [one["text"] for one in diagnostic["suggestions"]] == ["import os\n\n", 'os.environ["TOKEN"]']
    assert diagnostic["suggestions"][1]["range"]["start"] == {"line": 2, "column": 9}


def test_without_the_text_only_the_line_is_told(report: Make, finding: MakeFinding) -> None:
    (diagnostic,) = json.loads(written(report(finding("app/gone.py")), "rdjson"))["diagnostics"]
    assert diagnostic["location"]["range"] == {"start": {"line": 8}}


# SARIF with all that it has


def test_the_full_sarif_tells_what_is_set_aside_and_why(report: Make, finding: MakeFinding) -> None:
    found = report(finding(), finding(status=Status.SUPPRESSED, answer="one a night"), finding(status=Status.BASELINED))
    (run,) = json.loads(written(found, "sarif-full"))["runs"]
    assert [result["suppressions"] for result in run["results"]] == [
        [],
        [{"kind": "inSource", "status": "accepted", "justification": "one a night."}],
        [{"kind": "external", "status": "accepted", "justification": "Known from the baseline."}],
    ]
    assert run["properties"]["gate"]["state"] == "closed"
    assert run["properties"]["gate"]["rows"][0]["id"] == "findings.errors"


def test_the_full_sarif_carries_edits_as_fixes(report: Make, finding: MakeFinding) -> None:
    edits = (("app/keys.py", Edit(Span(1, 9, 1, 14), "read()")),)
    found = report(finding("app/keys.py", Span(1, 9, 1, 14), edits=edits), files_of={"app/keys.py": "TOKEN = 'abc'\n"})
    (result,) = json.loads(written(found, "sarif-full"))["runs"][0]["results"]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "app/keys.py"
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 1, "startColumn": 9, "endLine": 1, "endColumn": 14},
            "insertedContent": {"text": "read()"},
        }
    ]


def test_the_full_sarif_is_not_cut(report: Make, finding: MakeFinding) -> None:
    found = report(*[finding()] * 5_001, files_of={})
    (run,) = json.loads(written(found, "sarif-full"))["runs"]
    assert len(run["results"]) == 5_001
    assert run["invocations"][0]["toolExecutionNotifications"] == []


# GitHub's runner: what it takes for a command, and how it reads one (ActionCommand.cs).


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The commands that the runner obeys."""
    found = []
    stopped = ""
    for line in text.split("\n"):
        match = re.match(r"\s*::(?P<info>.*?)::(?P<data>.*)", line)
        if stopped:
            stopped = "" if match and match["info"] == stopped else stopped
            continue
        assert match or "##[" not in line
        if not match:
            continue
        name, _, properties = match["info"].partition(" ")
        if name == "stop-commands":
            stopped = match["data"]
            continue
        pairs = (pair.partition("=") for pair in properties.strip().split(",") if pair)
        found.append((name, {key: unescaped(value) for key, _, value in pairs}, unescaped(match["data"])))
    assert not stopped
    return found


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_a_finding_is_an_annotation_at_its_place(report: Make, finding: MakeFinding) -> None:
    found = report(finding("a, b:c/100%.py", message="50 % of GET /orders: slow"), prefix="services/")
    assert commands(written(found, "github")) == [
        (
            "error",
            {
                "file": "services/a, b:c/100%.py",
                "line": "8",
                "endLine": "8",
                "col": "12",
                "endColumn": "21",
                "title": "connection-per-request",
            },
            "50 % of GET /orders: slow.",
        )
    ]


def test_an_annotation_over_lines_has_no_columns(report: Make, finding: MakeFinding) -> None:
    ((_, properties, _),) = commands(written(report(finding(span=Span(6, 1, 8, 9))), "github"))
    assert properties == {"file": "app/api.py", "line": "6", "endLine": "8", "title": "connection-per-request"}


def test_no_text_of_the_tree_is_a_command(hostile: Report) -> None:
    assert [name for name, _, _ in commands(written(hostile, "github"))] == ["error"]


def test_ten_of_a_level_are_annotated_and_the_others_told(report: Make, finding: MakeFinding) -> None:
    warnings = [finding(severity=Severity.WARNING)] * 3
    text = written(report(*[finding()] * 12, *warnings), "github")
    assert [name for name, _, _ in commands(text)] == ["error"] * 10 + ["warning"] * 3
    assert "GitHub annotates 10 findings of a level; 2 more:" in text
    assert text.count("\nerror app/api.py:8: ") == 2
    assert "Gate  CLOSED" in text


def test_only_what_is_new_is_annotated_and_commented(report: Make, finding: MakeFinding) -> None:
    old = finding(change=Change.UNCHANGED, message="stood before")
    found = report(old, finding(change=Change.NEW, message="came now"), base=Base("main", "0" * 40))
    for name in ("github", "markdown"):
        text = written(found, name)
        assert "came now" in text
        assert "stood before" not in text


# JUnit


def cases(text: str) -> dict[str, Any]:
    from xml.etree import ElementTree as ET

    root = ET.fromstring(text)
    found = {}
    for suite in root:
        kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
        for attribute, kind in kinds.items():
            assert int(suite.get(attribute, "")) == len(suite.findall(f"testcase/{kind}"))
        assert int(suite.get("tests", "")) == len(suite)
        found.update({f"{case.get('classname')}.{case.get('name')}": case for case in suite})
    assert int(root.get("tests", "")) == sum(len(suite) for suite in root)
    assert int(root.get("failures", "")) == len(root.findall("testsuite/testcase/failure"))
    return found


def test_junit_has_a_case_for_each_condition_and_each_check(report: Make, finding: MakeFinding) -> None:
    found = cases(written(report(finding()), "junit"))
    assert set(found) == {
        "qgate.gate.findings.errors",
        "qgate.database.connection-per-request",
        "qgate.api.unversioned-route",
    }
    failure = found["qgate.database.connection-per-request"].find("failure")
    assert failure.text.startswith("error app/api.py:8: Every request of GET /orders")
    assert found["qgate.api.unversioned-route"].find("skipped").get("message") == "nothing to judge"


def test_junit_is_red_where_the_gate_is_and_nowhere_else(report: Make, finding: MakeFinding) -> None:
    found = cases(written(report(finding(severity=Severity.WARNING)), "junit"))
    assert [case for case in found.values() if case.find("failure") is not None] == []
    output = found["qgate.database.connection-per-request"].find("system-out").text
    assert output.startswith("warning app/api.py:8: ")


def test_known_findings_are_skipped_in_junit(report: Make, finding: MakeFinding) -> None:
    found = cases(written(report(finding(status=Status.BASELINED)), "junit"))
    assert found["qgate.database.connection-per-request"].find("skipped") is not None


@pytest.mark.parametrize(
    ("state", "required", "kind"),
    [
        (State.PASS, True, "system-out"),
        (State.FAIL, True, "failure"),
        (State.FAIL, False, "skipped"),
        (State.INCONCLUSIVE, True, "error"),
        (State.NO_DATA, True, "error"),
        (State.NO_DATA, False, "skipped"),
        (State.STALE, True, "error"),
        (State.WAIVED, True, "skipped"),
        (State.NOT_APPLICABLE, True, "skipped"),
        (State.ERROR, True, "error"),
    ],
)
def test_each_state_of_a_condition_has_its_outcome(report: Make, state: State, required: bool, kind: str) -> None:
    row = Row("perf.latency.p95", state, "27 ms", "< 200 ms", "measured", required=required)
    case = cases(written(report(verdict=Verdict("open", (row,), 0)), "junit"))["qgate.gate.perf.latency.p95"]
    assert [child.tag for child in case] == [kind]


def test_a_crash_is_an_error_in_junit_whatever_crashed(report: Make) -> None:
    found = cases(written(report(broken={"connection-per-request": "KeyError", "extract": "ValueError"}), "junit"))
    assert found["qgate.database.connection-per-request"].find("error").get("message") == "KeyError"
    assert found["qgate.extract"].find("error").get("message") == "ValueError"


def test_no_text_names_a_file_to_attach(report: Make, finding: MakeFinding) -> None:
    assert "[[ATTACHMENT" not in written(report(finding(message="[[ATTACHMENT|/etc/passwd]]")), "junit")


# Markdown


def test_markdown_tells_the_verdict_the_gate_and_what_is_new(report: Make, finding: MakeFinding) -> None:
    text = written(report(finding(mend="make a `pool`"), finding(severity=Severity.NOTE)), "markdown")
    assert text.startswith("<!-- qgate -->\n## ❌ qgate: the gate is closed\n")
    assert "| ❌ | findings.errors | 1 | &#60;= 0 | **FAIL** | proved |" in text
    assert "2 findings (1 error, 1 note)." in text
    assert "- <code>app/api.py:8</code> Every request of GET /orders opens its own connection." in text
    assert "<br>Mend: make a <code>pool</code>." in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_hostile_text_is_text_in_markdown(hostile: Report) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table")
    text = written(hostile, "markdown")
    tokens = parser.parse(text)
    inner = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inner} <= {
        "text",
        "html_inline",
        "softbreak",
        "strong_open",
        "strong_close",
        "text_special",
    }
    tags = {child.content for child in inner if child.type == "html_inline"}
    assert tags <= {"<code>", "</code>", "<br>", "<sub>", "</sub>"}
    assert len([token for token in tokens if token.type == "tr_open"]) == 3
    assert not re.search(r"[@#]\w|://", unescape(text))


@pytest.mark.parametrize("message", ["x" * 5_000, "😀" * 5_000, "<" * 5_000])
@pytest.mark.parametrize("rows", [3, 300])
def test_a_comment_never_grows_too_long_and_says_what_is_left_out(
    report: Make, finding: MakeFinding, message: str, rows: int
) -> None:
    conditions = tuple(Row(f"c{number}", State.FAIL, message, "1", detail=message) for number in range(rows))
    findings = [
        finding(check=f"check-{number}", severity=severity, message=message, why=message)
        for severity in Severity
        for number in range(300)
    ]
    text = written(report(*findings, verdict=Verdict("closed", conditions, 1)), "markdown")
    assert len(text.encode()) < 65_536
    assert "left out: a comment holds no more" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.rstrip().endswith("</sub>")


def test_conditions_that_decide_nothing_are_folded(report: Make) -> None:
    rows = (
        Row("findings.errors", State.PASS, "0", "<= 0"),
        Row("availability", State.NO_DATA, "no data", ">= 99.9 %", "unknown", required=False),
        Row("versioning", State.NOT_APPLICABLE, "", "== 0", "unknown"),
    )
    text = written(report(verdict=Verdict("open", rows, 0)), "markdown")
    table, _, folded = text.partition("<details><summary>2 conditions that do not decide</summary>")
    assert "findings.errors" in table
    assert "availability" not in table
    assert "no data, not required" in folded
    assert "| versioning |" in folded
    assert "Conditions: 1 pass, 1 not applicable." in table


def test_many_findings_of_one_check_are_told_together(report: Make, finding: MakeFinding) -> None:
    text = written(report(*[finding(why="it does")] * 30), "markdown")
    assert "**connection-per-request** (30) A title" in text
    assert text.count("Why here: it does.") == 3
    assert text.count("- <code>app/api.py:8</code>") == 10
    assert "- … and 20 more" in text
    assert "left out" not in text


# The schemas that the consumers publish themselves.


@pytest.mark.skipif(SCHEMAS is None, reason="CONSUMER_SCHEMAS names no folder with the published schemas")
@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("gitlab", "codeclimate.json"),
        ("rdjson", "DiagnosticResult.json"),
        ("sarif", "sarif-schema-2.1.0.json"),
        ("sarif-full", "sarif-schema-2.1.0.json"),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "hostile"])
def test_the_published_schema_is_kept(
    report: Make, finding: MakeFinding, hostile: Report, name: str, schema: str, kind: str
) -> None:
    found = report(finding(), finding(status=Status.BASELINED)) if kind == "plain" else hostile
    data = json.loads(written(found, name))
    described = json.loads((Path(str(SCHEMAS)) / schema).read_text())
    validator = validator_for(described)(described)
    for part in data if isinstance(data, list) else [data]:
        assert [error.message for error in validator.iter_errors(part)] == []


@pytest.mark.skipif(SCHEMAS is None, reason="CONSUMER_SCHEMAS names no folder with the published schemas")
def test_the_published_schema_of_junit_is_kept(report: Make, finding: MakeFinding, hostile: Report) -> None:
    etree = pytest.importorskip("lxml.etree")
    schema = etree.XMLSchema(etree.parse(Path(str(SCHEMAS)) / "junit-10.xsd"))
    for found in (report(finding()), report(finding(severity=Severity.NOTE)), hostile):
        document = etree.fromstring(rendered(found, CHECKS, "junit", Style()))
        assert schema.validate(document), schema.error_log
