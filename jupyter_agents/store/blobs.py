"""Content-addressed bytes on disk: uploads and outputs.

A blob is written beside its place, synced, then renamed: it is whole or not there.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO


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

    def put(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Store bytes; returns their SHA-256 in hex and their number. Blocks."""
        digest, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".new-", delete=False) as file:
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        place = self.path(digest.hexdigest())
        place.parent.mkdir(mode=0o700, exist_ok=True)
        Path(file.name).replace(place)
        return digest.hexdigest(), size

    def path(self, sha256: str) -> Path:
        """Where the blob lies."""
        return self.folder / sha256[:2] / sha256

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading; raises FileNotFoundError."""
        return self.path(sha256).open("rb")

    def delete(self, sha256: str) -> None:
        """Remove a blob nobody refers to. Idempotent."""
        self.path(sha256).unlink(missing_ok=True)
