"""The embedded sandbox where no namespaces can be made: Landlock and seccomp.

Weaker than bubblewrap in what can be seen, as strict in what can be touched: the host's paths are
visible as they are, files outside the session cannot be opened, there is no network at all, signals
stay inside. The paths ``/workspace`` and ``/mnt/session`` exist for the file tools only, which map
them to the real places; bash works in the real directory.

The toolhost may read ``/proc`` to know its processes. bash and all that it starts may not: command
lines of other processes can hold tokens. They are in a domain of their own, below the toolhost's,
and so cannot signal the toolhost either.

Source: docs/decisions.md (sandbox and network), ``landlock(7)``, ``seccomp(2)``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import SandboxUnavailable
from . import embedded, reach, seccomp
from .base import SandboxSpec
from .beside import NOTEBOOK, Cover
from .channel import ProcessChannel
from .guard import Guard, process_limit
from .leftovers import make_directory
from .options import OUTPUTS, UPLOADS, WORKSPACE, Root
from .provider import EmbeddedProvider
from .tools import ToolhostOptions, write_zipapp

NEEDED_ABI = 6
GRACE = 3.0
CREATE_RULESET, VERSION = 444, 1
NOTES = (
    "There is no network: Landlock sandboxes have none.",
    "bash sees the workspace at its real path; /workspace is for the file tools.",
    "Names and sizes of this machine's files can be found out, their content cannot.",
    "/proc is closed: ps, top and free do not work.",
)
READABLE = (
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/dev/zero",
    "/dev/urandom",
    "/dev/random",
)
ABOUT_THE_MACHINE = (
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/uptime",
    "/proc/version",
)
NO_SYSTEM_CONFIGURATION = {"GIT_CONFIG_NOSYSTEM": "1", "PIP_CONFIG_FILE": "/dev/null"}
WRITABLE = ("/dev/null", "/dev/full")


class LandlockProvider(EmbeddedProvider):
    """Starts Landlock sandboxes; a `SandboxProvider`.

    cgroups: whether to use control groups where this server may make them. prefixes: the packages that
    environments have installed, made by bubblewrap.
    """

    kind = "landlock"
    remedy = "Use Linux 6.12 or later with Landlock switched on, or bubblewrap, or Docker."
    keepers = 2

    async def _check(self) -> None:
        check_kernel()

    async def _launch(
        self, spec: SandboxSpec, guard: Guard, parts: contextlib.AsyncExitStack
    ) -> tuple[ProcessChannel, tuple[str, ...]]:
        uid = embedded.identity(spec)
        if uid is not None:
            reach.check_reachable(spec)
        private = await asyncio.to_thread(make_directory)
        parts.push_async_callback(asyncio.to_thread, shutil.rmtree, private, True)
        temporary = private / "tmp"
        temporary.mkdir(mode=0o700)
        zipapp = write_zipapp(private)
        if uid is not None:
            os.chown(temporary, uid, uid)
        cover, notes = await asyncio.to_thread(embedded.find_cover, spec)
        if cover is not None and uid is not None and reach.closed_folder(cover.folder / "x") is not None:
            cover, notes = None, (f"{NOTEBOOK} is not there: the sandbox's user cannot enter the folder.",)
        options = ToolhostOptions(
            roots=(
                Root(WORKSPACE, str(spec.workspace), writable=True),
                Root(OUTPUTS, str(spec.workspace / "outputs"), writable=True),
                Root(UPLOADS, str(spec.uploads)),
                *(() if cover is None else (Root(NOTEBOOK, str(cover.folder)),)),
                *embedded.extra_roots(spec, real=True),
            ),
            env={
                **NO_SYSTEM_CONFIGURATION,
                **embedded.tool_environment(spec, str(temporary), str(temporary)),
            },
            limits=spec.limits,
            processes=process_limit(spec.limits),
            uid=uid,
            confine=_confinement(spec, temporary, zipapp, cover),
        )
        argv = guard.enter([str(embedded.interpreter()), *options.arguments(str(zipapp))])
        what = "The Landlock sandbox"
        channel = await ProcessChannel.start(argv, what=what, grace=GRACE)
        if cover is not None:
            notes = (*notes, f"bash sees {NOTEBOOK} at its real path, {cover.folder}.")
        return channel, (*NOTES, *notes, *reach.unreachable(spec, uid))

    def _inside(self, spec: SandboxSpec, source: Path) -> str | None:
        return str(source) if source.is_relative_to(spec.uploads) else None


def check_kernel() -> None:
    """Raises `SandboxUnavailable` unless this kernel has all of Landlock that is needed."""
    if not seccomp.supported():
        raise SandboxUnavailable("System calls cannot be filtered on this kind of processor.")
    abi = landlock_abi()
    if abi < 1:
        raise SandboxUnavailable("This kernel has no Landlock, or it is switched off.")
    if abi < NEEDED_ABI:
        raise SandboxUnavailable(
            f"This kernel's Landlock is version {abi}; {NEEDED_ABI} is needed, "
            "the first that keeps signals inside."
        )


def landlock_abi() -> int:
    """The version of Landlock that this kernel offers; 0 for none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)))


def _confinement(spec: SandboxSpec, temporary: Path, zipapp: Path, cover: Cover | None) -> dict[str, Any]:
    readable = [*READABLE, str(zipapp), str(spec.uploads)]
    readable += [str(mount.source) for mount in spec.mounts]
    prefixes = [*embedded.python_prefixes(spec), embedded.interpreter().parent.parent]
    for prefix in dict.fromkeys([Path("/usr"), Path("/usr/local"), *prefixes]):
        readable += _parts(prefix)
    writable = [*WRITABLE, str(spec.workspace), str(temporary)]
    common = [(path, "read") for path in readable] + [(path, "write") for path in writable]
    about = [(path, "read") for path in ABOUT_THE_MACHINE]
    program = base64.b64encode(seccomp.landlock_filter()).decode("ascii")
    return {
        "rules": [*common, ("/proc", "read")],
        "inner": [*common, *about],
        "filter": program,
        "asked": seccomp.asked_numbers(),
        "writable": [str(spec.workspace), str(temporary)],
        "beside": None if cover is None else [str(cover.folder), list(cover.paths)],
    }


def _parts(prefix: Path) -> Iterator[str]:
    """What may be read of a Python prefix: all but its configuration, which may hold secrets."""
    for child in prefix.iterdir():
        hidden = child.name in ("etc", "local") or child.name in embedded.HIDDEN_FILES
        if not hidden and not child.name.startswith("."):
            yield str(child)
