"""Where the store lies, and what an administrator configured, as a server would find it.

Source: docs/configuration.md.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_agents.errors import UserError

if TYPE_CHECKING:
    from jupyter_agents.server.app import JupyterAgents


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """The option that names another store."""
    parser.add_argument("--data-dir", type=Path, help="the store's folder (default: the server's)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option for machines."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def data_dir(given: Path | None) -> Path:
    """The store's folder: as given, else as the server is configured, else its default place."""
    if given is not None:
        return given
    configured = configuration().JupyterAgents.get("data_dir")
    found = configured or os.environ.get("JUPYTER_AGENTS_DATA_DIR")
    if found:
        return Path(str(found))
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "jupyter-agents"


def configuration() -> Any:
    """Jupyter's configuration files for a server, as one traitlets `Config`. Raises `UserError`."""
    from jupyter_core.application import JupyterApp

    class Reader(JupyterApp):
        name = "jupyter-server"
        raise_config_file_errors = True

    reader = Reader()
    try:
        reader.load_config_file()
        reader.config_file_name = "jupyter_jupyter_agents_config"
        reader.load_config_file()
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise UserError(f"Jupyter's configuration cannot be read: {type(error).__name__}: {said}") from None
    return reader.config


def extension(given: Path | None) -> JupyterAgents:
    """The extension with its traits as configured, not started. Raises `UserError`."""
    from traitlets import TraitError

    from jupyter_agents.server.app import JupyterAgents

    try:
        app: JupyterAgents = JupyterAgents(config=configuration())
    except TraitError as error:
        raise UserError(f"The configuration of JupyterAgents is wrong: {error}") from None
    app.data_dir = str(data_dir(given))
    return app
