"""A workspace in two places, on this machine and in a sandbox that cannot see it: kept the same.

What the user saves goes in before a call, what the agent writes arrives after it, and so it is with what
either removes. Where both changed a file, the user's stays and goes in next. Regular files and folders are
carried, links and devices are not.

Source: docs/sandboxes.md "An engine on another machine".
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from jupyter_agents.errors import SandboxError

from . import arrivals, listing
from .arrivals import Arrivals
from .base import Limits, ToolResult
from .counters import size_text
from .inside import PIECE, Head, Inside, Seen, read_list, read_pieces, read_seen
from .listing import Listing, Stamp
from .workspace import FILE_BYTES, MIB, open_beneath, open_directory

Ask = Callable[[dict[str, Any]], Awaitable[ToolResult]]
Piece = tuple[str, int, int]

TOGETHER = 8
CLEARED = 500
NAMED = 3


class Carriage:
    """Carries files between the workspace on this machine and the one inside.

    Parameters
    ----------
    workspace:
        The folder on this machine.
    ask:
        Puts a request to the toolhost; raises `SandboxUnavailable`.
    limits:
        ``disk`` bounds what arrives.
    """

    def __init__(self, workspace: Path, ask: Ask, limits: Limits) -> None:
        self._workspace = workspace
        self._ask = ask
        self._limits = limits
        self._arrivals = Arrivals(workspace)
        self._out: dict[str, Stamp] = {}
        self._in: dict[str, Seen] = {}
        self._folders_out: set[str] = set()
        self._folders_in: frozenset[str] = frozenset()
        self._digest = ""
        self._hits = (0, 0)
        self._used = 0
        self._told: set[str] = set()
        self._left_out: list[str] = []
        self._all_here = True

    async def begin(self, loaded: Listing) -> None:
        """Take what is inside for a copy of what was `loaded`."""
        head, inside = await self._list()
        if inside is not None:
            self._in = inside.files
            self._folders_in = inside.folders
        self._out = {path: one for path, one in loaded.files.items() if path in self._in}
        self._folders_out = loaded.folders - {""}
        self._hits = head.hits
        self._used = head.used

    async def bring(self) -> None:
        """Carry in what changed on this machine. Raises `SandboxUnavailable`."""
        found = await asyncio.to_thread(walk, self._workspace)
        before = dict(self._out)
        gone = [path for path in self._out if path not in found.files] if found.complete else []
        folders = found.folders - {""}
        left = sorted(self._folders_out - folders, key=len, reverse=True) if found.complete else []
        for start in range(0, len(gone) + len(left), CLEARED):
            await self._ask({"op": "clear", "paths": [*gone, *left][start : start + CLEARED]})
        for path in gone:
            del self._out[path]
            self._in.pop(path, None)
        for path in sorted(folders - self._folders_out):
            await self._ask(_put(path, None, 0))
        self._folders_out, self._all_here = folders, found.complete
        for path, state in found.files.items():
            if self._out.get(path) != state:
                if state.size > FILE_BYTES or not await self._put(path):
                    self._left_out.append(path)
                self._out[path] = state
        if self._out != before:
            self._used = (await self._list())[0].used

    async def fetch(self) -> tuple[list[str], str | None]:
        """Carry out what changed inside: what did not arrive, in sentences; and the limit that was hit.

        Raises `BadFrame` and `SandboxUnavailable`.
        """
        head, inside = await self._list()
        if inside is not None:
            await self._arrive(inside)
        self._digest = head.digest
        return self._say(inside is None or inside.complete), self._limit(head)

    async def overfull(self) -> bool:
        """Whether the workspace inside takes more than it may."""
        return (await self._list())[0].used > self._most()

    def _most(self) -> int:
        """Bytes that the workspace may take; one that was larger before the call may not grow."""
        return max(self._limits.disk, self._used)

    def _limit(self, head: Head) -> str | None:
        names = (
            f"out of memory ({size_text(self._limits.memory)})",
            f"too many processes ({self._limits.pids})",
        )
        hit = [name for name, now, before in zip(names, head.hits, self._hits, strict=True) if now > before]
        self._hits = head.hits
        if head.used > self._most():
            hit.append(f"out of disk space ({size_text(self._limits.disk)})")
        self._used = head.used
        return ", ".join(hit) or None

    async def _list(self) -> tuple[Head, Inside | None]:
        frame = {"op": "list", "known": self._digest, "files": listing.FILES, "depth": listing.DEPTH}
        answer = await self._ask(frame)
        return await asyncio.to_thread(read_list, answer)

    async def _arrive(self, inside: Inside) -> None:
        if inside.complete:
            gone = [path for path in self._in if path not in inside.files]
            left = sorted(self._folders_in - inside.folders, key=len, reverse=True)
            await asyncio.to_thread(self._remove, gone, left)
        new = sorted(inside.folders - self._folders_in)
        await asyncio.to_thread(self._make, new)
        self._folders_in = inside.folders
        self._folders_out |= inside.folders
        wanted = self._wanted(inside)
        for batch in _together(_pieces(wanted)):
            answer = await self._ask({"op": "fetch", "pieces": batch})
            pieces = await asyncio.to_thread(read_pieces, answer, [most for _, _, most in batch])
            await asyncio.to_thread(self._take, batch, pieces, inside)
        self._in = dict(inside.files)

    def _wanted(self, inside: Inside) -> dict[str, int]:
        """The files to fetch, with their sizes."""
        wanted, total = {}, 0
        for path, seen in sorted(inside.files.items()):
            total += seen.size if seen.size <= FILE_BYTES else 0
            if self._in.get(path) == seen:
                continue
            if seen.size > FILE_BYTES or total > self._most():
                self._left_out.append(path)
            else:
                wanted[path] = seen.size
        return wanted

    def _take(self, batch: list[Piece], pieces: list[bytes | None], inside: Inside) -> None:
        """Write pieces. A file that the user changed meanwhile is left as it is."""
        for (path, offset, most), piece in zip(batch, pieces, strict=True):
            if offset == 0 and self._changed_here(path):
                continue
            if piece is None:
                self._arrivals.drop()
                self._left_out.append(path)
                continue
            seen = inside.files[path]
            if len(piece) < most:
                seen = seen._replace(size=offset + len(piece))
            try:
                state = self._arrivals.take(path, offset, piece, seen)
            except (SandboxError, OSError):
                self._left_out.append(path)
                continue
            if state is not None:
                self._out[path] = state

    def _changed_here(self, path: str) -> bool:
        root = open_directory(self._workspace)
        try:
            now = listing.stamp(root, path)
        finally:
            os.close(root)
        return now is not None and now != self._out.get(path)

    def _make(self, folders: list[str]) -> None:
        for path in folders:
            arrivals.make(self._workspace, path)

    def _remove(self, files: list[str], folders: list[str]) -> None:
        for path in files:
            arrivals.remove(self._workspace, path, self._out.pop(path, None))
        for path in folders:
            arrivals.remove_folder(self._workspace, path)
        self._folders_out -= set(folders)

    def _say(self, all_inside: bool) -> list[str]:
        """What was left out since this was last asked, each path once."""
        said = []
        new = [path for path in self._left_out if path not in self._told]
        self._left_out = []
        self._told.update(new)
        if new:
            names = ", ".join(repr(path[:100]) for path in new[:NAMED])
            more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
            said.append(
                f"Not carried between the sandbox and the user's machine: {names}{more} "
                f"(unreadable, larger than {FILE_BYTES // MIB} MiB, or beyond the disk limit)."
            )
        if not (all_inside and self._all_here) and "" not in self._told:
            self._told.add("")
            said.append(
                f"The workspace has more than {listing.FILES:,} files, or folders that cannot be read: "
                "the rest is not carried between the sandbox and the user's machine."
            )
        return said

    async def _put(self, path: str) -> bool:
        """Carry in one file; whether the sandbox took it, or it is gone."""
        try:
            descriptor = await asyncio.to_thread(open_beneath, self._workspace, path)
        except (SandboxError, OSError):
            return True
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            offset, last = 0, False
            while not last:
                piece = await asyncio.to_thread(file.read, min(PIECE, status.st_size - offset))
                last = not piece or offset + len(piece) == status.st_size
                answer = await self._ask(_put(path, piece, offset, status if last else None))
                if answer.is_error:
                    return False
                offset += len(piece)
        self._in[path] = read_seen(answer)
        return True


def walk(workspace: Path, ignored: Collection[str] = ()) -> Listing:
    """Everything in the workspace on this machine, but in folders of an `ignored` name."""
    root = open_directory(workspace)
    try:
        return listing.list_files(root, ignored=ignored)
    finally:
        os.close(root)


def _put(path: str, piece: bytes | None, offset: int, last: os.stat_result | None = None) -> dict[str, Any]:
    return {
        "op": "put",
        "path": path,
        "data": None if piece is None else base64.b64encode(piece).decode("ascii"),
        "offset": offset,
        "mode": 0o600 if last is None else last.st_mode & 0o777,
        "modified": None if last is None else last.st_mtime_ns,
    }


def _pieces(wanted: dict[str, int]) -> Iterator[Piece]:
    for path, size in wanted.items():
        for offset in range(0, max(size, 1), PIECE):
            yield path, offset, min(PIECE, size - offset)


def _together(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    for piece in pieces:
        batch.append(piece)
        if len(batch) == TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch
