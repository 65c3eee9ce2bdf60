from __future__ import annotations

import pytest

from jupyter_agents.domain import limits
from jupyter_agents.errors import InvalidRequest


def test_a_patch_sets_deletes_and_leaves() -> None:
    stored = {"a": "1", "b": "2", "c": "3"}
    assert limits.patch_metadata(stored, {"a": "x", "b": None}) == {"a": "x", "c": "3"}
    assert limits.patch_metadata(stored, None) == stored
    assert limits.patch_metadata(stored, {"c": ""}) == stored | {"c": ""}
    assert limits.patch_metadata(stored, {"c": ""}, empty_deletes=True) == {"a": "1", "b": "2"}


def test_a_patch_may_not_grow_beyond_the_limit() -> None:
    full = {str(n): "" for n in range(limits.METADATA_PAIRS)}
    with pytest.raises(InvalidRequest, match="metadata"):
        limits.patch_metadata(full, {"one more": ""})


def test_a_schema_nested_beyond_reason_is_refused() -> None:
    schema: dict[str, object] = {}
    for _ in range(200):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest):
        limits.input_schema("s", schema)


@pytest.mark.parametrize("host", ["example.com", "EXAMPLE.com", "*.example.com", "localhost", "a-b.c1"])
def test_good_hosts(host: str) -> None:
    assert limits.hosts("h", [host]) == [host]
