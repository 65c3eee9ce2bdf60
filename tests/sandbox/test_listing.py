from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_agents.sandbox import listing
from jupyter_agents.sandbox.listing import is_utf8, list_files, stamp
from jupyter_agents.sandbox.workspace import open_directory


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    descriptor = open_directory(tmp_path)
    yield descriptor
    os.close(descriptor)


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_regular_files_are_listed(tmp_path: Path, root: int) -> None:
    fill(tmp_path, "a", "b/c", "b/d/e", ".git/x", "b/node_modules/y", ".hidden")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "dirlink").symlink_to("/etc")
    os.mkfifo(tmp_path / "fifo")
    entered: list[str] = []
    found = list_files(root, entering=lambda folder, descriptor: entered.append(folder))
    assert sorted(found.files) == [".hidden", "a", "b/c", "b/d/e"] and found.complete
    assert sorted(entered) == ["", "b", "b/d"] and found.folders == set(entered)
    assert found.files["b/d/e"].size == 5
    assert sorted(list_files(root, "b").files) == ["b/c", "b/d/e"]
    assert list_files(root, "dirlink").files == {} == list_files(root, "absent").files


def test_files_and_entries_are_capped(tmp_path: Path, root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, *(f"{folder}/{name}" for folder in "abc" for name in range(10)))
    monkeypatch.setattr(listing, "FILES", 15)
    found = list_files(root)
    assert len(found.files) == 15 and not found.complete
    monkeypatch.setattr(listing, "ENTRIES", 8)
    found = list_files(root)
    assert len(found.files) <= 8 and not found.complete


def test_depth_is_capped(tmp_path: Path, root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "DEPTH", 2)
    fill(tmp_path, "1/2/3", "1/2/x/4")
    assert sorted(list_files(root).files) == ["1/2/3"]


def test_names_that_are_not_text_are_counted(tmp_path: Path, root: int) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff", "wb"):
        pass
    found = list_files(root)
    assert found.files == {} and found.unnamed == 1
    assert is_utf8("é\n") and not is_utf8("\udcff")


def test_stamp_is_of_regular_files_only(tmp_path: Path, root: int) -> None:
    fill(tmp_path, "b/c")
    (tmp_path / "b" / "link").symlink_to("c")
    (tmp_path / "to").symlink_to("b")
    found = stamp(root, "b/c")
    assert found is not None and found.size == 3
    for path in ("b", "b/link", "to/c", "absent", "absent/c", "../x", "/etc/passwd"):
        assert stamp(root, path) is None, path
