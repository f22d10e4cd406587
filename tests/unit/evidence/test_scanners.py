"""Reports of other scanners: what counts, how much it weighs, and where it stands. The samples were written by the tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qualitygate.evidence import read_evidence
from qualitygate.model.evidence import Alert, Scanned, Unusable

SAMPLES = Path(__file__).parent / "samples"
Files = Callable[..., Path]

APP = "import os\n\n\ndef run(name):\n    os.system('run ' + name)\n"


def scanned(root: Path, content: Any, kind: str = "") -> Scanned:
    """The one record of a report with this content, read for ``root``."""
    found = reports(root, content, kind)
    assert len(found) == 1
    assert isinstance(found[0], Scanned), found
    return found[0]


def reports(root: Path, content: Any, kind: str = "") -> tuple[Any, ...]:
    target = root.parent / "report.json"
    target.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_evidence(target, root, kind=kind)


def reason(root: Path, content: Any, kind: str = "") -> str:
    (found,) = reports(root, content, kind)
    assert isinstance(found, Unusable)
    return found.reason


def run(*results: dict[str, Any], tool: str = "Linter", rules: Any = (), **rest: Any) -> dict[str, Any]:
    return {"tool": {"driver": {"name": tool, "rules": list(rules)}}, "results": list(results), **rest}


def log(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"version": "2.1.0", "runs": list(runs)}


def result(uri: str = "app.py", line: int = 5, **rest: Any) -> dict[str, Any]:
    where = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return {"ruleId": "R1", "message": {"text": "a fault"}, "locations": [{"physicalLocation": where}], **rest}


def one(root: Path, *runs: dict[str, Any]) -> Alert:
    (alert,) = scanned(root, log(*runs)).alerts
    return alert


def severities(found: Scanned) -> dict[str, int]:
    return dict(Counter(alert.severity for alert in found.alerts))


@pytest.fixture
def root(tree: Files) -> Path:
    return tree({"app.py": APP, "services/orders/api.py": APP, "services/billing/api.py": APP})


# Real reports.


@pytest.mark.parametrize(
    ("sample", "tool", "expected"),
    [
        ("bandit.sarif", "bandit", {"low": 1, "medium": 2, "high": 3}),
        ("checkov.sarif", "checkov", {"high": 2}),
        ("ruff.sarif", "ruff", {"high": 8}),
        ("semgrep.sarif", "semgrep", {"high": 1, "medium": 1}),
        ("zizmor.sarif", "zizmor", {"medium": 2, "high": 3}),
    ],
)
def test_each_tool_is_rated_by_its_own_scale(tree: Files, sample: str, tool: str, expected: dict[str, int]) -> None:
    (found,) = read_evidence(SAMPLES / sample, tree({}))
    assert isinstance(found, Scanned)
    assert found.written_by(tool)
    assert severities(found) == expected
    assert not found.fault
    assert all(alert.message and alert.rule for alert in found.alerts)
    assert len({alert.fingerprint for alert in found.alerts}) == len(found.alerts)


def test_absolute_addresses_of_another_machine_are_found_in_the_scanned_folder(tree: Files) -> None:
    (found,) = read_evidence(SAMPLES / "ruff.sarif", tree({"app/main.py": APP, "main.py": APP}))
    assert isinstance(found, Scanned)
    assert {alert.path for alert in found.alerts} == {"app/main.py"}
    assert not found.notes


def test_results_of_files_that_are_not_here_count_without_a_place(tree: Files) -> None:
    (found,) = read_evidence(SAMPLES / "ruff.sarif", tree({"other.py": APP}))
    assert isinstance(found, Scanned)
    assert [alert.path for alert in found.alerts] == [""] * 8
    assert found.notes == ("results outside the scanned folder, counted without a place: 8",)


def test_a_placeholder_that_all_results_share_is_no_identity(tree: Files) -> None:
    (found,) = read_evidence(SAMPLES / "semgrep.sarif", tree({}))
    assert isinstance(found, Scanned)
    assert len({alert.fingerprint for alert in found.alerts}) == 2


def test_an_audit_that_skipped_every_dependency_says_so(tree: Files) -> None:
    (found,) = read_evidence(SAMPLES / "pip_audit.json", tree({}))
    assert isinstance(found, Scanned)
    assert not found.alerts
    assert [what.partition(":")[0] for what in found.skipped] == ["flask", "requests"]


# What counts in SARIF.


def test_a_level_is_that_of_the_rule_where_the_result_has_none(root: Path) -> None:
    rule = {"id": "R1", "defaultConfiguration": {"level": "note"}}
    assert one(root, run(result(), rules=[rule])).severity == "note"
    assert one(root, run(result(level="error"), rules=[rule])).severity == "high"
    assert one(root, run(result())).severity == "medium"


def test_an_override_of_the_run_goes_before_the_level_of_the_rule(root: Path) -> None:
    rule = {"id": "R1", "defaultConfiguration": {"level": "note"}}
    override = {"descriptor": {"id": "R1"}, "configuration": {"level": "error"}}
    invocation = {"executionSuccessful": True, "ruleConfigurationOverrides": [override]}
    assert one(root, run(result(), rules=[rule], invocations=[invocation])).severity == "high"


def test_a_rule_is_found_by_its_index_in_an_extension(root: Path) -> None:
    made = run(result(ruleId=None, rule={"index": 0, "toolComponent": {"index": 0}}))
    made["tool"]["extensions"] = [{"name": "pack", "rules": [{"id": "P1", "defaultConfiguration": {"level": "error"}}]}]
    assert (one(root, made).rule, one(root, made).severity) == ("P1", "high")


def test_a_part_of_a_rule_has_the_level_of_the_rule(root: Path) -> None:
    rule = {"id": "CA1000", "defaultConfiguration": {"level": "error"}}
    assert one(root, run(result(ruleId="CA1000/1"), rules=[rule])).severity == "high"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"security-severity": "9.1"}, "critical"),
        ({"security-severity": "7.0"}, "high"),
        ({"security-severity": 5}, "medium"),
        ({"security-severity": "0.1"}, "low"),
        ({"security-severity": "none"}, "medium"),
        ({"problem.severity": "recommendation"}, "low"),
        # Trivy: the score is one of several vendors, the tag is what it shows and limits by
        ({"security-severity": "9.8", "tags": ["vulnerability", "security", "MEDIUM"]}, "medium"),
        ({"security-severity": "0.0", "tags": ["vulnerability", "security", "UNKNOWN"]}, "high"),
        ({"tags": ["security", "high-precision"]}, "medium"),
    ],
)
def test_what_a_rule_says_of_its_severity_goes_before_its_level(
    root: Path, properties: dict[str, Any], expected: str
) -> None:
    rule = {"id": "R1", "properties": properties}
    assert one(root, run(result(), rules=[rule])).severity == expected


@pytest.mark.parametrize(
    "aside",
    [
        {"suppressions": [{"kind": "inSource"}]},
        {"suppressions": [{"kind": "external", "status": "accepted"}]},
        {"baselineState": "absent"},
        {"kind": "pass"},
        {"kind": "review"},
        {"kind": "notApplicable", "level": "none"},
    ],
)
def test_what_is_no_finding_is_left_out_and_told(root: Path, aside: dict[str, Any]) -> None:
    found = scanned(root, log(run(result(**aside))))
    assert not found.alerts
    assert len(found.notes) == 1
    assert found.notes[0].endswith(": 1")


@pytest.mark.parametrize(
    "kept",
    [
        {"suppressions": []},
        {"suppressions": None},
        {"suppressions": [{"kind": "inSource", "status": "rejected"}]},
        {"suppressions": [{"kind": "external"}, {"kind": "external", "status": "underReview"}]},
        {"baselineState": "unchanged"},
        {"kind": "fail"},
    ],
)
def test_what_is_not_surely_answered_counts(root: Path, kept: dict[str, Any]) -> None:
    assert len(scanned(root, log(run(result(**kept)))).alerts) == 1


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"invocations": [{"executionSuccessful": False, "exitCodeDescription": "out of memory"}]}, "out of memory"),
        (
            {
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [{"level": "error", "message": {"text": "cannot parse a.py"}}],
                    }
                ]
            },
            "cannot parse a.py",
        ),
        ({"results": None}, "nothing was looked for"),
        ({"externalPropertyFileReferences": {"results": [{"itemCount": 9}]}}, "other files"),
    ],
)
def test_a_run_that_failed_is_a_fault(root: Path, broken: dict[str, Any], told: str) -> None:
    assert told in scanned(root, log({**run(), **broken})).fault


def test_a_run_that_found_nothing_is_no_fault(root: Path) -> None:
    found = scanned(root, log(run()))
    assert (found.fault, found.alerts, found.skipped) == ("", (), ())


def test_warnings_of_a_tool_are_told(root: Path) -> None:
    warned = {"executionSuccessful": True, "toolExecutionNotifications": [{"message": {"text": "b.py is slow"}}]}
    assert scanned(root, log(run(invocations=[warned]))).notes == ("the tool warned: b.py is slow",)


def test_tools_of_one_log_are_told_apart_and_runs_of_one_tool_are_not(root: Path) -> None:
    found = reports(root, log(run(result(), tool="A"), run(result(), tool="B"), run(result(line=1), tool="A")))
    assert [(one.origin.tool, len(one.alerts)) for one in found] == [("A", 2), ("B", 1)]


def test_a_tool_that_was_expected_is_taken_from_a_log_or_missed(root: Path) -> None:
    both = log(run(result(), tool="Semgrep OSS"), run(tool="Trivy"))
    assert scanned(root, both, "trivy").origin.tool == "Trivy"
    assert scanned(root, both, "semgrep").origin.tool == "Semgrep OSS"
    assert reason(root, both, "bandit") == "is not of bandit: it holds the results of Semgrep OSS, Trivy"
    assert len(reports(root, both, "sarif")) == 2


def test_a_log_says_when_and_of_which_commit_it_is(root: Path) -> None:
    ended = [{"executionSuccessful": True, "endTimeUtc": "2026-11-01T10:00:00Z"}]
    found = scanned(root, log(run(invocations=ended, versionControlProvenance=[{"revisionId": "abc123"}])))
    assert (found.origin.finished, found.origin.dated_by) == ("2026-11-01T10:00:00+00:00", "content")
    assert found.origin.commit == "abc123"
    assert scanned(root, log(run())).origin.dated_by == "file"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-21T10:19:22.484900675+01:00", "2026-01-21T09:19:22+00:00"),
        ("2026-01-21T10:19:22", "2026-01-21T10:19:22+00:00"),
        ("0001-01-01T00:00:00Z", ""),
        ("yesterday", ""),
    ],
)
def test_a_time_is_read_in_all_its_forms(root: Path, written: str, read: str) -> None:
    for content in (log(run(invocations=[{"endTimeUtc": written}])), {**TRIVY, "CreatedAt": written}):
        origin = scanned(root, content).origin
        assert (origin.finished if origin.dated_by == "content" else "") == read


def test_a_message_may_come_from_the_rule(root: Path) -> None:
    rule = {"id": "R1", "messageStrings": {"default": {"text": "{0} is called with {1}"}}}
    made = run(result(message={"id": "default", "arguments": ["eval", "text"]}), rules=[rule])
    assert one(root, made).message == "eval is called with text"


# Where results stand.


@pytest.mark.parametrize(
    ("uri", "base", "path"),
    [
        ("app.py", None, "app.py"),
        ("./app.py", None, "app.py"),
        ("services\\orders\\api.py", None, "services/orders/api.py"),
        ("services/orders/../orders/api.py", None, "services/orders/api.py"),
        ("orders/api.py", "file:///build/services/", "services/orders/api.py"),
        ("file:///build/services/orders/api.py", None, "services/orders/api.py"),
        ("file://host/share/services/orders/api.py", None, "services/orders/api.py"),
        ("file:///C:/build/services/orders/api.py", None, "services/orders/api.py"),
        ("C:\\build\\services\\orders\\api.py", None, "services/orders/api.py"),
        ("deleted%20since.py", None, "deleted since.py"),
        ("../../../tmp/checkout/services/orders/api.py", None, "services/orders/api.py"),
        ("../../etc/passwd", None, ""),
        ("/etc/passwd", None, ""),
        ("file:///etc/passwd", None, ""),
        ("https://example.com/app.py", None, ""),
    ],
)
def test_an_address_leads_to_a_file_of_the_scanned_folder_or_nowhere(
    root: Path, uri: str, base: str | None, path: str
) -> None:
    made = run(result(uri))
    if base is not None:
        made["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"] = "SRC"
        made["originalUriBaseIds"] = {"SRC": {"uri": base}}
    assert one(root, made).path == path


def test_bases_that_go_in_a_circle_come_to_an_end(root: Path) -> None:
    made = run(result())
    made["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"] = "A"
    made["originalUriBaseIds"] = {"A": {"uri": "a/", "uriBaseId": "B"}, "B": {"uri": "b/", "uriBaseId": "A"}}
    assert one(root, made).path.endswith("/app.py")


def test_an_address_may_be_that_of_a_listed_artifact(root: Path) -> None:
    made = run(result(), artifacts=[{"location": {"uri": "app.py"}}])
    made["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] = {"index": 0}
    assert one(root, made).path == "app.py"


def test_of_a_report_on_a_whole_repository_the_scanned_part_counts(root: Path) -> None:
    (root / ".git").mkdir()
    made = log(run(result("services/orders/api.py"), result("services/billing/api.py"), result("api.py", 2)))
    found = scanned(root / "services/orders", made)
    assert [(alert.path, alert.line) for alert in found.alerts] == [("api.py", 5), ("api.py", 2)]
    assert found.notes == ("results in other parts of the repository, not counted: 1",)


def test_a_link_out_of_the_scanned_folder_is_not_read(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "outside.txt"
    secret.write_text("first\n")
    (root / "link.py").symlink_to(secret)
    before = one(root, run(result("link.py", 1))).fingerprint
    secret.write_text("second\n")
    assert one(root, run(result("link.py", 1))).fingerprint == before


# Identity.


def test_a_fingerprint_survives_lines_above_and_not_another_line(root: Path) -> None:
    before = one(root, run(result())).fingerprint
    (root / "app.py").write_text("# new\n" + APP)
    assert one(root, run(result(line=6))).fingerprint == before
    assert one(root, run(result(line=5))).fingerprint != before


def test_results_that_are_alike_are_told_apart_by_their_order(root: Path) -> None:
    found = scanned(root, log(run(result(), result())))
    assert len({alert.fingerprint for alert in found.alerts}) == 2


def test_the_words_of_a_secret_enter_no_fingerprint(root: Path) -> None:
    made = run(result(ruleId="generic-api-key"), tool="gitleaks")
    before = one(root, made).fingerprint
    (root / "app.py").write_text(APP.replace("run '", "walk '"))
    assert one(root, made).fingerprint == before


@pytest.mark.parametrize(
    ("rule", "message", "shown"),
    [
        ("B105", "Possible hardcoded password: 'don't tell 1234'", "Possible hardcoded password: '***'"),
        ("B105", 'Possible hardcoded password: "Meadow!7"', "Possible hardcoded password: '***'"),
        ("aws-token", "AWS_KEY = AKIA9RANDOMRANDOM22", "AWS_KEY = ***"),
        ("generic-api-key", "Match: sk9live8abcdef", "Match: ***"),
        ("generic-api-key", "found in src/app.py:22", "found in src/app.py:22"),
        ("S608", "SQL from 'name'", "SQL from 'name'"),
    ],
)
def test_a_message_about_a_secret_does_not_quote_it(root: Path, rule: str, message: str, shown: str) -> None:
    described = {"id": rule, "name": "hardcoded_password_string" if rule == "B105" else rule}
    assert one(root, run(result(ruleId=rule, message={"text": message}), rules=[described])).message == shown


@pytest.mark.parametrize(
    ("message", "package"),
    [
        ("Package: django\nInstalled Version: 3.2.0\nVulnerability CVE-2021-1\nSeverity: HIGH", "django 3.2.0"),
        ("Package 'jinja2@2.4.1' is vulnerable to 'GHSA-1' (also known as 'CVE-2019-2').", "jinja2 2.4.1"),
        ("The path lib/tools.jar reports cxf at version 3.4.6  which would result in a vulnerable", "cxf 3.4.6"),
        ("A high vulnerability in python package: pyyaml, version 5.1 was found at: /requirements.txt", "pyyaml 5.1"),
        ("Package: too many", ""),
    ],
)
def test_a_package_is_read_from_a_message(root: Path, message: str, package: str) -> None:
    assert one(root, run(result(message={"text": message}))).package == package


# What cannot be used.


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"version": "1.0.0", "runs": []}, "is SARIF 1.0.0, which is not read: let the tool write 2.1.0"),
        (log(), "is SARIF without a run in it: the tool did not write what it did"),
        ({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": 7}}}]}, "Expected `str`, got `int`"),
        (b'{"version": "2.1.0", "runs": [{"tool": ', "is not whole or not JSON"),
        (b'{"version": "2.1.0", "runs": ' + b"[" * 100_000, "is nested too deeply"),
        (b'{"version": "2.1\xec\xff", "runs": []}', "a text in it is not UTF-8"),
        ({"SchemaVersion": 3, "ArtifactName": "."}, "schema 3: schema 2 is read"),
        ({"dependencies": {"express": "^4"}}, "of no format that qgate reads"),
        ([], "of no format that qgate reads"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(root: Path, content: Any, told: str) -> None:
    assert told in reason(root, content)


def test_what_tools_write_beside_the_standard_is_taken(root: Path) -> None:
    rule = {"id": "R1", "properties": [], "messageStrings": []}
    made = run(result(line=5.0, properties=[]), rules=[rule], originalUriBaseIds=[])
    assert (one(root, made).path, one(root, made).line) == ("app.py", 5)


def test_texts_without_an_end_are_cut(root: Path) -> None:
    long = "x" * 1_000_000
    found = scanned(root, log(run(result(long, ruleId=long, message={"text": long}), tool=long)))
    assert len(str(found)) < 2_000
    assert len(str(scanned(root, {**TRIVY, "Results": [{**TRIVY["Results"][0], "Target": long}]}))) < 2_000


def test_utf_16_as_windows_shells_write_it_is_read(root: Path) -> None:
    assert one_of(root, json.dumps(log(run(result()))).encode("utf-16")).path == "app.py"
    assert one_of(root, b"\xef\xbb\xbf" + json.dumps(log(run(result()))).encode()).path == "app.py"


def one_of(root: Path, content: bytes) -> Alert:
    (alert,) = scanned(root, content).alerts
    return alert


# pip-audit and Trivy.


def test_a_vulnerability_of_pip_audit_names_package_aliases_and_fix(root: Path) -> None:
    vulnerability = {"id": "PYSEC-2021-9", "fix_versions": ["3.2.4"], "aliases": ["CVE-2021-1"], "description": "long"}
    dependencies = [
        {"name": "django", "version": "3.2.0", "vulns": [vulnerability]},
        {"name": "six", "version": "1", "vulns": []},
    ]
    for content in ({"dependencies": dependencies, "fixes": []}, dependencies):
        found = scanned(root, content)
        (alert,) = found.alerts
        assert alert.message == "django 3.2.0: PYSEC-2021-9 (CVE-2021-1); fixed in 3.2.4"
        assert (alert.rule, alert.severity, alert.package) == ("PYSEC-2021-9", "high", "django 3.2.0")
        assert found.skipped == ()
        assert found.notes == ("pip-audit rates nothing: each vulnerability counts as high",)


def test_an_audit_of_nothing_says_so(root: Path) -> None:
    assert scanned(root, {"dependencies": [], "fixes": []}).skipped == (
        "everything: the list of dependencies is empty",
    )


TRIVY = {
    "SchemaVersion": 2,
    "Trivy": {"Version": "0.66.0"},
    "CreatedAt": "2026-11-02T08:00:00.5Z",
    "ArtifactName": ".",
    "ArtifactType": "filesystem",
    "Metadata": {"Commit": "0a1b2c"},
    "Results": [
        {
            "Target": "requirements.txt",
            "Class": "lang-pkgs",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2021-1",
                    "PkgName": "django",
                    "InstalledVersion": "3.2.0",
                    "FixedVersion": "3.2.4",
                    "Severity": "CRITICAL",
                    "Title": "SQL injection",
                },
                {"VulnerabilityID": "CVE-2022-2", "PkgName": "six", "InstalledVersion": "1.0", "Severity": "UNKNOWN"},
            ],
        },
        {
            "Target": "Dockerfile",
            "Class": "config",
            "Misconfigurations": [
                {
                    "ID": "DS002",
                    "Message": "no USER",
                    "Severity": "HIGH",
                    "Status": "FAIL",
                    "CauseMetadata": {"StartLine": 1},
                },
                {"ID": "DS026", "Message": "no HEALTHCHECK", "Severity": "LOW", "Status": "PASS"},
            ],
        },
        {
            "Target": "app.py",
            "Class": "secret",
            "Secrets": [
                {
                    "RuleID": "aws-access-key-id",
                    "Title": "AWS Access Key ID",
                    "Severity": "CRITICAL",
                    "StartLine": 5,
                    "Match": "key = AKIA-THE-SECRET",
                    "Code": {"Lines": [{"Content": "key = AKIA-THE-SECRET"}]},
                }
            ],
        },
        {
            "Target": "Loose File License(s)",
            "Class": "license-file",
            "Licenses": [{"Severity": "HIGH", "Name": "AGPL-3.0", "FilePath": "LICENSE", "PkgName": ""}],
        },
    ],
}


def test_all_that_trivy_finds_is_read_and_no_secret_with_it(root: Path) -> None:
    (root / "requirements.txt").write_text("django==3.2.0\n")
    (root / "Dockerfile").write_text("FROM python\n")
    found = scanned(root, TRIVY, "trivy")
    assert [(alert.severity, alert.rule, alert.path, alert.line) for alert in found.alerts] == [
        ("critical", "CVE-2021-1", "requirements.txt", 0),
        ("high", "CVE-2022-2", "requirements.txt", 0),
        ("high", "DS002", "Dockerfile", 1),
        ("critical", "aws-access-key-id", "app.py", 5),
        ("high", "AGPL-3.0", "", 0),
    ]
    assert found.alerts[0].message == "django 3.2.0: CVE-2021-1, SQL injection; fixed in 3.2.4"
    assert "THE-SECRET" not in str(found)
    assert (found.origin.version, found.origin.commit) == ("0.66.0", "0a1b2c")
    assert (found.origin.finished, found.origin.dated_by) == ("2026-11-02T08:00:00+00:00", "content")


def test_a_report_of_trivy_without_a_target_may_have_looked_at_nothing(root: Path) -> None:
    report = {key: value for key, value in TRIVY.items() if key != "Results"}
    assert "names no target" in scanned(root, report).skipped[0]
    clean = {**report, "Results": [{"Target": "poetry.lock", "Class": "lang-pkgs", "Type": "poetry"}]}
    assert scanned(root, clean).skipped == ()


def test_the_list_that_early_versions_of_trivy_wrote_is_read(root: Path) -> None:
    found = scanned(root, TRIVY["Results"])
    assert len(found.alerts) == 5
    assert scanned(root, [{"Target": "app (alpine 3.10)", "Vulnerabilities": None}]).alerts == ()
