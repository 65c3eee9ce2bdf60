"""``/v1/sessions/{id}/threads``. Source: spec section 15.3.

A session has its primary thread only. What happens in it is what happens in the session, so its events
are the session's, all of them.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.domain.threads import primary
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.server.events import EventPages, EventStreams
from jupyter_agents.server.handlers import Handler, check_limit
from jupyter_agents.store.catalog import Page
from jupyter_agents.store.pages import Cursor, parse_cursor

LIST = wire.query(wire.ThreadList)
LIST_EVENTS = wire.query(wire.ThreadEventList)

MOST_THREADS = 1000

Doc = dict[str, Any]


def _threads(handler: Handler, session_id: str) -> list[Doc]:
    """The threads of a session, oldest first. Raises `NotFound`."""
    doc = handler.context.catalog.get("session", session_id)
    return [primary(doc, handler.context.manager.present(doc))]


def _thread(handler: Handler, session_id: str, thread_id: str) -> Doc:
    for thread in _threads(handler, session_id):
        if thread["id"] == thread_id:
            return thread
    raise NotFound(f"Thread `{thread_id[:100]}` not found in this session.", code="thread_not_found")


class Threads(Handler):
    """The collection."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """List the threads of a session, oldest first."""
        found = _threads(self, session_id)
        given = self.arguments(LIST)
        limit = check_limit(given.get("limit"), MOST_THREADS, MOST_THREADS)
        cursor = parse_cursor(given.get("page"), "asc", str, str)
        if cursor is not None:
            found = [t for t in found if _place(t) > cursor.key]
        if given.get("statuses"):
            found = [t for t in found if t["status"] in given["statuses"]]
        more = Cursor("asc", _place(found[limit - 1])) if len(found) > limit else None
        self.reply_page(Page(found[:limit], more), dict)


def _place(thread: Doc) -> tuple[str, str]:
    return thread["created_at"], thread["id"]


class Thread(Handler):
    """One thread."""

    @authenticated
    @authorized
    async def get(self, session_id: str, thread_id: str) -> None:
        """Retrieve a thread."""
        self.reply(_thread(self, session_id, thread_id))


class ArchiveThread(Handler):
    """Archiving."""

    @authenticated
    @authorized
    async def post(self, session_id: str, thread_id: str) -> None:
        """The primary thread lives as long as its session."""
        _thread(self, session_id, thread_id)
        raise InvalidRequest(
            "The primary thread ends with its session and cannot be archived by itself; archive the session."
        )


class ThreadEvents(EventPages):
    """A thread's events."""

    @authenticated
    @authorized
    async def get(self, session_id: str, thread_id: str) -> None:
        """List a thread's events, oldest first."""
        _thread(self, session_id, thread_id)
        await self.reply_events(session_id, self.arguments(LIST_EVENTS))


class ThreadStream(EventStreams):
    """A thread's stream."""

    @authenticated
    @authorized
    async def get(self, session_id: str, thread_id: str) -> None:
        """Stream a thread's events."""
        _thread(self, session_id, thread_id)
        await self.stream_events(session_id)


ROUTES = [
    (r"/v1/sessions/([^/]+)/threads", Threads),
    (r"/v1/sessions/([^/]+)/threads/([^/]+)", Thread),
    (r"/v1/sessions/([^/]+)/threads/([^/]+)/archive", ArchiveThread),
    (r"/v1/sessions/([^/]+)/threads/([^/]+)/events", ThreadEvents),
    (r"/v1/sessions/([^/]+)/threads/([^/]+)/stream", ThreadStream),
]
