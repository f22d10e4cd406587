"""The labelled corpus of secrets: what holds a credential is found, what only looks like one is left alone."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from qualitygate_checks.security.hardcoded_secret import CHECK

from qualitygate.discover import language_of
from qualitygate.discover.roles import Layout
from qualitygate.extract import extract
from qualitygate.model.finding import Confidence
from qualitygate.model.source import SourceFile

MAKER = Path(__file__).parents[2] / "fixtures" / "secrets" / "corpus.py"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    described = importlib.util.spec_from_file_location("secrets_corpus", MAKER)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module
    described.loader.exec_module(module)
    return module


def found(files: dict[str, str]) -> set[tuple[str, int]]:
    """Path and line of every hit that the default output shows."""
    layout = Layout.of(files)
    lines = set()
    for path, content in files.items():
        source = SourceFile(Path("/nowhere"), path, language_of(path), layout.role(path), content.encode())
        for hit in extract(source, [CHECK], {}, lambda _: None).runs[0].hits:
            if (hit.confidence or CHECK.confidence).rank <= Confidence.MEDIUM.rank:
                lines.add((path, hit.place.span.line))
    return lines


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nearly_every_secret_is_found_and_nothing_else(maker: ModuleType, seed: int) -> None:
    corpus = maker.corpus(seed)
    shown = found(corpus.files)
    missed = Counter(one.kind for one in corpus.labels if one.secret and (one.path, one.line) not in shown)
    wrong = Counter(one.kind for one in corpus.labels if not one.secret and (one.path, one.line) in shown)
    secrets = sum(one.secret for one in corpus.labels)
    assert secrets > 300
    assert len({Path(one.path).suffix for one in corpus.labels}) >= 12
    assert sum(wrong.values()) <= secrets // 50, f"shown, but no secret: {wrong}"
    assert sum(missed.values()) <= secrets // 50, f"not shown: {missed}"


def test_a_value_of_every_format_is_in_the_corpus(maker: ModuleType) -> None:
    kinds = {one.kind for one in maker.corpus(1).labels if one.secret}
    assert {form.title for form in maker.FORMATS} <= kinds
    assert sum("wrong checksum" in one.kind for one in maker.corpus(1).labels) >= 5


def test_the_corpus_is_the_same_for_the_same_seed(maker: ModuleType) -> None:
    assert maker.corpus(4) == maker.corpus(4)
    assert maker.corpus(4) != maker.corpus(5)


def test_the_maker_itself_holds_no_secret() -> None:
    assert found({"fixtures/secrets/corpus.py": MAKER.read_text()}) == set()
