"""A real JupyterLab with our built extension, as a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_agents.testing import ScriptedModel

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "jupyter_agents" / "labextension"
MIME = "application/vnd.jupyter-agents.run+json"
TOKEN = "browser-tests"
BASE_URL = "/some/base/"
START_SECONDS = 60.0


@dataclass
class Lab:
    """A running JupyterLab; `root` is the folder that it serves."""

    url: str
    root: Path

    def request(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON that the server answers to a GET, or to a POST of `body`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def notebook(
        self, name: str, *payloads: Any, source: str = "", html: str = "saved", kernel: bool = False
    ) -> str:
        """Write a notebook with one cell for each payload as its output, and give its address.

        kernel: whether it names one, which starts when the notebook is opened; without payloads it does.
        """
        cells = [nbformat.v4.new_code_cell(source)] if not payloads else []
        for payload in payloads:
            data = {MIME: payload, "text/html": f"<p>{html}</p>", "text/plain": "saved"}
            output = nbformat.v4.new_output("display_data", data=data)
            cells.append(nbformat.v4.new_code_cell("%%agent\nDo it.", outputs=[output]))
        notebook = nbformat.v4.new_notebook(cells=cells)
        if kernel or not payloads:
            notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.root / name)
        return self.page_url(name)

    def page_url(self, name: str) -> str:
        return f"{self.url}lab/tree/{name}?reset&token={TOKEN}"


Place = tuple[Lab, ScriptedModel]
"""A JupyterLab with the real server extension, and the model that it asks."""


def need(what: str, found: object) -> None:
    """Skip where the machine lacks something, unless REQUIRE names it."""
    if not found:
        if what in os.environ.get("REQUIRE", "").split(","):
            pytest.fail(f"{what} is required and not there")
        pytest.skip(f"{what} is not there")


@contextmanager
def started(
    home: Path,
    extensions: Mapping[str, bool],
    *,
    front_end: bool = True,
    port: int | None = None,
    **environment: str,
) -> Iterator[Lab]:
    """JupyterLab with all that it writes below `home`, and these server extensions on or off.

    With the `home` and the `port` of an earlier one it is that one, started again.
    Without `front_end` it is as after ``jupyter labextension disable jupyter-agents``.
    """
    need("labextension", (ASSETS / "package.json").is_file())
    root = home / "root"
    root.mkdir(exist_ok=True)
    share = home / "share" / "labextensions"
    share.mkdir(parents=True, exist_ok=True)
    if not (share / "jupyter-agents").exists():
        (share / "jupyter-agents").symlink_to(ASSETS)
    settings = home / "settings"
    write_settings(settings, "notification", fetchNews="false", checkForUpdates=False)
    if not front_end:
        (home / "config" / "labconfig").mkdir(parents=True, exist_ok=True)
        disabled = json.dumps({"disabledExtensions": {"jupyter-agents": True}})
        (home / "config" / "labconfig" / "page_config.json").write_text(disabled)
    port = port or free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.base_url={BASE_URL}",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        f"--ServerApp.jpserver_extensions={dict(extensions)}",
    ]
    places = {
        "HOME": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_PATH": home / "share",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "PYTHONPATH": ROOT,
    }
    whole = {**os.environ, **{name: str(place) for name, place in places.items()}, **environment}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=whole, cwd=root, stdout=log, stderr=log)
        try:
            running = Lab(f"http://127.0.0.1:{port}{BASE_URL}", root)
            wait_until_up(running, process, home / "log")
            yield running
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def open_notebook(page: Any, url: str) -> None:
    """Open a notebook without any kernel and wait for its cells."""
    page.goto(url)
    dialog = page.locator(".jp-Dialog")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.first.wait_for()
    dialog.locator("button", has_text="No Kernel").click()
    dialog.wait_for(state="detached")


def without_kernel_in_lab(page: Any, lab: Lab, name: str) -> None:
    """`open_notebook` by the notebook's name; see `without_kernel_in_notebook`."""
    open_notebook(page, lab.page_url(name))


def without_kernel_in_notebook(page: Any, lab: Lab, name: str) -> None:
    """Open a notebook in Notebook 7 without any kernel and wait for its cells."""
    open_notebook(page, f"{lab.url}notebooks/{name}?token={TOKEN}")


def open_with_kernel(page: Any, url: str) -> None:
    """Open a notebook and wait until its kernel answers."""
    page.goto(url)
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()


def in_lab(page: Any, lab: Lab, name: str) -> None:
    """`open_with_kernel` by the notebook's name; see `open_in_notebook`."""
    open_with_kernel(page, lab.page_url(name))


def open_in_notebook(page: Any, lab: Lab, name: str) -> None:
    """Open a notebook in Notebook 7, which the same server serves, and wait until its kernel answers."""
    page.goto(f"{lab.url}notebooks/{name}?token={TOKEN}")
    deadline = time.monotonic() + START_SECONDS
    while not any(
        session["path"] == name
        and session["kernel"]["connections"]
        and session["kernel"]["execution_state"] == "idle"
        for session in lab.request("api/sessions")
    ):
        assert time.monotonic() < deadline, "the kernel did not start"
        page.wait_for_timeout(100)


def write_settings(folder: Path, name: str, **settings: object) -> None:
    path = folder / "@jupyterlab" / "apputils-extension" / f"{name}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_up(lab: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            lab.request("api/status")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
