"""What a cell gives an agent: files and variables, uploaded and mounted at ``/workspace/<name>``, read-only.

What changed since the last cell is replaced while the session lives; what did not is not sent again.

Source: spec sections 7.2 (an exact mount path is kept; the session gets a copy) and 7.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession

MEGABYTE = 1_000_000
MAX_MB = 100
WORKSPACE = "/workspace"


@dataclass(frozen=True)
class Given:
    """One file for the agent.

    name: below ``/workspace``. content: its bytes, or the file itself. stamp: equal while the content
    is. variable: the one that it was made of. about: what the variable is, in one line.
    """

    name: str
    content: Path | bytes
    stamp: object
    variable: str | None = None
    about: str = ""

    @property
    def path(self) -> str:
        """Where the agent finds it."""
        return f"{WORKSPACE}/{self.name}"


def check(names: Sequence[str], max_mb: float = MAX_MB) -> list[Given]:
    """The files called `names`; raises `AgentError` for one that is missing or too large."""
    return [_given(Path(name).expanduser(), max_mb) for name in names]


def distinct(given: Sequence[Given]) -> list[Given]:
    """`given`; raises `AgentError` where the agent would see one under the name of another."""
    names = [one.name for one in given]
    for name in names:
        if names.count(name) > 1:
            raise AgentError(f"Two files have the same name, {name!r}; the agent would see only one of them.")
    return list(given)


def too_large(what: str, size: int, max_mb: float) -> AgentError:
    """`size` is in bytes."""
    return AgentError(
        f"{what} is {size / MEGABYTE:,.1f} MB, more than {max_mb:g} MB. Give a part of it, or raise the "
        f"limit with --max-mb."
    )


def told(given: Sequence[Given]) -> str:
    """What the agent is told of the variables among `given`."""
    lines = [f"- {one.variable}: {one.about}, in {one.path}" for one in given if one.variable]
    return "\n".join(["Variables of the user's notebook, as files (read-only):", *lines]) if lines else ""


async def upload(connection: Connection, given: Sequence[Given]) -> list[dict[str, Any]]:
    """Upload `given`; the ``resources`` of a session that mounts them."""
    return [await _resource(connection, one) for one in given]


async def bring(session: AgentSession, given: Sequence[Given]) -> list[Given]:
    """Give a living session what it does not have as it is now, in the place of what it had; gives that."""
    changed = [one for one in given if session.files.get(one.name) != one.stamp]
    if not changed:
        return []
    resources = session.connection.sdk.beta.sessions.resources
    mounted = {
        entry.mount_path: entry.id
        async for entry in resources.list(session.id)
        if entry.type == "file" and entry.mount_path
    }
    for one in changed:
        added: Any = await _resource(session.connection, one)
        had = session.variables.get(one.variable or "")
        for name in {one.name, had or one.name}:
            if id := mounted.pop(f"{WORKSPACE}/{name}", None):
                session.files.pop(name, None)
                await resources.delete(id, session_id=session.id)
        await resources.add(session.id, **added)
        note(session, [one])
    return changed


def note(session: AgentSession, given: Sequence[Given]) -> None:
    """Remember that the session has `given`."""
    session.files |= {one.name: one.stamp for one in given}
    session.variables |= {one.variable: one.name for one in given if one.variable}


async def _resource(connection: Connection, one: Given) -> dict[str, Any]:
    content = (one.name, one.content) if isinstance(one.content, bytes) else one.content
    file = await connection.sdk.beta.files.upload(file=content)
    return {"type": "file", "file_id": file.id, "mount_path": one.path}


def _given(path: Path, max_mb: float) -> Given:
    if not path.exists():
        raise AgentError(f"There is no file {str(path)!r} in {Path.cwd()}.")
    if not path.is_file():
        raise AgentError(f"{str(path)!r} is not a file; give the files one by one.")
    found = path.stat()
    if found.st_size > max_mb * MEGABYTE:
        raise too_large(repr(str(path)), found.st_size, max_mb)
    return Given(path.name, path, (str(path.absolute()), found.st_mtime_ns, found.st_size))
