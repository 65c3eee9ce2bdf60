"""What a container is given whose engine cannot see this machine's files: by archives, before it starts.

The workspace belongs to the user of the tools; everything else is root's and read-only: the toolhost,
uploads, files at exact paths, the notebook's folder without its hidden names. What of these changes is
put there again by `Cargo.refresh`.

The methods block.

Source: docs/sandboxes.md "An engine on another machine", Docker Engine API, ``PUT /containers/{id}/archive``.
"""

from __future__ import annotations

import contextlib
import os
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from docker import DockerClient

from ..errors import SandboxError
from . import engine, listing
from .base import Mount, SandboxSpec
from .beside import NOTEBOOK, Cover
from .carriage import walk
from .container import TOOLHOST, on_tmpfs
from .listing import Listing, Stamp
from .mounts import put_file
from .options import OUTPUTS, UPLOADS, WORKSPACE
from .workspace import FILE_BYTES, MIB, open_beneath, open_directory

NOTEBOOK_BYTES = 256 * MIB
IN_MEMORY = 8 * MIB
REMOVED = 200

_REMOVE = """
import os, sys
for path in sys.argv[1:]:
    try:
        os.unlink(path)
    except OSError:
        pass
"""

BY_ARCHIVES = "The engine cannot see this machine's files: the workspace is carried over with each call."
NO_NETWORK = "There is no network: the engine is not on this machine, and the way out is."
PARTLY = (
    f"{NOTEBOOK} shows {listing.FILES:,} files and {NOTEBOOK_BYTES // MIB} MiB at most, the smallest first: "
    "the rest is too much to carry."
)
IN_THE_WAY = "{} cannot be put into a directory that lives in memory; use a path elsewhere."


class Cargo:
    """What one container carries.

    Parameters
    ----------
    user:
        ``(uid, gid)`` of the tools.
    toolhost:
        The zipapp on this machine.
    mounts:
        Files at exact paths, as `mounts.lay_out` left them.
    cover:
        What is not shown of the notebook's folder, which is carried where this is given.
    """

    def __init__(
        self,
        client: DockerClient,
        container: str,
        spec: SandboxSpec,
        *,
        user: tuple[int, int],
        toolhost: Path,
        mounts: Sequence[Mount] = (),
        cover: Cover | None = None,
    ) -> None:
        self._client = client
        self._container = container
        self._spec = spec
        self._user = user
        self._toolhost = toolhost
        self._mounts = mounts
        self._cover = cover
        self._known: dict[str, dict[str, Stamp]] = {UPLOADS: {}, NOTEBOOK: {}}
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, after `load`."""
        without = (NO_NETWORK,) if self._spec.network is not None else ()
        return (BY_ARCHIVES, *without, *self._notes)

    def load(self) -> Listing:
        """Put everything into the container, which was created and not started; what the workspace was then.

        Raises `SandboxUnavailable`.
        """
        found = walk(self._spec.workspace)
        with _archive() as tar:
            _add_folder(tar, WORKSPACE, self._user)
            for folder in sorted(found.folders - {""}):
                _add_folder(tar, f"{WORKSPACE}/{folder}", self._user)
            found.files = _add_tree(tar, self._spec.workspace, WORKSPACE, found.files, self._user)
            for folder in ("/mnt", "/mnt/session", UPLOADS):
                _add_folder(tar, folder)
            _add_link(tar, OUTPUTS, f"{WORKSPACE}/outputs")
            self._add_changed(tar)
            self._put(tar)
        for mount in (Mount(self._toolhost, TOOLHOST), *self._mounts):
            if on_tmpfs(mount.target):
                self._notes.append(IN_THE_WAY.format(mount.target))
            else:
                with engine.in_words():
                    put_file(self._client, self._container, mount)
        return found

    def refresh(self) -> None:
        """Put in what changed of the uploads and the notebook's folder, and take out what is gone."""
        with _archive() as tar:
            gone = self._add_changed(tar)
            if tar.offset:
                self._put(tar)
        for start in range(0, len(gone), REMOVED):
            command = ["python3", "-I", "-S", "-c", _REMOVE, *gone[start : start + REMOVED]]
            engine.run_as_root(self._client, self._container, command)

    def _add_changed(self, tar: tarfile.TarFile) -> list[str]:
        """Add what is new of the read-only folders; the paths inside of what is gone."""
        gone = self._add_new(tar, self._spec.uploads, UPLOADS, walk(self._spec.uploads).files)
        if self._cover is not None:
            gone += self._add_new(tar, self._cover.folder, NOTEBOOK, self._shown(self._cover))
        return gone

    def _add_new(
        self, tar: tarfile.TarFile, source: Path, target: str, files: Mapping[str, Stamp]
    ) -> list[str]:
        known = self._known[target]
        gone = [f"{target}/{path}" for path in known if path not in files]
        new = {path: state for path, state in files.items() if known.get(path) != state}
        added = _add_tree(tar, source, target, new)
        self._known[target] = {
            path: state for path, state in files.items() if path in added or path not in new
        }
        return gone

    def _shown(self, cover: Cover) -> dict[str, Stamp]:
        """The files of the notebook's folder that are carried, the smallest first."""
        covered = set(cover.paths)
        here = walk(cover.folder, _HiddenNames())
        found = {path: state for path, state in here.files.items() if not _is_covered(path, covered)}
        shown: dict[str, Stamp] = {}
        total = 0
        for path, state in sorted(found.items(), key=lambda item: (item[1].size, item[0])):
            total += state.size
            if total > NOTEBOOK_BYTES:
                break
            shown[path] = state
        partly = len(shown) < len(found) or not here.complete
        if partly and PARTLY not in self._notes:
            self._notes.append(PARTLY)
        return shown

    def _put(self, tar: tarfile.TarFile) -> None:
        tar.close()
        assert tar.fileobj is not None
        tar.fileobj.seek(0)
        with engine.in_words():
            self._client.api.put_archive(self._container, "/", tar.fileobj)


