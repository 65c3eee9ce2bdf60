"""System-call filters as classic BPF, for machines that are x86-64, AArch64 or RISC-V 64.

`bubblewrap_filter` closes kernel doors that no tool needs and that namespaces leave open
(io_uring, keyrings, vsock, user namespaces ...). `landlock_filter` closes in addition what Landlock
does not rule: every socket, tracing, System V IPC, changes of owner; and it hands changes of mode and
time by path to the supervisor outside (see `toolhost.modes`).
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
ASK = 0x7FC00000
LOAD, JUMP_EQUAL, JUMP_SET, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
NUMBER_AT, ARCH_AT, ARGUMENTS_AT = 0, 4, 16
X32_BIT = 0x40000000

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}

CLONE_NEW = 0x7E020000 | 0x00000080
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16

# Name: number on x86-64, number in the generic table (AArch64, RISC-V); None where there is none.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "ioctl": (16, 29),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "socket": (41, 198),
    "clone": (56, 220),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "chmod": (90, None),
    "chown": (92, None),
    "lchown": (94, None),
    "ptrace": (101, 117),
    "utime": (132, None),
    "setpriority": (141, 140),
    "pivot_root": (155, 41),
    "acct": (163, 89),
    "mount": (165, 40),
    "umount2": (166, 39),
    "quotactl": (179, 60),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "semtimedop": (220, 192),
    "utimes": (235, None),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "fchownat": (260, 54),
    "futimesat": (261, None),
    "fchmodat": (268, 53),
    "unshare": (272, 97),
    "move_pages": (279, 239),
    "utimensat": (280, 88),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
    "prlimit64": (302, 261),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount_setattr": (442, 442),
    "fchmodat2": (452, 452),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}

KERNEL_DOORS = (
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "add_key",
    "request_key",
    "keyctl",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "open_by_handle_at",
    "fanotify_init",
    "quotactl",
    "acct",
)

BEYOND_LANDLOCK = (
    "socket",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    "migrate_pages",
    "move_pages",
    "ioprio_set",
    "shmget",
    "shmat",
    "shmctl",
    "semget",
    "semop",
    "semctl",
    "semtimedop",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "mq_open",
    "mq_unlink",
)

ASKED = ("chmod", "fchmodat", "utimensat")

BY_PATH = (
    "chown",
    "lchown",
    "fchownat",
    "file_setattr",
    "utime",
    "utimes",
    "futimesat",
)

XATTRS = (
    "setxattr",
    "lsetxattr",
    "removexattr",
    "lremovexattr",
    "setxattrat",
    "removexattrat",
)

Instruction = tuple[int, int, int, int]


def supported() -> bool:
    """Whether filters can be built for this machine."""
    return platform.machine() in ARCHITECTURES


def bubblewrap_filter(machine: str = "") -> bytes:
    """The program for a sandbox that has namespaces of its own."""
    build = _Builder(machine or platform.machine())
    build.refuse(KERNEL_DOORS)
    build.only_argument("socket", 0, (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK))
    return build.finish()


def asked_numbers(machine: str = "") -> dict[str, int]:
    """The numbers of the calls that `landlock_filter` hands to the supervisor."""
    column = 0 if (machine or platform.machine()) == "x86_64" else 1
    numbers = {name: NUMBERS[name][column] for name in ASKED}
    return {name: number for name, number in numbers.items() if number is not None}


def landlock_filter(machine: str = "") -> bytes:
    """The program for a sandbox without namespaces."""
    build = _Builder(machine or platform.machine())
    build.refuse(KERNEL_DOORS)
    build.refuse(BEYOND_LANDLOCK)
    build.refuse(BY_PATH)
    build.refuse(XATTRS, errno.EOPNOTSUPP)
    build.refuse(["fchmodat2"], errno.ENOSYS)
    build.ask("chmod")
    build.ask("fchmodat")
    build.ask("utimensat", unless_null=1)
    build.only_argument("prlimit64", 0, (0,))
    build.only_argument("setpriority", 1, (0,))
    return build.finish()


class _Builder:
    def __init__(self, machine: str) -> None:
        self._column = 0 if machine == "x86_64" else 1
        self._code: list[Instruction] = [
            (LOAD, 0, 0, ARCH_AT),
            (JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
            _refusal(errno.ENOSYS),
            (LOAD, 0, 0, NUMBER_AT),
        ]
        if machine == "x86_64":
            self._code += [(JUMP_GREATER_EQUAL, 0, 1, X32_BIT), _refusal(errno.ENOSYS)]
        self._when("clone3", [_refusal(errno.ENOSYS)])
        flags = ARGUMENTS_AT
        self._when("clone", [(LOAD, 0, 0, flags), (JUMP_SET, 0, 1, CLONE_NEW), _refusal(), _GO])
        request = ARGUMENTS_AT + 8
        terminal = [(JUMP_EQUAL, 1, 0, TIOCSTI), (JUMP_EQUAL, 0, 1, TIOCLINUX)]
        self._when("ioctl", [(LOAD, 0, 0, request), *terminal, _refusal(), _GO])

    def refuse(self, names: Iterable[str], number: int = errno.EPERM) -> None:
        for name in names:
            self._when(name, [_refusal(number)])

    def ask(self, name: str, unless_null: int | None = None) -> None:
        """Hand `name` to the supervisor; not when argument `unless_null` is a null pointer."""
        question: Instruction = (RETURN, 0, 0, ASK)
        if unless_null is None:
            self._when(name, [question])
            return
        low = ARGUMENTS_AT + 8 * unless_null
        tests = [
            (LOAD, 0, 0, low),
            (JUMP_EQUAL, 0, 2, 0),
            (LOAD, 0, 0, low + 4),
            (JUMP_EQUAL, 1, 0, 0),
        ]
        self._when(name, [*tests, question, _GO])

    def only_argument(self, name: str, index: int, values: tuple[int, ...]) -> None:
        tests = [(JUMP_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
        self._when(name, [(LOAD, 0, 0, ARGUMENTS_AT + 8 * index), *tests, _refusal(), _GO])

    def finish(self) -> bytes:
        return b"".join(struct.pack("=HBBI", *one) for one in [*self._code, _GO])

    def _when(self, name: str, block: list[Instruction]) -> None:
        number = NUMBERS[name][self._column]
        if number is not None:
            self._code += [(JUMP_EQUAL, 0, len(block), number), *block]


def _refusal(number: int = errno.EPERM) -> Instruction:
    return (RETURN, 0, 0, ERRNO | number)


_GO: Instruction = (RETURN, 0, 0, ALLOW)
