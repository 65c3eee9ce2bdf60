"""What an administrator decides about MCP servers. Source: docs/mcp.md, docs/configuration.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Program:
    """An MCP server that speaks over its standard input and output: its command line and variables."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class McpConfig:
    """Limits and permissions.

    private_hosts: whether servers may be at loopback and private addresses. connect_seconds: to
    connect and list. call_seconds: for one call. programs: what ``stdio:<name>`` may name. folder:
    where they run.
    """

    private_hosts: bool = True
    connect_seconds: float = 10.0
    call_seconds: float = 120.0
    programs: Mapping[str, Program] = field(default_factory=dict)
    folder: Path | None = None


def programs(given: Mapping[str, Any]) -> dict[str, Program]:
    """The trait ``mcp_stdio``: name -> a command line, or ``{"command": [...], "env": {...}}``.

    Raises ValueError naming the entry that is neither.
    """
    return {str(name): _program(str(name), value) for name, value in given.items()}


def _program(name: str, value: Any) -> Program:
    parts = value if isinstance(value, Mapping) else {"command": value}
    command, env = parts.get("command"), parts.get("env") or {}
    fits = (
        isinstance(command, list | tuple)
        and command
        and all(isinstance(word, str) and word for word in command[:1])
        and all(isinstance(word, str) for word in command)
        and isinstance(env, Mapping)
        and all(isinstance(word, str) for pair in env.items() for word in pair)
        and not parts.keys() - {"command", "env"}
    )
    if not fits or not isinstance(command, list | tuple):
        raise ValueError(
            f"JupyterAgents.mcp_stdio: {name!r} needs a command line as a list of words, or "
            '{"command": [...], "env": {...}}.'
        )
    return Program(tuple(command), dict(env))
