"""An answer of the Messages API as a fold over the events of its stream.

Pure. Blocks stay as the endpoint sent them, for they go back to it as they are; only what the server reads
of them is checked. Source: the Messages API's streaming events, as the ``anthropic`` package adds them up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

Doc = dict[str, Any]

STRANGE = "it is not what the Messages API sends."
COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
UNSENT = ("citations", "caller", "parsed_output", "encrypted_content")
"""Fields of a block that are left out where they are null: an endpoint may refuse them so."""

NEEDED = {"text": ("text",), "thinking": ("thinking",), "tool_use": ("id", "name")}
"""What must be text in a block, by its type."""


@dataclass
class Arriving:
    """What has come of one answer. Text of a block that grows is kept in parts until it is whole.

    Raises
    ------
    ValueError
        From `take` and the properties: the events are not an answer's.
    """

    message: Doc = field(default_factory=dict)
    blocks: list[Doc] = field(default_factory=list)
    usage: Doc = field(default_factory=dict)
    _parts: dict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, event: Any) -> tuple[int, str, str] | None:
        """Add one event. Returns, of a block that begins or a text that grows, index, type and new text."""
        try:
            return self._take(event)
        except (TypeError, KeyError, IndexError, AttributeError):
            raise ValueError(STRANGE) from None

    def _take(self, event: Any) -> tuple[int, str, str] | None:
        match event["type"]:
            case "message_start":
                self.message = dict(event["message"])
                self.usage = dict(self.message.get("usage") or {})
            case "content_block_start":
                block = dict(event["content_block"])
                _text(block["type"])
                self.blocks.append(block)
                return event["index"], block["type"], ""
            case "content_block_delta":
                index, delta = event["index"], event["delta"]
                return self._grow(index, self.blocks[index], delta)
            case "message_delta":
                delta = event["delta"]
                self.message |= {key: delta.get(key) for key in ("stop_reason", "stop_details")}
                used = event.get("usage") or {}
                self.usage |= {key: value for key, value in used.items() if value is not None}
        return None

    def _grow(self, index: int, block: Doc, delta: Doc) -> tuple[int, str, str] | None:
        match delta["type"]:
            case "text_delta":
                self._parts[index, "text"].append(_text(delta["text"]))
                return index, "text", delta["text"]
            case "thinking_delta":
                self._parts[index, "thinking"].append(_text(delta["thinking"]))
            case "input_json_delta":
                self._parts[index, "input"].append(_text(delta["partial_json"]))
            case "signature_delta":
                block["signature"] = delta["signature"]
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or []), delta["citation"]]
            case "compaction_delta":
                block |= {k: delta[k] for k in ("content", "encrypted_content") if k in delta}
        return None

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped; None where the answer broke off."""
        found = self.message.get("stop_reason")
        return None if found is None else _text(found)

    @property
    def content(self) -> list[Doc]:
        """The blocks as far as they have come; an input that was cut short holds what was there of it."""
        try:
            return [self._whole(index, block) for index, block in enumerate(self.blocks)]
        except (TypeError, KeyError):
            raise ValueError(STRANGE) from None

    def _whole(self, index: int, block: Doc) -> Doc:
        block = {key: value for key, value in block.items() if not (key in UNSENT and value is None)}
        for key in ("text", "thinking"):
            if (index, key) in self._parts:
                block[key] = block[key] + "".join(self._parts[index, key])
        if given := "".join(self._parts.get((index, "input"), ())):
            block["input"] = from_json(given, allow_partial=True)
        for key in NEEDED.get(block["type"], ()):
            _text(block[key])
        return block

    @property
    def counts(self) -> Doc:
        """Token counts; those of the endpoint's own compaction are told apart there, and belong to it."""
        try:
            return _counts(self.usage)
        except (TypeError, KeyError, AttributeError):
            raise ValueError(STRANGE) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _counts(usage: Doc) -> Doc:
    iterations = usage.get("iterations") or []
    parts = [usage, *(part for part in iterations if part["type"] == "compaction")]
    counts = {key: sum(int(part.get(key) or 0) for part in parts) for key in COUNTS}
    hourly = [
        int(part["cache_creation"].get("ephemeral_1h_input_tokens") or 0)
        for part in parts
        if part.get("cache_creation")
    ]
    counts |= {"ephemeral_1h_input_tokens": sum(hourly)} if hourly else {}
    searches = (usage.get("server_tool_use") or {}).get("web_search_requests")
    return counts | ({"web_search_requests": int(searches)} if searches else {})
