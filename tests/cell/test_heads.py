"""The first rows of a table, whatever is in the file."""

from __future__ import annotations

import io
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from jupyter_agents.cell import heads


@pytest.mark.parametrize(
    ("path", "text", "columns", "rows"),
    [
        ("a.csv", "a,b\n1,2\n", ["a", "b"], [["1", "2"]]),
        ("a.CSV", "a;b\r\n1,5;2\r\n", ["a", "b"], [["1,5", "2"]]),
        ("a.tsv", "a\tb\n1\t2\n", ["a", "b"], [["1", "2"]]),
        ("a.csv", '\ufeffa,"b\nc"\n"x, y",é\n', ["a", "b c"], [["x, y", "é"]]),
        ("a.csv", "a\n", ["a"], []),
        ("a.csv", "a,b\n1\n\n1,2,3\n", ["a", "b"], [["1"], ["1", "2", "3"]]),
    ],
)
def test_a_head_is_read(path: str, text: str, columns: list[str], rows: list[list[str]]) -> None:
    head = heads.head(path, text.encode())
    assert head == {"columns": columns, "rows": rows, "more": False}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a,b\x00c", b"\xff\xd8\xff\x00"])
def test_what_is_no_table_is_none(data: bytes) -> None:
    assert heads.head("a.csv", data) is None


def test_a_large_table_is_bounded() -> None:
    line = ",".join(["x" * 500] * 100)
    head = heads.head("a.csv", "\n".join([line] * 1000).encode()[: heads.wanted("a.csv")])
    assert head is not None and head["more"]
    assert len(head["columns"]) == heads.COLUMNS
    assert len(head["rows"]) == 0, "one row is longer than what is read"
    many = heads.head("a.csv", b"a,b\n" + b"1,2\n" * 10_000)
    assert many is not None and many["more"] and len(many["rows"]) == heads.ROWS
    wide = heads.head("a.csv", f"{'y' * 5000}\n1\n".encode())
    assert wide is not None and len(wide["columns"][0]) == heads.LETTERS


def written(columns: dict[str, list[Any]]) -> bytes:
    saved = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), saved)
    return saved.getvalue()


def test_a_parquet_file_has_a_head() -> None:
    head = heads.head("a.parquet", written({"n": list(range(100)), "s": ["é", None] * 50}))
    assert head is not None
    assert head["columns"] == ["n", "s"]
    assert head["rows"][:2] == [["0", "é"], ["1", ""]]
    assert (len(head["rows"]), head["more"]) == (heads.ROWS, True)
    empty = heads.head("a.parquet", written({"n": []}))
    assert empty == {"columns": ["n"], "rows": [], "more": False}


@pytest.mark.parametrize("data", [b"", b"PAR1", written({"n": [1]})[:-20], b"x" * 1000])
def test_a_broken_parquet_file_is_none(data: bytes) -> None:
    assert heads.head("a.parquet", data) is None


def test_other_files_are_not_read() -> None:
    assert heads.wanted("a.txt") == 0
    assert heads.wanted("a.csv") == heads.HEAD_BYTES + 1
