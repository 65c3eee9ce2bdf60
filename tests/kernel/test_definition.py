"""A definition of an agent, from names, options and YAML to the API's request."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types.beta.agent_create_params import AgentCreateParams

from jupyter_agents.kernel.definition import FIELDS, TOOLSET, Definition, all_tools, from_fields, named
from jupyter_agents.kernel.problems import AgentError


def test_the_fields_are_those_of_the_api() -> None:
    assert {*FIELDS, "name"} == AgentCreateParams.__annotations__.keys() - {"betas", "workspace_id"}


def test_a_bare_definition_is_the_default_whole() -> None:
    body = Definition("a").body("m")
    assert body.keys() == set(FIELDS)
    assert (body["model"], body["tools"]) == ({"id": "m", "effort": None}, [{"type": TOOLSET}])
    assert (body["mcp_servers"], body["metadata"], body["system"]) == ([], {}, None)


def test_yaml_and_options_together() -> None:
    fields = {"name": "a", "model": {"id": "m", "effort": "low"}, "tools": ["bash"], "metadata": {"n": 3}}
    wanted = from_fields("a", fields, {"system": "S", "max_turns": 4, "tools": None})
    body = wanted.body("other")
    assert body["model"] == {"id": "m", "effort": "low"}
    assert body["metadata"] == {"n": "3", "jupyter-agents/max-turns": "4"}
    assert (body["system"], wanted.name) == ("S", "a")
    assert from_fields(None, fields, {}).name == "a"


def test_an_mcp_server_brings_its_tools_unless_tools_are_named() -> None:
    servers = [{"type": "url", "name": "docs", "url": "http://127.0.0.1:1/"}]
    both = [{"type": TOOLSET}, {"type": "mcp_toolset", "mcp_server_name": "docs"}]
    assert all_tools(None, servers) == both
    assert all_tools((), servers) == []


def test_names_and_tool_objects_mix() -> None:
    custom = {"type": "custom", "name": "ask"}
    built_in, own = all_tools(["bash", "read", "bash", custom])
    assert [config["name"] for config in built_in["configs"]] == ["bash", "read"]
    assert own == custom
    assert (named("none"), named("all"), named("bash, read")) == ((), None, ("bash", "read"))


@pytest.mark.parametrize(
    ("fields", "options", "says"),
    [
        ({"tols": []}, {}, "no field 'tols'. Did you mean tools?"),
        ({"temperature": 1}, {}, "The fields are model, system"),
        ({"system": "a"}, {"system": "b"}, "system is given twice"),
        ({"name": "b"}, {}, "names the agent 'b', the line 'a'"),
        ({"tools": {"bash": 1}}, {}, "tools: expected names"),
        ({"tools": "bsh"}, {}, "Did you mean bash"),
        ({"tools": [1]}, {}, "tools: expected names"),
        ({"mcp_servers": ["x"]}, {}, "mcp_servers: expected a list of objects"),
        ({"skills": {}}, {}, "skills: expected a list"),
        ({"model": 4}, {}, "model: expected"),
        ({"metadata": "x"}, {}, "metadata: expected"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(fields: Any, options: Any, says: str) -> None:
    with pytest.raises(AgentError) as error:
        from_fields("a", fields, options).body("m")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_definition_needs_a_name() -> None:
    with pytest.raises(AgentError, match="needs a name"):
        from_fields(None, {}, {})
