"""One turn of an agent as an object: what ``-o NAME`` and ``ja.run`` give.

The worker's thread adds events; any thread may read: the transcript is replaced, never changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_agents.cell import snapshot, words
from jupyter_agents.cell.fold import fold
from jupyter_agents.cell.transcript import Transcript, cut, mark
from jupyter_agents.errors import UserError
from jupyter_agents.kernel import frame, load, script, show
from jupyter_agents.kernel.requests import Request, Requests
from jupyter_agents.kernel.timing import Timing, timing

if TYPE_CHECKING:
    from jupyter_agents.kernel.session import AgentSession

T = TypeVar("T")

PREVIEWS = ("event_start", "event_delta")


class RunFile:
    """A file that the run made or changed. ``open(file)`` and ``pandas.read_csv(file)`` work.

    path: below the session's workspace. size: bytes. kind: ``created`` or ``modified``. url: below
    the server's root, None where it does not serve the file.
    """

    def __init__(self, change: Mapping[str, Any], workspace: Path | None, url: str | None) -> None:
        self.path = str(change["path"])
        self.size: int | None = change.get("size")
        self.kind = str(change.get("kind"))
        self.url = url
        self._workspace = workspace

    def __repr__(self) -> str:
        return f"<RunFile {self.path} {self.size} bytes>"

    def __fspath__(self) -> str:
        return str(self.location)

    @property
    def location(self) -> Path:
        """Where the file lies on this machine.

        Raises
        ------
        UserError
            The workspace is on another machine, or the agent made a link that leads out of it.
        """
        if self._workspace is None:
            raise UserError(f"{self.path} is on the server, not on this machine.")
        path = (self._workspace / self.path).resolve()
        if not path.is_relative_to(self._workspace.resolve()):
            raise UserError(f"{self.path} is a link that leads out of the agent's folder.")
        return path

    def read_bytes(self) -> bytes:
        """The file's content."""
        return self.location.read_bytes()

    def read_text(self, encoding: str = "utf-8") -> str:
        """The file's content as text."""
        return self.location.read_text(encoding)

    def load(self, *, allow_pickle: bool = False, **options: Any) -> Any:
        """What the file holds: a table as a DataFrame, JSON as its value, an array, an image, text.

        Parameters
        ----------
        allow_pickle:
            Whether a pickle may be read. Reading one runs whatever code the agent put into it.
        options:
            Passed on to the reader, such as ``sep=";"`` to `pandas.read_csv`.

        Raises
        ------
        UserError
            The file cannot be read as what its name says, or a package for it is missing
            (`jupyter_agents.kernel.load.load` lists the kinds).
        """
        return load.load(self.location, self.path, allow_pickle=allow_pickle, **options)

    def show(self) -> None:
        """Show the file in this cell: a picture, the first rows of a table, or text."""
        from IPython.display import display

        made: Any = display
        made(dict(show.bundle(self.location, self.path, self.size)), raw=True)


