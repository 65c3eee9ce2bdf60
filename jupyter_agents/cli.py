"""``jupyter agents serve | doctor | quickstart``.

Source: docs/decisions.md "Processes" (the embedded server).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_agents._version import __version__
from jupyter_agents.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status. A user's mistake is one line on stderr."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except UserError as error:
        print(f"jupyter-agents: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("jupyter-agents", description="Agents on your Jupyter server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the API on loopback, without JupyterLab")
    serve.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    serve.add_argument("--token-file", type=Path, help="file that holds the token (default: a random one)")
    serve.add_argument("--ready-file", type=Path, help='gets {"url", "pid"} once the server listens')
    serve.add_argument("--parent-pid", type=int, help="end when this process ends")
    serve.add_argument("--root-dir", type=Path, default=Path(), help="folder of the workspaces")
    serve.add_argument("--embedded", action="store_true", help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)

    doctor = commands.add_parser("doctor", help="what works here and what to do about the rest")
    doctor.set_defaults(run=_doctor)

    quickstart = commands.add_parser("quickstart", help="run a notebook headless and show the agent's work")
    quickstart.add_argument("notebook", type=Path)
    quickstart.add_argument("--output", type=Path, help="the executed notebook (default: beside it)")
    quickstart.add_argument("--replay", type=Path, help="folder of run files to use where there is no key")
    quickstart.add_argument("--model", help="the model's id, in place of the notebook's own")
    quickstart.set_defaults(run=_quickstart)
    return parser


def _serve(arguments: argparse.Namespace) -> None:
    from jupyter_agents.server.standalone import serve

    serve(
        port=arguments.port,
        token_file=arguments.token_file,
        root_dir=arguments.root_dir,
        ready_file=arguments.ready_file,
        parent_pid=arguments.parent_pid,
        embedded=arguments.embedded,
    )


def _doctor(arguments: argparse.Namespace) -> int:
    from jupyter_agents.kernel.client import connect

    connection: Any = connect()
    report = connection.local("GET", "doctor")
    print(json.dumps(report, indent=2))
    return 0 if report["sandbox"]["ready"] and report["model"]["ready"] else 1


def _quickstart(arguments: argparse.Namespace) -> None:
    from jupyter_agents.kernel.quickstart import quickstart

    quickstart(arguments.notebook, arguments.output, arguments.replay, arguments.model)


if __name__ == "__main__":
    sys.exit(main())
