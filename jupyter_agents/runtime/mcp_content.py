"""What a tool of an MCP server gave back, as wire content. Source: spec sections 4.3, 4.6 and 8.7."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from jupyter_agents.domain.content import IMAGES, PDF
from jupyter_agents.sandbox.base import ToolResult

if TYPE_CHECKING:
    from mcp import types

Doc = dict[str, Any]

MOST_CHARACTERS = 100_000
LARGEST_IMAGE = 5 * 1024 * 1024
SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    PDF: (b"%PDF-",),
}


def tool_result(result: types.CallToolResult) -> ToolResult:
    """The result of a call. Blocks for a large one: to be run in a thread."""
    found = [block for item in result.content for block in _blocks(item)]
    if not found and result.structured_content is not None:
        found = [_text(json.dumps(result.structured_content, ensure_ascii=False))]
    if not found:
        return ToolResult.text(
            "The tool failed and gave no reason." if result.is_error else "", is_error=result.is_error
        )
    return ToolResult(found, result.is_error)


def shorten(result: ToolResult) -> ToolResult:
    """`result` with at most `MOST_CHARACTERS` of text, documents included."""
    kept, left, lost = [], MOST_CHARACTERS, 0
    for block in result.content:
        text = _text_of(block)
        if text is None or len(text) <= left:
            left -= len(text or "")
            kept.append(block)
            continue
        lost += len(text) - left
        if left:
            kept.append(_text(text[:left]))
        left = 0
    if lost:
        kept.append(_note(f"The output was longer: {lost} characters were cut off."))
    return ToolResult(kept, result.is_error)


def _blocks(item: types.ContentBlock) -> list[Doc]:
    match item.type:
        case "text":
            return [_text(item.text)] if item.text.strip() else []
        case "image":
            return [_image(item.mime_type, item.data)]
        case "audio":
            return [_note(f"Audio ({item.mime_type[:100]}), which cannot be shown here.")]
        case "resource_link":
            about = " - ".join(part for part in (item.title or item.name, item.description) if part)
            return [_text(f"{item.uri}\n{about}")]
        case "resource":
            return _resource(item.resource)


def _resource(resource: types.TextResourceContents | types.BlobResourceContents) -> list[Doc]:
    text = getattr(resource, "text", None)
    if text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": text}
        title = str(resource.uri)[:500]
        return [{"type": "document", "source": source, "title": title}] if text.strip() else []
    blob, media_type = str(getattr(resource, "blob", "")), resource.mime_type or "unknown type"
    if media_type in IMAGES:
        return [_image(media_type, blob)]
    if media_type == PDF and _is(PDF, blob):
        return [{"type": "document", "source": {"type": "base64", "media_type": PDF, "data": blob}}]
    return [
        _note(f"The resource {str(resource.uri)[:500]} ({media_type[:100]}), which cannot be shown here.")
    ]


def _image(media_type: str, data: str) -> Doc:
    if media_type not in IMAGES or not _is(media_type, data):
        return _note(f"An image ({media_type[:100]}) that cannot be shown here.")
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _is(media_type: str, data: str) -> bool:
    """Whether `data` is base64 of what it says, and not too large for a model."""
    try:
        found = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(data) <= LARGEST_IMAGE and found.startswith(SIGNATURES[media_type])


def _text_of(block: Doc) -> str | None:
    if block["type"] == "text":
        return str(block["text"])
    return str(block["source"]["data"]) if block["source"]["type"] == "text" else None


def _text(text: str) -> Doc:
    return {"type": "text", "text": text}


def _note(text: str) -> Doc:
    return _text(f"[{text}]")
