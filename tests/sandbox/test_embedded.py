from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxError, SandboxUnavailable
from jupyter_agents.sandbox import embedded
from jupyter_agents.sandbox.base import Mount, SandboxSpec


@pytest.fixture
def spec(tmp_path: Path) -> SandboxSpec:
    return SandboxSpec("s", tmp_path / "workspace", tmp_path / "uploads")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_text("content")
    path.chmod(0o600)
    return path


def owner(path: Path) -> int:
    return path.lstat().st_uid


def test_folders_are_made_and_made_over(spec: SandboxSpec) -> None:
    spec.workspace.mkdir()
    (spec.workspace / "mine").write_text("x")
    (spec.workspace / "link").symlink_to("/etc/passwd")
    embedded.prepare(spec)
    uid = spec.uid if os.geteuid() == 0 else os.geteuid()
    for name in ("", "outputs", "mine", "link"):
        assert owner(spec.workspace / name) == uid
    assert owner(Path("/etc/passwd")) == 0
    assert spec.uploads.is_dir()


def test_a_hard_link_is_not_made_over(spec: SandboxSpec, source: Path) -> None:
    spec.workspace.mkdir()
    os.link(source, spec.workspace / "hard")
    embedded.prepare(spec)
    assert owner(source) == os.geteuid()


def test_uploads_can_be_read_by_the_group_of_the_sandbox(spec: SandboxSpec) -> None:
    (spec.uploads / "d").mkdir(parents=True, mode=0o700)
    (spec.uploads / "d/f").write_text("x")
    (spec.uploads / "d/f").chmod(0o600)
    embedded.prepare(spec)
    found = (spec.uploads / "d/f").stat()
    if os.geteuid() == 0:
        assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (spec.uid, 0o640)
    assert found.st_uid == os.geteuid()


def test_a_file_in_the_way_of_outputs_is_refused(spec: SandboxSpec) -> None:
    spec.workspace.mkdir()
    (spec.workspace / "outputs").write_text("x")
    with pytest.raises(SandboxUnavailable, match="is a link or a file"):
        embedded.prepare(spec)


def test_a_read_only_copy_replaces_what_is_there(spec: SandboxSpec, source: Path) -> None:
    embedded.prepare(spec)
    (spec.workspace / "in").mkdir()
    (spec.workspace / "in/x").symlink_to("/etc/passwd")
    embedded.place_read_only(Mount(source, "/workspace/in/x"), spec)
    copy = spec.workspace / "in/x"
    assert not copy.is_symlink()
    assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == ("content", 0o444)
    assert [path.name for path in copy.parent.iterdir()] == ["x"]


def test_no_link_leads_a_copy_out(spec: SandboxSpec, source: Path, tmp_path: Path) -> None:
    embedded.prepare(spec)
    (tmp_path / "outside").mkdir()
    (spec.workspace / "in").symlink_to(tmp_path / "outside")
    with pytest.raises(SandboxError, match="symlink"):
        embedded.place_read_only(Mount(source, "/workspace/in/x"), spec)
    assert list((tmp_path / "outside").iterdir()) == []


def test_an_upload_is_copied_unless_it_lies_there(spec: SandboxSpec, source: Path) -> None:
    embedded.prepare(spec)
    embedded.place_upload(Mount(source, "/mnt/session/uploads/d/x"), spec)
    there = spec.uploads / "d/x"
    assert there.read_text() == "content"
    inode = there.stat().st_ino
    embedded.place_upload(Mount(there, "/mnt/session/uploads/d/x"), spec)
    assert there.stat().st_ino == inode


@pytest.mark.parametrize("target", ["/workspace", "/workspace/..", "/data/x"])
def test_a_copy_goes_below_the_workspace_only(spec: SandboxSpec, source: Path, target: str) -> None:
    embedded.prepare(spec)
    with pytest.raises(SandboxUnavailable):
        embedded.place_read_only(Mount(source, target), spec)


def test_targets_are_normalised_and_the_system_is_refused() -> None:
    assert embedded.mount_target(Mount(Path("/x"), "/data//a/../b")) == "/data/b"
    for target in ("/", "//", "x", "/etc/x", "/data/../usr/x", "/proc/1/mem"):
        with pytest.raises(SandboxUnavailable):
            embedded.mount_target(Mount(Path("/x"), target))


def test_the_servers_python_stands_in_for_the_notebooks(spec: SandboxSpec) -> None:
    prefixes = embedded.python_prefixes(spec)
    assert all(str(prefix) not in embedded.SYSTEM_PREFIXES for prefix in prefixes)
    environment = embedded.tool_environment(spec, "/home/agent", "/tmp")
    if sys.prefix not in embedded.SYSTEM_PREFIXES:
        assert environment["PATH"].startswith(f"{sys.prefix}/bin:")
    assert environment["PATH"].endswith(":/usr/bin:/sbin:/bin")
