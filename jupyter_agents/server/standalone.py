"""The API on loopback without JupyterLab: what ``jupyter agents serve`` runs.

A kernel that has no Jupyter server starts it for itself; it ends with that kernel.
Source: docs/decisions.md "Processes".
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tornado.ioloop import IOLoop
from traitlets.config import Config

from jupyter_agents.errors import UserError
from jupyter_agents.server.app import PROBLEM, JupyterAgents

PARENT_SECONDS = 1.0
STDIN = 0


class StandaloneServer(JupyterAgents):
    """The extension as the only one of its server."""

    load_other_extensions = False
    extension_url = "/jupyter-agents/local/status"


def serve(
    *,
    port: int,
    token_file: Path | None,
    root_dir: Path,
    ready_file: Path | None,
    parent_pid: int | None,
    embedded: bool,
) -> None:
    """Serve until stopped; with `parent_pid`, until that process or our standard input ends.

    Parameters
    ----------
    port:
        Port on 127.0.0.1, 0 for a free one.
    token_file:
        Holds the token; a random one where there is no file.
    ready_file:
        Gets ``{"url", "pid"}`` in one piece once the server listens, or ``{"problem"}``: why it never will.

    Raises
    ------
    UserError
        A setting cannot be used, or the store.
    """
    config = Config()
    config.ServerApp.update(
        ip="127.0.0.1",
        port=port,
        port_retries=0 if port else 50,
        open_browser=False,
        allow_root=True,
        root_dir=str(root_dir.resolve()),
        terminals_enabled=False,
    )
    config.JupyterAgents.embedded = embedded
    if token_file is not None:
        config.IdentityProvider.token = token_file.read_text("utf-8").strip()
    standalone: Any = StandaloneServer
    app = standalone.initialize_server(argv=[], config=config)
    problem = app.web_app.settings.get(PROBLEM)
    if problem is not None:
        if ready_file is not None:
            _write(ready_file, {"problem": problem})
        raise UserError(problem)
    loop = IOLoop.current()
    if parent_pid is not None:
        _end_with(parent_pid, lambda: loop.add_callback(app.stop, from_signal=True))
    if ready_file is not None:
        loop.add_callback(lambda: _write(ready_file, {"url": app.connection_url, "pid": os.getpid()}))
    try:
        app.start()
    finally:
        if embedded:
            _forget(ready_file, token_file)


def _write(path: Path, found: dict[str, Any]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(found), "utf-8")
    temporary.replace(path)


def _forget(*files: Path | None) -> None:
    """Remove what the kernel left for us, and its folder when that is empty."""
    for file in files:
        if file is not None:
            file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                file.parent.rmdir()


def _end_with(parent: int, stop: Callable[[], None]) -> None:
    """Stop when standard input is closed (a pipe from the parent) or the parent is gone."""
    done = threading.Event()

    def watch_input() -> None:
        with contextlib.suppress(OSError):
            while os.read(STDIN, 4096):
                pass
        done.set()

    def watch_parent() -> None:
        while not done.wait(PARENT_SECONDS):
            if os.getppid() != parent and not _lives(parent):
                done.set()
        stop()

    threading.Thread(target=watch_input, daemon=True).start()
    threading.Thread(target=watch_parent, daemon=True).start()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
