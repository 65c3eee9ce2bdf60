from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents import wire
from jupyter_agents.domain import session_object
from jupyter_agents.domain.agents import create_agent
from jupyter_agents.errors import InvalidRequest, NotSupported
from tests.domain.talk import NOW, TOOLSET, session_doc

Doc = dict[str, Any]
LATER = "2026-11-21T12:00:10.500000Z"


def budget(amount: str, currency: str = "USD") -> Doc:
    return {"budget": {"type": "limit", "max_list_cost": {"amount": amount, "currency": currency}}}


def test_a_new_session_as_the_service_shows_it() -> None:
    shown = session_object.wire(session_doc(title="T"), LATER)
    assert shown["usage"] == {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": None,
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "active_seconds": 0.0,
        "list_cost": {"amount": "0", "currency": "USD"},
    }
    assert shown["stats"] == {"active_seconds": 0.0, "duration_seconds": 10.5}
    assert (shown["status"], shown["outcome_evaluations"], shown["vault_ids"]) == ("idle", [], [])
    wire.Session.model_validate(shown)
    assert wire.Session.model_fields.keys() <= shown.keys()


def test_what_is_ours_is_not_shown() -> None:
    assert not set(session_object.OWN_FIELDS) & session_object.wire(session_doc(), NOW).keys()


def test_the_clock_of_an_archived_session_stands() -> None:
    doc = session_doc() | {"archived_at": "2026-11-21T12:00:02Z"}
    assert session_object.wire(doc, LATER)["stats"]["duration_seconds"] == 2


@pytest.mark.parametrize(
    ("networking", "note"),
    [
        ({"type": "unrestricted"}, "public hosts"),
        ({"type": "limited", "allowed_hosts": ["a.example"]}, "a.example"),
        ({"type": "limited"}, "no network"),
        ({"type": "limited", "allow_mcp_servers": True}, "mcp.example.com"),
    ],
)
def test_the_agent_is_told_of_its_network(networking: Doc, note: str) -> None:
    mcp = {
        "mcp_servers": [{"type": "url", "name": "d", "url": "https://mcp.example.com/x"}],
        "tools": [{"type": "mcp_toolset", "mcp_server_name": "d"}],
    }
    doc = session_doc(agent=mcp, environment={"config": {"type": "cloud", "networking": networking}})
    assert note in doc["notes"][0]


def test_the_agent_is_told_of_its_files() -> None:
    doc = session_doc(resources=[{"type": "file", "mount_path": "/workspace/data.csv"}])
    assert "- /workspace/data.csv" in doc["notes"][1]


@pytest.mark.parametrize("amount", ["0", "", "05", "1.5", "-1", "1e3", "x", "9" * 13, "٣"])
def test_a_budget_is_whole_cents(amount: str) -> None:
    with pytest.raises(InvalidRequest, match="budget"):
        session_object.check_body(budget(amount))


def test_a_budget_is_in_dollars() -> None:
    session_object.check_body(budget("50"))
    with pytest.raises(InvalidRequest, match="currency"):
        session_object.check_body(budget("50", "EUR"))


@pytest.mark.parametrize(
    ("body", "feature"),
    [
        ({"vault_ids": ["vlt_1"]}, "vault_ids"),
        ({"resources": [{"type": "memory_store"}]}, "memory_store"),
        ({"initial_events": [{"type": "user.define_outcome"}]}, "define_outcome"),
    ],
)
def test_what_is_not_built_says_so(body: Doc, feature: str) -> None:
    with pytest.raises(NotSupported, match=feature):
        session_object.check_body(body)


def test_fifty_first_events_at_most() -> None:
    with pytest.raises(InvalidRequest, match="initial_events"):
        session_object.check_body({"initial_events": [{"type": "user.message"}] * 51})


def agent(**body: Any) -> Doc:
    return create_agent({"name": "a", "model": "claude-opus-4-7", **body}, "agent_1", NOW)


def toolset(**more: Any) -> Doc:
    return {"tools": [TOOLSET | more]}


@pytest.mark.parametrize(
    ("found", "feature"),
    [
        (agent(skills=[{"type": "anthropic", "skill_id": "xlsx"}], **toolset()), "agent.skills"),
        (agent(multiagent={"type": "coordinator", "agents": [{"type": "self"}]}), "agent.multiagent"),
        (agent(execution_identity={"type": "aws_role", "role_arn": "arn"}), "execution_identity aws_role"),
    ],
)
def test_an_agent_that_cannot_run_yet_says_so(found: Doc, feature: str) -> None:
    with pytest.raises(NotSupported, match=feature):
        session_object.check_runnable(found, {})


MCP = [{"type": "url", "name": "d", "url": "https://a.example"}]


def mcp_agent(policy: str) -> Doc:
    config = {"permission_policy": {"type": policy}}
    entry = {"type": "mcp_toolset", "mcp_server_name": "d", "default_config": config}
    return agent(mcp_servers=MCP, tools=[entry | {"configs": [{"name": "anything"}]}])


@pytest.mark.parametrize("policy", ["always_ask", "always_allow", "auto"])
def test_mcp_tools_run_whatever_their_names(policy: str) -> None:
    session_object.check_runnable(mcp_agent(policy), {})


@pytest.mark.parametrize("enabled", [True, False])
def test_a_web_tool_is_no_trouble(enabled: bool) -> None:
    configs = [{"name": "web_fetch", "enabled": enabled}, {"name": "web_search", "enabled": enabled}]
    session_object.check_runnable(agent(**toolset(configs=configs)), {})


def test_a_budget_needs_a_price() -> None:
    session_object.check_runnable(agent(), budget("5"))
    with pytest.raises(InvalidRequest) as caught:
        session_object.check_runnable(agent(model="local"), budget("5"))
    assert caught.value.code == "model_not_budgetable"


def overrides(**given: Any) -> Doc:
    return {"agent": {"type": "agent_with_overrides", "id": "agent_1", **given}}


def test_overrides_that_are_null_are_cleared() -> None:
    given = overrides(tools=None, mcp_servers=None, skills=None, system=None)
    assert session_object.cleared(given) == overrides(tools=[], mcp_servers=[], skills=[], system=None)
    assert given == overrides(tools=None, mcp_servers=None, skills=None, system=None)
    wire.strict(wire.SessionCreate)(session_object.cleared(given) | {"environment_id": "env_1"})


def test_a_model_cannot_be_cleared() -> None:
    with pytest.raises(InvalidRequest) as caught:
        session_object.cleared(overrides(model=None))
    assert caught.value.code == "agent_model_required"


@pytest.mark.parametrize("agent", ["agent_1", None, [], {"type": "agent", "id": "a", "model": None}])
def test_other_references_are_left_to_the_types(agent: Any) -> None:
    assert session_object.cleared({"agent": agent}) == {"agent": agent}


def test_a_hundred_first_documents_from_files_at_most() -> None:
    def message(kind: str, source: str, times: int) -> Doc:
        block = {"type": kind, "source": {"type": source, "file_id": "file_1"}}
        return {"type": "user.message", "content": [block] * times}

    fine = [message("document", "file", 60), message("document", "file", 40)]
    fine += [message("image", "file", 50), message("document", "text", 50)]
    session_object.check_body({"initial_events": fine})
    with pytest.raises(InvalidRequest, match="initial_events: at most 100"):
        session_object.check_body({"initial_events": [*fine, message("document", "file", 1)]})
