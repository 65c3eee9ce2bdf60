from __future__ import annotations

from jupyter_agents.domain import tools
from jupyter_agents.domain.agents import create_agent
from jupyter_agents.domain.limits import BUILT_IN_TOOLS
from jupyter_agents.sandbox.base import SANDBOX_TOOLS
from tests.domain.talk import CUSTOM, NOW, TOOLSET


def test_what_is_offered_is_what_sandboxes_and_the_server_run() -> None:
    assert set(SANDBOX_TOOLS) == tools.SANDBOX
    assert tools.OFFERED == tools.BUILT_IN.keys() == set(BUILT_IN_TOOLS)


def test_definitions_are_what_the_messages_api_takes() -> None:
    agent = create_agent({"name": "a", "model": "m", "tools": [TOOLSET, CUSTOM]}, "agent_1", NOW)
    for tool in tools.definitions(agent, {}):
        assert tool.keys() == {"name", "description", "input_schema"}
        schema = tool["input_schema"]
        assert schema["type"] == "object"
        assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()


def test_only_an_agent_with_a_sandbox_tool_needs_a_sandbox() -> None:
    off = {"default_config": {"enabled": False}}
    web = TOOLSET | off | {"configs": [{"name": "web_fetch", "enabled": True}]}
    bash = TOOLSET | off | {"configs": [{"name": "bash", "enabled": True}]}
    cases = (([TOOLSET], True), ([bash], True), ([web], False), ([CUSTOM], False), ([], False))
    for given, needed in cases:
        agent = create_agent({"name": "a", "model": "m", "tools": given}, "agent_1", NOW)
        assert tools.needs_sandbox(agent) == needed
