"""Content-addressed bytes on disk: uploads, outputs, and the files of workspaces.

A blob is written beside its place, synced, then renamed: it is whole or not there. One whose last
owner comes or goes is noted first, so that a kill in between leaves something to look for (`noted`).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

NEW = ".new-"
NOTE = ".note-"


class Incoming:
    """Bytes that arrive one after the other. `discard` it in any case; what was placed stays."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._digest = hashlib.sha256()
        self._file = tempfile.NamedTemporaryFile(dir=blobs.folder, prefix=NEW, delete=False)  # noqa: SIM115
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Add bytes. Blocks."""
        self._digest.update(chunk)
        self.size += len(chunk)
        self._file.write(chunk)

    @property
    def blob(self) -> tuple[str, int]:
        """The SHA-256 in hex and the number of bytes so far."""
        return self._digest.hexdigest(), self.size

    def finish(self, *, sync: bool = True) -> None:
        """End writing; without `sync` a power cut may still lose the bytes. Blocks."""
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())
        self._file.close()

    def place(self) -> None:
        """Move the finished bytes to where blobs lie."""
        place = self._blobs.path(self.blob[0])
        place.parent.mkdir(mode=0o700, exist_ok=True)
        Path(self._file.name).replace(place)

    def discard(self) -> None:
        """Remove what was not placed. Idempotent."""
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)


class Blobs:
    """A folder of blobs named by their SHA-256.

    Parameters
    ----------
    folder:
        Made with mode 0700 where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def receive(self, chunks: Iterable[bytes]) -> Incoming:
        """Bytes that are written and finished, not placed. Blocks."""
        incoming = Incoming(self)
        try:
            for chunk in chunks:
                incoming.write(chunk)
            incoming.finish()
        except BaseException:
            incoming.discard()
            raise
        return incoming

    def put(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Store bytes; returns their SHA-256 in hex and their number. Blocks."""
        incoming = self.receive(chunks)
        try:
            incoming.place()
            return incoming.blob
        finally:
            incoming.discard()

    def path(self, sha256: str) -> Path:
        """Where the blob lies."""
        return self.folder / sha256[:2] / sha256

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading; raises FileNotFoundError."""
        return self.path(sha256).open("rb")

    def delete(self, sha256: str) -> None:
        """Remove a blob nobody refers to. Idempotent."""
        self.path(sha256).unlink(missing_ok=True)

    def note(self, sha256: str) -> None:
        """Remember that somebody must see whether this blob is still wanted."""
        (self.folder / f"{NOTE}{sha256}").touch(mode=0o600)

    def settled(self, sha256: str) -> None:
        """Forget the note. Idempotent."""
        (self.folder / f"{NOTE}{sha256}").unlink(missing_ok=True)

    def noted(self, age: float) -> list[str]:
        """The blobs with a note that is older than `age` seconds."""
        return [path.name.removeprefix(NOTE) for path in self._older(NOTE, age)]

    def drop_unfinished(self, age: float) -> int:
        """Remove what nobody has written to for `age` seconds; how many there were."""
        unfinished = list(self._older(NEW, age))
        for path in unfinished:
            path.unlink(missing_ok=True)
        return len(unfinished)

    def _older(self, prefix: str, age: float) -> Iterator[Path]:
        for path in list(self.folder.glob(f"{prefix}*")):
            try:
                if time.time() - path.stat().st_mtime >= age:
                    yield path
            except FileNotFoundError:
                continue
