"""A compaction: the model, or its endpoint, is asked for a summary, which takes the place of what it sums up.

It is a model request as any other: it has its span, its usage counts, it is recorded, and it can be
interrupted. Source: spec sections 4.3 and 5.6, docs/long-conversations.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jupyter_agents.domain import compaction, events
from jupyter_agents.domain.events import Draft
from jupyter_agents.domain.prompt import build_request
from jupyter_agents.errors import ApiError, ModelError
from jupyter_agents.runtime.answers import failed, response

if TYPE_CHECKING:
    from jupyter_agents.runtime.loop import Session

Doc = dict[str, Any]


async def compact(session: Session, messages: Sequence[Doc]) -> None:
    """Ask for the summary and record it. Without one, only the request's end is recorded.

    messages: queued user messages, which are taken first: a turn begins with its message.
    """
    echoes = [session.stamp.event(message) for message in messages]
    start = session.stamp.event({"type": "span.model_request_start"}, {"compaction": True})
    await session.append([*echoes, start])
    await session.append(await _summarised(session, start.event["id"]))


async def _summarised(session: Session, start_id: str) -> list[Draft]:
    state, stamp = session.state, session.stamp
    request = await asyncio.to_thread(build_request, state, session.dropped())
    try:
        answer = await session.model().answer(await session.resolve(request), _unseen)
    except ModelError as error:
        return failed(stamp, state, start_id, error)
    except ApiError as error:
        fault = ModelError(error.message, type="unknown_error", transient=False)
        return failed(stamp, state, start_id, fault)
    drafts = []
    summary = compaction.summary_of(answer.content)
    if summary is not None:
        start = compaction.cut(state.messages, state.window.attempts)
        body = {"type": "agent.thread_context_compacted"}
        drafts.append(stamp.event(body, {"summary": summary, "from": start}))
    end = events.request_end(start_id, answer.usage, is_error=False)
    return [*drafts, stamp.event(end, response(answer))]


def _unseen(kind: str, index: int, text: str) -> None:
    """A summary is no message: nobody is shown how it comes in."""
