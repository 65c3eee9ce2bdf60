"""Whatever agent and user do, in whatever order: an undo takes nothing of the user's."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from jupyter_agents.domain import events, history
from jupyter_agents.domain.events import Record
from jupyter_agents.domain.undoing import Undone
from jupyter_agents.runtime.following import Following
from jupyter_agents.runtime.snapshots import SessionSnapshots, SnapshotLimits
from jupyter_agents.runtime.undo import Undo, record_of
from jupyter_agents.sandbox.changes import Changes
from jupyter_agents.store.snapshots import Snapshots
from tests.domain.talk import Talk, text

PATHS = ("a", "b", "in/c", "in/er/d")
numbers = itertools.count()

WHAT = st.tuples(st.sampled_from(PATHS), st.sampled_from(("write", "write", "delete", "append")))
DEEDS = st.lists(WHAT, max_size=3)


class Nothing:
    """No outputs, and a journal in memory."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk

    def note(self, changes: Any) -> None:
        pass

    def read(self, session_id: str) -> Iterator[Record]:
        return iter(self.talk.records)


class Workspace(RuleBasedStateMachine):
    """One workspace; an agent's calls, a user's edits, undos, and restarts of the server."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.root = self.folder / "workspace"
        self.root.mkdir()
        self.loop = asyncio.Runner()
        self.talk = Talk()
        self.store = Snapshots(self.folder / "kept")
        self.users: dict[str, str | None] = {}
        self.seen: dict[str, str] = {}
        self.lasting: dict[str, tuple[int, str | None]] = {}
        self.before: dict[str, str] | None = None
        self.turns: list[str] = []
        self.following: Any = None
        self.restart()

    @rule()
    def restart(self) -> None:
        if self.following is not None:
            self.loop.run(self.following.close())
        nothing: Any = Nothing(self.talk)
        self.following = Following(
            "sesn_1",
            lambda: history.read(self.talk.records),
            lambda root: SessionSnapshots(root, self.store.of("sesn_1"), SnapshotLimits()),
            nothing,
            self.talk.clock,
        )
        self.undo = Undo(nothing, nothing, nothing, self.store, nothing, 1000)

    @rule(deeds=DEEDS)
    def edit(self, deeds: list[tuple[str, str]]) -> None:
        """The user edits."""
        for path, what in deeds:
            self._do(path, what, "user")
            self.users[path] = self.files().get(path)
            self.before = None

    @rule(calls=st.lists(DEEDS, min_size=1, max_size=3), between=DEEDS)
    def turn(self, calls: list[list[tuple[str, str]]], between: list[tuple[str, str]]) -> None:
        """The agent works, and the user edits between two of its calls."""
        self.turns.append(self.talk.message("go"))
        self.before = self.files()
        self.talk.running()
        self.talk.process(self.turns[-1])
        self.following.turn_begins()
        for number, deeds in enumerate(calls):
            self.loop.run(self._call(deeds))
            if number == 0:
                self.edit(between)
        self.talk.ask()
        self.talk.answer(text("Done."))
        self.talk.idle()

    async def _call(self, deeds: list[tuple[str, str]]) -> None:
        self.talk.ask()
        (id,) = self.talk.calls("allow")
        self._note_edits()
        await self.following.begin(self.root, Changes.start)
        for type, private in await self.following.before(writes=True):
            self.talk.private(type, private)
        for path, what in deeds:
            self._do(path, what, "agent")
            self.users.pop(path, None)
        changes = await self.following.after(id, writes=True)
        self.talk.event(events.tool_result(id, [], is_error=False), {"changes": changes})
        self.seen = self.files()

    def _note_edits(self) -> None:
        """What the user left of each file, and in which turn, however many edits that took."""
        now = self.files()
        for path in now.keys() | self.seen.keys():
            if now.get(path) != self.seen.get(path):
                self.lasting[path] = (len(self.turns), now.get(path))

    @precondition(lambda self: self.turns)
    @rule(back=st.integers(1, 3), recorded=st.booleans())
    def take_back(self, back: int, recorded: bool) -> None:
        """Undo, twice; a server that is killed in between records nothing of the first."""
        event_id = self.turns[-back:][0] if back > 1 else None
        mine = {path: self.files().get(path) for path in self.users}
        self._note_edits()
        self._undo(event_id, recorded)
        once = self.files()
        assert {path: once.get(path) for path in self.users} == mine
        first = len(self.turns) - len(self.turns[-back:]) + 1
        kept = {path: left for path, (turn, left) in self.lasting.items() if turn >= first}
        assert {path: once.get(path) for path in kept} == kept
        if back == 1 and self.before is not None:
            assert once == self.before
        self.seen = once
        again = self._undo(event_id, True)
        assert self.files() == once and not again.put

    def _undo(self, event_id: str | None, recorded: bool) -> Undone:
        self.loop.run(self.following.still())
        undone, versions = self.undo._restore("sesn_1", self.root, event_id)
        if recorded and versions:
            self.following.restored({path: now for path, (now, _) in versions.items()})
            docs = record_of(versions, "2026-11-21T12:00:00.000000Z")
            self.talk.private(history.UNDO, {"changes": docs, "news": []})
        elif versions:
            self.restart()
        assert not undone.failed
        return undone

    def files(self) -> dict[str, str]:
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_text() for path in found}

    def _do(self, path: str, what: str, who: str) -> None:
        place, new = self.root / path, f"{who} {next(numbers)}\n"
        if what == "delete":
            place.unlink(missing_ok=True)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("w" if what == "write" else "a") as file:
            file.write(new)

    def teardown(self) -> None:
        self.loop.run(self.following.close())
        self.loop.close()
        shutil.rmtree(self.folder)


def test_an_undo_takes_nothing_of_the_users() -> None:
    run_state_machine_as_test(
        Workspace,
        settings=settings(
            max_examples=60,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
