"""Statements of people through the command: drafted, listed, exported."""

from __future__ import annotations

import json
from datetime import date, timedelta
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource

from qualitygate.evidence.attestations import Entry


def stated(repository: Path, ends_in: int = 60, **changes: str) -> Path:
    """Write one statement that is whole but for ``changes``."""
    today = date.today()
    fields = {
        "condition": '"availability"',
        "value": "99.95",
        "statement": '"Availability of last month"',
        "evidence": '[{ url = "https://status.example.com", sha256 = "' + "ab" * 32 + '" }]',
        "author": '"orders@example.com"',
        "reviewer": '"Ada Jones <ada@example.com>"',
        "issued": str(today - timedelta(days=30)),
        "expires": str(today + timedelta(days=ends_in)),
        **changes,
    }
    file = repository / ".qgate/attestations.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("[[attestation]]\n" + "".join(f"{key} = {value}\n" for key, value in fields.items()))
    return file


def test_a_draft_has_every_key_and_does_not_count_before_it_is_filled_in(qgate, repository: Path) -> None:
    drafted = qgate("attest", "availability")
    assert drafted.returncode == 0
    assert ">= 99.9 % is asked for" in drafted.stdout
    for key in Entry.__struct_fields__:
        assert f"{key} = " in drafted.stdout
    (repository / ".qgate").mkdir()
    (repository / ".qgate/attestations.toml").write_text(drafted.stdout)
    listed = qgate("attest")
    assert listed.returncode == 1
    for told in ("it has no statement", "it has no author", "it has no reviewer", "it has no evidence", "no value"):
        assert told in listed.stdout


def test_a_row_that_is_not_there_or_takes_no_statement_is_refused(qgate) -> None:
    unknown = qgate("attest", "availabilty")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no condition 'availabilty'; did you mean 'availability'?" in unknown.stderr
    measured = qgate("attest", "throughput")
    assert measured.returncode == 2
    assert "throughput takes no statement" in measured.stderr


def test_without_statements_the_way_to_one_is_told(qgate) -> None:
    result = qgate("attest")
    assert result.returncode == 0
    assert result.stdout == ".qgate/attestations.toml: no statements; `qgate attest CONDITION` drafts one\n"


@pytest.mark.parametrize(
    ("ends_in", "mark", "told", "code"),
    [(60, "ok", "reviewed by Ada Jones", 0), (14, "!", "ends in 14 days", 0), (-1, "x", "expired on", 1)],
)
def test_statements_are_listed_with_their_standing(
    qgate, repository: Path, ends_in: int, mark: str, told: str, code: int
) -> None:
    stated(repository, ends_in)
    result = qgate("attest")
    assert result.returncode == code
    line = result.stdout.splitlines()[1]
    assert line.split()[:3] == [mark, "availability", "99.95"]
    assert told in line


def test_a_fault_is_listed_with_its_line(qgate, repository: Path) -> None:
    stated(repository, reviewer='"Orders@example.com"')
    result = qgate("attest")
    assert result.returncode == 1
    assert "does not count: its reviewer is its author (line 1)" in result.stdout


def test_the_export_is_valid_cyclonedx(qgate, repository: Path) -> None:
    stated(repository)
    result = qgate("attest", "--format", "cyclonedx")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert list(schema_of_cyclonedx().iter_errors(document)) == []
    declared = document["declarations"]
    references = {part["bom-ref"] for key in ("claims", "evidence", "assessors") for part in declared[key]}
    (attestation,) = declared["attestations"]
    (mapped,) = attestation["map"]
    assert {attestation["assessor"], *mapped["claims"], *declared["claims"][0]["evidence"]} <= references
    assert mapped["conformance"]["score"] == 1
    (requirement,) = document["definitions"]["standards"][0]["requirements"]
    assert (mapped["requirement"], requirement["text"]) == (requirement["bom-ref"], ">= 99.9 %")
    assert declared["evidence"][0]["reviewer"] == {"name": "Ada Jones", "email": "ada@example.com"}
    assert declared["claims"][0]["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]


def test_the_export_is_the_same_each_time(qgate, repository: Path) -> None:
    stated(repository)
    assert qgate("attest", "--format", "cyclonedx").stdout == qgate("attest", "--format", "cyclonedx").stdout


def test_a_statement_that_breaks_its_limit_is_exported_as_one(qgate, repository: Path) -> None:
    stated(repository, value="99.5")
    document = json.loads(qgate("attest", "--format", "cyclonedx").stdout)
    assert document["declarations"]["attestations"][0]["map"][0]["conformance"]["score"] == 0


def test_what_cannot_count_is_left_out_of_the_export_and_told(qgate, repository: Path) -> None:
    stated(repository, reviewer='"orders@example.com"')
    result = qgate("attest", "--format", "cyclonedx")
    assert result.returncode == 1
    assert "left out: .qgate/attestations.toml:1: its reviewer is its author" in result.stderr
    document = json.loads(result.stdout)
    assert document["declarations"]["claims"] == []
    assert list(schema_of_cyclonedx().iter_errors(document)) == []


def test_the_schema_for_editors_takes_what_is_read(qgate) -> None:
    schema = json.loads(qgate("config", "schema", "--attestations").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    entry = {
        "condition": "availability",
        "statement": "x",
        "evidence": [{"url": "https://status.example.com"}],
        "author": "a",
        "reviewer": "b",
        "issued": "2026-11-01",
        "expires": "2027-02-01",
        "value": 99.95,
    }
    jsonschema.validate({"attestation": [entry]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"attestation": [{**entry, "expires_at": "2027-02-01"}]}, schema)


def schema_of_cyclonedx() -> jsonschema.Draft7Validator:
    """The schema of CycloneDX 1.6 with those that it refers to, as the package of its makers has them."""
    pytest.importorskip("cyclonedx")
    folder = resources.files("cyclonedx.schema") / "_res"
    named = {
        name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text())
        for name in ("bom-1.6", "spdx", "jsf-0.82")
    }
    registry = Registry().with_resources(
        (f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", Resource.from_contents(content))
        for name, content in named.items()
    )
    return jsonschema.Draft7Validator(named["bom-1.6"], registry=registry, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    ("ends_in", "changes", "state", "code"),
    [
        (60, {}, "pass", 0),
        (60, {"value": "99.5"}, "fail", 1),
        (-1, {}, "stale", 4),
        (60, {"reviewer": '"orders@example.com"'}, "error", 1),
        (60, {"expires_at": "2027-01-01"}, "error", 1),
    ],
)
def test_a_row_that_somebody_states_decides(
    qgate, repository: Path, ends_in: int, changes: dict[str, str], state: str, code: int
) -> None:
    stated(repository, ends_in, **changes)
    result = qgate("scan", "--select", "plain-http", "--format", "json")
    (row,) = [one for one in json.loads(result.stdout)["gate"]["rows"] if one["id"] == "availability"]
    assert (row["state"], row["required"], result.returncode) == (state, True, code)
    assert row["evidence"] == "attested"


def test_a_statement_about_nothing_is_an_error(qgate, repository: Path) -> None:
    stated(repository, condition='"availabilty"')
    result = qgate("scan", "--select", "plain-http")
    assert result.returncode == 1
    assert "availabilty is no row of the gate" in result.stdout
