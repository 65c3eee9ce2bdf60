from __future__ import annotations

import json

import pytest

from jupyter_agents.runtime.follow import Follower
from jupyter_agents.runtime.streams import Closed
from jupyter_agents.testing import say
from tests.runtime.conftest import Runtime, types


def follower(runtime: Runtime) -> Follower:
    context = runtime.context
    return Follower(
        context.journal, context.catalog, context.hub, lambda session: False, context.clock, context.new_id
    )


async def test_catching_up_tells_what_was_missed_once(bare: Runtime) -> None:
    session = await bare.session(script=[[say("Hi.")]])
    await bare.turn(session, "go")
    reader = bare.context.hub.subscribe(session, (), 3)
    for _ in range(2):
        follower(bare).catch_up(session)
    assert types(map(json.loads, reader.ready())) == types(bare.events(session)[1:])


async def test_nobody_listens_nothing_is_read(bare: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare.context.journal, "read", lambda *_: pytest.fail("read"))
    follower(bare).catch_up("sesn_1")


async def test_a_session_that_is_gone_ends_the_stream(bare: Runtime) -> None:
    reader = bare.context.hub.subscribe("sesn_gone", (), 7)
    follower(bare).catch_up("sesn_gone")
    assert json.loads(await reader.next())["type"] == "session.deleted"
    with pytest.raises(Closed):
        await reader.next()
