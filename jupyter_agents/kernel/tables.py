"""DataFrames, Series and arrays in words: shape, types, and the first rows as a markdown table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

ROWS = 20
COLUMNS = 30
CELL = 80
ITEMS = 100


def summary(value: Any) -> str | None:
    """The table or array in words; None for anything else."""
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return _frame(value)
    if pandas is not None and isinstance(value, pandas.Series):
        return _frame(value.to_frame(name="value" if value.name is None else value.name))
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _array(value, numpy)
    if numpy is not None and isinstance(value, numpy.generic):
        return str(value.item())
    return None


def markdown(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """A markdown table; cells are cut and on one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    words = " ".join(str(value).split()).replace("|", "\\|")
    return words if len(words) <= CELL else f"{words[: CELL - 1]}…"


def _frame(frame: Any) -> str:
    count, width = frame.shape
    head = frame.iloc[:ROWS, :COLUMNS]
    names = [str(column) for column in head.columns]
    rows = [[index, *values] for index, *values in head.itertuples(name=None)]
    types = ", ".join(
        f"{_cell(name)}: {kind}" for name, kind in zip(names, map(str, head.dtypes), strict=True)
    )
    more = [f"{count - ROWS:,} more rows"] if count > ROWS else []
    more += [f"{width - COLUMNS:,} more columns"] if width > COLUMNS else []
    note = f"\n\n({' and '.join(more)} not shown)" if more else ""
    shape = f"{count:,} rows x {width:,} columns"
    return f"{shape}\ntypes: {types}\n\n{markdown(['', *names], rows)}{note}"


def _array(array: Any, numpy: Any) -> str:
    shape = " x ".join(map(str, array.shape)) or "one value"
    words = f"array of {shape}, {array.dtype}"
    if array.size and array.dtype.kind in "iuf":
        low, high, mean = array.min(), array.max(), array.mean()
        words += f"\nmin {low:g}, max {high:g}, mean {mean:g}"
    return f"{words}\n{numpy.array2string(array, threshold=ITEMS, max_line_width=100)}"
