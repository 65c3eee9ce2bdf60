"""What a function returns reaches the agent in a form that it can read, and bounded."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from typing import Any

import numpy
import pandas
import pytest
from PIL import Image

from jupyter_agents.domain import content
from jupyter_agents.kernel import results


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


class Marked:
    def __repr__(self) -> str:
        return "<marked>"

    def _repr_markdown_(self) -> str:
        return "**marked**"


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


def text(value: Any) -> str:
    (block,) = results.blocks(value)
    content.check("content", [block])
    found: str = block["text"]
    return found


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


def test_json_is_json() -> None:
    assert json.loads(text({"a": (1, 2), "b": {3}})) == {"a": [1, 2], "b": [3]}
