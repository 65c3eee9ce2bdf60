"""The same in Python: ``ja.run(...)`` for plain code, ``await ja.arun(...)`` for asyncio.

Source: docs/decisions.md "Magics".
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from os import PathLike
from typing import Any

from jupyter_agents.cell.transcript import stopping
from jupyter_agents.kernel import front
from jupyter_agents.kernel.agents import DEFAULT_AGENT, Definition
from jupyter_agents.kernel.call import call, open_session, prepare
from jupyter_agents.kernel.calls import Calls, Submit
from jupyter_agents.kernel.conduct import conduct
from jupyter_agents.kernel.desk import Desk
from jupyter_agents.kernel.display import RunDisplay, publisher
from jupyter_agents.kernel.environments import EnvironmentDefinition
from jupyter_agents.kernel.files import MAX_MB, told
from jupyter_agents.kernel.foreground import GOES_ON, check
from jupyter_agents.kernel.notebook import current
from jupyter_agents.kernel.problems import AgentError, Interrupted, explain
from jupyter_agents.kernel.run import Run
from jupyter_agents.kernel.toolbox import of_functions

DRAW_SECONDS = 0.1


class Agent(Definition):
    """An agent as it should be; the first run with it creates or updates it on the server.

    ``Agent("coder", model="claude-opus-4-7", system="...", tools=("bash", "read"))``. A function among
    the tools is offered in each session of it by this kernel, and is no part of the stored agent.
    """

    @property
    def functions(self) -> list[Any]:
        """Its tools that are functions of this kernel."""
        return [one for one in self.tools or () if callable(one)]

    @property
    def _stored(self) -> Definition:
        given = {field.name: getattr(self, field.name) for field in fields(Definition)}
        names = None if self.tools is None else tuple(one for one in self.tools if not callable(one))
        return Definition(**{**given, "tools": names})

    def define(self) -> Any:
        """Create or update it now; the SDK's agent object, with its version."""
        notebook = current()
        try:
            agent, _ = notebook.worker.run(notebook.define(notebook.connect(), self._stored))
        except Exception as error:
            raise explain(error) from error
        return agent


class Environment(EnvironmentDefinition):
    """An environment as it should be; the first run in it creates or updates it on the server.

    ``Environment("lab", network=["data.example.org"], memory="2GiB")``
    """

    def define(self) -> str:
        """Create or update it now; what changed, in one line."""
        notebook = current()
        try:
            return notebook.worker.run(notebook.define_environment(notebook.connect(), self))
        except Exception as error:
            raise explain(error) from error


