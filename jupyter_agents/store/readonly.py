"""The store read in place, by a process that changes nothing: what the command line looks at.

The journal is the truth and every record is committed before anyone is told of it, so what SQLite shows
a second process is right, whether a server runs or not. Source: docs/decisions.md "Processes".
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TypeVar
from urllib.parse import quote

from jupyter_agents.errors import UserError
from jupyter_agents.store.database import SCHEMA_VERSION, Work

T = TypeVar("T")


class ReadOnly:
    """A store's file, opened with ``mode=ro``; `Catalog` and `Journal` read through it.

    Parameters
    ----------
    path:
        The file. Raises `UserError` where it is not there, cannot be read or has another schema.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"There is no store at {path.parent}: nothing has run here yet.")
        self._connection = _open(path)
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            self.close()
            todo = "Upgrade jupyter-agents" if version > SCHEMA_VERSION else "Start a server once"
            raise UserError(
                f"{path} has schema {version}, this version reads schema {SCHEMA_VERSION}. {todo}, then try "
                "again."
            )

    def read(self, work: Work[T]) -> T:
        """Run `work` on the connection; it sees what is committed."""
        return work(self._connection)

    async def write(self, work: Work[T]) -> NoReturn:
        """Raises sqlite3.OperationalError: nothing is written here."""
        raise sqlite3.OperationalError("the store was opened for reading only")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> sqlite3.Connection:
    """A read-only file in a folder that cannot be written has no log beside it: it is read as it is."""
    problem: sqlite3.Error | None = None
    for options in ("mode=ro", "mode=ro&immutable=1"):
        if "immutable" in options and path.with_name(path.name + "-wal").exists():
            break
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?{options}", uri=True, isolation_level=None, timeout=30
        )
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchall()
        except sqlite3.Error as error:
            connection.close()
            problem = error
        else:
            return connection
    raise UserError(f"The store {path} cannot be read: {problem}.")
