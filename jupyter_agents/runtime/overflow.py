"""Outputs of tools that are too long for the model: a file in the sandbox, and a preview of it.

For every tool whose result goes to the model, whoever ran it. Source: spec sections 8.7 and 17.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from jupyter_agents.sandbox.base import ToolResult
from jupyter_agents.sandbox.options import OVERFLOW

MAX_CHARACTERS = 100_000
MAX_KEPT = 1_000_000
SHOWN = 4_000

Keep = Callable[[str, str], Awaitable[bool]]
"""Writes a text to a path in the sandbox; whether it could."""


async def bounded(result: ToolResult, call_id: str, keep: Keep | None) -> ToolResult:
    """`result`, or where its texts have more than `MAX_CHARACTERS` together a preview of them.

    Parameters
    ----------
    call_id:
        The event id of the call, which names the file: nothing that a tool or the model says does.
    keep:
        None where there is no sandbox: the rest is cut off then, as it is where the file cannot be
        written. At most `MAX_KEPT` characters are kept.
    """
    texts = [block["text"] for block in result.content if block["type"] == "text"]
    size = sum(map(len, texts))
    if size <= MAX_CHARACTERS:
        return result
    whole = "\n".join(texts)
    path = f"{OVERFLOW}/{call_id}.txt"
    saved = keep is not None and await keep(path, whole[:MAX_KEPT])
    said = _where(path, len(whole)) if saved else "It could not be kept: ask for less at a time."
    preview = (
        f"[This output has {size} characters, too many to be shown. {said} Its beginning and its end:]\n\n"
        f"{whole[:SHOWN]}\n\n[... {len(whole) - 2 * SHOWN} characters left out ...]\n\n{whole[-SHOWN:]}"
    )
    others = [block for block in result.content if block["type"] != "text"]
    return ToolResult([{"type": "text", "text": preview}, *others], result.is_error, result.limit)


def unnamed(text: str) -> str:
    """`text` without the name of such a file, which differs from run to run."""
    return re.sub(rf"{OVERFLOW}/\w+\.txt", OVERFLOW, text)


def _where(path: str, size: int) -> str:
    what = "All of it is" if size <= MAX_KEPT else f"Its first {MAX_KEPT} characters are"
    return f"{what} in {path}, while this sandbox lives: read that in parts, or search it."
