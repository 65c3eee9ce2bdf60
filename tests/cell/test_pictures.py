"""A picture is known by its bytes, and scaled to what a notebook can keep."""

from __future__ import annotations

import base64
import io
import random
import sys
from typing import Any

import pytest
from PIL import Image

from jupyter_agents.cell import pictures


def noise(width: int, height: int, kind: str = "PNG") -> bytes:
    """A picture that does not compress."""
    pixels = random.Random(1).randbytes(width * height * 3)
    saved = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(saved, kind)
    return saved.getvalue()


def opened(made: dict[str, str] | None) -> Any:
    assert made is not None
    return Image.open(io.BytesIO(base64.b64decode(made["data"])))


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_a_small_picture_is_kept_as_it_is(kind: str) -> None:
    data = noise(8, 8, kind)
    made = pictures.picture(data, 10_000)
    assert made == {"media_type": f"image/{kind}", "data": base64.b64encode(data).decode()}


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
def test_a_large_one_is_scaled(kind: str) -> None:
    data = noise(1200, 600, kind)
    made = pictures.picture(data, 20_000)
    picture = opened(made)
    assert made is not None and made["media_type"] == "image/webp" and len(made["data"]) <= 20_000
    assert picture.width / picture.height == pytest.approx(2, abs=0.05)
    assert pictures.fitted(base64.b64encode(data).decode(), 20_000) == ("image/webp", made["data"])


def test_one_that_cannot_be_made_small_enough_is_not_saved() -> None:
    assert pictures.picture(noise(600, 600), 100) is None
    assert pictures.picture(noise(600, 600), 0) is None


def test_without_pillow_a_large_one_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    small = noise(8, 8)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert pictures.picture(small, 10_000) is not None
    assert pictures.picture(small, 10) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"<html><svg></svg></html>",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 5000,
        noise(600, 600)[:5000],
    ],
)
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert pictures.picture(data, 4000) is None


def test_a_picture_that_would_fill_the_memory_is_left() -> None:
    saved = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(saved, "PNG")
    assert pictures.picture(saved.getvalue(), 4000) is None


def test_an_svg_is_kept_or_left_but_never_scaled() -> None:
    svg = b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
    made = pictures.picture(svg, 1000)
    assert made is not None and made["media_type"] == "image/svg+xml"
    assert pictures.picture(svg, 10) is None
