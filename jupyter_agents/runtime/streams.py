"""Fan-out of a session's events to its subscribers.

A subscriber that does not read fast enough is dropped, so that memory does not grow.
Source: spec section 6.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jupyter_agents.store.journal import dump

MOST_WAITING = 10_000
PREVIEWED = {"text": "agent.message", "thinking": "agent.thinking"}

Doc = dict[str, Any]


class Closed(Exception):
    """The stream is over."""


@dataclass(eq=False)
class Subscription:
    """One reader. `deltas` are the event types it wants previews of."""

    deltas: frozenset[str] = frozenset()
    started: set[str] = field(default_factory=set)
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING + 1))
    dropped: bool = False

    async def next(self) -> str:
        """The next frame's data as JSON; raises `Closed` at the end."""
        item = await self.queue.get()
        if item is None:
            raise Closed
        return item

    def ready(self) -> list[str]:
        """What can be had without waiting."""
        found: list[str] = []
        while not self.queue.empty():
            item = self.queue.get_nowait()
            if item is None:
                self.queue.put_nowait(None)
                break
            found.append(item)
        return found

    def put(self, data: str | None) -> None:
        """Hand over one frame, or the end; a reader that is too slow is dropped."""
        if self.dropped:
            return
        if data is not None and self.queue.qsize() >= MOST_WAITING:
            self.dropped, data = True, None
        self.queue.put_nowait(data)


class Hub:
    """All subscriptions of one process, by session."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = defaultdict(set)
        self.seen: dict[str, int] = {}

    def subscribe(self, session_id: str, deltas: Iterable[str], seq: int) -> Subscription:
        """Hear of everything behind record `seq` from now on."""
        subscription = Subscription(frozenset(deltas))
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

    def listeners(self, session_id: str) -> int:
        """How many read this session."""
        return len(self._subscriptions.get(session_id, ()))

    def publish(self, session_id: str, event: Doc, seq: int) -> None:
        """Send a durable event to everyone; each record once."""
        readers = self._subscriptions.get(session_id)
        if not readers or seq <= self.seen[session_id]:
            return
        self.seen[session_id] = seq
        data = dump(event)
        for reader in list(readers):
            reader.put(data)

    def preview(self, session_id: str, type: str, event_id: str, index: int, text: str) -> None:
        """Send a preview to those who asked for it: its start once, then its text."""
        for reader in list(self._subscriptions.get(session_id, ())):
            if type not in reader.deltas:
                continue
            if event_id not in reader.started:
                if index or text:
                    continue
                reader.started.add(event_id)
                reader.put(dump({"type": "event_start", "event": {"type": type, "id": event_id}}))
            if text:
                content = {"type": "text", "text": text}
                delta = {"type": "content_delta", "index": index, "content": content}
                reader.put(dump({"type": "event_delta", "event_id": event_id, "delta": delta}))

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
