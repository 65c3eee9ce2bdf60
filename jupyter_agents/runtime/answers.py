"""One answer of the model as events, and their previews while it arrives.

Source: spec sections 4.3, 6.4 and 25 (order).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from jupyter_agents.domain import approvals, events, mcp, permissions
from jupyter_agents.domain.events import Draft, Stamp
from jupyter_agents.domain.permissions import Verdict
from jupyter_agents.domain.sessions import MAX_FAILURES
from jupyter_agents.domain.state import State
from jupyter_agents.domain.tools import OFFERED
from jupyter_agents.domain.window import EXCEEDED
from jupyter_agents.errors import ModelError
from jupyter_agents.runtime.model import Answer

Doc = dict[str, Any]

CUTTING = ("max_tokens", EXCEEDED)
CUT = (
    "Your answer reached its token limit before this call was complete, so nothing was run. "
    "Split the work into smaller calls."
)


class Previews:
    """Gives the events of an answer their ids as its blocks begin, and sends their previews.

    Neighbouring text blocks are one ``agent.message``; a block without text has no place in it.

    Parameters
    ----------
    new_id:
        Makes event ids.
    send:
        Takes an event type, its id, the index of the content block and the text that was added; the
        first for an id and a block has no text. Not called before `release`.
    """

    def __init__(self, new_id: Callable[[], str], send: Callable[[str, str, int, str], None]) -> None:
        self._new_id = new_id
        self._to = send
        self._held: list[tuple[str, str, int, str]] | None = []
        self._message: tuple[str, int] | None = None
        self._block: int | None = None
        self.ids: dict[int, str] = {}

    def __call__(self, kind: Literal["text", "thinking", "other"], index: int, text: str) -> None:
        """See `model.Preview`."""
        if kind == "thinking" and index not in self.ids:
            self.ids[index] = self._new_id()
            self._send("agent.thinking", self.ids[index], 0, "")
        if kind != "text":
            self._message = None
        elif text:
            self._text(index, text)

    def release(self, _: object = None) -> None:
        """Send what was held back, and from now on at once."""
        held, self._held = self._held or [], None
        for preview in held:
            self._to(*preview)

    def _send(self, *preview: *tuple[str, str, int, str]) -> None:
        if self._held is None:
            self._to(*preview)
        else:
            self._held.append(preview)

    def _text(self, index: int, text: str) -> None:
        if self._message is None:
            self._message = (self._new_id(), 0)
            self._send("agent.message", self._message[0], 0, "")
        elif self._block != index:
            self._message = (self._message[0], self._message[1] + 1)
        self._block = index
        event_id, place = self._message
        self.ids[index] = event_id
        self._send("agent.message", event_id, place, text)


def verdicts(agent: Doc, listed: mcp.Listed, answer: Answer, said: Sequence[str]) -> dict[int, Verdict]:
    """Whether the calls of an answer may run, by the block's index.

    listed: what the MCP servers list. said: the texts of the client's user messages. It takes some
    milliseconds a call.
    """
    return {
        index: _verdict(agent, listed, block, said)
        for index, block in enumerate(answer.content)
        if block["type"] == "tool_use"
    }


def _verdict(agent: Doc, listed: mcp.Listed, block: Doc, said: Sequence[str]) -> Verdict:
    target = mcp.find(agent, listed, block["name"])
    if target is not None:
        return permissions.judge_mcp(agent, target, _given(block), said)
    return permissions.judge(agent, block["name"], OFFERED, _given(block), said)


def answered(
    stamp: Stamp,
    state: State,
    start_id: str,
    request: Doc,
    answer: Answer,
    ids: dict[int, str],
    judged: dict[int, Verdict],
) -> list[Draft]:
    """The events of one answer, in the order of its blocks, then the end of its span.

    ids: what `Previews` gave out, judged: what `verdicts` said, both by the block's index. The request
    is recorded without its messages, and only where it differs from the last one.
    """
    drafts: list[Draft] = []
    texts: list[tuple[int, str]] = []
    cut = answer.stop_reason in CUTTING and _ends_in_call(answer)

    def flush() -> None:
        if texts:
            body = {"type": "agent.message", "content": [{"type": "text", "text": text} for _, text in texts]}
            drafts.append(stamp.event(body | _known_id(ids, texts[0][0])))
            texts.clear()

    for index, block in enumerate(answer.content):
        kind = block["type"]
        if kind == "text":
            if block["text"]:
                texts.append((index, block["text"]))
            continue
        flush()
        if kind in ("thinking", "redacted_thinking"):
            drafts.append(stamp.event({"type": "agent.thinking"} | _known_id(ids, index)))
        elif kind == "tool_use":
            is_cut = cut and index == len(answer.content) - 1
            verdict = Verdict("deny", None, CUT) if is_cut else judged[index]
            drafts.append(_tool_use(stamp, state, block, verdict))
    flush()
    end = events.request_end(start_id, answer.usage, is_error=False)
    params = {k: v for k, v in request.items() if k != "messages"}
    changed = {} if params == state.params else {"request": params}
    return [*drafts, stamp.event(end, changed | response(answer, cut=cut))]


def failed(stamp: Stamp, state: State, start_id: str, error: ModelError) -> list[Draft]:
    """The events of a failed request: tried again, or given up (spec section 5.6).

    One that was too long is only marked as such: the next step is a compaction.
    """
    end = events.request_end(start_id, {}, is_error=True)
    if error.too_long:
        return [stamp.event(end, {"exceeded": True})]
    again = error.transient and state.failures + 1 < MAX_FAILURES
    bodies = [end, events.error(error.type, error.message, "retrying" if again else "exhausted")]
    if again:
        bodies += events.rescheduled(state.primary)
    return [stamp.event(body) for body in bodies]


def response(answer: Answer, *, cut: bool = False) -> Doc:
    """What the end of a request's span keeps in private. cut: its last call was cut short."""
    return {
        "response": {
            "content": answer.content,
            "stop_reason": answer.stop_reason,
            "stop_details": answer.stop_details,
            "model": answer.model,
            "id": answer.id,
        },
        "usage": answer.usage,
        "cut": cut,
        "replayed": answer.replayed,
    }


def _known_id(ids: dict[int, str], index: int) -> Doc:
    return {"id": ids[index]} if index in ids else {}


def _ends_in_call(answer: Answer) -> bool:
    return bool(answer.content) and answer.content[-1]["type"] == "tool_use"


def _given(block: Doc) -> Doc:
    return block["input"] if isinstance(block["input"], dict) else {}


def _tool_use(stamp: Stamp, state: State, block: Doc, verdict: Verdict) -> Draft:
    agent = state.session["agent"]
    name, given = block["name"], _given(block)
    private = {"tool_use_id": block["id"]}
    custom = any(t["type"] == "custom" and t["name"] == name for t in agent["tools"])
    if custom and verdict.reason != CUT:
        body = {"type": "agent.custom_tool_use", "name": name, "input": given}
        return stamp.event(body, private)
    target = mcp.find(agent, state.mcp, name)
    rule = approvals.ruled(state, name, target)
    if rule is not None and verdict.permission == "ask":
        verdict = permissions.allowed_always(verdict)
        private["rule"] = rule
    use: Doc = {"type": "agent.tool_use", "name": name}
    if target is not None:
        use = {"type": "agent.mcp_tool_use", "mcp_server_name": target.server, "name": target.name}
        private["url"] = target.url
    body = use | {
        "input": given,
        "evaluated_permission": verdict.permission,
    }
    if verdict.evaluation is not None:
        body["evaluation"] = verdict.evaluation
    return stamp.event(body, private | {"reason": verdict.reason})
