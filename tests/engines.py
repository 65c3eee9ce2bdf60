"""Docker engines for tests: the machine's, and a private one that a test may stop and start again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker

from jupyter_agents.sandbox.container import LABEL_SESSION
from jupyter_agents.testing import ScriptedModel
from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image
from tests.support import Home, Server

SECONDS = 30.0
SLOW = "echo kept > kept.txt; sleep 60"


class Engine:
    """A running engine, with the image whose ``/usr`` is this machine's."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.client = docker.DockerClient(base_url=host, version="auto")
        self.image = import_host_image(self.client)

    def home(self, folder: Path, scripted: ScriptedModel, **traits: Any) -> Home:
        """Folders of a server whose sandboxes are this engine's containers."""
        mounts = [str(mount.source) for mount in HOST_MOUNTS]
        traits = {"sandbox": "docker", "image": self.image, "docker_mounts": mounts, **traits}
        return Home(folder, scripted.url, traits, {"DOCKER_HOST": self.host})

    def containers(self, session_id: str = "") -> list[str]:
        """The ids of a session's containers, or of all sandboxes, ended ones too."""
        label = f"{LABEL_SESSION}={session_id}" if session_id else LABEL_SESSION
        return [str(one["Id"]) for one in self.client.api.containers(all=True, filters={"label": label})]


class PrivateEngine(Engine):
    """A ``dockerd`` with images and containers of its own.

    In a network of its own: without a bridge it would take away that of the machine's engine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._run()
        super().__init__(self._host)

    @property
    def _host(self) -> str:
        return f"unix://{self._folder}/engine.sock"

    def start(self) -> None:
        """Start it again, if it does not run."""
        if self._process is None:
            self._run()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, by a signal."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(SECONDS)
        self._process = None

    def close(self) -> None:
        """Remove every container, end the engine and what it started."""
        self.start()
        for container in self.client.api.containers(all=True):
            self.client.api.remove_container(container["Id"], force=True)
        self.client.close()
        self.stop()
        for path in sorted(self._mounts(), reverse=True):  # a killed engine leaves them
            subprocess.run(["umount", "-l", path], check=False)

    def _run(self) -> None:
        for stale in ("pid", "exec/containerd/containerd.pid"):
            (self._folder / stale).unlink(missing_ok=True)
        command = ["unshare", "--net", "dockerd", "--bridge=none", "--iptables=false", "-H", self._host]
        command += ["--data-root", str(self._folder / "data"), "--exec-root", str(self._folder / "exec")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-p", str(self._folder / "pid")], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
            asking.connect(self._host.removeprefix("unix://"))
            asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in asking.recv(100)
        return False

    def _mounts(self) -> list[str]:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line.split()[4] for line in lines if line.split()[4].startswith(f"{self._folder}/")]


@contextlib.contextmanager
def machine_engine() -> Iterator[Engine]:
    """The machine's own engine."""
    made = Engine(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    yield made
    made.client.close()


@contextlib.contextmanager
def private_engine() -> Iterator[PrivateEngine]:
    """An engine of the test's own, below a short path, as sockets need."""
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))
    made = PrivateEngine(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def workspace(server: Server, session_id: str) -> Path:
    """Where a session's workspace lies."""
    found: Any = server.client.get(f"/local/sessions/{session_id}/sandbox", cast_to=object)
    return Path(json.loads(json.dumps(found))["workspace"])


def appears(path: Path) -> None:
    """Wait for a file."""
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def in_mid_call(server: Server, session_id: str, act: Callable[[], None]) -> list[Any]:
    """The events of a turn whose first call writes a file and waits; `act` is done meanwhile."""

    def wait_and_act() -> None:
        appears(workspace(server, session_id) / "kept.txt")
        act()

    acting = threading.Thread(target=wait_and_act)
    acting.start()
    found = server.turn(session_id, "go")
    acting.join()
    return found


def results(events: list[Any]) -> list[tuple[str, bool]]:
    """The text and the verdict of each tool result."""
    found = [event for event in events if event.type == "agent.tool_result"]
    return [("".join(block.text for block in event.content), event.is_error) for event in found]


def until_gone(engine: Engine, ids: list[str]) -> None:
    """Wait until none of these containers is there."""
    deadline = time.monotonic() + SECONDS
    while left := [one for one in engine.containers() if one in ids]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
