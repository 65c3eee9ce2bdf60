"""``%agent doctor``: every part probed, in plain words, with what to do."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import Any

from jupyter_agents import __version__
from jupyter_agents.cell import words
from jupyter_agents.kernel.status import BARE_PAGE, Row, State, model_row, server_row

FULL = 1_000_000_000
"""With less free space than this, bytes, the disk is called full."""


def report(found: Mapping[str, Any], base_url: str, origin: str, *, bare_page: bool = False) -> State:
    """What to show for ``local/doctor``; bare_page: see `state`."""
    plain = [server_row(found, base_url, origin), _kernel(found), model_row(found), _disk(found)]
    rows = [*plain[:-1], *_sandboxes(found), plain[-1], *([BARE_PAGE] if bare_page else [])]
    broken = sum(not ok for _, ok, _, _ in plain) + (not found["sandbox"]["ready"])
    if not broken:
        return State(rows, "Everything works.")
    noun = "One thing needs" if broken == 1 else f"{broken} things need"
    return State(rows, f"{noun} attention; what to do stands beside it.")


def _kernel(found: Mapping[str, Any]) -> Row:
    how = f"Python {platform.python_version()} in {sys.prefix}, jupyter-agents {__version__}"
    server = found.get("python")
    if server is None or server == sys.prefix:
        return ("kernel", True, how, "")
    note = f"The server runs in another environment, {server}; agents see this kernel's packages."
    return ("kernel", True, how, note)


def _sandboxes(found: Mapping[str, Any]) -> list[Row]:
    """The sandbox in use, then the others; one that is not needed is no fault."""
    chosen = found["sandbox"]
    rows: list[Row] = []
    for probe in found.get("probes") or []:
        used = probe["kind"] == chosen["kind"] and chosen["ready"]
        needed = not chosen["ready"]
        how = "works, and is used" if used else "works" if probe["ok"] else str(probe["reason"])
        how = how if probe["ok"] or needed else f"not needed here: {how}"
        todo = "" if probe["ok"] else str(probe.get("remedy") or "")
        rows.append((str(probe["kind"]), bool(probe["ok"]) or not needed, how, todo))
    if not chosen["ready"]:
        how = str(chosen.get("reason") or "none works here: agents cannot run commands")
        rows.insert(0, ("sandbox", False, how, str(chosen.get("remedy") or "")))
    return rows


def _disk(found: Mapping[str, Any]) -> Row:
    used, free = sum(found["disk"]["used_bytes"].values()), int(found["disk"]["free_bytes"])
    how = f"{words.size(used)} used in {found['data_dir']}, {free / 1e9:.1f} GB free"
    if free >= FULL:
        return ("disk", True, how, "")
    return ("disk", False, how, "Make room: %agent delete ID removes a session with its files.")
