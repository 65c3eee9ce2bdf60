"""What an administrator and the environment decide about one server's runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jupyter_agents.domain.policy import Policy
from jupyter_agents.domain.settings import BEST_FIRST, Settings
from jupyter_agents.runtime.files import MAX_STORAGE
from jupyter_agents.runtime.manager import MOST_FILES
from jupyter_agents.runtime.mcp_config import McpConfig
from jupyter_agents.runtime.repositories import GITHUB
from jupyter_agents.runtime.snapshots import SnapshotLimits


@dataclass(frozen=True)
class Config:
    """The settings of a runtime.

    data_dir: the store. root_dir: below it lie the workspaces. model_base_url: "" asks the
    environment. sandbox: ``auto`` or a kind. sandbox_uid: the user id inside when the server is
    root. replay: a folder of run files that answer in place of a model. web_hosts: hosts that
    ``web_fetch`` may reach although they are private. policy: what the administrator allows.
    auto_sandboxes: the kinds that ``auto`` tries, best first.
    notebook_folder: whether sandboxes may show the folder of their notebook. network: the most that
    an environment may ask for, one of `network.MAXIMA`. network_hosts: hosts that sandboxes may reach
    although they are private. package_hosts: what ``allow_package_managers`` lets through besides the
    hosts that were found. snapshots: what is followed and kept of workspaces. warm_pool: how many
    sandboxes wait for a session, where the kind can do that.
    """

    data_dir: Path
    root_dir: Path
    model_base_url: str = ""
    default_model: str = "claude-opus-4-7"
    sandbox_uid: int = 65532
    defaults: Settings = field(default_factory=Settings)
    ceilings: Settings = field(
        default_factory=lambda: Settings(
            cpus=64,
            memory=256 * 1024**3,
            pids=4096,
            open_files=65536,
            file_size=256 * 1024**3,
            disk=1024**4,
            call_timeout=3600,
            idle_timeout=86400,
            stop_timeout=86400,
        )
    )
    policy: Policy = field(default_factory=Policy)
    auto_sandboxes: tuple[str, ...] = BEST_FIRST
    max_files: int = MOST_FILES
    max_storage: int = MAX_STORAGE
    download_uploads: bool = False
    snapshots: SnapshotLimits = field(default_factory=SnapshotLimits)
    repository_hosts: tuple[str, ...] = (GITHUB,)
    repository_timeout: float = 300.0
    max_repository: int = 2 * 1024**3
    replay: Path | None = None
    python: tuple[Path, ...] = ()
    mcp: McpConfig = field(default_factory=McpConfig)
    web_hosts: tuple[str, ...] = ()
    notebook_folder: bool = True
    network: str = "unrestricted"
    network_hosts: tuple[str, ...] = ()
    package_hosts: tuple[str, ...] = ()
    warm_pool: int = 0
