"""What the subcommands of ``%agent`` share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from jupyter_agents.kernel.notebook import Notebook
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession

T = TypeVar("T")


class Command:
    """The notebook's state, and how to print a line; subclasses have a method for each subcommand."""

    _notebook: Notebook
    _say: Callable[[str], None]

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._notebook.worker.run(work)

    @staticmethod
    def _nothing(line: str, name: str) -> None:
        """Raises `AgentError` for words after a subcommand that takes none."""
        if line.strip():
            raise AgentError(f"Usage: %agent {name}")

    def _latest(self) -> AgentSession:
        if self._notebook.latest is None:
            raise AgentError("This notebook has no session yet; %agent sessions lists the others.")
        return self._notebook.latest
