"""A kernel that a Jupyter server started talks to that server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from jupyter_agents.testing import ScriptedModel, say
from tests.kernel.conftest import ANSWER_SECONDS, Kernel

TOKEN = "jupyter-token"
NONE = "--ServerApp.jpserver_extensions=jupyter_agents=False"
OURS = "--ServerApp.jpserver_extensions=jupyter_agents=True"


class ServedKernel(Kernel):
    """A kernel that a server started, reached through its connection file."""

    def __init__(self, connection_file: Path, folder: Path) -> None:
        self.client = BlockingKernelClient()
        self.client.load_connection_file(str(connection_file))
        self.client.start_channels()
        self.client.wait_for_ready(timeout=ANSWER_SECONDS)
        self.folder = folder

    def close(self) -> None:
        self.client.stop_channels()


class Jupyter:
    """A running Jupyter server."""

    def __init__(self, environment: dict[str, str], root: Path, extensions: str) -> None:
        self.root = root
        self.runtime = root / ".runtime"
        self.log = (root / "log").open("wb")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                *("--port", "0", "--ServerApp.base_url=/base/", extensions),
                *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}"),
            ],
            env=environment | {"JUPYTER_RUNTIME_DIR": str(self.runtime)},
            stdout=self.log,
            stderr=self.log,
        )
        self.url = self._wait()

    def kernel(self, notebook: str) -> ServedKernel:
        """Start a session for `notebook`, a path below the root."""
        (self.root / notebook).parent.mkdir(parents=True, exist_ok=True)
        body = {
            "path": notebook,
            "name": Path(notebook).name,
            "type": "notebook",
            "kernel": {"name": "python3"},
        }
        request = urllib.request.Request(
            f"{self.url}api/sessions",
            json.dumps(body).encode(),
            {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            id = json.loads(answer.read())["kernel"]["id"]
        return ServedKernel(self.runtime / f"kernel-{id}.json", self.root)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def _wait(self) -> str:
        file = self.runtime / f"jpserver-{self.process.pid}.json"
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                info: dict[str, Any] = json.loads(file.read_text())
                urllib.request.urlopen(f"{info['url']}api").close()
            except (OSError, ValueError):
                time.sleep(0.1)
            else:
                return str(info["url"])
        raise AssertionError((self.root / "log").read_text())


@pytest.fixture
def served(
    bare_environment: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[ServedKernel]:
    jupyter = Jupyter(bare_environment, tmp_path, request.param)
    try:
        kernel = jupyter.kernel("sub/plot.ipynb")
        kernel.run("%load_ext jupyter_agents")
        yield kernel
        kernel.close()
    finally:
        jupyter.close()


@pytest.mark.parametrize("served", [OURS], indirect=True)
def test_the_kernels_own_server_is_used(served: ServedKernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("Hello.")]]
    answer = served.run("%%agent -o run\nHi")
    assert answer.status == "ok", answer.errors
    assert "(this Jupyter server)" in served.run("%agent").results[0]["text/plain"]
    metadata = served.run("run.session.resource.metadata").results[0]["text/plain"]
    assert "sub/plot.ipynb" in metadata
    path = served.run("run.sandbox['path']").results[0]["text/plain"]
    assert path.startswith("'sub/agents/default-")


@pytest.mark.parametrize("served", [NONE], indirect=True)
def test_a_server_without_the_extension_is_named(served: ServedKernel) -> None:
    answer = served.run("%agent")
    assert answer.status == "error"
    assert "does not have jupyter-agents" in answer.errors[0]
    assert "restart Jupyter to load the jupyter-agents server extension" in answer.errors[0]
