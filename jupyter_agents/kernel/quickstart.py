"""Runs a notebook headless and shows the agent's work in the terminal as it comes.

This is what ``make quickstart`` calls. Where there is no model to ask, the model's side is played
from the run files that come with the package, and the output says so.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_agents.cell.plain import lasting
from jupyter_agents.errors import UserError

MIME = "application/vnd.jupyter-agents.run+json"
MODEL_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "JUPYTER_AGENTS_MODEL_URL")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
CELL_SECONDS = 1800

NO_MODEL = """\
There is no API key and no model endpoint, so the model's side is played from a recording that comes
with jupyter-agents. The agent's tools really run, wherever a sandbox can be had on this machine.
To run live: set ANTHROPIC_API_KEY, or JUPYTER_AGENTS_MODEL_URL for a local model, and run this again.
"""


def quickstart(notebook: Path, output: Path | None, replay: Path | None, model: str | None) -> Path:
    """Execute `notebook`, print its transcripts, and return the path of the executed copy.

    Parameters
    ----------
    output:
        Where to write the executed notebook; by default beside it, as ``<name>.executed.ipynb``.
    replay:
        A folder of run files to use where no model is set up; by default the package's own.
    model:
        A model's id, put into the notebook's parameters cell; by default the notebook's own.

    Raises
    ------
    UserError
        The notebook cannot be read, or one of its cells failed.
    """
    try:
        book = nbformat.read(notebook, as_version=4)
    except (OSError, ValueError) as error:
        raise UserError(f"The notebook {notebook} cannot be read: {error}") from None
    target = output or notebook.with_suffix(".executed.ipynb")
    if model is not None:
        _set_parameter(book, "model", model)
    with as_file(files("jupyter_agents").joinpath("recordings")) as recordings:
        _announce(replay or recordings)
        _run(book, notebook, target)
    print(f"\nExecuted notebook: {target}\nOpen it with: make lab")
    return target


def _announce(replay: Path) -> None:
    if os.environ.get("JUPYTER_AGENTS_REPLAY") or _has_model():
        return
    print(NO_MODEL)
    os.environ["JUPYTER_AGENTS_REPLAY"] = str(replay)


def _has_model() -> bool:
    if any(os.environ.get(name) for name in MODEL_VARIABLES):
        return True
    from jupyter_core.paths import jupyter_data_dir

    folder = os.environ.get("JUPYTER_AGENTS_DATA_DIR") or Path(jupyter_data_dir()) / "jupyter-agents"
    return (Path(folder) / "credentials.json").exists()


def _set_parameter(book: Any, name: str, value: str) -> None:
    line = f"{name} = {json.dumps(value)}"
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = re.sub(rf"(?m)^{name} *=.*$", lambda _: line, cell.source)


def _run(book: Any, notebook: Path, target: Path) -> None:
    print(f"Running {notebook} ...", flush=True)
    client = Shown(
        book,
        extra_arguments=["--IPKernelApp.log_level=40"],
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook.resolve().parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise UserError(f"A cell of {notebook} failed: {error.ename}: {error.evalue}") from None
    except RuntimeError as error:
        raise UserError(f"The kernel did not run {notebook}: {error}") from None
    finally:
        nbformat.write(book, target)


class Shown(NotebookClient):
    """A notebook client that prints what cells show, and of live outputs what was added."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._printers: dict[str, Callable[[str], None]] = {}

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Print the text of a message, then handle it as ever."""
        content = msg["content"]
        match msg["msg_type"]:
            case "stream":
                _print(content["text"])
            case "display_data" | "update_display_data" | "execute_result":
                self._show(content)
        return super().process_message(msg, cell, cell_index)

    def _show(self, content: dict[str, Any]) -> None:
        text = content["data"].get("text/plain", "")
        display_id = content.get("transient", {}).get("display_id", "")
        if display_id not in self._printers or not display_id:
            self._printers[display_id] = growth()
            if MIME not in content["data"]:
                text += "\n"
        self._printers[display_id](text)
        if not content["data"].get(MIME, {"live": True})["live"]:
            _print("\n")


def growth() -> Callable[[str], None]:
    """A printer of a text that grows: each call prints what the last one did not have."""
    shown = ""

    def show(text: str) -> None:
        nonlocal shown
        text = lasting(text)
        if text.startswith(shown):
            _print(text[len(shown) :])
            shown = text

    return show


def _print(text: str) -> None:
    sys.stdout.write(CONTROL.sub("", text))
    sys.stdout.flush()
