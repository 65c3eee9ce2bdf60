"""Workspaces as archives: what goes round, and what an archive of somebody's cannot do."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from jupyter_agents.errors import LimitExceeded, SandboxError
from jupyter_agents.sandbox import archive, listing
from jupyter_agents.sandbox.archive import pack, remove, unpack


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    (work / "src" / "empty").mkdir(parents=True)
    (work / "src" / "run.sh").write_text("echo hi\n")
    (work / "src" / "run.sh").chmod(0o4755)
    (work / "größe.txt").write_bytes(b"\0\xff")
    (work / ".git").mkdir()
    (work / ".git" / "HEAD").write_text("ref")
    return work


def files(top: Path) -> dict[str, bytes]:
    return {p.relative_to(top).as_posix(): p.read_bytes() for p in top.rglob("*") if p.is_file()}


def test_files_and_folders_go_round(work: Path, tmp_path: Path) -> None:
    target, root = tmp_path / "w.tar.gz", tmp_path / "root"
    root.mkdir()
    assert pack(work, target) == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert unpack(target, root, root / "agents" / "there", uid=65532) == 3
    there = root / "agents" / "there"
    assert files(there) == files(work)
    assert (there / "src" / "empty").is_dir() and (there / "outputs").is_dir()
    assert stat.S_IMODE((there / "src" / "run.sh").stat().st_mode) == 0o755
    if os.geteuid() == 0:
        assert {path.stat().st_uid for path in there.rglob("*")} == {65532}


def test_links_and_pipes_of_an_agent_are_left_out(work: Path, tmp_path: Path) -> None:
    (work / "shadow").symlink_to("/etc/shadow")
    (work / "etc").symlink_to("/etc")
    os.mkfifo(work / "pipe")
    pack(work, tmp_path / "w.tar.gz")
    with tarfile.open(tmp_path / "w.tar.gz") as tar:
        assert not {"shadow", "etc", "pipe"} & {name.split("/")[0] for name in tar.getnames()}


def test_too_much_is_refused_and_leaves_nothing(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(work, tmp_path / "good.tar.gz")
    for module, name, limit in (
        (listing, "FILES", 2),
        (archive, "TOTAL_BYTES", 5),
        (archive, "FILE_BYTES", 5),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, limit)
            with pytest.raises(LimitExceeded):
                pack(work, tmp_path / "bad.tar.gz")
            with pytest.raises(LimitExceeded):
                unpack(tmp_path / "good.tar.gz", tmp_path, tmp_path / "there")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.tar.gz", "work"]


def made(path: Path, name: str, **fields: object) -> Path:
    """An archive of one member."""
    entry = tarfile.TarInfo(name)
    data = io.BytesIO(b"data")
    entry.size = 4
    for key, value in fields.items():
        setattr(entry, key, value)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(entry, data if entry.isreg() else None)
    return path


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("../out", {}),
        ("/etc/out", {}),
        ("a/../../out", {}),
        ("link", {"type": tarfile.SYMTYPE, "linkname": "/etc", "size": 0}),
        ("hard", {"type": tarfile.LNKTYPE, "linkname": "other", "size": 0}),
        ("pipe", {"type": tarfile.FIFOTYPE, "size": 0}),
        ("device", {"type": tarfile.CHRTYPE, "size": 0}),
        ("a/" * 100 + "deep", {}),
        ("x", {"pax_headers": {"comment": "x" * (archive.LARGEST_READ + 1)}}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_archive_stays_in_its_folder(tmp_path: Path, name: str, fields: dict[str, object]) -> None:
    bad = made(tmp_path / "bad.tar.gz", name, **fields)
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(SandboxError):
        unpack(bad, root, root / "there")
    assert list(root.iterdir()) == [] and sorted(p.name for p in tmp_path.iterdir()) == ["bad.tar.gz", "root"]


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00"])
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(SandboxError):
        unpack(tmp_path / "bad", tmp_path, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_folder_that_is_there_is_not_touched(work: Path, tmp_path: Path) -> None:
    pack(work, tmp_path / "w.tar.gz")
    (tmp_path / "there").mkdir()
    with pytest.raises(SandboxError, match="is there already"):
        unpack(tmp_path / "w.tar.gz", tmp_path, tmp_path / "there")
    with pytest.raises(SandboxError, match="is not below"):
        unpack(tmp_path / "w.tar.gz", work, tmp_path / "elsewhere")


def test_removing_follows_no_link(work: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(work)
    remove(tmp_path / "link")
    assert work.is_dir()
    remove(work)
    assert not work.exists()
