"""Sources of evidence: what they name, what they may name, and of which commit it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qualitygate.evidence.collect import collect
from qualitygate.model.evidence import Given, Measured, Unusable
from qualitygate.model.policy import EvidenceSource
from qualitygate.model.source import Place, Span

PLACE = Place("qgate.toml", Span(1, 1, 1, 1))
SAMPLE = (Path(__file__).parent / "samples" / "wrk.txt").read_bytes()


def given(root: Path, *sources: EvidenceSource, changed: tuple[str, ...] | str = ()) -> tuple[Given, ...]:
    return collect(sources, root, root, lambda _: changed)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    for name in ("out/b.txt", "out/a.txt", "out/deep/c.txt"):
        (tmp_path / name).write_bytes(SAMPLE)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("out/a.txt", ["out/a.txt"]),
        ("out/*.txt", ["out/a.txt", "out/b.txt"]),
        ("out/**/*.txt", ["out/a.txt", "out/b.txt", "out/deep/c.txt"]),
        ("o*/?.txt", ["out/a.txt", "out/b.txt"]),
    ],
)
def test_a_path_or_a_glob_names_files_in_their_order(root: Path, path: str, names: list[str]) -> None:
    read = [one.evidence for one in given(root, EvidenceSource(path, place=PLACE))]
    assert [one.origin.path for one in read if isinstance(one, Measured)] == names


def test_a_file_whose_name_looks_like_a_glob_is_that_file(root: Path) -> None:
    (root / "out" / "[a].txt").write_bytes(SAMPLE)
    (one,) = given(root, EvidenceSource("out/[a].txt", place=PLACE))
    assert isinstance(one.evidence, Measured)


@pytest.mark.parametrize("path", ["out/missing.txt", "out/*.json", "nowhere/**"])
def test_a_source_that_names_no_file_is_missing_and_not_left_out(root: Path, path: str) -> None:
    assert given(root, EvidenceSource(path, place=PLACE)) == (Given(path, None),)


def test_a_link_out_of_the_folder_of_the_configuration_is_refused(root: Path) -> None:
    outside = root.parent / "outside.txt"
    outside.write_bytes(SAMPLE)
    (root / "out" / "link.txt").symlink_to(outside)
    (one,) = given(root, EvidenceSource("out/link.txt", place=PLACE))
    assert one.evidence == Unusable("out/link.txt", "leads outside the folder of the configuration file")
    named = EvidenceSource(os.path.abspath(outside))
    assert isinstance(given(root, named)[0].evidence, Measured), "the command line may name any file"


def test_folders_that_lead_in_circles_end(root: Path) -> None:
    for name in ("x", "y", "z"):
        (root / "out" / name).symlink_to(root / "out", target_is_directory=True)
    assert len(given(root, EvidenceSource("out/**/*.txt", place=PLACE))) == 3


def test_a_glob_that_names_too_much_is_a_mistake(root: Path) -> None:
    for number in range(101):
        (root / "out" / f"{number}.log").write_bytes(SAMPLE)
    (one,) = given(root, EvidenceSource("out/*.log", place=PLACE))
    assert one.evidence == Unusable("out/*.log", "names more than 100 files")


def test_evidence_of_a_commit_holds_until_what_was_measured_changes(root: Path) -> None:
    source = EvidenceSource("out/a.txt", commit="1234567890abcdef", paths=("app/**",), place=PLACE)
    assert given(root, source)[0].stale == ""
    assert given(root, source, changed=("README.md", "out/a.txt"))[0].stale == ""
    assert given(root, source, changed=("app/api.py",))[0].stale == (
        "it is of commit 1234567890; changed since: app/api.py"
    )
    assert given(root, source, changed="it is of a commit that is not known")[0].stale != ""


def test_without_paths_any_change_counts_but_that_of_evidence_itself(root: Path) -> None:
    source = EvidenceSource("out/a.txt", commit="1234567890abcdef", place=PLACE)
    assert given(root, source, changed=("out/a.txt", ".qgate/baseline.json"))[0].stale == ""
    assert given(root, source, changed=("a", "b", "c", "d"))[0].stale.endswith("changed since: a, b, c and 1 more")


def test_the_subject_of_a_source_goes_with_its_evidence(root: Path) -> None:
    assert given(root, EvidenceSource("out/a.txt", subject="staging", place=PLACE))[0].subject == "staging"
