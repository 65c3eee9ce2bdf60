"""``jupyter agents quickstart``: run a notebook headless and show the agent's work."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Declare the arguments."""
    parser = commands.add_parser(
        "quickstart",
        help="run a notebook headless and show the agent's work",
        description="Run a notebook headless and show the agent's work as it comes. Without a model the "
        "model's side is played from a recording.",
    )
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--output", type=Path, help="the executed notebook (default: beside it)")
    parser.add_argument("--replay", type=Path, help="folder of run files to use where there is no key")
    parser.add_argument("--model", help="the model's id, in place of the notebook's own")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the notebook."""
    from jupyter_agents.kernel.quickstart import quickstart

    quickstart(arguments.notebook, arguments.output, arguments.replay, arguments.model)
    return 0
