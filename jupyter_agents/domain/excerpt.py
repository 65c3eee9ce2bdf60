"""A thread cut down to a number of tokens, for a summary of what is too long to be read whole. Pure."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from jupyter_agents.domain.compaction import answers_calls

Doc = dict[str, Any]

CHARACTERS_A_TOKEN = 3
LIMITS = (sys.maxsize, 8000, 800, 80)
FIRST = 10
UNREADABLE = {"image": "[an image]", "document": "[a document]"}


def fit(messages: Sequence[Doc], room: int) -> list[Doc]:
    """`messages` in about `room` tokens: without thinking and images, long texts cut in the middle, and where
    that is not enough without the oldest messages but the first, which may be a summary itself."""
    clipped, sizes = list(messages), [0]
    for limit in LIMITS:
        clipped = [_clipped(m, limit * FIRST if n == 0 else limit) for n, m in enumerate(messages)]
        sizes = [_tokens(message) for message in clipped]
        if sum(sizes) <= room:
            return clipped
    left, start = sum(sizes), 1
    while start < len(clipped) and (left > room or answers_calls(clipped[start])):
        left -= sizes[start]
        start += 1
    return [clipped[0], *clipped[start:]]


def shortened(text: str, limit: int) -> str:
    """`text` in about `limit` characters: its head and its tail."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def _tokens(message: Doc) -> int:
    return len(json.dumps(message, ensure_ascii=False)) // CHARACTERS_A_TOKEN + 1


def _clipped(message: Doc, limit: int) -> Doc:
    blocks = [_block(block, limit) for block in message["content"]]
    return {"role": message["role"], "content": [block for block in blocks if block is not None]}


def _block(block: Doc, limit: int) -> Doc | None:
    match block["type"]:
        case "text":
            return {"type": "text", "text": shortened(block["text"], limit)}
        case "thinking" | "redacted_thinking":
            return None
        case "tool_use":
            given = json.dumps(block["input"], ensure_ascii=False)
            return block if len(given) <= limit else block | {"input": {"cut": shortened(given, limit)}}
        case "tool_result":
            inner = [_block(part, limit) for part in block["content"]]
            return block | {"content": [part for part in inner if part is not None]}
        case kind if kind in UNREADABLE:
            return {"type": "text", "text": UNREADABLE[kind]}
        case _:
            return block
