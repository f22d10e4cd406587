"""One leak is one finding, wherever its value stands; another value under the same name is another finding."""

import hashlib
import json
from pathlib import Path

import pytest

from qualitygate.load import load
from qualitygate.model.finding import Confidence, Finding, Status
from qualitygate.model.policy import Policy, Selection
from qualitygate.run import Request, scan

# Put together here, so that no scanner takes them for live ones.
KEY = "9e9b6b06d7f3022bb3ad" + "c15131a35d899163b3f7"
OTHER = "77c1e0b2a94d3f8856aa" + "0b9cd41e62f7a3b85d90"


def findings(root: Path, files: dict[str, str]) -> list[Finding]:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    policy = Policy(selection=Selection(select=("hardcoded-secret",)), min_confidence=Confidence.LOW)
    return [*scan(Request((root,), policy, use_cache=False), load()).findings]


def test_a_value_in_code_contract_and_configuration_is_one_finding(tmp_path: Path) -> None:
    (one,) = findings(
        tmp_path,
        {
            "app/settings.py": f'SIGNING_KEY = "{KEY}"\n',
            "deploy/orders.env": f"SIGNING_KEY={KEY}\n",
            "openapi.yaml": f"openapi: 3.0.3\ninfo: {{title: a, version: '1'}}\npaths: {{}}\nx-api-key: {KEY}\n",
            "tests/test_keys.py": f'API_KEY = "{KEY}"\n',
        },
    )
    assert one.path == "app/settings.py"
    assert one.confidence is Confidence.HIGH
    assert [place.path for place in one.places] == ["deploy/orders.env", "openapi.yaml", "tests/test_keys.py"]
    assert "3 more places" in one.why
    assert KEY not in str(one)


def test_different_values_stay_different_findings(tmp_path: Path) -> None:
    found = findings(tmp_path, {"a.py": f'API_KEY = "{KEY}"\n', "b.py": f'API_KEY = "{OTHER}"\n'})
    assert [one.path for one in found] == ["a.py", "b.py"]


def test_an_answer_at_one_place_does_not_answer_the_others(tmp_path: Path) -> None:
    found = findings(
        tmp_path,
        {"a.py": f'API_KEY = "{KEY}"  # qgate: ignore[hardcoded-secret] revoked\n', "b.py": f'API_KEY = "{KEY}"\n'},
    )
    assert [(one.path, one.status) for one in found] == [("a.py", Status.SUPPRESSED), ("b.py", Status.ACTIVE)]


def test_short_values_are_not_taken_for_one_leak(tmp_path: Path) -> None:
    found = findings(tmp_path, {"a.env": "DB_PASSWORD=wombat7\n", "b.env": "DB_PASSWORD=wombat7\n"})
    assert len(found) == 2


@pytest.mark.parametrize(("second", "same"), [(KEY, True), (OTHER, False)])
def test_a_fingerprint_changes_with_the_value_and_not_with_the_line(tmp_path: Path, second: str, same: bool) -> None:
    (before,) = findings(tmp_path, {"a.py": f'API_KEY = "{KEY}"\n'})
    (after,) = findings(tmp_path, {"a.py": f'import os\n\nAPI_KEY = "{second}"\n'})
    assert (before.fingerprint == after.fingerprint) is same


@pytest.mark.parametrize("remark", ["pragma: allowlist secret", "gitleaks:allow", "trufflehog:ignore"])
def test_what_a_line_says_to_another_scanner_answers_the_finding(tmp_path: Path, remark: str) -> None:
    (one,) = findings(tmp_path, {"a.py": f'API_KEY = "{KEY}"  # {remark}\n'})
    assert one.status is Status.SUPPRESSED
    assert remark in one.answer


def test_a_remark_for_the_next_line_answers_that_line_alone(tmp_path: Path) -> None:
    code = f'# pragma: allowlist nextline secret\nAPI_KEY = "{KEY}"\nSIGNING_KEY = "{OTHER}"\n'
    found = findings(tmp_path, {"a.py": code})
    assert [one.status for one in found] == [Status.SUPPRESSED, Status.ACTIVE]


def test_a_baseline_of_detect_secrets_is_believed_for_its_value_alone(tmp_path: Path) -> None:
    hashed = hashlib.sha1(KEY.encode(), usedforsecurity=False).hexdigest()
    accepted = {"version": "1.5.0", "results": {"a.py": [{"type": "Hex", "hashed_secret": hashed, "line_number": 9}]}}
    code = f'API_KEY = "{KEY}"\nSIGNING_KEY = "{OTHER}"\n'
    found = findings(tmp_path, {"a.py": code, ".secrets.baseline": json.dumps(accepted)})
    assert {one.subject: one.status for one in found} == {
        "API_KEY": Status.BASELINED,
        "SIGNING_KEY": Status.ACTIVE,
    }


def test_the_ignored_lines_of_gitleaks_are_believed(tmp_path: Path) -> None:
    ignored = "0123abcd:a.py:generic-api-key:1\na.py:generic-api-key:2\n# a remark: none\nbroken\n"
    code = f'API_KEY = "{KEY}"\nSIGNING_KEY = "{OTHER}"\n'
    found = findings(tmp_path, {"a.py": code, ".gitleaksignore": ignored})
    assert [one.status for one in found] == [Status.BASELINED, Status.BASELINED]


@pytest.mark.parametrize("content", ["", "[]", '{"results": 3}', '{"results": {"a.py": [3]}}', "[" * 100_000])
def test_a_broken_baseline_of_another_scanner_says_nothing(tmp_path: Path, content: str) -> None:
    found = findings(tmp_path, {"a.py": f'API_KEY = "{KEY}"\n', ".secrets.baseline": content})
    assert [one.status for one in found if one.path == "a.py"] == [Status.ACTIVE]
