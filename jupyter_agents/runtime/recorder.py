"""Every session's run file in the data directory, and the run files that sessions replay.

``runs/<session>.agentrun`` is written after each turn; ``runs/replay/<session>/`` holds what was
posted for a session to be answered from. Source: docs/decisions.md "Replay".
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from pathlib import Path

from jupyter_agents.ids import NewId
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.runtime.runfile import SUFFIX, export, parse
from jupyter_agents.store.journal import Journal

log = logging.getLogger(__name__)


class Recorder:
    """Writes and finds run files.

    Parameters
    ----------
    folder:
        ``runs`` in the data directory.
    replay:
        A folder of run files that answer for every session that has none of its own, or None.
    """

    def __init__(self, journal: Journal, folder: Path, replay: Path | None, new_id: NewId) -> None:
        self._journal = journal
        self._folder = folder
        self._replay = replay
        self._new_id = new_id
        self._found: dict[str, Recordings | None] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def text(self, session_id: str) -> str:
        """A session's run file as it is now. Blocks."""
        return "".join(export(self._journal.read(session_id)))

    def write_soon(self, session_id: str) -> None:
        """Write a session's run file in the background."""
        if session_id in self._writing:
            self._again.add(session_id)
            return
        self._writing[session_id] = asyncio.create_task(self._write(session_id))

    def recordings(self, session_id: str) -> Recordings | None:
        """What the session replays: its own recordings, else the server's folder, else None.

        Raises `InvalidRequest` for a folder or file that cannot be read. Blocks the first time.
        """
        if session_id not in self._found:
            own = self._own(session_id)
            found = Recordings() if own.is_dir() or self._replay is not None else None
            if found is not None:
                found.add_folder(own if own.is_dir() else self._replay or own)
            self._found[session_id] = found
        return self._found[session_id]

    def add(self, session_id: str, text: str) -> int:
        """Let a session be answered from a run file; returns the number of its exchanges. Blocks.

        Raises `InvalidRequest` for one that cannot be read.
        """
        recording = parse(text)
        folder = self._own(session_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / f"{self._new_id('run')}{SUFFIX}").write_text(text, "utf-8")
        self._found.pop(session_id, None)
        self.recordings(session_id)
        return len(recording.exchanges)

    def forget(self, session_id: str) -> None:
        """Remove what is kept of a deleted session."""
        self._found.pop(session_id, None)
        self._path(session_id).unlink(missing_ok=True)
        shutil.rmtree(self._own(session_id), ignore_errors=True)

    async def close(self) -> None:
        """Wait for what is being written."""
        while self._writing:
            await asyncio.gather(*self._writing.values())

    async def _write(self, session_id: str) -> None:
        try:
            await asyncio.to_thread(self._write_now, session_id)
        except (OSError, sqlite3.Error) as error:
            log.warning("The run file of %s cannot be written: %s", session_id, error)
        finally:
            del self._writing[session_id]
        if session_id in self._again:
            self._again.discard(session_id)
            self.write_soon(session_id)

    def _write_now(self, session_id: str) -> None:
        text = self.text(session_id)
        if not text:
            return
        path = self._path(session_id)
        temporary = path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(text, "utf-8")
        temporary.replace(path)

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{session_id}{SUFFIX}"

    def _own(self, session_id: str) -> Path:
        return self._folder / "replay" / session_id
