"""Keeping a long conversation within the model's context window.

The journal keeps everything; what is sent to the model gets shorter: a summary, then the newest
messages as they were. All pure; `messages` is a Messages thread as `state.State` has it.
Source: spec sections 4.3, 4.5 and 5.6; docs/long-conversations.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_agents.domain import pricing

Doc = dict[str, Any]

MAX_COMPACTIONS = 3
FULL = 0.8
KEPT = (4, 2, 0)
ROOM = (0.5, 0.25, 0.06)
SUMMARY_TOKENS = 16_000

INSTRUCTION = """\
This conversation is about to be shortened: only your next answer and the newest messages will be left \
of it. Answer with a summary of everything up to here, from which you can go on without the rest. Use no \
tool. Write down:
- what the user asked for, every wish and limit in the user's own words, and what was asked last;
- what was done and found, with the exact names, paths, commands, numbers and messages that still matter;
- what was tried and did not work, and why;
- what is under way, and what comes next."""

INTRODUCTION = "The conversation up to here was too long to be kept. This is your summary of it:"
GO_ON: Doc = {"type": "text", "text": "Go on from here."}
SUMMARIZE = {"type": "summarize"}


def threshold(model_id: str) -> int:
    """The tokens in the context, at which it is shortened before the next request."""
    facts = pricing.model(model_id)
    return int(FULL * (facts.window - facts.max_tokens))


def room(model_id: str, attempt: int, *, exceeded: bool) -> int | None:
    """The tokens that what is summarised may take, by estimate; None: it is sent as it is.

    Parameters
    ----------
    attempt:
        How many compactions since the last that helped.
    exceeded:
        Whether the endpoint has said that the conversation is too long.
    """
    if attempt == 0 and not exceeded:
        return None
    return int(pricing.model(model_id).window * ROOM[min(attempt, len(ROOM) - 1)])


def cut(messages: Sequence[Doc], attempt: int) -> int:
    """The place in the thread from which messages stay as they are; those before it are summarised.

    Never between a call and its result, and never before the first message.
    """
    kept = min(KEPT[min(attempt, len(KEPT) - 1)], len(messages) // 2)
    start = len(messages) - kept
    while start < len(messages) and answers_calls(messages[start]):
        start += 1
    return start


def answers_calls(message: Mapping[str, Any]) -> bool:
    """Whether `message` holds results of the calls in the message before it."""
    return any(block["type"] == "tool_result" for block in message["content"])


def asking(request: Doc, *, native: bool) -> Doc:
    """`request` turned into one for a summary of its messages.

    native: the endpoint summarises by itself (the Messages API's ``compaction``); else the model is told to.
    """
    if native:
        return request | {"compaction": SUMMARIZE}
    return request | {
        "max_tokens": min(request["max_tokens"], SUMMARY_TOKENS),
        "messages": _with_text(request["messages"], INSTRUCTION),
    }


def summary_of(content: Sequence[Doc]) -> Doc | None:
    """The block that stands for what was summarised, from the answer to such a request; None without one."""
    for block in content:
        if block["type"] == "compaction" and block.get("content"):
            return block
    said = "".join(block["text"] for block in content if block["type"] == "text").strip()
    return _as_text(said) if said else None


def compacted(messages: Sequence[Doc], summary: Doc, start: int) -> list[Doc]:
    """The thread with `summary` in place of what came before `start`."""
    kept = list(messages[start:])
    if summary["type"] == "compaction":
        bridge = [{"role": "user", "content": [GO_ON]}] if kept and kept[0]["role"] == "assistant" else []
        return [{"role": "assistant", "content": [summary]}, *bridge, *kept]
    if kept and kept[0]["role"] == "user":
        return [{"role": "user", "content": [summary, *kept[0]["content"]]}, *kept[1:]]
    return [{"role": "user", "content": [summary]}, *kept]


def plain(messages: Sequence[Doc]) -> list[Doc]:
    """The thread for an endpoint that does not know compaction blocks: their summaries as the user's text."""
    if not has_block(messages):
        return list(messages)
    first, *rest = messages
    texts = [_as_text(b["content"]) for b in first["content"] if b["type"] == "compaction"]
    if rest and rest[0]["role"] == "user":
        texts += rest.pop(0)["content"]
    return [{"role": "user", "content": texts}, *rest]


def has_block(messages: Sequence[Doc]) -> bool:
    """Whether the thread begins with a compaction block."""
    return bool(messages) and any(block["type"] == "compaction" for block in messages[0]["content"])


def spelled_out(request: Mapping[str, Any]) -> Doc:
    """`request` without the Messages API's own compaction: what it asks for in plain words."""
    bare = {k: v for k, v in request.items() if k != "compaction"}
    bare["messages"] = plain(request["messages"])
    return asking(bare, native=False) if "compaction" in request else bare


def _with_text(messages: Sequence[Doc], text: str) -> list[Doc]:
    block = {"type": "text", "text": text}
    if messages and messages[-1]["role"] == "user":
        return [*messages[:-1], {"role": "user", "content": [*messages[-1]["content"], block]}]
    return [*messages, {"role": "user", "content": [block]}]


def _as_text(summary: str) -> Doc:
    return {"type": "text", "text": f"{INTRODUCTION}\n\n<summary>\n{summary}\n</summary>"}
