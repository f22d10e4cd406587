"""Packs come from where installers put them, out of their own distribution, and from nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qualitygate.load import Installed, PackError, load

PACK = """
from qualitygate.authoring import Check, Confidence, Domain, Pack, Severity, example

CHECK = Check(
    id={id!r}, domain=Domain.API, severity=Severity.NOTE, confidence=Confidence.HIGH, do="", dont="", doc="A check.",
    run=lambda project: iter(()), bad=(), good=(),
)
PACK = Pack("{name}", (CHECK,))
"""

Site = Callable[..., Path]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Makes a `site-packages` with a distribution that offers packs; afterwards nothing of it stays imported."""
    before = set(sys.modules)

    def make(files: dict[str, str], entries: dict[str, str], direct_url: object = None) -> Path:
        root = tmp_path / "venv" / "site-packages"
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        info = root / "acme_rules-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rules\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[qualitygate.checks]", *lines, ""]))
        if direct_url is not None:
            (info / "direct_url.json").write_text(json.dumps(direct_url))
        monkeypatch.syspath_prepend(str(root))
        return root

    yield make
    for name in set(sys.modules) - before:
        if name.startswith("acme"):
            del sys.modules[name]


def ids(installed: Installed) -> set[str]:
    return {check.id for check in installed.checks}


def test_the_checks_that_come_with_qgate_are_found_in_the_order_of_their_ids() -> None:
    names = [check.id for check in load().checks]
    assert "unused-suppression" in names
    assert names == sorted(names)


def test_a_pack_of_another_distribution_is_found(site: Site) -> None:
    site({"acme_rules.py": PACK.format(id="acme-rule", name="acme")}, {"acme": "acme_rules"})
    assert "acme-rule" in ids(load())


def test_the_name_of_the_pack_may_be_given(site: Site) -> None:
    site({"acme_rules.py": PACK.format(id="acme-rule", name="acme") + "MINE = PACK\n"}, {"acme": "acme_rules:MINE"})
    assert "acme-rule" in ids(load())


def test_the_identity_changes_with_the_code_of_a_pack(site: Site) -> None:
    root = site({"acme_rules.py": PACK.format(id="acme-rule", name="acme")}, {"acme": "acme_rules"})
    before = load().identity
    assert load().identity == before
    with (root / "acme_rules.py").open("a") as stream:
        stream.write("# another rule\n")
    assert load().identity != before


def test_an_id_that_comes_twice_is_refused(site: Site) -> None:
    site({"acme_rules.py": PACK.format(id="unused-suppression", name="acme")}, {"acme": "acme_rules"})
    with pytest.raises(PackError, match="a second check with the id 'unused-suppression'"):
        load()


def test_a_pack_that_raises_on_import_is_one_clear_line(site: Site) -> None:
    site({"acme_rules.py": "raise ValueError('two\\nlines')\n"}, {"acme": "acme_rules"})
    with pytest.raises(PackError) as caught:
        load()
    assert str(caught.value) == "pack acme_rules did not load: ValueError: two lines"


def test_a_pack_that_is_none_is_refused(site: Site) -> None:
    site({"acme_rules.py": "PACK = []\n"}, {"acme": "acme_rules"})
    with pytest.raises(PackError, match="it is no Pack"):
        load()


def test_a_pack_that_is_missing_is_refused(site: Site) -> None:
    site({}, {"acme": "acme_rules"})
    with pytest.raises(PackError, match="no module named 'acme_rules'"):
        load()


def test_no_pack_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(PackError, match="no pack of checks is installed"):
        load()


def test_a_pack_outside_of_its_distribution_is_refused_before_it_is_imported(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site({"acme_rules.py": PACK.format(id="acme-rule", name="acme")}, {"acme": "acme_rules"})
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "acme_rules.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(hostile))
    with pytest.raises(PackError, match="outside of its distribution: refused"):
        load()
    assert not (tmp_path / "canary").exists()


def test_an_editable_pack_may_lie_where_its_distribution_says(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "work space"
    source.mkdir()
    (source / "acme_rules.py").write_text(PACK.format(id="acme-rule", name="acme"))
    direct = {"url": source.as_uri(), "dir_info": {"editable": True}}
    site({}, {"acme": "acme_rules"}, direct)
    monkeypatch.syspath_prepend(str(source))
    assert "acme-rule" in ids(load())


@pytest.mark.parametrize(
    "direct",
    [
        {"url": "file:///", "dir_info": {}},
        {"url": "https://example.com/", "dir_info": {"editable": True}},
        {"url": 5, "dir_info": {"editable": True}},
        [],
        "file:///",
    ],
)
def test_only_an_editable_install_widens_where_a_pack_may_lie(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: object
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "acme_rules.py").write_text(PACK.format(id="acme-rule", name="acme"))
    site({}, {"acme": "acme_rules"}, direct)
    monkeypatch.syspath_prepend(str(source))
    with pytest.raises(PackError, match="refused"):
        load()


def test_a_distribution_in_the_current_folder_is_none(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = site({"acme_rules.py": PACK.format(id="acme-rule", name="acme")}, {"acme": "acme_rules"})
    monkeypatch.chdir(root)
    assert "acme-rule" not in ids(load())


@pytest.mark.parametrize("command", ["module", "script"])
def test_nothing_of_the_scanned_folder_is_run(command: str, tmp_path: Path) -> None:
    root = tmp_path / "hostile"
    canary = tmp_path / "canary"
    code = f"with open({str(canary)!r}, 'a') as stream: stream.write(__name__ + ' ')\n"
    names = (
        "click",
        "libcst",
        "msgspec",
        "yaml",
        "sqlglot",
        "pathspec",
        "sqlite3",
        "json",
        "multiprocessing",
        "pickle",
    )
    files = {
        "sitecustomize.py": code,
        "usercustomize.py": code,
        "conftest.py": code,
        "setup.py": code,
        "qualitygate_checks/__init__.py": code,
        "qualitygate_checks/api/__init__.py": code,
        "evil/__init__.py": code,
        "evil.pth": f"import sys; exec({code!r})\n",
        "evil-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
        "evil-1.0.dist-info/entry_points.txt": "[qualitygate.checks]\nevil = evil\n",
        "evil.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: evil\nVersion: 1.0\n",
        "evil.egg-info/entry_points.txt": "[qualitygate.checks]\nevil = evil\n",
        "app/main.py": "VALUE = 1\n" * 50,
        **{f"{name}/__init__.py": code for name in names},
        **{f"parts/part{number}.py": "x = 1\n" for number in range(10)},
    }
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    script = Path(sys.executable).parent / "qgate"
    start = [sys.executable, "-m", "qualitygate"] if command == "module" else [str(script)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [*start, "scan", ".", "--jobs", "2", "--no-cache"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert not canary.exists(), f"these ran: {canary.read_text()}"
