"""Whether an image can be a sandbox: python3 and bash are looked for in a container of it.

Trust model. The image may be anybody's: what runs of it has no network, no capability, no mount of this
machine's but the provider's own, little memory, and a time limit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.types import LogConfig
from docker.types import Mount as Bind
from requests.exceptions import RequestException

from .base import Mount
from .container import LABEL_OWNER
from .engine import WITH_PYTHON

SECONDS = 20
MEMORY = 256 * 1024**2
PIDS = 64

_TOO_OLD, _NO_BASH = 81, 82
_LOOK = f"""
import sys
if sys.version_info < (3, 8):
    sys.exit({_TOO_OLD})
import shutil
sys.exit(0 if shutil.which("bash") else {_NO_BASH})
"""
_WRONG = {_TOO_OLD: "has a python3 that is older than 3.8", _NO_BASH: "has no bash"}
_ABSENT = ("not found", "no such file")


class Fitness:
    """What was found out, by the image's id.

    Parameters
    ----------
    mounts, runtime:
        As for the provider's sandboxes.
    owner:
        The label of this server's containers.
    """

    def __init__(self, mounts: Sequence[Mount], runtime: str | None, owner: str) -> None:
        self._mounts = tuple(mounts)
        self._runtime = runtime
        self._owner = owner
        self._known: dict[str, str | None] = {}
        self._turn = asyncio.Lock()

    async def problem(self, client: DockerClient, image: str, digest: str) -> str | None:
        """Why `image`, whose id is `digest`, is no sandbox; None where it is one, or that cannot be told."""
        async with self._turn:
            if digest not in self._known:
                told, wrong = await asyncio.to_thread(self._look, client, digest)
                if not told:
                    return None
                self._known[digest] = wrong
        wrong = self._known[digest]
        return wrong and f"The image {image} {wrong}. {WITH_PYTHON}"

    def _look(self, client: DockerClient, digest: str) -> tuple[bool, str | None]:
        """Whether something was found out, and what is wrong."""
        name = None
        try:
            name = client.api.create_container(
                digest,
                ["-I", "-S", "-c", _LOOK],
                entrypoint=["python3"],
                user="65532:65532",
                labels={LABEL_OWNER: self._owner},
                host_config=client.api.create_host_config(
                    mounts=[
                        Bind(one.target, str(one.source), "bind", read_only=True) for one in self._mounts
                    ],
                    network_mode="none",
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges"],
                    read_only=True,
                    mem_limit=MEMORY,
                    memswap_limit=MEMORY,
                    pids_limit=PIDS,
                    log_config=LogConfig(type="none", config={}),
                    runtime=self._runtime,
                ),
            )["Id"]
            client.api.start(name)
            code = client.api.wait(name, timeout=SECONDS)["StatusCode"]
        except APIError as error:
            said = str(error.explanation).lower()
            absent = name is not None and "python3" in said and any(word in said for word in _ABSENT)
            return absent, "has no python3"
        except (DockerException, RequestException):
            return False, None
        finally:
            if name is not None:
                with contextlib.suppress(DockerException, RequestException):
                    client.api.remove_container(name, force=True, v=True)
        return code == 0 or code in _WRONG, _WRONG.get(code)
