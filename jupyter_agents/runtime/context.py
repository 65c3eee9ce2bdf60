"""The runtime of one server process: store, files, model, sandboxes and sessions, wired together."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_agents.domain import mcp
from jupyter_agents.domain import settings as keys
from jupyter_agents.domain.environments import allowed_hosts
from jupyter_agents.domain.prompt import NOTEBOOK_NOTE
from jupyter_agents.domain.sessions import State
from jupyter_agents.domain.settings import Settings
from jupyter_agents.domain.tools import needs_sandbox
from jupyter_agents.errors import InvalidRequest, ModelError, SandboxUnavailable
from jupyter_agents.ids import Clock, IdSource, NewId, utc_now
from jupyter_agents.runtime.approvals import Approvals
from jupyter_agents.runtime.endpoint import Endpoint
from jupyter_agents.runtime.fetch import Fetcher
from jupyter_agents.runtime.files import MAX_STORAGE, Files
from jupyter_agents.runtime.git import GitLimits
from jupyter_agents.runtime.manager import MOST_FILES, Parts, SessionManager
from jupyter_agents.runtime.mcp import SessionMcp
from jupyter_agents.runtime.mcp_config import McpConfig
from jupyter_agents.runtime.model import AnthropicModel, Model
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.recorder import Recorder
from jupyter_agents.runtime.replay import ReplayModel
from jupyter_agents.runtime.repositories import GITHUB, Checkouts, Repositories
from jupyter_agents.runtime.resources import Resources
from jupyter_agents.runtime.search import Searcher
from jupyter_agents.runtime.streams import Hub
from jupyter_agents.runtime.sweep import Sweep
from jupyter_agents.runtime.tools import STARTING_SECONDS, SessionTools
from jupyter_agents.runtime.web import WebTools
from jupyter_agents.sandbox.base import Limits, Network, SandboxProvider, SandboxSpec
from jupyter_agents.sandbox.beside import Beside, folder_of
from jupyter_agents.sandbox.choose import Choice, choose
from jupyter_agents.sandbox.workspace import FOLDER, workspace_path
from jupyter_agents.store.blobs import Blobs
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import Journal
from jupyter_agents.store.ownership import Ownership

Doc = dict[str, Any]

DATABASE = "agents.db"

log = logging.getLogger(__name__)

Providers = Callable[[], Sequence[SandboxProvider]]


@dataclass(frozen=True)
class Config:
    """What an administrator and the environment decide.

    data_dir: the store. root_dir: below it lie the workspaces. model_base_url: "" asks the
    environment. sandbox: ``auto`` or a kind. sandbox_uid: the user id inside when the server is
    root. replay: a folder of run files that answer in place of a model. web_hosts: hosts that
    ``web_fetch`` may reach although they are private. notebook_folder: whether sandboxes may show the
    folder of their notebook.
    """

    data_dir: Path
    root_dir: Path
    model_base_url: str = ""
    default_model: str = "claude-opus-4-7"
    sandbox_uid: int = 65532
    defaults: Settings = field(default_factory=Settings)
    ceilings: Settings = field(
        default_factory=lambda: Settings(
            cpus=64, memory=256 * 1024**3, pids=4096, disk=1024**4, idle_timeout=86400
        )
    )
    max_files: int = MOST_FILES
    max_storage: int = MAX_STORAGE
    download_uploads: bool = False
    repository_hosts: tuple[str, ...] = (GITHUB,)
    repository_timeout: float = 300.0
    max_repository: int = 2 * 1024**3
    replay: Path | None = None
    python: tuple[Path, ...] = ()
    mcp: McpConfig = field(default_factory=McpConfig)
    web_hosts: tuple[str, ...] = ()
    notebook_folder: bool = True


class Context:
    """Everything a handler needs.

    Parameters
    ----------
    config:
        See `Config`.
    providers:
        Makes the sandbox providers, best first.
    clock, new_id:
        Injected by tests.
    """

    def __init__(
        self,
        config: Config,
        providers: Providers,
        clock: Clock = utc_now,
        new_id: NewId | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.new_id = new_id or IdSource(clock)
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.database = Database(config.data_dir / DATABASE)
        self.catalog = Catalog(self.database)
        self.journal = Journal(self.database)
        self.blobs = Blobs(config.data_dir / "blobs")
        self.files = Files(
            self.catalog,
            self.blobs,
            clock,
            self.new_id,
            max_storage=config.max_storage,
            download_uploads=config.download_uploads,
        )
        uploads = config.data_dir / "uploads"
        self.mounted = Mounted(uploads, self.files, self.blobs, clock, self.new_id)
        limits = GitLimits(config.repository_timeout, config.max_repository)
        kept = config.data_dir / "repositories"
        self.repositories = Repositories(kept, config.repository_hosts, limits, clock, self.new_id)
        self.sweep = Sweep(self.catalog, self.blobs, self.files, self.mounted, self.repositories, clock)
        self.hub = Hub()
        self.endpoint = Endpoint(config.data_dir, config.model_base_url)
        self.providers = tuple(providers())
        self.choices: dict[str, asyncio.Task[Choice]] = {}
        self.pythons: dict[str, tuple[Path, ...]] = {}
        self._dropped: dict[str, set[str]] = {}
        self.fetcher = Fetcher(config.web_hosts)
        self.searcher = Searcher(self._endpoint_model, lambda: self.endpoint.base_url)
        self._sweeping: asyncio.Task[None] | None = None
        self.recorder = Recorder(self.journal, config.data_dir / "runs", config.replay, self.new_id)
        self.manager = SessionManager(
            Parts(
                journal=self.journal,
                catalog=self.catalog,
                ownership=Ownership(config.data_dir / "locks"),
                files=self.files,
                mounted=self.mounted,
                repositories=self.repositories,
                hub=self.hub,
                clock=clock,
                new_id=self.new_id,
                model=self.model,
                dropped=lambda model: self._dropped.get(model, set()),
                tools=self._tools,
                check=self._check_session,
                places=lambda doc: [NOTEBOOK_NOTE] if self.beside(doc) else [],
                idle_timeout=lambda doc: self._settings(doc).idle_timeout,
                turn_ended=self.recorder.write_soon,
                forget=self._forget,
                write=self.database.write,
                max_files=config.max_files,
            )
        )
        self.resources = Resources(
            self.catalog, self.manager, self.mounted, self.repositories, config.max_files, clock
        )
        self.approvals = Approvals(self.manager, self.journal)

    async def start(self) -> None:
        """Let what was running go on, and find out which sandboxes work."""
        self.choice(self.config.defaults.sandbox)
        await self.manager.start()
        self._sweeping = asyncio.create_task(self._sweep(), name="sweep the store")

    async def stop(self) -> None:
        """End sandboxes and streams, then close the store.

        A probe that is under way is let through: cut short, its first process could be left behind.
        """
        if self._sweeping is not None:
            await asyncio.wait([self._sweeping])
        await self.manager.stop()
        await self.recorder.close()
        if self.choices:
            await asyncio.wait(self.choices.values(), timeout=STARTING_SECONDS)
        for task in self.choices.values():
            task.cancel()
        await asyncio.gather(*self.choices.values(), return_exceptions=True)
        await asyncio.gather(*(p.close() for p in self.providers), return_exceptions=True)
        await self.endpoint.close()
        self.fetcher.close()
        self.database.close()

    async def _sweep(self) -> None:
        try:
            await self.sweep.run()
        except (OSError, sqlite3.Error) as error:
            log.warning("The store cannot be swept: %s", error)

    def choice(self, wanted: str) -> asyncio.Task[Choice]:
        """Which provider serves ``auto`` or a kind; probed once."""
        if wanted not in self.choices:
            self.choices[wanted] = asyncio.create_task(choose(self.providers, wanted))
        return self.choices[wanted]

    def model(self, session_id: str) -> Model:
        """The model of a session: its recording where it has one, else the endpoint."""
        recordings = self.recorder.recordings(session_id)
        if recordings is not None:
            return ReplayModel(recordings)
        return self._endpoint_model()

    def _endpoint_model(self) -> Model:
        problem = self.endpoint.problem()
        if problem is not None:
            return _NoModel(problem)
        return AnthropicModel(self.endpoint.client(), self._dropped)

    def workspace(self, session: Doc) -> Path:
        """The host folder that is the session's ``/workspace``."""
        metadata, root = session["metadata"], self.config.root_dir
        given = metadata.get("jupyter-agents/workspace")
        if given is not None:
            return root / str(given)
        notebook = metadata.get("jupyter-agents/notebook")
        beside = None if notebook is None else Path(notebook).parent
        title: str = session.get("workspace_title") or session["title"] or session["agent"]["name"]
        return workspace_path(root, beside, title, session["id"])

    def beside(self, session: Doc) -> Beside | None:
        """The folder of the session's notebook, where its sandbox is to show it. Blocks."""
        metadata = session["metadata"]
        notebook = metadata.get("jupyter-agents/notebook")
        if notebook is None or not self.config.notebook_folder or not keys.notebook_folder(metadata):
            return None
        folder = folder_of(self.config.root_dir, notebook, self.config.data_dir)
        workspace = self.workspace(session).resolve()
        if folder is None or folder.is_relative_to(workspace):
            return None
        return Beside(folder, (folder / FOLDER, workspace, self.config.data_dir.resolve()))

    def check_environment(self, environment: Doc) -> None:
        """Raises `InvalidRequest` for metadata of ours that cannot be served."""
        keys.check_keys(environment["metadata"], keys.SHARED)
        keys.settings(self.config.defaults, self.config.ceilings, environment["metadata"])

    def _check_session(self, session: Doc, environment: Doc) -> None:
        metadata = session["metadata"]
        keys.check_keys(metadata, keys.SHARED | keys.SESSION)
        keys.settings(self.config.defaults, self.config.ceilings, environment["metadata"], metadata)
        keys.max_turns(metadata, 1)
        keys.notebook_folder(metadata)
        mcp.check_servers(session["agent"], self.config.mcp.programs)
        given = metadata.get("jupyter-agents/workspace")
        if given is not None:
            root = self.config.root_dir.resolve()
            place = Path(os.path.normpath(root / given))
            if not place.is_relative_to(root) or place == root or Path(given).is_absolute():
                raise InvalidRequest(
                    "metadata.jupyter-agents/workspace: expected a folder below the server's root, "
                    "as a relative path."
                )

    def _settings(self, session: Doc) -> Settings:
        environment = self.catalog.find("environment", session["environment_id"]) or {"metadata": {}}
        return keys.settings(
            self.config.defaults,
            self.config.ceilings,
            environment["metadata"],
            session["metadata"],
        )

    def _tools(self, session: Doc) -> SessionTools:
        return SessionTools(
            session["id"],
            lambda: needs_sandbox(session["agent"]),
            lambda: self._spec(session),
            lambda: self._provider(session),
            self.config.root_dir,
            self.files,
            self.blobs,
            self.clock,
            lambda: self.recorder.recordings(session["id"]),
            SessionMcp(self.config.mcp, lambda: self.recorder.recordings(session["id"])),
            WebTools(lambda: self._state(session["id"]), self.fetcher, self.searcher),
            Checkouts(session["id"], session["resources"], self.repositories),
        )

    def _state(self, session_id: str) -> State:
        runner = self.manager.live(session_id)
        if runner is None:
            raise InvalidRequest(f"session `{session_id}` is not running.")
        return runner.state

    async def _provider(self, session: Doc) -> SandboxProvider:
        choice = await asyncio.shield(self.choice(self._settings(session).sandbox))
        if choice.provider is None:
            raise SandboxUnavailable(choice.reason)
        return choice.provider

    def _spec(self, session: Doc) -> SandboxSpec:
        asked = self._settings(session)
        environment = self.catalog.get("environment", session["environment_id"])
        hosts = allowed_hosts(environment, session["agent"])
        return SandboxSpec(
            session_id=session["id"],
            workspace=self.workspace(session),
            uploads=self.mounted.uploads(session["id"]),
            mounts=self.mounted.mounts(session["id"], self._resources(session["id"])),
            limits=Limits(cpus=asked.cpus, memory=asked.memory, pids=asked.pids, disk=asked.disk),
            network=None if hosts == () else Network(hosts),
            image=asked.image,
            uid=self.config.sandbox_uid,
            python=self.pythons.get(session["id"], self.config.python),
            beside=self.beside(session),
        )

    def _resources(self, session_id: str) -> list[Doc]:
        """The session's resources as they are now."""
        found: list[Doc] = self.catalog.get("session", session_id)["resources"]
        return found

    def _forget(self, session_id: str) -> None:
        self.recorder.forget(session_id)
        self.pythons.pop(session_id, None)


class _NoModel:
    """Stands where no model can be asked: every request fails with what to do about it."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    async def answer(self, request: Doc, preview: Any) -> Any:
        """Raises `ModelError`."""

        raise ModelError(self._problem, type="model_request_failed_error", transient=False)
