"""The resources of a session that lives: list, add, change, remove.

The truth is the session's document, changed by a private record of its journal; that record also holds
what the next model request is told. Source: spec section 7.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jupyter_agents.domain import resources
from jupyter_agents.domain.events import Draft
from jupyter_agents.domain.resources import UPLOADS, below_uploads
from jupyter_agents.domain.tools import needs_sandbox
from jupyter_agents.errors import InvalidRequest, NotFound, SandboxError
from jupyter_agents.ids import Clock, rfc3339
from jupyter_agents.runtime.manager import SessionManager
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.repositories import KIND, Repositories
from jupyter_agents.runtime.runner import Retired, SessionRunner
from jupyter_agents.store.catalog import Catalog, Page
from jupyter_agents.store.pages import Cursor, parse_cursor

Doc = dict[str, Any]
Change = Callable[[list[Doc]], list[Doc]]


class Resources:
    """The resources of all sessions.

    Parameters
    ----------
    max_files:
        Files that one session may have mounted.
    """

    def __init__(
        self,
        catalog: Catalog,
        manager: SessionManager,
        mounted: Mounted,
        repositories: Repositories,
        max_files: int,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._manager = manager
        self._mounted = mounted
        self._repositories = repositories
        self._max_files = max_files
        self._clock = clock
        self._changing: dict[str, asyncio.Lock] = {}

    def get(self, session_id: str, resource_id: str) -> Doc:
        """One resource; raises `NotFound`."""
        for resource in self._of(session_id):
            if resource.get("id") == resource_id:
                return resource
        raise NotFound(f"Resource `{resource_id[:100]}` not found in session `{session_id}`.")

    def page(self, session_id: str, page: str | None, limit: int | None) -> Page:
        """Up to `limit` resources, oldest first; all of them without one."""
        cursor = parse_cursor(page, "asc", str)
        keyed = sorted(
            (r.get("id") or f"{position:06}", r) for position, r in enumerate(self._of(session_id))
        )
        rest = [(key, r) for key, r in keyed if cursor is None or key > cursor.key[0]]
        shown = rest if limit is None else rest[:limit]
        more = len(rest) > len(shown)
        return Page([r for _, r in shown], Cursor("asc", (shown[-1][0],)) if more else None)

    async def add(self, session_id: str, body: Mapping[str, Any]) -> Doc:
        """Mount one more file; it is readable when this returns."""
        async with self._lock(session_id):
            runner = await self._runner(session_id)
            known = runner.state.session["resources"]
            if resources.count(known, "file") >= self._max_files:
                raise InvalidRequest(f"resources: at most {self._max_files} files are allowed in a session.")
            try:
                added = await self._mounted.mount(session_id, body, known)
            except NotFound as error:
                raise InvalidRequest(f"file_id: {error.message}") from None
            (mount,) = self._mounted.mounts(session_id, [added]) or (None,)
            try:
                had = None if mount is None else await runner.tools.add_file(mount)
                await self._change(session_id, lambda found: [*found, added], _added(added))
            except BaseException as error:
                await self._mounted.unmount(session_id, added)
                if isinstance(error, SandboxError):
                    raise InvalidRequest(f"mount_path: {error}") from None
                raise
            if mount is not None:
                await runner.tools.add_file(mount, had)
            return added

    async def update(self, session_id: str, resource_id: str, token: str) -> Doc:
        """Change the authorization token of a repository; one that is not there yet is tried again."""
        async with self._lock(session_id):
            runner = await self._runner(session_id)
            found = self.get(session_id, resource_id)
            if found["type"] != KIND:
                raise InvalidRequest(f"authorization_token: a resource of type {found['type']} has none.")
            changed = found | {"updated_at": rfc3339(self._clock())}
            self._repositories.set_token(session_id, resource_id, token)
            await self._change(
                session_id,
                lambda known: [changed if r.get("id") == resource_id else r for r in known],
                None,
            )
            runner.tools.turn_begins()
            return changed

    async def remove(self, session_id: str, resource_id: str) -> None:
        """Take a file out of a session; the upload that it came from stays."""
        async with self._lock(session_id):
            runner = await self._runner(session_id)
            found = self.get(session_id, resource_id)
            if found["type"] != "file":
                raise InvalidRequest(
                    f"A {found['type']} stays for as long as its session; delete the session."
                )
            await self._change(
                session_id,
                lambda known: [r for r in known if r.get("id") != resource_id],
                f"the user removed the file {found['mount_path']}.",
            )
            for mount in self._mounted.mounts(session_id, [found]):
                await runner.tools.drop_file(mount)
            await self._mounted.unmount(session_id, found)

    async def _change(self, session_id: str, change: Change, news: str | None) -> None:
        while True:
            runner = await self._runner(session_id)
            try:
                await runner.append(partial(_drafts, runner, change, news))
                return
            except Retired:
                continue

    async def _runner(self, session_id: str) -> SessionRunner:
        if self._catalog.get("session", session_id)["archived_at"] is not None:
            raise InvalidRequest(f"session `{session_id}` is archived: its resources cannot be changed.")
        return await self._manager.runner(session_id)

    def _of(self, session_id: str) -> list[Doc]:
        found: list[Doc] = self._catalog.get("session", session_id)["resources"]
        return found

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._changing.setdefault(session_id, asyncio.Lock())


def _drafts(runner: SessionRunner, change: Change, news: str | None) -> list[Draft]:
    session = runner.state.session
    told = [news] if news is not None and needs_sandbox(session["agent"]) else []
    changed = change(session["resources"])
    return [runner.stamp.private("private.resources", {"resources": changed, "news": told})]


def _added(resource: Doc) -> str:
    exact, below = resource["mount_path"], f"{UPLOADS}/{below_uploads(resource['mount_path'])}"
    said = f"the user added the file {exact}, read-only"
    return f"{said}." if below == exact else f"{said}. It is also at {below}."