def run(
    prompt: str,
    agent: str | Agent = DEFAULT_AGENT,
    *,
    new: bool = False,
    session: str | None = None,
    env: str | Environment | None = None,
    files: Sequence[str | PathLike[str]] = (),
    budget: float | None = None,
    max_turns: int | None = None,
    on_ask: str | None = None,
    record: str | None = None,
    replay: str | None = None,
    tools: Sequence[Callable[..., Any]] | None = None,
    inputs: Mapping[str, Any] | None = None,
    pickle: bool = False,
    max_mb: float = MAX_MB,
    ask: Sequence[str] = (),
    timeout: float | None = None,
    background: bool = False,
    no_notebook: bool = False,
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
        A name, or an `Environment`; by default ``notebook``, which has no network.
    tools:
        Functions of this kernel that the agent may call, without asking; ``()`` takes them away, None
        leaves a session's as they were.
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
    inputs:
        Variables for the agent, by name, as read-only files in ``/workspace``: tables as parquet,
        arrays as npy, values as JSON, figures and images as png.
    pickle:
        Pickle a value that has no other form.
    max_mb:
        The largest file, megabytes.
    ask:
        Tools that ask first in this session.
    timeout:
        Seconds after which the turn is stopped.
    background:
        Come back once the message is sent; `Run.wait` waits for the end.
    no_notebook:
        Keep the notebook's folder out of the session's sandbox.

    Raises
    ------
    UserError
        The call could not be made, or the turn failed, was refused or reached its budget.
    """
    options = _options(agent, new, session, env, files, budget, max_turns, on_ask, record, replay, tools)
    _more(options, inputs, pickle, max_mb, ask, timeout, no_notebook, background)
    try:
        return call(current(), options, prompt, on_ask=_on_ask(background), say=print, keep=lambda run: None)
    except Exception as error:
        raise explain(error) from error


async def arun(
    prompt: str,
    agent: str | Agent = DEFAULT_AGENT,
    *,
    new: bool = False,
    session: str | None = None,
    env: str | Environment | None = None,
    files: Sequence[str | PathLike[str]] = (),
    budget: float | None = None,
    max_turns: int | None = None,
    on_ask: str | None = None,
    record: str | None = None,
    replay: str | None = None,
    tools: Sequence[Callable[..., Any]] | None = None,
    inputs: Mapping[str, Any] | None = None,
    pickle: bool = False,
    max_mb: float = MAX_MB,
    ask: Sequence[str] = (),
    timeout: float | None = None,
    no_notebook: bool = False,
) -> Run:
    """`run`, for asyncio: other tasks go on meanwhile, and cancelling it stops the turn."""
    options = await asyncio.to_thread(
        _options, agent, new, session, env, files, budget, max_turns, on_ask, record, replay, tools
    )
    _more(options, inputs, pickle, max_mb, ask, timeout, no_notebook)
    notebook = current()
    try:
        given = await asyncio.to_thread(prepare, options)
        connection = await asyncio.to_thread(notebook.connect)
        asking = options.on_ask or await notebook.worker.go(front.on_ask(notebook, connection, _on_ask()))
        opened = await notebook.worker.go(open_session(notebook, connection, options))
        made = Run(opened)
        calls = Calls(made, *_desk())
        work = conduct(made, opened.turn(prompt, told(given)), asking, lambda: None, calls=calls)
        await _drawn(made, asyncio.wrap_future(notebook.worker.submit(work)), timeout)
        await notebook.worker.go(notebook.recordings.after(opened, record))
    except Exception as error:
        raise explain(error) from error
    check(made, asking)
    return made


def _desk() -> tuple[Desk, Submit]:
    """Kernel tools run where this coroutine does: sync ones between its tasks, async ones among them."""
    loop, awaiting = asyncio.get_running_loop(), asyncio.current_task()

    def serve() -> None:
        try:
            desk.serve()
        except KeyboardInterrupt:
            if awaiting is not None:
                awaiting.cancel()

    def wake() -> None:
        loop.call_soon_threadsafe(serve)

    desk = Desk(wake)
    return desk, lambda work: asyncio.run_coroutine_threadsafe(work, loop)


async def _drawn(made: Run, work: asyncio.Future[None], timeout: float | None) -> None:
    """Draw in the cell that awaits, until the turn is over; stop it after `timeout` seconds."""
    display = RunDisplay(made, publisher())
    try:
        async with asyncio.timeout(timeout) as limit:
            while not work.done():
                await asyncio.wait({work}, timeout=DRAW_SECONDS)
                display.draw()
        await work
    except (asyncio.CancelledError, TimeoutError):
        stopped = stopping(made.transcript)
        work.cancel()
        await current().worker.go(made.session.interrupt())
        made.abandon()
        if limit.expired():
            raise Interrupted(f"{stopped} after {timeout:g} s (timeout). {GOES_ON}") from None
        raise
    finally:
        display.finish()


def _more(
    options: Namespace,
    inputs: Mapping[str, Any] | None,
    pickle: bool,
    max_mb: float,
    ask: Sequence[str],
    timeout: float | None,
    no_notebook: bool,
    background: bool = False,
) -> None:
    """Add what is sent along, and how the call is followed."""
    for name, value in (("timeout", timeout), ("max_mb", max_mb)):
        if value is not None and not value > 0:
            raise AgentError(f"{name}: {value!r} is not a number above 0.")
    for name in inputs or ():
        if not name.isidentifier():
            raise AgentError(f"inputs: {name!r} is not a variable's name.")
    options.inputs, options.pickle, options.max_mb = dict(inputs or {}), pickle, max_mb
    options.ask, options.timeout, options.background = list(ask), timeout, background
    options.no_notebook = no_notebook


def _options(
    agent: str | Agent,
    new: bool,
    session: str | None,
    env: str | Environment | None,
    files: Sequence[str | PathLike[str]],
    budget: float | None,
    max_turns: int | None,
    on_ask: str | None,
    record: str | None,
    replay: str | None,
    tools: Sequence[Callable[..., Any]] | None,
) -> Namespace:
    offered = list(tools or ())
    if isinstance(agent, Agent):
        agent.define()
        offered += agent.functions
    if isinstance(env, Environment):
        env.define()
    name = agent.name if isinstance(agent, Agent) else agent
    return Namespace(
        name=None if session and name == DEFAULT_AGENT else name,
        new=new,
        session=session,
        env=env.name if isinstance(env, Environment) else env,
        file=[str(file) for file in files],
        budget=None if budget is None else round(budget * 100),
        max_turns=max_turns,
        on_ask=on_ask,
        record=record,
        replay=replay,
        toolbox=of_functions(offered) if offered or tools is not None else None,
    )


def _on_ask(background: bool = False) -> str:
    return current().on_ask(front.can_type(), background)
