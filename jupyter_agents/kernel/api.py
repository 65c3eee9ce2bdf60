"""The same in Python: ``ja.run(...)`` for plain code, ``await ja.arun(...)`` for asyncio.

Source: docs/decisions.md "Magics".
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Sequence
from os import PathLike
from typing import Any

from jupyter_agents.kernel import front
from jupyter_agents.kernel.agents import DEFAULT_AGENT, Definition
from jupyter_agents.kernel.call import call, open_session
from jupyter_agents.kernel.conduct import conduct
from jupyter_agents.kernel.display import RunDisplay, publisher
from jupyter_agents.kernel.foreground import check
from jupyter_agents.kernel.notebook import current
from jupyter_agents.kernel.problems import explain
from jupyter_agents.kernel.run import Run

DRAW_SECONDS = 0.1


class Agent(Definition):
    """An agent as it should be; the first run with it creates or updates it on the server.

    ``Agent("coder", model="claude-opus-4-7", system="...", tools=("bash", "read"))``
    """

    def define(self) -> Any:
        """Create or update it now; the SDK's agent object, with its version."""
        notebook = current()
        try:
            agent, _ = notebook.worker.run(notebook.define(notebook.connect(), self))
        except Exception as error:
            raise explain(error) from error
        return agent


def run(
    prompt: str,
    agent: str | Agent = DEFAULT_AGENT,
    *,
    new: bool = False,
    session: str | None = None,
    env: str | None = None,
    files: Sequence[str | PathLike[str]] = (),
    budget: float | None = None,
    max_turns: int | None = None,
    on_ask: str | None = None,
    record: str | None = None,
    replay: str | None = None,
) -> Run:
    """Send `prompt` to an agent and wait for the turn's end.

    Parameters
    ----------
    agent:
        A name, or an `Agent`.
    new:
        Start another session; otherwise the one with this agent goes on.
    session:
        The id of a session to go on with.
    env:
        The environment's name; by default ``notebook``, which has no network.
    files:
        Files for the agent, mounted read-only as ``/workspace/<name>``.
    budget:
        What the session may cost by list prices, US dollars.
    max_turns:
        Model requests that one turn may take.
    on_ask:
        ``wait``, ``return``, ``deny``, ``allow`` or ``fail`` where a call waits; by default
        ``wait`` where a page of this package shows the notebook, ``return`` where someone can type,
        ``deny`` elsewhere.
    record, replay:
        A run file to write, or to answer from.

    Raises
    ------
    UserError
        The call could not be made, or the turn failed, was refused or reached its budget.
    """
    options = _options(agent, new, session, env, files, budget, max_turns, on_ask, record, replay)
    try:
        return call(current(), options, prompt, on_ask=_on_ask(), say=print, keep=lambda run: None)
    except Exception as error:
        raise explain(error) from error


async def arun(
    prompt: str,
    agent: str | Agent = DEFAULT_AGENT,
    *,
    new: bool = False,
    session: str | None = None,
    env: str | None = None,
    files: Sequence[str | PathLike[str]] = (),
    budget: float | None = None,
    max_turns: int | None = None,
    on_ask: str | None = None,
    record: str | None = None,
    replay: str | None = None,
) -> Run:
    """`run`, for asyncio: other tasks go on meanwhile, and cancelling it stops the turn."""
    options = await asyncio.to_thread(
        _options, agent, new, session, env, files, budget, max_turns, on_ask, record, replay
    )
    notebook = current()
    try:
        connection = await asyncio.to_thread(notebook.connect)
        asking = options.on_ask or await notebook.worker.go(front.on_ask(notebook, connection, _on_ask()))
        opened = await notebook.worker.go(open_session(notebook, connection, options))
        made = Run(opened)
        work = conduct(made, opened.turn(prompt), asking, lambda: None)
        await _drawn(made, asyncio.wrap_future(notebook.worker.submit(work)))
        await notebook.worker.go(notebook.recordings.after(opened, record))
    except Exception as error:
        raise explain(error) from error
    check(made, asking)
    return made


async def _drawn(made: Run, work: asyncio.Future[None]) -> None:
    """Draw in the cell that awaits, until the turn is over."""
    display = RunDisplay(made, publisher())
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=DRAW_SECONDS)
            display.draw()
        await work
    except asyncio.CancelledError:
        work.cancel()
        await current().worker.go(made.session.interrupt())
        made.abandon()
        raise
    finally:
        display.finish()


def _options(
    agent: str | Agent,
    new: bool,
    session: str | None,
    env: str | None,
    files: Sequence[str | PathLike[str]],
    budget: float | None,
    max_turns: int | None,
    on_ask: str | None,
    record: str | None,
    replay: str | None,
) -> Namespace:
    if isinstance(agent, Agent):
        agent.define()
    name = agent.name if isinstance(agent, Agent) else agent
    return Namespace(
        name=None if session and name == DEFAULT_AGENT else name,
        new=new,
        session=session,
        env=env,
        file=[str(file) for file in files],
        budget=None if budget is None else round(budget * 100),
        max_turns=max_turns,
        on_ask=on_ask,
        record=record,
        replay=replay,
    )


def _on_ask() -> str:
    from IPython.core.interactiveshell import InteractiveShell

    if InteractiveShell.initialized():
        kernel = getattr(InteractiveShell.instance(), "kernel", None)
        if kernel is not None:
            return "return" if getattr(kernel, "_allow_stdin", False) else "deny"
    return "return" if sys.stdin is not None and sys.stdin.isatty() else "deny"
