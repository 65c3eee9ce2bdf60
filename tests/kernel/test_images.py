"""Figures and images become PNG blocks that a model takes, whatever their size."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib
import numpy
import pytest
from PIL import Image

from jupyter_agents.domain import content
from jupyter_agents.kernel import images, results


class Drawn:
    def __init__(self, size: int) -> None:
        self.size = size

    def _repr_png_(self) -> bytes:
        target = io.BytesIO()
        Image.effect_noise((self.size, self.size), 100).save(target, format="PNG")
        return target.getvalue()


def picture(block: dict[str, Any]) -> Any:
    content.check("content", [block])
    assert len(block["source"]["data"]) <= 5_000_000
    return Image.open(io.BytesIO(base64.b64decode(block["source"]["data"])))


def test_figures_and_images_are_png() -> None:
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(30, 10))
    axes.plot([1, 2])
    for value in (figure, axes):
        (block,) = results.blocks(value)
        assert picture(block).size == (1568, 522)
    assert not pyplot.get_fignums()
    (large,) = results.blocks(Image.effect_noise((4000, 3000), 100).convert("CMYK"))
    assert max(picture(large).size) <= 1568
    (own,) = results.blocks(Drawn(100))
    assert picture(own).size == (100, 100)
    (shrunk,) = results.blocks(Drawn(2000))
    assert max(picture(shrunk).size) <= 1568


def test_a_picture_that_compresses_badly_is_made_smaller() -> None:
    noise = numpy.random.default_rng(1).integers(0, 255, (1568, 1568, 4), dtype=numpy.uint8)
    (block,) = results.blocks(Image.fromarray(noise, "RGBA"))
    assert 500 < max(picture(block).size) < 1568


def test_a_png_that_is_none_is_refused() -> None:
    with pytest.raises(images.BadImage, match="no PNG"):
        images.from_png(b"GIF89a")
    small = images.from_png(base64.b64encode(Drawn(8)._repr_png_()).decode())
    assert small.startswith(images.SIGNATURE)
