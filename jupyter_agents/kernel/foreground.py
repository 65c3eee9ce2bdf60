"""Run a turn in a cell: the worker follows, this thread draws, the kernel's interrupt stops it.

The first interrupt asks the server to stop the turn and waits for its end; the second one returns
at once and leaves the turn to the server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator
from concurrent.futures import Future
from typing import Any

from jupyter_agents.kernel.calls import Calls
from jupyter_agents.kernel.conduct import conduct
from jupyter_agents.kernel.desk import Desk
from jupyter_agents.kernel.display import RunDisplay
from jupyter_agents.kernel.problems import Interrupted, RunFailed
from jupyter_agents.kernel.run import Run
from jupyter_agents.kernel.steps import Notice
from jupyter_agents.kernel.worker import Worker

STOP_SECONDS = 10.0
TICK_SECONDS = 0.1


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
    ) -> None:
        """Draw the run until it is over or waits; the arguments are those of `conduct`.

        Raises
        ------
        Interrupted
            The kernel was interrupted; the session goes on with the next cell.
        RunFailed
            The turn failed, was refused, or reached its budget; or it waits with on_ask ``fail``.
        """
        calls = Calls(self._run, self._desk)
        work = self._worker.submit(conduct(self._run, events, on_ask, self._changed.set, settled, calls))
        work.add_done_callback(lambda _: self._changed.set())
        try:
            self._wait(work)
        except KeyboardInterrupt:
            self._stop(work)
            raise Interrupted(
                "Interrupted: the turn was stopped. The session goes on with the next cell."
            ) from None
        except BaseException:
            if not self._run.session.server_lives():
                self._run.abandon()
            raise
        finally:
            work.cancel()
            self._display.finish()
        check(self._run, on_ask)

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

    def _stop(self, work: Future[None]) -> None:
        """Stop the turn; whatever happens, come back."""
        try:
            if self._run.transcript.first_event_id is None:
                work.cancel()
            else:
                self._worker.submit(self._run.session.interrupt())
                self._wait(work, STOP_SECONDS)
        except (KeyboardInterrupt, Exception):
            work.cancel()
        self._run.abandon()


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
