"""What a person decides about a session's calls, recorded: rules, and inputs changed before a yes.

Source: docs/approvals.md, docs/decisions.md "Wire".
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from jupyter_agents.domain import approvals, inbox
from jupyter_agents.domain.events import Draft
from jupyter_agents.domain.sessions import fold
from jupyter_agents.domain.state import State
from jupyter_agents.ids import rfc3339
from jupyter_agents.runtime.manager import SessionManager
from jupyter_agents.runtime.runner import SessionRunner
from jupyter_agents.store.journal import Journal

Doc = dict[str, Any]


class Approvals:
    """Decisions about the calls of sessions. The session must be there."""

    def __init__(self, manager: SessionManager, journal: Journal) -> None:
        self._manager = manager
        self._journal = journal

    async def look(self, session_id: str) -> Doc:
        """``{"waiting", "answered", "rules"}``: calls that wait for a yes or a no, those that got one.

        Reading only: the session stays with the process that runs it.
        """
        state = await self._state(session_id)
        waiting = [
            {"id": call.id, "name": call.name, "server": call.server or None, "input": call.input}
            for call in approvals.asked(state)
        ]
        rules = _shown(state.rules)
        answered = await asyncio.to_thread(lambda: approvals.history(self._journal.read(session_id)))
        return {"waiting": waiting, "answered": answered, "rules": rules}

    async def rules(self, session_id: str) -> list[Doc]:
        """The session's rules, oldest first."""
        return _shown((await self._state(session_id)).rules)

    async def _state(self, session_id: str) -> State:
        runner = self._manager.live(session_id)
        if runner is not None and not (runner.broken or runner.retired):
            return runner.state
        return await asyncio.to_thread(lambda: fold(self._journal.read(session_id)))

    async def allow_always(self, session_id: str, body: Doc, by: str) -> Doc:
        """Make the rule of ``{"tool", "server"?}``, or find it; see `approvals.new_rule` for errors."""

        def drafts(runner: SessionRunner) -> Sequence[Draft]:
            rule = approvals.new_rule(runner.state, body)
            if rule is None:
                return []
            stamp = runner.stamp
            return [stamp.private(approvals.RULE, rule | {"by": by, "at": rfc3339(stamp.now())})]

        runner = await self._manager.record(session_id, drafts)
        wanted = (body["tool"], body.get("server"))
        found = [rule for rule in _shown(runner.state.rules) if (rule["tool"], rule["server"]) == wanted]
        return found[-1]

    async def forget_rule(self, session_id: str, rule_id: str, by: str) -> None:
        """Take a rule back; calls that ran by it stay as they are."""

        def drafts(runner: SessionRunner) -> Sequence[Draft]:
            approvals.known_rule(runner.state, rule_id)
            return [runner.stamp.private(approvals.RULE_GONE, {"rule_id": rule_id, "by": by})]

        await self._manager.record(session_id, drafts)

    async def allow_with_input(self, session_id: str, call_id: str, body: Doc, by: str) -> Doc:
        """Replace the input of a waiting call and let it run, in one step; returns the confirmation.

        Both are one append, so that nobody's yes to the old input can let the new one run.
        """
        confirmation = {"type": "user.tool_confirmation", "tool_use_id": call_id, "result": "allow"}
        made: list[Doc] = []

        def drafts(runner: SessionRunner) -> Sequence[Draft]:
            state, stamp = runner.state, runner.stamp
            new = approvals.new_input(state, call_id, body)
            inbox.check(state, [confirmation])
            queued = stamp.queued(confirmation, by)
            made.append(queued.event)
            if new == state.calls[call_id].input:
                return [queued]
            change = {"call_id": call_id, "input": new, "by": by}
            return [stamp.private(approvals.INPUT, change), queued]

        await self._manager.record(session_id, drafts)
        return made[-1]


def _shown(rules: dict[str, Doc]) -> list[Doc]:
    return [
        {"id": id, "tool": rule["tool"], "server": rule["server"], "by": rule["by"], "at": rule["at"]}
        for id, rule in rules.items()
    ]
