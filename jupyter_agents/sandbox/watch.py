"""What the kernel says has changed below a workspace: inotify, recursive, without a thread.

The kernel queues an event before the call that caused it returns, so reading the queue after a tool
call gives everything that the call did, with no waiting and no debouncing. ``inotify_simple`` is
the thinnest kept wrapper of the system calls (no thread, no dependency, BSD licence); larger ones
add debouncing or an event loop that is not wanted here.

Source: ``inotify(7)``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
from collections.abc import Collection
from dataclasses import dataclass, field

if sys.platform == "linux":
    from inotify_simple import INotify, flags

WATCHES = 4096


@dataclass
class Seen:
    """What a `Watch.read` found.

    files: paths, and whether their contents were written to. folders: directories that came, went
    or moved. lost: events are missing; only a full scan tells.
    """

    files: dict[str, bool] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    lost: bool = False


class Watch:
    """Follows the directories that it is given, by paths relative to the workspace.

    Raises OSError where the system has no inotify or no instance left.
    """

    def __init__(self, ignored: Collection[str]) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._ignored = ignored
        self._inotify = INotify(nonblocking=True)
        self._poll = select.poll()
        self._poll.register(self._inotify.fileno(), select.POLLIN)
        self._paths: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        self._mask = (
            flags.CREATE
            | flags.MODIFY
            | flags.ATTRIB
            | flags.CLOSE_WRITE
            | flags.DELETE
            | flags.MOVED_FROM
            | flags.MOVED_TO
            | flags.DELETE_SELF
            | flags.ONLYDIR
            | flags.EXCL_UNLINK
        )

    @property
    def pending(self) -> bool:
        """Whether something has happened since the last `read`."""
        return bool(self._poll.poll(0))

    def add(self, path: str, descriptor: int) -> None:
        """Follow the directory `path`, open as `descriptor`. Raises OSError at a limit."""
        if len(self._ids) >= WATCHES and path not in self._ids:
            raise OSError(errno.ENOSPC, "too many directories")
        number = self._inotify.add_watch(f"/proc/self/fd/{descriptor}", self._mask)
        before = self._paths.get(number)
        if before is not None and before != path:
            self._ids.pop(before, None)
        self._paths[number] = path
        self._ids[path] = number

    def forget(self, path: str) -> None:
        """Stop following `path` and everything below it."""
        self._drop([known for known in self._ids if known == path or below(known, path)])

    def keep(self, paths: Collection[str]) -> None:
        """Stop following everything that is not in `paths`."""
        self._drop([known for known in self._ids if known not in paths])

    def read(self) -> Seen:
        """Everything that has happened since the last `read`, without waiting."""
        seen = Seen()
        for number, mask, _, name in self._inotify.read(timeout=0):
            if mask & flags.Q_OVERFLOW:
                seen.lost = True
            folder = self._paths.get(number)
            if folder is None:
                continue
            if mask & (flags.DELETE_SELF | flags.UNMOUNT | flags.IGNORED):
                seen.lost = seen.lost or folder == ""
                del self._paths[number]
                self._ids.pop(folder, None)
                continue
            path = f"{folder}/{name}" if folder else name
            if not mask & flags.ISDIR:
                seen.files[path] = seen.files.get(path, False) or bool(mask & flags.MODIFY)
            elif name not in self._ignored:
                seen.folders.add(path)
        return seen

    def close(self) -> None:
        """Give the instance back to the system."""
        self._inotify.close()

    def _drop(self, paths: list[str]) -> None:
        for path in paths:
            number = self._ids.pop(path)
            self._paths.pop(number, None)
            with contextlib.suppress(OSError):
                self._inotify.rm_watch(number)


def below(path: str, folder: str) -> bool:
    """Whether `path` lies somewhere below `folder` (``""`` is the workspace itself)."""
    return not folder or path.startswith(f"{folder}/")
