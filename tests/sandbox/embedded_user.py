"""Run by tests as another user: starts an embedded sandbox, runs one command, prints the result.

``python embedded_user.py bubblewrap|landlock DIRECTORY COMMAND [die] [packages=PORT]``; with ``die`` the
process kills itself as a crashing server does, after the command. PORT is that of a package index.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from jupyter_agents.sandbox.base import Network, SandboxSpec
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.landlock import LandlockProvider
from jupyter_agents.testing.indexes import HOST, NPM_PACKAGE, PIP_PACKAGE, Index, lead_to_index

PROVIDERS = {"bubblewrap": BubblewrapProvider, "landlock": LandlockProvider}


async def main(kind: str, directory: str, command: str, *more: str) -> None:
    top = Path(directory)
    provider, spec = PROVIDERS[kind](), SandboxSpec("s", top / "workspace", top / "uploads")
    for option in more:
        if option.startswith("packages="):
            index = Index(int(option.removeprefix("packages=")))
            provider = BubblewrapProvider(start_egress=lead_to_index, packages=top / "packages")
            lists = {"npm": (NPM_PACKAGE,), "pip": (PIP_PACKAGE,)}
            spec = replace(spec, network=Network(()), packages=lists, env=index.variables(HOST))
    sandbox = await provider.start(spec)
    result = await sandbox.call("bash", {"command": command})
    print(json.dumps([result.content[0]["text"], result.is_error, sandbox.notes]), flush=True)
    if "die" in more:
        os.kill(os.getpid(), signal.SIGKILL)
    await provider.close()


asyncio.run(main(*sys.argv[1:]))
