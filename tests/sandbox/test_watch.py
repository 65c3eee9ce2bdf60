from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_agents.sandbox import watch as watch_module
from jupyter_agents.sandbox.watch import Watch, below
from jupyter_agents.sandbox.workspace import open_directory


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    (tmp_path / "sub").mkdir()
    made = Watch({"ignored"})
    follow(made, tmp_path, "", "sub")
    yield made
    made.close()


def follow(watch: Watch, root: Path, *folders: str) -> None:
    for folder in folders:
        descriptor = open_directory(root, folder)
        watch.add(folder, descriptor)
        os.close(descriptor)


def test_what_happened_is_pending_until_it_is_read(tmp_path: Path, watch: Watch) -> None:
    assert not watch.pending and watch.read().files == {}
    (tmp_path / "sub" / "f").write_text("x")
    (tmp_path / "g").touch()
    assert watch.pending
    assert watch.read().files == {"sub/f": True, "g": False}
    assert not watch.pending


def test_folders_are_told_apart_and_ignored_ones_left_out(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "ignored").mkdir()
    seen = watch.read()
    assert seen.folders == {"new"} and seen.files == {}


def test_a_folder_that_is_forgotten_is_silent(tmp_path: Path, watch: Watch) -> None:
    watch.forget("sub")
    (tmp_path / "sub" / "f").write_text("x")
    assert watch.read().files == {}
    watch.keep([])
    (tmp_path / "g").write_text("x")
    assert watch.read().files == {}


def test_a_folder_that_is_added_again_has_its_new_name(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "sub").rename(tmp_path / "moved")
    assert watch.read().folders == {"sub", "moved"}
    follow(watch, tmp_path, "moved")
    (tmp_path / "moved" / "f").write_text("x")
    assert watch.read().files == {"moved/f": True}


def test_the_end_of_the_workspace_is_a_loss(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "sub").rmdir()
    assert not watch.read().lost
    tmp_path.rmdir()
    assert watch.read().lost


def test_there_is_a_limit_of_folders(tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "WATCHES", 2)
    (tmp_path / "third").mkdir()
    follow(watch, tmp_path, "sub")
    with pytest.raises(OSError, match="too many directories"):
        follow(watch, tmp_path, "third")


def test_below() -> None:
    assert below("a/b", "a") and below("a", "") and not below("ab", "a") and not below("a", "a")
