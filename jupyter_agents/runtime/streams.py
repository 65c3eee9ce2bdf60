"""Fan-out of a session's events to its subscribers.

A subscriber that does not read fast enough is dropped, so that memory does not grow.
Source: spec section 6.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from jupyter_agents.store.journal import dump

MOST_WAITING = 10_000
MOST_BYTES = 8 * 1024 * 1024

Doc = dict[str, Any]


class Closed(Exception):
    """The stream is over."""


class Subscription:
    """One reader.

    At most `MOST_WAITING` frames wait for it, of `MOST_BYTES` characters and one frame more.

    Parameters
    ----------
    deltas:
        The event types that it wants previews of.

    Attributes
    ----------
    on_dropped:
        Called when it was too slow and is heard of no more.
    """

    def __init__(self, deltas: Iterable[str] = ()) -> None:
        self.deltas = frozenset(deltas)
        self.started: set[str] = set()
        self.closed = False
        self.on_dropped: Callable[[], None] = _nothing
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._news = asyncio.Event()

    async def next(self) -> str:
        """The next frame's data as JSON; raises `Closed` at the end."""
        while not self._waiting:
            if self.closed:
                raise Closed
            self._news.clear()
            await self._news.wait()
        return self._take()

    def ready(self) -> list[str]:
        """What can be had without waiting."""
        return [self._take() for _ in range(len(self._waiting))]

    def put(self, data: str | None) -> None:
        """Hand over one frame, or the end; a reader that is too slow loses what waits, and ends."""
        if self.closed:
            return
        if data is None:
            self.closed = True
        elif len(self._waiting) >= MOST_WAITING or self._bytes >= MOST_BYTES:
            self._waiting.clear()
            self.closed = True
            self.on_dropped()
        else:
            self._waiting.append(data)
            self._bytes += len(data)
        self._news.set()

    def _take(self) -> str:
        data = self._waiting.popleft()
        self._bytes -= len(data)
        return data


def _nothing() -> None:
    pass


class Hub:
    """All subscriptions of one process, by session."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = defaultdict(set)
        self.seen: dict[str, int] = {}

    def subscribe(self, session_id: str, deltas: Iterable[str], seq: int) -> Subscription:
        """Hear of everything behind record `seq` from now on."""
        subscription = Subscription(deltas)
        self._subscriptions[session_id].add(subscription)
        self.seen.setdefault(session_id, seq)
        return subscription

    def unsubscribe(self, session_id: str, subscription: Subscription) -> None:
        """Stop hearing. Idempotent."""
        readers = self._subscriptions.get(session_id, set())
        readers.discard(subscription)
        if not readers:
            self._subscriptions.pop(session_id, None)
            self.seen.pop(session_id, None)

    def sessions(self) -> list[str]:
        """Sessions that somebody listens to."""
        return list(self._subscriptions)

    def publish(self, session_id: str, event: Doc, seq: int) -> None:
        """Send a durable event to everyone; each record once."""
        readers = self._subscriptions.get(session_id)
        if not readers or seq <= self.seen[session_id]:
            return
        self.seen[session_id] = seq
        data = dump(event)
        for reader in list(readers):
            reader.put(data)
            if event["type"] == "span.model_request_end":
                reader.started.clear()

    def preview(self, session_id: str, type: str, event_id: str, index: int, text: str) -> None:
        """Send a preview to those who asked for it: its start once, then its text."""
        readers = [r for r in self._subscriptions.get(session_id, ()) if type in r.deltas]
        if readers and not (index or text):
            start = dump({"type": "event_start", "event": {"type": type, "id": event_id}})
            for reader in readers:
                if event_id not in reader.started:
                    reader.started.add(event_id)
                    reader.put(start)
        if readers and text:
            content = {"type": "content_delta", "index": index, "content": {"type": "text", "text": text}}
            delta = dump({"type": "event_delta", "event_id": event_id, "delta": content})
            for reader in readers:
                if event_id in reader.started:
                    reader.put(delta)

    def fail(self, session_id: str, body: Doc) -> None:
        """Tell readers of a fault that could not be recorded, and end their streams."""
        for reader in list(self._subscriptions.get(session_id, ())):
            reader.put("error:" + dump(body))
            reader.put(None)

    def end(self, session_id: str) -> None:
        """End every stream of a session."""
        for reader in list(self._subscriptions.get(session_id, ())):
            reader.put(None)

    def close(self) -> None:
        """End every stream."""
        for session_id in self.sessions():
            self.end(session_id)
