"""Real request bodies, as the SDK and the documentation's samples send them.

Each is ``(name, type of the SDK, body, paths that may not be left out)``.
"""

from __future__ import annotations

from typing import Any

from jupyter_agents import wire

Doc = dict[str, Any]

TEXT: Doc = {"type": "text", "text": "hi"}
TOOLSET: Doc = {"type": "agent_toolset_20260401"}
SCHEMA: Doc = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CUSTOM: Doc = {"type": "custom", "name": "weather", "description": "Tells it.", "input_schema": SCHEMA}
MCP: Doc = {"type": "url", "name": "docs", "url": "https://mcp.example.com"}
PNG: Doc = {"type": "base64", "media_type": "image/png", "data": "aGk="}


def _agent(**more: Any) -> Doc:
    return {"name": "coder", "model": "claude-opus-4-7", **more}


def _session(**more: Any) -> Doc:
    return {"agent": "agent_01", "environment_id": "env_01", **more}


def _message(*content: Doc) -> Doc:
    return {"type": "user.message", "content": list(content)}


def _send(*events: Doc) -> Doc:
    return {"events": list(events)}


A, U, E, F, S, SU, V = (
    wire.AgentCreate,
    wire.AgentUpdate,
    wire.EnvironmentCreate,
    wire.EnvironmentUpdate,
    wire.SessionCreate,
    wire.SessionUpdate,
    wire.EventSend,
)

