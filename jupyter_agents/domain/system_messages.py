"""Whether a ``system.message`` may be sent: its place in the request, its content, the session's model.

Source: spec section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupyter_agents.domain import pricing
from jupyter_agents.domain.state import State
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

RESULTS = ("user.tool_result", "user.custom_tool_result")
MOST_BLOCKS = 1000
UNSUPPORTED = "model_does_not_support_mid_conversation_system"


def check(state: State, events: Sequence[Doc]) -> None:
    """Raises `InvalidRequest` for a system message of `events` that does not fit; others pass."""
    places = [place for place, event in enumerate(events) if event["type"] == "system.message"]
    if not places:
        return
    where = f"events.{places[0]}"
    if len(places) > 1:
        raise InvalidRequest(f"events.{places[1]}: send at most one system.message in a request.")
    if places[0] != len(events) - 1:
        raise InvalidRequest(f"{where}: a system.message must be the last event of its request.")
    _check_before(state, where, [event["type"] for event in events[:-1]])
    _check_content(where, events[places[0]]["content"])
    model = state.session["agent"]["model"]["id"]
    if not pricing.model(model).system_messages:
        raise InvalidRequest(
            f"{where}: the model {model[:100]!r} does not take system messages in mid-conversation; "
            "put the text into the agent's system prompt or into a user.message.",
            code=UNSUPPORTED,
        )


def _check_before(state: State, where: str, sent: Sequence[str]) -> None:
    idle, before = state.status == "idle", sent[-1] if sent else None
    interrupted = "user.interrupt" in (*sent, *(event["type"] for event in state.queue))
    if idle and (state.stopped or {}).get("type") == "budget_reached" and before not in RESULTS:
        raise InvalidRequest(f"{where}: the session has reached its budget and takes no system.message.")
    if idle and state.waiting and not interrupted and before not in RESULTS:
        raise InvalidRequest(
            f"{where}: while the session waits for answers, a system.message must directly follow one of "
            f"{', '.join(RESULTS)}."
        )
    alone = before is None and idle
    if not alone and before not in ("user.message", *RESULTS):
        raise InvalidRequest(
            f"{where}: a system.message must directly follow one of user.message, {', '.join(RESULTS)} "
            "in its request, or stand alone while the session is idle."
        )


def _check_content(where: str, content: Sequence[Doc]) -> None:
    if not 1 <= len(content) <= MOST_BLOCKS:
        raise InvalidRequest(f"{where}.content: give 1 to {MOST_BLOCKS} text blocks.")
    for place, block in enumerate(content):
        if not block["text"].strip():
            raise InvalidRequest(f"{where}.content.{place}.text: must not be empty.")
