"""Who runs a session: a file lock that dies with its process.

Several server processes may open one store; only the holder of a session's lock appends to its
journal. Source: docs/decisions.md "Processes".
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout


class Ownership:
    """Takes and gives back sessions' locks.

    Parameters
    ----------
    folder:
        Where the lock files lie; the same for all processes of a store.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, FileLock] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def acquire(self, session_id: str) -> bool:
        """Become the owner; False where another living process is."""
        if session_id in self._held:
            return True
        lock = FileLock(self._path(session_id), mode=0o600, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        self._held[session_id] = lock
        return True

    def release(self, session_id: str) -> None:
        """Stop being the owner. Idempotent."""
        lock = self._held.pop(session_id, None)
        if lock is not None:
            lock.release()

    def forget(self, session_id: str) -> None:
        """Release, and remove the lock file of a deleted session."""
        self.release(session_id)
        self._path(session_id).unlink(missing_ok=True)

    def close(self) -> None:
        """Release everything."""
        for session_id in list(self._held):
            self.release(session_id)

    def _path(self, session_id: str) -> Path:
        return self.folder / f"{session_id}.lock"
