"""Opaque list cursors. Source: spec section 0.5.

A cursor remembers the place and the order; with another order it is refused.
"""

from __future__ import annotations

import base64
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


def parse_cursor(text: str | None, order: str, *kinds: type) -> Cursor | None:
    """The cursor in ``page=``; raises `InvalidRequest` for one that this list did not make.

    kinds: the types of the values in a key of this list, each `str` or `int`.
    """
    if text is None:
        return None
    try:
        cursor = _decode(text)
    except (ValueError, TypeError, RecursionError):
        raise InvalidRequest("page: this is not a cursor of this list.") from None
    if len(cursor.key) != len(kinds) or not all(map(_fits, cursor.key, kinds)):
        raise InvalidRequest("page: this is not a cursor of this list.")
    if cursor.order != order:
        raise InvalidRequest(f"page: this cursor was made with order {str(cursor.order)[:20]!r}.")
    return cursor


def _decode(text: str) -> Cursor:
    if not text.startswith(PREFIX):
        raise ValueError("no cursor")
    body = text.removeprefix(PREFIX)
    order, key, back = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return Cursor(order, tuple(key), bool(back))


def _fits(part: object, kind: type) -> bool:
    if kind is int:
        return type(part) is int and abs(part) < 2**62
    return isinstance(part, str) and part.isascii()
