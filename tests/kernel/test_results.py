"""What a function returns reaches the agent in a form that it can read, and bounded."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import enum
import io
import json
from typing import Any

import matplotlib
import numpy
import pandas
import pytest
from PIL import Image

from jupyter_agents.domain import content
from jupyter_agents.kernel import images, results


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


class Marked:
    def _repr_markdown_(self) -> str:
        return "**marked**"


class Drawn:
    def __init__(self, size: int) -> None:
        self.size = size

    def _repr_png_(self) -> bytes:
        target = io.BytesIO()
        Image.effect_noise((self.size, self.size), 100).save(target, format="PNG")
        return target.getvalue()


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


def text(value: Any) -> str:
    (block,) = results.blocks(value)
    content.check("content", [block])
    found: str = block["text"]
    return found


def picture(block: dict[str, Any]) -> Any:
    content.check("content", [block])
    assert len(block["source"]["data"]) <= 5_000_000
    return Image.open(io.BytesIO(base64.b64decode(block["source"]["data"])))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("word", "word"),
        ("", "(empty text)"),
        ("  \n", "(empty text)"),
        ("a\ud800b", "a?b"),
        (None, "(no output)"),
        (3, "3"),
        (1.5, "1.5"),
        (True, "true"),
        (float("nan"), "NaN"),
        (Colour.RED, "red"),
        (Point(1), '{\n  "x": 1\n}'),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        ({"a": [1, Point(2)]}, '{\n  "a": [\n    1,\n    {\n      "x": 2\n    }\n  ]\n}'),
        ({"ä": numpy.int64(3)}, '{\n  "ä": 3\n}'),
        ([Odd()], '[\n  "<odd>"\n]'),
        (Odd(), "<odd>"),
        (numpy.float64(2.5), "2.5"),
        (Marked(), "**marked**"),
    ],
    ids=repr,
)
def test_values_in_words(value: Any, said: str) -> None:
    assert text(value) == said


def test_a_long_text_is_cut_and_says_so() -> None:
    said = text("x" * 1_000_000)
    assert len(said) < 100_100 and "900,000 characters left out" in said


def test_a_structure_that_contains_itself_is_said_as_python_does() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert text(loop) == "[[...]]"


def test_tables() -> None:
    frame = pandas.DataFrame({"city": ["Ulm", "a|b\nc"] * 20, "size": range(40)})
    said = text(frame)
    assert said.startswith("40 rows x 2 columns\ntypes: city: ")
    assert "| 0 | Ulm | 0 |" in said and "| 1 | a\\|b c | 1 |" in said
    assert "(20 more rows not shown)" in said
    assert "types: price: float64" in text(pandas.Series([1.5], name="price"))
    assert "0 rows x 0 columns" in text(pandas.DataFrame())
    wide = text(pandas.DataFrame([range(50)], columns=["same"] * 50))
    assert "(20 more columns not shown)" in wide


def test_arrays() -> None:
    said = text(numpy.arange(10_000.0).reshape(100, 100))
    assert said.startswith("array of 100 x 100, float64\nmin 0, max 9999, mean 4999.5\n")
    assert "..." in said and len(said) < 1000
    assert text(numpy.array([], dtype=int)).startswith("array of 0, int64")
    assert text(numpy.array(["a"])).startswith("array of 1, <U1")


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


def test_a_list_of_rich_parts_is_one_block_each() -> None:
    made = results.blocks(["Two:", pandas.DataFrame({"a": [1]}), Image.new("RGB", (4, 4)), 5])
    assert [block["type"] for block in made] == ["text", "text", "image", "text"]
    with pytest.raises(results.BadResult, match="at most 20"):
        results.blocks([Image.new("RGB", (4, 4))] * 21)


def test_parts_are_bounded_together() -> None:
    noise = numpy.random.default_rng(1).integers(0, 255, (950, 950, 4), dtype=numpy.uint8)
    with pytest.raises(results.BadResult, match="more than 20 MB"):
        results.blocks([Image.fromarray(noise, "RGBA")] * 5)


async def coroutine() -> None: ...


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), memoryview(b"x")])
def test_bytes_are_refused(value: Any) -> None:
    with pytest.raises(results.BadResult, match="bytes; return text"):
        results.blocks(value)


def test_what_is_not_there_yet_is_refused() -> None:
    with pytest.raises(results.BadResult, match="return a list"):
        results.blocks(n for n in range(3))
    waiting = coroutine()
    with pytest.raises(results.BadResult, match="async def"):
        results.blocks(waiting)
    waiting.close()


def test_a_png_that_is_none_is_refused() -> None:
    with pytest.raises(images.BadImage, match="no PNG"):
        images.from_png(b"GIF89a")
    small = images.from_png(base64.b64encode(Drawn(8)._repr_png_()).decode())
    assert small.startswith(images.SIGNATURE)


def test_json_is_json() -> None:
    assert json.loads(text({"a": (1, 2), "b": {3}})) == {"a": [1, 2], "b": [3]}
