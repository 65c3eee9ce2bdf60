"""Tab completion after ``%agent`` and ``%%agent``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from jupyter_agents.kernel import options
from jupyter_agents.kernel.conduct import ON_ASK
from jupyter_agents.kernel.definition import TOOLS
from jupyter_agents.kernel.known import Known

PATHS = ("--file", "--record", "--replay")
SESSIONS = ("attach", "archive", "delete", "files", "--session")


def complete(known: Known, line: str, variables: Iterable[str] = ()) -> list[str]:
    """What the last word of `line` may become, or what stands in it after a comma: there IPython begins anew.

    `variables` are the names in the notebook.
    """
    words = line.split(" ")
    word, previous = words[-1], words[-2] if len(words) > 1 else ""
    cell = line.lstrip().startswith("%%")
    if previous in PATHS or (not cell and previous in ("record", "replay")):
        return _paths(word)
    if word.startswith("-"):
        candidates = _options(words, cell)
    elif previous in SUBJECTS:
        known.refresh()
        candidates = SUBJECTS[previous](known)
    elif previous == "--on-ask":
        candidates = list(ON_ASK)
    elif previous in ("-i", "--input", "--ask"):
        word = word.rpartition(",")[2]
        candidates = [*TOOLS] if previous == "--ask" else [v for v in variables if not v.startswith("_")]
    elif previous == "%agent":
        candidates = list(options.SUBCOMMANDS)
    else:
        candidates = []
    return sorted(name for name in candidates if name.startswith(word))


def _agents(known: Known) -> list[str]:
    return [*known.agents]


def _environments(known: Known) -> list[str]:
    return [*known.environments]


def _sessions(known: Known) -> list[str]:
    """Whole ids, and what comes of typing their last characters."""
    return [*known.sessions, *(id[-6:] for id in known.sessions)]


SUBJECTS: dict[str, Callable[[Known], list[str]]] = {
    **dict.fromkeys(SESSIONS, _sessions),
    **dict.fromkeys(("define", "diff"), _agents),
    **dict.fromkeys(("env", "--env"), _environments),
    **dict.fromkeys(("show", "undo"), lambda known: _agents(known) + _sessions(known)),
    "%%agent": lambda known: _agents(known) + list(options.CELLS),
}
"""What stands after a word."""


def _options(words: list[str], cell: bool) -> list[str]:
    subcommand = next((word for word in words[1:] if word), "")
    if subcommand == "env":
        parser = options.env_parser()
    elif subcommand == "define" or not cell:
        parser = options.define_parser()
    else:
        parser = options.call_parser()
    return [option for option in parser.options if option.startswith("--")]


def _paths(prefix: str) -> list[str]:
    path = Path(prefix).expanduser()
    folder = path if prefix.endswith("/") else path.parent
    names = [entry for entry in folder.glob("*") if not entry.name.startswith(".")]
    found = [f"{entry}/" if entry.is_dir() else str(entry) for entry in names]
    return sorted(name for name in found if name.startswith(str(path) if prefix else ""))
