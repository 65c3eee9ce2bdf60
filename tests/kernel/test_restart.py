"""The server dies in mid-run and comes back at the same address: the cell reconnects and goes on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel

STARTING_SECONDS = 60.0


class Server:
    """A server on a port of its own that can be killed and started again."""

    def __init__(self, environment: dict[str, str], root: Path, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._environment, self._root, self._folder = environment, root, folder
        (folder / "token").write_text("test-token")
        self.url = self.start()

    def start(self) -> str:
        ready = self._folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "jupyter_agents.cli", "serve", "--port", str(self.port)),
            *("--root-dir", str(self._root), "--ready-file", str(ready)),
            *("--token-file", str(self._folder / "token")),
        ]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + STARTING_SECONDS
        while not ready.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        url: str = json.loads(ready.read_text())["url"]
        return url

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@pytest.mark.timeout(180)
def test_the_cell_reconnects_and_shows_everything_once(
    bare_environment: dict[str, str], workspace: Path, tmp_path: Path, model: ScriptedModel
) -> None:
    server = Server(bare_environment, workspace, tmp_path)
    reached = {"JUPYTER_AGENTS_URL": server.url, "JUPYTER_AGENTS_TOKEN": "test-token"}
    kernel = Kernel(bare_environment | reached, workspace)
    try:
        kernel.run("%load_ext jupyter_agents")
        model.script[:] = [
            [say("I begin."), call("bash", command="echo run >> runs.txt; sleep 30")],
            [say("I go on.")],
        ]

        def fall_and_rise() -> None:
            runs = [*workspace.glob("agents/*/runs.txt")]
            while not runs:
                time.sleep(0.1)
                runs = [*workspace.glob("agents/*/runs.txt")]
            server.kill()
            time.sleep(1)
            server.start()

        falling = threading.Thread(target=fall_and_rise)
        falling.start()
        answer = kernel.run("%%agent --new -o run\nTry")
        falling.join()
        assert answer.status == "ok", answer.errors
        assert answer.transcript["status"] == "done"
        assert [step["kind"] for step in answer.transcript["steps"]] == ["text", "tool", "text"]
        (tool,) = [step for step in answer.transcript["steps"] if step["kind"] == "tool"]
        assert "may have run" in str(tool["output"])
        assert [path.read_text() for path in workspace.glob("agents/*/runs.txt")] == ["run\n"]
        model.script[:] = [[say("Still here.")]]
        assert kernel.run("%%agent\nMore").bundle["text/plain"].count("Still here.") == 1
    finally:
        kernel.close()
        server.kill()
