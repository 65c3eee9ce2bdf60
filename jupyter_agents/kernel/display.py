"""Draw a run in its cell and keep the drawing current.

Everything is drawn by the thread that runs the cell, so that it lands in that cell whatever the
version of ipykernel, through one display id, at most ten times a second, and less often for a run
that is slow to draw.
"""

from __future__ import annotations

import re
import time
from typing import Any, Protocol
from uuid import uuid4

from jupyter_agents.cell.plain import lasting
from jupyter_agents.kernel.run import Run

INTERVAL_SECONDS = 0.1
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SHARE = 5.0
"""Drawing takes at most one part in this many of the time."""


class Publish(Protocol):
    """How a bundle reaches the cell: the first time as a new output, then as its update."""

    def __call__(self, bundle: dict[str, Any], *, display_id: str, update: bool) -> None: ...


def publisher() -> Publish | None:
    """Publish through IPython; None in plain Python, where nothing is drawn."""
    from IPython.core.interactiveshell import InteractiveShell

    if not InteractiveShell.initialized():
        return None
    shell: Any = InteractiveShell.instance()
    return terminal() if getattr(shell, "kernel", None) is None else cell(shell.display_pub)


def cell(channel: Any) -> Publish:
    """Publish as a cell's output."""

    def publish(bundle: dict[str, Any], *, display_id: str, update: bool) -> None:
        channel.publish(bundle, transient={"display_id": display_id}, update=update)

    return publish


def terminal() -> Publish:
    """Print what the text form has more than before: a terminal takes nothing back."""
    shown = ""

    def publish(bundle: dict[str, Any], *, display_id: str, update: bool) -> None:
        nonlocal shown
        text = lasting(str(bundle["text/plain"]))
        if text.startswith(shown):
            print(CONTROL.sub("", text[len(shown) :]), end="", flush=True)
            shown = text

    return publish


class RunDisplay:
    """The output of one run."""

    def __init__(self, run: Run, publish: Publish | None) -> None:
        self._run = run
        self._publish = publish
        self._id = uuid4().hex
        self._shown = False
        self._drawn: object = None
        self._next = 0.0

    def draw(self) -> None:
        """Show the run as it is now, if it changed and it is time to."""
        now = time.monotonic()
        if now < self._next or self._drawn is self._run.transcript:
            return
        self._drawn = self._run.transcript
        self._put()
        took = time.monotonic() - now
        self._next = now + max(INTERVAL_SECONDS, SHARE * took)

    def finish(self) -> None:
        """Show the final state, whatever the time."""
        self._put()

    def _put(self) -> None:
        if self._publish is not None:
            self._publish(self._run.bundle(), display_id=self._id, update=self._shown)
            self._shown = True
