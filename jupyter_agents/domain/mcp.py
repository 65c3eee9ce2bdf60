"""MCP tools as the model sees them: names, definitions, configuration, and which server a name leads to.

Pure. `Listed` is what the journal says that each server lists. Source: spec sections 1.3, 1.4 and 17.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jupyter_agents.domain.toolsets import STDIO
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]
Listed = Mapping[str, Doc]
"""Server name -> ``{"url", "tools": [{"name", "description", "input_schema"}]}``."""

TOOLSET = "mcp_toolset"
PREFIX = "mcp__"
LONGEST_NAME = 128
DIGEST = 8


@dataclass(frozen=True)
class Target:
    """A tool of a server: name is the bare one."""

    server: str
    url: str
    name: str


def check_servers(agent: Mapping[str, Any], programs: Container[str]) -> None:
    """Raises `InvalidRequest` for a server that this machine cannot be asked to use.

    programs: the names that may follow ``stdio:`` (trait ``mcp_stdio``).
    """
    for position, server in enumerate(agent["mcp_servers"]):
        where, url = f"agent.mcp_servers.{position}.url", server["url"]
        if url.startswith(STDIO):
            if url.removeprefix(STDIO) not in programs:
                raise InvalidRequest(
                    f"{where}: {url[:100]!r} is not set up on this server; an administrator names such "
                    "programs in JupyterAgents.mcp_stdio."
                )
            continue
        problem = url_problem(url)
        if problem is not None:
            raise InvalidRequest(f"{where}: {problem}")


def url_problem(url: str) -> str | None:
    """Why an MCP server cannot be at `url`, or None."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "this is not an address."
    if not fits:
        return "expected an http(s) address, or stdio:<name> for a program of this server."
    if parts.username is not None or parts.password is not None:
        return "an address carries no user name and no password."
    return None


def toolset(agent: Mapping[str, Any], server: str) -> Doc | None:
    """The ``mcp_toolset`` entry of a server."""
    for tool in agent["tools"]:
        if tool["type"] == TOOLSET and tool["mcp_server_name"] == server:
            return dict(tool)
    return None


def tool_config(agent: Mapping[str, Any], server: str, name: str) -> Doc | None:
    """The resolved configuration of a server's tool, by its bare name."""
    entry = toolset(agent, server)
    if entry is None:
        return None
    own = [config for config in entry["configs"] if config["name"] == name]
    return dict(own[0] if own else entry["default_config"])


def enabled(agent: Mapping[str, Any], server: str, name: str) -> bool:
    """Whether the model is shown a server's tool."""
    config = tool_config(agent, server, name)
    return config is not None and bool(config["enabled"])


def wanted(agent: Mapping[str, Any]) -> list[Doc]:
    """The servers that have any tool enabled."""
    servers = []
    for server in agent["mcp_servers"]:
        entry = toolset(agent, server["name"])
        configs = [] if entry is None else [entry["default_config"], *entry["configs"]]
        if any(config["enabled"] for config in configs):
            servers.append(dict(server))
    return servers


def definitions(agent: Mapping[str, Any], listed: Listed) -> list[Doc]:
    """The Messages API's ``tools`` of all servers, sorted by name so that caches hold."""
    found = {name: tool for name, (target, tool) in _tools(agent, listed).items() if _shown(agent, target)}
    return [
        {"name": name, "description": tool["description"], "input_schema": tool["input_schema"]}
        for name, tool in sorted(found.items())
    ]


def find(agent: Mapping[str, Any], listed: Listed, name: str) -> Target | None:
    """The tool that the model means by `name`; it may be disabled."""
    found = _tools(agent, listed).get(name) if name.startswith(PREFIX) else None
    return None if found is None else found[0]


def _shown(agent: Mapping[str, Any], target: Target) -> bool:
    return enabled(agent, target.server, target.name)


def _tools(agent: Mapping[str, Any], listed: Listed) -> dict[str, tuple[Target, Doc]]:
    tools: dict[tuple[str, str], tuple[Target, Doc]] = {}
    for server in agent["mcp_servers"]:
        found = listed.get(server["name"])
        if found is not None and found["url"] == server["url"]:
            for tool in found["tools"]:
                target = Target(server["name"], server["url"], tool["name"])
                tools[target.server, target.name] = (target, tool)
    return {name: tools[pair] for name, pair in model_names(tools).items()}


def model_names(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The model's name of each (server, tool): ``mcp__<server>__<tool>`` in ``[A-Za-z0-9_-]``.

    Names that would be the same or too long end in a digest of the pair, so that they do not depend
    on the order. Of two pairs that still agree, the first in sorted order has the name.
    """
    plain = {pair: _plain(*pair) for pair in sorted(pairs)}
    times = Counter(plain.values())
    names: dict[str, tuple[str, str]] = {}
    for pair, name in plain.items():
        if times[name] > 1 or len(name) > LONGEST_NAME:
            name = f"{name[: LONGEST_NAME - DIGEST - 1]}_{_digest(pair)}"
        names.setdefault(name, pair)
    return names


def _plain(server: str, tool: str) -> str:
    return PREFIX + "__".join(re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in (server, tool))


def _digest(pair: tuple[str, str]) -> str:
    return hashlib.sha256("\0".join(pair).encode()).hexdigest()[:DIGEST]
