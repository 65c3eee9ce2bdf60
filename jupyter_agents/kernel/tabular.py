"""Tables of pandas, polars and pyarrow as parquet; as CSV where parquet cannot be had."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from jupyter_agents.kernel.bounded import Bounded

KINDS = {"pandas": ("DataFrame", "Series"), "polars": ("DataFrame", "Series"), "pyarrow": ("Table",)}
MAX_COLUMNS = 40
MAX_NAME = 60


def is_table(value: Any) -> bool:
    """Whether `value` is a table, or a column, of a library that is loaded."""
    return library(value) is not None


def library(value: Any) -> str | None:
    """``pandas``, ``polars`` or ``pyarrow``; None where `value` is no table."""
    for name, kinds in KINDS.items():
        module = sys.modules.get(name)
        found = tuple(
            kind for kind in (getattr(module, one, None) for one in kinds) if isinstance(kind, type)
        )
        if isinstance(value, found):
            return name
    return None


def size(value: Any) -> int:
    """Bytes in memory; what a cell of objects points at is not counted."""
    match library(value):
        case "pandas":
            used = value.memory_usage(index=True)
            return int(getattr(used, "sum", lambda: used)())
        case "polars":
            return int(value.estimated_size())
        case _:
            return int(value.nbytes)


def write(name: str, value: Any, to: Bounded) -> tuple[str, str]:
    """Write a table; the file's ending, and what it is in one line.

    Parameters
    ----------
    name:
        The column's name for a series that has none.
    """
    origin = library(value)
    about = f"{origin} {type(value).__name__}"
    match origin:
        case "pandas":
            return _pandas(name, value, to, about)
        case "polars":
            is_frame = type(value).__name__ == "DataFrame"
            frame = value if is_frame else value.to_frame(value.name or name)
            frame.write_parquet(to)
            return (
                "parquet",
                f"{about}, {_shape(frame.height, zip(frame.columns, frame.dtypes, strict=True))}",
            )
        case _:
            import_module("pyarrow.parquet").write_table(value, to)
            fields = ((field.name, field.type) for field in value.schema)
            return "parquet", f"{about}, {_shape(value.num_rows, fields)}"


def _pandas(name: str, value: Any, to: Bounded, about: str) -> tuple[str, str]:
    frame = value if value.ndim == 2 else value.to_frame(name if value.name is None else value.name)
    about = f"{about}, {_shape(len(frame), zip(frame.columns, frame.dtypes, strict=True))}"
    if find_spec("pyarrow") is None:
        why = "pyarrow is not installed"
    else:
        pyarrow = import_module("pyarrow")
        try:
            frame.to_parquet(to, engine="pyarrow")
            return "parquet", about
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            why = f"parquet cannot hold it: {str(error).splitlines()[0][:120]}"
    to.clear()
    index = frame.index
    frame.to_csv(to, index=any(level is not None for level in index.names) or index.dtype == object)
    return "csv", f"{about} (as CSV: {why})"


def _shape(rows: int, columns: Iterable[tuple[Any, Any]]) -> str:
    listed = [f"{_word(name)} {_word(dtype)}" for name, dtype in columns]
    shown = ", ".join(listed[:MAX_COLUMNS])
    more = f" and {len(listed) - MAX_COLUMNS} more" if len(listed) > MAX_COLUMNS else ""
    return f"{rows:,} rows, {len(listed):,} columns: {shown}{more}"


def _word(value: Any) -> str:
    """A name or a type, on one line and not too long."""
    words = " ".join(str(value).split())
    printable = "".join(letter for letter in words if letter.isprintable())
    return printable if len(printable) <= MAX_NAME else f"{printable[:MAX_NAME]}…"
