"""``jupyter agents serve``: the API on loopback, without JupyterLab."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Declare the arguments."""
    parser = commands.add_parser(
        "serve",
        help="serve the API on loopback, without JupyterLab",
        description="Serve the API on loopback, without JupyterLab, until stopped.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--token-file", type=Path, help="file that holds the token (default: a random one)")
    parser.add_argument(
        "--ready-file", type=Path, help='gets {"url", "pid"} once the server listens, or {"problem"}'
    )
    parser.add_argument("--parent-pid", type=int, help="end when this process ends")
    parser.add_argument("--root-dir", type=Path, default=Path(), help="folder of the workspaces")
    parser.add_argument("--embedded", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    _skip_grammar()
    from jupyter_agents.server.standalone import serve

    serve(
        port=arguments.port,
        token_file=arguments.token_file,
        root_dir=arguments.root_dir,
        ready_file=arguments.ready_file,
        parent_pid=arguments.parent_pid,
        embedded=arguments.embedded,
    )
    return 0


def _skip_grammar() -> None:
    """Let jsonschema do without its check of international addresses, which takes a second to import.

    No schema that a Jupyter server loads has such an address; jsonschema leaves out a check that it
    cannot import.
    """
    modules: dict[str, Any] = sys.modules
    modules.setdefault("rfc3987_syntax", None)
