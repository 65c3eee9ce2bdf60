from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents import wire
from jupyter_agents.domain.agents import create_agent, override, snapshot, tool_config, update_agent
from jupyter_agents.errors import Conflict, InvalidRequest, NotSupported
from tests.domain.talk import CUSTOM, NOW, TOOLSET

Doc = dict[str, Any]

LATER = "2026-11-21T13:00:00.000000Z"
SERVER = {"type": "url", "name": "docs", "url": "https://mcp.example.com"}
ALLOW, ASK = {"type": "always_allow"}, {"type": "always_ask"}


def made(**body: Any) -> Doc:
    return create_agent({"name": "coder", "model": "claude-opus-4-7", **body}, "agent_1", NOW)


def test_defaults_are_resolved_and_every_field_is_there() -> None:
    assert made() == {
        "id": "agent_1",
        "type": "agent",
        "name": "coder",
        "model": {
            "id": "claude-opus-4-7",
            "effort": {"type": "high"},
            "speed": "standard",
            "inference_geo": None,
        },
        "description": None,
        "system": None,
        "tools": [],
        "mcp_servers": [],
        "skills": [],
        "multiagent": None,
        "execution_identity": {"type": "service_account"},
        "metadata": {},
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        "archived_at": None,
    }


def test_a_toolset_is_resolved_with_the_entries_that_were_given() -> None:
    given = TOOLSET | {
        "default_config": {"enabled": False},
        "configs": [{"name": "bash", "permission_policy": ASK}, {"name": "read", "enabled": True}],
    }
    (tool,) = made(tools=[given])["tools"]
    assert tool["default_config"] == {"enabled": False, "permission_policy": ALLOW}
    assert tool["configs"] == [
        {"type": "bash", "name": "bash", "enabled": False, "permission_policy": ASK},
        {"type": "read", "name": "read", "enabled": True, "permission_policy": ALLOW},
    ]


def test_the_resolved_configuration_of_a_tool() -> None:
    agent = made(tools=[TOOLSET | {"configs": [{"name": "bash", "enabled": False}]}])
    bash, read = tool_config(agent, "bash"), tool_config(agent, "read")
    assert bash and not bash["enabled"]
    assert read and read["enabled"]
    assert tool_config(made(), "read") is None


