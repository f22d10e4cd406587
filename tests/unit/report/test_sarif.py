"""SARIF as GitHub code scanning reads it."""

import json
from collections.abc import Callable
from typing import Any

from qualitygate.authoring import Check, example
from qualitygate.model.finding import Confidence, Domain, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Unread
from qualitygate.model.verdict import Report
from qualitygate.report.sarif import document, render

Make = Callable[..., Report]
MakeFinding = Callable[..., Finding]

DOC = """A connection that is opened anew for every request.

What it flags: a database connection
opened below a handler.

More about it.

Why: each costs a round trip.

How to mend: make one pool.

What it cannot see: pools outside the process.
"""


def check(name: str = "connection-per-request", domain: Domain = Domain.DATABASE, **changes: Any) -> Check:
    fields: dict[str, Any] = {
        "severity": Severity.ERROR,
        "confidence": Confidence.HIGH,
        "do": "Use a pool",
        "dont": "Connect per request",
        "doc": DOC,
        "run": lambda project: iter(()),
        "bad": (example("connect()  # <- flagged\n"),),
        "good": (example("pool.get()\n"),),
        "tags": ("CWE-772", "performance"),
    }
    return Check(name, domain, **{**fields, **changes})


def run_of(report: Report, *checks: Check) -> dict[str, Any]:
    run: dict[str, Any] = document(report, checks or (check(),))["runs"][0]
    return run


def test_a_result_carries_rule_place_and_identity(report: Make, finding: MakeFinding) -> None:
    (result,) = run_of(report(finding(why="it does")))["results"]
    assert result["ruleId"] == "connection-per-request"
    assert result["ruleIndex"] == 0
    assert result["level"] == "error"
    assert result["message"]["text"] == "Every request of GET /orders opens its own connection. Why here: it does."
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "app/api.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 8, "startColumn": 12, "endLine": 8, "endColumn": 21},
            }
        }
    ]
    assert result["partialFingerprints"]["qgate/v1"] == "0123456789abcdef0123456789abcdef"
    assert result["partialFingerprints"]["primaryLocationLineHash"].endswith(":1")


def test_a_rule_carries_its_documentation(report: Make) -> None:
    (rule,) = run_of(report())["tool"]["driver"]["rules"]
    assert rule["name"] == "ConnectionPerRequest"
    assert rule["shortDescription"]["text"] == "A connection that is opened anew for every request."
    assert rule["fullDescription"]["text"] == "A database connection opened below a handler."
    assert "How to mend: Make one pool." in rule["help"]["text"]
    assert "```python\nconnect()  # <- flagged\n```" in rule["help"]["markdown"]
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["properties"] == {
        "tags": ["database", "external/cwe/cwe-772", "performance"],
        "precision": "high",
        "problem.severity": "error",
    }


def test_only_a_security_rule_has_a_security_severity(report: Make) -> None:
    rules = run_of(report(examined={"leak": 1, "connection-per-request": 1}), check(), check("leak", Domain.SECURITY))[
        "tool"
    ]["driver"]["rules"]
    assert ["security-severity" in rule["properties"] for rule in rules] == [False, True]
    assert rules[1]["properties"]["security-severity"] == "8.0"


def test_at_most_ten_tags_are_written(report: Make) -> None:
    (rule,) = run_of(report(), check(tags=tuple(f"tag-{number}" for number in range(20))))["tool"]["driver"]["rules"]
    assert len(rule["properties"]["tags"]) == 10
    assert rule["properties"]["tags"][0] == "database"


def test_related_places_are_linked_from_the_message(report: Make, finding: MakeFinding) -> None:
    places = (
        Place("app/api.py", Span(6, 1, 6, 20), "GET /orders [v1]", "route"),
        Place("app/db.py", Span(5, 1, 5, 2), role="call"),
    )
    (result,) = run_of(report(finding(places=places)))["results"]
    assert result["message"]["text"].endswith("See [GET /orders \\[v1\\]](1), [call](2).")
    assert [item["id"] for item in result["relatedLocations"]] == [1, 2]
    assert result["relatedLocations"][1]["physicalLocation"]["artifactLocation"]["uri"] == "app/db.py"


def test_text_that_looks_like_a_link_stays_text(report: Make, finding: MakeFinding) -> None:
    (result,) = run_of(report(finding(message="calls handlers[name](1)")))["results"]
    assert result["message"]["text"] == "calls handlers[name\\](1)."


def test_only_active_findings_are_results(report: Make, finding: MakeFinding) -> None:
    run = run_of(report(finding(), finding(status=Status.SUPPRESSED), finding(status=Status.BASELINED)))
    assert len(run["results"]) == 1
    assert "suppressions" not in json.dumps(run)


def test_paths_start_at_the_top_of_the_repository_and_are_encoded(report: Make, finding: MakeFinding) -> None:
    found = report(finding("a b/größe:1#x.py"), prefix="services/orders/")
    uri = run_of(found)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "services/orders/a%20b/gr%C3%B6%C3%9Fe%3A1%23x.py"


def test_a_place_without_a_line_still_has_a_location(report: Make, finding: MakeFinding) -> None:
    (result,) = run_of(report(finding(span=Span(0, 0, 0, 0))))["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 1,
        "startColumn": 1,
        "endLine": 1,
        "endColumn": 1,
    }


def test_the_worst_five_thousand_are_written_with_a_notice(report: Make, finding: MakeFinding) -> None:
    notes = [finding(severity=Severity.NOTE)] * 5_000
    run = run_of(report(*notes, finding(), files_of={}))
    assert len(run["results"]) == 5_000
    assert run["results"][0]["level"] == "error"
    (notice,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("5,000 of 5,001 results are written")


def test_unread_files_and_crashed_checks_are_notifications(report: Make, unread: tuple[Unread, ...]) -> None:
    broken = {"connection-per-request": "KeyError"}
    (invocation,) = run_of(report(unread=unread, broken=broken))["invocations"]
    assert invocation["executionSuccessful"] is False
    first, second, third = invocation["toolExecutionNotifications"]
    assert first["message"]["text"] == "Not judged: expected ':'."
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 7}
    assert "region" not in second["locations"][0]["physicalLocation"]
    assert third["associatedRule"] == {"id": "connection-per-request", "index": 0}
    assert third["level"] == "error"


def test_a_run_without_a_crash_was_successful(report: Make, finding: MakeFinding) -> None:
    (invocation,) = run_of(report(finding()))["invocations"]
    assert invocation["executionSuccessful"] is True
    assert invocation["exitCode"] == 1


def test_no_hash_is_taken_over_a_secret(report: Make, finding: MakeFinding) -> None:
    findings = (finding("app/db.py", Span(5, 9, 5, 25)), finding("app/api.py"))
    results = run_of(report(*findings, secrets={"app/db.py": (Span(5, 35, 5, 48),)}))["results"]
    by_path = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: result["partialFingerprints"]
        for result in results
    }
    assert set(by_path["app/db.py"]) == {"qgate/v1"}
    assert set(by_path["app/api.py"]) == {"qgate/v1", "primaryLocationLineHash"}


def test_control_characters_are_written_as_escapes(report: Make, finding: MakeFinding) -> None:
    (result,) = run_of(report(finding(message="bad \x1b[2J name")))["results"]
    assert result["message"]["text"] == "bad \\x1b[2J name."


def test_the_file_is_utf8_json_that_ends_in_a_line_break(report: Make, finding: MakeFinding) -> None:
    data = render(report(finding()), [check()])
    assert json.loads(data)["version"] == "2.1.0"
    assert data.endswith(b"}\n")
