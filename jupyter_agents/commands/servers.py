"""The Jupyter servers of this user on this machine, and the sandboxes that they hold.

Jupyter leaves an address and a token for each in its runtime folder, readable by the user alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx2

from jupyter_agents.cell.words import size

Doc = dict[str, Any]

SECONDS = 3.0


def sandboxes(part: str = "data") -> list[Doc]:
    """The rows of ``local/sandboxes`` of every server that answers. Blocks for some seconds at most.

    part: ``data``, or ``warm`` for those that wait for a session.
    """
    return [row | {"server": url} for url, token in _running() for row in _ask(url, token, part)]


def line(row: Doc) -> str:
    """A sandbox in words."""
    memory = "" if row["memory_bytes"] is None else f", {size(row['memory_bytes'])} of memory"
    since = "" if row["idle_since"] is None else f", idle since {row['idle_since'][:19]}Z"
    kind = row["kind"] or "no sandbox yet"
    return f"{row['session_id']}  {row['status']}, {row['hosting']}, {kind}: {row['state']}{since}{memory}"


def warm_line(row: Doc) -> str:
    """The sandboxes of a kind that wait for a session, in words."""
    problem = f": {row['problem']}" if row["problem"] else ""
    return f"{row['kind']}: {row['ready']} of {row['wanted']} warm at {row['server']}{problem}"


def _running() -> Iterator[tuple[str, str]]:
    from jupyter_server.serverapp import list_running_servers

    for found in list_running_servers():
        yield str(found["url"]), str(found.get("token") or "")


def _ask(url: str, token: str, part: str) -> list[Doc]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with (
        contextlib.suppress(httpx2.HTTPError, ValueError, LookupError, TypeError),
        httpx2.Client(trust_env=False, timeout=SECONDS, headers=headers) as client,
    ):
        answer = client.get(f"{url}jupyter-agents/local/sandboxes")
        if answer.status_code == 200:
            return [dict(row) for row in answer.json()[part]]
    return []
