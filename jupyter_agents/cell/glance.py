"""What a produced file looks like, small enough to be saved beside its link: a picture or a table's head.

Source: docs/transcript.md, ``preview``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_agents.cell import beneath, heads, pictures

PREVIEWS = 8
PICTURE_LIMIT = 60_000
"""Base64 characters of one saved picture."""

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")


def previews(folder: Path | None, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Previews of files below `folder` by their path, eight at most; what cannot be read has none."""
    made: dict[str, dict[str, Any]] = {}
    for path in paths if folder else ():
        if len(made) == PREVIEWS:
            break
        assert folder is not None
        try:
            found = _preview(folder, path)
        except OSError:
            continue
        if found is not None:
            made[path] = found
    return made


def _preview(folder: Path, path: str) -> dict[str, Any] | None:
    if PurePosixPath(path).suffix.lower() in PICTURES:
        data = beneath.read(folder, path, pictures.MAX_BYTES + 1)
        picture = pictures.picture(data, PICTURE_LIMIT)
        return None if picture is None else {"type": "image", **picture}
    size = heads.wanted(path)
    table = heads.head(path, beneath.read(folder, path, size)) if size else None
    return None if table is None else {"type": "table", **table}
