"""Run a turn in a cell: the worker follows, this thread draws, the kernel's interrupt stops it.

The first interrupt asks the server to stop the turn and waits for its end; the second one returns
at once and leaves the turn to the server. Jupyter also interrupts a kernel that it is about to end or
restart: that is no word to the agent, and the turn goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from typing import Any

from jupyter_agents.cell.steps import Notice
from jupyter_agents.cell.transcript import stopping
from jupyter_agents.kernel.calls import Calls
from jupyter_agents.kernel.conduct import conduct
from jupyter_agents.kernel.desk import Desk
from jupyter_agents.kernel.display import RunDisplay
from jupyter_agents.kernel.problems import Interrupted, RunFailed
from jupyter_agents.kernel.run import Run
from jupyter_agents.kernel.worker import Worker

STOP_SECONDS = 10.0
TICK_SECONDS = 0.1
GOES_ON = "The session goes on with the next cell."
LAST_WORDS_SECONDS = 0.3
"""How long after an interrupt the kernel may hear that it ends."""


class Foreground:
    """Follows one run in the calling thread."""

    def __init__(self, worker: Worker, run: Run, display: RunDisplay) -> None:
        self._worker = worker
        self._run = run
        self._display = display
        self._changed = threading.Event()
        self._desk = Desk(self._changed.set)

    def follow(
        self,
        events: AsyncGenerator[Any, None],
        on_ask: str,
        settled: frozenset[str] = frozenset(),
        timeout: float | None = None,
    ) -> None:
        """Draw the run until it is over or waits; the arguments are those of `conduct`.

        Parameters
        ----------
        timeout:
            Seconds after which the turn is stopped.

        Raises
        ------
        Interrupted
            The kernel was interrupted, or the time is over; the session goes on with the next cell.
        RunFailed
            The turn failed, was refused, or reached its budget; or it waits with on_ask ``fail``.
        """
        self._end(self._begin(events, on_ask, settled, Calls(self._run, self._desk)), timeout)
        check(self._run, on_ask)

    def detach(
        self,
        events: AsyncGenerator[Any, None],
        on_ask: str,
        timeout: float | None,
        after: Callable[[], None],
    ) -> Future[None]:
        """Come back once the message is sent; a thread draws on in this cell, and then calls `after`.

        The future ends with the turn, and has what `follow` would raise.
        """
        work = self._begin(events, on_ask, frozenset(), None)
        try:
            while self._run.transcript.first_event_id is None and not work.done():
                self._changed.wait(TICK_SECONDS)
        except KeyboardInterrupt:
            work.cancel()
            raise
        if work.done():
            work.result()
        self._display.finish()
        ended: Future[None] = Future()

        def go_on() -> None:
            try:
                try:
                    self._end(work, timeout)
                finally:
                    after()
                check(self._run, on_ask)
            except BaseException as error:
                ended.set_exception(error)
            else:
                ended.set_result(None)

        threading.Thread(target=go_on, name="jupyter-agents-background", daemon=True).start()
        return ended

    def _begin(
        self,
        events: AsyncGenerator[Any, None],
        on_ask: str,
        settled: frozenset[str],
        calls: Calls | None,
    ) -> Future[None]:
        """calls: runs the kernel's own functions; they need the thread that a cell waits in."""
        work = self._worker.submit(conduct(self._run, events, on_ask, self._changed.set, settled, calls))
        work.add_done_callback(lambda _: self._changed.set())
        return work

    def _end(self, work: Future[None], timeout: float | None) -> None:
        try:
            self._wait(work, timeout)
            if not work.done():
                raise Interrupted(f"{self._stop(work)} after {timeout:g} s (--timeout). {GOES_ON}")
        except KeyboardInterrupt:
            raise Interrupted(self._interrupted(work)) from None
        except BaseException:
            if not self._run.session.server_lives():
                self._run.abandon()
            raise
        finally:
            work.cancel()
            self._display.finish()

    def _wait(self, work: Future[None], seconds: float | None = None) -> None:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not work.done() and (deadline is None or time.monotonic() < deadline):
            self._changed.wait(TICK_SECONDS)
            self._changed.clear()
            self._display.draw()
            if self._desk.is_busy:
                self._display.finish()
                self._desk.serve()
        if work.done():
            work.result()

    def _interrupted(self, work: Future[None]) -> str:
        """Stop the turn, unless it is the kernel that ends; says which."""
        session = self._run.session
        try:
            if session.connection.server is None and kernel_ends():
                id = session.id
                return f"The kernel ended; the turn goes on without it. %agent attach {id} shows all of it."
        except KeyboardInterrupt:
            pass
        return f"{self._stop(work)}. {GOES_ON}"

    def _stop(self, work: Future[None]) -> str:
        """Stop the turn and say what was going on; whatever happens, come back."""
        stopped = stopping(self._run.transcript)
        try:
            if self._run.transcript.first_event_id is None:
                work.cancel()
            else:
                self._worker.submit(self._run.session.interrupt())
                self._wait(work, STOP_SECONDS)
        except (KeyboardInterrupt, Exception):
            work.cancel()
        self._run.abandon()
        return stopped


def kernel_ends() -> bool:
    """Whether this kernel was told, right after an interrupt, to end or to start anew."""
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance() if InteractiveShell.initialized() else None
    if getattr(shell, "kernel", None) is None:
        return False
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    while not shell.exit_now and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(shell.exit_now)


def check(run: Run, on_ask: str) -> None:
    """Raise `RunFailed` for a turn that ended without an answer."""
    match run.status:
        case "failed":
            raise RunFailed(f"The run failed: {_last_error(run)}", "The run failed; the reason stands above.")
        case "refused":
            raise RunFailed("The model refused to go on.")
        case "budget_reached":
            raise RunFailed(
                "The session's budget is reached. Raise it with --budget, "
                "or start another session with --new."
            )
        case "waiting" if on_ask == "fail":
            raise RunFailed("A call waits for an approval (--on-ask fail).")


def _last_error(run: Run) -> str:
    notices = [step for step in run.transcript.steps if isinstance(step, Notice)]
    errors = [step.text for step in notices if step.level == "error"]
    return errors[-1] if errors else "the session ended."
