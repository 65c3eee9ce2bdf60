"""Several sessions in one sandbox: each has a toolhost of its own below the first.

So each has its own shell and process tree, and one call's end never reaches another session's processes.
The first toolhost passes frames on, and holds an advisory lock on each path that a write or an edit works
on: an overlapping one of another session is an error that names the holder. bash takes no lock.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
from collections.abc import Callable

from .answers import Answers, ToolError
from .paths import Roots
from .processes import Children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHUNK = 256 * 1024
WRITING = ("write", "edit")


class Session:
    """One toolhost below, and the calls that it has not answered, each with the path it writes."""

    def __init__(self, label: str, commands: int, answers: int) -> None:
        self.label = label
        self.commands = commands
        self.answers = answers
        self.open: dict[int, str | None] = {}
        self.unsent = b""
        self.unread = b""
        self.left = False


class Sessions:
    """The toolhosts below. All of it runs in the main loop.

    shared: this process's own source and sink. serve: runs a toolhost in a new process until its source
    ends.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        children: Children,
        answers: Answers,
        roots: Roots,
        shared: tuple[int, int],
        serve: Callable[[int, Answers], None],
    ) -> None:
        self._selector = selector
        self._children = children
        self._answers = answers
        self._roots = roots
        self._shared = shared
        self._serve = serve
        self._sessions: dict[str, Session] = {}

    def call(self, frame: dict[str, Any]) -> None:
        """Pass a call on. Raises `ToolError` for a path that another session is writing."""
        label, number = frame["session"], frame["id"]
        path = self._claim(label, frame)
        session = self._sessions.get(label) or self._start(label)
        session.open[number] = path
        self._send(session, {key: value for key, value in frame.items() if key != "session"})

    def tell(self, frame: dict[str, Any]) -> None:
        """Pass a frame on that is for all."""
        for session in list(self._sessions.values()):
            self._send(session, frame)

    def leave(self, label: str) -> None:
        """End a session's toolhost and every process below it."""
        session = self._sessions.pop(label, None)
        if session is not None:
            session.left = True
            self._close_commands(session)

    def _claim(self, label: str, frame: dict[str, Any]) -> str | None:
        name, given = frame["name"], frame["input"].get("file_path")
        if name not in WRITING or not isinstance(given, str) or "\0" in given:
            return None
        try:
            path = self._roots.resolve_for_writing(name, given)
        except ToolError:
            return None
        for other in self._sessions.values():
            if other.label != label and path in other.open.values():
                raise ToolError(
                    f"{name}: {given} is being written by session {other.label}, which shares this "
                    "workspace. Read it again when that is done, then repeat the change."
                )
        return path

    def _start(self, label: str) -> Session:
        source, commands = os.pipe()
        answers, sink = os.pipe()
        self._children.add(lambda: self._fork(source, sink, (commands, answers)))
        os.close(source)
        os.close(sink)
        os.set_blocking(commands, False)
        session = self._sessions[label] = Session(label, commands, answers)
        self._selector.register(answers, selectors.EVENT_READ, lambda: self._receive(session))
        return session

    def _ours(self) -> list[int]:
        """What only this process may hold open: the far ends must see it go."""
        ends = [fd for one in self._sessions.values() for fd in (one.commands, one.answers)]
        return [*self._shared, *ends]

    def _fork(self, source: int, sink: int, ours: tuple[int, int]) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for fd in (*ours, *self._ours()):
                os.close(fd)
            self._serve(source, Answers(sink))
        finally:
            os._exit(0)

    def _send(self, session: Session, frame: dict[str, Any]) -> None:
        waits = bool(session.unsent)
        session.unsent += json.dumps(frame, separators=(",", ":")).encode("ascii") + b"\n"
        if not waits and not self._flush(session):
            self._selector.register(session.commands, selectors.EVENT_WRITE, lambda: self._on_room(session))

    def _on_room(self, session: Session) -> None:
        if session.commands >= 0 and self._flush(session):
            self._selector.unregister(session.commands)

    def _flush(self, session: Session) -> bool:
        """Send what the session takes now; whether that was all. One that is gone takes everything."""
        try:
            while session.unsent:
                session.unsent = session.unsent[os.write(session.commands, session.unsent) :]
        except BlockingIOError:
            return False
        except OSError:
            session.unsent = b""
        return True

    def _receive(self, session: Session) -> None:
        data = os.read(session.answers, CHUNK)
        if not data:
            self._gone(session)
            return
        lines = (session.unread + data).split(b"\n")
        session.unread = lines.pop()
        for line in lines:
            number = json.loads(line).get("id")
            if number in session.open:
                del session.open[number]
                self._answers.forward(line)

    def _gone(self, session: Session) -> None:
        self._selector.unregister(session.answers)
        os.close(session.answers)
        if not session.left:
            self._sessions.pop(session.label, None)
            self._close_commands(session)
        for number in session.open:
            text = "The session's part of the sandbox ended. The next call starts another, with a new shell."
            self._answers.send_text(number, text, is_error=True)

    def _close_commands(self, session: Session) -> None:
        if session.commands in self._selector.get_map():
            self._selector.unregister(session.commands)
        os.close(session.commands)
        session.commands = -1
