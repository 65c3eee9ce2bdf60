"""``jupyter agents gc``: delete old sessions and what nothing refers to any more."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jupyter_agents.commands.place import add_data_dir, add_json, extension
from jupyter_agents.commands.sessions import DATABASE

if TYPE_CHECKING:
    from jupyter_agents.server.app import JupyterAgents

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
NAMES = {
    "session": "old sessions",
    "file": "files of sessions that are gone",
    "uploads": "uploads of sessions that are gone",
    "runs": "run files of sessions that are gone",
    "lock": "locks of sessions that are gone",
    "blob": "bytes that nothing refers to",
    "temporary": "temporary folders of dead processes",
    "container": "containers of dead servers",
    "packages": "packages that no environment names",
    "image": "images with such packages",
    "database": "free pages of the database",
}


def add(commands: Any) -> None:
    """Declare the arguments."""
    parser = commands.add_parser(
        "gc",
        help="delete old sessions and what nothing refers to",
        description="Delete old sessions, and what nothing refers to any more. Only a session that is "
        "archived or terminated, settled, and run by no living process is old. Without --older-than, --keep "
        "and the trait retention_days every session stays. Workspaces stay: they are your folders.",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument(
        "--older-than", type=age, metavar="AGE", help="sessions that ended longer ago, such as 30d, 12h"
    )
    parser.add_argument("--keep", type=_count, metavar="N", help="keep the N that ended last")
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Clean up and say what went."""
    from jupyter_agents.runtime import packages
    from jupyter_agents.runtime.cleanup import Cleanup, Removed, temporary, total
    from jupyter_agents.store.catalog import Catalog
    from jupyter_agents.store.database import Database

    app = extension(arguments.data_dir)
    older, keep = arguments.older_than, arguments.keep
    if older is None and keep is None and app.retention_days is not None:
        older = timedelta(days=app.retention_days)
    folder, removed, named = app.data_folder, list[Removed](), set[str]()
    if (folder / DATABASE).is_file():
        database = Database(folder / DATABASE)
        try:
            named = packages.named(Catalog(database))
            cleanup = Cleanup(folder, database, dry_run=arguments.dry_run)
            removed += cleanup.run(older, keep)
            removed += _compact(cleanup)
        finally:
            database.close()
    removed += packages.folders(app.packages_folder, named, dry_run=arguments.dry_run)
    removed += temporary(dry_run=arguments.dry_run)
    if not arguments.dry_run:
        containers, images = asyncio.run(_reap(app, named))
        removed += [Removed("container", "", 0)] * containers
        removed += [Removed("image", name, weight) for name, weight in images]
    sums = total(removed)
    if arguments.json:
        found = {kind: {"number": number, "bytes": size} for kind, (number, size) in sums.items()}
        sessions = [one.name for one in removed if one.kind == "session"]
        print(json.dumps({"dry_run": arguments.dry_run, "removed": found, "sessions": sessions}))
        return 0
    for kind, name in NAMES.items():
        number, size = sums.get(kind, (0, 0))
        if number:
            print(f"{number:>7} {name:<40} {_size(size):>10}")
    _conclude(sums, arguments.dry_run)
    return 0


def _conclude(sums: dict[str, tuple[int, int]], dry_run: bool) -> None:
    freed = sum(size for _, size in sums.values())
    if not sums:
        print("There is nothing to remove.")
    elif dry_run:
        print(f"{_size(freed)} would be freed. Nothing was removed (--dry-run).")
    else:
        print(f"{_size(freed)} freed.")


def _compact(cleanup: Any) -> list[Any]:
    from jupyter_agents.runtime.cleanup import Removed

    try:
        freed = cleanup.compact()
    except sqlite3.Error as error:
        print(f"jupyter-agents: the database was not compacted: {error}", file=sys.stderr)
        return []
    return [Removed("database", DATABASE, freed)] if freed else []


async def _reap(app: JupyterAgents, named: set[str]) -> tuple[int, list[tuple[str, int]]]:
    """Remove containers whose server is dead, and images with packages, where there is an engine.

    named: digests of the package lists that environments name. Returns the number of containers, and the
    images' names and bytes.
    """
    from jupyter_agents.errors import SandboxUnavailable

    number, images = 0, list[tuple[str, int]]()
    for provider in app.providers():
        reap, prune = getattr(provider, "reap", None), getattr(provider, "prune", None)
        try:
            number += await reap() if reap is not None else 0
            images += await prune(named) if prune is not None else []
        except SandboxUnavailable:
            pass
        finally:
            await provider.close()
    return number, images


def age(text: str) -> timedelta:
    """A time such as ``30d``; raises ValueError, which argparse turns into a usage error."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None:
        raise ValueError("expected a number with s, m, h, d or w, such as 30d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("less than 0")
    return number


def _size(number: int) -> str:
    from jupyter_agents.cell.words import size

    return size(number)
