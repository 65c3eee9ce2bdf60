"""What an agent writes to ``/mnt/session/outputs`` becomes files of its session.

One file per path, with a new id for new contents. Source: spec section 7.4.
"""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from jupyter_agents.domain.filenames import ANY_TYPE, output_filename
from jupyter_agents.errors import LimitExceeded, SandboxError
from jupyter_agents.runtime.files import Files
from jupyter_agents.sandbox.changes import Change
from jupyter_agents.sandbox.workspace import FILE_BYTES, MIB, OUTPUTS, open_beneath
from jupyter_agents.store.blobs import Blobs

Doc = dict[str, Any]

log = logging.getLogger(__name__)


class Outputs:
    """Registers the outputs of one session."""

    def __init__(self, session_id: str, files: Files, blobs: Blobs) -> None:
        self._id = session_id
        self._files = files
        self._blobs = blobs
        self._pending: dict[str, Change] = {}

    def note(self, changes: Iterable[Change]) -> None:
        """Remember those of `changes` that are outputs, for `register`."""
        self._pending |= {c.path: c for c in changes if PurePosixPath(c.path).parts[:1] == (OUTPUTS,)}

    async def register(self, workspace: Path) -> list[str]:
        """Make what was noted files of the session; sentences about what is not kept."""
        if not self._pending:
            return []
        known = await asyncio.to_thread(self._known)
        said = []
        for change in list(self._pending.values()):
            problem = await self._register(workspace, change, known.get(change.path))
            if self._pending.get(change.path) is change:
                del self._pending[change.path]
            if problem is not None:
                log.warning("Session %s: %s", self._id, problem)
                said.append(problem)
        return said

    def _known(self) -> dict[str, Doc]:
        docs = self._files.of_session(self._id)
        return {doc["_path"]: doc for doc in docs if doc["_path"] is not None}

    async def _register(self, workspace: Path, change: Change, old: Doc | None) -> str | None:
        path = change.path
        if change.kind == "deleted":
            await self._forget(old)
            return None
        try:
            incoming = await asyncio.to_thread(self._receive, workspace, path)
        except FileNotFoundError:
            await self._forget(old)
            return None
        except (OSError, SandboxError) as error:
            await self._forget(old)
            return f"The output {path!r} is not kept as a file of the session: {error}"
        try:
            if old is None or old["_sha256"] != incoming.blob[0]:
                name = output_filename(path)
                kind = mimetypes.guess_type(name)[0] or ANY_TYPE
                await self._files.add(
                    incoming, name, kind, session_id=self._id, path=path, downloadable=True, replaces=old
                )
        finally:
            incoming.discard()
        return None

    async def _forget(self, old: Doc | None) -> None:
        await self._files.remove([] if old is None else [old["id"]])

    def _receive(self, workspace: Path, path: str) -> Any:
        with os.fdopen(open_beneath(workspace, path), "rb") as file:
            return self._blobs.receive(_bounded(file))


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of `file`; raises `LimitExceeded` above `FILE_BYTES`, before the first where it can."""
    left = FILE_BYTES
    too_large = f"it is larger than {FILE_BYTES // MIB} MiB."
    if os.fstat(file.fileno()).st_size > left:
        raise LimitExceeded(too_large)
    while chunk := file.read(MIB):
        left -= len(chunk)
        if left < 0:
            raise LimitExceeded(too_large)
        yield chunk
