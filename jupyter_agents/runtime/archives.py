"""Workspaces as archives: of ephemeral sessions when they are over, of any session when somebody asks.

Source: docs/hosting.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from jupyter_agents.domain.hosting import Life
from jupyter_agents.errors import NotFound, SandboxError
from jupyter_agents.sandbox.archive import SUFFIX, pack, remove

Doc = dict[str, Any]

OWN_FOLDER = "jupyter-agents/workspace"

log = logging.getLogger(__name__)


class Archives:
    """The archives of one store.

    Parameters
    ----------
    folder:
        Holds one file for each ephemeral session that is over.
    life, workspace:
        A session's hosting pattern, and its workspace.
    """

    def __init__(self, folder: Path, life: Callable[[Doc], Life], workspace: Callable[[Doc], Path]) -> None:
        self._folder = folder
        self._life = life
        self._workspace = workspace

    async def keep(self, session: Doc) -> None:
        """Archive the workspace of an ephemeral session that is over, then remove its folder.

        A folder that somebody named for the session stays, and so does one that cannot be archived.
        """
        workspace = self._workspace(session)
        if self._life(session).pattern != "ephemeral" or OWN_FOLDER in session["metadata"]:
            return
        try:
            await asyncio.to_thread(self._pack, workspace, self._path(session["id"]))
        except FileNotFoundError:
            return
        except (OSError, SandboxError) as error:
            log.warning("The workspace %s stays, it cannot be archived: %s", workspace, error)
            return
        await asyncio.to_thread(remove, workspace)

    @contextlib.asynccontextmanager
    async def of(self, session: Doc) -> AsyncIterator[Path]:
        """The archive of a session's workspace: the one that is kept, else as the workspace is now.

        Raises `NotFound` where there is no workspace, `SandboxError`.
        """
        kept = self._path(session["id"])
        if kept.exists():
            yield kept
            return
        made = self._folder / f".{secrets.token_hex(8)}{SUFFIX}"
        try:
            await asyncio.to_thread(self._pack, self._workspace(session), made)
            yield made
        except FileNotFoundError:
            raise NotFound(f"session `{session['id']}` has no workspace.") from None
        finally:
            made.unlink(missing_ok=True)

    def forget(self, session_id: str) -> None:
        """Told of every session that is deleted."""
        self._path(session_id).unlink(missing_ok=True)

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{session_id}{SUFFIX}"

    def _pack(self, workspace: Path, target: Path) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        pack(workspace, target)
