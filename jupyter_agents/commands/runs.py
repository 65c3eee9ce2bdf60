"""``jupyter agents export`` and ``import``: a session as a file, and back. Source: docs/replay.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_agents.commands.moving import add_workspace, go_on, pack_workspace
from jupyter_agents.commands.place import add_data_dir, add_json, data_dir
from jupyter_agents.commands.sessions import DATABASE, find, store
from jupyter_agents.errors import InvalidRequest, UserError


def add(commands: Any) -> None:
    """Declare the arguments of both."""
    out = commands.add_parser(
        "export",
        help="write a session as a run file",
        description="Write a session as a run file, to read, to share, to replay or to import elsewhere. It "
        "holds the instructions, the conversation and the tools' outputs: look at it before you share it.",
    )
    out.add_argument("session", help="the session's id, or the last 6 or more characters of it")
    out.add_argument("file", type=Path, help="the run file to write (*.agentrun); - for standard output")
    out.add_argument("--force", action="store_true", help="replace the file if it is there")
    add_workspace(out, "the archive to write with the session's workspace (*.tar.gz)")
    add_data_dir(out)
    add_json(out)
    out.set_defaults(run=export)
    back = commands.add_parser(
        "import",
        help="make a session out of a run file, to be read or to go on",
        description="Make a session out of a run file: archived, to be read and never run again, or with "
        "--continue one that goes on here.",
    )
    back.add_argument("file", type=Path, help="the run file (*.agentrun)")
    back.add_argument(
        "--continue", dest="goes_on", action="store_true", help="let it go on here: only files that you trust"
    )
    back.add_argument("--environment", help="with --continue: where it runs, by name or id (notebook)")
    add_workspace(back, "with --continue: the archive with its workspace")
    add_data_dir(back)
    add_json(back)
    back.set_defaults(run=take)


def export(arguments: argparse.Namespace) -> int:
    """Write the run file."""
    from jupyter_agents.runtime import runfile
    from jupyter_agents.store.journal import Journal

    path: Path = arguments.file
    with store(data_dir(arguments.data_dir)) as opened:
        session_id = find(opened, arguments.session)["id"]
        lines = runfile.export(Journal(opened).read(session_id))
        if str(path) == "-":
            sys.stdout.writelines(lines)
            return 0
        for file in filter(None, (path, arguments.workspace)):
            if file.exists() and not arguments.force:
                raise UserError(f"{file} is there already; --force replaces it.")
        packed = None if arguments.workspace is None else pack_workspace(opened, session_id, arguments)
        size = _write(path, "".join(lines))
    said: dict[str, Any] = {"session": session_id, "file": str(path), "bytes": size}
    if packed is not None:
        said |= {"workspace": str(arguments.workspace), "workspace_bytes": packed}
    print(json.dumps(said) if arguments.json else f"{session_id}: {size:,} bytes in {path}")
    if packed is not None and not arguments.json:
        print(f"Its workspace: {packed:,} bytes in {arguments.workspace}")
    return 0


def take(arguments: argparse.Namespace) -> int:
    """Import the run file."""
    from jupyter_agents.ids import IdSource, utc_now
    from jupyter_agents.runtime.imports import import_run
    from jupyter_agents.store.database import Database

    path: Path = arguments.file
    if not arguments.goes_on and (arguments.workspace or arguments.environment):
        raise UserError("--workspace and --environment go with --continue.")
    text = read(path)
    folder = data_dir(arguments.data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(folder / DATABASE)
    try:
        if arguments.goes_on:
            made = go_on(database, text, arguments)
        else:
            made = import_run(database, text, utc_now, IdSource())
    except InvalidRequest as error:
        raise UserError(f"{path}: {error}") from None
    finally:
        database.close()
    if arguments.json:
        said = {"session": made.session_id, "events": made.events, "known": made.known}
        print(json.dumps(said | {"continues": arguments.goes_on}))
    elif made.known:
        print(f"{path} was imported before: it is {made.session_id}. Nothing was changed.")
    else:
        other = "" if made.session_id == made.source else f" (here there is another {made.source})"
        kind = "ready to go on" if arguments.goes_on else "archived"
        print(f"{made.session_id}: {made.events} events, {kind}{other}")
        print(f"Read it with: jupyter agents sessions show {made.session_id}")
    return 0


def read(path: Path) -> str:
    """A run file's text. Raises `UserError` for one that is too large or no text."""
    from jupyter_agents.runtime.replay import LARGEST_RUN_FILE

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_RUN_FILE + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST_RUN_FILE:
        raise UserError(f"{path} is larger than {LARGEST_RUN_FILE:,} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path} is no run file: it is not UTF-8 text.") from None


def _write(path: Path, text: str) -> int:
    """Write in one piece, for the user alone; returns the bytes."""
    data = text.encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
    return len(data)
