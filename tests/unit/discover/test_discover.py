"""Which files of a tree are scanned, and what is said of those that are not."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from qualitygate.discover import Filters, InputError, Tree, discover, discover_commit
from qualitygate.discover.revision import find_base
from qualitygate.model.source import Language, Role

Files = Callable[..., Path]
Git = Callable[..., str]
not_root = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")


def paths(tree: Tree) -> list[str]:
    return [file.path for file in tree.files]


def told(tree: Tree) -> dict[str, str]:
    return {unread.path: unread.reason for unread in tree.unread}


@pytest.fixture(params=["git", "folders"])
def project(request: pytest.FixtureRequest, tree: Files, git: Git) -> Files:
    """Makes a project that git knows, or one that it does not; what is in it is not committed."""

    def make(files: dict[str, str | bytes]) -> Path:
        root = tree(files)
        if request.param == "git":
            git(root, "init", "--quiet")
        return root

    return make


def test_files_come_in_a_fixed_order(project: Files) -> None:
    root = project({"b.py": "", "a/z.py": "", "a.sql": "", "README.md": "words"})
    assert paths(discover([root])) == ["README.md", "a.sql", "a/z.py", "b.py"]


def test_only_languages_that_somebody_reads_are_listed(project: Files) -> None:
    root = project({"a.py": "", "notes.md": "", "serve": "#!/usr/bin/env python3\n", "LICENSE": "words"})
    assert paths(discover([root], Filters(languages=frozenset({Language.PYTHON})))) == ["a.py", "serve"]


def test_ignored_files_are_left_out(project: Files) -> None:
    root = project(
        {
            ".gitignore": "*.log.py\n/build/\nsecret*\n",
            "a.py": "",
            "x.log.py": "",
            "build/b.py": "",
            "sub/build/c.py": "",
            "sub/.gitignore": "!x.log.py\ngone.py\n",
            "sub/x.log.py": "",
            "sub/gone.py": "",
            "sub/deep/gone.py": "",
            "gone.py": "",
        }
    )
    assert paths(discover([root], Filters(languages=frozenset({Language.PYTHON})))) == [
        "a.py",
        "gone.py",
        "sub/build/c.py",
        "sub/x.log.py",
    ]


def test_include_and_exclude_are_patterns_as_in_a_gitignore(project: Files) -> None:
    root = project({"api/a.py": "", "api/legacy/b.py": "", "web/c.py": ""})
    assert paths(discover([root], Filters(include=("api/",), exclude=("legacy/",)))) == ["api/a.py"]


def test_patterns_are_relative_to_the_folder_of_the_configuration(project: Files) -> None:
    root = project({"service/api/a.py": "", "service/api/b.py": ""})
    found = discover([root / "service"], Filters(exclude=("/service/api/b.py",), directory=root))
    assert paths(found) == ["api/a.py"]
    assert found.way == "service/"


def test_a_picture_is_passed_over_and_a_binary_python_file_is_kept_to_be_told(project: Files) -> None:
    root = project({"logo.png": b"\x89PNG\0\0", "a.py": b"\0\0"})
    assert paths(discover([root])) == ["a.py"]


def test_a_text_in_utf_16_is_a_text(project: Files) -> None:
    root = project({"notes.txt": "words".encode("utf-16"), "blob.bin": b"words\0"})
    assert paths(discover([root])) == ["notes.txt"]


def test_a_staged_binary_is_known_by_its_head(checkout: Files) -> None:
    text = "words".encode("utf-16") * 2000
    root = checkout({"notes.txt": text, "blob.bin": b"\0" * 5000, "a.py": b"\0" * 5000})
    for name in ("notes.txt", "blob.bin", "a.py"):
        (root / name).write_bytes(b"not what is staged\n")
    found = discover([root], staged=True)
    assert {file.path: file.read() for file in found.files} == {"notes.txt": text, "a.py": b"\0" * 1024}


def test_a_contract_among_the_documentation_is_published(project: Files) -> None:
    root = project({"docs/openapi.yaml": "openapi: 3.1.0\n", "docs/mkdocs.yml": "site_name: x\n"})
    assert [file.role for file in discover([root]).files] == [Role.DOCUMENTATION, Role.APPLICATION]


def test_the_root_s_own_name_says_nothing(tree: Files) -> None:
    root = tree({"tests/examples/app/main.py": "", "tests/examples/app/tests/test_main.py": ""})
    found = discover([root / "tests" / "examples"])
    assert [(file.path, file.role) for file in found.files] == [
        ("app/main.py", Role.APPLICATION),
        ("app/tests/test_main.py", Role.TEST),
    ]


def test_a_link_is_never_followed(project: Files, tmp_path: Path) -> None:
    root = project({"app/a.py": ""})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.py").write_text("")
    (root / "inside.py").symlink_to(root / "app" / "a.py")
    (root / "out.py").symlink_to(tmp_path / "outside" / "secret.py")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "circle").symlink_to(root)
    (root / "nowhere.py").symlink_to("missing.py")
    found = discover([root])
    assert paths(found) == ["app/a.py"]
    assert told(found) == {
        "out.py": "a link out of the scanned folder: not followed",
        "folder": "a link out of the scanned folder: not followed",
    }


def test_links_in_a_circle_are_told(project: Files) -> None:
    root = project({"a.py": ""})
    (root / "x.py").symlink_to("y.py")
    (root / "y.py").symlink_to("x.py")
    found = discover([root])
    assert paths(found) == ["a.py"]
    assert set(told(found)) == {"x.py", "y.py"}


def test_a_tracked_folder_that_became_a_link_is_not_entered(checkout: Files, tmp_path: Path) -> None:
    root = checkout({"app/a.py": "", "b.py": ""})
    (root / "app").rename(tmp_path / "moved")
    (root / "app").symlink_to(tmp_path / "moved")
    found = discover([root])
    assert paths(found) == ["b.py"]
    assert told(found)["app/a.py"] == "a link out of the scanned folder: not followed"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_a_pipe_and_a_socket_are_told_and_not_opened(tree: Files) -> None:
    root = tree({"a.py": ""})
    os.mkfifo(root / "pipe.py")
    os.mkfifo(root / ".gitignore")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)  # the name of a socket may not be long
        try:
            server.bind("s.sock")
        finally:
            os.chdir(here)
        found = discover([root])
    assert paths(found) == ["a.py"]
    assert {"pipe.py", ".gitignore", "s.sock"} == set(told(found))


def test_a_file_of_50_megabytes_is_told_and_not_read(project: Files) -> None:
    root = project({"a.py": ""})
    with (root / "huge.sql").open("wb") as stream:
        stream.truncate(50_000_000)
    found = discover([root])
    assert paths(found) == ["a.py"]
    assert told(found) == {"huge.sql": "larger than 20 MB (50.0 MB): not read"}


@not_root
def test_a_folder_that_cannot_be_read_is_told(tree: Files) -> None:
    root = tree({"a.py": "", "closed/b.py": ""})
    (root / "closed").chmod(0)
    try:
        found = discover([root])
    finally:
        (root / "closed").chmod(0o700)
    assert paths(found) == ["a.py"]
    assert "closed" in told(found)


def test_strange_names_are_kept_and_names_that_are_no_utf_8_are_told(project: Files) -> None:
    root = project({"new\nline.py": "", "sp ace.py": "", "ümlaut.py": ""})
    try:
        (root / os.fsdecode(b"latin\xe9.py")).write_bytes(b"")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    found = discover([root])
    assert paths(found) == ["new\nline.py", "sp ace.py", "ümlaut.py"]
    assert told(found) == {"latin\\xe9.py": "its name is not UTF-8: not read"}


def test_a_deleted_file_that_git_still_lists_is_passed_over(checkout: Files) -> None:
    root = checkout({"a.py": "", "b.py": ""})
    (root / "b.py").unlink()
    found = discover([root])
    assert paths(found) == ["a.py"]
    assert not found.unread


def test_a_repository_inside_the_repository_is_told(checkout: Files, git: Git) -> None:
    root = checkout({"a.py": ""})
    (root / "other").mkdir()
    (root / "other" / "b.py").write_text("")
    git(root / "other", "init", "--quiet")
    git(root / "other", "add", "b.py")
    git(root / "other", "commit", "--quiet", "--message", "first")
    found = discover([root])
    assert paths(found) == ["a.py"]
    assert told(found) == {"other": "a repository of its own (a submodule): scan it by itself"}


def test_the_prefix_leads_from_the_top_of_the_repository(checkout: Files) -> None:
    root = checkout({"services/orders/app.py": ""})
    assert discover([root]).prefix == ""
    assert discover([root / "services" / "orders"]).prefix == "services/orders/"


def test_a_folder_that_the_repository_ignores_is_scanned_where_it_is_named(checkout: Files) -> None:
    root = checkout({".gitignore": "build/\n"})
    (root / "build").mkdir()
    (root / "build" / "a.py").write_text("")
    assert paths(discover([root / "build"])) == ["a.py"]


def test_several_paths_are_judged_below_the_current_folder(checkout: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout({"app/a.py": "", "app/b.py": "", "lib/c.py": "", "main.py": ""})
    monkeypatch.chdir(root)
    found = discover([Path("app/a.py"), Path("lib")])
    assert found.root == root
    assert [path for path in paths(found) if found.judged(path)] == ["app/a.py", "lib/c.py"]
    assert "main.py" in paths(found), "the rest of a checkout is read for what it tells of them"


def test_files_outside_the_current_folder_have_the_folder_that_holds_them_all_as_root(
    tree: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"app/a.py": "", "app/b/c.py": "", "app/d.py": ""})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = discover([root / "app" / "a.py", root / "app" / "b"])
    assert found.root == root / "app"
    assert paths(found) == ["a.py", "b/c.py"]


def test_a_file_that_is_ignored_is_scanned_where_it_is_named(checkout: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout({".gitignore": "local.py\n", "local.py": "", "a.py": ""})
    monkeypatch.chdir(root)
    found = discover([Path("local.py")])
    assert [path for path in paths(found) if found.judged(path)] == ["local.py"]


def test_a_missing_path_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^\S*nowhere: No such file or directory$"):
        discover([tmp_path / "nowhere"])


def test_a_path_in_a_circle_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(InputError, match="circle"):
        discover([tmp_path / "circle"])


def test_a_device_is_no_path_to_scan() -> None:
    with pytest.raises(InputError, match="neither a file nor a folder"):
        discover([Path(os.devnull)])


def test_staged_content_is_taken_from_the_index(checkout: Files, git: Git) -> None:
    root = checkout({"a.py": "first = 1\n", "b.py": "", "gone.py": ""})
    (root / "a.py").write_text("second = 2\n")
    git(root, "add", "a.py")
    (root / "a.py").write_text("third = 3\n")
    (root / "new.py").write_text("untracked = True\n")
    git(root, "rm", "--quiet", "--cached", "gone.py")
    found = discover([root], staged=True)
    assert {file.path: file.read() for file in found.files} == {"a.py": b"second = 2\n", "b.py": b""}


def test_what_is_staged_as_it_lies_in_the_work_tree_is_read_from_there(checkout: Files) -> None:
    root = checkout({"a.py": "a = 1\n", "b.py": "b = 1\n", "c.py": "c = 1\n"})
    (root / "b.py").write_text("b = 2\n")
    (root / "c.py").unlink()
    found = discover([root], staged=True)
    assert {file.path: file.content for file in found.files} == {"a.py": None, "b.py": b"b = 1\n", "c.py": b"c = 1\n"}


def test_staged_content_is_exact_to_the_byte(checkout: Files) -> None:
    contents = {"empty.py": b"", "crlf.py": b"a = 1\r\n", "no_end.py": b"a = 1", "many.py": b"\n" * 70_000}
    root = checkout(contents)
    assert {file.path: file.read() for file in discover([root], staged=True).files} == contents


def test_staged_links_and_repositories_are_told(checkout: Files, git: Git) -> None:
    root = checkout({"app/a.py": ""})
    (root / "out.py").symlink_to("../../etc/passwd")
    (root / "in.py").symlink_to("app/a.py")
    git(root, "add", "--all")
    commit = git(root, "rev-parse", "HEAD").strip()
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    found = discover([root], staged=True)
    assert paths(found) == ["app/a.py"]
    assert set(told(found)) == {"out.py", "sub"}


def test_a_staged_scan_of_a_part_reads_that_part(checkout: Files, git: Git) -> None:
    root = checkout({"one/a.py": "", "two/b.py": ""})
    assert paths(discover([root / "one"], staged=True)) == ["a.py"]


def test_a_staged_scan_follows_the_index_that_git_tells_its_hooks(
    checkout: Files, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = checkout({"a.py": "old = 1\n"})
    (root / "a.py").write_text("new = 1\n")
    monkeypatch.setenv("GIT_INDEX_FILE", str(root / ".git" / "other-index"))
    git(root, "add", "a.py")
    monkeypatch.chdir(root)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/other-index")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert discover([root], staged=True).files[0].read() == b"new = 1\n"
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert discover([root], staged=True).files[0].read() == b"old = 1\n"


def test_a_staged_scan_needs_a_checkout(tree: Files) -> None:
    with pytest.raises(InputError, match="cannot read what is staged"):
        discover([tree({"a.py": ""})], staged=True)


def test_nothing_that_the_repository_configures_is_run(checkout: Files, git: Git, tmp_path: Path) -> None:
    root = checkout({"a.py": "", ".gitattributes": "*.py filter=evil diff=evil\n"})
    canary = tmp_path / "canary"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\necho ran >> {canary}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "core.pager"):
        git(root, "config", key, str(script))
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
        (hooks / hook).write_text(script.read_text())
        (hooks / hook).chmod(0o755)
    git(root, "config", "core.hooksPath", str(hooks))
    canary.unlink(missing_ok=True)
    (root / "a.py").write_text("changed = True\n")
    assert paths(discover([root])) == [".gitattributes", "a.py"]
    assert paths(discover([root], staged=True)) == [".gitattributes", "a.py"]
    base = find_base(root, "HEAD", {})
    assert base is not None
    assert discover_commit(discover([root]), base.commit).files[1].read() == b""
    assert not canary.exists()


def test_a_commit_is_read_from_objects_and_what_did_not_change_from_the_tree(checkout: Files, git: Git) -> None:
    root = checkout({"a.py": "a = 1\n", "b.py": "b = 1\n", "old/c.py": "", "logo.png": b"\x89PNG\0"})
    commit = git(root, "rev-parse", "HEAD").strip()
    (root / "b.py").write_text("b = 2\n")
    (root / "old/c.py").unlink()
    (root / "new.py").write_text("")
    tree = discover([root])
    before = discover_commit(tree, commit)
    assert {file.path: file.content for file in before.files} == {"a.py": None, "b.py": b"b = 1\n", "old/c.py": b""}
    below = discover_commit(discover([root / "old"]), commit)
    assert (paths(below), below.root) == (["c.py"], root / "old")


def test_files_that_are_left_out_are_left_out_of_a_commit(checkout: Files, git: Git) -> None:
    root = checkout({"a.py": "", "legacy/b.py": ""})
    filters = Filters(exclude=("legacy/",))
    assert paths(discover_commit(discover([root], filters), git(root, "rev-parse", "HEAD").strip(), filters)) == [
        "a.py"
    ]


def test_a_clone_that_lacks_the_files_of_a_commit_is_told(checkout: Files, git: Git) -> None:
    root = checkout({"a.py": "a = 1\n", "notes.bin": b"\0one"})
    commit = git(root, "rev-parse", "HEAD").strip()
    (root / "a.py").write_text("a = 2\n")
    git(root, "commit", "--all", "--quiet", "--message", "second")
    for name in ("a.py", "notes.bin"):
        (root / name).unlink()
        identity = git(root, "rev-parse", f"{commit}:{name}").strip()
        (root / ".git/objects" / identity[:2] / identity[2:]).unlink()
    with pytest.raises(InputError, match=r"lacks a\.py of [0-9a-f]{10}; fetch it whole"):
        discover_commit(discover([root]), commit)


def test_a_checkout_without_git_is_walked(checkout: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = checkout({"a.py": "", ".gitignore": "b.py\n"})
    (root / "b.py").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert paths(discover([root])) == [".gitignore", "a.py"]


def test_a_damaged_checkout_is_walked(checkout: Files) -> None:
    root = checkout({"a.py": ""})
    (root / ".git" / "index").write_bytes(b"not an index")
    assert paths(discover([root])) == ["a.py"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_a_checkout_that_git_hangs_on_is_walked(checkout: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout({"a.py": ""})
    os.mkfifo(root / ".gitignore")
    monkeypatch.setattr("qualitygate.discover.git._SECONDS", 0.3)
    found = discover([root])
    assert paths(found) == ["a.py"]
    assert told(found) == {".gitignore": "a pipe, a socket or a device: not read"}


def test_virtual_environments_are_not_walked(tree: Files) -> None:
    root = tree({"a.py": "", "env/pyvenv.cfg": "", "env/lib/b.py": "", "node_modules/x/c.json": "{}"})
    assert paths(discover([root])) == ["a.py"]


def test_a_line_of_an_ignore_file_that_is_no_pattern_hides_no_other(tree: Callable[..., Path]) -> None:
    root = tree(
        {".gitignore": "build/\n!keep\\\n[b-(].py\n*.tmp.py\n", "build/a.py": "", "b.tmp.py": "", "c.py": "x = 1\n"}
    )
    assert [file.path for file in discover([root]).files if file.path.endswith(".py")] == ["c.py"]


@pytest.mark.parametrize("line", ["!" + "*" * 400, "*a" * 40, "**/a/" * 30 + "b", "[[a-b]" + "*" * 60])
def test_a_line_of_an_ignore_file_that_would_take_endless_time_is_passed_over(
    tree: Callable[..., Path], line: str
) -> None:
    name = "a" * 200 + ".py"
    root = tree({".gitignore": f"{line}x\n*.tmp.py\n", name: "x = 1\n", "b.tmp.py": "", "c.py": "x = 1\n"})
    assert [file.path for file in discover([root]).files if file.path.endswith(".py")] == [name, "c.py"]
