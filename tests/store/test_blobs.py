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


def test_bytes_that_arrive_are_placed_or_discarded(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    kept, dropped = blobs.receive([b"a", b"b"]), blobs.receive([b"c"])
    assert not blobs.path(kept.blob[0]).exists()
    kept.place()
    for incoming in (kept, dropped, dropped):
        incoming.discard()
    assert [p.name for p in blobs.folder.rglob("*") if p.is_file()] == [kept.blob[0]]


def test_notes_and_unfinished_bytes_are_found_by_their_age(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    sha256, _ = blobs.put([b"abc"])
    blobs.note(sha256)
    blobs.receive([b"cut"])
    assert (blobs.noted(3600), blobs.drop_unfinished(3600)) == ([], 0)
    assert (blobs.noted(0), blobs.drop_unfinished(0)) == ([sha256], 1)
    blobs.settled(sha256)
    blobs.settled(sha256)
    assert blobs.noted(0) == [] and blobs.path(sha256).exists()
