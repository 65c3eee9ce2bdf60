from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from jupyter_agents.errors import InvalidRequest
from jupyter_agents.store.pages import PREFIX, Cursor, parse_cursor


def forged(*parts: Any) -> str:
    return PREFIX + base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize("cursor", [Cursor("asc", (3, "x")), Cursor("desc", (2**60, "y"), back=True)])
def test_a_cursor_comes_back(cursor: Cursor) -> None:
    assert parse_cursor(str(cursor), cursor.order, int, str) == cursor


def test_no_cursor_is_none() -> None:
    assert parse_cursor(None, "asc", int) is None


def test_another_order_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="order 'asc'"):
        parse_cursor(str(Cursor("asc", (1,))), "desc", int)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "page_",
        "page_%%%",
        "page_é",
        "nonsense",
        str(Cursor("asc", (1,))).removeprefix(PREFIX),
        forged("asc", ["x"], False),
        forged("asc", [True], False),
        forged("asc", [1.5], False),
        forged("asc", [None], False),
        forged("asc", [2**70], False),
        forged("asc", [1, 2], False),
        forged("asc", [], False),
        forged("asc", 1, False),
        forged("asc"),
        forged({"a": 1}, [1], False),
        PREFIX + base64.urlsafe_b64encode(b"[" * 5000).decode(),
        PREFIX + base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="page"):
        parse_cursor(text, "asc", int)


def test_a_text_that_cannot_be_stored_is_no_place() -> None:
    with pytest.raises(InvalidRequest):
        parse_cursor(forged("asc", ["\ud800"], False), "asc", str)