@contextlib.contextmanager
def _archive() -> Iterator[tarfile.TarFile]:
    with (
        tempfile.SpooledTemporaryFile(IN_MEMORY) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield tar


def _add_tree(
    tar: tarfile.TarFile,
    source: Path,
    target: str,
    files: Mapping[str, Stamp],
    user: tuple[int, int] | None = None,
) -> dict[str, Stamp]:
    """Add `files` below `source`; those that were added."""
    added = {}
    root = open_directory(source)
    try:
        folders: set[str] = set()
        for path, state in files.items():
            if state.size > FILE_BYTES:
                continue
            if user is None:
                _add_parents(tar, target, path, folders)
            with contextlib.suppress(SandboxError, OSError):
                with os.fdopen(open_beneath(root, path), "rb") as file:
                    _add_open(tar, f"{target}/{path}", file.fileno(), user)
                added[path] = state
    finally:
        os.close(root)
    return added


def _add_parents(tar: tarfile.TarFile, target: str, path: str, done: set[str]) -> None:
    parts = path.split("/")[:-1]
    for count in range(len(parts) + 1):
        folder = "/".join((target, *parts[:count]))
        if folder not in done:
            done.add(folder)
            _add_folder(tar, folder)


def _add_open(tar: tarfile.TarFile, target: str, descriptor: int, user: tuple[int, int] | None) -> None:
    """Add an open file, cut or filled up to the size that it has now."""
    status = os.fstat(descriptor)
    entry = tarfile.TarInfo(target.lstrip("/"))
    entry.size, entry.mtime = status.st_size, status.st_mtime_ns / 1e9
    entry.mode = 0o444 | status.st_mode & 0o111 if user is None else status.st_mode & 0o777
    entry.uid, entry.gid = user or (0, 0)
    tar.addfile(entry, _Exactly(descriptor, status.st_size))


def _add_folder(tar: tarfile.TarFile, target: str, user: tuple[int, int] | None = None) -> None:
    entry = tarfile.TarInfo(target.lstrip("/"))
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    entry.uid, entry.gid = user or (0, 0)
    tar.addfile(entry)


def _add_link(tar: tarfile.TarFile, target: str, leads_to: str) -> None:
    entry = tarfile.TarInfo(target.lstrip("/"))
    entry.type, entry.linkname = tarfile.SYMTYPE, leads_to
    tar.addfile(entry)


def _is_covered(path: str, covered: Collection[str]) -> bool:
    parts = path.split("/")
    if any(part.startswith(".") for part in parts):
        return True
    return any("/".join(parts[:count]) in covered for count in range(1, len(parts) + 1))


class _HiddenNames(frozenset[str]):
    """All names of folders that are not looked into."""

    def __contains__(self, name: object) -> bool:
        return str(name).startswith(".")


class _Exactly:
    """A file that has `size` bytes, whatever happens to it meanwhile."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._left = size

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = os.read(self._descriptor, wanted) if wanted else b""
        data += bytes(wanted - len(data))
        self._left -= len(data)
        return data
