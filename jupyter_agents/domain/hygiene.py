"""A thread as the Messages API takes it: no empty blocks, roles in turn, not too many images. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Doc = dict[str, Any]

MAX_IMAGES = 100
STEP = 20
NO_OUTPUT = {"type": "text", "text": "(no output)"}
LEFT_OUT = {"type": "text", "text": "[An image stood here; it was left out, for there are many newer ones.]"}
THINKING = ("thinking", "redacted_thinking")


def clean(messages: Sequence[Doc], *, resumed: bool = True) -> list[Doc]:
    """`messages` with fresh lists of blocks, ready to be sent.

    Empty and blank texts go, and thinking that nothing follows; a message that is left without blocks goes
    with them, and its neighbours become one. Only the newest images stay; the older ones go `STEP` at a
    time, so that the cached part of the request changes seldom.

    resumed: whether the model goes on with its own answer, where that stands last.
    """
    cleaned: list[Doc] = []
    finished = len(messages) - 1 if resumed else len(messages)
    for position, message in enumerate(messages):
        content = [_block(block) for block in message["content"] if not _blank(block)]
        if message["role"] == "assistant" and position < finished:
            content = _finished(content)
        if not content:
            continue
        if cleaned and cleaned[-1]["role"] == message["role"]:
            cleaned[-1]["content"] += content
        else:
            cleaned.append({"role": message["role"], "content": content})
    if cleaned and cleaned[-1]["role"] == "assistant":
        cleaned[-1]["content"] = _stripped(cleaned[-1]["content"])
    _drop_images(cleaned)
    return cleaned


def _blank(block: Doc) -> bool:
    if block["type"] == "text":
        return not block["text"].strip()
    return block["type"] == "thinking" and not isinstance(block.get("signature"), str)


def _block(block: Doc) -> Doc:
    if block["type"] == "tool_use" and not isinstance(block["input"], dict):
        return block | {"input": {}}
    if block["type"] == "tool_result":
        return block | {"content": [part for part in block["content"] if not _blank(part)] or [NO_OUTPUT]}
    return block


def _finished(content: list[Doc]) -> list[Doc]:
    while content and content[-1]["type"] in THINKING:
        content = content[:-1]
    return content


def _stripped(content: list[Doc]) -> list[Doc]:
    """An answer that stands last may not end in white space."""
    if content and content[-1]["type"] == "text":
        return [*content[:-1], content[-1] | {"text": content[-1]["text"].rstrip()}]
    return content


def _drop_images(messages: Sequence[Doc]) -> None:
    places = [*_images(messages)]
    above = len(places) - MAX_IMAGES
    if above > 0:
        for content, position in places[: -(-above // STEP) * STEP]:
            content[position] = LEFT_OUT


def _images(messages: Sequence[Doc]) -> Iterator[tuple[list[Doc], int]]:
    """Where the images are, oldest first: a list of blocks and the position in it."""
    for message in messages:
        for position, block in enumerate(message["content"]):
            if block["type"] == "image":
                yield message["content"], position
            elif block["type"] == "tool_result":
                inner = block["content"]
                yield from ((inner, n) for n, part in enumerate(inner) if part["type"] == "image")
