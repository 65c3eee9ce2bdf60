"""The filter programs, run through a small interpreter of classic BPF."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator

import pytest

from jupyter_agents.sandbox import seccomp
from jupyter_agents.sandbox.seccomp import ALLOW, ASK, ERRNO, NUMBERS

MACHINES = ("x86_64", "aarch64", "riscv64")
EPERM = ERRNO | errno.EPERM
ENOSYS = ERRNO | errno.ENOSYS


def run(program: bytes, machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the program returns for a system call."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    arch = seccomp.ARCHITECTURES[machine] if arch is None else arch
    data = struct.pack("=iIQ6Q", number, arch, 0, *words)
    code = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    while True:
        operation, yes, no, operand = code[at]
        at += 1
        if operation == seccomp.LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == seccomp.RETURN:
            return int(operand)
        else:
            tests = {
                seccomp.JUMP_EQUAL: value == operand,
                seccomp.JUMP_GREATER_EQUAL: value >= operand,
                seccomp.JUMP_SET: bool(value & operand),
            }
            at += yes if tests[operation] else no


def numbered(machine: str, names: tuple[str, ...]) -> Iterator[int]:
    column = 0 if machine == "x86_64" else 1
    for name in names:
        number = NUMBERS[name][column]
        if number is not None:
            yield number


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_refused_everywhere(machine: str) -> None:
    for program in (seccomp.bubblewrap_filter(machine), seccomp.landlock_filter(machine)):
        for number in numbered(machine, seccomp.KERNEL_DOORS):
            assert run(program, machine, number) == EPERM
        [clone] = numbered(machine, ("clone",))
        assert run(program, machine, clone, 0x11) == ALLOW
        assert run(program, machine, clone, 0x10000000 | 0x11) == EPERM
        [clone3] = numbered(machine, ("clone3",))
        assert run(program, machine, clone3) == ENOSYS
        [ioctl] = numbered(machine, ("ioctl",))
        assert run(program, machine, ioctl, 0, seccomp.TIOCSTI) == EPERM
        assert run(program, machine, ioctl, 0, 1 << 32 | seccomp.TIOCSTI) == EPERM
        assert run(program, machine, ioctl, 0, seccomp.TIOCLINUX) == EPERM
        assert run(program, machine, ioctl, 0, 0x5401) == ALLOW
        assert run(program, machine, clone, 0x11, arch=0x40000003) == ENOSYS
        assert run(program, machine, 9_999) == ALLOW
    assert run(seccomp.bubblewrap_filter("x86_64"), "x86_64", 0x40000000) == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_bubblewrap_keeps_the_sockets_that_its_network_rules(machine: str) -> None:
    program = seccomp.bubblewrap_filter(machine)
    [socket] = numbered(machine, ("socket",))
    for family in range(64):
        wanted = ALLOW if family in (1, 2, 10, 16) else EPERM
        assert run(program, machine, socket, family) == wanted
    for number in numbered(machine, ("ptrace", "fchmodat", "shmget")):
        assert run(program, machine, number) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_landlock_has_no_socket_and_asks_about_modes(machine: str) -> None:
    program = seccomp.landlock_filter(machine)
    for number in numbered(machine, (*seccomp.BEYOND_LANDLOCK, *seccomp.BY_PATH)):
        for argument in (0, 1, 2):
            assert run(program, machine, number, argument) == EPERM
    for number in numbered(machine, seccomp.XATTRS):
        assert run(program, machine, number) == ERRNO | errno.EOPNOTSUPP
    [fchmodat2] = numbered(machine, ("fchmodat2",))
    assert run(program, machine, fchmodat2) == ENOSYS
    for number in numbered(machine, ("chmod", "fchmodat")):
        assert run(program, machine, number) == ASK
    [utimensat] = numbered(machine, ("utimensat",))
    assert run(program, machine, utimensat, 5, 0) == ALLOW
    assert run(program, machine, utimensat, 5, 0x1000) == ASK
    assert run(program, machine, utimensat, 5, 1 << 32) == ASK
    [prlimit] = numbered(machine, ("prlimit64",))
    assert run(program, machine, prlimit, 0) == ALLOW
    assert run(program, machine, prlimit, 77) == EPERM
    [setpriority] = numbered(machine, ("setpriority",))
    assert run(program, machine, setpriority, 0, 0) == ALLOW
    assert run(program, machine, setpriority, 0, 77) == EPERM


def test_the_asked_calls_have_numbers() -> None:
    assert seccomp.asked_numbers("x86_64") == {"chmod": 90, "fchmodat": 268, "utimensat": 280}
    assert seccomp.asked_numbers("aarch64") == {"fchmodat": 53, "utimensat": 88}


def test_programs_fit_the_kernels_limit() -> None:
    for machine in MACHINES:
        assert len(seccomp.landlock_filter(machine)) // 8 < 4096