class Run:
    """A turn: what was said, done and made, while it runs and after.

    events: the SDK's events of the turn so far, previews left out. files: `RunFile`s. cost: US
    dollars by list prices, unrounded, None where the model has no price. session: the session, to go
    on with. Properties and methods are for the notebook's own threads.
    """

    def __init__(self, session: AgentSession) -> None:
        self.session = session
        self.events: list[Any] = []
        self.files: list[RunFile] = []
        self.cost: float | None = None
        self.previews: Mapping[str, Mapping[str, Any]] = {}
        self.sandbox: Mapping[str, Any] = {}
        self.transcript = Transcript()
        self.turn = session.turns + 1
        self.following: Future[None] | None = None
        self._model = session.model
        self._sent: float | None = None
        self._first_token: float | None = None

    @property
    def status(self) -> str:
        """``running``, ``waiting``, ``done``, ``interrupted``, ``failed``, ``refused`` ..."""
        return self.transcript.status

    @property
    def text(self) -> str:
        """Everything the agent said in this turn."""
        return self.transcript.text

    @property
    def usage(self) -> dict[str, int]:
        """Tokens of this turn: input, output, cache reads and cache writes."""
        return dict(self.transcript.tokens)

    @property
    def timing(self) -> Timing:
        """Where the time went, seconds: to the first token, each step, model, tools, total."""
        return timing(self._wire(), self._first_token)

    @property
    def requests(self) -> Requests:
        """The model requests of this turn; each one's body and response are fetched when looked at.

        Raises `UserError` where the server cannot be asked.
        """
        place = f"sessions/{self.session.id}/requests"
        answer = self._ask(f"{place}?turn={self.transcript.first_event_id}")
        return Requests([Request(one, partial(self._ask, f"{place}/{one['id']}")) for one in answer["data"]])

    def to_frame(self, of: str = "events") -> Any:
        """The run as a pandas DataFrame.

        Parameters
        ----------
        of:
            What a row is: ``events``, ``steps`` (of the transcript) or ``requests`` (of the model).

        Raises
        ------
        UserError
            This kernel has no pandas, or `of` is something else.
        """
        frame.check(of)
        if of == "events":
            return frame.frame(frame.EVENTS, [frame.event_row(event) for event in self._wire()])
        if of == "steps":
            steps = [step.to_dict() for step in self.transcript.steps]
            return frame.frame(frame.STEPS, [frame.step_row(step) for step in steps])
        return frame.frame(frame.REQUESTS, [frame.request_row(request) for request in self.requests])

    def code(self) -> str:
        """The same run as plain SDK code: agent, environment, files and messages up to this turn.

        It runs as it is against this server or the hosted service. Files are uploaded from the folder
        that it runs in. A message that steered a turn follows as one of its own.
        """
        return self._do(script.code(self.session, self.turn))

    def wait(self, seconds: float | None = None) -> Run:
        """Wait until a run in the background is over, or waits for an answer; gives the run.

        Raises
        ------
        UserError
            The turn failed, was stopped, or is not over after `seconds`; then it goes on.
        """
        if self.following is not None:
            try:
                self.following.result(seconds)
            except TimeoutError:
                raise UserError(f"The run goes on after {seconds:g} s; wait again.") from None
        return self

    def file(self, path: str) -> RunFile:
        """The produced file at `path`; raises UserError naming what there is."""
        for file in self.files:
            if file.path == path:
                return file
        paths = ", ".join(file.path for file in self.files) or "no files"
        raise UserError(f"The run made no file {path!r}; it made {paths}.")

    def begin(self, first_event_id: str, *, sent: bool = False) -> None:
        """The turn starts with the stored event of this id; `sent`: just now, by this kernel."""
        self.transcript = Transcript(first_event_id)
        self._sent = time.monotonic() if sent else None

    def add(self, event: Any) -> None:
        """Take one of the SDK's events."""
        if event.type == "event_start" and self._sent is not None and self._first_token is None:
            self._first_token = time.monotonic() - self._sent
        self.transcript = fold(self.transcript, event.to_dict(mode="json"))
        if self.transcript.opened and event.type not in PREVIEWS:
            self.events.append(event)

    def mark(self, id: str, **changes: Any) -> None:
        """Note what only this kernel knows of a call that it runs (jupyter_agents.cell.steps.Tool)."""
        self.transcript = mark(self.transcript, id, **changes)

    def abandon(self) -> None:
        """Nobody follows the turn any more; what is there is the end of it here."""
        if not self.transcript.over:
            self.transcript = cut(self.transcript, "interrupted")

    def record(self) -> dict[str, Any]:
        """The JSON of docs/transcript.md."""
        transcript = self.transcript.to_dict()
        transcript["files"] = [self._file(file) for file in self.files]
        transcript["footer"] |= {
            "model": self._model,
            "turn": self.turn,
            "cost_usd": self.cost,
            "sandbox": words.sandbox(self.sandbox.get("kind")),
            "replayed": bool(self.sandbox.get("replayed")),
        }
        return {
            "schema": 1,
            "session_id": self.session.id,
            "turn": self.turn,
            "first_event_id": self.transcript.first_event_id,
            "live": not self.transcript.over,
            "transcript": transcript,
        }

    def _file(self, file: RunFile) -> dict[str, Any]:
        entry = {"path": file.path, "size": file.size, "file_id": None, "url": file.url}
        preview = self.previews.get(file.path)
        return entry if preview is None else {**entry, "preview": preview}

    def bundle(self) -> dict[str, Any]:
        """The MIME bundle of the run as it stands."""
        return snapshot.bundle(self.record(), self._links())

    def _wire(self) -> list[dict[str, Any]]:
        return [event.to_dict(mode="json") for event in self.events]

    def _ask(self, path: str) -> Any:
        return self._do(self.session.connection.get(path))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        from jupyter_agents.kernel.notebook import current
        from jupyter_agents.kernel.problems import explain

        try:
            return current().worker.run(work)
        except Exception as error:
            raise explain(error) from error

    def _links(self) -> dict[str, str]:
        """Each file's way from this folder, which is the notebook's."""
        workspace = self.sandbox.get("workspace")
        if not workspace or not Path(str(workspace)).is_dir():
            return {}
        base = os.path.relpath(str(workspace))
        return {file.path: Path(base, file.path).as_posix() for file in self.files}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.bundle()

    def __repr__(self) -> str:
        return f"<Run {self.status}, turn {self.turn} of {self.session.id}, {len(self.files)} files>"
