"""Which files of a workspace changed since it was last asked.

On Linux the kernel keeps the list (see `watch`), so asking costs microseconds when nothing
happened. Where it cannot (another system, too many directories, an overflow) every question is a
walk. What was written through a memory map or a second mount is found by `scan` only.

Source: docs/decisions.md (a snapshot follows each tool call), docs/local-api.md (changes).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from . import listing
from .listing import IGNORED, Listing, Stamp, is_utf8, list_files, stamp
from .watch import Watch, below
from .workspace import FILE_BYTES, open_directory

TOTAL_BYTES = 5 * 1024**3


class Change(NamedTuple):
    """One file that is not as it was. path: below the workspace. size: bytes, now (0: deleted)."""

    path: str
    kind: Literal["created", "modified", "deleted"]
    size: int


class Changes:
    """Follows one workspace; make one with `Changes.start`.

    Listed are regular files with UTF-8 names, outside of directories such as ``.git`` and
    ``node_modules`` (`IGNORED`), 10,000 at most or as many as `start` is told.
    """

    def __init__(self, root: int, ignored: Collection[str], most: int | None = None) -> None:
        self._root = root
        self._ignored = ignored
        self._most = listing.FILES if most is None else most
        self._lock = threading.Lock()
        self._known: dict[str, Stamp] = {}
        self._large: set[str] = set()
        self._total = 0
        self._truncated = False
        self._unnamed = 0
        self._watch: Watch | None = None

    @classmethod
    async def start(
        cls, root: Path, *, ignored: Collection[str] = IGNORED, most: int | None = None
    ) -> Changes:
        """Take `root` as it is now for the beginning. Raises as `workspace.open_directory`."""

        def begin() -> Changes:
            changes = cls(open_directory(root), ignored, most)
            try:
                changes._watch = Watch(ignored)
            except OSError:
                changes._watch = None
            changes._scan()
            return changes

        beginning = asyncio.create_task(asyncio.to_thread(begin))
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(_discard)
            raise

    @property
    def total(self) -> int:
        """The size of all listed files, bytes."""
        return self._total

    @property
    def files(self) -> Mapping[str, Stamp]:
        """The listed files as they were last seen."""
        return dict(self._known)

    @property
    def complete(self) -> bool:
        """Whether all files are listed."""
        return not self._truncated

    @property
    def watching(self) -> bool:
        """Whether the kernel keeps the list; otherwise each `drain` walks the workspace."""
        return self._watch is not None

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what is not followed in full, as of the last question."""
        said = []
        if self._truncated:
            said.append(f"The workspace has more than {self._most:,} files; the rest is not listed.")
        if self._unnamed:
            said.append(f"{self._unnamed} names in the workspace are not UTF-8 and not listed.")
        if self._large:
            names = ", ".join(repr(path) for path in sorted(self._large)[:3])
            said.append(f"Larger than {FILE_BYTES // 1024**2} MiB and not kept: {names}.")
        if self._total > TOTAL_BYTES:
            said.append(f"The workspace is larger than {TOTAL_BYTES // 1024**3} GiB.")
        return tuple(said)

    shared = False
    """Whether several sessions work here."""

    def enter(self) -> None:
        """A call begins."""

    def leave(self) -> bool:
        """A call is over; whether no other session's call ran meanwhile."""
        return True

    def others(self) -> list[Change]:
        """What other sessions' calls changed: nobody else works here."""
        return []

    async def drain(self) -> list[Change]:
        """What changed since the last `drain` or `scan`, in the order of paths."""
        if self._root < 0 or (self._watch is not None and not self._watch.pending):
            return []
        return await asyncio.to_thread(self._drain)

    async def scan(self) -> list[Change]:
        """As `drain`, by a full walk: the truth, for the end of a turn."""
        return await asyncio.to_thread(self._scan) if self._root >= 0 else []

    def close(self) -> None:
        """Stop following. Idempotent; not while a `drain` or `scan` runs."""
        with self._lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
            if self._root >= 0:
                os.close(self._root)
                self._root = -1

    def _drain(self) -> list[Change]:
        with self._lock:
            seen = self._watch.read() if self._watch is not None else None
            if self._watch is None or seen is None or seen.lost:
                return self._compare(self._walk(""), "")
            found: dict[str, Change] = {}
            for folder in sorted(seen.folders):
                self._watch.forget(folder)
                for change in self._compare(self._walk(folder), folder):
                    found[change.path] = change
                if self._watch is None:
                    return self._merge(found, self._compare(self._walk(""), ""))
            return self._merge(found, self._judge_files(seen.files))

    def _scan(self) -> list[Change]:
        with self._lock:
            if self._watch is not None:
                self._watch.read()
            walked = self._walk("")
            if self._watch is not None and walked.complete:
                self._watch.keep(walked.folders)
            return self._compare(walked, "")

    def _walk(self, folder: str) -> Listing:
        return list_files(self._root, folder, ignored=self._ignored, entering=self._follow, most=self._most)

    def _follow(self, folder: str, descriptor: int) -> None:
        if self._watch is None:
            return
        try:
            self._watch.add(folder, descriptor)
        except OSError:
            self._watch.close()
            self._watch = None

    def _compare(self, walked: Listing, folder: str) -> list[Change]:
        if not folder:
            self._truncated, self._unnamed = False, walked.unnamed
        self._truncated = self._truncated or not walked.complete
        gone = [path for path in self._known if below(path, folder) and path not in walked.files]
        states: dict[str, Stamp | None] = {
            path: None if walked.complete else stamp(self._root, path) for path in gone
        }
        states.update(walked.files)
        judged = (self._judge(path, state) for path, state in states.items())
        return sorted(change for change in judged if change is not None)

    def _judge_files(self, files: dict[str, bool]) -> list[Change]:
        judged = (
            self._judge(path, stamp(self._root, path), written)
            for path, written in files.items()
            if is_utf8(path)
        )
        return [change for change in judged if change is not None]

    def _judge(self, path: str, now: Stamp | None, written: bool = False) -> Change | None:
        before = self._known.get(path)
        if now is None:
            if before is None:
                return None
            del self._known[path]
            self._large.discard(path)
            self._total -= before.size
            return Change(path, "deleted", 0)
        if before == now and not written:
            return None
        if before is None and len(self._known) >= self._most:
            self._truncated = True
            return None
        self._known[path] = now
        self._total += now.size - (before.size if before is not None else 0)
        (self._large.add if now.size > FILE_BYTES else self._large.discard)(path)
        return Change(path, "created" if before is None else "modified", now.size)

    @staticmethod
    def _merge(found: dict[str, Change], later: list[Change]) -> list[Change]:
        return sorted({**{change.path: change for change in later}, **found}.values())


def _discard(beginning: asyncio.Task[Changes]) -> None:
    """Close what nobody waits for any more."""
    if not beginning.cancelled() and beginning.exception() is None:
        beginning.result().close()
