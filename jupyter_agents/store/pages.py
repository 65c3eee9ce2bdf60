"""Opaque list cursors. Source: spec section 0.5.

A cursor remembers the place and the order; with another order it is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from jupyter_agents.errors import InvalidRequest

PREFIX = "page_"


@dataclass(frozen=True)
class Cursor:
    """A place in a list: `key` is what the list is sorted by, `back` reads towards the start."""

    order: str
    key: tuple[Any, ...]
    back: bool = False

    def __str__(self) -> str:
        parts = json.dumps([self.order, self.key, self.back], separators=(",", ":"))
        return PREFIX + base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def parse_cursor(text: str | None, order: str, width: int) -> Cursor | None:
    """The cursor in ``page=``; raises `InvalidRequest` for one that this list did not make.

    width: how many values a key of this list has.
    """
    if text is None:
        return None
    body = text.removeprefix(PREFIX)
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        found_order, key, back = json.loads(raw)
        cursor = Cursor(found_order, tuple(key), bool(back))
    except (binascii.Error, ValueError, TypeError):
        raise InvalidRequest("page: this is not a cursor of this list.") from None
    if len(cursor.key) != width or not text.startswith(PREFIX):
        raise InvalidRequest("page: this is not a cursor of this list.")
    if not all(isinstance(part, str | int) for part in cursor.key):
        raise InvalidRequest("page: this is not a cursor of this list.")
    if cursor.order != order:
        raise InvalidRequest(f"page: this cursor was made with order {cursor.order!r}.")
    return cursor
