"""Agents, environments, sessions, events and files on your own Jupyter server."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jupyter_agents._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_agents.kernel.api import Agent, Environment, arun, run
    from jupyter_agents.kernel.talk import Session
    from jupyter_agents.kernel.tool import tool

__all__ = ["Agent", "Environment", "Session", "__version__", "arun", "load_ipython_extension", "run", "tool"]

_LAZY = {
    "Agent": "jupyter_agents.kernel.api",
    "Environment": "jupyter_agents.kernel.api",
    "arun": "jupyter_agents.kernel.api",
    "Session": "jupyter_agents.kernel.talk",
    "run": "jupyter_agents.kernel.api",
    "tool": "jupyter_agents.kernel.tool",
}


def __getattr__(name: str) -> Any:
    """The Python functions, imported with their first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_agents.server.app import JupyterAgents

    return [{"module": "jupyter_agents", "app": JupyterAgents}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-agents"}]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext jupyter_agents``: register ``%agent`` and ``%%agent``."""
    from jupyter_agents.kernel.magics import load

    load(shell)
