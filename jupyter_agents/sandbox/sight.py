"""Whether an engine sees this machine's files: it does not from another machine, or where this server is
itself a container with the engine's socket mounted.

Source: docs/sandboxes.md "An engine on another machine".
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.types import Mount as Bind
from requests.exceptions import RequestException

from . import engine
from .base import Mount, Sandbox, SandboxSpec
from .container import LABEL_OWNER
from .workspace import make_workspace

WAIT_SECONDS = 15
NOT_THERE = 3
PLACE = "/workspace"

_LOOK = f"""
import os, sys
if not os.path.exists("{PLACE}/" + sys.argv[1]):
    sys.exit({NOT_THERE})
open("{PLACE}/" + sys.argv[2], "w").close()
"""


async def try_out(
    start: Callable[[SandboxSpec], Awaitable[Sandbox]], directory: Path | None, image: str
) -> None:
    """Start a sandbox, run bash in it, and look for what it wrote. Raises `SandboxUnavailable`."""
    with tempfile.TemporaryDirectory(
        prefix="jupyter-agents-probe-", dir=directory, ignore_cleanup_errors=True
    ) as name:
        root = Path(name)
        uploads = root / "uploads"
        uploads.mkdir()
        spec = SandboxSpec("sesn_probe0", make_workspace(root, root / "work"), uploads, image=image)
        make_workspace(root, spec.workspace, uid=spec.uid)
        sandbox = await start(spec)
        try:
            result = await sandbox.call("bash", {"command": "echo ready > /workspace/probe"})
        finally:
            await sandbox.close()
        if result.is_error or not (spec.workspace / "probe").exists():
            raise engine.Unusable(
                "What a container writes to its workspace does not arrive on this machine.",
                f"The engine must see the directory {directory or tempfile.gettempdir()}.",
            )


def is_blind(
    client: DockerClient,
    image: str,
    owner: str,
    mounts: Sequence[Mount] = (),
    runtime: str | None = None,
    directory: Path | None = None,
) -> bool:
    """Whether a container of `image` surely does not see a file of `directory`. Blocks."""
    with tempfile.TemporaryDirectory(prefix="jupyter-agents-look-", dir=directory) as name:
        folder = Path(name)
        folder.chmod(0o777)
        asked, answer = secrets.token_hex(8), secrets.token_hex(8)
        (folder / asked).touch()
        binds = [Bind(PLACE, name, type="bind")]
        binds += [Bind(mount.target, str(mount.source), type="bind", read_only=True) for mount in mounts]
        container = None
        try:
            made = client.api.create_container(
                image,
                ["-I", "-S", "-c", _LOOK, asked, answer],
                entrypoint=["python3"],
                user=f"{os.geteuid() or 65532}",
                labels={LABEL_OWNER: owner},
                host_config=client.api.create_host_config(mounts=binds, network_mode="none", runtime=runtime),
            )
            container = made["Id"]
            client.api.start(container)
            code = client.api.wait(container, timeout=WAIT_SECONDS)["StatusCode"]
        except APIError as error:
            return name in str(error.explanation)
        except (DockerException, RequestException):
            return False
        finally:
            if container is not None:
                with contextlib.suppress(DockerException, RequestException):
                    client.api.remove_container(container, force=True, v=True)
        return code == NOT_THERE or (code == 0 and not (folder / answer).exists())
