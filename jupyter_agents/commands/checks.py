"""What `doctor` looks at, one function each: how it is, and what to do about it.

Nothing is assumed: a sandbox is started, the endpoint is asked, a group is made. Keys are never shown.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jupyter_agents.runtime.answering import ask
from jupyter_agents.runtime.cleanup import size
from jupyter_agents.runtime.endpoint import Endpoint
from jupyter_agents.sandbox import cgroup, landlock
from jupyter_agents.sandbox.base import Limits, Probe
from jupyter_agents.sandbox.choose import Choice, try_out
from jupyter_agents.sandbox.leftovers import of_dead_servers
from jupyter_agents.store.database import NETWORK_FILE_SYSTEMS, SCHEMA_VERSION, file_system

if TYPE_CHECKING:
    from jupyter_agents.server.app import JupyterAgents

PROGRAM_SECONDS = 10.0
PARTS = {"database": "agents.db*", "blobs": "blobs", "uploads": "uploads", "runs": "runs"}


@dataclass(frozen=True)
class Check:
    """One line. state: ``ok``; ``note``, less than it could be; ``bad``, something cannot work."""

    name: str
    state: Literal["ok", "note", "bad"]
    how: str
    todo: str = ""


def python() -> Check:
    """The interpreter."""
    return Check("python", "ok", f"{platform.python_version()} ({sys.executable})")


def jupyter() -> Check:
    """Jupyter's server and JupyterLab."""
    server, lab = _version("jupyter_server"), _version("jupyterlab")
    if lab is None:
        return Check("jupyter", "note", f"jupyter_server {server}, no JupyterLab", "pip install jupyterlab")
    return Check("jupyter", "ok", f"jupyter_server {server}, jupyterlab {lab}")


def server_extension() -> Check:
    """Whether a Jupyter server would load us."""
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    manager: Any = ExtensionConfigManager(read_config_path=jupyter_config_path())
    enabled = manager.get_jpserver_extensions().get("jupyter_agents")
    if enabled:
        return Check("extension", "ok", "enabled")
    how = "not enabled" if enabled is None else "disabled"
    return Check("extension", "note", how, "jupyter server extension enable jupyter_agents")


def lab_extension() -> Check:
    """Whether JupyterLab finds our front end."""
    from jupyter_core.paths import jupyter_path

    places = [Path(path) / "labextensions" / "jupyter-agents" for path in jupyter_path()]
    if any((place / "package.json").is_file() for place in places):
        return Check("front end", "ok", "installed")
    todo = "Install jupyter-agents into the environment of JupyterLab; cells show their work without it too."
    return Check("front end", "note", "not installed", todo)


async def model(endpoint: Endpoint, default_model: str, replay: Path | None) -> Check:
    """The endpoint and its key: both are tried, by asking which models there are."""
    if replay is not None:
        return Check("model", "ok", f"replayed from {replay}; no model is asked")
    found = endpoint.status(default_model)
    how = f"{default_model} at {found['base_url']}, key: {found['key']}"
    if found["problem"]:
        return Check("model", "note", how, found["problem"])
    try:
        asked = await ask(endpoint)
    finally:
        await endpoint.close()
    return Check("model", "ok" if asked.ok else "note", f"{how}; {asked.how}", asked.todo)


def sandboxes(choice: Choice) -> list[Check]:
    """What was chosen, then every kind's probe."""
    if choice.provider is None:
        first = Check("sandbox", "bad", choice.reason, choice.remedy)
    else:
        first = Check("sandbox", "ok", f"{choice.provider.kind}: tools can run")
    return [first, *map(_probed, choice.probes)]


async def plugins(app: JupyterAgents, choice: Choice) -> list[Check]:
    """What installed packages offer besides: those that are not in `choice` are tried here."""
    offered, problems = app.plugins
    tried = {found.kind for found in choice.probes}
    rest = [one for one in offered if one.kind not in tried and app.policy.allows_kind(one.kind)]
    try:
        probes = await asyncio.gather(*map(try_out, rest))
    finally:
        await asyncio.gather(*(one.close() for one in rest), return_exceptions=True)
    todo = "Uninstall it, or ask its authors for another name."
    return [*map(_probed, probes), *(Check("  sandbox provider", "note", why, todo) for why in problems)]


def _probed(found: Probe) -> Check:
    return Check(f"  {found.kind}", "ok" if found.ok else "note", found.reason, found.remedy)


def kernel_parts() -> list[Check]:
    """What Linux offers to sandboxes."""
    if sys.platform != "linux":
        return [Check("linux", "note", f"this is {platform.system()}", "Install Docker for sandboxes.")]
    abi, needed = landlock.landlock_abi(), landlock.NEEDED_ABI
    group = cgroup.make(Limits())
    if group is not None:
        group.remove()
    return [
        program("bwrap", "Install bubblewrap, where Docker is not wanted."),
        Check("landlock", "ok" if abi >= needed else "note", f"version {abi or 'none'}; {needed} is needed"),
        Check("limits", "ok", "by control group")
        if group is not None
        else Check(
            "limits", "note", "per process, and by a watch on the processes: no control group can be made"
        ),
    ]


def program(name: str, todo: str) -> Check:
    """A program and its version."""
    path = shutil.which(name)
    if path is None:
        return Check(name, "note", "not found", todo)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PROGRAM_SECONDS)
        said = (done.stdout or done.stderr).splitlines()
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        said = []
    return Check(name, "ok", f"{said[0][:80] if said else 'found'} ({path})")


def store(folder: Path) -> list[Check]:
    """The store: its place, its schema, the space it takes and the space there is."""
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    kind = file_system(place)
    if kind in NETWORK_FILE_SYSTEMS:
        todo = "Set JUPYTER_AGENTS_DATA_DIR to a folder on a local disk, where you can: it is faster."
        first = Check("store", "note", f"{folder} on {kind}, a network file system", todo)
    else:
        first = Check("store", "ok", f"{folder}{f' on {kind}' if kind else ''}")
    return [first, *_schema(folder / "agents.db")]


def _schema(path: Path) -> list[Check]:
    if not path.exists():
        return []
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        connection.close()
    except sqlite3.Error as error:
        return [Check("database", "bad", f"{path} cannot be read: {error}", "Restore it, or move it away.")]
    if found > SCHEMA_VERSION:
        return [Check("database", "bad", f"schema {found} is a newer version's", "Upgrade jupyter-agents.")]
    return [Check("database", "ok", f"schema {found}")]


def disk(folder: Path) -> dict[str, Any]:
    """Bytes of the store by part, of temporary leftovers, and what is free."""
    used = {part: sum(size(path) for path in folder.glob(pattern)) for part, pattern in PARTS.items()}
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    leftovers = list(of_dead_servers(Path(tempfile.gettempdir())))
    return {
        "used_bytes": used | {"other": max(0, size(folder) - sum(used.values()))},
        "leftovers": {"number": len(leftovers), "bytes": sum(size(path) for path in leftovers)},
        "free_bytes": shutil.disk_usage(place).free,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
