"""Tables and arrays in words that an agent can read."""

from __future__ import annotations

from typing import Any

import numpy
import pandas

from jupyter_agents.kernel import tables


def text(value: Any) -> str:
    said = tables.summary(value)
    assert said is not None
    return said


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


def test_anything_else_is_none() -> None:
    assert [tables.summary(value) for value in ([1], {"a": 1}, "text", None)] == [None] * 4
