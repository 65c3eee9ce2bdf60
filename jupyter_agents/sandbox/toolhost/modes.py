"""Changes of mode and time by path, done on behalf of the confined processes.

Landlock rules neither, so the seccomp program hands these calls to the supervisor, which stands
outside as the same user. It opens the named file itself, looks where the descriptor really is, and
acts on the descriptor, so nothing can be swapped between the check and the change. Outside of the
writable places every answer is EPERM; setuid and setgid are never set; the times of a symlink
itself are left as they are.

Source: ``seccomp_unotify(2)``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import time

from .paths import canonical, within

RECEIVE, SEND, STILL_VALID = 0xC0502100, 0xC0182101, 0x40082102
NOTIFICATION = struct.Struct("=QIIiIQ6Q")
RESPONSE = struct.Struct("=QqiI")
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
LONGEST = 4096
PLAIN_MODE = 0o1777


class Modes:
    """Answers the notifications of one seccomp listener.

    numbers: system call numbers by name (chmod, fchmodat, utimensat; those that there are).
    writable: the directories below which changes are allowed.
    """

    def __init__(self, listener: int, numbers: dict[str, int], writable: list[str]) -> None:
        self.listener = listener
        self._names = {number: name for name, number in numbers.items()}
        self._writable = [canonical(path) for path in writable]

    def answer(self) -> None:
        """Take in one notification and answer it."""
        data = bytearray(NOTIFICATION.size)
        try:
            fcntl.ioctl(self.listener, RECEIVE, data)
        except OSError:
            return
        token, pid, _, number, _, _, *arguments = NOTIFICATION.unpack(data)
        try:
            self._act(self._names.get(number, ""), token, pid, arguments)
            error = 0
        except OSError as e:
            error = -(e.errno or errno.EPERM)
        try:
            fcntl.ioctl(self.listener, SEND, RESPONSE.pack(token, 0, error, 0))
        except OSError:
            return

    def _act(self, name: str, token: int, pid: int, arguments: list[int]) -> None:
        directory, place, value, flags = AT_FDCWD, *arguments[:2], 0
        if name == "fchmodat":
            directory, place, value = _signed(arguments[0]), arguments[1], arguments[2]
        elif name == "utimensat":
            directory, place, value = _signed(arguments[0]), arguments[1], arguments[2]
            flags = arguments[3]
        elif name != "chmod":
            raise OSError(errno.ENOSYS, "")
        path, times = _read_memory(pid, place, value if name == "utimensat" else 0)
        nofollow = bool(flags & AT_SYMLINK_NOFOLLOW)
        fd = self._open(token, pid, directory, path, nofollow)
        try:
            if stat.S_ISLNK(os.fstat(fd).st_mode):
                return
            mine = f"/proc/self/fd/{fd}"
            if not any(within(os.readlink(mine), root) for root in self._writable):
                raise OSError(errno.EPERM, "")
            if name == "utimensat":
                os.utime(mine, ns=_times(times, os.stat(mine)))
            else:
                os.chmod(mine, value & PLAIN_MODE)
        finally:
            os.close(fd)

    def _open(self, token: int, pid: int, directory: int, path: bytes, nofollow: bool) -> int:
        base = f"/proc/{pid}/cwd" if directory == AT_FDCWD else f"/proc/{pid}/fd/{directory}"
        start = os.open(base, os.O_PATH | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self.listener, STILL_VALID, struct.pack("=Q", token))
            flags = os.O_PATH | os.O_CLOEXEC | (os.O_NOFOLLOW if nofollow else 0)
            return os.open(path, flags, dir_fd=start)
        finally:
            os.close(start)


def _read_memory(pid: int, place: int, times: int) -> tuple[bytes, bytes]:
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        page = LONGEST - place % LONGEST
        text = os.pread(memory, page, place)
        if b"\0" not in text:
            text += os.pread(memory, LONGEST, place + page)
        path, end, _ = text[:LONGEST].partition(b"\0")
        if not end:
            raise OSError(errno.ENAMETOOLONG, "")
        return path, os.pread(memory, 32, times) if times else b""
    finally:
        os.close(memory)


def _times(given: bytes, now: os.stat_result) -> tuple[int, int]:
    current = time.time_ns()
    if not given:
        return current, current
    seconds_a, nanos_a, seconds_m, nanos_m = struct.unpack("=4q", given)
    pairs = ((seconds_a, nanos_a, now.st_atime_ns), (seconds_m, nanos_m, now.st_mtime_ns))
    wanted = []
    for seconds, nanos, before in pairs:
        if nanos == UTIME_OMIT:
            wanted.append(before)
        else:
            wanted.append(current if nanos == UTIME_NOW else seconds * 10**9 + nanos)
    return wanted[0], wanted[1]


def _signed(word: int) -> int:
    return int(struct.unpack("=i", struct.pack("=I", word & 0xFFFFFFFF))[0])
