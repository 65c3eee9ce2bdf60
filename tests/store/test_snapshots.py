from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.store.snapshots import Kept, Snapshots


def keep(kept: Kept, content: bytes) -> str:
    incoming = kept.receive()
    try:
        incoming.write(content)
        kept.keep(incoming)
        return incoming.blob[0]
    finally:
        incoming.discard()


def content(kept: Kept, sha256: str) -> bytes | None:
    file = kept.open(sha256)
    if file is None:
        return None
    with file:
        return file.read()


def test_a_content_is_kept_once(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path).of("sesn_1")
    sha256 = keep(kept, b"one")
    assert sha256 == keep(kept, b"one") == hashlib.sha256(b"one").hexdigest()
    assert (kept.bytes, content(kept, sha256)) == (3, b"one")
    assert Snapshots(tmp_path).of("sesn_1").bytes == 3
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [sha256]


def test_what_is_not_whole_is_not_given(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path).of("sesn_1")
    sha256 = keep(kept, b"one")
    (place,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    place.write_bytes(b"on")
    assert content(kept, sha256) is None and content(kept, "0" * 64) is None


@pytest.mark.parametrize("links", [True, False])
def test_what_two_sessions_share_outlives_either(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    store = Snapshots(tmp_path)
    one, two = store.of("sesn_1"), store.of("sesn_2")
    sha256 = keep(one, b"one")
    two.take_over(one, [sha256, "0" * 64])
    two.take_over(one, [sha256])
    assert [path.name for path in sorted(store.sessions())] == ["sesn_1", "sesn_2"]
    store.forget("sesn_1")
    assert content(one, sha256) is None and content(two, sha256) == b"one" and two.bytes == 3
    store.forget("sesn_1")
