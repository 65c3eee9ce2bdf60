"""``/local/front-ends``: which kernels a page of ours shows, so that a call may wait for its buttons.

A page announces each notebook that it has open, and again every minute; what is not said again is
forgotten. In memory only. Source: docs/decisions.md "Magics", docs/local-api.md.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.server.handlers import Handler

Doc = dict[str, Any]

KERNEL_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")
LONGEST_PATH = 1024
FORGET_SECONDS = 150.0
MOST = 1000


@dataclass(frozen=True)
class Page:
    """What a page said of a kernel: its own version, and the notebook's path below the server's root."""

    version: str
    notebook: str
    at: float


class FrontEnds:
    """The pages that were heard of lately, by kernel.

    Parameters
    ----------
    clock:
        Seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pages: dict[str, Page] = {}

    def announce(self, kernel_id: str, version: str, notebook: str) -> None:
        """A page shows this notebook with this kernel."""
        now = self._clock()
        self._pages.pop(kernel_id, None)
        if len(self._pages) >= MOST:
            self._pages.pop(next(iter(self._pages)))
        self._pages[kernel_id] = Page(version, notebook, now)

    def find(self, kernel_id: str) -> Page | None:
        """The page that shows this kernel, if one was heard of lately."""
        page = self._pages.get(kernel_id)
        if page is not None and self._clock() - page.at > FORGET_SECONDS:
            del self._pages[kernel_id]
            return None
        return page


class FrontEnd(Handler):
    """``local/front-ends/{kernel_id}``."""

    @authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        """A page announces itself."""
        _check_id(kernel_id)
        body = self.body()
        version, notebook = body.get("version"), body.get("notebook")
        if (
            set(body) != {"version", "notebook"}
            or not (isinstance(version, str) and VERSION.fullmatch(version))
            or not (isinstance(notebook, str) and 0 < len(notebook) <= LONGEST_PATH and "\0" not in notebook)
        ):
            raise InvalidRequest('expected {"version": "0.1.0", "notebook": "folder/name.ipynb"}.')
        self._front_ends.announce(kernel_id, version, notebook)
        self.reply({"version": version, "notebook": notebook})

    @authenticated
    @authorized
    async def get(self, kernel_id: str) -> None:
        """The page that shows this kernel; ``path`` is the notebook's absolute path."""
        _check_id(kernel_id)
        page = self._front_ends.find(kernel_id)
        if page is None:
            raise NotFound(f"No page of this server shows the kernel `{kernel_id}`.")
        path = _absolute(self.settings["server_root_dir"], page.notebook)
        self.reply({"version": page.version, "notebook": page.notebook, "path": path})

    @property
    def _front_ends(self) -> FrontEnds:
        found: FrontEnds = self.settings["jupyter_agents_front_ends"]
        return found


def _absolute(root: str, notebook: str) -> str:
    return os.path.join(os.path.expanduser(root), notebook.lstrip("/"))


def _check_id(kernel_id: str) -> None:
    if not KERNEL_ID.fullmatch(kernel_id):
        raise NotFound(f"There is no kernel `{kernel_id[:100]}`.")


ROUTES = [(r"/local/front-ends/([^/]+)", FrontEnd)]
