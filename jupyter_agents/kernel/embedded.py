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
    """A subprocess that serves once `wait` returns. `url` and `token` are how to reach it.

    Parameters
    ----------
    root_dir:
        The folder that agents' workspaces lie in.
    """

    def __init__(self, root_dir: Path) -> None:
        self._began_with = root_dir, _environment()
        self._folder = Path(tempfile.mkdtemp(prefix=f"jupyter-agents-{os.getpid()}-"))
        _write_private(self._folder / "token", secrets.token_hex(32))
        self.log = _log_file()
        self._begins = self.log.stat().st_size
        self.token = (self._folder / "token").read_text()
        self.url = ""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                _command(self._folder, root_dir),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=self._began_with[1],
                start_new_session=True,
            )
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """Whether the subprocess still runs."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The last lines that it logged."""
        lines = self.log.read_bytes()[self._begins :].decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-LOG_LINES:]) or "(nothing)"

    def fits(self, root_dir: Path) -> bool:
        """Whether one that began now would be the same: one that serves keeps what it began with."""
        return bool(self.url) or self._began_with == (root_dir, _environment())

    def wait(self) -> None:
        """Wait until it listens.

        Raises
        ------
        UserError
            It said why it cannot serve, in one sentence; or it ended, or did not listen within 30
            seconds: then the message has the end of its log.
        """
        ready = self._folder / "ready.json"
        deadline = time.monotonic() + START_SECONDS
        while not self.url and self.alive and time.monotonic() < deadline:
            if ready.exists():
                self.url = str(json.loads(ready.read_text()).get("url", ""))
            else:
                time.sleep(0.02)
        if not self.url:
            if ready.exists():
                raise UserError(json.loads(ready.read_text())["problem"])
            raise UserError(
                f"The embedded agents server did not start. Its log is {self.log}; "
                f"the end of it:\n{self.last_words}"
            )

    def close(self) -> None:
        """End the server and forget its token. Idempotent."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS if self.url else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


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


def _log_file() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    data = os.environ.get("JUPYTER_AGENTS_DATA_DIR") or f"{jupyter_data_dir()}/jupyter-agents"
    path = Path(data) / "log" / "embedded.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists() or path.stat().st_size > LOG_LIMIT:
            _write_private(path, "")
    except OSError as error:
        raise UserError(
            f"The data folder {data} cannot be used: {error.strerror}. "
            "Set JUPYTER_AGENTS_DATA_DIR to a folder of yours."
        ) from None
    return path


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
