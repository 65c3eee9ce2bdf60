from __future__ import annotations

import base64
from typing import Any

import pytest

from jupyter_agents.domain import content
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]
DATA = base64.b64encode(b"data").decode()


def block(kind: str, **source: Any) -> Doc:
    return {"type": kind, "source": source}


@pytest.mark.parametrize(
    "good",
    [
        block("image", type="base64", media_type="image/png", data=DATA),
        block("image", type="url", url="https://a.example/x.png"),
        block("image", type="file", file_id="file_1"),
        block("document", type="base64", media_type="application/pdf", data=DATA),
        block("document", type="text", media_type="text/plain", data="words"),
        {"type": "text", "text": "hi"},
        {"type": "search_result", "source": "s", "title": "t", "content": [], "citations": {"enabled": True}},
    ],
)
def test_what_a_model_takes(good: Doc) -> None:
    content.check("content", [good])


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (block("image", type="base64", media_type="image/tiff", data=DATA), "media_type"),
        (block("image", type="base64", media_type="image/png", data=""), "data"),
        (block("image", type="url", url="file:///etc/passwd"), "url"),
        (block("image", type="url", url="https://a.example/" + "x" * 8192), "url"),
        (block("document", type="base64", media_type="text/plain", data=DATA), "media_type"),
        (block("document", type="text", media_type="text/plain", data=" "), "data"),
    ],
)
def test_what_no_model_takes_is_refused_by_name(bad: Doc, field: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^content\.0\.source\.{field}"):
        content.check("content", [bad])


@pytest.mark.parametrize("data", ["%%", "hé", "abc"])
def test_bytes_that_are_no_base64_are_refused_by_name(data: str) -> None:
    bad = block("image", type="base64", media_type="image/png", data=data)
    with pytest.raises(InvalidRequest, match=r"^content\.1\.source\.data: this is not base64"):
        content.check_bytes("content", [block("document", type="base64", data=DATA), bad])


def test_a_search_result_is_looked_into() -> None:
    result = {
        "type": "search_result",
        "source": "s",
        "title": "t",
        "content": [{"type": "text", "text": " "}],
    }
    with pytest.raises(InvalidRequest, match=r"^content\.0\.content\.0\.text"):
        content.check("content", [result])


@pytest.mark.parametrize(
    ("kind", "media_type", "good"),
    [
        ("image", "image/webp", True),
        ("image", "application/pdf", False),
        ("document", "application/pdf", True),
        ("document", "text/csv", True),
        ("document", "image/png", False),
        ("document", "application/zip", False),
    ],
)
def test_which_files_a_block_can_carry(kind: str, media_type: str, good: bool) -> None:
    if good:
        content.check_media_type("f", kind, media_type)
    else:
        with pytest.raises(InvalidRequest):
            content.check_media_type("f", kind, media_type)


def test_files_are_found_and_filled_in() -> None:
    blocks = [
        {"type": "text", "text": "x"},
        block("document", type="file", file_id="file_1") | {"title": "T"},
    ]
    ((position, found),) = content.files(blocks)
    assert position == 1
    filled = content.with_bytes(found, "application/pdf", b"data")
    assert filled["title"] == "T"
    assert filled["source"] == {"type": "base64", "media_type": "application/pdf", "data": DATA}
    text = content.with_bytes(found, "text/csv", b"a,b\xff")
    assert text["source"] == {"type": "text", "media_type": "text/plain", "data": "a,b�"}
