"""A session's workspace folder, and reading what an agent left in it.

Trust model. The agent owns every name below the workspace and changes them while the host looks: a
path may turn into a symlink to ``/etc``, a FIFO, a device or a sparse file of a terabyte. So the
host walks one component at a time from a descriptor of the workspace, follows no link, opens
nothing but regular files, never waits in an open, and reads a bounded number of bytes.

The functions block; on the server's event loop call them in a thread.

Source: docs/decisions.md (workspace folder), ``openat(2)``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from jupyter_agents.errors import LimitExceeded, SandboxError

FOLDER = "agents"
OUTPUTS = "outputs"
MIB = 1024**2
FILE_BYTES = 500 * MIB

_SLUG_LENGTH = 40
_CHUNK = 1 * MIB
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def slug(title: str) -> str:
    """`title` as part of a folder's name: lower-case ASCII words joined by ``-``, or ``agent``."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_SLUG_LENGTH].strip("-") or "agent"


def workspace_path(root: Path, notebook_dir: Path | None, title: str, session_id: str) -> Path:
    """Where a session's workspace lies: ``agents/<slug>-<last 6 of the id>`` beside the notebook.

    Parameters
    ----------
    root:
        The server's root directory.
    notebook_dir:
        The folder of the notebook; `None`, or one outside of `root`, means `root` itself.
    title:
        The session's title, or the agent's name.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]{6,100}", session_id):
        raise ValueError("the session id is not one of ours")
    root = root.resolve()
    beside = root if notebook_dir is None else Path(os.path.abspath(root / notebook_dir))
    base = beside if beside.is_relative_to(root) else root
    return base / FOLDER / f"{slug(title)}-{session_id[-6:]}"


def make_workspace(root: Path, path: Path, *, uid: int | None = None) -> Path:
    """Make the workspace `path` with its ``outputs/``; one that is there already is kept.

    Parameters
    ----------
    root:
        The server's root directory, which exists.
    path:
        As `workspace_path` gave it.
    uid:
        Who the workspace is made over to when the server runs as root.

    Raises
    ------
    SandboxError
        `path` is not below `root`, or something in the way is a symlink or no directory.
    """
    root = root.resolve()
    if not path.is_relative_to(root) or path == root:
        raise SandboxError(f"The workspace {path} is not below {root}.")
    owner = uid if uid is not None and os.geteuid() == 0 else None
    parts = [*_parts(path.relative_to(root).as_posix()), OUTPUTS]
    descriptor = os.open(root, _DIRECTORY)
    try:
        for depth, name in enumerate(parts):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=descriptor)
            inner = _enter(descriptor, name, path)
            os.close(descriptor)
            descriptor = inner
            if owner is not None and depth >= len(parts) - 2:
                os.fchown(descriptor, owner, owner)
    except OSError as error:
        raise SandboxError(f"The workspace {path} cannot be made: {error.strerror}.") from None
    finally:
        os.close(descriptor)
    return path


def open_directory(root: Path | int, relpath: str = "") -> int:
    """A descriptor of the directory `relpath` below `root`, reached through no link.

    root: a path, or a descriptor (left open). Raises `SandboxError`, or FileNotFoundError.
    """
    try:
        descriptor = os.open(root, _DIRECTORY) if isinstance(root, Path) else os.dup(root)
    except OSError as error:
        raise _refusal(relpath, error) from None
    try:
        for name in _parts(relpath):
            inner = _enter(descriptor, name, relpath)
            os.close(descriptor)
            descriptor = inner
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_beneath(root: Path | int, relpath: str) -> int:
    """A descriptor, open for reading, of the regular file `relpath` below `root`.

    The caller closes it. Raises `SandboxError` for everything else, FileNotFoundError for nothing.
    """
    if not relpath:
        raise SandboxError("The path of a file is empty.")
    *folders, name = _parts(relpath)
    directory = open_directory(root, "/".join(folders))
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise SandboxError(f"{relpath!r} is {_kind(found.st_mode)}, not a regular file.")
        descriptor = os.open(name, _FILE, dir_fd=directory)
    except OSError as error:
        raise _refusal(relpath, error) from None
    finally:
        os.close(directory)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SandboxError(f"{relpath!r} changed while it was opened.")
    return descriptor


def read_file(root: Path | int, relpath: str, *, limit: int = FILE_BYTES) -> bytes:
    """The bytes of one file; raises as `open_beneath`, and `LimitExceeded` above `limit` bytes."""
    return b"".join(_chunks(root, relpath, limit))


def copy_out(root: Path | int, relpath: str, target: Path, *, limit: int = FILE_BYTES) -> int:
    """Copy one file to `target`, a path that only the host writes to, all of it or nothing.

    The copy belongs to the server and has mode 0600. Returns its size in bytes; raises as
    `read_file`.
    """
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in _chunks(root, relpath, limit):
                file.write(chunk)
            size = file.tell()
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return size


def make_folder(root: Path, relpath: str) -> int:
    """Make the directory `relpath` below `root`, for whom `root` belongs to; its descriptor.

    The caller closes it. Raises `SandboxError` when a link or a file is in the way.
    """
    directory = open_directory(root)
    owner = os.fstat(directory)
    try:
        for name in _parts(relpath):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=directory)
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=directory, follow_symlinks=False)
            inner = _enter(directory, name, relpath)
            os.close(directory)
            directory = inner
    except BaseException as error:
        os.close(directory)
        if isinstance(error, OSError):
            raise SandboxError(f"{relpath!r} cannot be made: {error.strerror}.") from None
        raise
    return directory


def place_file(root: Path, relpath: str, source: Path, *, replace: bool) -> None:
    """Put a read-only copy of the host's own file `source` at `relpath` below `root`.

    Missing folders are made. replace: whether what is there already is replaced, or kept. Raises
    `SandboxError` when a link or a file is in the way of a folder.
    """
    folder, _, name = relpath.rpartition("/")
    _parts(name or "/")
    directory = make_folder(root, folder)
    temporary = f".{secrets.token_hex(8)}"
    try:
        if not replace and _is_there(directory, name):
            return
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400, dir_fd=directory)
        with os.fdopen(handle, "wb") as copy, source.open("rb") as original:
            shutil.copyfileobj(original, copy, _CHUNK)
            os.fchmod(copy.fileno(), 0o444)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise SandboxError(f"{relpath!r} cannot be put there: {error.strerror}.") from None
    finally:
        os.close(directory)


def remove_copy(root: Path, relpath: str, source: Path) -> bool:
    """Remove `relpath` below `root` if it is a file with the bytes of `source`; whether it was."""
    folder, _, name = relpath.rpartition("/")
    try:
        directory = open_directory(root, folder)
    except (OSError, SandboxError):
        return False
    try:
        with os.fdopen(open_beneath(directory, name), "rb") as copy, source.open("rb") as original:
            if os.fstat(copy.fileno()).st_size != os.fstat(original.fileno()).st_size:
                return False
            while chunk := original.read(_CHUNK):
                if copy.read(_CHUNK) != chunk:
                    return False
        os.unlink(name, dir_fd=directory)
    except (OSError, SandboxError):
        return False
    finally:
        os.close(directory)
    return True


def _chunks(root: Path | int, relpath: str, limit: int) -> Iterator[bytes]:
    with os.fdopen(open_beneath(root, relpath), "rb", buffering=0) as file:
        left = limit - os.fstat(file.fileno()).st_size
        total = 0
        while left >= 0 and (chunk := file.read(_CHUNK)):
            total += len(chunk)
            left = min(left, limit - total)
            if left >= 0:
                yield chunk
        if left < 0:
            raise LimitExceeded(f"{relpath!r} is larger than {limit / MIB:g} MiB.")


def _parts(relpath: str) -> list[str]:
    parts = relpath.split("/") if relpath else []
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise SandboxError(f"{relpath!r} is not a path inside the workspace.")
    return parts


def _enter(directory: int, name: str, what: str | Path) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError as error:
        raise _refusal(str(what), error) from None


def _is_there(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _refusal(relpath: str, error: OSError) -> Exception:
    if error.errno == errno.ENOENT:
        return FileNotFoundError(errno.ENOENT, "There is no such file", relpath)
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return SandboxError(f"{relpath!r} leads through a symlink or a file, not a directory.")
    return SandboxError(f"{relpath!r} cannot be read: {error.strerror}.")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symlink", stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO"}
    return kinds.get(stat.S_IFMT(mode), "a socket or a device")
