"""What a kernel tool returned, as content blocks for the agent. Source: spec sections 4.2 and 4.6.

Libraries are recognised by what is loaded already: nothing is imported for a value that is not theirs.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_agents.cell.snapshot import cut_text
from jupyter_agents.kernel import images, tables

LONGEST_TEXT = 100_000
MOST_PARTS = 20
MOST_BYTES = 20_000_000

Block = dict[str, Any]


class BadResult(Exception):
    """A value that no agent can be given; the message says what to return instead."""


def blocks(value: Any) -> list[Block]:
    """The content blocks of `value`; raises `BadResult`.

    A list of tables, figures or images becomes one block each.
    """
    if isinstance(value, list | tuple) and any(map(_is_rich, value)):
        if len(value) > MOST_PARTS:
            raise BadResult(f"It returned {len(value)} parts; return at most {MOST_PARTS}.")
        made = [_block(part) for part in value]
        if len(json.dumps(made)) > MOST_BYTES:
            raise BadResult(f"Its parts are more than {MOST_BYTES // 1_000_000} MB; return fewer.")
        return made
    return [_block(value)]


def text(words: str) -> Block:
    """A text block of bounded length."""
    clean = words.encode("utf-8", "replace").decode()
    return {"type": "text", "text": cut_text(clean, LONGEST_TEXT) if clean.strip() else "(empty text)"}


def _block(value: Any) -> Block:
    match value:
        case None:
            return text("(no output)")
        case str():
            return text(value)
        case bytes() | bytearray() | memoryview():
            raise BadResult("It returned bytes; return text, or write a file and return its path.")
    if inspect.isawaitable(value) or inspect.isasyncgen(value):
        raise BadResult("It returned something to await; define the tool with async def and await it there.")
    if isinstance(value, Iterator):
        raise BadResult(f"It returned a {type(value).__name__}, which has no end in sight; return a list.")
    picture = images.picture(value)
    if picture is not None:
        return images.block(picture)
    table = tables.summary(value)
    if table is not None:
        return text(table)
    said = _own(value, "_repr_markdown_")
    if isinstance(said, str):
        return text(said)
    drawn = _own(value, "_repr_png_")
    if drawn is not None:
        return images.block(images.from_png(drawn))
    return text(_json(value))


def _is_rich(value: Any) -> bool:
    if value is None or isinstance(value, str | int | float | dict | list | tuple):
        return False
    return images.is_picture(value) or tables.summary(value) is not None or hasattr(value, "_repr_png_")


def _own(value: Any, method: str) -> Any:
    """What a rich display method gives; classes and mocks that answer to every name give nothing."""
    found = getattr(type(value), method, None)
    return found(value) if found is not None else None


def _json(value: Any) -> str:
    """JSON where it can be, for whatever pydantic can say so; Python's own form of all else."""
    from pydantic_core import to_jsonable_python

    plain = isinstance(value, Mapping | list | tuple | set | frozenset | bool | int | float)
    try:
        made = to_jsonable_python(value, fallback=None if not plain else _plain)
        return made if isinstance(made, str) else json.dumps(made, indent=2, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return repr(value)


def _plain(value: Any) -> Any:
    """A value inside of a dict or a list that JSON does not know."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    return tables.summary(value) or repr(value)
