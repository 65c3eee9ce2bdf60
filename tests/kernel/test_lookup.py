"""A session by the end of its id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_agents.kernel.lookup import session_id
from jupyter_agents.kernel.problems import AgentError

ONE, TWO = f"sesn_{'0' * 18}abc123", f"sesn_{'0' * 18}xbc123"


def connection(*ids: str) -> Any:
    async def pages(**_: Any) -> AsyncIterator[Any]:
        for id in ids:
            yield SimpleNamespace(id=id)

    sessions = SimpleNamespace(list=pages)
    return SimpleNamespace(sdk=SimpleNamespace(beta=SimpleNamespace(sessions=sessions)))


@pytest.mark.parametrize("given", ["abc123", "sesn_abc123", ONE])
async def test_one_session_ends_so(given: str) -> None:
    assert await session_id(connection(ONE, TWO), given) == ONE


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("bc123", "2 sessions end in 'bc123'"),
        ("nope", "No session's id ends in 'nope'"),
        ("123", "4 or more characters"),
        ("../x", "not a session's id"),
        ("", "not a session's id"),
    ],
)
async def test_none_or_several(given: str, says: str) -> None:
    with pytest.raises(AgentError, match=says):
        await session_id(connection(ONE, TWO), given)
