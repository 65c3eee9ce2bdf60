"""Run files to and from this notebook's folder: for one call, or for the whole notebook.

The server writes and reads the content; here it is only moved.

Source: docs/decisions.md "Replay", docs/local-api.md.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession

MEDIA_TYPE = "application/vnd.jupyter-agents.agentrun+jsonl"
SUFFIX = ".agentrun"


class Recordings:
    """Where this notebook's sessions are recorded to, and replayed from."""

    def __init__(self) -> None:
        self.record_to: Path | None = None
        folder = os.environ.get("JUPYTER_AGENTS_REPLAY")
        self.replay_from = _path(folder) if folder else None
        self._targets: dict[str, Path] = {}

    def record(self, folder: str) -> None:
        """From now on keep a run file of every session in `folder`."""
        path = _path(folder)
        path.mkdir(parents=True, exist_ok=True)
        self.record_to, self.replay_from = path, None

    def replay(self, folder: str) -> None:
        """From now on answer new sessions from the run files in `folder` (or from one file)."""
        path = _path(folder)
        run_files(path)
        self.record_to, self.replay_from = None, path

    def off(self) -> None:
        """Neither record nor replay."""
        self.record_to = self.replay_from = None

    def problem(self) -> str | None:
        """Why nothing can be replayed, where a replay is wanted."""
        if self.replay_from is None:
            return None
        try:
            run_files(self.replay_from)
        except AgentError as error:
            return str(error)
        return None

    async def before(self, session: AgentSession, is_new: bool, replay: str | None) -> None:
        """Give the session its recording, before its turn."""
        source = _path(replay) if replay else self.replay_from if is_new else None
        if source is None:
            return
        for path in run_files(source):
            await session.connection.post_bytes(
                f"sessions/{session.id}/replay", path.read_bytes(), MEDIA_TYPE
            )

    async def after(self, session: AgentSession, record: str | None) -> None:
        """Write the session's run file, after its turn."""
        targets = [_path(record)] if record else []
        if self.record_to is not None:
            targets.append(self._target(session, self.record_to))
        if not targets:
            return
        content = await session.connection.get_bytes(f"sessions/{session.id}/run")
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def _target(self, session: AgentSession, folder: Path) -> Path:
        """One file a session, numbered in the order of this notebook's sessions."""
        if session.id not in self._targets:
            slug = re.sub(r"[^a-z0-9]+", "-", session.name.lower()).strip("-") or "agent"
            taken = {path.name for path in self._targets.values()}
            number = 1
            while f"{slug}-{number}{SUFFIX}" in taken:
                number += 1
            self._targets[session.id] = folder / f"{slug}-{number}{SUFFIX}"
        return self._targets[session.id]


def _path(text: str) -> Path:
    return Path(text).expanduser()


def check_target(file: str) -> None:
    """Raises `AgentError` where no run file can be written to `file`; makes the folder that it lies in."""
    path = _path(file)
    if path.is_dir():
        raise AgentError(f"{file} is a folder: name a file for the recording, such as {path / 'x'}{SUFFIX}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AgentError(f"No recording can be written to {file}: {error.strerror}.") from None
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise AgentError(f"No recording can be written to {file}: it is not yours to write.")


def run_files(source: Path) -> list[Path]:
    """The run file `source`, or those in the folder; raises `AgentError` where there is none."""
    if source.is_file():
        return [source]
    found = sorted(source.glob(f"*{SUFFIX}")) if source.is_dir() else []
    if not found:
        raise AgentError(f"There is no run file (*{SUFFIX}) at {source}.")
    return found
