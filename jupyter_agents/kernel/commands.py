"""The subcommands of ``%agent``. Each takes the notebook's state and the words after its name."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from jupyter_agents.kernel import front, status, toolbox
from jupyter_agents.kernel.call import show
from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.conduct import answer
from jupyter_agents.kernel.defining import Defining
from jupyter_agents.kernel.looking import Looking
from jupyter_agents.kernel.lookup import session_id
from jupyter_agents.kernel.notebook import NOTEBOOK, Notebook
from jupyter_agents.kernel.options import approve_parser, attach_parser, split
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.rewinding import Rewinding
from jupyter_agents.kernel.run import Run
from jupyter_agents.kernel.session import AgentSession
from jupyter_agents.kernel.steering import Steering
from jupyter_agents.kernel.turns import last_turn, settled

HELP = """\
%%agent [NAME] [options]      send the cell's text to an agent; %%agent? has the options
%agent                        the state, and what to do about what is missing
%agent define NAME [options]  create or update an agent: --model --system --tools
                              --max-turns --description, --file x.agent.yaml;
                              --expand for {{ name }}
%%agent define NAME           the same with the API's fields as YAML in the cell
%agent diff NAME 1 2          two versions of an agent side by side
%agent env NAME [options]     create or update an environment: --network --packages
                              --image --cpus --memory --pids --open-files --file-size
                              --disk --sandbox --call-timeout --idle-timeout
                              --stop-timeout --hosting; %%agent env NAME with YAML;
                              %agent env lists them
%agent agents                 the agents of this server
%agent show NAME|SESSION      an agent or a session as a card
%agent login                  give the server a model key; it is asked for, never written
%agent sessions               the sessions of this server, newest first
%agent steer TEXT             a message into the turn that runs
%agent files [ID]             the files that a session was given and made
%agent cost                   tokens and list cost by session and in all
%agent doctor                 probe everything, and say what to do
%agent attach [ID] [--tool F] show the last turn of a session, and go on with it;
                              calls of F that wait are answered
%agent approve [ID]           let the calls that wait in the latest session run, or one;
                              --always: and this tool from now on in this session
%agent deny REASON            do not let them run; the agent is told why
%agent undo [NAME|SESSION]    put back the files that the last turn changed; what
                              anybody else has changed since stays
%agent fork EVENT             go on from an event, or from the end of turn 1, 2, ..., in
                              a new session with the files of then; --session ID first
%agent interrupt              stop the latest session's turn
%agent archive ID | delete ID end a session; delete its files too
%agent record DIR             keep a run file of every session in DIR
%agent replay DIR             answer new sessions from the run files in DIR
%agent off                    neither record nor replay

A session's ID may be given by its last four characters or more."""


