from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agents.runtime.mcp_bounds import MOST_BLOCKS, Values, prune


def counted(data: bytes, size: int) -> int:
    values = Values()
    for start in range(0, len(data), size):
        values.feed(data[start : start + size])
    return values.count


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("plain", 0),
        ([1, 2, 3], 3),
        ({"a": 1, "b": [2]}, 3),
        ('{"a": [1, 2, 3], "b": "\\"{,["}', 0),
        ({"text": "\\", "more": "\\\\\\"}, 2),
        ({'"': ',"[{', "\\": 1}, 2),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_values_outside_of_strings_are_counted_however_they_arrive(value: Any, count: int, size: int) -> None:
    assert counted(json.dumps(value).encode(), size) == count


JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\{[,é'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='k"\\,{'), inner),
)


def values_of(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max(0, len(value) - 1) + sum(map(values_of, value))
    if isinstance(value, dict):
        return 1 + max(0, len(value) - 1) + sum(map(values_of, value.values()))
    return 0


@given(JSON, st.integers(1, 9))
def test_the_count_is_that_of_the_parsed_value(value: Any, size: int) -> None:
    assert counted(json.dumps(value, ensure_ascii=False).encode(), size) == values_of(value)


def test_what_is_never_used_is_taken_out() -> None:
    block = {"type": "text", "text": "a"}
    result = {"content": [block] * 500, "structuredContent": {"a": 1}, "isError": False}
    prune(result)
    assert len(result["content"]) == MOST_BLOCKS + 1  # type: ignore[arg-type]
    assert "400 more blocks" in str(result["content"]) and "structuredContent" not in result
    only = {"content": [], "structuredContent": {"a": 1}}
    prune(only)
    assert only["structuredContent"] == {"a": 1}
    listed = {"tools": [{"name": "a", "inputSchema": {}, "outputSchema": {}, "icons": []}, 3]}
    prune(listed)
    assert listed["tools"] == [{"name": "a", "inputSchema": {}}, 3]
