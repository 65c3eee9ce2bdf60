"""kill -9 while an undo is at work: done again, it is whole, and nothing of the user's is lost."""

from __future__ import annotations

import multiprocessing
import random
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx2

from jupyter_agents.testing import ScriptedModel, call, say
from tests.needs import need
from tests.server.test_kill import new_session, server
from tests.support import Home, Server

KILLS = 5
FILES = 300
MINE = [f"{number}.txt" for number in range(0, FILES, 50)]


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def undo(running: Server, session: str) -> Any:
    return running.request("POST", f"local/sessions/{session}/undo").json()


def test_an_undo_that_is_killed_is_done_again(home: Home, scripted: ScriptedModel) -> None:
    need("bwrap")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jupyter_agents.server.standalone", "anthropic"])
    write = f"for n in $(seq 0 {FILES - 1}); do echo $n > $n.txt; done; echo old > kept"
    spoil = "for f in *.txt; do echo spoilt > $f; done; rm kept; for n in $(seq 50); do echo x > new$n; done"
    scripted.script[:] = [[call("bash", command=write)], [say("One.")]]
    scripted.script += [[call("bash", command=spoil)], [say("Two.")]]
    chance = random.Random(20261127)

    with server(home, context) as (running, _), closing(running):
        session = new_session(running)
        running.turn(session, "one")
        place = running.request("GET", f"local/sessions/{session}/sandbox").json()["workspace"]
        before = files(Path(place))
        running.turn(session, "two")
    for name in MINE:
        (Path(place) / name).write_text("edited")

    for _ in range(KILLS):
        with server(home, context) as (running, process), closing(running):
            threading.Timer(chance.uniform(0, 0.4), process.kill).start()
            with suppress(httpx2.HTTPError):
                undo(running, session)
            process.join()
        found = files(Path(place))
        assert all(found[name] == "edited" for name in MINE)

    with server(home, context) as (running, _), closing(running):
        last = undo(running, session)
        assert sorted(entry["path"] for entry in last["conflicts"]) == sorted(MINE)
        assert last["failed"] == []
        done = len(last["restored"]) + len(last["unchanged"])
        assert done == FILES + 1 + 50 - len(MINE)
        assert files(Path(place)) == before | dict.fromkeys(MINE, "edited")
        again = undo(running, session)
        assert again["restored"] == [] and len(again["unchanged"]) == done
