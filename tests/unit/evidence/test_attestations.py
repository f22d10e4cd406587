"""Statements of people: what each says, and why one cannot count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from qualitygate.evidence.attestations import read_attestations
from qualitygate.model.evidence import ATTESTATIONS, Attestation, Unusable

Files = Callable[..., Path]
TODAY = date(2026, 11, 20)

WHOLE = """\
[[attestation]]
condition = "availability"
value = 99.95
statement = "Availability of October 2026, status page"
evidence = [{ url = "https://status.example.com/2026-10" }]
author = "Orders <orders@example.com>"
reviewer = "sre@example.com"
issued = 2026-11-01
expires = 2027-02-01
"""


def read(root: Path, today: date = TODAY) -> tuple[Attestation | Unusable, ...]:
    return read_attestations(root / ATTESTATIONS, root, today)


def stated(tree: Files, content: str, today: date = TODAY) -> Attestation:
    (found,) = read(tree({".qgate/attestations.toml": content}), today)
    assert isinstance(found, Attestation), found
    return found


def unusable(tree: Files, content: str | bytes) -> tuple[str, str]:
    (found,) = read(tree({".qgate/attestations.toml": content}))
    assert isinstance(found, Unusable)
    return found.path, found.reason


def test_a_statement_says_what_who_and_until_when(tree: Files) -> None:
    found = stated(tree, WHOLE)
    assert found.faults == ()
    assert (found.condition, found.value, found.issued, found.expires) == (
        "availability",
        99.95,
        "2026-11-01",
        "2027-02-01",
    )
    assert (found.author, found.reviewer) == ("Orders <orders@example.com>", "sre@example.com")
    assert found.evidence == (("https://status.example.com/2026-10", ""),)
    assert (found.path, found.line) == (".qgate/attestations.toml", 1)


def test_without_a_file_nothing_is_stated(tree: Files) -> None:
    assert read(tree({})) == ()


def test_a_statement_holds_through_its_last_day(tree: Files) -> None:
    found = stated(tree, WHOLE)
    assert found.days_left(date(2027, 2, 1)) == 0
    assert found.days_left(date(2027, 2, 2)) < 0


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("expires = ", "expires_at = ", "line 9: unknown key 'expires_at'; did you mean 'expires'?"),
        ('reviewer = "sre@example.com"\n', "", "it has no reviewer"),
        ("sre@example.com", "Somebody <ORDERS@example.com>", "its reviewer is its author"),
        ("sre@example.com", " ", "it has no reviewer"),
        ('reviewer = "sre@example.com"', "reviewer = 7", "line 7: reviewer must be text"),
        ('statement = "Availability of October 2026, status page"\n', "", "it has no statement"),
        ('evidence = [{ url = "https://status.example.com/2026-10" }]\n', "", "it has no evidence"),
        ('[{ url = "https://status.example.com/2026-10" }]', "[]", "it has no evidence"),
        (
            '[{ url = "https://status.example.com/2026-10" }]',
            '["https://x.example"]',
            "line 5: evidence must be an array",
        ),
        ("https://status", "status", "line 5: the url of evidence must begin with https:// or http://"),
        ('2026-10" }]', '2026-10", sha256 = "abc" }]', "line 5: sha256 must be 64 hexadecimal digits"),
        ('2026-10" }]', '2026-10", path = "a.md" }]', "line 5: evidence needs either a url or a path"),
        ('2026-10" }]', '2026-10", sha = "1" }]', "line 5: unknown key 'sha' of evidence; did you mean 'sha256'?"),
        ("value = 99.95", 'value = "99.95 %"', "line 3: value must be a number"),
        ("value = 99.95", "value = true", "line 3: value must be a number"),
        ("value = 99.95", "value = nan", "line 3: value must be a number"),
        ("expires = 2027-02-01", 'expires = "next summer"', "line 9: expires must be a day, such as 2027-02-01"),
        ("expires = 2027-02-01", "", "expires must be a day, such as 2027-02-01"),
        ("expires = 2027-02-01", "expires = 2026-10-01", "it expires before it is issued"),
        ("expires = 2027-02-01", "expires = 2027-05-01", "it is to hold for 181 days; at most 180 are taken"),
        ("issued = 2026-11-01", "issued = 2026-12-01", "it was issued on 2026-12-01, which is to come"),
    ],
)
def test_what_is_wrong_with_a_statement_is_told(tree: Files, old: str, new: str, fault: str) -> None:
    content = WHOLE.replace(old, new)
    assert content != WHOLE
    assert any(told.startswith(fault) for told in stated(tree, content).faults), stated(tree, content).faults


def test_a_day_may_be_text_or_a_moment(tree: Files) -> None:
    found = stated(tree, WHOLE.replace("2026-11-01", '"2026-11-01"').replace("2027-02-01", "2027-02-01T10:00:00Z"))
    assert (found.issued, found.expires, found.faults) == ("2026-11-01", "2027-02-01", ())


def test_a_file_of_evidence_is_held_against_its_digest(tree: Files, tmp_path: Path) -> None:
    drill = b"Restored in 4 minutes.\n"
    (tmp_path / "outside.md").write_bytes(drill)
    good = hashlib.sha256(drill).hexdigest()

    def faults(path: str, sha256: str) -> tuple[str, ...]:
        proof = f'{{ path = "{path}", sha256 = "{sha256}" }}' if sha256 else f'{{ path = "{path}" }}'
        content = WHOLE.replace('{ url = "https://status.example.com/2026-10" }', proof)
        root = tree({".qgate/attestations.toml": content, "docs/drill.md": drill})
        (found,) = read(root)
        assert isinstance(found, Attestation)
        return tuple(fault.partition(": ")[2] for fault in found.faults)

    assert faults("docs/drill.md", "") == ()
    assert faults("docs/drill.md", good.upper()) == ()
    assert faults("docs/drill.md", "0" * 64) == ("docs/drill.md is not what it was: its sha256 is another",)
    assert faults("docs/none.md", good) == ("docs/none.md is not there",)
    assert faults("../outside.md", good) == ("../outside.md is outside the repository",)


@pytest.mark.parametrize(
    ("content", "path", "reason"),
    [
        ("[[attestation]\n", ":1", "not TOML: "),
        ("[[attestation]]\nvalue = 1\n", ":1", "the attestation names no condition"),
        ('[[attestations]]\ncondition = "a"\n', ":1", "unknown key 'attestations'; did you mean 'attestation'?"),
        ('[attestation]\ncondition = "a"\n', ":1", "attestation must be an array of tables"),
        ("attestation = 1\n", ":1", "attestation must be an array of tables"),
        (b"\xff\xfe\x00", ":1", "not TOML: is not valid UTF-8"),
        (b"#" * 1_000_001, "", "is larger than 1 MB"),
    ],
)
def test_what_is_no_statement_is_told_with_its_place(tree: Files, content: str | bytes, path: str, reason: str) -> None:
    told = unusable(tree, content)
    assert told[0] == f".qgate/attestations.toml{path}"
    assert told[1].startswith(reason)


def test_a_folder_or_a_pipe_under_the_name_is_told(tree: Files) -> None:
    root = tree({})
    (root / ATTESTATIONS).mkdir(parents=True)
    assert read(root) == (Unusable(".qgate/attestations.toml", "not a file"),)


def test_a_link_out_of_the_repository_is_not_followed(tree: Files, tmp_path: Path) -> None:
    (tmp_path / "outside.toml").write_text(WHOLE)
    root = tree({".qgate/known.json": "{}"})
    (root / ATTESTATIONS).symlink_to(tmp_path / "outside.toml")
    assert read(root) == (Unusable(".qgate/attestations.toml", "a link out of the repository: not followed"),)


def test_several_statements_keep_their_order(tree: Files) -> None:
    second = WHOLE.replace('"availability"', '"recovery_time"')
    found = read(tree({".qgate/attestations.toml": second + WHOLE}))
    assert [one.condition for one in found if isinstance(one, Attestation)] == ["recovery_time", "availability"]
