"""The notebook's folder as a sandbox shows it: read-only at ``/mnt/notebook``, hidden names covered.

The folder itself is bound, so that the agent sees files as they are saved. What has a hidden name
(``.env``, ``.git``), at any depth, and the places of other sessions are covered one by one; a folder
below with too much in it to be looked through is covered whole. Links are not followed: what they lead
to is in the sandbox only if it lies in the folder too.

A cover ends when its file is replaced on the host, so `Cover.changed` is asked before each call, and
a sandbox whose covers no longer fit is started anew.

The functions block; on the server's event loop call them in a thread.

Source: docs/sandboxes.md "The notebook's folder", ``mount_namespaces(7)``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NOTEBOOK = "/mnt/notebook"
MOST_ENTRIES = 200_000
MOST_OF_ONE = 20_000
MOST_COVERS = 200

TOO_MUCH = f"{NOTEBOOK} is not there: the notebook's folder has too many hidden files to cover."


@dataclass(frozen=True)
class Beside:
    """A notebook's folder on the host, and places below it that are never shown."""

    folder: Path
    away: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Cover:
    """What is covered, as paths relative to the folder.

    partly: folders that are covered because there is too much in them. seen: top-level hidden names,
    with inodes. inodes: each covered path's, None for what went meanwhile.
    """

    folder: Path
    directories: tuple[str, ...]
    files: tuple[str, ...]
    partly: tuple[str, ...]
    seen: frozenset[tuple[str, int]]
    inodes: frozenset[tuple[str, int | None]]

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that is covered."""
        return (*self.directories, *self.files)

    def changed(self) -> bool:
        """Whether a hidden file appeared or was replaced since, so that the covers no longer fit."""
        try:
            seen = _seen(self.folder)
        except OSError:
            return True
        now = frozenset((path, _inode(self.folder / path)) for path in self.paths)
        return seen != self.seen or now != self.inodes

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        if not self.partly:
            return ()
        names = ", ".join(self.partly[:5])
        return (f"{NOTEBOOK} does not show what is in {names}: too much to look through.",)


class TooMuch(Exception):
    """More is hidden, or there, than can be covered."""


def cover(beside: Beside) -> Cover:
    """Find what to cover. Raises `TooMuch` and OSError."""
    folder = beside.folder
    away = {os.path.relpath(path, folder) for path in beside.away if path.is_relative_to(folder)}
    seen = _seen(folder)
    found: list[tuple[str, bool]] = []
    partly: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            if _hidden(entry.name) or entry.name in away:
                found.append((entry.name, is_folder))
            elif is_folder:
                folders.append(entry.name)
    if len(found) > MOST_COVERS:
        raise TooMuch
    left = MOST_ENTRIES
    for name in folders:
        try:
            below, looked = _below(folder, name, away, min(left, MOST_OF_ONE))
        except (TooMuch, OSError):
            below, looked = [], MOST_OF_ONE
            partly.append(name)
        left -= looked
        if len(found) + len(below) > MOST_COVERS:
            below = []
            partly.append(name)
        found += [(name, True)] if name in partly else below
    if len(found) > 2 * MOST_COVERS:
        raise TooMuch
    return Cover(
        folder,
        tuple(path for path, is_folder in found if is_folder),
        tuple(path for path, is_folder in found if not is_folder),
        tuple(partly),
        seen,
        frozenset((path, _inode(folder / path)) for path, _ in found),
    )


def _below(folder: Path, top: str, away: set[str], most: int) -> tuple[list[tuple[str, bool]], int]:
    """What to cover below `top`, each with whether it is a folder; and how many entries were looked at."""
    found: list[tuple[str, bool]] = []
    ahead, looked = [top], 0
    while ahead:
        here = ahead.pop()
        with os.scandir(folder / here) as entries:
            for entry in entries:
                looked += 1
                if looked > most:
                    raise TooMuch
                if entry.is_symlink():
                    continue
                path = f"{here}/{entry.name}"
                is_folder = entry.is_dir(follow_symlinks=False)
                if _hidden(entry.name) or path in away:
                    found.append((path, is_folder))
                elif is_folder:
                    ahead.append(path)
    return found, looked


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except OSError:
        return None


def _seen(folder: Path) -> frozenset[tuple[str, int]]:
    with os.scandir(folder) as entries:
        return frozenset((entry.name, entry.inode()) for entry in entries if _hidden(entry.name))


def _hidden(name: str) -> bool:
    return name.startswith(".")


def folder_of(root: Path, notebook: str, keep_out: Path) -> Path | None:
    """The folder of a session's notebook, or None where it is not one to show.

    Parameters
    ----------
    root:
        The server's root directory; the folder is it, or lies below it, through no hidden name.
    notebook:
        The notebook's path, absolute or relative to `root`; or its folder's.
    keep_out:
        The server's data directory, which the folder may not lie in.
    """
    if "\0" in notebook:
        return None
    root = root.resolve()
    place = root / notebook
    try:
        folder = (place if place.is_dir() else place.parent).resolve()
    except OSError:
        return None
    if not folder.is_dir() or not folder.is_relative_to(root) or folder == Path("/"):
        return None
    hidden = any(_hidden(part) for part in folder.relative_to(root).parts)
    return None if hidden or folder.is_relative_to(keep_out.resolve()) else folder
