"""Only what lies in the folder is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_agents.cell import beneath


def test_the_beginning_of_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("hello")
    assert beneath.read(tmp_path, "a/b.txt", 4) == b"hell"
    assert beneath.read(tmp_path, "a/b.txt", 100) == b"hello"


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/hostname", "link", "folder/secret", "pipe", "here", "", "no"]
)
def test_nothing_else_is_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("s")
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "here").mkdir()
    (folder / "link").symlink_to("../secret")
    (folder / "folder").symlink_to("..")
    os.mkfifo(folder / "pipe")
    with pytest.raises(OSError):
        beneath.read(folder, path, 10)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(OSError):
            beneath.read(tmp_path, "a/none", 10)
        with pytest.raises(OSError):
            beneath.read(tmp_path, "a", 10)
    assert len(os.listdir("/proc/self/fd")) == before
