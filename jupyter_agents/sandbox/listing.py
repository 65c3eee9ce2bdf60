"""The regular files of a workspace, found by one bounded walk over descriptors.

Trust model: as in `workspace`. No link is followed, nothing is opened but directories, and depth,
entries and files are capped, so that no tree an agent makes can hold the host up.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from jupyter_agents.errors import SandboxError

from .workspace import open_directory

IGNORED = frozenset({".git", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints", ".mypy_cache"})
FILES = 10_000
DEPTH = 64
ENTRIES = 200_000


class Stamp(NamedTuple):
    """What tells two states of a file apart. size: bytes; the times are in nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: int


@dataclass
class Listing:
    """What a walk found. complete: whether it came to an end below its caps."""

    files: dict[str, Stamp] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    complete: bool = True
    unnamed: int = 0
    """Entries whose names are not UTF-8; they are passed over."""


def list_files(
    root: int,
    under: str = "",
    *,
    ignored: Collection[str] = IGNORED,
    entering: Callable[[str, int], None] | None = None,
    most: int | None = None,
) -> Listing:
    """Walk `root`, a descriptor, from its subdirectory `under`.

    Parameters
    ----------
    ignored:
        Names of directories that are not entered.
    entering:
        Called with each directory's path and descriptor before its entries are read.
    most:
        Files that are listed, `FILES` by default.
    """
    listing, waiting, entries = Listing(), [under], 0
    cap = FILES if most is None else most
    while waiting and entries < ENTRIES:
        folder = waiting.pop()
        try:
            descriptor = open_directory(root, folder)
        except (OSError, SandboxError):
            continue
        try:
            if entering is not None:
                entering(folder, descriptor)
            listing.folders.add(folder)
            entries += _read_folder(descriptor, folder, ignored, listing, waiting, cap)
        finally:
            os.close(descriptor)
    listing.complete = listing.complete and not waiting
    return listing


def stamp(root: int, path: str) -> Stamp | None:
    """The state of the regular file `path` below `root`, a descriptor; `None` if it is none."""
    folder, _, name = path.rpartition("/")
    try:
        descriptor = open_directory(root, folder)
    except (OSError, SandboxError):
        return None
    try:
        return _stamp(os.stat(name, dir_fd=descriptor, follow_symlinks=False))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def is_utf8(name: str) -> bool:
    """Whether `name`, as the system gave it, can be written down as text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_folder(
    descriptor: int, folder: str, ignored: Collection[str], listing: Listing, waiting: list[str], most: int
) -> int:
    entries = 0
    with os.scandir(descriptor) as found:
        for entry in found:
            entries += 1
            if entries > ENTRIES:
                listing.complete = False
                break
            if not is_utf8(entry.name):
                listing.unnamed += 1
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in ignored and path.count("/") < DEPTH:
                    waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                if len(listing.files) >= most:
                    listing.complete = False
                    break
                try:
                    found_stamp = _stamp(entry.stat(follow_symlinks=False))
                except OSError:
                    continue
                if found_stamp is not None:
                    listing.files[path] = found_stamp
    return entries


def _stamp(found: os.stat_result) -> Stamp | None:
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
