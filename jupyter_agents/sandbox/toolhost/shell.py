"""The persistent bash: one command in, its status and output out.

bash reads its script from a pipe, one line per command: ``eval`` of the quoted command with output
to the output pipe, then the status to the status pipe. Both pipes sit on high descriptors which are
closed for the command, so nothing that it prints, closes or redirects is mistaken for the framing.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from collections.abc import Callable

from .processes import Children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OUTPUT_LIMIT = 100 * 1024
STATUS_FD, OUTPUT_FD = 251, 252
BASH = "/bin/bash"
ARGUMENTS = [BASH, "--noprofile", "--norc"]
RESTORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Tail:
    """The last `OUTPUT_LIMIT` bytes of a stream."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self.truncated = False

    def add(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > 4 * OUTPUT_LIMIT:
            self._trim()

    def take(self) -> bytes:
        self._trim()
        data = bytes(self._kept)
        self._kept.clear()
        return data

    def _trim(self) -> None:
        excess = len(self._kept) - OUTPUT_LIMIT
        if excess > 0:
            del self._kept[:excess]
            self.truncated = True


class Shell:
    """One bash process and the three pipes to it; all our ends are non-blocking."""

    def __init__(
        self,
        children: Children,
        environment: dict[str, str],
        restrict: Callable[[], None] | None = None,
    ) -> None:
        commands, self.commands = os.pipe()
        self.statuses, statuses = os.pipe()
        self.output, output = os.pipe()
        nowhere = os.open(os.devnull, os.O_RDWR)
        inside = (commands, statuses, output, nowhere)
        ends = (
            (commands, 0),
            (nowhere, 1),
            (nowhere, 2),
            (statuses, STATUS_FD),
            (output, OUTPUT_FD),
        )
        try:
            self.pid = children.add(lambda: _start(environment, ends, restrict))
        except OSError:
            for fd in (self.commands, self.statuses, self.output):
                os.close(fd)
            raise
        finally:
            for fd in inside:
                os.close(fd)
        for fd in (self.commands, self.statuses, self.output):
            os.set_blocking(fd, False)
        self._unsent = b""
        self._said = b""
        self._number = 0
        self.deaf = False

    def begin(self, command: str) -> bool:
        """Hand over a command; False where `flush` must be called until it is all sent."""
        self._number += 1
        self._said = b""
        quoted = "'" + command.replace("'", "'\\''") + "'"
        line = (
            f"\\builtin eval {quoted} </dev/null >&{OUTPUT_FD} 2>&1 {STATUS_FD}>&- {OUTPUT_FD}>&-; "
            f"\\builtin printf '%s %s;' {self._number} $? >&{STATUS_FD}\n"
        )
        self._unsent = line.encode("utf-8", "replace")
        return self.flush()

    def flush(self) -> bool:
        """Send what bash takes now; whether that was all. A dead bash takes everything."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self.commands, self._unsent) :]
        except BlockingIOError:
            return False
        except OSError:
            self._unsent = b""
        return True

    def finished(self) -> int | None:
        """Read the status pipe: the current command's exit status, or None."""
        try:
            said = os.read(self.statuses, 4096)
        except BlockingIOError:
            return None
        self.deaf = not said
        self._said = (self._said + said)[-4096:]
        for frame in self._said.split(b";")[:-1]:
            number, _, status = frame.partition(b" ")
            if number == b"%d" % self._number and status.isdigit():
                self._said = b""
                return int(status)
        return None

    def drain(self, tail: Tail) -> bool:
        """Move what is in the output pipe now to `tail`; False at its end."""
        size = struct.unpack("i", fcntl.ioctl(self.output, termios.FIONREAD, b"\0\0\0\0"))[0]
        while size >= 0:
            try:
                data = os.read(self.output, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            tail.add(data)
            size -= len(data)
            if size <= 0:
                return True
        return True

    def close_controls(self) -> None:
        """Close the command and status pipes; the output stays for background jobs."""
        for fd in (self.commands, self.statuses):
            os.close(fd)


def _start(
    environment: dict[str, str],
    ends: tuple[tuple[int, int], ...],
    restrict: Callable[[], None] | None,
) -> int:
    """Start bash with each of our descriptors at its place; `restrict` runs in it just before."""
    if restrict is None:
        actions = [(os.POSIX_SPAWN_DUP2, ours, place) for ours, place in ends]
        options: dict[str, Any] = {"setpgroup": 0, "setsigmask": (), "setsigdef": RESTORED}
        return os.posix_spawn(BASH, ARGUMENTS, environment, file_actions=actions, **options)
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        for ours, place in ends:
            os.dup2(ours, place)
        signal.set_wakeup_fd(-1)
        for number in (*RESTORED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        restrict()
        os.execve(BASH, ARGUMENTS, environment)
    finally:
        os._exit(127)
