"""``--ask``: which tools of a session ask."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.kernel.asking import with_asking
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel

ALLOW = {"type": "always_allow"}
ASK = {"type": "always_ask"}
BUILT_IN: dict[str, Any] = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": False, "permission_policy": ALLOW},
    "configs": [{"name": name, "enabled": True, "permission_policy": ALLOW} for name in ("bash", "read")],
}
SERVER: dict[str, Any] = {
    "type": "mcp_toolset",
    "mcp_server_name": "docs",
    "default_config": {"enabled": True, "permission_policy": ALLOW},
    "configs": [{"name": "search", "enabled": True, "permission_policy": ALLOW}],
}
CUSTOM: dict[str, Any] = {"type": "custom", "name": "lookup", "description": "d", "input_schema": {}}


def test_only_the_named_tools_ask() -> None:
    tools = with_asking([BUILT_IN, SERVER, CUSTOM], ["bash", "lookup"])
    policies = {config["name"]: config["permission_policy"] for config in tools[0]["configs"]}
    assert policies == {"bash": ASK, "read": ALLOW}
    assert tools[1:] == [SERVER, CUSTOM]


def test_all_tools_of_a_server_ask() -> None:
    (asked,) = with_asking([SERVER], ["docs"])
    assert asked["default_config"] == {"enabled": True, "permission_policy": ASK}
    assert [config["permission_policy"] for config in asked["configs"]] == [ASK]


@pytest.mark.parametrize(("name", "says"), [("bsah", "Did you mean bash"), ("write", "It has bash, read")])
def test_a_tool_that_the_agent_has_not(name: str, says: str) -> None:
    with pytest.raises(AgentError, match=says):
        with_asking([BUILT_IN], [name])


def test_a_session_asks_and_the_agent_stays_as_it_is(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("%agent define plain --model claude-opus-4-7")
    for first in (True, False):
        model.script[:] = [[call("bash", command="echo hi")], [say("All right.")]]
        answer = kernel.run(f"%%agent plain {'--ask bash' if first else ''}\nHi", stdin="")
        assert answer.transcript["status"] == "waiting", answer.errors
        assert kernel.run("%agent approve", stdin="").transcript["status"] == "done"
    model.script[:] = [[call("bash", command="echo hi")], [say("All right.")]]
    assert kernel.run("%%agent plain --new\nHi", stdin="").transcript["status"] == "done"
    assert "unchanged" in kernel.run("%agent define plain --model claude-opus-4-7").printed
    answer = kernel.run("%%agent plain --ask basch\nHi")
    assert "the agent has no tool 'basch'. Did you mean bash" in answer.errors[0]
