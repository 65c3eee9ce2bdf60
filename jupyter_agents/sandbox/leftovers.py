"""Temporary directories that carry their server's process id, so that a later server can tidy up.

A server that is killed cannot remove what it made. Names are ``jupyter-agents-<pid>-<random>``; what
belongs to a process that is gone is removed when the next directory is made. Several servers may do
so at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "jupyter-agents"
_NAME = re.compile(rf"{PREFIX}-(\d+)-[0-9a-z_]+")


def make_directory(*, mode: int = 0o711) -> Path:
    """A new directory in the system's temporary directory; removes those of dead servers first.

    mode: by default others may enter it, not list it. Blocks.
    """
    for path in of_dead_servers(Path(tempfile.gettempdir())):
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_uid == os.geteuid() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{os.getpid()}-"))
    path.chmod(mode)
    return path


def of_dead_servers(parent: Path) -> Iterator[Path]:
    """The entries of `parent` whose names say that their server is gone."""
    with contextlib.suppress(OSError):
        for path in list(parent.iterdir()):
            found = _NAME.fullmatch(path.name)
            if found is not None and not Path(f"/proc/{found[1]}").exists():
                yield path
