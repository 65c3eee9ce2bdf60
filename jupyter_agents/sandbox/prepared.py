"""The folders of a sandbox that was started before its session was there, and how a session gets them.

A bind pins a folder, not a path. So a sandbox starts on empty folders in a hidden place, and when a
session takes it, they change places with the session's own, which are empty but for uploads. Uploads are
in both, as hard links, before that.

What a server leaves here when it is killed is removed by the next.

Source: docs/sandboxes.md "Warm pool". The functions block; call them in a thread.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from ..errors import SandboxError
from .base import SandboxSpec
from .exchange import exchange
from .mounts import lay_out
from .reaper import process_alive, process_owner
from .workspace import FOLDER, OUTPUTS, make_folder, make_workspace

HIDDEN = ".warm"
_OWNER = "owner"


@dataclass(frozen=True)
class Places:
    """Where prepared folders lie: on the file systems of the workspaces and of the uploads.

    root: the server's root directory. data: its data directory. Both resolved.
    """

    root: Path
    data: Path

    @property
    def hidden(self) -> tuple[Path, Path]:
        """The folders that hold those of every server."""
        return self.root / FOLDER / HIDDEN, self.data / HIDDEN

    def clear(self) -> None:
        """Remove what dead servers left. Never raises."""
        for hidden in self.hidden:
            with contextlib.suppress(OSError):
                for left in hidden.iterdir():
                    if not left.is_symlink() and not process_alive(_owner(left)):
                        shutil.rmtree(left, ignore_errors=True)
                hidden.rmdir()


class Stock:
    """The prepared folders of one server."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._name = secrets.token_hex(8)
        self._number = 0

    def open(self) -> None:
        """Make room, and remove what dead servers left. Raises OSError, `SandboxError`."""
        self._places.clear()
        os.close(make_folder(self._places.root, f"{FOLDER}/{HIDDEN}"))
        for hidden in self._places.hidden:
            hidden.mkdir(mode=0o755, parents=True, exist_ok=True)
            own = hidden / self._name
            own.mkdir(mode=0o755)
            (own / _OWNER).write_text(process_owner())

    def prepare(self, uid: int) -> Prepared:
        """New folders. Raises OSError, `SandboxError`."""
        self._number += 1
        workspaces, uploads = (hidden / self._name / str(self._number) for hidden in self._places.hidden)
        uploads.mkdir(mode=0o755)
        (uploads / "uploads").mkdir(mode=0o755)
        workspace = make_workspace(self._places.root, workspaces / "workspace", uid=uid)
        return Prepared(self._places, workspace, uploads / "uploads")

    def close(self) -> None:
        """Remove everything. Never raises."""
        for hidden in self._places.hidden:
            shutil.rmtree(hidden / self._name, ignore_errors=True)
            with contextlib.suppress(OSError):
                hidden.rmdir()
        with contextlib.suppress(OSError):
            (self._places.root / FOLDER).rmdir()


class Prepared:
    """The folders of one sandbox."""

    def __init__(self, places: Places, workspace: Path, uploads: Path) -> None:
        self.workspace = workspace
        self.uploads = uploads
        self._places = places
        self._made = _identity(workspace)

    def moves(self) -> Path:
        """Exchange the workspace with another folder and return where it is now; see `back`."""
        twin = self.workspace.with_name("twin")
        twin.mkdir()
        self._swap(twin)
        return twin

    def back(self, twin: Path) -> None:
        """Undo `moves`."""
        self._swap(twin)
        twin.rmdir()

    def hand_over(self, spec: SandboxSpec) -> bool:
        """Put these folders in the place of a session's; whether that was done.

        Where it was not, the session's are as they were, and these are of no use any more.
        """
        try:
            _link(spec.uploads, self.uploads)
            self._swap(spec.workspace)
        except (OSError, SandboxError, ValueError):
            return False
        if not self._fits(spec.workspace):
            self._swap(spec.workspace)
            return False
        try:
            uploads = spec.uploads.parent.resolve() / spec.uploads.name
            exchange(self.uploads, uploads, below=self._places.data)
        except (OSError, SandboxError, ValueError):
            self._swap(spec.workspace)
            return False
        _link(self.uploads, spec.uploads)
        lay_out(spec)
        return True

    def tidy(self, spec: SandboxSpec) -> None:
        """Remove the session's old folders after `hand_over`; links are in their place. Never raises.

        The engine still knows the container's folders by these names, and looks there when it is given a
        file for the container.
        """
        for old, new in ((self.workspace, spec.workspace), (self.uploads, spec.uploads)):
            shutil.rmtree(old, ignore_errors=True)
            with contextlib.suppress(OSError):
                old.symlink_to(new)

    def remove(self) -> None:
        """Remove what is left here; the session's folders stay. Never raises."""
        for folder in (self.workspace.parent, self.uploads.parent):
            shutil.rmtree(folder, ignore_errors=True)

    def _swap(self, other: Path) -> None:
        exchange(self.workspace, other, below=self._places.root)

    def _fits(self, taken: Path) -> bool:
        """Whether the folder that came is empty and like the one that went, which is the one of old."""
        return is_new(self.workspace) and _identity(taken) == self._made and _like(self.workspace, taken)


def is_new(workspace: Path) -> bool:
    """Whether a workspace holds nothing but its empty ``outputs/``."""
    try:
        if not stat.S_ISDIR(workspace.lstat().st_mode) or os.listdir(workspace) != [OUTPUTS]:
            return False
        outputs = workspace / OUTPUTS
        return stat.S_ISDIR(outputs.lstat().st_mode) and os.listdir(outputs) == []
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _like(one: Path, other: Path) -> bool:
    """Whether two folders have the same owner, mode and attributes."""
    first, second = one.lstat(), other.lstat()
    return (first.st_mode, first.st_uid, first.st_gid, os.listxattr(one, follow_symlinks=False)) == (
        *(second.st_mode, second.st_uid, second.st_gid),
        os.listxattr(other, follow_symlinks=False),
    )


def _link(source: Path, target: Path) -> None:
    """Let every file of `source` be in `target` too, where it is not yet."""
    for directory, folders, files in os.walk(source):
        here = target / os.path.relpath(directory, source)
        for name in folders:
            (here / name).mkdir(mode=0o755, exist_ok=True)
        for name in files:
            with contextlib.suppress(FileExistsError):
                os.link(os.path.join(directory, name), here / name, follow_symlinks=False)


def _owner(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return (folder / _OWNER).read_text()
    return ""
