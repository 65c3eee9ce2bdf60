"""The contents that a session's files had, kept for undo and fork: a folder of blobs for each session.

Nothing counts references: a session's folder goes with it, and what two sessions share has two names of
one file. The bytes are not synced, so that no tool call waits for the disk: who takes one back compares
its SHA-256 (`Kept.open`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from jupyter_agents.store.blobs import Blobs, Incoming

CHUNK = 1024**2


class Kept:
    """What is kept for one session. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        self._blobs = Blobs(folder)
        self._bytes: int | None = None

    @property
    def bytes(self) -> int:
        """What all of it takes."""
        if self._bytes is None:
            self._bytes = sum(path.stat().st_size for path in self._blobs.folder.glob("??/*"))
        return self._bytes

    def receive(self) -> Incoming:
        """A place for bytes that arrive; to be `keep`-ed or discarded."""
        return Incoming(self._blobs)

    def keep(self, incoming: Incoming) -> None:
        """Keep what arrived, once for all files that have it."""
        sha256, size = incoming.blob
        if self.has(sha256):
            return
        held = self.bytes
        incoming.finish(sync=False)
        incoming.place()
        self._bytes = held + size

    def has(self, sha256: str) -> bool:
        """Whether this content is kept."""
        return self._blobs.path(sha256).is_file()

    def open(self, sha256: str) -> BinaryIO | None:
        """The content for reading; None where it is not kept, or not whole any more."""
        try:
            file = self._blobs.open(sha256)
        except FileNotFoundError:
            return None
        if _sha256(file) != sha256:
            file.close()
            return None
        file.seek(0)
        return file

    def take_over(self, other: Kept, contents: Iterable[str]) -> None:
        """Keep these of what `other` keeps, in the same bytes on disk where the file system can."""
        for sha256 in filter(other.has, contents):
            source, target = other._blobs.path(sha256), self._blobs.path(sha256)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                os.link(source, target)
            except FileExistsError:
                continue
            except OSError:
                with source.open("rb") as file:
                    self._blobs.put(iter(lambda: file.read(CHUNK), b""))
        self._bytes = None


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


class Snapshots:
    """What is kept for all sessions.

    Parameters
    ----------
    folder:
        Has a folder for each session.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, session_id: str) -> Kept:
        """What is kept for one session; its folder is made."""
        return Kept(self._folder / session_id)

    def sessions(self) -> list[Path]:
        """The folders that there are, each named by its session. Blocks."""
        return [path for path in self._folder.glob("*") if path.is_dir()]

    def forget(self, session_id: str) -> None:
        """Drop what is kept for a session. Blocks."""
        shutil.rmtree(self._folder / session_id, ignore_errors=True)
