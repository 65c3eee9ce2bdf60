"""A session by its id, or by the end of it.

An id is long, and its end tells it from others as well; a workspace's folder carries it too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.problems import AgentError

if TYPE_CHECKING:
    from jupyter_agents import wire

PREFIX = "sesn_"
WHOLE = 29
"""Characters of a whole id."""

SHORTEST = 4
MOST = 5_000
"""How many sessions are looked through."""


async def session_id(connection: Connection, given: str) -> str:
    """The whole id for `given`, an id or its last four or more characters.

    Raises `AgentError` where none or several sessions end so, or where it cannot be an id at all.
    """
    if re.fullmatch(rf"{PREFIX}\w{{{WHOLE - len(PREFIX)}}}", given):
        return given
    end = given.removeprefix(PREFIX)
    if len(end) < SHORTEST or not end.isalnum():
        raise AgentError(
            f"{given!r} is not a session's id, nor {SHORTEST} or more characters of its end; "
            "%agent sessions lists them."
        )
    found: list[wire.Session] = []
    seen = 0
    async for session in connection.sdk.beta.sessions.list(limit=100, include_archived=True):
        seen += 1
        if session.id.endswith(end):
            found.append(session)
        if seen >= MOST:
            break
    if not found:
        raise AgentError(f"No session's id ends in {given!r}; %agent sessions lists them.")
    if len(found) > 1:
        ids = ", ".join(session.id for session in found[:5])
        raise AgentError(f"{len(found)} sessions end in {given!r}: {ids}. Give more of the id.")
    return found[0].id
