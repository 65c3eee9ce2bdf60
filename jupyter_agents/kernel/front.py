"""Whether a page of ours shows this kernel, so that a call may wait for its buttons.

The page tells the server which kernel it shows, and the server is asked here: that works while the
kernel is busy, and with any ipykernel. papermill, nbclient and other front ends tell nobody.

Source: docs/decisions.md "Magics", docs/local-api.md.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from jupyter_agents.kernel.client import Connection

if TYPE_CHECKING:
    from jupyter_agents.kernel.notebook import Notebook

CONNECTION_FILE = re.compile(r"kernel-([0-9A-Za-z-]{8,64})\.json")


def kernel_id() -> str | None:
    """The id by which a Jupyter server knows this kernel; None where this is none of its kernels."""
    from IPython.core.interactiveshell import InteractiveShell

    if not InteractiveShell.initialized():
        return None
    kernel: Any = getattr(InteractiveShell.instance(), "kernel", None)
    file = str(getattr(getattr(kernel, "parent", None), "connection_file", ""))
    found = CONNECTION_FILE.fullmatch(re.split(r"[\\/]", file)[-1])
    return found[1] if found else None


def can_type() -> bool:
    """Whether someone can type an answer here."""
    from IPython.core.interactiveshell import InteractiveShell

    if InteractiveShell.initialized():
        kernel = getattr(InteractiveShell.instance(), "kernel", None)
        if kernel is not None:
            return bool(getattr(kernel, "_allow_stdin", False))
    return sys.stdin is not None and sys.stdin.isatty()


async def page(connection: Connection) -> dict[str, Any] | None:
    """What the server knows of a page that shows this kernel: its version, the notebook's path."""
    import anthropic

    id = kernel_id()
    if id is None:
        return None
    try:
        found: dict[str, Any] = await connection.get(f"front-ends/{id}")
    except anthropic.APIError:
        return None
    return found


async def is_bare(connection: Connection) -> bool:
    """Whether someone works in a page of this kernel's Jupyter server, and it is none of ours."""
    someone = connection.address.parent and kernel_id() is not None and can_type()
    return someone and await page(connection) is None


async def on_ask(notebook: Notebook, connection: Connection, otherwise: str) -> str:
    """What happens where a call waits, unless the user said: ``wait`` where a page of ours is there.

    otherwise: ``return`` where someone can type, ``deny`` where nobody can; then nobody is asked for.
    The page also says where the notebook lies.
    """
    if otherwise != "return":
        return otherwise
    found = await page(connection)
    if found is None:
        return otherwise
    notebook.path = str(found["path"])
    return "wait"