ACCEPTED: list[tuple[str, Any, Doc, tuple[str, ...]]] = [
    ("agent, least", A, _agent(), ("name", "model")),
    ("agent, texts", A, _agent(system="Be kind.", description="d", metadata={"k": "v"}), ()),
    ("agent, nulls", A, _agent(system=None, description=None, multiagent=None), ()),
    ("agent, model object", A, _agent(model={"id": "claude-opus-5", "speed": "fast"}), ("model.id",)),
    ("agent, effort word", A, _agent(model={"id": "claude-opus-5", "effort": "high"}), ()),
    ("agent, effort object", A, _agent(model={"id": "m", "effort": {"type": "low"}}), ("model.effort.type",)),
    ("agent, unknown model", A, _agent(model="my/local-model:7b"), ()),
    ("agent, toolset", A, _agent(tools=[TOOLSET]), ("tools.0.type",)),
    (
        "agent, toolset with configs",
        A,
        _agent(
            tools=[
                TOOLSET
                | {
                    "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}},
                    "configs": [{"name": "bash", "permission_policy": {"type": "always_ask"}}],
                }
            ]
        ),
        ("tools.0.configs.0.name", "tools.0.default_config.permission_policy.type"),
    ),
    (
        "agent, typed config entry",
        A,
        _agent(tools=[TOOLSET | {"configs": [{"type": "read", "name": "read", "enabled": False}]}]),
        (),
    ),
    (
        "agent, web search",
        A,
        _agent(tools=[TOOLSET | {"configs": [{"name": "web_search", "allowed_domains": ["example.com"]}]}]),
        (),
    ),
    (
        "agent, auto policy",
        A,
        _agent(tools=[TOOLSET | {"default_config": {"permission_policy": {"type": "auto"}}}]),
        (),
    ),
    (
        "agent, custom tool",
        A,
        _agent(tools=[CUSTOM]),
        ("tools.0.name", "tools.0.description", "tools.0.input_schema"),
    ),
    ("agent, both", A, _agent(tools=[TOOLSET, CUSTOM]), ()),
    (
        "agent, mcp",
        A,
        _agent(mcp_servers=[MCP], tools=[{"type": "mcp_toolset", "mcp_server_name": "docs"}]),
        ("mcp_servers.0.name", "mcp_servers.0.url", "tools.0.mcp_server_name"),
    ),
    ("agent, skills", A, _agent(skills=[{"type": "anthropic", "skill_id": "xlsx"}]), ("skills.0.skill_id",)),
    (
        "agent, web fetch",
        A,
        _agent(
            tools=[
                TOOLSET
                | {
                    "configs": [
                        {
                            "name": "web_fetch",
                            "blocked_domains": ["ads.example.com"],
                            "max_content_tokens": 9,
                            "url_sources": {
                                "user_input": "all",
                                "server_tool_results": {"type": "none"},
                                "client_tool_results": {
                                    "type": "only",
                                    "tools": [{"type": "tool_reference", "name": "weather"}],
                                },
                            },
                        }
                    ]
                },
                CUSTOM,
            ]
        ),
        ("tools.0.configs.0.url_sources.client_tool_results.tools.0.name",),
    ),
    (
        "agent, coordinator",
        A,
        _agent(
            multiagent={
                "type": "coordinator",
                "agents": [
                    "agent_01",
                    {"type": "agent", "id": "agent_02", "version": 3},
                    {"type": "self"},
                    {"type": "advisor", "model": "claude-opus-5"},
                ],
            }
        ),
        ("multiagent.type", "multiagent.agents", "multiagent.agents.1.id", "multiagent.agents.3.model"),
    ),
    (
        "agent, team",
        A,
        _agent(
            multiagent={
                "type": "multiagent_20261001",
                "subagents": {
                    "type": "enabled",
                    "predefined_agents": ["agent_01", {"type": "self"}],
                    "inline_agents": {"type": "disabled"},
                },
                "workflows": {"type": "disabled"},
                "advisor": {"type": "enabled", "model": "claude-opus-5"},
            }
        ),
        ("multiagent.subagents.type", "multiagent.advisor.model"),
    ),
    ("agent update, team", U, {"multiagent": {"type": "multiagent_20261001", "workflows": None}}, ()),
    (
        "agent, role",
        A,
        _agent(execution_identity={"type": "aws_role", "role_arn": "arn:aws:iam::1:role/r"}),
        (),
    ),
    ("agent, identity", A, _agent(execution_identity={"type": "service_account"}), ()),
    ("agent update, nothing", U, {}, ()),
    ("agent update, name", U, {"name": "coder2"}, ()),
    ("agent update, version", U, {"version": 3, "system": None, "tools": []}, ()),
    ("agent update, metadata", U, {"metadata": {"a": "b", "gone": None}}, ()),
    ("agent update, null tools", U, {"tools": None, "mcp_servers": None, "skills": None}, ()),
    ("environment, least", E, {"name": "e"}, ("name",)),
    ("environment, cloud", E, {"name": "e", "config": {"type": "cloud"}}, ("config.type",)),
    (
        "environment, unrestricted",
        E,
        {"name": "e", "config": {"type": "cloud", "networking": {"type": "unrestricted"}}},
        ("config.networking.type",),
    ),
    (
        "environment, limited",
        E,
        {
            "name": "e",
            "config": {
                "type": "cloud",
                "networking": {"type": "limited", "allowed_hosts": ["a.example", "*.b.example"]},
                "packages": {"pip": ["pandas==2.2.0"], "npm": []},
            },
        },
        (),
    ),
    ("environment, self hosted", E, {"name": "e", "config": {"type": "self_hosted"}}, ()),
    (
        "environment, texts",
        E,
        {"name": "e", "description": None, "metadata": {"jupyter-agents/cpus": "2"}},
        (),
    ),
    ("environment update, nothing", F, {}, ()),
    (
        "environment update, texts",
        F,
        {"name": "e", "description": None, "scope": None, "metadata": {"k": None, "gone": ""}},
        (),
    ),
    (
        "environment update, config",
        F,
        {
            "config": {
                "type": "cloud",
                "networking": {"type": "limited", "allowed_hosts": ["a.example"], "allow_mcp_servers": True},
                "packages": {"type": "packages", "pip": ["pandas"], "apt": []},
            }
        },
        ("config.type", "config.networking.type"),
    ),
    ("session, least", S, _session(), ("agent", "environment_id")),
    ("session, pinned", S, _session(agent={"type": "agent", "id": "agent_01", "version": 2}), ("agent.id",)),
    (
        "session, overrides",
        S,
        _session(
            agent={
                "type": "agent_with_overrides",
                "id": "agent_01",
                "model": "claude-opus-5",
                "system": None,
                "tools": [TOOLSET],
            }
        ),
        ("agent.id", "agent.type"),
    ),
    ("session, texts", S, _session(title="T", metadata={"k": "v"}), ()),
    ("session, null title", S, _session(title=None, vault_ids=[]), ()),
    (
        "session, files",
        S,
        _session(resources=[{"type": "file", "file_id": "file_01", "mount_path": "/workspace/data.csv"}]),
        ("resources.0.type", "resources.0.file_id"),
    ),
    (
        "session, repository",
        S,
        _session(
            resources=[
                {
                    "type": "github_repository",
                    "url": "https://github.com/a/b",
                    "authorization_token": "t",
                    "checkout": {"type": "branch", "name": "main"},
                }
            ]
        ),
        ("resources.0.url", "resources.0.checkout.name"),
    ),
    (
        "session, budget",
        S,
        _session(budget={"type": "limit", "max_list_cost": {"amount": "50", "currency": "USD"}}),
        ("budget.type", "budget.max_list_cost.amount"),
    ),
    ("session, first events", S, _session(initial_events=[_message(TEXT)]), ("initial_events.0.content",)),
    ("session update, nothing", SU, {}, ()),
    ("session update, texts", SU, {"title": None, "metadata": {"a": "b", "gone": None}}, ()),
    (
        "session update, tools",
        SU,
        {"agent": {"tools": [TOOLSET, CUSTOM], "mcp_servers": []}},
        ("agent.tools.0.type", "agent.tools.1.name"),
    ),
    (
        "session update, servers",
        SU,
        {
            "agent": {
                "mcp_servers": [MCP],
                "tools": [{"type": "mcp_toolset", "mcp_server_name": "docs"}],
            }
        },
        ("agent.mcp_servers.0.url",),
    ),
    (
        "session update, budget",
        SU,
        {"budget": {"type": "limit", "max_list_cost": {"amount": "50", "currency": "USD"}}},
        ("budget.type", "budget.max_list_cost.currency"),
    ),
    ("session update, no budget", SU, {"budget": None}, ()),
    ("message", V, _send(_message(TEXT)), ("events", "events.0.type", "events.0.content.0.text")),
    (
        "image, base64",
        V,
        _send(_message({"type": "image", "source": PNG})),
        ("events.0.content.0.source.data",),
    ),
    (
        "image, address",
        V,
        _send(_message({"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}})),
        ("events.0.content.0.source.url",),
    ),
    (
        "document, file",
        V,
        _send(_message({"type": "document", "source": {"type": "file", "file_id": "file_01"}, "title": "T"})),
        ("events.0.content.0.source.file_id",),
    ),
    (
        "document, text",
        V,
        _send(
            _message(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "d"},
                    "context": None,
                }
            )
        ),
        (),
    ),
    ("interrupt", V, _send({"type": "user.interrupt"}), ()),
    ("interrupt of a thread", V, _send({"type": "user.interrupt", "session_thread_id": "sthr_01"}), ()),
    (
        "confirmation",
        V,
        _send({"type": "user.tool_confirmation", "tool_use_id": "sevt_01", "result": "allow"}),
        ("events.0.tool_use_id", "events.0.result"),
    ),
    (
        "denial",
        V,
        _send(
            {
                "type": "user.tool_confirmation",
                "tool_use_id": "sevt_01",
                "result": "deny",
                "deny_message": "Not there.",
            }
        ),
        (),
    ),
    (
        "custom result",
        V,
        _send({"type": "user.custom_tool_result", "custom_tool_use_id": "sevt_01", "content": [TEXT]}),
        ("events.0.custom_tool_use_id",),
    ),
    (
        "custom result, search",
        V,
        _send(
            {
                "type": "user.custom_tool_result",
                "custom_tool_use_id": "sevt_01",
                "is_error": False,
                "content": [
                    {
                        "type": "search_result",
                        "source": "https://a.example",
                        "title": "T",
                        "content": [TEXT],
                        "citations": {"enabled": True},
                    }
                ],
            }
        ),
        ("events.0.content.0.title",),
    ),
    (
        "outcome",
        V,
        _send(
            {
                "type": "user.define_outcome",
                "description": "d",
                "rubric": {"type": "text", "content": "r"},
                "max_iterations": 2,
            }
        ),
        ("events.0.description", "events.0.rubric"),
    ),
    ("system message", V, _send(_message(TEXT), {"type": "system.message", "content": [TEXT]}), ()),
]
