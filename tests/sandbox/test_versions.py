from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxError
from jupyter_agents.sandbox.versions import TEMPORARY, Changed, clear, put, see, take_away

LIMIT = 100


def write(path: Path, text: str, mode: int = 0o640) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def everything(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


def test_a_file_is_read_with_its_hash_and_mode(tmp_path: Path) -> None:
    write(tmp_path / "in/a", "hello")
    got: list[bytes] = []
    seen = see(tmp_path, "in/a", LIMIT, got.append)
    assert seen[:3] == (hashlib.sha256(b"hello").hexdigest(), 5, 0o640)
    assert b"".join(got) == b"hello"


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "a", "x" * 101)
    got: list[bytes] = []
    assert see(tmp_path, "a", LIMIT, got.append)[:2] == (None, 101) and got == []


def test_no_link_is_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path / "secret", "s")
    write(root / "a", "a")
    (root / "link").symlink_to("../secret")
    (root / "out").symlink_to("..")
    for path in ("link", "out/secret", "../secret"):
        with pytest.raises(SandboxError):
            see(root, path, LIMIT)
        with pytest.raises(SandboxError):
            put(root, path, io.BytesIO(b"bad"), 0o644, None)
    stamp = see(root, "a", LIMIT).stamp
    with pytest.raises(SandboxError):
        put(root, "link", io.BytesIO(b"bad"), 0o644, stamp)
    with pytest.raises(SandboxError):
        take_away(root, "link", stamp)
    assert (tmp_path / "secret").read_text() == "s" and (root / "link").is_symlink()
    assert everything(root) == ["a", "link"]


def test_a_file_is_put_over_what_was_seen(tmp_path: Path) -> None:
    write(tmp_path / "in/a", "new")
    put(tmp_path, "in/a", io.BytesIO(b"old"), 0o755, see(tmp_path, "in/a", LIMIT).stamp)
    assert see(tmp_path, "in/a", LIMIT)[:3] == (hashlib.sha256(b"old").hexdigest(), 3, 0o755)
    assert everything(tmp_path) == ["in/a"]


def test_a_file_is_put_where_nothing_is(tmp_path: Path) -> None:
    put(tmp_path, "deep/er/a", io.BytesIO(b"old"), 0o600, None)
    assert (tmp_path / "deep/er/a").read_text() == "old"
    assert everything(tmp_path) == ["deep/er/a"]


def test_what_came_meanwhile_stays(tmp_path: Path) -> None:
    write(tmp_path / "a", "seen")
    stamp = see(tmp_path, "a", LIMIT).stamp
    write(tmp_path / "a", "later")
    with pytest.raises(Changed):
        put(tmp_path, "a", io.BytesIO(b"old"), 0o644, stamp)
    with pytest.raises(Changed):
        put(tmp_path, "a", io.BytesIO(b"old"), 0o644, None)
    with pytest.raises(Changed):
        take_away(tmp_path, "a", stamp)
    assert (tmp_path / "a").read_text() == "later" and everything(tmp_path) == ["a"]
    (tmp_path / "a").unlink()
    for change in (lambda: put(tmp_path, "a", io.BytesIO(b"old"), 0o644, stamp),):
        with pytest.raises(Changed):
            change()
    with pytest.raises(Changed):
        take_away(tmp_path, "a", stamp)
    assert everything(tmp_path) == []


def test_a_folder_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(SandboxError):
        put(tmp_path, "a", io.BytesIO(b"old"), 0o644, None)
    write(tmp_path / "file", "f")
    with pytest.raises(SandboxError):
        put(tmp_path, "file/below", io.BytesIO(b"old"), 0o644, None)
    assert everything(tmp_path) == ["file"]


def test_a_file_is_taken_away(tmp_path: Path) -> None:
    write(tmp_path / "in/a", "new")
    take_away(tmp_path, "in/a", see(tmp_path, "in/a", LIMIT).stamp)
    assert everything(tmp_path) == [] and (tmp_path / "in").is_dir()


def test_what_a_kill_left_is_cleared(tmp_path: Path) -> None:
    write(tmp_path / f"{TEMPORARY}0123", "half")
    write(tmp_path / "a", "a")
    os.mkdir(tmp_path / f"{TEMPORARY}folder")
    clear(tmp_path)
    assert everything(tmp_path) == ["a"]
    clear(tmp_path / "nowhere")
