from __future__ import annotations

import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxError
from jupyter_agents.sandbox.base import Mount, SandboxSpec
from jupyter_agents.sandbox.mounts import _write_tar, lay_out


@pytest.fixture
def spec(tmp_path: Path) -> SandboxSpec:
    (tmp_path / "work").mkdir()
    (tmp_path / "source").write_text("source")
    return SandboxSpec("sesn_01abcdef", tmp_path / "work", tmp_path / "uploads")


def mounted(spec: SandboxSpec, *targets: str) -> SandboxSpec:
    source = spec.workspace.parent / "source"
    return replace(spec, mounts=tuple(Mount(source, target) for target in targets))


def test_copies_are_made_on_the_host_and_the_rest_is_left_to_bind(spec: SandboxSpec) -> None:
    spec = mounted(spec, "/workspace/a/b", "/mnt/session/uploads/c", "/mnt/session/outputs/d", "/data/e")
    assert [mount.target for mount in lay_out(spec)] == ["/data/e"]
    for path in (spec.workspace / "a/b", spec.uploads / "c", spec.workspace / "outputs/d"):
        assert path.read_text() == "source" and stat.S_IMODE(path.stat().st_mode) == 0o444


def test_what_is_there_already_is_kept(spec: SandboxSpec) -> None:
    spec = mounted(spec, "/workspace/a")
    (spec.workspace / "a").write_text("edited")
    assert lay_out(spec) == [] and (spec.workspace / "a").read_text() == "edited"


@pytest.mark.parametrize("target", ["", "a", "/", "//a", "/a//b", "/a/../b", "/workspace/", "/a\0b"])
def test_a_target_is_an_absolute_plain_path(spec: SandboxSpec, target: str) -> None:
    with pytest.raises(SandboxError, match="not an absolute path"):
        lay_out(mounted(spec, target))


def test_links_in_the_way_are_refused(spec: SandboxSpec, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (spec.workspace / "in").symlink_to(tmp_path / "outside")
    with pytest.raises(SandboxError, match="symlink"):
        lay_out(mounted(spec, "/workspace/in/x"))
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_at_the_place_itself_is_replaced_or_kept_never_followed(
    spec: SandboxSpec, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_text("outside")
    (spec.workspace / "x").symlink_to(tmp_path / "outside")
    assert lay_out(mounted(spec, "/workspace/x")) == []
    assert (tmp_path / "outside").read_text() == "outside" and (spec.workspace / "x").is_symlink()


def test_the_archive_for_the_engine_is_root_owned_and_read_only(spec: SandboxSpec, tmp_path: Path) -> None:
    path = tmp_path / "archive.tar"
    with path.open("wb") as archive:
        _write_tar(archive, tmp_path / "source", "deep/er", "file")
    with tarfile.open(path) as tar:
        entries = {entry.name: (entry.mode, entry.uid, entry.gid) for entry in tar}
        content = tar.extractfile("deep/er/file")
        assert content is not None and content.read() == b"source"
    assert entries == {"deep": (0o755, 0, 0), "deep/er": (0o755, 0, 0), "deep/er/file": (0o444, 0, 0)}
