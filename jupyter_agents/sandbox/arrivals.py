"""Files that come out of a sandbox, written to the workspace: through no link, each as a whole.

The functions block.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from jupyter_agents.errors import SandboxError

from .inside import Seen
from .listing import Stamp, stamp
from .workspace import make_folder, open_directory

LATEST = 2**62


class Arrivals:
    """The workspace `root`, which files arrive in piece by piece, one after the other."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = ""
        self._temporary = ""
        self._folder = -1
        self._file = -1

    def take(self, path: str, offset: int, piece: bytes, seen: Seen) -> Stamp | None:
        """Add a piece; with the last one the file gets to its place, and its state is returned.

        Raises `SandboxError` where a link or a folder is in the way.
        """
        try:
            if offset == 0:
                self._begin(path)
            if path != self._path:
                return None
            written = memoryview(piece)
            while written:
                written = written[os.write(self._file, written) :]
            if offset + len(piece) < seen.size:
                return None
            return self._finish(seen)
        except OSError as error:
            self.drop()
            raise SandboxError(f"{path!r} cannot be written: {error.strerror}.") from None
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Forget a file that is not whole."""
        if self._temporary:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._folder)
        for descriptor in (self._file, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._path, self._temporary, self._file, self._folder = "", "", -1, -1

    def _begin(self, path: str) -> None:
        self.drop()
        folder = path.rpartition("/")[0]
        self._folder, self._path, self._temporary = make_folder(self._root, folder), path, ""
        name = f".{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(name, flags, 0o600, dir_fd=self._folder)
        self._temporary = name

    def _finish(self, seen: Seen) -> Stamp | None:
        owner = os.fstat(self._folder)
        if os.geteuid() == 0:
            os.fchown(self._file, owner.st_uid, owner.st_gid)
        os.fchmod(self._file, seen.mode)
        modified = max(0, min(seen.modified, LATEST))
        os.utime(self._file, ns=(modified, modified))
        name = self._path.rpartition("/")[2]
        os.replace(self._temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._temporary = ""
        now = os.fstat(self._file)
        self.drop()
        return Stamp(now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino)


def remove(root: Path, path: str, known: Stamp | None) -> bool:
    """Remove the file `path` if it is as `known`; whether it is gone."""
    directory = open_directory(root)
    try:
        now = stamp(directory, path)
        if now is not None and now != known:
            return False
        if now is not None:
            folder, _, name = path.rpartition("/")
            inner = open_directory(directory, folder)
            try:
                os.unlink(name, dir_fd=inner)
            finally:
                os.close(inner)
    except (OSError, SandboxError):
        return False
    finally:
        os.close(directory)
    return True


def make(root: Path, path: str) -> None:
    """Make the folder `path`, if nothing is in the way."""
    with contextlib.suppress(SandboxError, OSError):
        os.close(make_folder(root, path))


def remove_folder(root: Path, path: str) -> None:
    """Remove the folder `path`, if it is empty."""
    folder, _, name = path.rpartition("/")
    with contextlib.suppress(SandboxError, OSError):
        directory = open_directory(root, folder)
        try:
            if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                os.rmdir(name, dir_fd=directory)
        finally:
            os.close(directory)
