"""Tab completion after ``%agent`` and ``%%agent``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jupyter_agents.kernel import options
from jupyter_agents.kernel.agents import TOOLS
from jupyter_agents.kernel.conduct import ON_ASK
from jupyter_agents.kernel.notebook import Notebook

PATHS = ("--file", "--record", "--replay")


def complete(notebook: Notebook, line: str, variables: Iterable[str] = ()) -> list[str]:
    """What the last word of `line` may become; nothing here asks the server.

    `variables` are the names in the notebook.
    """
    words = line.split(" ")
    word, previous = words[-1], words[-2] if len(words) > 1 else ""
    cell = line.lstrip().startswith("%%")
    if previous in PATHS or (not cell and previous in ("record", "replay")):
        return _paths(word)
    if previous == "--session" or previous in ("attach", "archive", "delete"):
        candidates = [session.id for session in notebook.sessions.values()]
    elif previous == "--on-ask":
        candidates = list(ON_ASK)
    elif previous in ("-i", "--input", "--ask"):
        names = TOOLS if previous == "--ask" else [name for name in variables if not name.startswith("_")]
        given, comma, _ = word.rpartition(",")
        candidates = [f"{given}{comma}{name}" for name in names]
    elif word.startswith("-"):
        parser = options.call_parser() if cell else options.define_parser()
        candidates = [option for option in parser.options if option.startswith("--")]
    elif previous in ("%%agent", "define"):
        candidates = notebook.names
    elif previous == "%agent":
        candidates = list(options.SUBCOMMANDS)
    else:
        candidates = []
    return sorted(name for name in candidates if name.startswith(word))


def _paths(prefix: str) -> list[str]:
    path = Path(prefix).expanduser()
    folder = path if prefix.endswith("/") else path.parent
    names = [entry for entry in folder.glob("*") if not entry.name.startswith(".")]
    found = [f"{entry}/" if entry.is_dir() else str(entry) for entry in names]
    return sorted(name for name in found if name.startswith(str(path) if prefix else ""))
