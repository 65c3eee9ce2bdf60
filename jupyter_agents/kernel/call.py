"""One ``%%agent`` call: open the session, send, follow in the cell, keep the recording."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_agents.kernel import front
from jupyter_agents.kernel.display import RunDisplay, publisher
from jupyter_agents.kernel.files import Given, check, distinct, told
from jupyter_agents.kernel.foreground import Foreground
from jupyter_agents.kernel.notebook import Notebook
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.recordings import check_target
from jupyter_agents.kernel.run import Run
from jupyter_agents.kernel.session import AgentSession
from jupyter_agents.kernel.turns import WAYS_ON
from jupyter_agents.kernel.variables import pack

Keep = Callable[[Run], None]


def call(
    notebook: Notebook,
    options: Namespace,
    prompt: str,
    *,
    on_ask: str,
    say: Callable[[str], None],
    keep: Keep,
) -> Run:
    """Send `prompt` and show the turn; with ``background``, come back as soon as it is sent.

    Parameters
    ----------
    options:
        Those of `call_parser`, and `inputs`: the variables for the agent, by name.
    on_ask:
        What to do where a call waits, unless `options` says so or a page of ours is there.
    say:
        Prints one line above the output.
    keep:
        Given the run as soon as it exists, so that a failing call leaves it too.
    """
    if not prompt.strip():
        raise AgentError("The cell has no message: write it below the %%agent line.")
    given = prepare(options)
    connection = notebook.connect()
    asking = options.on_ask or notebook.worker.run(front.on_ask(notebook, connection, on_ask))
    session = notebook.worker.run(open_session(notebook, connection, options))
    for note in notebook.notes:
        say(note)
    run = Run(session)
    if session.busy:
        run.turn = session.turns
        say(f"{session.name} is at work: this message steers turn {run.turn}, which goes on.")
    keep(run)
    show(
        notebook,
        run,
        session.turn(prompt, told(given)),
        asking,
        options.record,
        timeout=options.timeout,
        background=options.background,
    )
    if run.status == "waiting":
        say(f"{session.name} waits for your answer: {WAYS_ON}")
    return run


def prepare(options: Namespace) -> list[Given]:
    """The files and variables of a call, read and checked; also put into ``options.given``.

    What could fail after the turn, and what contradicts itself, is found here, before anything is sent.
    """
    if options.new and options.session:
        raise AgentError("--new begins a session and --session goes on with one: give one of the two.")
    if options.record:
        check_target(options.record)
    packed = [
        pack(name, value, pickle=options.pickle, max_mb=options.max_mb)
        for name, value in options.inputs.items()
    ]
    options.given = distinct([*check(options.file, options.max_mb), *packed])
    given: list[Given] = options.given
    return given


def show(
    notebook: Notebook,
    run: Run,
    events: Any,
    on_ask: str,
    record: str | None = None,
    settled: frozenset[str] = frozenset(),
    timeout: float | None = None,
    background: bool = False,
) -> None:
    """Follow `events` in the cell; the recording is written however the turn ends."""
    foreground = Foreground(notebook.worker, run, RunDisplay(run, publisher()))

    def after() -> None:
        notebook.worker.run(notebook.recordings.after(run.session, record))

    if background:
        run.following = foreground.detach(events, on_ask, timeout, after)
        return
    try:
        foreground.follow(events, on_ask, settled, timeout)
    finally:
        after()


async def open_session(notebook: Notebook, connection: Any, options: Namespace) -> AgentSession:
    session, is_new = await notebook.open(connection, options)
    await notebook.recordings.before(session, is_new, options.replay)
    return session


def expand(body: str, names: Mapping[str, Any]) -> str:
    """`body` with ``{{ expression }}`` replaced by its value in the notebook."""

    def value(match: re.Match[str]) -> str:
        expression = match.group(1).strip()
        try:
            return str(eval(expression, dict(names)))
        except Exception as error:
            raise AgentError(
                f"{{{{ {expression} }}}} cannot be expanded: {type(error).__name__}: {error}"
            ) from None

    return re.sub(r"\{\{(.+?)\}\}", value, body)
