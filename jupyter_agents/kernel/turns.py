"""The turns of a session, read off its history: to go on with one that is not this kernel's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from jupyter_agents.cell import words
from jupyter_agents.cell.fold import fold
from jupyter_agents.cell.transcript import Transcript
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession

WAYS_ON = (
    "answer with %agent approve or %agent deny REASON, stop it with %agent interrupt, "
    "or start another session with --new."
)


def last_turn(events: Iterable[Any]) -> tuple[int, Transcript | None]:
    """How many turns there were, and the last of them."""
    count = 0
    turn: Transcript | None = None
    for event in events:
        if event.type == "user.message" and (turn is None or turn.over):
            turn = Transcript(event.id)
            count += 1
        if turn is not None:
            turn = fold(turn, event.to_dict(mode="json"))
    return count, turn


def settled(events: Sequence[Any], waiting: AbstractSet[str]) -> frozenset[str]:
    """The ids of what is past and answered, where the calls `waiting` still wait.

    With a call that waits, the last idle event is not among them: it asks for the answer.
    """
    asking = next((event.id for event in reversed(events) if event.type == "session.status_idle"), None)
    open_ids = {*waiting, asking} if waiting else set()
    return frozenset(event.id for event in events if event.id not in open_ids)


async def ready(session: AgentSession) -> None:
    """Count the turns of `session`; raises `AgentError` where a call of it waits for an answer."""
    session.busy = False
    if session.settled:
        return
    session.turns, turn = last_turn(await session.history())
    session.busy = turn is not None and not turn.over
    if turn is None or turn.status != "waiting":
        return
    calls = "; ".join(
        f"{words.tool_title(tool.to_dict())} {words.tool_summary(tool.to_dict(), 60)}".strip()
        for tool in turn.waiting
    )
    raise AgentError(
        f"{session.name} waits for your answer to: {calls}. Nothing was sent. "
        f"{WAYS_ON[0].upper()}{WAYS_ON[1:]}"
    )
