from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import pytest

from tests.support import TOOLSET, Server


def test_versions_come_and_are_kept(server: Server) -> None:
    agents = server.client.beta.agents
    agent = server.agent(system="one")
    assert (agent.version, agent.archived_at) == (1, None)
    second = agents.update(agent.id, system="two")
    assert (second.version, second.system) == (2, "two")
    assert agents.retrieve(agent.id) == second
    assert agents.retrieve(agent.id, version=1).system == "one"
    assert [a.version for a in agents.versions.list(agent.id)] == [2, 1]


def test_no_change_makes_no_version(server: Server) -> None:
    agents = server.client.beta.agents
    agent = server.agent()
    assert agents.update(agent.id, name="coder", version=1) == agent


@pytest.mark.parametrize("version", [0, -1, 2, 10**17])
def test_a_version_that_is_none(server: Server, version: int) -> None:
    with pytest.raises((anthropic.NotFoundError, anthropic.BadRequestError)):
        server.client.beta.agents.retrieve(server.agent().id, version=version)


def test_archiving_is_final_and_shows_on_every_version(server: Server) -> None:
    agents = server.client.beta.agents
    agent = server.agent()
    agents.update(agent.id, name="new")
    archived = agents.archive(agent.id)
    assert archived.archived_at is not None and agents.archive(agent.id) == archived
    assert agents.retrieve(agent.id, version=1).archived_at == archived.archived_at
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        agents.update(agent.id, name="newer")
    assert agent.id not in [a.id for a in agents.list(limit=100)]
    assert agent.id in [a.id for a in agents.list(limit=100, include_archived=True)]


def test_lists_are_paged_newest_first(server: Server) -> None:
    made = [server.agent(name=f"paged {n}").id for n in range(5)]
    first = server.client.beta.agents.list(limit=2)
    assert [a.id for a in first.data] == made[:-3:-1]
    listed = [a.id for a in server.client.beta.agents.list(limit=2)]
    assert listed[:5] == made[::-1] and len(listed) == len(set(listed))


def test_versions_are_paged(server: Server) -> None:
    agent = server.agent()
    for n in range(4):
        server.client.beta.agents.update(agent.id, name=f"name {n}")
    pages = server.client.beta.agents.versions.list(agent.id, limit=2)
    assert [a.version for a in pages] == [5, 4, 3, 2, 1]


def test_the_page_of_one_list_is_none_of_another(server: Server) -> None:
    agent = server.agent()
    server.client.beta.agents.update(agent.id, name="x")
    page: Any = server.client.beta.agents.versions.list(agent.id, limit=1)
    with pytest.raises(anthropic.BadRequestError, match="page"):
        server.client.beta.agents.list(page=page.next_page)


def test_a_time_filter_that_excludes_the_page_is_refused(server: Server) -> None:
    for _ in range(3):
        server.agent()
    page: Any = server.client.beta.agents.list(limit=1)
    path = f"v1/agents?page={page.next_page}&created_at[gte]=2100-01-01T00:00:00Z"
    answer = server.request("GET", path)
    assert answer.status_code == 400 and "created_at[gte]" in answer.json()["error"]["message"]


def test_unknown_fields_of_a_tool_are_refused_by_name(server: Server) -> None:
    tools = [TOOLSET[0] | {"configs": [{"name": "bash", "colour": "red"}]}]
    answer = server.request("POST", "v1/agents", json={"name": "a", "model": "m", "tools": tools})
    assert answer.status_code == 400
    assert "tools.0.configs.0.colour" in answer.json()["error"]["message"]


def test_an_update_without_a_version_always_wins(server: Server) -> None:
    agents, agent = server.client.beta.agents, server.agent()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: agents.update(agent.id, name=f"name {n}"), range(12)))
    assert sorted(a.version for a in done) == list(range(2, 14))
    newest = agents.retrieve(agent.id)
    assert newest.version == 13 and newest in done
    assert [a.version for a in agents.versions.list(agent.id)] == list(range(13, 0, -1))


def test_archiving_meanwhile_loses_no_version(server: Server) -> None:
    agents, agent = server.client.beta.agents, server.agent()
    with ThreadPoolExecutor(2) as pool:
        updated = pool.submit(agents.update, agent.id, name="new")
        archived = pool.submit(agents.archive, agent.id)
        try:
            version = updated.result().version
        except anthropic.BadRequestError:
            version = 1
        assert archived.result().archived_at is not None
    found = agents.retrieve(agent.id)
    assert (found.version, found.archived_at is not None) == (version, True)


