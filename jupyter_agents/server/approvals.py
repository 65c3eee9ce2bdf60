"""``/local/sessions/{id}``: what waits for a person, and a person's answers beyond the wire's.

Source: docs/local-api.md, docs/approvals.md.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents.errors import InvalidRequest
from jupyter_agents.server.handlers import Handler

Doc = dict[str, Any]

NOTEBOOK = "jupyter-agents/notebook"


def ties(root: str, stored: str | None, notebook: str | None) -> Doc:
    """Whether a session belongs to a notebook.

    Parameters
    ----------
    root:
        The folder that the server serves.
    stored:
        The session's own notebook: an absolute path, or one below `root`.
    notebook:
        The path below `root` of the notebook that asks.

    Returns ``{"tied", "notebook"}``; ``notebook`` is the session's own, below `root`, or None where it
    is not there.
    """
    if not stored or "\0" in stored:
        return {"tied": False, "notebook": None}
    top = os.path.realpath(os.path.expanduser(root))
    own = os.path.realpath(os.path.join(top, stored))
    inside = own.startswith(top.rstrip(os.sep) + os.sep) and own.endswith(".ipynb")
    shown = Path(own).relative_to(top).as_posix() if inside else None
    tied = bool(notebook) and inside and os.path.realpath(os.path.join(top, str(notebook))) == own
    return {"tied": tied, "notebook": shown}


class SessionApprovals(Handler):
    """``local/sessions/{id}/approvals``."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """What waits, what was answered by whom, and whether the session is the asking notebook's."""
        doc = self.context.catalog.get("session", session_id)
        notebook = self.get_query_argument("notebook", "").strip("/")
        if "\0" in notebook or len(notebook) > 4096:
            raise InvalidRequest("notebook: expected the path of a notebook.")
        root = self.settings["server_root_dir"]
        tie = await asyncio.to_thread(ties, root, doc["metadata"].get(NOTEBOOK), notebook)
        found = await self.context.approvals.look(session_id)
        self.reply({"user": self.user_name, **tie, **found})


class SessionRules(Handler):
    """``local/sessions/{id}/rules``."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """The tools that are always allowed in this session."""
        self.context.catalog.get("session", session_id)
        self.reply({"data": await self.context.approvals.rules(session_id)})

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Always allow a tool in this session; again is a no-op."""
        self.context.catalog.get("session", session_id)
        self.reply(await self.context.approvals.allow_always(session_id, self.body(), self.user_name))


class SessionRule(Handler):
    """``local/sessions/{id}/rules/{rule_id}``."""

    @authenticated
    @authorized
    async def delete(self, session_id: str, rule_id: str) -> None:
        """Ask again from the next call on."""
        self.context.catalog.get("session", session_id)
        await self.context.approvals.forget_rule(session_id, rule_id, self.user_name)
        self.reply({"id": rule_id, "type": "rule_deleted"})


class CallInput(Handler):
    """``local/sessions/{id}/calls/{event_id}/input``."""

    @authenticated
    @authorized
    async def post(self, session_id: str, call_id: str) -> None:
        """Change the input of a waiting call and allow it, in one step."""
        self.context.catalog.get("session", session_id)
        sent = await self.context.approvals.allow_with_input(session_id, call_id, self.body(), self.user_name)
        self.reply({"data": [sent]})


ROUTES = [
    (r"/local/sessions/([^/]+)/approvals", SessionApprovals),
    (r"/local/sessions/([^/]+)/rules", SessionRules),
    (r"/local/sessions/([^/]+)/rules/([^/]+)", SessionRule),
    (r"/local/sessions/([^/]+)/calls/([^/]+)/input", CallInput),
]
