"""A session as an object of Python."""

from __future__ import annotations

import pytest

from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.talk import Session
from jupyter_agents.testing import ScriptedModel, say
from tests.kernel.conftest import Kernel


def test_a_session_goes_on_by_its_run_or_its_id(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("one")], [say("two")], [say("three")]]
    answer = kernel.run(
        "from jupyter_agents.kernel.api import run\n"
        "from jupyter_agents.kernel.talk import Session\n"
        "first = run('Hello', new=True)\n"
        "second = Session(first).send('Again', inputs={'limit': 3}, timeout=60)\n"
        "third = await Session(first.session.id).asend('Once more')\n"
        "print([second.turn, third.turn], third.text, second.session.id == third.session.id)"
    )
    assert "[2, 3] three True" in answer.printed, answer.errors
    assert "limit: int, in /workspace/limit.json" in str(model.requests[1]["messages"][-1])


def test_what_is_no_session() -> None:
    with pytest.raises(AgentError, match="'agent_1' is not a session's id"):
        Session("agent_1")
