"""A server of this kernel's own, where there is no Jupyter server to talk to.

papermill, nbclient, plain IPython and Colab have none. The server is a subprocess on a random
loopback port with a token of its own in a 0600 file. It ends with the kernel: it watches its
standard input, a pipe that only this process holds, and this process's id.

Source: docs/decisions.md, "Processes".
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_agents.errors import UserError

START_SECONDS = 30.0
STOP_SECONDS = 5.0
LOG_LINES = 5
LOG_LIMIT = 5_000_000


class EmbeddedServer:
    """A running subprocess. `url` and `token` are how to reach it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, log: Path, begins: int) -> None:
        self._process = process
        self._folder = folder
        self._begins = begins
        self.log = log
        self.token = (folder / "token").read_text()
        self.url = ""

    @property
    def alive(self) -> bool:
        """Whether the subprocess still runs."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The last lines that it logged."""
        lines = self.log.read_bytes()[self._begins :].decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-LOG_LINES:]) or "(nothing)"

    def close(self) -> None:
        """End the server and forget its token. Idempotent."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def start(root_dir: Path | None = None) -> EmbeddedServer:
    """Start a server and wait until it listens.

    Parameters
    ----------
    root_dir:
        The folder that agents' workspaces lie in; the current one by default.

    Raises
    ------
    UserError
        It ended, or did not listen within 30 seconds; the message has the end of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"jupyter-agents-{os.getpid()}-"))
    _write_private(folder / "token", secrets.token_hex(32))
    log = _log_file()
    begins = log.stat().st_size
    with log.open("ab") as output:
        process = subprocess.Popen(
            _command(folder, root_dir or Path.cwd()),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=_environment(),
            start_new_session=True,
        )
    server = EmbeddedServer(process, folder, log, begins)
    atexit.register(server.close)
    try:
        server.url = _wait(server, folder / "ready.json")
    except BaseException:
        server.close()
        raise
    return server


def _command(folder: Path, root_dir: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "jupyter_agents.cli", "serve", "--embedded"),
        *("--port", "0"),
        *("--token-file", str(folder / "token"), "--ready-file", str(folder / "ready.json")),
        *("--parent-pid", str(os.getpid()), "--root-dir", str(root_dir)),
    ]


def _environment() -> dict[str, str]:
    """This kernel's environment, less what names another server."""
    dropped = ("JPY_PARENT_PID", "JUPYTER_TOKEN", "JUPYTER_AGENTS_URL", "JUPYTER_AGENTS_TOKEN")
    return {key: value for key, value in os.environ.items() if key not in dropped}


def _wait(server: EmbeddedServer, ready: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready.exists():
            return str(json.loads(ready.read_text())["url"])
        if not server.alive:
            break
        time.sleep(0.02)
    raise UserError(
        f"The embedded agents server did not start. Its log is {server.log}; "
        f"the end of it:\n{server.last_words}"
    )


def _log_file() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    data = os.environ.get("JUPYTER_AGENTS_DATA_DIR") or f"{jupyter_data_dir()}/jupyter-agents"
    folder = Path(data) / "log"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "embedded.log"
    if not path.exists() or path.stat().st_size > LOG_LIMIT:
        _write_private(path, "")
    return path


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
