"""Agents, environments, sessions, events and files on your own Jupyter server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_agents._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["__version__", "load_ipython_extension"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_agents.server.app import JupyterAgents

    return [{"module": "jupyter_agents", "app": JupyterAgents}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-agents"}]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext jupyter_agents``: register ``%agent`` and ``%%agent``."""
    from jupyter_agents.kernel.magics import load

    load(shell)
