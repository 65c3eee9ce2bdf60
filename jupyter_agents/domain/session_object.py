"""The session object: what a create request makes of it, and how it is shown.

Source: spec sections 3.1 and 3.2. The stored object has fields of its own that the wire never shows:
``thread_id`` (the primary thread) and ``notes`` (sentences for the system prompt).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import limits, pricing
from jupyter_agents.domain.agents import TOOLSET, snapshot
from jupyter_agents.domain.environments import allowed_hosts
from jupyter_agents.domain.tools import OFFERED
from jupyter_agents.domain.usage import Usage
from jupyter_agents.errors import InvalidRequest, NotSupported
from jupyter_agents.ids import parse_time

Doc = dict[str, Any]

OWN_FIELDS = ("thread_id", "notes")
MAX_INITIAL_EVENTS = 50


def check_runnable(agent: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Raises `NotSupported` for what an agent may store and this server does not run yet.

    A budget needs a model with a price (spec section 18.2).
    """
    if body.get("budget") is not None and not pricing.model(agent["model"]["id"]).known:
        raise InvalidRequest(
            f"budget: there is no price for the model {agent['model']['id'][:100]!r}.",
            code="model_not_budgetable",
        )
    if agent["mcp_servers"]:
        raise NotSupported("agent.mcp_servers")
    for tool in agent["tools"]:
        if tool["type"] != TOOLSET:
            continue
        for config in tool["configs"]:
            if config["enabled"] and config["name"] not in OFFERED:
                raise NotSupported(f"the tool {config['name']}")


def check_body(body: Mapping[str, Any]) -> None:
    """Raises `NotSupported` or `InvalidRequest` for parts of a create body that cannot be had."""
    if body.get("vault_ids"):
        raise NotSupported("vault_ids")
    for resource in body.get("resources") or []:
        if resource["type"] != "file":
            raise NotSupported(f"resources of type {resource['type']}")
    initial = body.get("initial_events") or []
    if len(initial) > MAX_INITIAL_EVENTS:
        raise InvalidRequest(f"initial_events: at most {MAX_INITIAL_EVENTS} are allowed.")
    for event in initial:
        if event["type"] != "user.message":
            raise NotSupported(f"initial_events of type {event['type']}")
    budget = body.get("budget")
    if budget is not None:
        check_budget(budget)


def check_budget(budget: Mapping[str, Any]) -> None:
    """A budget in whole cents of USD above zero (spec section 3.1)."""
    amount, currency = budget["max_list_cost"]["amount"], budget["max_list_cost"]["currency"]
    if currency != "USD":
        raise InvalidRequest("budget.max_list_cost.currency: expected 'USD'.")
    whole = amount.isascii() and amount.isdigit() and not amount.startswith("0")
    if not whole or len(amount) > 12:
        raise InvalidRequest(
            'budget.max_list_cost.amount: expected whole cents above zero as a string, such as "50".'
        )


def create_session(
    body: Mapping[str, Any],
    agent: Mapping[str, Any],
    environment: Mapping[str, Any],
    resources: list[Doc],
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
        "resources": resources,
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
        "notes": _notes(environment, resources),
    }


def _notes(environment: Mapping[str, Any], resources: list[Doc]) -> list[str]:
    hosts = allowed_hosts(environment)
    if hosts is None:
        network = "The sandbox reaches public hosts by HTTP and HTTPS only."
    elif hosts:
        network = f"The sandbox reaches these hosts only, by HTTP and HTTPS: {', '.join(hosts)}."
    else:
        network = "The sandbox has no network."
    files = [f"- {resource['mount_path']}" for resource in resources]
    return [network, *(["Files from the user:\n" + "\n".join(files)] if files else [])]


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
