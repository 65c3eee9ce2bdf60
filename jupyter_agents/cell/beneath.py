"""Read a file of an agent's folder, and only one that lies there.

The agent can replace any part of a path by a link at any time. So each part is opened by itself, from
the folder before it, and a link is refused wherever it stands.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath


def read(folder: Path, path: str, limit: int) -> bytes:
    """The first `limit` bytes of the regular file `path`, which is relative to `folder`.

    Raises
    ------
    OSError
        There is no such file, it is no regular file, or a part of its path is a link or leads out.
    """
    parts = PurePosixPath(path).parts
    if not parts or any(part in ("..", "/") for part in parts):
        raise PermissionError(f"{path!r} leads out of its folder")
    descriptor = _open(folder, parts)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PermissionError(f"{path!r} is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit)


def _open(folder: Path, parts: tuple[str, ...]) -> int:
    if os.open not in os.supports_dir_fd:
        place = folder.joinpath(*parts)
        if place.resolve() != folder.resolve().joinpath(*parts):
            raise PermissionError(f"{place} is a link")
        return os.open(place, os.O_RDONLY)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        try:
            after = os.open(part, flags if last else flags | os.O_DIRECTORY, dir_fd=here)
        finally:
            os.close(here)
        here = after
    return here
