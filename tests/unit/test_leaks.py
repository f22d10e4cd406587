"""One leak is one finding, wherever its value stands; another value under the same name is another finding."""

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
