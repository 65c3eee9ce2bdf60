"""One session of an agent, driven from this kernel.

A turn is: subscribe, send, follow until the turn is over. The stream has no replay, so it is opened
before anything is sent, and after a break the history is listed and what was seen is skipped.

Source: spec section 6.2 (reconnecting), 6.3 (the idle gate), docs/architecture.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.toolbox import Toolbox, merged
from jupyter_agents.kernel.undone import Undone

if TYPE_CHECKING:
    from anthropic import AsyncStream

    from jupyter_agents import wire

DELTAS: list[Any] = ["agent.message", "agent.thinking"]
SILENCE_SECONDS = 50.0
"""The server sends a keep-alive every 15 s; a stream that is silent for longer is dead."""

GIVE_UP_SECONDS = 30.0
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)


class AgentSession:
    """A session. Every method is for the worker's loop.

    turns: how many it has had. settled: whether its last turn is known to be over. busy: whether the
    last one was running when it was looked at. files: what this kernel mounted, by name, and variables:
    the names of those made of variables (jupyter_agents.kernel.files). toolbox: the functions of this
    kernel that its agent may call.
    """

    def __init__(self, connection: Connection, resource: wire.Session) -> None:
        self.connection = connection
        self.resource = resource
        self.turns = 0
        self.settled = False
        self.busy = False
        self.files: dict[str, object] = {}
        self.variables: dict[str, str] = {}
        self.toolbox = Toolbox()
        self._offered: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """The session's id."""
        return self.resource.id

    @property
    def name(self) -> str:
        """The name of its agent."""
        return self.resource.agent.name

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self.resource.agent.model.id)

    def __repr__(self) -> str:
        return f"<AgentSession {self.id} of {self.name}>"

    async def refresh(self) -> wire.Session:
        """The session as the server has it now."""
        self.resource = await self.connection.sdk.beta.sessions.retrieve(self.id)
        return self.resource

    async def offer(self, toolbox: Toolbox) -> None:
        """Let the agent call these functions, in this session only; the stored agent stays as it is.

        The session must be idle where its tools change.
        """
        definitions = toolbox.definitions()
        now = [entry.to_dict(mode="json", exclude_none=True) for entry in self.resource.agent.tools]
        tools: Any = merged(now, self._offered, definitions)
        if tools != now:
            self.resource = await self.connection.sdk.beta.sessions.update(self.id, agent={"tools": tools})
        self.toolbox, self._offered = toolbox, frozenset(toolbox.offers)

    async def turn(self, prompt: str, told: str = "") -> AsyncIterator[Any]:
        """Send `prompt` and give the turn's events: first the stored message, then the stream.

        `told` is a second text block: what the notebook itself has to say. Where the session is busy,
        the message steers the turn that runs.
        The events are the SDK's; those of the stream come with previews (``event_start``,
        ``event_delta``). The iterator ends when the caller stops, or with the stream's end.
        """
        stream = await self._subscribe()
        try:
            content = [text(words) for words in (prompt, told) if words]
            sent = await self.send({"type": "user.message", "content": content})
        except BaseException:
            await stream.close()
            raise
        self.turns += not self.busy
        self.settled = False
        yield sent
        async for event in self.follow(stream):
            yield event

    async def send(self, event: dict[str, Any]) -> Any:
        """Send one event, once, and give it back with its id."""
        once = self.connection.sdk.with_options(max_retries=0)
        events: Any = [event]
        answer = await once.beta.sessions.events.send(self.id, events=events)
        stored: Any = answer.data
        return stored[0]

    async def interrupt(self) -> None:
        """Stop the turn; it ends with an idle event on the stream."""
        await self.send({"type": "user.interrupt"})

    async def undo(self, event_id: str | None = None) -> Undone:
        """Put back the files that the last turn changed, or all turns from an event's on."""
        body = {} if event_id is None else {"event_id": event_id}
        return Undone(**await self.connection.post(f"sessions/{self.id}/undo", body))

    async def fork(self, event_id: str) -> AgentSession:
        """A new session that goes on from an event of this one, with the files as they were then."""
        found = await self.connection.post(f"sessions/{self.id}/fork", {"event_id": event_id})
        made = await self.connection.sdk.beta.sessions.retrieve(found["session"]["id"])
        return AgentSession(self.connection, made)

    async def history(self) -> list[Any]:
        """Every event so far, oldest first."""
        return [event async for event in self.connection.sdk.beta.sessions.events.list(self.id)]

    async def follow(self, stream: AsyncStream[Any] | None = None) -> AsyncIterator[Any]:
        """Give each event once: with no `stream`, those of the past first.

        Raises `AgentError` when the server stays away for 30 seconds.
        """
        seen: set[str] = set()
        failed_since: float | None = None
        attempt = 0
        while True:
            try:
                past: list[Any] = []
                if stream is None:
                    stream = await self._subscribe()
                    past = await self.history()
                for event in past:
                    if _is_new(event, seen):
                        yield event
                async for event in stream:
                    failed_since, attempt = None, 0
                    if _is_new(event, seen):
                        yield event
            except Exception as error:
                if not _is_transient(error):
                    raise
            finally:
                if stream is not None:
                    await stream.close()
                    stream = None
            now = asyncio.get_running_loop().time()
            failed_since = failed_since or now
            if now - failed_since > GIVE_UP_SECONDS or not self.server_lives():
                raise AgentError(
                    f"The server is gone. The session {self.id} is kept: when the server is back, "
                    f"go on with %%agent --session {self.id}."
                )
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1

    async def _subscribe(self) -> AsyncStream[Any]:
        import httpx2

        return await self.connection.sdk.beta.sessions.events.stream(
            self.id,
            event_deltas=DELTAS,
            timeout=httpx2.Timeout(30.0, read=SILENCE_SECONDS),
        )

    def server_lives(self) -> bool:
        """False where the server was this kernel's own and has ended."""
        return self.connection.server is None or self.connection.server.alive


