"""Reading a file's version, and putting one back, below a workspace that an agent owns.

Trust model: as in `workspace`. A file is put back by a rename beneath an opened directory, after one more
look that it is still what it was: what somebody wrote in between is not overwritten.

The functions block. Source: ``openat(2)``, docs/files.md "Undo".
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from jupyter_agents.errors import SandboxError

from .listing import Stamp
from .workspace import MIB, make_folder, open_beneath, open_directory

TEMPORARY = ".jupyter-agents-undo-"


class Seen(NamedTuple):
    """A regular file as it was read. sha256: hex, None where it was larger than the limit."""

    sha256: str | None
    size: int
    mode: int
    stamp: Stamp


class Changed(SandboxError):
    """The path is no longer what it was looked at as."""


def see(root: Path | int, path: str, limit: int, sink: Callable[[bytes], object] | None = None) -> Seen:
    """Read the file `path` below `root`.

    Parameters
    ----------
    limit:
        Bytes; a larger file is not read.
    sink:
        Given the bytes, for a copy. What it got of a file that proves larger than `limit` is no file.

    Raises
    ------
    FileNotFoundError, SandboxError
        As `workspace.open_beneath`.
    """
    with os.fdopen(open_beneath(root, path), "rb", buffering=0) as file:
        found = os.fstat(file.fileno())
        digest, size = hashlib.sha256(), 0
        whole = found.st_size <= limit
        while whole and (chunk := file.read(MIB)):
            size += len(chunk)
            whole = size <= limit
            digest.update(chunk)
            if sink is not None:
                sink(chunk)
        now = os.fstat(file.fileno())
    mode = stat.S_IMODE(found.st_mode) & 0o777
    return Seen(digest.hexdigest() if whole else None, size if whole else now.st_size, mode, _stamp(found))


def put(root: Path, path: str, content: BinaryIO, mode: int, over: Stamp | None) -> None:
    """Write the file `path` below `root`, whole or not at all.

    Parameters
    ----------
    mode:
        Permission bits.
    over:
        The file that is there now; None where nothing is.

    Raises
    ------
    Changed
        Something else is there.
    SandboxError
        A link or a file is in the way of a folder, or the disk refuses.
    """
    folder, _, name = path.rpartition("/")
    top, directory, temporary = open_directory(root), make_folder(root, folder), _temporary_name()
    try:
        owner = (
            os.fstat(directory) if over is None else os.stat(name, dir_fd=directory, follow_symlinks=False)
        )
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=top)
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(content, file, MIB)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        if over is None:
            os.link(temporary, name, src_dir_fd=top, dst_dir_fd=directory, follow_symlinks=False)
            os.unlink(temporary, dir_fd=top)
        else:
            _check(directory, name, path, over)
            os.replace(temporary, name, src_dir_fd=top, dst_dir_fd=directory)
    except (FileExistsError, FileNotFoundError):
        raise Changed(f"{path!r} changed meanwhile.") from None
    except OSError as error:
        raise SandboxError(f"{path!r} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=top)
        os.close(top)
        os.close(directory)


def take_away(root: Path, path: str, over: Stamp) -> None:
    """Remove the file `path` below `root`, which is `over`. Raises `Changed`, `SandboxError`."""
    folder, _, name = path.rpartition("/")
    directory = open_directory(root, folder)
    try:
        _check(directory, name, path, over)
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        raise Changed(f"{path!r} changed meanwhile.") from None
    except OSError as error:
        raise SandboxError(f"{path!r} cannot be removed: {error.strerror}.") from None
    finally:
        os.close(directory)


def clear(root: Path) -> None:
    """Remove what a `put` that was killed left."""
    try:
        top = open_directory(root)
    except (OSError, SandboxError):
        return
    try:
        for name in _left(top):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=top)
    finally:
        os.close(top)


def _left(top: int) -> Iterator[str]:
    with os.scandir(top) as found:
        yield from [entry.name for entry in found if entry.name.startswith(TEMPORARY)]


def _temporary_name() -> str:
    return f"{TEMPORARY}{secrets.token_hex(8)}"


def _check(directory: int, name: str, path: str, over: Stamp) -> None:
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode) or _stamp(found) != over:
        raise Changed(f"{path!r} changed meanwhile.")


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
