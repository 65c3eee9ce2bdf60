"""What an administrator sets: the traits of the server extension.

Source: docs/configuration.md, docs/decisions.md "Names".
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Dict, Enum, Float, Int, List, Unicode

from jupyter_agents.domain import network
from jupyter_agents.domain.hosting import PATTERNS
from jupyter_agents.domain.packages import digest
from jupyter_agents.domain.settings import BEST_FIRST, LEAST, UNITS, Settings
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.mcp_config import McpConfig, programs
from jupyter_agents.runtime.repositories import GITHUB
from jupyter_agents.runtime.snapshots import SnapshotLimits
from jupyter_agents.sandbox.installs import Installs
from jupyter_agents.server.policy import PolicyTraits, check_defaults
from jupyter_agents.server.rates import KINDS


class Traits(PolicyTraits):
    """The settings, and the `Config` that they make."""

    data_dir = Unicode(
        help="Where agents, sessions and files are kept. Default: JUPYTER_AGENTS_DATA_DIR, else "
        "jupyter-agents in Jupyter's data directory."
    ).tag(config=True)
    model_base_url = Unicode(
        help="Address of the Messages API endpoint, without /v1. Default: JUPYTER_AGENTS_MODEL_URL, "
        "else ANTHROPIC_BASE_URL, else the public API."
    ).tag(config=True)
    default_model = Unicode("claude-opus-4-7", help="The model of agents that name none.").tag(config=True)
    sandbox = Unicode("auto", help="Which kind of sandbox runs tools.").tag(config=True)
    auto_sandboxes = List(
        Unicode(), list(BEST_FIRST), help="The kinds of sandbox that sandbox='auto' tries, best first."
    ).tag(config=True)
    sandbox_options = Dict(
        value_trait=Dict(), help="Options of kinds of sandbox that other packages offer, by kind."
    ).tag(config=True)
    image = Unicode("jupyter-agents/sandbox:latest", help="The image of Docker sandboxes.").tag(config=True)
    docker_runtime = Unicode(help="The runtime of Docker sandboxes, such as runsc.").tag(config=True)
    docker_mounts = List(
        Unicode(), help="Host folders that every Docker sandbox sees at the same path, read-only."
    ).tag(config=True)
    warm_pool = Int(0, min=0, help="Docker sandboxes that are started ahead, for the sessions to come.").tag(
        config=True
    )
    packages_timeout = Float(
        900.0, min=1, help="Seconds that installing an environment's packages may take."
    ).tag(config=True)
    max_packages = Unicode("10GiB", help="What the packages of one environment may take on disk.").tag(
        config=True
    )
    docker_build_network = Unicode(
        help="The engine's network in which packages are installed, such as host. Default: the engine's own."
    ).tag(config=True)
    workspace_root = Unicode(
        help="Folder below which workspaces are made. Default: the server's root directory."
    ).tag(config=True)
    sandbox_uid = Int(65532, help="The user id in a sandbox when the server runs as root.").tag(config=True)
    cpus = Float(1.0, help="Cores of one sandbox.").tag(config=True)
    memory = Unicode("1GiB", help="Memory of one sandbox.").tag(config=True)
    pids = Int(256, min=LEAST["pids"], help="Processes of one sandbox.").tag(config=True)
    open_files = Int(
        4096, min=LEAST["open-files"], help="Files that one process of a sandbox may have open."
    ).tag(config=True)
    file_size = Unicode("1GiB", help="The largest file that a sandbox may write.").tag(config=True)
    disk = Unicode("5GiB", help="Workspace size of one session.").tag(config=True)
    call_timeout = Float(600.0, help="Seconds that one tool call may take.").tag(config=True)
    idle_timeout = Float(600.0, help="Seconds after which an idle sandbox is paused.").tag(config=True)
    stop_timeout = Float(3600.0, help="Seconds after which an idle sandbox ends.").tag(config=True)
    hosting = Enum(
        PATTERNS, "long-running", help="What becomes of the sandbox of a session that is idle."
    ).tag(config=True)
    max_cpus = Float(64.0, help="The most cores an environment may ask for.").tag(config=True)
    max_memory = Unicode("256GiB", help="The most memory an environment may ask for.").tag(config=True)
    max_pids = Int(4096, help="The most processes an environment may ask for.").tag(config=True)
    max_open_files = Int(65536, help="The most open files an environment may ask for.").tag(config=True)
    max_file_size = Unicode("256GiB", help="The largest file an environment may ask for.").tag(config=True)
    max_disk = Unicode("1TiB", help="The largest workspace an environment may ask for.").tag(config=True)
    max_call_timeout = Float(3600.0, help="The longest call timeout, seconds.").tag(config=True)
    max_idle_timeout = Float(86400.0, help="The longest idle timeout, seconds.").tag(config=True)
    max_stop_timeout = Float(86400.0, help="The longest stop timeout, seconds.").tag(config=True)
    max_files = Int(100, help="Files that may be mounted in one session.").tag(config=True)
    rate_limits = Dict(
        value_trait=Float(min=1),
        key_trait=Enum(KINDS),
        help="Requests a minute that one user may make, by kind: create (a POST to a collection) and "
        "read (the API's other requests). Default: no limit.",
    ).tag(config=True)
    mcp_private_hosts = Bool(True, help="Whether MCP servers may be at loopback and private addresses.").tag(
        config=True
    )
    mcp_connect_timeout = Float(10.0, help="Seconds to connect to an MCP server and list its tools.").tag(
        config=True
    )
    mcp_call_timeout = Float(120.0, help="Seconds that one call of an MCP tool may take.").tag(config=True)
    mcp_stdio = Dict(
        help="Programs that agents may use as MCP servers by the address stdio:<name>: a command line, or "
        '{"command": [...], "env": {...}}. They run outside the sandbox.'
    ).tag(config=True)
    web_hosts = List(
        Unicode(), help="Hosts that web_fetch may reach although they are private, and at any port."
    ).tag(config=True)
    notebook_folder = Bool(
        True, help="Whether sandboxes may show the folder of their notebook, read-only."
    ).tag(config=True)
    network = Enum(
        network.MAXIMA, "unrestricted", help="The most network that an environment may ask for."
    ).tag(config=True)
    network_hosts = List(
        Unicode(), help="Hosts, or host:port, that sandboxes may reach although they are private."
    ).tag(config=True)
    package_hosts = List(
        Unicode(), help="Hosts that allow_package_managers lets through besides those that were found."
    ).tag(config=True)
    max_storage = Unicode("1TiB", help="What all uploaded files together may take.").tag(config=True)
    snapshot_files = Int(
        10_000, min=0, help="Files of one workspace that are followed, so that undo and fork know them."
    ).tag(config=True)
    snapshot_size = Unicode(
        "5GiB", help="What the kept versions of one session's files may take on disk."
    ).tag(config=True)
    snapshot_file_size = Unicode(
        "500MiB", help="The largest file of which versions are kept, and which is hashed."
    ).tag(config=True)
    download_uploads = Bool(
        False, help="Whether uploaded files can be downloaded, as those that a session made can."
    ).tag(config=True)
    repository_hosts = List(
        Unicode(), [GITHUB], help="Base URLs that git repositories of sessions may come from."
    ).tag(config=True)
    repository_timeout = Float(300.0, help="Seconds that cloning a repository may take.").tag(config=True)
    max_repository = Unicode("2GiB", help="What a cloned repository may take on disk.").tag(config=True)
    retention_days = Float(
        None,
        allow_none=True,
        min=0,
        help="Days after which `jupyter agents gc` deletes a session that is over. Default: it keeps all.",
    ).tag(config=True)
    replay = Unicode(
        help="A folder of run files that answer in place of a model. Default: JUPYTER_AGENTS_REPLAY."
    ).tag(config=True)
    embedded = Bool(False, help="Whether a kernel started this server for itself.").tag(config=True)

    @property
    def data_folder(self) -> Path:
        """Where the store lies."""
        found = self.data_dir or os.environ.get("JUPYTER_AGENTS_DATA_DIR")
        return Path(found or Path(jupyter_data_dir()) / "jupyter-agents")

    @property
    def packages_folder(self) -> Path:
        """Where packages that are installed for embedded sandboxes lie."""
        return self.data_folder / "packages"

    @property
    def replay_folder(self) -> Path | None:
        """The run files that answer in place of a model, if there are any."""
        found = self.replay or os.environ.get("JUPYTER_AGENTS_REPLAY")
        return Path(found).expanduser().resolve() if found else None

    @property
    def installs(self) -> Installs:
        """What installing packages may take. Raises ValueError."""
        network = self.docker_build_network or None
        store = digest(str(self.data_folder.resolve()))
        return Installs(self.packages_timeout, size("max_packages", self.max_packages), network, store)

    def runtime_config(self, root_dir: str) -> Config:
        """The runtime's settings; `root_dir` is the server's root directory. Raises ValueError."""
        root = self.workspace_root or root_dir
        defaults, ceilings = self._limits()
        check_defaults(self.policy, self.default_model, defaults)
        return Config(
            data_dir=self.data_folder,
            root_dir=Path(root).expanduser().resolve(),
            model_base_url=self.model_base_url,
            default_model=self.default_model,
            sandbox_uid=self.sandbox_uid,
            defaults=defaults,
            ceilings=ceilings,
            policy=self.policy,
            auto_sandboxes=tuple(self.auto_sandboxes),
            max_files=self.max_files,
            web_hosts=tuple(self.web_hosts),
            notebook_folder=self.notebook_folder,
            network=self.network,
            network_hosts=network.listed("network_hosts", self.network_hosts),
            package_hosts=network.listed("package_hosts", self.package_hosts, wildcards=True),
            max_storage=size("max_storage", self.max_storage),
            download_uploads=self.download_uploads,
            snapshots=SnapshotLimits(
                self.snapshot_files,
                size("snapshot_size", self.snapshot_size),
                size("snapshot_file_size", self.snapshot_file_size),
            ),
            repository_hosts=tuple(self.repository_hosts),
            repository_timeout=self.repository_timeout,
            max_repository=size("max_repository", self.max_repository),
            replay=self.replay_folder,
            warm_pool=self.warm_pool,
            mcp=McpConfig(
                private_hosts=self.mcp_private_hosts,
                connect_seconds=self.mcp_connect_timeout,
                call_seconds=self.mcp_call_timeout,
                programs=programs(self.mcp_stdio),
                folder=Path(root).expanduser().resolve(),
            ),
            python=tuple(dict.fromkeys((Path(sys.prefix), Path(sys.base_prefix)))),
        )

    def _limits(self) -> tuple[Settings, Settings]:
        """What a sandbox gets where nothing is asked, and the ceilings of what may be asked."""
        defaults = Settings(
            sandbox=self.sandbox,
            image=self.image,
            cpus=self.cpus,
            memory=size("memory", self.memory),
            pids=self.pids,
            open_files=self.open_files,
            file_size=size("file_size", self.file_size),
            disk=size("disk", self.disk),
            call_timeout=self.call_timeout,
            idle_timeout=self.idle_timeout,
            stop_timeout=self.stop_timeout,
            hosting=self.hosting,
        )
        ceilings = Settings(
            cpus=self.max_cpus,
            memory=size("max_memory", self.max_memory),
            pids=self.max_pids,
            open_files=self.max_open_files,
            file_size=size("max_file_size", self.max_file_size),
            disk=size("max_disk", self.max_disk),
            call_timeout=self.max_call_timeout,
            idle_timeout=self.max_idle_timeout,
            stop_timeout=self.max_stop_timeout,
        )
        return defaults, ceilings


def size(name: str, text: str) -> int:
    """Bytes of a trait's value such as ``1GiB``; raises ValueError naming the trait."""
    found = re.fullmatch(r"(\d+)\s*([KMGT]iB|B|)", text)
    if found is None:
        raise ValueError(f"JupyterAgents.{name}: {text!r} is not a size such as 512MiB or 1GiB.")
    return int(found[1]) * UNITS[found[2]]
