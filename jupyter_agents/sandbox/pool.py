"""Sandboxes that are started before a session asks for one: taken at once, refilled, never used twice.

They have the shape that was last asked for: what of a spec does not belong to a session. Another shape
makes the old ones go. Sessions come first: nothing is started here while one of theirs is.

Source: docs/sandboxes.md "Warm pool".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import SandboxError
from .assembly import Container, Undo, settled
from .base import SandboxSpec, Warm
from .beside import Cover
from .embedded import find_cover
from .options import OUTPUTS, UPLOADS, WORKSPACE
from .prepared import Places, Prepared, Stock, is_new

SESSION = "warm"
REST_SECONDS = 0.3
LOOK_SECONDS = 10.0
LONGEST_SECONDS = 60.0
PING_SECONDS = 0.5

Start = Callable[[SandboxSpec, Undo], Awaitable[Container]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One that is ready. image: the id of its image."""

    container: Container
    folders: Prepared
    image: str


class Unmoved(SandboxError):
    """No session could take such a sandbox."""

    def __init__(self) -> None:
        super().__init__("This engine does not follow a workspace folder that is moved.")


class Pool:
    """Keeps some ready.

    Parameters
    ----------
    wanted:
        How many.
    places:
        Where their folders lie.
    start:
        Starts a container, and undoes something when it is gone. Raises `SandboxError`.
    image:
        The id of a spec's image as it is now. Raises `SandboxError`.
    busy:
        Whether a session's sandbox is starting.
    """

    def __init__(
        self,
        wanted: int,
        places: Places,
        start: Start,
        image: Callable[[SandboxSpec], Awaitable[str]],
        busy: Callable[[], bool],
    ) -> None:
        self._wanted = wanted
        self._start = start
        self._image = image
        self._busy = busy
        self._stock = Stock(places)
        self._shape: SandboxSpec | None = None
        self._ready: list[Entry] = []
        self._problem: str | None = None
        self._changed = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()
        self._keeper = asyncio.create_task(self._keep(), name="warm pool")

    @property
    def state(self) -> Warm:
        """How it is."""
        ready = sum(entry.container.sandbox.alive for entry in self._ready)
        return Warm(ready, self._wanted, self._problem)

    def want(self, spec: SandboxSpec) -> None:
        """Keep sandboxes of this spec's shape from now on."""
        new = shape(spec)
        if new == self._shape:
            return
        self._shape = new
        self._drop(self._ready)
        self._changed.set()

    def look(self) -> None:
        """Something has changed: see at once whether more can be started."""
        self._changed.set()

    async def take(self, spec: SandboxSpec) -> Container | None:
        """One for a session whose workspace is new, or None. It is of this shape, and answers."""
        self.want(spec)
        if not self._ready:
            return None
        new, cover = await asyncio.to_thread(_look_at, spec)
        if not new:
            return None
        wanted = shape(spec)
        while self._ready and wanted == self._shape:
            entry = self._ready.pop(0)
            self._changed.set()
            try:
                fits = await _answers(entry) and _same(entry.container.cover, cover)
                if not fits:
                    self._drop([entry])
                    continue
                if await settled(entry.folders.hand_over, spec):
                    entry.container.adopt(spec, entry.folders.tidy)
                    return entry.container
            except BaseException:
                self._drop([entry])
                raise
            self._drop([entry])
            return None
        return None

    async def close(self) -> None:
        """End what is ready and remove every folder."""
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        self._drop(self._ready)
        await asyncio.gather(*self._ending)
        await asyncio.to_thread(self._stock.close)

    def _drop(self, entries: list[Entry]) -> None:
        for entry in entries:
            task = asyncio.create_task(entry.container.sandbox.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        entries.clear()

    async def _keep(self) -> None:
        opened, pause = False, LOOK_SECONDS
        while True:
            try:
                if not opened:
                    await settled(self._stock.open)
                    opened = True
                await self._look()
                await self._fill()
                self._problem, pause = None, LOOK_SECONDS
            except Unmoved as error:
                log.warning("No sandbox is kept warm: %s", error)
                self._problem = str(error)
                return
            except (SandboxError, OSError) as error:
                if str(error) != self._problem:
                    log.warning("No sandbox can be kept warm: %s", error)
                self._problem = str(error)
                pause = min(2 * pause, LONGEST_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            self._changed.clear()

    async def _look(self) -> None:
        """Drop what ended, and what has an image that is another by now."""
        shape = self._shape
        if not self._ready or shape is None:
            return
        image = await self._image(shape)
        stale = [e for e in self._ready if not e.container.sandbox.alive or e.image != image]
        self._ready = [entry for entry in self._ready if entry not in stale]
        self._drop(stale)

    async def _fill(self) -> None:
        while self._shape is not None and len(self._ready) < self._wanted:
            await asyncio.sleep(REST_SECONDS)
            if not self._busy():
                await self._add(self._shape)

    async def _add(self, shape: SandboxSpec) -> None:
        image = await self._image(shape)
        folders = await settled(self._stock.prepare, shape.uid)
        spec = replace(shape, session_id=SESSION, workspace=folders.workspace, uploads=folders.uploads)
        try:
            container = await self._start(spec, folders.remove)
        except BaseException:
            await asyncio.to_thread(folders.remove)
            raise
        entry = Entry(container, folders, image)
        try:
            await _check(entry)
        except BaseException:
            self._drop([entry])
            raise
        if shape == self._shape:
            self._ready.append(entry)
        else:
            self._drop([entry])


def shape(spec: SandboxSpec) -> SandboxSpec:
    """`spec` without what belongs to a session or is nothing to a container."""
    placed = (f"{WORKSPACE}/", f"{UPLOADS}/", f"{OUTPUTS}/")
    beside, own = spec.beside, spec.workspace.resolve()
    if beside is not None:
        beside = replace(beside, away=tuple(path for path in beside.away if path != own))
    return replace(
        spec,
        session_id="",
        workspace=Path(),
        uploads=Path(),
        mounts=tuple(mount for mount in spec.mounts if not mount.target.startswith(placed)),
        python=(),
        beside=beside,
        told=lambda text: None,
        own_path=False,
        notes=(),
        warm=False,
    )


def _look_at(spec: SandboxSpec) -> tuple[bool, Cover | None]:
    """Whether the workspace is new, and what is to be covered beside it."""
    return is_new(spec.workspace), find_cover(spec)[0]


async def _answers(entry: Entry) -> bool:
    sandbox = entry.container.sandbox
    try:
        async with asyncio.timeout(PING_SECONDS):
            await sandbox.ping()
    except (SandboxError, TimeoutError):
        return False
    return sandbox.alive


async def _check(entry: Entry) -> None:
    """Raises `SandboxError` where the container does not see that its folder moves."""
    moved = await settled(entry.folders.moves)
    try:
        result = await entry.container.sandbox.call("write", {"file_path": "/workspace/seen", "content": ""})
        seen = moved / "seen"
        if result.is_error or not await asyncio.to_thread(seen.exists):
            raise Unmoved
        await asyncio.to_thread(seen.unlink)
    finally:
        await settled(entry.folders.back, moved)


def _same(one: Cover | None, other: Cover | None) -> bool:
    """Whether what one cover hides is what the other does."""
    if one is None or other is None:
        return one is other
    return (one.folder, one.seen, one.inodes, one.partly) == (
        other.folder,
        other.seen,
        other.inodes,
        other.partly,
    )