async def create(
    connection: Connection,
    *,
    agent_id: str,
    agent_version: int,
    environment_id: str,
    metadata: dict[str, str],
    resources: Sequence[dict[str, Any]] = (),
    budget_cents: int | None = None,
    python: Sequence[str] = (),
) -> AgentSession:
    """Create a session.

    Parameters
    ----------
    resources:
        Uploaded files to mount (jupyter_agents.kernel.files).
    budget_cents:
        What the session may cost by list prices, US cents.
    python:
        ``sys.prefix`` and ``sys.base_prefix`` of this kernel: the sandbox gets its packages.
    """
    from anthropic import omit

    mounts: Any = list(resources)
    amount: Any = {"amount": str(budget_cents), "currency": "USD"}
    resource = await connection.sdk.beta.sessions.create(
        agent={"type": "agent", "id": agent_id, "version": agent_version},
        environment_id=environment_id,
        metadata=metadata,
        resources=mounts,
        budget=omit if budget_cents is None else {"type": "limit", "max_list_cost": amount},
    )
    if python and connection.is_local:
        await connection.post(f"sessions/{resource.id}/sandbox", {"python": list(python)})
    return AgentSession(connection, resource)


def text(words: str) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": words}


def _is_new(event: Any, seen: set[str]) -> bool:
    """Whether an event was not given yet: previews have no id and always pass.

    A client's event that is still queued comes once more, under its id, when it is processed.
    """
    id = getattr(event, "id", None)
    if id is None:
        return True
    if event.type.startswith("user.") and getattr(event, "processed_at", None) is None:
        return False
    if id in seen:
        return False
    seen.add(id)
    return True


def _is_transient(error: Exception) -> bool:
    import anthropic
    import httpx2

    if isinstance(error, anthropic.APIStatusError):
        return error.status_code >= 500
    return isinstance(error, anthropic.APIConnectionError | httpx2.HTTPError)
