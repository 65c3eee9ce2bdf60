"""Removes what a kill between two steps left behind: bytes, copies and folders that belong to nothing.

Other server processes may be at work in the same store, so nothing younger than an hour is touched.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_agents.ids import Clock, parse_time
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.repositories import Repositories
from jupyter_agents.store.blobs import Blobs
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.snapshots import Snapshots

Doc = dict[str, Any]

GRACE = 3600.0
EXPIRED_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Swept:
    """How many there were.

    unfinished: broken uploads. blobs: bytes looked at again. files: copies of no session, and files that
    expired 30 days ago. folders, copies: on the host, of no session and no resource.
    """

    unfinished: int = 0
    blobs: int = 0
    files: int = 0
    folders: int = 0
    copies: int = 0


class Sweep:
    """Looks through one store."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: Blobs,
        files: Files,
        mounted: Mounted,
        repositories: Repositories,
        snapshots: Snapshots,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._files = files
        self._mounted = mounted
        self._repositories = repositories
        self._snapshots = snapshots
        self._clock = clock

    async def run(self, grace: float = GRACE) -> Swept:
        """Remove what is older than `grace` seconds and belongs to nothing."""
        noted = await asyncio.to_thread(self._blobs.noted, grace)
        await self._files.collect(noted)
        unfinished = await asyncio.to_thread(self._blobs.drop_unfinished, grace)
        stray = await asyncio.to_thread(self._stray, grace)
        await self._files.remove(stray)
        folders, copies = await asyncio.to_thread(self._clean_folders, grace)
        return Swept(unfinished, len(noted), len(stray), folders, copies)

    def _stray(self, grace: float) -> list[str]:
        now = self._clock()
        before = now - timedelta(seconds=grace)
        mounted = {id: {r.get("file_id") for r in s["resources"]} for id, s in self._sessions()}
        return [doc["id"] for doc in self._catalog.all("file") if _is_stray(doc, mounted, now, before)]

    def _clean_folders(self, grace: float) -> tuple[int, int]:
        """Folders, tokens and snapshots of sessions that are gone, and copies that no resource names."""
        wanted = {
            id: {self._mounted.host_path(id, r["mount_path"]) for r in s["resources"] if r["type"] == "file"}
            for id, s in self._sessions()
        }
        for path in self._repositories.kept():
            if path.stem not in wanted and _age(path) >= grace:
                self._repositories.forget(path.stem)
        for folder in self._snapshots.sessions():
            if folder.name not in wanted and _age(folder) >= grace:
                self._snapshots.forget(folder.name)
        folders = copies = 0
        for folder in self._mounted.folders():
            if folder.name not in wanted:
                if _age(folder) >= grace:
                    self._mounted.forget_session(folder.name)
                    folders += 1
                continue
            for path in list(folder.rglob("*")):
                if path.is_file() and path not in wanted[folder.name] and _age(path) >= grace:
                    self._mounted.unlink(folder.name, path)
                    copies += 1
        return folders, copies

    def _sessions(self) -> Iterator[tuple[str, Doc]]:
        return ((doc["id"], doc) for doc in self._catalog.all("session"))


def _is_stray(doc: Doc, mounted: dict[str, set[Any]], now: datetime, before: datetime) -> bool:
    if doc["expires_at"] is not None:
        return parse_time(doc["expires_at"]) + EXPIRED_KEPT <= now
    if doc["scope"] is None or parse_time(doc["created_at"]) > before:
        return False
    of_session = mounted.get(doc["scope"]["id"])
    return of_session is None or (doc["_path"] is None and doc["id"] not in of_session)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
