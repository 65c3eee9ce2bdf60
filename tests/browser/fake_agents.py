"""A Jupyter server extension with the routes that a live cell output reads, and one to put events in.

Only for tests of the front end: the session is a list in memory, nothing is checked, nothing runs.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

Event = dict[str, Any]

PAGE = 2
"""Few events a page, so that every history is read over several pages."""


class Session:
    """Events in order, and a queue for each open stream; a None in a queue cuts the stream."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.queues: set[asyncio.Queue[Event | None]] = set()
        self.streams_opened = 0
        self.page = PAGE
        self.files: list[Event] = [{"path": "outputs/plot.txt", "kind": "created", "size": 12}]

    def put(self, event: Event) -> None:
        if "id" in event:
            self.events.append(event)
        for queue in self.queues:
            queue.put_nowait(event)

    def cut(self) -> None:
        for queue in self.queues:
            queue.put_nowait(None)


SESSIONS: defaultdict[str, Session] = defaultdict(Session)


class Events(APIHandler):
    @web.authenticated
    def get(self, session_id: str) -> None:
        if session_id not in SESSIONS:
            raise web.HTTPError(404)
        events = SESSIONS[session_id].events[::-1]
        start, size = int(self.get_argument("page", "0")), SESSIONS[session_id].page
        more = start + size if start + size < len(events) else None
        self.finish({"data": events[start : start + size], "next_page": more and str(more)})


class Stream(APIHandler):
    @web.authenticated
    async def get(self, session_id: str) -> None:
        session = SESSIONS[session_id]
        session.streams_opened += 1
        queue = self.queue = asyncio.Queue[Event | None]()
        session.queues.add(queue)
        self.set_header("Content-Type", "text/event-stream")
        try:
            self.write(": connected\n\n")
            await self.flush()
            while (event := await queue.get()) is not None:
                self.write(f"event: message\ndata: {json.dumps(event)}\n\n")
                await self.flush()
        except StreamClosedError:
            pass
        finally:
            session.queues.discard(queue)

    def on_connection_close(self) -> None:
        self.queue.put_nowait(None)


class Changes(APIHandler):
    @web.authenticated
    def get(self, session_id: str) -> None:
        self.finish({"data": SESSIONS[session_id].files})


class Sandbox(APIHandler):
    @web.authenticated
    def get(self, session_id: str) -> None:
        self.finish({"kind": "bubblewrap", "path": "agents/coder-abc123"})


class Control(APIHandler):
    """``POST {"events": [...]}`` puts events in, ``{"cut": true}`` breaks the streams, GET counts.

    ``files`` is what the session changed, ``page`` how many events a page of its history has, ``delete``
    forgets it.
    """

    @web.authenticated
    def get(self, session_id: str) -> None:
        session = SESSIONS[session_id]
        self.finish({"open": len(session.queues), "opened": session.streams_opened})

    @web.authenticated
    def post(self, session_id: str) -> None:
        body = self.get_json_body() or {}
        for event in body.get("events", []):
            SESSIONS[session_id].put(event)
        SESSIONS[session_id].files = body.get("files", SESSIONS[session_id].files)
        SESSIONS[session_id].page = body.get("page", SESSIONS[session_id].page)
        if body.get("cut"):
            SESSIONS[session_id].cut()
        if body.get("delete"):
            SESSIONS.pop(session_id).cut()
        self.finish({})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "fake_agents"}]


def _load_jupyter_server_extension(server_app: Any) -> None:
    root = url_path_join(server_app.web_app.settings["base_url"], "jupyter-agents")
    session = r"sessions/(sesn_\w+)"
    routes = [
        (rf"{root}/v1/{session}/events", Events),
        (rf"{root}/v1/{session}/events/stream", Stream),
        (rf"{root}/local/{session}/changes", Changes),
        (rf"{root}/local/{session}/sandbox", Sandbox),
        (rf"{root}/fake/{session}", Control),
    ]
    server_app.web_app.add_handlers(".*$", routes)
