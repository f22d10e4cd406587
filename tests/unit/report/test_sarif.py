"""SARIF as GitHub code scanning reads it."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from qualitygate.authoring import Check, example
from qualitygate.model.finding import Confidence, Domain, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Unread
from qualitygate.model.verdict import Report
from qualitygate.report.sarif import document, line_hashes, render

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
    assert result["message"]["text"] == "Every request of GET /orders opens its own connection. it does."
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
    assert result["message"]["text"] == "bad \\u001b[2J name."


def test_the_file_is_utf8_json_that_ends_in_a_line_break(report: Make, finding: MakeFinding) -> None:
    data = render(report(finding()), [check()])
    assert json.loads(data)["version"] == "2.1.0"
    assert data.endswith(b"}\n")


# Values published with the upload action's own tests.
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "c129715d7a2bc9a3:1"),
        (" a\nb\n  \t\tc\n d", "271789c17abda88f:1 54703d4cd895b18:1 180aee12dab6264:1 a23a3dc5e078b07b:1"),
        (
            " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End",
            "8b7cf3e952e7aeb2:1 b1ae1287ec4718d9:1 bff680108adb0fcc:1 c6805c5e1288b612:1 b86d3392aea1be30:1 "
            "e6ceba753e1a442:1",
        ),
        (
            " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n",
            "e9496ae3ebfced30:1 fb7c023a8b9ccb3f:1 ce8ba1a563dcdaca:1 e20e36e16fcb0cc8:1 b3edc88f2938467e:1 "
            "c8e28b0b4002a3a0:1 c129715d7a2bc9a3:1",
        ),
        (
            " hello; \t\rworld!!!\r\r\r  \t\tGreetings\r End\r",
            "e9496ae3ebfced30:1 fb7c023a8b9ccb3f:1 ce8ba1a563dcdaca:1 e20e36e16fcb0cc8:1 b3edc88f2938467e:1 "
            "c8e28b0b4002a3a0:1 c129715d7a2bc9a3:1",
        ),
    ],
)
def test_the_line_hash_is_the_published_one(content: str, expected: str) -> None:
    assert [value for value, _ in line_hashes(content.encode(), range(1, 50)).values()] == expected.split()


def rolling(data: bytes) -> list[str]:
    """The algorithm as it is published: one character at a time, a ring of 100."""
    window, lines = [0] * 100, [False] * 100
    value, index, start, after_cr = 0, 0, True, False
    counts: dict[str, int] = {}
    found = []

    def flush() -> None:
        text = f"{value:x}"
        counts[text] = counts.get(text, 0) + 1
        found.append(f"{text}:{counts[text]}")
        lines[index] = False

    def update(unit: int) -> None:
        nonlocal value, index
        value = (37 * value + unit - pow(37, 100) * window[index]) % (1 << 64)
        window[index] = unit
        index = (index + 1) % 100

    encoded = data.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")
    units = [encoded[at] | encoded[at + 1] << 8 for at in range(0, len(encoded), 2)]
    for unit in [*units, 65535]:
        if unit in (32, 9) or (after_cr and unit == 10):
            after_cr = False
            continue
        after_cr = unit == 13
        if lines[index]:
            flush()
        if start:
            lines[index] = True
        start = unit in (10, 13)
        update(10 if start else unit)
    for _ in range(100):
        if lines[index]:
            flush()
        update(0)
    return found


def test_the_line_hash_agrees_with_a_character_by_character_reading() -> None:
    choice = random.Random(7)
    pieces = ["a", "bc", " ", "\t", "\n", "\r\n", "\r", "é", "😀", "\ufeff", "x" * 120, "\n\n", "\0"]
    for _ in range(200):
        data = "".join(choice.choices(pieces, k=choice.randrange(1, 200))).encode()
        if choice.random() < 0.3:
            data += b"\xff\xfe" + data[:20]
        assert [value for value, _ in line_hashes(data, range(1, 1000)).values()] == rolling(data)


def test_equal_lines_are_numbered_from_the_top() -> None:
    content = ("x = 1\n" * 60).encode()
    values = [value for value, _ in line_hashes(content, {1, 3}).values()]
    assert values[0].split(":")[0] == values[1].split(":")[0]
    assert [value.split(":")[1] for value in values] == ["1", "3"]
