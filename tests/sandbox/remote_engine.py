"""A real Docker engine that does not see this machine's ``/tmp``, as one on another machine would not.

It runs in a mount and a network namespace of its own, with an empty ``/tmp``: what tests bind from there is
not there. One for each test process, which it ends with.
"""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import shutil
import socket as socketlib
import subprocess
import time
from pathlib import Path

import docker

from jupyter_agents.testing.images import import_host_image

STARTING_SECONDS = 60
START = """
mount -t tmpfs -o mode=1777 tmpfs /tmp
exec dockerd --data-root /tmp/data --exec-root /tmp/exec --pidfile /tmp/pid -H "unix://$0" \
    --bridge=none --iptables=false --ip6tables=false >"$1" 2>&1
"""


def client() -> docker.DockerClient:
    """A client of it, which the caller closes."""
    return docker.DockerClient(base_url=f"unix://{socket()}", version="auto", timeout=60)


@functools.cache
def image() -> str:
    """The host-/usr image there."""
    made = client()
    try:
        return import_host_image(made)
    finally:
        made.close()


@functools.cache
def socket() -> Path:
    """Its socket; it is started by the first who asks."""
    folder = Path(f"/run/jupyter-agents-tests-{secrets.token_hex(6)}")
    folder.mkdir(mode=0o700)
    place, log = folder / "docker.sock", folder / "log"
    command = ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "--net", "sh", "-c", START]
    process = subprocess.Popen([*command, str(place), str(log)], start_new_session=True)
    atexit.register(_end, process, folder)
    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            with socketlib.socket(socketlib.AF_UNIX) as connection:
                connection.connect(str(place))
            return place
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the engine did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.1)


def absent() -> str | None:
    """Why there can be none here."""
    for program in ("dockerd", "unshare", "setpriv"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None if os.geteuid() == 0 else "only root starts an engine"


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.terminate()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
