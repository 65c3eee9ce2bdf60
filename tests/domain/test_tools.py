from __future__ import annotations

from jupyter_agents.domain import tools
from jupyter_agents.domain.agents import create_agent
from jupyter_agents.sandbox.base import SANDBOX_TOOLS
from tests.domain.talk import CUSTOM, NOW, TOOLSET


def test_what_is_offered_is_what_sandboxes_run() -> None:
    assert set(SANDBOX_TOOLS) == tools.OFFERED == tools.BUILT_IN.keys()


def test_definitions_are_what_the_messages_api_takes() -> None:
    agent = create_agent({"name": "a", "model": "m", "tools": [TOOLSET, CUSTOM]}, "agent_1", NOW)
    for tool in tools.definitions(agent, {}):
        assert tool.keys() == {"name", "description", "input_schema"}
        schema = tool["input_schema"]
        assert schema["type"] == "object"
        assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()


def test_only_an_agent_with_a_built_in_tool_needs_a_sandbox() -> None:
    for given, needed in (([TOOLSET], True), ([CUSTOM], False), ([], False)):
        agent = create_agent({"name": "a", "model": "m", "tools": given}, "agent_1", NOW)
        assert tools.needs_sandbox(agent) == needed
