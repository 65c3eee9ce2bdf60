from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_agents.store.blobs import Blobs


def test_bytes_come_back_under_their_hash(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    sha256, size = blobs.put([b"ab", b"c"])
    assert (sha256, size) == (hashlib.sha256(b"abc").hexdigest(), 3)
    with blobs.open(sha256) as file:
        assert file.read() == b"abc"
    assert blobs.put([b"abc"]) == (sha256, 3)
    blobs.delete(sha256)
    blobs.delete(sha256)
    with pytest.raises(FileNotFoundError):
        blobs.open(sha256)


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")

    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        blobs.put(broken())
    assert [p for p in blobs.folder.rglob("*") if p.is_file()] == []


def test_blobs_are_the_owners_alone(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    sha256, _ = blobs.put([b"abc"])
    assert stat.S_IMODE(blobs.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(blobs.path(sha256).stat().st_mode) == 0o600
