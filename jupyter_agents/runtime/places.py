"""Where a session's workspace lies. Source: docs/decisions.md "Names"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_agents.sandbox.workspace import workspace_path

Doc = dict[str, Any]


def workspace(root: Path, session: Mapping[str, Any], shared: Mapping[str, Any] | None = None) -> Path:
    """The host folder that is the session's ``/workspace``.

    root: the server's root directory. shared: the environment whose sessions share one.
    """
    if shared is not None:
        return workspace_path(root, None, shared["name"], shared["id"])
    metadata = session["metadata"]
    given = metadata.get("jupyter-agents/workspace")
    if given is not None:
        return root / str(given)
    notebook = metadata.get("jupyter-agents/notebook")
    beside = None if notebook is None else Path(notebook).parent
    title: str = session.get("workspace_title") or session["title"] or session["agent"]["name"]
    return workspace_path(root, beside, title, session["id"])
