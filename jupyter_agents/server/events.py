"""``/v1/sessions/{id}/events`` and its stream. Source: spec sections 4 and 6."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Literal

from jupyter_server.auth.decorator import authorized
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.streams import Closed, Subscription
from jupyter_agents.server.handlers import Handler, bound, check_limit
from jupyter_agents.store.journal import Filter
from jupyter_agents.store.pages import Cursor, parse_cursor

SEND = wire.strict(wire.EventSend)
LIST = wire.query(wire.EventList)
STREAM = wire.query(wire.EventStream)

MOST_EVENTS = 1000
MOST_DELTAS = 100
KEEPALIVE_SECONDS = 15.0
OPERATORS: tuple[tuple[str, Literal[">", ">=", "<", "<="]], ...] = (
    ("gt", ">"),
    ("gte", ">="),
    ("lt", "<"),
    ("lte", "<="),
)


class Events(Handler):
    """Send and list."""

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Send events: all are taken, durable, or none."""
        sent = await self.context.manager.send(session_id, self.body(SEND)["events"])
        self.reply({"data": sent})

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """List events; those not processed yet stand last."""
        context = self.context
        context.catalog.get("session", session_id)
        given = self.arguments(LIST)
        order = given.get("order", "asc")
        limit = check_limit(given.get("limit"), MOST_EVENTS, MOST_EVENTS)
        cursor = parse_cursor(given.get("page"), order, 1)
        after = None if cursor is None else int(cursor.key[0])
        filter = Filter(tuple(given.get("types") or ()), _bounds(given))
        rows = await asyncio.to_thread(context.journal.page, session_id, filter, order, after, limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        data = [event for _, event in rows]
        if order == "desc" and cursor is None:
            data = self._queued(session_id, filter)[::-1] + data
        elif order == "asc" and not more:
            data += self._queued(session_id, filter)
        next_page = json.dumps(str(Cursor(order, (rows[-1][0],)))) if more else "null"
        self.set_header("Content-Type", "application/json")
        self.finish(f'{{"data":[{",".join(data)}],"next_page":{next_page}}}')

    def _queued(self, session_id: str, filter: Filter) -> list[str]:
        if filter.bounds:
            return []
        queued = self.context.manager.queued(session_id)
        return [json.dumps(e) for e in queued if not filter.types or e["type"] in filter.types]


def _bounds(given: dict[str, Any]) -> tuple[tuple[Literal[">", ">=", "<", "<="], str], ...]:
    return tuple(
        (operator, bound(f"created_at[{suffix}]", given[f"created_at_{suffix}"]))
        for suffix, operator in OPERATORS
        if f"created_at_{suffix}" in given
    )


class EventStream(Handler):
    """Server-sent events, from now on."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """Stream events until the session ends or the client goes away."""
        deltas = self._deltas()
        subscription = self.context.manager.subscribe(session_id, deltas)
        self._reader = asyncio.current_task()
        try:
            self.set_header("Content-Type", "text/event-stream")
            self.set_header("Cache-Control", "no-cache, no-transform")
            self.set_header("X-Accel-Buffering", "no")
            self.write(": connected\n\n")
            await self.flush()
            await self._relay(subscription)
        except (StreamClosedError, asyncio.CancelledError):
            pass
        finally:
            self.context.hub.unsubscribe(session_id, subscription)

    def on_connection_close(self) -> None:
        """Stop at once when the client goes away."""
        super().on_connection_close()
        reader = getattr(self, "_reader", None)
        if reader is not None:
            reader.cancel()

    def _deltas(self) -> tuple[str, ...]:
        if len(self.request.query_arguments.get("event_deltas[]", ())) > MOST_DELTAS:
            raise InvalidRequest(f"event_deltas[]: at most {MOST_DELTAS} values are allowed.")
        return tuple(self.arguments(STREAM).get("event_deltas") or ())

    async def _relay(self, subscription: Subscription) -> None:
        while True:
            try:
                async with asyncio.timeout(KEEPALIVE_SECONDS):
                    first = await subscription.next()
            except TimeoutError:
                self.write(":keepalive\n\n")
            except Closed:
                break
            else:
                for data in (first, *subscription.ready()):
                    self.write(_frame(data))
            await self.flush()
        with contextlib.suppress(StreamClosedError):
            await self.finish()


def _frame(data: str) -> str:
    if data.startswith("error:"):
        return f"event: error\ndata: {data.removeprefix('error:')}\n\n"
    return f"event: message\ndata: {data}\n\n"


ROUTES = [
    (r"/v1/sessions/([^/]+)/events", Events),
    (r"/v1/sessions/([^/]+)/events/stream", EventStream),
]
