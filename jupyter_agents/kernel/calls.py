"""Answers the calls of this kernel's tools while a cell follows the turn.

A sync function runs in the cell's own thread, an async one on a loop; its answer is sent once. An
answer that the session has already, or does not wait for any more, is dropped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from jupyter_agents.cell import words
from jupyter_agents.cell.snapshot import cut_text
from jupyter_agents.cell.steps import Tool
from jupyter_agents.kernel import toolcall
from jupyter_agents.kernel.desk import Desk, Stopped
from jupyter_agents.kernel.session import text
from jupyter_agents.kernel.tool import KernelTool
from jupyter_agents.kernel.worker import Worker

if TYPE_CHECKING:
    from jupyter_agents.kernel.run import Run

GRACE_SECONDS = 5.0
RETRY_SECONDS = (0.2, 0.5, 1.0)
REFUSED = (400, 409, 413)
NOT_TAKEN = "The function ran, but the session did not take its result."
NOT_ALLOWED = "The user did not allow this call of a function of the notebook."
NOBODY = "Nobody is there to allow this call of a function of the notebook: it runs without input."
QUESTION = 10_000

Submit = Callable[[Coroutine[Any, Any, Any]], "Future[Any]"]


class Loop:
    """A loop in a thread for async tools; one that a tool has blocked is given up."""

    def __init__(self) -> None:
        self._worker = Worker()

    def submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Start `work` there."""
        return self._worker.submit(work)

    def give_up(self) -> None:
        """The next call gets another loop."""
        self._worker = Worker()


_loop = Loop()


class Calls:
    """The calls of one run. The methods are for the worker's loop.

    Parameters
    ----------
    desk:
        Where the cell's thread takes work.
    submit:
        Starts an async tool; by default on a loop of its own.
    """

    def __init__(self, run: Run, desk: Desk, submit: Submit | None = None) -> None:
        self._run = run
        self._desk = desk
        self._submit = submit

    def takes(self, call: Tool, kind: str) -> bool:
        """Whether `call`, made by an event of type `kind`, is of a tool of this kernel."""
        return kind == "agent.custom_tool_use" and call.name in self._run.session.toolbox.offers

    async def answer(self, call: Tool, on_ask: str, changed: Callable[[], None]) -> bool:
        """Run the tool and send its answer; False where it is left for someone else to decide."""
        offer = self._run.session.toolbox.offers[call.name]
        allowed = not offer.asks or on_ask == "allow"
        if not allowed and on_ask == "fail":
            return False
        self._run.mark(call.id, place="kernel", status="running" if allowed else "waiting")
        changed()
        try:
            reason = "" if allowed else await self._ask(call, on_ask)
            self._run.mark(call.id, status="running")
            answer = toolcall.refused(reason) if reason else await self._call(offer.now(), call)
        except Stopped:
            return True
        self._run.mark(call.id, shown=answer.shown)
        await self._send(call, answer)
        changed()
        return True

    async def _ask(self, call: Tool, on_ask: str) -> str:
        """Ask at the cell; why not, or nothing where it may run."""
        if on_ask == "deny":
            return NOBODY
        given = words.visible(cut_text(json.dumps(call.input, ensure_ascii=False, indent=2), QUESTION))
        question = f"The agent calls {call.name} of this notebook with {given}\nRun it? [y/N] "
        try:
            said = await self._desk.ask(lambda: input(question))
        except (EOFError, RuntimeError, OSError):
            return NOBODY
        except Exception as error:
            if type(error).__name__ != "StdinNotImplementedError":
                raise
            return NOBODY
        return "" if said.strip().lower() in ("y", "yes") else NOT_ALLOWED

    async def _call(self, tool: KernelTool, call: Tool) -> toolcall.Answer:
        if not tool.is_async:
            return await self._desk.ask(lambda: toolcall.run(tool, call.input))
        future = (self._submit or _loop.submit)(toolcall.arun(tool, call.input))
        work = asyncio.wrap_future(future)
        try:
            return await asyncio.wait_for(work, tool.timeout + GRACE_SECONDS)
        except TimeoutError:
            if self._submit is None:
                _loop.give_up()
            return toolcall.out_of_time(tool)

    async def _send(self, call: Tool, answer: toolcall.Answer) -> None:
        import anthropic

        result = {
            "type": "user.custom_tool_result",
            "custom_tool_use_id": call.id,
            "content": answer.content,
            "is_error": answer.is_error,
        }
        for seconds in (*RETRY_SECONDS, None):
            try:
                await self._run.session.send(result)
                return
            except anthropic.APIConnectionError:
                if seconds is None:
                    raise
                await asyncio.sleep(seconds)
            except anthropic.APIStatusError as error:
                if error.status_code not in REFUSED:
                    raise
                if answer.is_error or await self._is_settled(call):
                    return
                result |= {"content": [text(f"{NOT_TAKEN} {error.message}")], "is_error": True}

    async def _is_settled(self, call: Tool) -> bool:
        """Whether the session has a result of `call`: the one that was first."""
        past = await self._run.session.history()
        return any(getattr(event, "custom_tool_use_id", None) == call.id for event in past)
