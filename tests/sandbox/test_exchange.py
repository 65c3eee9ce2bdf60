from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxError
from jupyter_agents.sandbox.exchange import exchange


def test_two_folders_change_places(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "one", tmp_path / "b" / "other"
    for folder, name in ((one, "1"), (other, "2")):
        folder.mkdir(parents=True)
        (folder / name).touch()
    inodes = one.stat().st_ino, other.stat().st_ino
    exchange(one, other, below=tmp_path)
    assert (one / "2").exists() and (other / "1").exists()
    assert (other.stat().st_ino, one.stat().st_ino) == inodes


def test_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "none", below=tmp_path)
    assert one.is_dir()


def test_another_file_system_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    memory = Path("/dev/shm") / f"jupyter-agents-test-{tmp_path.name}-{tmp_path.stat().st_ino}"
    memory.mkdir()
    try:
        with pytest.raises(OSError):
            exchange(tmp_path / "one", memory, below=Path("/"))
    finally:
        memory.rmdir()


def test_no_link_is_followed_and_nothing_above(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    for folder in (top / "one", outside / "other"):
        folder.mkdir(parents=True)
    (top / "link").symlink_to(outside)
    with pytest.raises(SandboxError, match="symlink"):
        exchange(top / "one", top / "link" / "other", below=top)
    with pytest.raises(ValueError):
        exchange(top / "one", outside / "other", below=top)
    with pytest.raises(SandboxError):
        exchange(top / "one", top / ".." / "outside" / "other", below=top)


def test_a_link_itself_changes_places_and_is_not_followed(tmp_path: Path) -> None:
    one, outside = tmp_path / "one", tmp_path / "outside"
    one.mkdir()
    outside.mkdir()
    (tmp_path / "link").symlink_to(outside)
    exchange(one, tmp_path / "link", below=tmp_path)
    assert one.is_symlink() and not (tmp_path / "link").is_symlink() and outside.is_dir()
