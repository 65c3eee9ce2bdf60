"""A session as something to talk to: ``Session(run).send("And by month?")``."""

from __future__ import annotations

from typing import Any

from jupyter_agents.kernel.api import arun, run
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.run import Run


class Session:
    """A session to go on with.

    Parameters
    ----------
    of:
        A run of it, or its id.
    """

    def __init__(self, of: Run | str) -> None:
        self.id = of.session.id if isinstance(of, Run) else of
        if not self.id.startswith("sesn_"):
            raise AgentError(f"{self.id!r} is not a session's id; %agent sessions lists them.")

    def __repr__(self) -> str:
        return f"Session({self.id!r})"

    def send(self, prompt: str, **options: Any) -> Run:
        """Send `prompt` and wait for the turn's end; the options are those of `run`."""
        return run(prompt, session=self.id, **options)

    async def asend(self, prompt: str, **options: Any) -> Run:
        """`send`, for asyncio."""
        return await arun(prompt, session=self.id, **options)
