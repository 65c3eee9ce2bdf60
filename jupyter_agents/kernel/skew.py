"""Kernel and server may have different versions of this package: which one to upgrade."""

from __future__ import annotations

import re

from jupyter_agents import __version__

KERNEL = "Upgrade it for this notebook with %pip install -U jupyter-agents, then restart the kernel."
SERVER = (
    "Upgrade it where Jupyter runs (pip install -U jupyter-agents in that environment), then restart Jupyter."
)


def skew(server: object, kernel: str | None = None) -> str | None:
    """What to do where the versions differ, in two sentences; None where they are the same.

    server: the ``version`` of ``local/status``. kernel: this package's, unless given.
    """
    kernel = kernel or __version__
    if not isinstance(server, str) or server == kernel:
        return None
    both = f"The server has jupyter-agents {server[:40]}, this kernel has {kernel}."
    if _numbers(server) == _numbers(kernel):
        return f"{both} Install the same version in both, then restart both."
    return f"{both} {SERVER if _numbers(server) < _numbers(kernel) else KERNEL}"


def _numbers(version: str) -> tuple[int, ...]:
    """``0.10.2rc1`` as (0, 10, 2)."""
    found = re.match(r"\d{1,9}(\.\d{1,9})*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
