"""Two folders change places in one step. Linux, on file systems that can.

Source: ``renameat2(2)``, ``RENAME_EXCHANGE``.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from .workspace import open_directory

_EXCHANGE = 2
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def exchange(one: Path, other: Path, *, below: Path) -> None:
    """Let two entries below the directory `below` change places; reached through no link.

    Raises OSError where that cannot be done, FileNotFoundError where one is not there, `SandboxError`
    for a link on the way.
    """
    with _parent(one, below) as first, _parent(other, below) as second:
        names = os.fsencode(one.name), os.fsencode(other.name)
        if _renameat2 is None:
            raise OSError(errno.ENOSYS, "This system cannot exchange folders")
        if _renameat2(first, names[0], second, names[1], _EXCHANGE):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def _parent(path: Path, below: Path) -> Iterator[int]:
    relative = path.parent.relative_to(below).as_posix()
    descriptor = open_directory(below, "" if relative == "." else relative)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
