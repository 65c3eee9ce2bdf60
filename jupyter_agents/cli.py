"""``jupyter agents COMMAND``: the table of commands, and how their errors are said.

Source: docs/cli.md; docs/decisions.md "Processes" (the embedded server).
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Sequence

from jupyter_agents._version import __version__
from jupyter_agents.commands import doctor, gc, quickstart, runs, serve, sessions
from jupyter_agents.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status: 1 for a failure, said in one line, 2 for bad usage."""
    arguments = _parser().parse_args(argv)
    try:
        status = int(arguments.run(arguments))
        sys.stdout.flush()
        return status
    except UserError as error:
        return _fail(str(error))
    except sqlite3.Error as error:
        return _fail(f"The store cannot be used: {error}. Is the disk full, or the store another program's?")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _fail(message: str) -> int:
    print(f"jupyter-agents: {message}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("jupyter-agents", description="Agents on your Jupyter server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (doctor, sessions, runs, gc, quickstart, serve):
        module.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
