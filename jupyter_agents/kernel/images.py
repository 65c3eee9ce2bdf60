"""Figures and images as PNG blocks that a model takes: at most 5 MB, at most 1568 pixels a side."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

LARGEST_BYTES = 3_750_000
"""Base64 makes 5 MB of it, the most that an image block may have."""

LONGEST_SIDE = 1568
SMALLEST_SIDE = 64
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class BadImage(Exception):
    """A picture that cannot be sent; the message says why."""


def is_picture(value: Any) -> bool:
    """Whether `value` is a matplotlib figure, its axes, or a PIL image."""
    return _figure(value) is not None or _is_pil(value)


def picture(value: Any) -> bytes | None:
    """The PNG of a figure or an image; None for anything else."""
    figure = _figure(value)
    if figure is not None:
        return _drawn(figure)
    return _png(value) if _is_pil(value) else None


def from_png(data: Any) -> bytes:
    """A PNG that an object drew of itself, made smaller where it must be; raises `BadImage`."""
    if isinstance(data, tuple):
        data = data[0]
    if isinstance(data, str):
        data = base64.b64decode(data)
    if not isinstance(data, bytes) or not data.startswith(SIGNATURE):
        raise BadImage("Its _repr_png_ gave no PNG.")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if len(data) <= LARGEST_BYTES and max(width, height) <= LONGEST_SIDE:
        return data
    try:
        from PIL import Image
    except ImportError:
        raise BadImage(
            f"Its image is too large ({width} x {height} pixels, {len(data):,} bytes); "
            "return a smaller one, or install pillow."
        ) from None
    with Image.open(io.BytesIO(data)) as image:
        return _png(image)


def block(data: bytes) -> dict[str, Any]:
    """The image block of a PNG."""
    encoded = base64.b64encode(data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded}}


def _figure(value: Any) -> Any:
    module = sys.modules.get("matplotlib.figure")
    if module is None:
        return None
    if isinstance(value, module.FigureBase):
        return value
    axes = sys.modules.get("matplotlib.axes")
    return value.get_figure() if axes is not None and isinstance(value, axes.Axes) else None


def _is_pil(value: Any) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _drawn(figure: Any) -> bytes:
    """The figure's PNG; pyplot forgets the figure, so that the cell does not show it once more."""
    figure = getattr(figure, "figure", figure)
    longest = max(figure.get_size_inches())
    dpi = min(figure.dpi, LONGEST_SIDE / longest)
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=dpi)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    return from_png(target.getvalue())


def _png(image: Any) -> bytes:
    """A PIL image's PNG, made smaller until it fits."""
    side = LONGEST_SIDE
    made = image if image.mode in ("RGB", "RGBA", "L", "LA", "P", "1") else image.convert("RGB")
    while side >= SMALLEST_SIDE:
        small = made.copy()
        small.thumbnail((side, side))
        target = io.BytesIO()
        small.save(target, format="PNG")
        if target.tell() <= LARGEST_BYTES:
            return target.getvalue()
        side = side * 3 // 4
    raise BadImage("Its image cannot be made small enough.")
