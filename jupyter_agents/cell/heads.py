"""The first rows of a table that an agent wrote: CSV, TSV, and parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

ROWS = 10
COLUMNS = 20
LETTERS = 80
HEAD_BYTES = 65_536
PARQUET_BYTES = 50_000_000
GROUP_BYTES = 200_000_000
DELIMITED = (".csv", ".tsv", ".tab")
PARQUET = (".parquet", ".pq")


def wanted(path: str) -> int:
    """How many bytes of the file at `path` its table needs; 0 where it is no table by its name."""
    suffix = PurePosixPath(path).suffix.lower()
    return HEAD_BYTES + 1 if suffix in DELIMITED else PARQUET_BYTES + 1 if suffix in PARQUET else 0


def head(path: str, data: bytes) -> dict[str, Any] | None:
    """The table's first rows, ``{"columns", "rows", "more"}``, or None where `data` is no table.

    Parameters
    ----------
    path:
        Its ending says what `data` is.
    data:
        As many of the file's first bytes as `wanted` says.
    """
    if PurePosixPath(path).suffix.lower() in PARQUET:
        return _parquet(data)
    return _delimited(data, "\t" if not path.lower().endswith(".csv") else None)


def _delimited(data: bytes, delimiter: str | None) -> dict[str, Any] | None:
    cut = len(data) > HEAD_BYTES
    text = data[:HEAD_BYTES].decode("utf-8-sig", errors="replace")
    if "\x00" in text:
        return None
    if cut:
        text = text[: text.rfind("\n") + 1]
    first = text.partition("\n")[0]
    if delimiter is None:
        delimiter = max(",;\t|", key=first.count)
    try:
        rows = list(islice(csv.reader(io.StringIO(text), delimiter=delimiter), ROWS + 2))
    except csv.Error:
        return None
    rows = [row for row in rows if row]
    return _table(rows[0], rows[1:], cut) if rows else None


def _parquet(data: bytes) -> dict[str, Any] | None:
    if len(data) > PARQUET_BYTES:
        return None
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(data))
        names = file.schema_arrow.names
        if not file.num_row_groups or file.metadata.row_group(0).total_byte_size > GROUP_BYTES:
            return _table(names, [], file.metadata.num_rows > 0)
        batches = file.iter_batches(batch_size=ROWS + 1, row_groups=[0], columns=names[: COLUMNS + 1])
        batch = next(iter(batches), None)
        columns = [] if batch is None else [column.to_pylist() for column in batch.columns]
    except (pyarrow.ArrowException, OSError, ValueError):
        return None
    rows = [["" if value is None else str(value) for value in row] for row in zip(*columns, strict=True)]
    return _table(names, rows, file.metadata.num_rows > len(rows))


def _table(names: list[str], rows: list[list[str]], cut: bool) -> dict[str, Any]:
    return {
        "columns": [_cell(name) for name in names[:COLUMNS]],
        "rows": [[_cell(value) for value in row[:COLUMNS]] for row in rows[:ROWS]],
        "more": cut or len(rows) > ROWS or len(names) > COLUMNS,
    }


def _cell(value: str) -> str:
    line = " ".join(str(value).split())
    return line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…"
