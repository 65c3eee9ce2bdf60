"""Run by tests as another user: starts an embedded sandbox, runs one command, prints the result.

``python embedded_user.py bubblewrap|landlock DIRECTORY COMMAND [die]``; with ``die`` the process
kills itself as a crashing server does, after the command.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from jupyter_agents.sandbox.base import SandboxSpec
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.landlock import LandlockProvider

PROVIDERS = {"bubblewrap": BubblewrapProvider, "landlock": LandlockProvider}


async def main(kind: str, directory: str, command: str, die: bool) -> None:
    top = Path(directory)
    provider = PROVIDERS[kind]()
    sandbox = await provider.start(SandboxSpec("s", top / "workspace", top / "uploads"))
    result = await sandbox.call("bash", {"command": command})
    print(json.dumps([result.content[0]["text"], result.is_error, sandbox.notes]), flush=True)
    if die:
        os.kill(os.getpid(), signal.SIGKILL)
    await provider.close()


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], "die" in sys.argv[4:]))
