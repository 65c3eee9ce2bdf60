"""A real kernel, a real server, and a scripted model: what the end-to-end tests run on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel

ANSWER_SECONDS = 60.0
FORGET = """
from jupyter_agents.kernel.notebook import current as _current
_current().sessions.clear()
_current().pins.clear()
_current().latest = None
_current().recordings.off()
"""
SOCKETS = "/tmp"
"""The path of a unix socket has at most 107 characters, and TMPDIR may be long."""

OWN = ("ANTHROPIC_", "JUPYTER_AGENTS_", "JUPYTERHUB_", "JPY_")


class Answer:
    """What one cell gave: its status, and its outputs with updates applied.

    pressed: when the interrupt button was, first; ended: when the cell was done.
    """

    def __init__(self) -> None:
        self.pressed = self.ended = 0.0
        self.status = ""
        self.printed = ""
        self.errors: list[str] = []
        self.updates = 0
        self.results: list[dict[str, Any]] = []
        self.displays: dict[str, dict[str, Any]] = {}
        self.payload: list[dict[str, Any]] = []

    @property
    def seconds_to_stop(self) -> float:
        """From the interrupt button to the cell's end."""
        return self.ended - self.pressed

    @property
    def bundle(self) -> dict[str, Any]:
        """The one display's MIME bundle."""
        (bundle,) = self.displays.values()
        return bundle

    @property
    def transcript(self) -> dict[str, Any]:
        """The transcript in the one display."""
        made: dict[str, Any] = self.bundle[MIME]["transcript"]
        return made

    def take(self, message: dict[str, Any]) -> None:
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                self.printed += content["text"]
            case "error":
                self.errors.append("\n".join(content["traceback"]))
            case "execute_result":
                self.results.append(content["data"])
            case "update_display_data" if content["transient"]["display_id"] not in self.displays:
                pass
            case "display_data" | "update_display_data":
                self.updates += 1
                id = content["transient"].get("display_id", str(self.updates))
                self.displays[id] = content["data"]


class Kernel:
    """A running ipykernel."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._sockets = tempfile.mkdtemp(dir=SOCKETS)
        self.manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{self._sockets}/kernel")
        self.manager.start_kernel(env=environment, cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.folder = folder
        try:
            self.client.wait_for_ready(timeout=ANSWER_SECONDS)
        except RuntimeError:
            self.close()
            raise

    def run(self, code: str, *, stdin: str | None = None, interrupt: Sequence[str | float] = ()) -> Answer:
        """Run a cell.

        Parameters
        ----------
        stdin:
            What to type where the cell asks; None is a notebook without input.
        interrupt:
            When to press the interrupt button: seconds from the start, or a text to wait for.
        """
        answer, presses, begin = Answer(), list(interrupt), time.monotonic()
        id = self.client.execute(code, allow_stdin=stdin is not None)
        while not self._step(answer, id, stdin):
            waited = time.monotonic() - begin
            assert waited < ANSWER_SECONDS, f"no end after {waited:.0f} s: {code}"
            if presses and _is_time(presses[0], waited, answer):
                presses.pop(0)
                answer.pressed = answer.pressed or time.monotonic()
                self.manager.interrupt_kernel()
        answer.ended = time.monotonic()
        reply = self._reply(id)
        answer.status, answer.payload = reply["status"], reply.get("payload") or []
        return answer

    def complete(self, code: str) -> list[str]:
        """What tab completion offers at the end of `code`."""
        matches: list[str] = self._reply(self.client.complete(code, len(code)))["matches"]
        return matches

    def _reply(self, id: str) -> dict[str, Any]:
        """The reply to one request; a slow start leaves late replies to others behind."""
        while True:
            message = self.client.get_shell_msg(timeout=ANSWER_SECONDS)
            if message["parent_header"].get("msg_id") == id:
                content: dict[str, Any] = message["content"]
                return content

    def _step(self, answer: Answer, id: str, stdin: str | None) -> bool:
        """Take one message; whether the cell is done."""
        if stdin is not None and self.client.stdin_channel.msg_ready():
            self.client.get_stdin_msg(timeout=1)
            self.client.input(stdin)
        try:
            message = self.client.get_iopub_msg(timeout=0.05)
        except Empty:
            return False
        if message["parent_header"].get("msg_id") != id:
            return False
        answer.take(message)
        state = message["content"].get("execution_state")
        return bool(message["msg_type"] == "status" and state == "idle")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        shutil.rmtree(self._sockets)


def _is_time(when: str | float, waited: float, answer: Answer) -> bool:
    if isinstance(when, str):
        return any(when in data["text/html"] for data in answer.displays.values())
    return waited >= when


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    """The scripted model; a test sets ``model.script``."""
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def bare_environment(tmp_path_factory: pytest.TempPathFactory, model: ScriptedModel) -> dict[str, str]:
    """An environment with a data folder and a model, and no server."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(OWN)}
    home = tmp_path_factory.mktemp("home")
    return kept | {
        "HOME": str(home),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_AGENTS_DATA_DIR": str(home / "agents"),
        "JUPYTER_AGENTS_MODEL_URL": model.url,
        "ANTHROPIC_API_KEY": "sk-test-key",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "IPYTHONDIR": str(home / "ipython"),
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's root directory, which is the notebook's folder."""
    folder = tmp_path_factory.mktemp("notebooks")
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def environment(
    bare_environment: dict[str, str], workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """`bare_environment` and a running server."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "token").write_text("test-token")
    command = [
        *(sys.executable, "-m", "jupyter_agents.cli", "serve", "--root-dir", str(workspace)),
        *("--token-file", str(folder / "token"), "--ready-file", str(folder / "ready.json")),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=bare_environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (folder / "ready.json").exists():
            text = (folder / "log").read_text()
            assert process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.05)
        url = json.loads((folder / "ready.json").read_text())["url"]
        yield bare_environment | {"JUPYTER_AGENTS_URL": url, "JUPYTER_AGENTS_TOKEN": "test-token"}
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def loaded_kernel(environment: dict[str, str], workspace: Path) -> Iterator[Kernel]:
    """A kernel beside that server, with the extension loaded."""
    started = Kernel(environment, workspace)
    assert started.run("%load_ext jupyter_agents").status == "ok"
    yield started
    started.close()


@pytest.fixture
def kernel(loaded_kernel: Kernel, model: ScriptedModel) -> Kernel:
    """The kernel as if it were new: no sessions, no pins, no recordings; and no script."""
    model.script.clear()
    model.requests.clear()
    assert loaded_kernel.run(FORGET).status == "ok"
    return loaded_kernel
