"""Pictures small enough to be saved in a notebook.

What kind a picture is, is read from its first bytes, not from its name. Pillow scales it, where it is
installed; without Pillow a picture that is too large is not saved. An SVG is only ever an image's
source: there it runs no script and fetches nothing.
"""

from __future__ import annotations

import base64
import binascii
import io
import re

MAX_BYTES = 20_000_000
MAX_PIXELS = 40_000_000
WIDTHS = (800, 480, 320, 160)
REMEMBERED = 400
SVG = "image/svg+xml"
_fitted: dict[tuple[int, int, int], tuple[str, str] | None] = {}
MAGIC = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    (
        SVG,
        re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>]*>|\s)*<svg[\s>]", re.DOTALL),
    ),
)


def media_type(data: bytes) -> str | None:
    """What picture `data` is, by its first bytes; None for anything else."""
    head = data[:4096]
    return next((kind for kind, magic in MAGIC if magic.match(head)), None)


def picture(data: bytes, limit: int) -> dict[str, str] | None:
    """`data` as ``{"media_type", "data"}``, scaled down where its base64 has more than `limit` characters.

    None for what is no picture, and for one that cannot be made that small.
    """
    kind = media_type(data)
    if kind is None or len(data) > MAX_BYTES:
        return None
    if _base64_size(data) <= limit:
        return {"media_type": kind, "data": base64.b64encode(data).decode()}
    return None if kind == SVG or limit <= 0 else _scaled(data, limit)


def fitted(encoded: str, limit: int) -> tuple[str, str] | None:
    """The media type and base64 of a picture given as base64, at most `limit` characters; None as above.

    A live output is drawn often: what was made of a picture is remembered, the picture itself is not.
    """
    if limit <= 0 or len(encoded) > MAX_BYTES * 4 // 3:
        return None
    key = (len(encoded), hash(encoded), limit)
    if key not in _fitted:
        try:
            made = picture(base64.b64decode(encoded, validate=True), limit)
        except (binascii.Error, ValueError):
            made = None
        if len(_fitted) >= REMEMBERED:
            del _fitted[next(iter(_fitted))]
        _fitted[key] = None if made is None else (made["media_type"], made["data"])
    return _fitted[key]


def _base64_size(data: bytes) -> int:
    return (len(data) + 2) // 3 * 4


def _scaled(data: bytes, limit: int) -> dict[str, str] | None:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(data)) as source:
            width, height = source.size
            if width * height > MAX_PIXELS:
                return None
            source.draft("RGB", (WIDTHS[0], WIDTHS[0]))
            whole = source.convert("RGBA" if source.has_transparency_data else "RGB")
            whole.thumbnail((WIDTHS[0], 2 * WIDTHS[0]))
            for most in WIDTHS:
                whole.thumbnail((most, 2 * most))
                saved = io.BytesIO()
                whole.save(saved, "WEBP", quality=80)
                if _base64_size(saved.getvalue()) <= limit:
                    return {
                        "media_type": "image/webp",
                        "data": base64.b64encode(saved.getvalue()).decode(),
                    }
    except (OSError, ValueError, SyntaxError, KeyError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    return None
