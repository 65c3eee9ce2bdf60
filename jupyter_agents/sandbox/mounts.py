"""Where a session's files get to in a container, before it starts and while it runs.

Below ``/mnt/session/uploads`` and ``/workspace`` a file is a read-only copy on the host's side of
the bind. Anywhere else it is bound before the start, and put there by the engine afterwards,
root-owned and read-only.

Source: docs/decisions.md (sandbox and network).
"""

from __future__ import annotations

import io
import os
import posixpath
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from docker import DockerClient
from docker.errors import NotFound

from ..errors import SandboxError
from .base import Mount, SandboxSpec
from .container import on_tmpfs
from .options import OUTPUTS, UPLOADS, WORKSPACE
from .workspace import make_folder, place_file


def lay_out(spec: SandboxSpec) -> list[Mount]:
    """Prepare the host's side of `spec`; what is left to bind. Blocks.

    Raises `SandboxError` when a target is no absolute path, or a link is in the way.
    """
    spec.uploads.mkdir(parents=True, exist_ok=True)
    os.close(make_folder(spec.workspace, "outputs"))
    return [mount for mount in spec.mounts if not _place(spec, mount, replace=False)]


def add_file(client: DockerClient, container: str, spec: SandboxSpec, mount: Mount) -> None:
    """Make `mount` readable in the running `container`. Blocks.

    Raises `SandboxError` for a target in a directory that lives in memory, and the ``docker``
    package's errors.
    """
    if _place(spec, mount, replace=True):
        return
    if on_tmpfs(mount.target):
        raise SandboxError(
            f"{mount.target} lies in a directory that takes no files while the sandbox runs; "
            "use a path elsewhere, such as below /workspace."
        )
    put_file(client, container, mount)


def put_file(client: DockerClient, container: str, mount: Mount) -> None:
    """Put a read-only copy, root's own, into `container`. Blocks; raises the ``docker`` package's errors."""
    folder, name = posixpath.split(mount.target)
    there = _nearest(client, container, folder)
    with tempfile.TemporaryFile() as archive:
        _write_tar(archive, mount.source, posixpath.relpath(folder, there), name)
        archive.seek(0)
        client.api.put_archive(container, there, archive)


def _place(spec: SandboxSpec, mount: Mount, *, replace: bool) -> bool:
    target = mount.target
    parts = target.split("/")
    if parts[0] or not parts[1:] or any(part in ("", ".", "..") or "\0" in part for part in parts[1:]):
        raise SandboxError(f"{target!r} is not an absolute path of a file.")
    for base, root, below in (
        (UPLOADS, spec.uploads, ""),
        (OUTPUTS, spec.workspace, "outputs/"),
        (WORKSPACE, spec.workspace, ""),
    ):
        if target.startswith(f"{base}/"):
            relpath = below + target.removeprefix(f"{base}/")
            place_file(root, relpath, mount.source, replace=replace)
            return True
    return False


def _nearest(client: DockerClient, container: str, folder: str) -> str:
    while folder != "/":
        try:
            stream, _ = client.api.get_archive(container, folder)
        except NotFound:
            folder = posixpath.dirname(folder)
        else:
            del stream
            return folder
    return folder


def _write_tar(archive: IO[bytes], source: Path, folder: str, name: str) -> None:
    now = int(time.time())
    with tarfile.open(fileobj=archive, mode="w") as tar, source.open("rb") as file:
        for path in _folders(folder):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, now
            tar.addfile(entry)
        entry = tarfile.TarInfo(posixpath.normpath(posixpath.join(folder, name)))
        entry.size = file.seek(0, io.SEEK_END)
        entry.mode, entry.mtime = 0o444, now
        file.seek(0)
        tar.addfile(entry, file)


def _folders(folder: str) -> Iterator[str]:
    parts = [] if folder == "." else folder.split("/")
    for count in range(1, len(parts) + 1):
        yield "/".join(parts[:count])
