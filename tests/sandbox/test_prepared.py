"""Folders that wait for a session: handed over whole, or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_agents.sandbox.base import Mount, SandboxSpec
from jupyter_agents.sandbox.prepared import Places, Prepared, Stock, is_new
from jupyter_agents.sandbox.reaper import process_owner
from jupyter_agents.sandbox.workspace import make_workspace

UID = 65532


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("root", "data"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "root", tmp_path / "data")


@pytest.fixture
def stock(places: Places) -> Stock:
    made = Stock(places)
    made.open()
    return made


@pytest.fixture
def spec(places: Places) -> SandboxSpec:
    workspace = make_workspace(places.root, places.root / "agents" / "coder-abcdef", uid=UID)
    uploads = places.data / "uploads" / "sesn_abcdef"
    uploads.mkdir(parents=True)
    return SandboxSpec("sesn_abcdef", workspace, uploads)


def inodes(*paths: Path) -> list[int]:
    return [path.lstat().st_ino for path in paths]


def test_a_session_gets_the_very_folders_that_were_prepared(
    places: Places, stock: Stock, spec: SandboxSpec
) -> None:
    prepared = stock.prepare(UID)
    before = inodes(prepared.workspace, prepared.uploads)
    kept = spec.workspace.stat()
    assert prepared.hand_over(spec)
    assert inodes(spec.workspace, spec.uploads) == before
    now = spec.workspace.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (kept.st_mode, kept.st_uid, kept.st_gid)
    assert is_new(spec.workspace) and not prepared.workspace.is_symlink()
    prepared.tidy(spec)
    assert prepared.workspace.resolve() == spec.workspace and prepared.uploads.resolve() == spec.uploads
    (spec.workspace / "mine").touch()
    prepared.remove()
    stock.close()
    assert (spec.workspace / "mine").exists() and spec.uploads.is_dir()
    assert [path.name for path in (places.root / "agents").iterdir()] == ["coder-abcdef"]
    assert [path.name for path in places.data.iterdir()] == ["uploads"]


def test_uploads_come_along_and_mounts_are_placed(stock: Stock, spec: SandboxSpec, tmp_path: Path) -> None:
    (spec.uploads / "deep" / "er").mkdir(parents=True)
    (spec.uploads / "deep" / "er" / "data.csv").write_text("a,b")
    (spec.uploads / "top.csv").write_text("c")
    source = tmp_path / "source"
    source.write_text("mounted")
    mounts = (Mount(source, "/workspace/in/file"), Mount(source, "/mnt/session/outputs/file"))
    prepared = stock.prepare(UID)
    pinned = os.open(prepared.uploads, os.O_RDONLY)
    assert prepared.hand_over(SandboxSpec(spec.session_id, spec.workspace, spec.uploads, mounts))
    assert sorted(os.listdir(pinned)) == ["deep", "top.csv"]
    os.close(pinned)
    assert (spec.uploads / "deep" / "er" / "data.csv").read_text() == "a,b"
    for path in ("in/file", "outputs/file"):
        assert (spec.workspace / path).read_text() == "mounted"


def file(spec: SandboxSpec) -> None:
    (spec.workspace / "theirs").touch()


def deep_file(spec: SandboxSpec) -> None:
    (spec.workspace / "outputs" / "theirs").touch()


def link(spec: SandboxSpec) -> None:
    shutil.rmtree(spec.workspace)
    spec.workspace.symlink_to("/etc")


def mode(spec: SandboxSpec) -> None:
    spec.workspace.chmod(0o700)


def owner(spec: SandboxSpec) -> None:
    os.chown(spec.workspace, 0, 4)


def attribute(spec: SandboxSpec) -> None:
    os.setxattr(spec.workspace, "user.mine", b"1")


def missing(spec: SandboxSpec) -> None:
    shutil.rmtree(spec.workspace)


def no_uploads(spec: SandboxSpec) -> None:
    spec.uploads.rmdir()


CHANGES = [file, deep_file, link, mode, attribute, missing, no_uploads]
CHANGES += [owner] if os.geteuid() == 0 else []


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_workspace_that_is_not_as_new_stays_as_it_is(
    stock: Stock, spec: SandboxSpec, change: Callable[[SandboxSpec], None]
) -> None:
    change(spec)
    there = os.path.lexists(spec.workspace)
    before = inodes(spec.workspace) if there else []
    assert not stock.prepare(UID).hand_over(spec)
    assert os.path.lexists(spec.workspace) == there
    assert before == (inodes(spec.workspace) if there else [])


def test_a_prepared_folder_that_was_replaced_is_not_handed_over(
    stock: Stock, spec: SandboxSpec, tmp_path: Path
) -> None:
    prepared = stock.prepare(UID)
    shutil.rmtree(prepared.workspace)
    prepared.workspace.symlink_to("/etc")
    before = inodes(spec.workspace)
    assert not prepared.hand_over(spec)
    assert inodes(spec.workspace) == before and not spec.workspace.is_symlink()


def test_a_place_outside_of_the_root_is_not_touched(stock: Stock, spec: SandboxSpec, tmp_path: Path) -> None:
    elsewhere = make_workspace(tmp_path, tmp_path / "elsewhere", uid=UID)
    assert not stock.prepare(UID).hand_over(SandboxSpec(spec.session_id, elsewhere, spec.uploads))
    assert is_new(elsewhere)


def test_moving_there_and_back(stock: Stock) -> None:
    prepared = stock.prepare(UID)
    before = inodes(prepared.workspace)
    moved = prepared.moves()
    assert inodes(moved) == before
    prepared.back(moved)
    assert inodes(prepared.workspace) == before and not moved.exists()


def test_what_dead_servers_left_is_removed_and_nothing_else(places: Places, stock: Stock) -> None:
    process = subprocess.Popen(["sleep", "100"])
    dead = process_owner(process.pid)
    process.kill()
    process.wait()
    alive: list[Prepared] = [stock.prepare(UID)]
    for hidden in places.hidden:
        for name, owner in (("dead", dead), ("unknown", "somebody")):
            (hidden / name / "1" / "workspace").mkdir(parents=True)
            (hidden / name / "owner").write_text(owner)
        (hidden / "link").symlink_to("/etc")
    another = Stock(places)
    another.open()
    for hidden in places.hidden:
        assert not (hidden / "dead").exists() and (hidden / "unknown").exists()
        assert (hidden / "link").is_symlink()
    assert is_new(alive[0].workspace)


def test_clearing_makes_nothing(places: Places) -> None:
    places.clear()
    assert list(places.root.iterdir()) == [] and list(places.data.iterdir()) == []