@pytest.mark.parametrize(
    ("model", "resolved"),
    [
        ("claude-haiku-5-5", {"effort": {"type": "medium"}}),
        ({"id": "claude-opus-5", "effort": "low"}, {"effort": {"type": "low"}}),
        ({"id": "claude-opus-5", "speed": "fast"}, {"speed": "fast"}),
        (
            {"id": "claude-opus-5", "speed": None, "inference_geo": "us"},
            {"speed": "standard", "inference_geo": "us"},
        ),
        ("local-model", {"effort": None}),
    ],
)
def test_models_are_objects(model: Any, resolved: Doc) -> None:
    found = made(model=model)["model"]
    assert found.items() >= resolved.items() and found.keys() == {"id", "effort", "speed", "inference_geo"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"model": ""}, "model"),
        ({"description": "x" * 2049}, "description"),
        ({"system": "x" * 100_001}, "system"),
        ({"model": {"id": "claude-haiku-4-5", "speed": "fast"}}, "model.speed"),
        ({"model": {"id": "claude-opus-5", "inference_geo": "mars"}}, "model.inference_geo"),
        ({"tools": [TOOLSET, TOOLSET]}, "tools"),
        ({"tools": [CUSTOM, CUSTOM]}, "tools"),
        ({"tools": [CUSTOM] * 129}, "tools"),
        ({"tools": [CUSTOM | {"name": "bash"}]}, "tools.0.name"),
        ({"tools": [CUSTOM | {"name": "mcp__x"}]}, "tools.0.name"),
        ({"tools": [CUSTOM | {"name": "no spaces"}]}, "tools.0.name"),
        ({"tools": [CUSTOM | {"description": ""}]}, "tools.0.description"),
        (
            {"tools": [CUSTOM | {"input_schema": {"type": "object", "oneOf": []}}]},
            "tools.0.input_schema.oneOf",
        ),
        (
            {"tools": [CUSTOM | {"input_schema": {"properties": {"a": {"$ref": "#"}}}}]},
            "tools.0.input_schema",
        ),
        ({"tools": [CUSTOM | {"input_schema": {"properties": {"a b": {}}}}]}, "tools.0.input_schema"),
        ({"tools": [TOOLSET | {"configs": [{"name": "bash"}, {"name": "bash"}]}]}, "tools.0.configs"),
        ({"mcp_servers": [SERVER]}, "mcp_servers"),
        ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "docs"}]}, "mcp_servers"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: ""}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
    ],
)
def test_limits_are_refused_by_name(body: Doc, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        made(**body)
    assert caught.value.message.startswith(field)


@pytest.mark.parametrize(
    "body", [{"multiagent": {"type": "coordinator"}}, {"skills": [{"skill_id": "xlsx"}]}]
)
def test_what_is_not_built_says_so(body: Doc) -> None:
    with pytest.raises(NotSupported):
        made(**body)


def test_an_mcp_toolset_asks_by_default() -> None:
    agent = made(mcp_servers=[SERVER], tools=[{"type": "mcp_toolset", "mcp_server_name": "docs"}])
    assert agent["tools"][0]["default_config"] == {"enabled": True, "permission_policy": ASK}


def test_a_change_makes_a_version() -> None:
    agent = made(system="a", metadata={"k": "v", "gone": "x"})
    new = update_agent(agent, {"system": None, "metadata": {"k": "w", "gone": None}}, LATER)
    assert (new["version"], new["system"], new["metadata"], new["updated_at"]) == (2, None, {"k": "w"}, LATER)
    assert new["created_at"] == NOW


@pytest.mark.parametrize(
    "same",
    [{}, {"name": "coder"}, {"version": 1}, {"model": "claude-opus-4-7"}, {"tools": None}, {"metadata": {}}],
)
def test_no_change_makes_no_version(same: Doc) -> None:
    agent = made()
    assert update_agent(agent, same, LATER) == agent


def test_a_stale_version_is_a_conflict_even_without_a_change() -> None:
    with pytest.raises(Conflict, match="version"):
        update_agent(made(), {"version": 2, "name": "coder"}, LATER)


def test_an_effort_stays_with_its_model() -> None:
    agent = made(model={"id": "claude-opus-5", "effort": "low"})
    assert update_agent(agent, {"model": "claude-opus-5"}, LATER) == agent
    other = update_agent(agent, {"model": "claude-opus-5-5"}, LATER)
    assert other["model"]["effort"] == {"type": "medium"}


def test_a_geography_that_is_left_out_is_cleared() -> None:
    agent = made(model={"id": "claude-opus-5", "inference_geo": "us"})
    assert update_agent(agent, {"model": {"id": "claude-opus-5"}}, LATER)["model"]["inference_geo"] is None


@pytest.mark.parametrize("body", [{"model": None}, {"model": {}}, {"name": ""}, {"name": None}])
def test_name_and_model_cannot_be_cleared(body: Doc) -> None:
    with pytest.raises(InvalidRequest):
        update_agent(made(), wire.strict(wire.AgentUpdate)(body), LATER)


def test_an_archived_agent_stays_as_it_is() -> None:
    with pytest.raises(InvalidRequest, match="archived"):
        update_agent(made() | {"archived_at": NOW}, {"name": "x"}, LATER)


def test_overrides_replace_clear_or_keep() -> None:
    agent = made(system="a", tools=[TOOLSET])
    kept = override(agent, {"type": "agent_with_overrides", "id": "agent_1"})
    assert kept == agent
    new = override(agent, {"system": None, "tools": [], "model": "claude-opus-5-5"})
    assert (new["system"], new["tools"], new["model"]["effort"]) == (None, [], {"type": "medium"})
    with pytest.raises(InvalidRequest) as caught:
        override(agent, {"model": None})
    assert caught.value.code == "agent_model_required"


@pytest.mark.parametrize(
    ("given", "effort"),
    [
        ("claude-opus-5", "high"),
        ({"id": "claude-opus-5"}, "high"),
        ({"id": "claude-opus-5", "effort": "max"}, "max"),
        ({"id": "claude-opus-5-5", "effort": {"type": "low"}}, "low"),
    ],
)
def test_an_override_of_the_model_has_its_own_effort(given: Any, effort: str) -> None:
    agent = made(model={"id": "claude-opus-5", "effort": "low"})
    assert override(agent, {"model": given})["model"]["effort"] == {"type": effort}


def test_skills_need_tools() -> None:
    agent = made(tools=[TOOLSET]) | {"skills": [{"type": "anthropic", "skill_id": "xlsx", "version": "1"}]}
    with pytest.raises(InvalidRequest, match=r"agent\.tools: .*skills"):
        override(agent, {"tools": []})
    assert override(agent, {"tools": [], "skills": []})["tools"] == []


@pytest.mark.parametrize("cleared", [{"mcp_servers": []}, {"tools": []}])
def test_an_override_leaves_no_half_of_a_pair(cleared: Doc) -> None:
    agent = made(mcp_servers=[SERVER], tools=[{"type": "mcp_toolset", "mcp_server_name": "docs"}])
    with pytest.raises(InvalidRequest, match="'docs' needs"):
        override(agent, cleared)
    both = override(agent, {"mcp_servers": [], "tools": []})
    assert (both["mcp_servers"], both["tools"]) == ([], [])


def test_a_snapshot_has_what_a_session_shows() -> None:
    shown = snapshot(made())
    assert {"id", "version", "tools", "execution_identity"} <= shown.keys()
    assert not {"created_at", "archived_at", "metadata"} & shown.keys()
