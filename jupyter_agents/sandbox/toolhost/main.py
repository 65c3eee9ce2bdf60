"""The main loop: frames in, calls out, deadlines, the end."""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable

from .answers import Answers, ToolError
from .bash import Bash
from .calls import FileCalls, tool_environment
from .carriage import Carriage
from .identity import become, set_limits
from .paths import Roots
from .processes import Children, Process, adopt_orphans, below, end, go_on, stop
from .sessions import Sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHUNK = 256 * 1024


class Toolhost:
    """One running toolhost, reading frames from `source`."""

    def __init__(
        self,
        options: dict[str, Any],
        source: int,
        answers: Answers,
        restrict: Callable[[], None] | None,
    ) -> None:
        if options["egress"]:
            from .forward import proxy_environment, start_forwarding

            start_forwarding(options["egress"])
            options = {**options, "egress": None, "env": {**options["env"], **proxy_environment()}}
        environment = tool_environment(options["env"])
        self._options = options
        self._restrict = restrict
        self._source = source
        self._answers = answers
        self._roots = Roots(options["roots"])
        self._children = Children()
        self._selector = selectors.DefaultSelector()
        self._files = FileCalls(self._roots, answers, self._children, environment)
        self._bash = Bash(
            self._selector,
            self._children,
            answers,
            environment,
            options["call_seconds"],
            options["pids"],
            restrict,
        )
        ends = (source, answers.fd)
        self._sessions = Sessions(self._selector, self._children, answers, self._roots, ends, self._serve)
        self._carriage = Carriage(self._roots.workdir.real, answers)
        self._stopped: list[Process] = []
        self._unread = b""
        self._open = True

    def run(self) -> None:
        """Serve until the end of the source, then end every process below."""
        wake, woken = os.pipe()
        for fd in (wake, woken):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)

        def child_ended() -> None:
            os.read(wake, 4096)
            self._children.reap()
            self._bash.children_changed()

        self._selector.register(wake, selectors.EVENT_READ, child_ended)
        self._selector.register(self._source, selectors.EVENT_READ, self._receive)
        os.chdir(self._roots.workdir.real)
        self._bash.warm_up()
        self._answers.hello()
        while self._open:
            timeout = self._bash.tick(time.monotonic())
            for key, _ in self._selector.select(timeout):
                key.data()
        self._end_everything()

    def _receive(self) -> None:
        data = os.read(self._source, CHUNK)
        if not data:
            self._open = False
            return
        lines = (self._unread + data).split(b"\n")
        self._unread = lines.pop()
        for line in lines:
            self._handle(json.loads(line))

    def _handle(self, frame: dict[str, Any]) -> None:
        operation = frame["op"]
        if operation == "cancel":
            numbers: list[int] | None = frame.get("ids")
            self._bash.cancel(numbers)
            self._files.cancel(numbers)
            self._sessions.tell(frame)
        elif operation == "ping":
            self._answers.send(frame["id"], [], False)
        elif operation == "pause":
            self._stopped = stop(lambda: below(os.getpid()))
            self._answers.send(frame["id"], [], False)
        elif operation == "resume":
            go_on(self._stopped)
            self._answers.send(frame["id"], [], False)
        elif operation == "root":
            self._roots.add(frame["virtual"], frame["real"])
            self._options["roots"].append((frame["virtual"], frame["real"], False))
            self._sessions.tell(frame)
        elif operation == "leave":
            self._sessions.leave(frame["session"])
        elif operation == "call":
            self._call(frame)
        elif operation == "list":
            self._carriage.look(frame)
        elif operation == "fetch":
            self._carriage.fetch(frame)
        elif operation == "put":
            self._carriage.put(frame)
        elif operation == "clear":
            self._carriage.clear(frame)

    def _call(self, frame: dict[str, Any]) -> None:
        number, name, arguments = frame["id"], frame["name"], frame["input"]
        try:
            if frame.get("session"):
                self._sessions.call(frame)
            elif name == "bash":
                self._bash.call(number, arguments)
            else:
                self._files.call(number, name, arguments)
        except ToolError as e:
            self._answers.send_text(number, str(e), is_error=True)

    def _serve(self, source: int, answers: Answers) -> None:
        adopt_orphans()
        Toolhost(self._options, source, answers, self._restrict).run()

    def _end_everything(self) -> None:
        own = os.getpid()
        deadline = time.monotonic() + 2
        while end(lambda: below(own), signal.SIGKILL) and time.monotonic() < deadline:
            self._children.reap()
            time.sleep(0.005)


def main() -> None:
    """Run the toolhost with the options in the first argument."""
    options = json.loads(sys.argv[1])
    restrict = None
    if options["confine"]:
        from .confine import confine

        restrict = confine(options)
    else:
        set_limits(options["rlimits"])
        become(options["uid"])
    adopt_orphans()
    source, sink = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nowhere, fd)
    os.close(nowhere)
    Toolhost(options, source, Answers(sink), restrict).run()
    os._exit(0)
