"""Confinement without namespaces: Landlock and seccomp around the toolhost, a supervisor outside.

The process that the server started stays outside the confinement, adopts every orphan and ends all
of them when the toolhost ends or the server goes away; the toolhost, inside, cannot signal it.
Landlock refuses every file outside the given paths, TCP, abstract unix sockets and signals to
processes outside. The seccomp program (see `sandbox.seccomp`) refuses the rest.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import stat
import struct
import time
from binascii import a2b_base64
from collections.abc import Callable, Sequence

from .identity import become, set_limits
from .modes import Modes
from .processes import adopt_orphans, below, end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
SECCOMP_CALLS = {"x86_64": 317, "aarch64": 277, "riscv64": 277}
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
RULE_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK, TRUNCATE, IOCTL_DEV = 1 << 6, 1 << 11, 1 << 14, 1 << 15
EVERYTHING = (1 << 16) - 1
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
RIGHTS = {
    "read": EXECUTE | READ_FILE | READ_DIR,
    "list": READ_DIR,
    "write": EVERYTHING & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV),
}
ALL_TCP, ALL_SCOPES = 0b11, 0b11
DEATH = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD)

_libc = ctypes.CDLL(None, use_errno=True)


def confine(options: dict[str, Any]) -> Callable[[], None]:
    """Fork: the parent becomes the supervisor and never returns, the child returns confined.

    The function that it returns confines a child of the toolhost further, to ``inner`` rules, and
    keeps it from signalling the toolhost.
    """
    from pathlib import Path, PurePosixPath  # noqa: F401  loaded while its file can be read

    from . import calls  # noqa: F401

    adopt_orphans()
    server = os.getppid()
    outside, inside = socket.socketpair()
    pid = os.fork()
    if pid:
        inside.close()
        become(options["uid"])
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == server:
            _supervise(pid, outside, options["confine"])
        os._exit(1)
    outside.close()
    set_limits(options["rlimits"])
    beside = _beside(options["confine"]["beside"])
    ruleset = _ruleset([*options["confine"]["rules"], *beside])
    inner = _ruleset([*options["confine"]["inner"], *beside])
    become(options["uid"])
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _call(LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)
    listener = _install(a2b_base64(options["confine"]["filter"]))
    inside.sendmsg([b"l"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", listener))])
    inside.close()
    os.close(listener)

    def restrict() -> None:
        _call(LANDLOCK_RESTRICT, inner, 0)

    return restrict


def _supervise(toolhost: int, inside: socket.socket, confinement: dict[str, Any]) -> NoReturn:
    """Answer for the confined processes until the toolhost or the server ends, then end them all."""
    wake, woken = os.pipe()
    for fd in (wake, woken):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in DEATH:
        signal.signal(number, lambda number, frame: None)
    for fd in (0, 1, 2):
        os.close(fd)
    try:
        _serve(toolhost, inside, wake, confinement)
    finally:
        own = os.getpid()
        while end(lambda: below(own), signal.SIGKILL) or not _reap(0):
            time.sleep(0.002)
        os._exit(0)


def _serve(toolhost: int, inside: socket.socket, wake: int, confinement: dict[str, Any]) -> None:
    _, parts, _, _ = inside.recvmsg(1, socket.CMSG_SPACE(4))
    if not parts:
        return
    (listener,) = struct.unpack("i", parts[0][2])
    modes = Modes(listener, confinement["asked"], confinement["writable"])
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(listener, select.POLLIN)
    while True:
        for fd, event in poll.poll():
            if fd == wake:
                signals = os.read(wake, 4096)
                if set(signals) - {signal.SIGCHLD} or _reap(toolhost):
                    return
            elif event & select.POLLIN:
                modes.answer()
            else:
                poll.unregister(listener)


def _reap(toolhost: int) -> bool:
    """Take in all that ended; whether the toolhost was among them, or nobody is left."""
    found = False
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return found
        found = found or pid == toolhost


def _beside(given: tuple[str, list[str]] | None) -> list[tuple[str, str]]:
    """Rules to read a folder but what is covered in it, which has no rule."""
    if given is None:
        return []
    folder, names = given
    covered = {os.path.join(folder, name) for name in names}
    above = {folder}
    for path in covered:
        while path != folder:
            path = os.path.dirname(path)
            above.add(path)
    rules: list[tuple[str, str]] = []
    ahead = [folder]
    while ahead:
        here = ahead.pop()
        if here not in above:
            rules.append((here, "read"))
            continue
        rules.append((here, "list"))
        try:
            with os.scandir(here) as entries:
                ahead += [e.path for e in entries if not e.is_symlink() and e.path not in covered]
        except OSError:
            continue
    return rules


def _ruleset(rules: Sequence[tuple[str, str]]) -> int:
    handled = struct.pack("=QQQ", EVERYTHING, ALL_TCP, ALL_SCOPES)
    ruleset = _call(LANDLOCK_CREATE, ctypes.c_char_p(handled), len(handled), 0)
    for path, kind in rules:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        rights = RIGHTS[kind]
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= FILE_RIGHTS
        rule = struct.pack("=Qi", rights, fd)
        _call(LANDLOCK_ADD, ruleset, RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
        os.close(fd)
    return ruleset


def _install(program: bytes) -> int:
    """Install the filter; the descriptor that its questions come from."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    call = SECCOMP_CALLS[os.uname().machine]
    argument = Program(len(program) // 8, program)
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER
    return _call(call, SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(argument))


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0))


def _call(number: int, *arguments: Any) -> int:
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return _check(_libc.syscall(ctypes.c_long(number), *words))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
