"""A file that an agent made, shown in the notebook.

Nothing in it runs: images are pictures, tables are their first rows, everything else is text.

Source: docs/runs.md.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from jupyter_agents.kernel.load import load
from jupyter_agents.kernel.problems import AgentError

LARGEST_IMAGE = 8 * 1024**2
"""Bytes of an image that a notebook takes."""

LONGEST_TEXT = 20_000
ROWS = 20
PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
TABLES = (".csv", ".tsv", ".parquet")


def bundle(path: Path, name: str, size: int | None) -> Mapping[str, Any]:
    """The MIME bundle that shows the file at `path`; raises `AgentError` where it cannot be read."""
    kind = Path(name).suffix.lower()
    if kind in PICTURES:
        return _picture(path, name, PICTURES[kind])
    if kind in TABLES:
        options: dict[str, Any] = {} if kind == ".parquet" else {"nrows": ROWS + 1}
        return _table(load(path, name, **options), name)
    return _text(path, name, size)


def _picture(path: Path, name: str, media_type: str) -> Mapping[str, Any]:
    """An ``img``, SVG too: in an image no script runs and nothing is fetched."""
    data = _read(path, name, LARGEST_IMAGE + 1)
    if len(data) > LARGEST_IMAGE:
        raise AgentError(f"{name} is larger than {LARGEST_IMAGE} bytes; open it from the file browser.")
    encoded = base64.b64encode(data).decode()
    plain = {"text/plain": f"[image {name}]"}
    if media_type in ("image/png", "image/jpeg", "image/gif"):
        return plain | {media_type: encoded}
    return plain | {"text/html": f'<img alt="{escape(name)}" src="data:{media_type};base64,{encoded}">'}


def _table(table: Any, name: str) -> Mapping[str, Any]:
    head = table.head(ROWS)
    more = f"the first {ROWS} rows of " if len(table) > ROWS else ""
    page = f"<p>{more}{escape(name)}</p>{head.to_html(escape=True, max_cols=50)}"
    return {"text/plain": f"{more}{name}\n{head.to_string(max_cols=50)}", "text/html": page}


def _text(path: Path, name: str, size: int | None) -> Mapping[str, Any]:
    data = _read(path, name, 4 * LONGEST_TEXT)
    if b"\0" in data:
        return {"text/plain": f"{name}: {size} bytes that are no text"}
    words = data.decode("utf-8", "replace")
    cut = len(words) > LONGEST_TEXT or len(data) == 4 * LONGEST_TEXT
    words = words[:LONGEST_TEXT] + ("\n..." if cut else "")
    return {"text/plain": words, "text/html": f"<pre>{escape(words)}</pre>"}


def _read(path: Path, name: str, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise AgentError(f"{name} cannot be read: {error.strerror or error}.") from None
