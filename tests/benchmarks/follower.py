"""A client of many streams at once, through the SDK. Reads its order from standard input."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import anthropic


async def follow(client: anthropic.AsyncAnthropic, id: str, deltas: int, found: dict[str, Any]) -> None:
    """Listen to one session until it is idle; with `deltas`, ask for so many first."""
    seen: list[str] = []
    sessions = client.beta.sessions.events
    async with await sessions.stream(id, event_deltas=["agent.message"]) as stream:
        if deltas:
            content: Any = [{"type": "text", "text": f"paced {deltas}"}]
            await sessions.send(id, events=[{"type": "user.message", "content": content}])
        async for event in stream:
            now = time.time_ns()
            if event.type == "event_delta":
                stamps = event.delta.content.text.split()
                found["late"] += [(now - int(stamp)) / 1e9 for stamp in stamps]
            elif event.type != "event_start":
                seen.append(event.id)
            if event.type == "session.status_idle":
                break
    found["events"][id] = seen


async def main() -> None:
    """Follow all; write ``{"events": ids by session, "late": seconds}``."""
    order = json.load(sys.stdin)
    found: dict[str, Any] = {"events": {}, "late": []}
    limits = anthropic.DefaultAsyncHttpxClient(trust_env=False, timeout=120)
    async with anthropic.AsyncAnthropic(
        base_url=order["url"], auth_token=order["token"], http_client=limits
    ) as client:
        await asyncio.gather(*(follow(client, id, order["deltas"], found) for id in order["ids"]))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