class Commands(Defining, Looking, Rewinding, Steering):
    """What `%agent` can do.

    say: prints a line. interactive: whether someone can answer questions. names: the notebook's
    variables.
    """

    def __init__(
        self,
        notebook: Notebook,
        say: Callable[[str], None],
        interactive: Callable[[], bool],
        names: Mapping[str, Any],
    ) -> None:
        self._names = names
        self._notebook = notebook
        self._say = say
        self._interactive = interactive

    def state(self) -> status.State:
        """``%agent``"""
        connection = self._notebook.connect()
        found = self._notebook.worker.run(connection.get("status"))
        recordings = self._notebook.recordings
        replay = found.get("replay") or recordings.replay_from
        return status.state(
            found | {"replay": replay, "replay_problem": recordings.problem()},
            connection.base_url,
            connection.address.origin,
            len(self._notebook.sessions),
            bare_page=self._notebook.worker.run(front.is_bare(connection)),
        )

    def login(self, line: str) -> None:
        """``%agent login``: the key goes to the server and nowhere else."""
        if line:
            raise AgentError(
                "Do not write the key into the notebook: run %agent login alone, it asks for it. "
                "The key in this cell is now in your history; revoke it if it is a real one."
            )
        if not self._interactive():
            raise AgentError("Nobody can type a key here. Set ANTHROPIC_API_KEY before the server starts.")
        key = getpass.getpass("API key: ").strip()
        if not key:
            raise AgentError("No key was given; nothing changed.")
        connection = self._notebook.connect()
        model = self._notebook.worker.run(connection.post("credentials", {"api_key": key}))
        state = "ready" if model["ready"] else f"not ready: {model['problem']}"
        self._say(f"The server keeps the key. The model endpoint {model['base_url']} is {state}.")

    def record(self, line: str) -> None:
        """``%agent record DIR``"""
        if line == "off":
            return self.off("")
        self._notebook.recordings.record(self._one(line, "record DIR"))
        self._say(f"Each session is recorded to {self._notebook.recordings.record_to}.")

    def replay(self, line: str) -> None:
        """``%agent replay DIR``"""
        if line == "off":
            return self.off("")
        self._notebook.recordings.replay(self._one(line, "replay DIR"))
        self._notebook.sessions.clear()
        self._say(f"New sessions are answered from {self._notebook.recordings.replay_from}.")

    def off(self, line: str) -> None:
        """``%agent off``"""
        self._nothing(line, "off")
        if self._notebook.recordings.replay_from is not None:
            self._notebook.sessions.clear()
        self._notebook.recordings.off()
        self._say("Recording and replay are off.")

    def sessions(self, line: str) -> None:
        """``%agent sessions``"""
        self._nothing(line, "sessions")
        found = self._notebook.worker.run(_list(self._notebook.connect(), 20))
        own = {session.id for session in self._notebook.sessions.values()}
        if not found:
            self._say("There are no sessions yet.")
        for session in found:
            mark = "*" if session.id in own else " "
            made = session.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
            self._say(f"{mark} {session.id}  {session.status:<12} {made}  {session.agent.name}")

    def attach(self, line: str) -> Run:
        """``%agent attach [ID]``: show the last turn, and go on with that session or the latest one."""
        given = attach_parser().parse(line)
        offered = toolbox.of_names(self._names, given.tool, given.tools_from)
        connection = self._notebook.connect()
        finding = self._newest(connection) if given.id is None else _find(connection, given.id)
        session = self._notebook.worker.run(finding)
        self._notebook.remember(session)
        session.toolbox = offered or session.toolbox
        count, _ = last_turn(self._notebook.worker.run(session.history()))
        if count > 1:
            self._say(f"{session.id} has had {count} turns; here is the last one.")
        return self._rejoin(session)

    def approve(self, line: str) -> Run:
        """``%agent approve [ID] [--always]``: let the waiting calls run, or the one of this id."""
        given = approve_parser().parse(line)
        return self._answer(True, "", given.id, given.always)

    def deny(self, line: str) -> Run:
        """``%agent deny REASON``: the waiting calls do not run; the agent is told why."""
        return self._answer(False, line or "The user said no.")

    def interrupt(self, line: str) -> None:
        """``%agent interrupt``: stop the latest session's turn."""
        self._nothing(line, "interrupt")
        session = self._latest()
        if not self._notebook.worker.run(_has_turn(session)):
            raise AgentError(
                f"{session.name} is not at work and waits for nothing: there is nothing to stop."
            )
        self._notebook.worker.run(session.interrupt())
        self._say(f"The turn of {session.id} is being stopped.")

    def archive(self, line: str) -> None:
        """``%agent archive ID``"""
        id = self._id(line, "archive ID")
        sessions = self._notebook.connect().sdk.beta.sessions
        self._notebook.worker.run(_awaited(sessions.archive(id)))
        self._forget(id)
        self._say(f"{id} is archived.")

    def delete(self, line: str) -> None:
        """``%agent delete ID``"""
        id = self._id(line, "delete ID")
        sessions = self._notebook.connect().sdk.beta.sessions
        self._notebook.worker.run(_awaited(sessions.delete(id)))
        self._forget(id)
        self._say(f"{id} is deleted.")

    def help(self, line: str) -> None:
        """``%agent help``"""
        self._say(HELP)

    def _answer(self, allow: bool, reason: str, id: str | None = None, always: bool = False) -> Run:
        session = self._latest()
        past = self._notebook.worker.run(session.history())
        _, turn = last_turn(past)
        if turn is None or not turn.waiting:
            raise AgentError(f"No call of {session.name} waits for an answer.")
        chosen = [tool for tool in turn.waiting if id in (None, tool.id)]
        if not chosen:
            raise AgentError(f"{id} does not wait; what waits is {', '.join(t.id for t in turn.waiting)}.")
        answered: set[str] = set()
        for tool in chosen:
            kind = next(event.type for event in past if event.id == tool.id)
            if allow and kind == "agent.custom_tool_use" and tool.name in session.toolbox.offers:
                continue
            if always and kind != "agent.custom_tool_use":
                rule = {"tool": tool.name, "server": tool.server}
                self._notebook.worker.run(session.connection.post(f"sessions/{session.id}/rules", rule))
            self._notebook.worker.run(answer(session, tool, kind, allow, reason))
            answered.add(tool.id)
        return self._rejoin(session, answered, "allow" if allow and not answered else None)

    def _rejoin(
        self, session: AgentSession, answered: AbstractSet[str] = frozenset(), on_ask: str | None = None
    ) -> Run:
        """Draw the last turn of `session` in this cell, and follow it.

        answered: calls whose answers may not be in the history yet.
        """
        past = self._notebook.worker.run(session.history())
        session.turns, turn = last_turn(past)
        if turn is None or turn.first_event_id is None:
            raise AgentError(f"The session {session.id} has had no turn yet.")
        run = Run(session)
        run.turn = session.turns
        run.begin(turn.first_event_id)
        done = settled(past, {tool.id for tool in turn.waiting} - answered)
        asking = self._notebook.worker.run(front.on_ask(self._notebook, session.connection, self._on_ask()))
        show(self._notebook, run, session.follow(), on_ask or asking, settled=done)
        return run

    def _on_ask(self) -> str:
        return self._notebook.on_ask(self._interactive())

    async def _newest(self, connection: Connection) -> AgentSession:
        """The latest session of this notebook, also after a restart of its kernel."""
        if self._notebook.latest is not None:
            return self._notebook.latest
        async for found in connection.sdk.beta.sessions.list(limit=100):
            if found.metadata.get(NOTEBOOK) == self._notebook.location:
                return AgentSession(connection, found)
        raise AgentError("This notebook has no session yet; %agent sessions lists the others.")

    def _forget(self, id: str) -> None:
        if self._notebook.latest is not None and self._notebook.latest.id == id:
            self._notebook.latest = None
        known = self._notebook.sessions
        for key in [key for key, session in known.items() if session.id == id]:
            del known[key]

    def _id(self, line: str, usage: str) -> str:
        """The whole id of the session that a line names."""
        return self._notebook.worker.run(session_id(self._notebook.connect(), self._one(line, usage)))

    @staticmethod
    def _one(line: str, usage: str) -> str:
        words = split(line)
        if len(words) != 1:
            raise AgentError(f"Usage: %agent {usage}")
        return words[0]


async def _find(connection: Connection, id: str) -> AgentSession:
    whole = await session_id(connection, id)
    return AgentSession(connection, await connection.sdk.beta.sessions.retrieve(whole))


async def _list(connection: Connection, limit: int) -> list[Any]:
    return list((await connection.sdk.beta.sessions.list(limit=limit)).data)


async def _has_turn(session: AgentSession) -> bool:
    """Whether a turn runs, or waits for an answer."""
    _, turn = last_turn(await session.history())
    return turn is not None and not turn.over


async def _awaited(work: Any) -> Any:
    return await work
