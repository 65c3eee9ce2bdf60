"""Every benchmark runs, with tiny sizes; how fast is for `make bench` to say."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from tests.benchmarks.__main__ import PARTS
from tests.benchmarks.table import Row, percentile
from tests.needs import need

TINY: dict[str, dict[str, Any]] = {
    "tools": {"calls": 2, "few": 1, "many": 2, "engine": False},
    "sandboxes": {"calls": 2, "output": 1000, "many": 2, "rounds": 1},
    "store": {"appends": 5, "sessions": 2, "each": 5},
    "listing": {"events": 2500, "times": 1},
    "start": {"sessions": 2, "events": 3, "times": 1},
    "memory": {"sessions": 3, "first": 2},
    "streaming": {"sessions": 2, "deltas": 5},
    "interrupt": {"times": 2},
    "browser": {"deltas": 5, "count": 5, "times": 1},
}


@pytest.mark.parametrize("part", PARTS)
def test_a_benchmark_runs(part: str) -> None:
    need("bwrap")
    if part == "browser":
        need("chromium")
    found = list(import_module(f"tests.benchmarks.{part}").rows(**TINY[part]))
    assert found and all(isinstance(row, Row) and str(row) for row in found)


@pytest.mark.parametrize(
    ("row", "reached", "shown"),
    [
        (Row("a", 0.002, 0.001, 1.5), False, "2.00 ms         2.00        <= 1.5 x  missed"),
        (Row("a", 0.001, 0.001, 1.5), True, "1.00 ms         1.00        <= 1.5 x"),
        (Row("a", 6000, unit="/s", least=5000), True, "6,000.00 /s                  >= 5,000 /s"),
        (Row("a", 51, most=50, unit="kB"), False, "51.00 kB                     <= 50 kB  missed"),
        (Row("a", 0.001), None, "1.00 ms"),
    ],
)
def test_a_row(row: Row, reached: bool | None, shown: str) -> None:
    assert row.reached is reached and str(row).split("a ", 1)[1].strip() == shown


def test_percentiles() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([1.0], 0.99)) == (51.0, 100.0, 1.0)
