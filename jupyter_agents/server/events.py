"""``/v1/sessions/{id}/events`` and its stream. Source: spec sections 4 and 6."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.streams import Closed, Subscription
from jupyter_agents.server.handlers import NO_CURSOR, Handler, bounds, check_limit
from jupyter_agents.store.journal import Filter
from jupyter_agents.store.pages import Cursor, parse_cursor

STRICT = wire.strict(wire.EventSend)
LIST = wire.query(wire.EventList)
STREAM = wire.query(wire.EventStream)

ANSWERED = ("user.tool_confirmation", "user.custom_tool_result", "user.tool_result")
MOST_EVENTS = 1000
MOST_DELTAS = 100
KEEPALIVE_SECONDS = 15.0
STUCK_SECONDS = 60.0

Doc = dict[str, Any]


def validate(body: object) -> Doc:
    """A request to send events. Older clients name a thread in an answer, which is passed over (4.2)."""
    if isinstance(body, dict) and isinstance(body.get("events"), list):
        body = body | {"events": [_without_thread(event) for event in body["events"]]}
    return STRICT(body)


def _without_thread(event: Any) -> Any:
    if not isinstance(event, dict) or event.get("type") not in ANSWERED:
        return event
    return {key: value for key, value in event.items() if key != "session_thread_id"}


class EventPages(Handler):
    """Lists of events."""

    async def reply_events(self, session_id: str, given: Doc) -> None:
        """Answer one page; events not processed yet stand last. `given` is the query."""
        context = self.context
        order = given.get("order", "asc")
        limit = check_limit(given.get("limit"), MOST_EVENTS, MOST_EVENTS)
        cursor = parse_cursor(given.get("page"), order, int, str, str)
        seq, place, of = (None, None, session_id) if cursor is None else cursor.key
        if of != session_id:
            raise InvalidRequest(NO_CURSOR)
        filter = Filter(tuple(given.get("types") or ()), tuple(bounds(given, place)))
        queued = self._queued(session_id, filter)
        rows = await asyncio.to_thread(context.journal.page, session_id, filter, order, seq, limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        processed = {row.id for row in rows}
        waiting = [json.dumps(event) for event in queued if event["id"] not in processed]
        data = [row.event for row in rows]
        if order == "desc" and cursor is None:
            data = waiting[::-1] + data
        elif order == "asc" and not more:
            data += waiting
        following = Cursor(order, (rows[-1].seq, rows[-1].processed_at, session_id)) if more else None
        next_page = "null" if following is None else json.dumps(str(following))
        self.set_header("Content-Type", "application/json")
        self.finish(f'{{"data":[{",".join(data)}],"next_page":{next_page}}}')

    def _queued(self, session_id: str, filter: Filter) -> list[Doc]:
        """Taken before the page is read, so that an event processed meanwhile is in one of the two."""
        if filter.bounds:
            return []
        queued = self.context.manager.queued(session_id)
        return [event for event in queued if not filter.types or event["type"] in filter.types]


class Events(EventPages):
    """Send and list."""

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Send events: all are taken, durable, or none."""
        sent = await self.context.manager.send(session_id, self.body(validate)["events"], self.user_name)
        self.reply({"data": sent})

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """List events."""
        self.context.catalog.get("session", session_id)
        await self.reply_events(session_id, self.arguments(LIST))


class EventStreams(Handler):
    """Server-sent events, from now on."""

    async def stream_events(self, session_id: str) -> None:
        """Stream events until the session ends or the client goes away."""
        deltas = self._deltas()
        subscription = self.context.manager.subscribe(session_id, deltas)
        self._reader = asyncio.current_task()
        subscription.on_dropped = self._cut_off
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
            await self._flush()
        with contextlib.suppress(StreamClosedError):
            await self.finish()

    async def _flush(self) -> None:
        """Hand over what is written; a reader that takes nothing for long is cut off."""
        sent = self.flush()
        if sent.done():
            return sent.result()
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                await sent
        except TimeoutError:
            self._cut_off()
            raise StreamClosedError from None

    def _cut_off(self) -> None:
        """Close the connection: its client lists what it missed when it comes again."""
        self.request.connection.stream.close()  # type: ignore[union-attr]


class EventStream(EventStreams):
    """The session's stream."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """Stream the session's events."""
        await self.stream_events(session_id)


def _frame(data: str) -> str:
    if data.startswith("error:"):
        return f"event: error\ndata: {data.removeprefix('error:')}\n\n"
    return f"event: message\ndata: {data}\n\n"


ROUTES = [
    (r"/v1/sessions/([^/]+)/events", Events),
    (r"/v1/sessions/([^/]+)/events/stream", EventStream),
]