def test_a_roster_is_pinned_when_it_is_saved(server: Server) -> None:
    agents = server.client.beta.agents
    helper = server.agent(name="helper")
    lead = server.agent(name="lead", multiagent={"type": "coordinator", "agents": [helper.id]})
    assert lead.multiagent.to_dict() == {
        "type": "coordinator",
        "agents": [{"type": "agent", "id": helper.id, "version": 1}],
    }
    agents.update(helper.id, system="new")
    assert agents.update(lead.id, system="x").multiagent == lead.multiagent
    again: Any = {"type": "coordinator", "agents": [helper.id, {"type": "self"}]}
    third: Any = agents.update(lead.id, multiagent=again).multiagent
    assert [(a.id, a.version) for a in third.agents] == [(helper.id, 2), (lead.id, 3)]
    agents.archive(helper.id)
    assert agents.update(lead.id, system="y").version == 4
    for wrong in (helper.id, lead.id + "x", server.session().id):
        with pytest.raises(anthropic.BadRequestError, match=r"multiagent\.agents\.0"):
            server.agent(multiagent={"type": "coordinator", "agents": [wrong]})


def test_a_team_is_merged_into_the_stored_one(server: Server) -> None:
    lead = server.agent(multiagent={"type": "multiagent_20261001", "workflows": {"type": "disabled"}})
    merged: Any = server.client.beta.agents.update(
        lead.id, multiagent={"type": "multiagent_20261001", "advisor": {"type": "enabled", "model": "m"}}
    ).multiagent
    assert (merged.workflows.type, merged.advisor.model, merged.subagents.type) == (
        "disabled",
        "m",
        "enabled",
    )


def test_every_kind_of_tool_comes_back_resolved_and_may_be_sent_again(server: Server) -> None:
    configs: Any = [
        {"name": "bash", "permission_policy": {"type": "always_ask"}},
        {"name": "web_search", "blocked_domains": ["ads.example.com"], "allowed_domains": None},
        {"name": "web_fetch", "url_sources": {"user_input": "none"}, "max_content_tokens": 5000},
    ]
    tools: Any = [TOOLSET[0] | {"configs": configs}, {"type": "mcp_toolset", "mcp_server_name": "docs"}]
    servers: Any = [{"type": "url", "name": "docs", "url": "https://mcp.example.com"}]
    skills: Any = [{"type": "anthropic", "skill_id": "xlsx"}]
    agent = server.agent(tools=tools, mcp_servers=servers, skills=skills)
    toolset, mcp = agent.tools
    assert [(c.type, c.name) for c in toolset.configs] == [(c["name"], c["name"]) for c in configs]
    assert toolset.default_config.permission_policy.type == "always_allow"
    assert toolset.configs[2].url_sources.user_input.type == "none"
    assert mcp.default_config.permission_policy.type == "always_ask"
    assert agent.skills[0].version == "latest"
    shown: Any = agent.to_dict(mode="json")
    fields = ("tools", "mcp_servers", "skills", "model", "execution_identity", "name", "system")
    body = {field: shown[field] for field in fields}
    assert server.request("POST", f"v1/agents/{agent.id}", json=body).json()["version"] == 1


OVERRIDES: list[tuple[Any, str | None]] = [
    ({"model": None}, "agent_model_required"),
    ({"tools": None}, None),
    ({"mcp_servers": None}, None),
    ({"version": 0}, None),
    ({"model": {"id": "claude-opus-4-5", "effort": "max"}}, None),
]


@pytest.mark.parametrize(("overrides", "code"), OVERRIDES)
def test_overrides_that_are_refused(server: Server, overrides: Any, code: str | None) -> None:
    tools: Any = [TOOLSET[0], {"type": "mcp_toolset", "mcp_server_name": "docs"}]
    servers: Any = [{"type": "url", "name": "docs", "url": "https://mcp.example.com"}]
    skills: Any = [{"type": "anthropic", "skill_id": "xlsx"}]
    agent = server.agent(tools=tools, mcp_servers=servers, skills=skills)
    reference = {"type": "agent_with_overrides", "id": agent.id, **overrides}
    body = {"agent": reference, "environment_id": server.session().environment_id}
    answer = server.request("POST", "v1/sessions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].get("details", {}).get("error_code") == code


def test_null_clears_in_an_override(server: Server) -> None:
    agent = server.agent(system="s", skills=[{"type": "anthropic", "skill_id": "xlsx"}])
    reference: Any = {"type": "agent_with_overrides", "id": agent.id, "skills": None, "tools": None}
    session = server.client.beta.sessions.create(
        agent=reference | {"system": None}, environment_id=server.session().environment_id
    )
    assert (session.agent.skills, session.agent.tools, session.agent.system) == ([], [], None)
