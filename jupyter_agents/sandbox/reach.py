"""What another user may reach of this machine's folders: for sandboxes that see the host's paths.

A server that is root starts those as a user of their own, who may be kept out of a folder above theirs.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import SandboxUnavailable
from . import embedded
from .base import SandboxSpec


def check_reachable(spec: SandboxSpec) -> None:
    """Raises `SandboxUnavailable` for a folder of the session that the sandbox's user cannot enter."""
    for place in (spec.workspace, spec.uploads, *(mount.source for mount in spec.mounts)):
        folder = closed_folder(place)
        if folder is not None:
            raise SandboxUnavailable(
                f"The sandbox's user cannot enter {folder}, which holds {place.name}. Run the "
                f"server as a user other than root, or allow it: chmod o+x {folder}"
            )


def unreachable(spec: SandboxSpec, uid: int | None) -> list[str]:
    """A note where the notebook's Python lies in a closed folder."""
    if uid is None:
        return []
    interpreters = [Path(os.path.realpath(p / "bin/python3")) for p in embedded.python_prefixes(spec)]
    closed = [folder for one in interpreters if (folder := closed_folder(one)) is not None]
    if not closed:
        return []
    return [f"The notebook's Python cannot be used: the sandbox's user cannot enter {closed[0]}."]


def closed_folder(path: Path) -> Path | None:
    """The nearest directory above `path` that others may not enter, if there is one."""
    return next((one for one in path.parents if not one.stat().st_mode & 0o001), None)
