"""What an update request changes in a session. Source: spec section 3.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import agents, budget, limits, session_object, settings
from jupyter_agents.domain.state import State
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

FIXED = tuple(settings.PREFIX + key for key in ("workspace", "notebook", "forked-from"))
"""Metadata that says where a session lives, and so stays as it was created."""


def changes(state: State, body: Mapping[str, Any], *, running: bool) -> Doc:
    """The fields of the session that `body` changes, with their new values; empty where it changes none.

    A new title takes ``workspace_title`` along, so that the workspace stays where it is.
    Raises `InvalidRequest`, or `NotSupported` for tools that this server does not run.
    """
    session = state.session
    if state.status == "terminated":
        raise InvalidRequest(f"session `{session['id']}` is archived and cannot be updated.")
    if "vault_ids" in body:
        raise InvalidRequest("vault_ids: they are set when the session is created and cannot be changed.")
    agent = state.next_agent or session["agent"]
    new: Doc = {}
    if "title" in body:
        title = body["title"]
        new["title"] = None if title is None else limits.text("title", title, limits.MAX_TITLE)
    if body.get("metadata"):
        new["metadata"] = _metadata(session["metadata"], body["metadata"])
    if body.get("agent"):
        new["agent"] = _agent(agent, body["agent"], running)
    if "budget" in body:
        new["budget"] = budget.replace(session["budget"], body["budget"], state.usage)
    current = session | {"agent": agent}
    changed = {key: value for key, value in new.items() if value != current[key]}
    if "title" in changed:
        changed["workspace_title"] = session.get("workspace_title", session["title"] or agent["name"])
    return changed


def updated(changed: Mapping[str, Any]) -> Doc:
    """``session.updated``: the changed fields as the wire shows them; metadata that is empty is left out."""
    body: Doc = {"type": "session.updated"}
    for key in ("title", "metadata", "agent", "budget"):
        if key in changed and (key != "metadata" or changed[key]):
            body[key] = changed[key]
    return body


def _metadata(stored: Mapping[str, str], patch: Mapping[str, str | None]) -> Doc:
    new = limits.patch_metadata(stored, patch)
    for key in FIXED:
        if new.get(key) != stored.get(key):
            raise InvalidRequest(f"metadata.{key}: it is set when the session is created and stays.")
    return new


def _agent(agent: Doc, given: Mapping[str, Any], running: bool) -> Doc:
    if running:
        raise InvalidRequest(
            "agent: the session is running; send user.interrupt, wait until it is idle, then update."
        )
    new = agents.override(agent, given)
    session_object.check_runnable(new, {})
    return new
