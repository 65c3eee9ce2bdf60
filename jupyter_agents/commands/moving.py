"""A session that goes on elsewhere: its workspace out and in, its environment. Source: docs/hosting.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_agents.commands.place import extension
from jupyter_agents.errors import SandboxError, UserError

if TYPE_CHECKING:
    from jupyter_agents.runtime.imports import Imported
    from jupyter_agents.store.database import Database
    from jupyter_agents.store.readonly import ReadOnly

Doc = dict[str, Any]

NOTEBOOK = "notebook"
HYBRID = {"jupyter-agents/hosting": "hybrid"}


def add_workspace(parser: argparse.ArgumentParser, about: str) -> None:
    """The options that name a workspace's archive, and where workspaces lie."""
    parser.add_argument("--workspace", type=Path, metavar="ARCHIVE", help=about)
    parser.add_argument(
        "--root", type=Path, help="the server's root folder (default: its workspace_root, else this folder)"
    )


def pack_workspace(opened: ReadOnly, session_id: str, arguments: argparse.Namespace) -> int:
    """Write the archive; returns its bytes. Raises `UserError`."""
    from jupyter_agents.runtime.places import workspace
    from jupyter_agents.sandbox.archive import pack
    from jupyter_agents.store.catalog import Catalog

    catalog = Catalog(opened)
    session = catalog.get("session", session_id)
    environment = catalog.get("environment", session["environment_id"])
    asked = {"jupyter-agents/hosting": extension(arguments.data_dir).hosting}
    asked |= environment["metadata"] | session["metadata"]
    shared = environment if asked["jupyter-agents/hosting"] == "shared" else None
    place = workspace(_root(arguments), session, shared)
    try:
        return pack(place, arguments.workspace)
    except FileNotFoundError:
        raise UserError(
            f"There is no workspace {place}. Name the server's root folder with --root, or leave "
            "--workspace out."
        ) from None
    except OSError as error:
        raise UserError(f"{arguments.workspace} cannot be written: {error.strerror}.") from None
    except SandboxError as error:
        raise UserError(str(error)) from None


def go_on(database: Database, text: str, arguments: argparse.Namespace) -> Imported:
    """Import a session that goes on here. Raises `UserError`, `InvalidRequest`."""
    from jupyter_agents.domain.environments import check_startable
    from jupyter_agents.ids import IdSource, utc_now
    from jupyter_agents.runtime.imports import Continued, import_run
    from jupyter_agents.runtime.places import workspace
    from jupyter_agents.sandbox.archive import unpack

    environment = _environment(database, arguments.environment or NOTEBOOK)
    check_startable(environment)
    root, uid = _root(arguments), extension(arguments.data_dir).sandbox_uid

    def bring_workspace(session: Doc) -> None:
        if arguments.workspace is not None:
            unpack(arguments.workspace, root, workspace(root, session), uid=uid)

    here = Continued(environment, dict(HYBRID))
    try:
        return import_run(database, text, utc_now, IdSource(), here, bring_workspace)
    except SandboxError as error:
        raise UserError(str(error)) from None


def _environment(database: Database, name: str) -> Doc:
    from jupyter_agents.domain.environments import create_environment
    from jupyter_agents.ids import IdSource, rfc3339, utc_now
    from jupyter_agents.store import catalog
    from jupyter_agents.store.catalog import ACTIVE, Catalog, Where

    store = Catalog(database)
    found = store.find("environment", name)
    named = store.all("environment", ACTIVE & Where(("json_extract(body, '$.name') = ?",), (name,)))
    if found is not None or named:
        return found or named[0]
    if name != NOTEBOOK:
        raise UserError(f"There is no environment {name[:80]!r}. Make it first, or leave --environment out.")
    body = {"name": name, "config": {"type": "cloud", "networking": {"type": "limited"}}}
    made = create_environment(body, IdSource()("env"), rfc3339(utc_now()))
    database.submit(lambda c: catalog.put(c, "environment", made, name=name)).result()
    return made


def _root(arguments: argparse.Namespace) -> Path:
    configured = extension(arguments.data_dir).workspace_root
    root = Path(arguments.root or configured or ".").expanduser().resolve()
    if not root.is_dir():
        raise UserError(f"{root} is no folder. Name the server's root folder with --root.")
    return root
