"""Where a session's calls go: its sandbox, the web, or the recording where there is none.

Source: docs/decisions.md "Sandbox and network" and "Replay".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_agents.domain.state import Call
from jupyter_agents.domain.tools import WEB
from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.ids import Clock
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.following import READING, Following, Found
from jupyter_agents.runtime.loop import Outcome
from jupyter_agents.runtime.mcp import SessionMcp
from jupyter_agents.runtime.mcp_content import shorten
from jupyter_agents.runtime.outputs import Outputs
from jupyter_agents.runtime.overflow import Keep, bounded
from jupyter_agents.runtime.refusals import Refusals
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.runtime.repositories import Checkouts
from jupyter_agents.runtime.session_sandbox import SessionSandbox
from jupyter_agents.sandbox.base import Sandbox, SandboxProvider, SandboxSpec, ToolResult
from jupyter_agents.sandbox.changes import Change
from jupyter_agents.store.blobs import Blobs

Doc = dict[str, Any]
NOT_RECORDED = (
    "{}: this session plays a recording, which has no result of this call. A replay never asks the web."
)
ENDED = (
    "{} This call may have run, wholly or in part. The next call has a new sandbox with the same "
    "workspace; its shell begins anew."
)


class SessionTools(SessionSandbox):
    """Runs the calls of one session.

    Parameters
    ----------
    wanted, spec, provider, root, checkouts, most_files:
        As of `SessionSandbox`.
    recordings:
        What the session replays, or None.
    mcp:
        The session's MCP servers.
    web:
        Runs a call to a web tool (`jupyter_agents.runtime.web.WebTools`).
    refusals:
        What its network refused; its sandbox's proxy tells it.
    following:
        Makes what follows its workspace, and tells of outputs.
    """

    def __init__(
        self,
        session_id: str,
        wanted: Callable[[], bool],
        spec: Callable[[], SandboxSpec],
        provider: Callable[[], Awaitable[SandboxProvider]],
        root: Path,
        files: Files,
        blobs: Blobs,
        clock: Clock,
        recordings: Callable[[], Recordings | None],
        mcp: SessionMcp,
        web: Callable[[Call], Awaitable[Outcome]],
        checkouts: Checkouts,
        refusals: Refusals,
        following: Callable[[Outputs], Following],
        most_files: int,
    ) -> None:
        self._outputs = Outputs(session_id, files, blobs)
        super().__init__(
            session_id,
            wanted,
            spec,
            provider,
            root,
            clock,
            checkouts,
            following(self._outputs),
            most_files,
        )
        self._recordings = recordings
        self.mcp = mcp
        self._web = web
        self.refusals = refusals
        self.replayed_tools = False

    def turn_begins(self) -> None:
        """See `loop.Tools`."""
        self._checkouts.try_again()
        self.following.turn_begins()

    async def before(self, call: Call) -> Found:
        """See `loop.Tools`."""
        if not _in_sandbox(call):
            return []
        if self._starting is None:
            await self.prepare()
        if await self._running() is None:
            return []
        return await self.following.before(writes=call.name not in READING)

    async def call(self, call: Call) -> Outcome:
        """See `loop.Tools`. Raises `SandboxUnavailable`."""
        if call.kind == "mcp":
            result = await bounded(await self.mcp.call(call), call.id, await self._keeper())
            return Outcome(shorten(result), [])
        if call.name in WEB:
            return await self._call_web(call)
        try:
            sandbox = await self._sandbox()
        except SandboxUnavailable:
            recorded = self._recorded(call)
            if recorded is None:
                raise
            return Outcome(await bounded(recorded, call.id, None), [])
        writes = call.name not in READING
        try:
            result = await sandbox.call(call.name, call.input)
            result = await bounded(result, call.id, partial(_keep, sandbox))
        except asyncio.CancelledError:
            await asyncio.shield(sandbox.cancel())
            if writes:
                self.following.cut(call.id)
            raise
        except SandboxUnavailable as error:
            await self._drop(sandbox)
            if writes:
                self.following.cut(call.id)
            raise SandboxUnavailable(ENDED.format(error), was_running=True) from None
        changes = await self.following.after(call.id, writes=writes)
        lost = await self._outputs.register(self._workspace)
        refused = self.refusals.take()
        told = [text for text in (*lost, refused, *self.following.news()) if text]
        if told:
            said = [{"type": "text", "text": text} for text in told]
            result = ToolResult([*result.content, *said], result.is_error, result.limit)
        return Outcome(result, changes, problems=self._checkouts.problems())

    async def _call_web(self, call: Call) -> Outcome:
        """Run a web tool, or in a replay give its recorded result: a replay is the same every time."""
        if self._recordings() is None:
            outcome = await self._web(call)
            return replace(outcome, result=await bounded(outcome.result, call.id, await self._keeper()))
        missing = ToolResult.text(NOT_RECORDED.format(call.name), is_error=True)
        return Outcome(self._recorded(call) or missing, [])

    async def _keeper(self) -> Keep | None:
        """Writes into the sandbox, if one runs."""
        sandbox = await self._running()
        return None if sandbox is None or not sandbox.alive else partial(_keep, sandbox)

    async def settle(self) -> list[Doc]:
        """See `loop.Tools`: register outputs; returns changes that no call has reported."""
        late = await self.following.settle()
        await self._outputs.register(self._workspace)
        self.used_at = self._clock()
        return late

    async def undone(self, workspace: Path, changes: Sequence[Change], versions: Mapping[str, Any]) -> None:
        """An undo made these changes, and left these versions."""
        self.following.restored(versions)
        self._outputs.note(changes)
        await self._outputs.register(workspace)

    async def close(self) -> None:
        """End the sandbox and the MCP connections; the next call starts another. Idempotent."""
        await asyncio.gather(self.mcp.close(), self.rest())

    def _recorded(self, call: Call) -> ToolResult | None:
        recordings = self._recordings()
        result = None if recordings is None else recordings.result(call.tool_use_id)
        self.replayed_tools = self.replayed_tools or result is not None
        return result


async def _keep(sandbox: Sandbox, path: str, text: str) -> bool:
    try:
        written = await sandbox.call("write", {"file_path": path, "content": text})
    except SandboxUnavailable:
        return False
    return not written.is_error


def _in_sandbox(call: Call) -> bool:
    return call.kind != "mcp" and call.name not in WEB
