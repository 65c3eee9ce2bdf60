"""A workspace as a compressed tar archive, and back.

Trust model. A workspace is an agent's, and an archive may be anybody's. Packing reads as
`workspace` does: regular files below the folder, through no link. Unpacking makes regular files and folders
in a folder that did not exist, nothing else, and holds no more in memory than a piece of a file.

The functions block.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import stat
import tarfile
from pathlib import Path

from jupyter_agents.errors import LimitExceeded, SandboxError

from . import listing
from .workspace import FILE_BYTES, MIB, make_workspace, open_beneath, open_directory

SUFFIX = ".tar.gz"
TOTAL_BYTES = 5 * 1024 * MIB
LARGEST_READ = 16 * MIB
MOST_PATH = 4096


def pack(workspace: Path, target: Path) -> int:
    """Write the files and folders of `workspace` to `target`, in one piece; returns its size in bytes.

    Links, FIFOs, sockets and devices are left out. Raises `LimitExceeded` above 10,000 files, 500 MiB in one
    or 5 GiB in all, `SandboxError` where a file changes meanwhile, FileNotFoundError for no workspace.
    """
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}.new")
    root = open_directory(workspace)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar,
        ):
            _add_all(tar, root)
        size = temporary.stat().st_size
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(root)
    return size


def unpack(archive: Path, root: Path, workspace: Path, *, uid: int | None = None) -> int:
    """Make the folder `workspace` below `root` from an archive; returns the number of its files.

    uid: who it is made over to where this process is root. Raises `SandboxError` for a folder that is
    there already, and for an archive that holds anything but files and folders or leads out of the folder,
    `LimitExceeded` as `pack`. Nothing is left then.
    """
    if os.path.lexists(workspace):
        raise SandboxError(f"{workspace} is there already. Move it away, or name another root folder.")
    make_workspace(root, workspace, uid=uid)
    try:
        files = _extract(archive, workspace)
        if uid is not None and os.geteuid() == 0:
            _make_over(workspace, uid)
    except BaseException as error:
        shutil.rmtree(workspace, ignore_errors=True)
        if isinstance(error, OSError | EOFError | tarfile.TarError):
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise SandboxError(f"{archive} cannot be unpacked: {said}.") from None
        raise
    return files


def remove(workspace: Path) -> None:
    """Delete a workspace's folder, following no link."""
    if not workspace.is_symlink():
        shutil.rmtree(workspace, ignore_errors=True)


def _add_all(tar: tarfile.TarFile, root: int) -> None:
    found = listing.list_files(root, ignored=frozenset())
    if not found.complete:
        raise LimitExceeded(f"The workspace has more than {listing.FILES:,} files, or is too deep.")
    if sum(one.size for one in found.files.values()) > TOTAL_BYTES:
        raise LimitExceeded(f"The workspace is larger than {TOTAL_BYTES // (1024 * MIB)} GiB.")
    for folder in sorted(found.folders - {""}):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(entry)
    for path in sorted(found.files):
        with contextlib.suppress(FileNotFoundError):
            _add(tar, root, path)


def _add(tar: tarfile.TarFile, root: int, path: str) -> None:
    with os.fdopen(open_beneath(root, path), "rb") as file:
        status = os.fstat(file.fileno())
        _check_size(path, status.st_size)
        entry = tarfile.TarInfo(path)
        entry.size, entry.mtime = status.st_size, int(status.st_mtime)
        entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        try:
            tar.addfile(entry, file)
        except OSError as error:
            raise SandboxError(f"{path!r} changed while it was packed ({error}). Try again.") from None


def _extract(archive: Path, workspace: Path) -> int:
    files = entries = total = 0
    with _Bounded(archive, "rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            entries += 1
            files += member.isreg()
            total += member.size
            if files > listing.FILES or entries > listing.ENTRIES or total > TOTAL_BYTES:
                raise LimitExceeded(
                    f"{archive} holds more than {listing.FILES:,} files or {TOTAL_BYTES // (1024 * MIB)} GiB."
                )
            _check_size(member.name, member.size)
            _check_member(member)
            tar.extract(member, workspace, filter="data")
    return files


def _check_size(path: str, size: int) -> None:
    if size > FILE_BYTES:
        raise LimitExceeded(f"{path[:200]!r} is larger than {FILE_BYTES // MIB} MiB.")


def _check_member(member: tarfile.TarInfo) -> None:
    name = member.name
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or len(name) > MOST_PATH or len(parts) > listing.DEPTH:
        raise SandboxError(f"{name[:200]!r} leads out of the workspace, or is too long.")
    if member.issparse() or not (member.isreg() or member.isdir()):
        raise SandboxError(f"{name[:200]!r} is neither a file nor a folder.")


def _make_over(top: Path, uid: int) -> None:
    for directory, folders, files in os.walk(top):
        for name in (*folders, *files):
            os.lchown(os.path.join(directory, name), uid, uid)


class _Bounded(gzip.GzipFile):
    """Refuses the huge reads of a header that claims to be gigabytes long."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= LARGEST_READ:
            raise SandboxError("The archive has a header that is far too long.")
        return super().read(size)
