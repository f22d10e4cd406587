"""Evidence gathered for a verdict: what reports prove together, and where a row of the configuration stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from qualitygate.model.evidence import Given, Origin, Proof
from qualitygate.model.finding import Confidence, Domain, Finding, Severity
from qualitygate.model.policy import EvidenceSource, Policy
from qualitygate.model.source import Place, Span, Unread
from qualitygate.weigh import gather, placed, proved_by, weigh

LINE = Span(4, 1, 4, 1)


def proof(path: str, check: str, examined: int) -> Proof:
    place = Place(f"{check}.py", LINE)
    finding = Finding(check, Domain.API, Severity.ERROR, Confidence.HIGH, "wrong", place, "s", check)
    return Proof(
        (finding,), {check: examined}, {}, (Unread("x.py", 1, "strange"),), Origin(path, "0", "qgate report", "qgate")
    )


def test_several_reports_prove_together_what_each_of_them_does() -> None:
    together = proved_by([Given("a", proof("a", "one", 2)), Given("b", proof("b", "two", 3)), Given("c", None)])
    assert together is not None
    assert [one.check for one in together.findings] == ["one", "two"]
    assert together.examined == {"one": 2, "two": 3}
    assert len(together.unread) == 2


def test_a_report_of_another_commit_proves_nothing() -> None:
    assert proved_by([Given("a", proof("a", "one", 2), stale="it is of commit 12")]) is None
    assert proved_by([]) is None


@pytest.mark.parametrize(
    ("file", "prefix", "path"),
    [
        ("/srv/shop/orders/qgate.toml", "", "qgate.toml"),
        ("/srv/shop/pyproject.toml", "orders/", "../pyproject.toml"),
        ("/srv/pyproject.toml", "orders/", None),
        ("/srv/shop/pyproject.toml", "", None),
    ],
)
def test_a_row_has_its_place_in_the_repository_and_nowhere_else(file: str, prefix: str, path: str | None) -> None:
    found = placed(Place(file, LINE), Path("/srv/shop/orders"), prefix)
    assert (found.path if found is not None else None) == path


def test_statements_are_read_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / ".qgate").mkdir()
    (tmp_path / ".qgate" / "attestations.toml").write_text('[[attestation]]\ncondition = "availability"\n')
    told = weigh(None, (), Policy(), tmp_path, stated=True)
    assert any(row.id.startswith("evidence..qgate/attestations.toml") for row in told.rows)
    assert not any(row.id.startswith("evidence.") for row in weigh(None, (), Policy(), tmp_path).rows)


def test_a_run_that_proved_needs_no_report(tmp_path: Path) -> None:
    policy = Policy(evidence=(EvidenceSource("out/qgate.json", kind="qgate"),), directory=tmp_path)
    assert gather(policy, (), tmp_path, proved=True) == ()
    assert gather(policy, (), tmp_path) == (Given("out/qgate.json", None),)
