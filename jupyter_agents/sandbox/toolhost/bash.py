"""The bash tool: calls one after the other in a persistent shell, each with an end.

Runs in the main loop; nothing here blocks. What a call started dies with it when it is cancelled or
out of time; jobs that earlier calls left in the background live on.

Source: spec section 8.2.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable

from .answers import Answers, ToolError, flag, text_argument
from .processes import NOBODY, Children, Process, below, end
from .shell import Shell, Tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_TIMEOUT = 120.0
CANCEL_GRACE = 0.15
TIMEOUT_GRACE = 0.4
KILL_SECONDS = 1.0
CENSUS_SECONDS = 0.3
OWN_PROCESSES = 16
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
FRESH = "A fresh shell was started: the working directory and variables are gone."


class Call:
    """One request to the tool."""

    def __init__(self, number: int, command: str, timeout: float) -> None:
        self.number = number
        self.command = command
        self.timeout = timeout
        self.deadline = 0.0


class Ending:
    """A call's processes on their way out: TERM was sent, KILL follows at `kill_at`."""

    def __init__(self, text: str, kill_at: float) -> None:
        self.text = text
        self.kill_at = kill_at


class Bash:
    """The tool's state. `call`, `cancel`, `children_changed` and `tick` are the main loop's."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        children: Children,
        answers: Answers,
        environment: dict[str, str],
        call_seconds: float,
        pids: int,
        restrict: Callable[[], None] | None,
    ) -> None:
        self._selector = selector
        self._children = children
        self._answers = answers
        self._environment = environment
        self._longest = call_seconds
        self._crowd = max(pids - OWN_PROCESSES, pids // 2)
        self._pids = pids
        self._restrict = restrict
        self._queue: deque[Call] = deque()
        self._current: Call | None = None
        self._ending: Ending | None = None
        self._earlier = NOBODY
        self._tail = Tail()
        self._notice = ""
        self._crowded = False
        self._next_census = 0.0
        self._shell: Shell | None = None

    def warm_up(self) -> None:
        """Start the shell before it is needed."""
        if self._shell is None:
            shell = Shell(self._children, self._environment, self._restrict)
            self._selector.register(shell.output, selectors.EVENT_READ, self._on_output)
            self._selector.register(shell.statuses, selectors.EVENT_READ, self._on_status)
            self._shell = shell

    def call(self, number: int, arguments: dict[str, Any]) -> None:
        """Queue a call. Raises `ToolError` for an input that is no call."""
        restart = flag("bash", arguments, "restart")
        if restart:
            command = ""
        elif not arguments.get("command"):
            raise ToolError("bash: command is required")
        else:
            command = text_argument("bash", arguments, "command")
        milliseconds = arguments.get("timeout_ms") or DEFAULT_TIMEOUT * 1000
        if isinstance(milliseconds, bool) or not isinstance(milliseconds, (int, float)):
            raise ToolError("bash: timeout_ms must be a number")
        if not milliseconds > 0:
            raise ToolError("bash: timeout_ms must be positive")
        self._queue.append(Call(number, command, min(milliseconds / 1000.0, self._longest)))
        self._begin()

    def cancel(self, numbers: list[int] | None) -> None:
        """End the calls `numbers`, or all."""
        for call in list(self._queue):
            if numbers is None or call.number in numbers:
                self._queue.remove(call)
                text = "bash: interrupted before it started"
                self._answers.send_text(call.number, text, is_error=True)
        current = self._current
        if current is not None and (numbers is None or current.number in numbers):
            self._end_call("bash: interrupted", CANCEL_GRACE)

    def children_changed(self) -> None:
        """A process ended; perhaps the shell."""
        shell = self._shell
        if shell is None or self._ending is not None:
            return
        status = self._children.status(shell.pid)
        if status is None:
            return
        how = f"exit status {status}" if status >= 0 else f"signal {-status}"
        note = f"[The shell ended ({how}). {FRESH}]"
        shell.drain(self._tail)
        self._drop_shell()
        if self._current is None:
            self._notice = note
        else:
            self._answer(self._output(), note, is_error=status != 0)
        self._begin()

    def tick(self, now: float) -> float | None:
        """Do what is due; seconds until there may be more to do, None for never."""
        if self._ending is not None:
            self._go_on_ending(self._ending, now)
            return 0.005
        if self._current is None:
            return self._census(now) if self._earlier else None
        if now >= self._current.deadline:
            text = f"bash: bash command timed out after {self._current.timeout}s"
            self._end_call(text, TIMEOUT_GRACE)
            return 0.005
        return min(self._current.deadline - now, self._census(now))

    def _begin(self) -> None:
        while self._queue and self._current is None:
            call = self._queue.popleft()
            if not call.command:
                self._restart(call)
                continue
            self._current = call
            try:
                self.warm_up()
            except OSError as e:
                self._answer(f"bash: the shell could not be started: {e.strerror}", "", True)
                continue
            assert self._shell is not None
            if self._earlier:
                self._take_census()
            now = time.monotonic()
            call.deadline = now + call.timeout
            self._next_census = now + CENSUS_SECONDS
            if not self._shell.begin(call.command):
                events = selectors.EVENT_WRITE
                self._selector.register(self._shell.commands, events, self._on_room)

    def _restart(self, call: Call) -> None:
        if self._shell is not None:
            self._children.kill(self._shell.pid)
            self._drop_shell()
        self._tail.take()
        self._notice = ""
        self.warm_up()
        self._answers.send_text(call.number, "bash session restarted")

    def _on_room(self) -> None:
        shell = self._shell
        if shell is not None and shell.flush():
            self._selector.unregister(shell.commands)

    def _on_output(self) -> None:
        shell = self._shell
        if shell is not None and not shell.drain(self._tail):
            self._selector.unregister(shell.output)

    def _on_status(self) -> None:
        shell = self._shell
        if shell is None:
            return
        status = shell.finished()
        if shell.deaf:
            self._selector.unregister(shell.statuses)
        if status is None or self._current is None or self._ending is not None:
            return
        shell.drain(self._tail)
        self._next_census = 0.0
        self._take_census()
        self._answer(self._output(), "", is_error=status != 0)
        self._begin()

    def _output(self) -> str:
        text = self._tail.take().decode("utf-8", "replace")
        if "\x1b" in text:
            text = ANSI.sub("", text)
        if self._tail.truncated:
            text = "[output truncated]\n" + text
        self._tail = Tail()
        return text

    def _answer(self, text: str, note: str, is_error: bool) -> None:
        call, self._current = self._current, None
        assert call is not None
        if self._notice:
            note = f"{self._notice}\n{note}" if note else self._notice
            is_error, self._notice = True, ""
        self._crowded = False
        if note:
            text = f"{text}\n{note}" if text and not text.endswith("\n") else text + note
        self._answers.send_text(call.number, text, is_error)

    def _end_call(self, text: str, grace: float) -> None:
        if self._ending is None:
            self._ending = Ending(text, time.monotonic() + grace)
            end(self._victims, signal.SIGTERM)
            end(self._victims, signal.SIGCONT)

    def _go_on_ending(self, ending: Ending, now: float) -> None:
        if now >= ending.kill_at:
            end(self._victims, signal.SIGKILL)
        if self._victims() and now < ending.kill_at + KILL_SECONDS:
            return
        self._ending = None
        if self._shell is not None:
            self._shell.drain(self._tail)
            self._drop_shell()
        output = self._output()
        text = f"{ending.text}\n[{FRESH}]"
        if output:
            text += f"\nOutput until then:\n{output}"
        self._answer(text, "", is_error=True)
        self._begin()

    def _victims(self) -> list[Process]:
        helpers = self._children.running()
        if self._shell is not None:
            helpers.discard(self._shell.pid)
        return [one for one in below(os.getpid(), self._earlier) if one[0] not in helpers]

    def _others(self, spared: frozenset[Process]) -> list[Process]:
        helpers = self._children.running()
        return [one for one in below(os.getpid(), spared) if one[0] not in helpers]

    def _census(self, now: float) -> float:
        if now < self._next_census:
            return self._next_census - now
        self._next_census = now + CENSUS_SECONDS
        running = self._current is not None
        crowded = self._take_census(settled=not running)
        if crowded and self._crowded:
            self._end_call("bash: ended, it kept starting processes", CANCEL_GRACE)
        self._crowded = crowded and running
        return CENSUS_SECONDS

    def _take_census(self, settled: bool = True) -> bool:
        """End everything but the shell when the sandbox is full of processes; whether it was.

        settled: no call runs, so whoever is there was left by an earlier one.
        """
        everyone = self._others(NOBODY)
        crowded = len(everyone) >= self._crowd
        if crowded:
            end(lambda: self._others(NOBODY), signal.SIGKILL)
            everyone = []
            self._notice = f"[too many processes ({self._pids}): all that bash had started were ended]"
        if settled or crowded:
            self._earlier = frozenset(everyone)
        return crowded

    def _drop_shell(self) -> None:
        shell, self._shell = self._shell, None
        if shell is None:
            return
        for fd in (shell.statuses, shell.commands, shell.output):
            if fd in self._selector.get_map():
                self._selector.unregister(fd)
        shell.close_controls()
        self._selector.register(shell.output, selectors.EVENT_READ, self._discarder(shell))

    def _discarder(self, shell: Shell) -> Callable[[], None]:
        def discard() -> None:
            if not shell.drain(Tail()):
                self._selector.unregister(shell.output)
                os.close(shell.output)

        return discard
