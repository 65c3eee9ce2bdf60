"""Local files for an agent: uploaded, then mounted at ``/workspace/<name>``, read-only.

Source: spec section 7.2 (an exact mount path is kept; the session gets a copy).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession, Stamps


def check(names: Sequence[str]) -> list[Path]:
    """The files called `names`; raises `AgentError` for a missing one, or a name given twice."""
    paths = [Path(name).expanduser() for name in names]
    for path in paths:
        if not path.exists():
            raise AgentError(f"There is no file {str(path)!r} in {Path.cwd()}.")
        if not path.is_file():
            raise AgentError(f"{str(path)!r} is not a file; give the files one by one.")
    if len({path.name for path in paths}) < len(paths):
        raise AgentError("Two files have the same name; the agent would see only one of them.")
    return paths


async def upload(connection: Connection, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Upload `paths`; the ``resources`` of a session that mounts them."""
    uploaded = [await connection.sdk.beta.files.upload(file=path) for path in paths]
    return [
        {"type": "file", "file_id": file.id, "mount_path": f"/workspace/{path.name}"}
        for file, path in zip(uploaded, paths, strict=True)
    ]


def stamp(paths: Sequence[Path]) -> Stamps:
    """What tells whether a file changed: its time and size, by its name."""
    return {path.name: (path.stat().st_mtime, path.stat().st_size) for path in paths}


def need_unchanged(session: AgentSession, paths: Sequence[Path]) -> None:
    """Raises `AgentError` for a file that the running session does not have as it is now."""
    for name, found in stamp(paths).items():
        if session.files.get(name) != found:
            raise AgentError(
                f"The session runs and does not have {name!r} as it is now; "
                "files are given when a session starts: add --new."
            )
