"""What is in the way of a workspace, said before a session is made.

`workspace.make_workspace` looks again when the folder is made, without a gap between look and use.
"""

from __future__ import annotations

import stat
from pathlib import Path


def obstacle(root: Path, path: Path) -> str | None:
    """Why `path`, below `root`, cannot be a folder of ours: a symlink or a file is there; else None."""
    here = root
    for name in path.relative_to(root).parts:
        here /= name
        try:
            mode = here.lstat().st_mode
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{here.relative_to(root)} cannot be looked at: {error.strerror}."
        if not stat.S_ISDIR(mode):
            kind = "a symlink" if stat.S_ISLNK(mode) else "a file"
            return f"{here.relative_to(root)} is {kind}, not a folder. Name another, or remove it."
    return None
