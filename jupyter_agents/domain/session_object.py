"""The session object: what a create request makes of it, and how it is shown.

Source: spec sections 3.1 and 3.2. The stored object has fields of its own that the wire never shows:
``thread_id`` (the primary thread), ``notes`` (sentences for the system prompt), ``workspace_title``
(what its workspace is named after, once the title has changed), ``startup_seconds`` and ``idled`` (of
the primary thread) and, where it came from a run file, ``imported``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import budget, content, limits, network, pricing, resources
from jupyter_agents.domain.agents import snapshot
from jupyter_agents.domain.usage import Usage
from jupyter_agents.errors import InvalidRequest, NotSupported
from jupyter_agents.ids import parse_time

Doc = dict[str, Any]

IMPORTED = "imported"
OWN_FIELDS = ("thread_id", "notes", "workspace_title", "startup_seconds", "idled", IMPORTED)
MAX_INITIAL_EVENTS = 50
MOUNTED = ("file", "github_repository")
MAX_FILE_DOCUMENTS = 100
CLEARABLE = ("tools", "mcp_servers", "skills")


def cleared(body: Mapping[str, Any]) -> Doc:
    """`body` of a create request with overrides that are null as the SDK's types know them: empty.

    The wire takes null for any of them, those types only for ``system`` (spec section 3.1).
    Raises `InvalidRequest` with code ``agent_model_required`` for a model that is null.
    """
    agent = body.get("agent")
    if not isinstance(agent, dict) or agent.get("type") != "agent_with_overrides":
        return dict(body)
    if "model" in agent and agent["model"] is None:
        raise InvalidRequest("agent.model: a session needs a model.", code="agent_model_required")
    empty: Doc = {key: [] for key in CLEARABLE if key in agent and agent[key] is None}
    return dict(body) | {"agent": agent | empty}


def check_runnable(agent: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Raises `NotSupported` for what an agent may store and this server does not run yet.

    A budget needs a model with a price (spec section 18.2).
    """
    for field in ("skills", "multiagent"):
        if agent[field]:
            raise NotSupported(f"agent.{field}")
    if agent["execution_identity"]["type"] != "service_account":
        raise NotSupported(f"agent.execution_identity {agent['execution_identity']['type']}")
    if body.get("budget") is not None and not pricing.model(agent["model"]["id"]).known:
        raise InvalidRequest(
            f"budget: there is no price for the model {agent['model']['id'][:100]!r}.",
            code="model_not_budgetable",
        )


def check_body(body: Mapping[str, Any]) -> None:
    """Raises `NotSupported` or `InvalidRequest` for parts of a create body that cannot be had."""
    if body.get("vault_ids"):
        raise NotSupported("vault_ids")
    for resource in body.get("resources") or []:
        if resource["type"] not in MOUNTED:
            raise NotSupported(f"resources of type {resource['type']}")
    initial = body.get("initial_events") or []
    if len(initial) > MAX_INITIAL_EVENTS:
        raise InvalidRequest(f"initial_events: at most {MAX_INITIAL_EVENTS} are allowed.")
    for event in initial:
        if event["type"] != "user.message":
            raise NotSupported(f"initial_events of type {event['type']}")
    if sum(_file_documents(event) for event in initial) > MAX_FILE_DOCUMENTS:
        raise InvalidRequest(f"initial_events: at most {MAX_FILE_DOCUMENTS} documents may come from files.")
    if body.get("budget") is not None:
        budget.check(body["budget"])


def _file_documents(event: Mapping[str, Any]) -> int:
    return sum(block["type"] == "document" for _, block in content.files(event.get("content") or []))


def create_session(
    body: Mapping[str, Any],
    agent: Mapping[str, Any],
    environment: Mapping[str, Any],
    mounted: list[Doc],
    *,
    session_id: str,
    thread_id: str,
    now: str,
) -> Doc:
    """A new, idle session with a snapshot of its agent."""
    title = body.get("title")
    return {
        "id": session_id,
        "type": "session",
        "status": "idle",
        "title": None if title is None else limits.text("title", title, limits.MAX_TITLE),
        "environment_id": environment["id"],
        "agent": snapshot(agent),
        "resources": mounted,
        "vault_ids": [],
        "metadata": limits.metadata(body.get("metadata", {})),
        "outcome_evaluations": [],
        "budget": body.get("budget"),
        "deployment_id": None,
        "usage": Usage().wire(priced=pricing.model(agent["model"]["id"]).known),
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
        "thread_id": thread_id,
        "notes": [network.describe(environment, agent), *resources.notes(mounted)],
    }


def wire(doc: Mapping[str, Any], now: str) -> Doc:
    """The session as the API shows it at the time `now`."""
    shown = {k: v for k, v in doc.items() if k not in OWN_FIELDS}
    end = doc["archived_at"] or now
    lasted = (parse_time(end) - parse_time(doc["created_at"])).total_seconds()
    shown["stats"] = {
        "active_seconds": doc["usage"]["active_seconds"],
        "duration_seconds": round(max(lasted, 0.0), 3),
    }
    return shown
