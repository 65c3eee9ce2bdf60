"""The runtime of one server process: store, files, model, sandboxes and sessions, wired together."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import Any

from jupyter_agents.domain import history
from jupyter_agents.domain.policy import Policy
from jupyter_agents.domain.prompt import NOTEBOOK_NOTE
from jupyter_agents.domain.refused import REFUSED, newest
from jupyter_agents.domain.state import State
from jupyter_agents.domain.tools import needs_sandbox
from jupyter_agents.errors import InvalidRequest, ModelError
from jupyter_agents.ids import Clock, IdSource, NewId, utc_now
from jupyter_agents.runtime import health, metrics
from jupyter_agents.runtime.approvals import Approvals
from jupyter_agents.runtime.archives import Archives
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.endpoint import Endpoint
from jupyter_agents.runtime.fetch import Fetcher
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.following import Following
from jupyter_agents.runtime.fork import Forks
from jupyter_agents.runtime.git import GitLimits
from jupyter_agents.runtime.manager import Parts, SessionManager
from jupyter_agents.runtime.mcp import SessionMcp
from jupyter_agents.runtime.metrics import CountedModel
from jupyter_agents.runtime.model import Answer, AnthropicModel, Model, Preview
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.outputs import Outputs
from jupyter_agents.runtime.recorder import Recorder
from jupyter_agents.runtime.refusals import Refusals
from jupyter_agents.runtime.replay import ReplayModel
from jupyter_agents.runtime.repositories import Checkouts, Repositories
from jupyter_agents.runtime.resources import Resources
from jupyter_agents.runtime.sandboxes import Providers, Sandboxes
from jupyter_agents.runtime.search import Searcher
from jupyter_agents.runtime.snapshots import SessionSnapshots
from jupyter_agents.runtime.streams import Hub
from jupyter_agents.runtime.sweep import Sweep
from jupyter_agents.runtime.tools import SessionTools
from jupyter_agents.runtime.undo import Undo
from jupyter_agents.runtime.web import WebTools
from jupyter_agents.store.blobs import Blobs
from jupyter_agents.store.catalog import Catalog, Where
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import Journal
from jupyter_agents.store.ownership import Ownership
from jupyter_agents.store.snapshots import Snapshots

Doc = dict[str, Any]

DATABASE = "agents.db"
REFUSED_RECORDS = 1000

log = logging.getLogger(__name__)


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
        self.snapshots = Snapshots(config.data_dir / "snapshots")
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
        self.sweep = Sweep(
            self.catalog, self.blobs, self.files, self.mounted, self.repositories, self.snapshots, clock
        )
        self.hub = Hub()
        self.endpoint = Endpoint(config.data_dir, config.model_base_url, policy=config.policy)
        self.sandboxes = Sandboxes(config, providers, self.catalog, self.mounted)
        self.archives = Archives(
            config.data_dir / "workspaces",
            self.sandboxes.life,
            self.sandboxes.workspace,
        )
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
                check_startable=self.sandboxes.check_startable,
                check=self.sandboxes.check_session,
                check_packages=self.sandboxes.check_packages,
                places=lambda doc: [NOTEBOOK_NOTE] if self.sandboxes.beside(doc) else [],
                life=self.sandboxes.life,
                turn_ended=self.recorder.write_soon,
                over=self.archives.keep,
                forget=self._forget,
                write=self.database.write,
                max_files=config.max_files,
            )
        )
        self.resources = Resources(
            self.catalog, self.manager, self.mounted, self.repositories, config.max_files, clock
        )
        self.approvals = Approvals(self.manager, self.journal)
        self.undo = Undo(
            self.manager,
            self.catalog,
            self.journal,
            self.snapshots,
            self.sandboxes.workspace,
            config.snapshots.file_bytes,
        )

        self.forks = Forks(
            self.manager,
            self.catalog,
            self.journal,
            self.snapshots,
            self.sandboxes,
            self.mounted,
            clock,
            self.new_id,
        )

    async def start(self) -> None:
        """Let what was running go on, and find out which sandboxes work."""
        metrics.watch(self._metrics)
        self.sandboxes.start()
        await asyncio.gather(self.manager.start(), asyncio.to_thread(self.endpoint.prepare))
        self._sweeping = asyncio.create_task(self._sweep(), name="sweep the store")

    async def stop(self) -> None:
        """End sandboxes and streams, then close the store."""
        metrics.unwatch(self._metrics)
        if self._sweeping is not None:
            await asyncio.wait([self._sweeping])
        await self.manager.stop()
        await self.recorder.close()
        await self.sandboxes.close()
        await self.endpoint.close()
        self.fetcher.close()
        self.database.close()

    async def _sweep(self) -> None:
        try:
            await self.sweep.run()
        except (OSError, sqlite3.Error) as error:
            log.warning("The store cannot be swept: %s", error)

    def model(self, session_id: str) -> Model:
        """The model of a session: its recording where it has one, else the endpoint."""
        recordings = self.recorder.recordings(session_id)
        if recordings is not None:
            return CountedModel(ReplayModel(recordings))
        return CountedModel(self._endpoint_model())

    def _metrics(self) -> tuple[metrics.Samples, dict[str, int]]:
        counts = {s: self.catalog.count("session", Where(("status = ?",), (s,))) for s in metrics.STATUSES}
        return health.sandboxes(self), counts

    def _endpoint_model(self) -> Model:
        problem = self.endpoint.problem()
        if problem is not None:
            return _NoModel(problem)
        return _Allowed(AnthropicModel(self.endpoint.client(), self._dropped), self.config.policy)

    def _tools(self, session: Doc) -> SessionTools:
        refusals = Refusals(self.clock)
        return SessionTools(
            session["id"],
            lambda: needs_sandbox(session["agent"]),
            lambda: self.sandboxes.spec(session, refusals.told),
            lambda: self.sandboxes.provider(session),
            self.config.root_dir,
            self.files,
            self.blobs,
            self.clock,
            lambda: self.recorder.recordings(session["id"]),
            SessionMcp(self.config.mcp, lambda: self.recorder.recordings(session["id"])),
            WebTools(lambda: self._state(session["id"]), self.fetcher, self.searcher),
            Checkouts(session["id"], session["resources"], self.repositories),
            refusals,
            lambda outputs: self._following(session, outputs),
            self.config.snapshots.files,
        )

    def _following(self, session: Doc, outputs: Outputs) -> Following:
        id, limits = session["id"], self.config.snapshots
        return Following(
            id,
            lambda: history.read(self.journal.read(id)),
            lambda workspace: SessionSnapshots(workspace, self.snapshots.of(id), limits),
            outputs,
            self.clock,
        )

    def refused(self, session_id: str) -> list[Doc]:
        """The newest hosts that the network refused to a session; see `domain.refused`. Blocks."""
        runner = self.manager.live(session_id)
        pending = [] if runner is None else runner.tools.refusals.pending
        told = self.journal.private(session_id, REFUSED, REFUSED_RECORDS)
        return newest([*(one for record in told for one in record["refused"]), *pending])

    def _state(self, session_id: str) -> State:
        runner = self.manager.live(session_id)
        if runner is None:
            raise InvalidRequest(f"session `{session_id}` is not running.")
        return runner.state

    async def _forget(self, session_id: str) -> None:
        await asyncio.to_thread(self.snapshots.forget, session_id)
        self.recorder.forget(session_id)
        self.sandboxes.forget(session_id)
        self.archives.forget(session_id)


class _Allowed:
    """A model that is not asked for more than the administrator allows now.

    The agent of an older session may name a model that was allowed when it was made.
    """

    def __init__(self, model: Model, policy: Policy) -> None:
        self._model = model
        self._policy = policy

    async def answer(self, request: Doc, preview: Preview) -> Answer:
        """See `Model`."""
        problem = self._policy.model_problem(request["model"])
        if problem is not None:
            raise ModelError(problem, type="model_request_failed_error", transient=False)
        return await self._model.answer(request, preview)


class _NoModel:
    """Stands where no model can be asked: every request fails with what to do about it."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    async def answer(self, request: Doc, preview: Any) -> Any:
        """Raises `ModelError`."""

        raise ModelError(self._problem, type="model_request_failed_error", transient=False)
