"""A session's threads as the API shows them. There is one, the primary thread.

Source: spec section 15.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Doc = dict[str, Any]


def primary(doc: Mapping[str, Any], shown: Mapping[str, Any]) -> Doc:
    """The primary thread.

    Parameters
    ----------
    doc:
        The session as it is stored.
    shown:
        The same session as the API shows it now.
    """
    active = shown["usage"]["active_seconds"]
    ran = "startup_seconds" in doc or active > 0 or shown["archived_at"] is not None
    idled = doc.get("idled", doc["usage"]["active_seconds"] > 0)
    return {
        "id": doc["thread_id"],
        "type": "session_thread",
        "session_id": doc["id"],
        "parent_thread_id": None,
        "agent": {key: value for key, value in shown["agent"].items() if key != "multiagent"},
        "status": shown["status"],
        "workflow_run_id": None,
        "stats": shown["stats"] | {"startup_seconds": doc.get("startup_seconds", 0.0)} if ran else None,
        "usage": shown["usage"] if idled else None,
        "created_at": doc["created_at"],
        "updated_at": doc["updated_at"],
        "archived_at": doc["archived_at"],
    }
