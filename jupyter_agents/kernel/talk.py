"""A session as something to talk to: ``Session(run).send("And by month?")``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from jupyter_agents.kernel.api import arun, run
from jupyter_agents.kernel.notebook import current
from jupyter_agents.kernel.problems import AgentError, explain
from jupyter_agents.kernel.run import Run
from jupyter_agents.kernel.session import AgentSession
from jupyter_agents.kernel.undone import Undone

T = TypeVar("T")


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

    def undo(self, event_id: str | None = None) -> Undone:
        """Put back the files that the last turn changed, or all turns from that event's on.

        Files that somebody else has changed since are kept (docs/files.md). Raises `AgentError`, with one
        sentence, while the session runs or a call of it waits for an answer.
        """
        return self._wait(lambda session: session.undo(event_id))

    def fork(self, event_id: str) -> Session:
        """A new session that goes on from an event of this one, with the files as they were then.

        Raises `AgentError`, with one sentence, where the event is not the session's, its turn is not over,
        or files of then were too large to be kept.
        """
        return Session(self._wait(lambda session: session.fork(event_id)).id)

    def _wait(self, work: Callable[[AgentSession], Coroutine[Any, Any, T]]) -> T:
        notebook = current()
        connection = notebook.connect()

        async def working() -> T:
            found = await connection.sdk.beta.sessions.retrieve(self.id)
            return await work(AgentSession(connection, found))

        try:
            return notebook.worker.run(working())
        except Exception as error:
            raise explain(error) from None

    async def asend(self, prompt: str, **options: Any) -> Run:
        """`send`, for asyncio."""
        return await arun(prompt, session=self.id, **options)
