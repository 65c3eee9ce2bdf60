"""No isolation: the toolhost as a plain process of this machine.

Only where the administrator allows it and it is asked for by name; ``auto`` never takes it. Kept are
an environment without anything of the server's, a session of processes of its own that ends with the
sandbox, the limits, and the file tools' roots. Where the server is root the tools run as the sandbox's
user. All else of the machine is open to them as it is to that user.

Source: docs/sandboxes.md "Without isolation".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from ..domain.settings import UNSAFE
from . import embedded, reach
from .base import SandboxSpec
from .beside import NOTEBOOK
from .channel import ProcessChannel
from .guard import Guard, process_limit
from .leftovers import make_directory
from .options import OUTPUTS, UPLOADS, WORKSPACE, Root
from .provider import EmbeddedProvider
from .tools import ToolhostOptions, write_zipapp

GRACE = 3.0
NOTES = (
    "No isolation: tools run as a plain process of this machine, with its network and its files.",
    "bash sees the workspace at its real path; /workspace is for the file tools.",
)
NO_NOTEBOOK = f"{NOTEBOOK} is not there; bash may read the notebook's folder at its real path."


class UnsafeProvider(EmbeddedProvider):
    """Starts toolhosts with nothing around them; a `SandboxProvider`.

    cgroups: whether to use control groups where this server may make them.
    """

    kind = UNSAFE
    remedy = "Use Docker, bubblewrap or Landlock."
    keepers = 1

    async def _check(self) -> None:
        return None

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
        options = ToolhostOptions(
            roots=(
                Root(WORKSPACE, str(spec.workspace), writable=True),
                Root(OUTPUTS, str(spec.workspace / "outputs"), writable=True),
                Root(UPLOADS, str(spec.uploads)),
                *embedded.extra_roots(spec, real=True),
            ),
            env=embedded.tool_environment(spec, str(temporary), str(temporary)),
            limits=spec.limits,
            processes=process_limit(spec.limits),
            uid=uid,
        )
        argv = guard.enter([str(embedded.interpreter()), *options.arguments(str(zipapp))])
        channel = await ProcessChannel.start(argv, what="The toolhost", grace=GRACE, terminate=False)
        notes = NOTES if spec.beside is None else (*NOTES, NO_NOTEBOOK)
        return channel, (*notes, *reach.unreachable(spec, uid))

    def _inside(self, spec: SandboxSpec, source: Path) -> str | None:
        return str(source)
