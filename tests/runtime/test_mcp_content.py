from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp import types

from jupyter_agents.runtime.mcp_content import MOST_CHARACTERS, shorten, tool_result
from jupyter_agents.sandbox.base import ToolResult
from tests.mcp_servers import PNG

Doc = dict[str, Any]

IMAGE = base64.b64encode(PNG).decode()
PDF = base64.b64encode(b"%PDF-1.7 ...").decode()


def shown(*items: Doc, **more: Any) -> list[Doc]:
    return tool_result(types.CallToolResult.model_validate({"content": items, **more})).content


def resource(**fields: Any) -> Doc:
    return {"type": "resource", "resource": {"uri": "file:///a", **fields}}


@pytest.mark.parametrize(
    ("item", "kind", "words"),
    [
        ({"type": "text", "text": "hi"}, "text", "hi"),
        ({"type": "image", "data": IMAGE, "mimeType": "image/png"}, "image", IMAGE),
        ({"type": "image", "data": IMAGE, "mimeType": "image/jpeg"}, "text", "cannot be shown"),
        ({"type": "image", "data": "%%%", "mimeType": "image/png"}, "text", "cannot be shown"),
        ({"type": "image", "data": IMAGE, "mimeType": "image/svg+xml"}, "text", "svg"),
        (
            {"type": "image", "data": IMAGE + "A" * 6_000_000, "mimeType": "image/png"},
            "text",
            "cannot be shown",
        ),
        ({"type": "audio", "data": "", "mimeType": "audio/wav"}, "text", "Audio (audio/wav)"),
        (resource(text="inside"), "document", "inside"),
        (resource(blob=PDF, mimeType="application/pdf"), "document", PDF),
        (resource(blob=IMAGE, mimeType="image/png"), "image", IMAGE),
        (resource(blob=IMAGE, mimeType="application/zip"), "text", "file:///a (application/zip)"),
        (resource(blob=IMAGE, mimeType="application/pdf"), "text", "cannot be shown"),
        ({"type": "resource_link", "uri": "file:///a", "name": "A", "description": "B"}, "text", "A - B"),
    ],
)
def test_each_kind_of_content(item: Doc, kind: str, words: str) -> None:
    (block,) = shown(item)
    assert block["type"] == kind and words in str(block)


def test_blank_text_is_left_out_because_models_refuse_it() -> None:
    assert shown({"type": "text", "text": " \n"}) == [{"type": "text", "text": "(no output)"}]
    assert shown(resource(text="")) == [{"type": "text", "text": "(no output)"}]


def test_structured_content_stands_in_where_there_is_no_other() -> None:
    assert shown(structuredContent={"a": 1}) == [{"type": "text", "text": '{"a": 1}'}]


def test_an_error_without_words_says_so() -> None:
    found = tool_result(types.CallToolResult(content=[], is_error=True))
    assert found.is_error and "no reason" in found.content[0]["text"]


def test_long_text_is_cut_across_blocks() -> None:
    document = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "y" * 60_000},
    }
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}}
    given = [{"type": "text", "text": "x" * 60_000}, document, image, {"type": "text", "text": "z"}]
    found = shorten(ToolResult(given)).content
    texts = [block["text"] for block in found if block["type"] == "text"]
    assert len(texts[0]) + len(texts[1]) == MOST_CHARACTERS and image in found
    assert "20001 characters were cut off" in texts[-1]
