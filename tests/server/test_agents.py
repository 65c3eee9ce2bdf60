from __future__ import annotations

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
