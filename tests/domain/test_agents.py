from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents import wire
from jupyter_agents.domain.agents import create_agent, override, snapshot, tool_config, update_agent
from jupyter_agents.errors import Conflict, InvalidRequest
from tests.domain.talk import CUSTOM, NOW, TOOLSET

Doc = dict[str, Any]

LATER = "2026-11-21T13:00:00.000000Z"
SERVER = {"type": "url", "name": "docs", "url": "https://mcp.example.com"}
SKILL = {"type": "anthropic", "skill_id": "xlsx", "version": "latest"}
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


LIMITS: list[tuple[Any, Any, str]] = [
    ({"name": "x" * 256}, {"name": "x" * 257}, "name"),
    ({"name": "x"}, {"name": ""}, "name"),
    ({"model": "m" * 256}, {"model": "m" * 257}, "model"),
    ({"model": "m"}, {"model": ""}, "model"),
    ({"description": "x" * 2048}, {"description": "x" * 2049}, "description"),
    ({"system": "x" * 100_000}, {"system": "x" * 100_001}, "system"),
    (
        {"metadata": {str(n): "" for n in range(16)}},
        {"metadata": {str(n): "" for n in range(17)}},
        "metadata",
    ),
    ({"metadata": {"k" * 64: ""}}, {"metadata": {"k" * 65: ""}}, "metadata"),
    ({"metadata": {"k": ""}}, {"metadata": {"": "v"}}, "metadata"),
    ({"metadata": {"k": "v" * 512}}, {"metadata": {"k": "v" * 513}}, "metadata.k"),
    (
        {"execution_identity": {"type": "aws_role", "role_arn": "a" * 2048}},
        {"execution_identity": {"type": "aws_role", "role_arn": "a" * 2049}},
        "execution_identity.role_arn",
    ),
    (
        {"execution_identity": {"type": "aws_role", "role_arn": "a"}},
        {"execution_identity": {"type": "aws_role", "role_arn": ""}},
        "execution_identity.role_arn",
    ),
]


@pytest.mark.parametrize(("at", "beyond", "field"), LIMITS)
def test_each_limit_at_its_edge_and_one_past_it(at: Doc, beyond: Doc, field: str) -> None:
    assert made(**at).items() >= {k: v for k, v in at.items() if k != "model"}.items()
    with pytest.raises(InvalidRequest) as caught:
        made(**beyond)
    assert caught.value.message.startswith(field)
    assert update_agent(made(), at, LATER)["version"] == 2 or at == {"model": "m"}
    with pytest.raises(InvalidRequest):
        update_agent(made(), beyond, LATER)


def test_metadata_that_is_refused_has_its_code() -> None:
    for pairs in ({str(n): "" for n in range(17)}, {"k" * 65: ""}, {"k": "v" * 513}):
        with pytest.raises(InvalidRequest) as caught:
            made(metadata=pairs)
        assert caught.value.code == "invalid_metadata"


@pytest.mark.parametrize("given", [None, {"type": "service_account"}])
def test_the_default_identity_comes_back(given: Any) -> None:
    role = made(execution_identity={"type": "aws_role", "role_arn": "arn:aws:iam::1:role/r"})
    assert role["execution_identity"]["type"] == "aws_role"
    assert update_agent(role, {}, LATER) == role
    again = update_agent(role, {"execution_identity": given}, LATER)
    assert again["execution_identity"] == {"type": "service_account"} and again["version"] == 2


@pytest.mark.parametrize(
    "tools", [[], [CUSTOM], [TOOLSET | {"configs": [{"name": "read", "enabled": False}]}]]
)
def test_skills_need_the_read_tool(tools: list[Doc]) -> None:
    with pytest.raises(InvalidRequest, match=r"^skills: .*read"):
        made(skills=[SKILL], tools=tools)
    agent = made(skills=[SKILL], tools=[TOOLSET])
    for change in (update_agent, lambda stored, body, _: override(stored, body)):
        with pytest.raises(InvalidRequest, match=r"^skills"):
            change(agent, {"tools": tools}, LATER)
        assert change(agent, {"tools": tools, "skills": None}, LATER)["skills"] == []


@pytest.mark.parametrize("clear", [None, []])
def test_lists_are_replaced_or_cleared(clear: Any) -> None:
    mcp = {"type": "mcp_toolset", "mcp_server_name": "docs"}
    agent = made(tools=[TOOLSET, mcp], mcp_servers=[SERVER], skills=[SKILL])
    bare = update_agent(agent, {"tools": clear, "mcp_servers": clear, "skills": clear}, LATER)
    assert (bare["tools"], bare["mcp_servers"], bare["skills"]) == ([], [], [])
    assert update_agent(agent, {"tools": [TOOLSET], "mcp_servers": clear}, LATER)["skills"] == [SKILL]
    with pytest.raises(InvalidRequest, match="mcp_servers"):
        update_agent(agent, {"mcp_servers": clear}, LATER)


@pytest.mark.parametrize("clear", [None, ""])
def test_texts_are_cleared(clear: Any) -> None:
    new = update_agent(made(system="s", description="d"), {"system": clear, "description": clear}, LATER)
    assert (new["system"], new["description"]) == (None, None)


def test_what_an_agent_shows_may_be_sent_back() -> None:
    web = [{"name": "web_search", "allowed_domains": ["a.example.com"]}, {"name": "web_fetch"}]
    agent = made(
        tools=[TOOLSET | {"configs": web}, CUSTOM, {"type": "mcp_toolset", "mcp_server_name": "docs"}],
        mcp_servers=[SERVER],
        skills=[SKILL],
        multiagent={"type": "coordinator", "agents": [{"type": "self"}]},
        model={"id": "claude-opus-5", "effort": "low", "inference_geo": "us"},
    )
    found = {("agent_1", 1): agent}
    fields = wire.AgentUpdate.__annotations__.keys() & agent.keys() - {"version"}
    body = wire.strict(wire.AgentUpdate)({key: agent[key] for key in fields})
    assert update_agent(agent, body, LATER, found) == agent


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_counts_from_one(version: int) -> None:
    with pytest.raises(InvalidRequest, match=r"^version"):
        update_agent(made(), {"version": version}, LATER)


def test_the_owner_in_a_roster_moves_with_its_version() -> None:
    coordinator = {"type": "coordinator", "agents": [{"type": "self"}]}
    agent = made(multiagent=coordinator)
    assert agent["multiagent"]["agents"] == [{"type": "agent", "id": "agent_1", "version": 1}]
    assert update_agent(agent, {"multiagent": coordinator}, LATER) == agent
    second = update_agent(agent, {"system": "s"}, LATER)
    assert second["multiagent"]["agents"] == [{"type": "agent", "id": "agent_1", "version": 2}]
    assert update_agent(second, {"multiagent": None}, LATER)["multiagent"] is None


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


def test_an_effort_stays_with_its_model_in_an_update() -> None:
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
    with pytest.raises(InvalidRequest, match=r"^skills: "):
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
