"""Below a turn that is over: its files are put back, and a new session goes on from its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_agents.testing import call, say
from tests.browser.lab import MIME, Place, open_notebook
from tests.browser.sessions import WAIT, Session


class Turns(Session):
    """A session whose turns stand in its notebook."""

    def __init__(self, place: Place, *commands: str) -> None:
        super().__init__(place)
        self.turns = [self._turn(number, command) for number, command in enumerate(commands, 1)]

    def _turn(self, number: int, command: str) -> str:
        answer = [say("All right.")]
        turn = self.begin([call("bash", command=command)], answer) if command else self.begin(answer)
        self.until("session.status_idle", number)
        return turn

    def write(self, name: str) -> str:
        """Write the turns, as the server draws them, into a notebook; its address."""
        body = {"notebook": name, "shown": {}}
        path = f"jupyter-agents/local/sessions/{self.id}/turns"
        drawn = [self.lab.request(f"{path}/{turn}/snapshot", body)["data"] for turn in self.turns]
        return self.lab.notebook(name, *(data[MIME] for data in drawn))

    def workspace(self, session_id: str = "") -> Path:
        found = self.lab.request(f"jupyter-agents/local/sessions/{session_id or self.id}/sandbox")
        return self.lab.root / found["path"]

    def files(self, session_id: str = "") -> dict[str, str]:
        folder = self.workspace(session_id)
        return {path.name: path.read_text() for path in folder.iterdir() if path.suffix == ".txt"}


def below(page: Any, number: int) -> Any:
    """What stands below a turn."""
    return page.locator(".ja-run").nth(number - 1).locator(".ja-rewind")


def test_files_are_put_back_and_a_session_is_forked(page: Any, place: Place) -> None:
    session = Turns(place, "echo one > a.txt", "echo two > a.txt; echo b > b.txt; echo c > c.txt", "")
    (session.workspace() / "c.txt").write_text("mine")
    open_notebook(page, session.write(session.name))
    first, second, third = (below(page, number) for number in (1, 2, 3))
    third.get_by_role("button", name="Fork").wait_for()
    assert third.get_by_role("button").all_inner_texts() == ["Fork"]

    second.get_by_role("button", name="Undo files").press("Enter")
    second.get_by_text("changed in this turn and later: a.txt, b.txt, c.txt").wait_for()
    assert session.files() == {"a.txt": "two\n", "b.txt": "b\n", "c.txt": "mine"}
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    second.get_by_text("2 files put back as before.").wait_for()
    assert second.get_by_role("status").locator("div").all_inner_texts() == [
        "The last 2 turns were undone.",
        "2 files put back as before.",
        "Put back: a.txt",
        "Removed: b.txt",
        "Kept: c.txt: somebody else has changed it since",
    ]
    assert session.files() == {"a.txt": "one\n", "c.txt": "mine"}

    first.get_by_role("button", name="Fork").press("Enter")
    fork = first.locator("code").inner_text().removeprefix("%%agent --session ")
    assert session.files(fork) == {"a.txt": "one\n"}
    metadata = session.client.sessions.retrieve(fork).metadata
    assert metadata["jupyter-agents/notebook"] == session.name
    origin, _, end = metadata["jupyter-agents/forked-from"].partition("/")
    events = [event.id for event in session.client.sessions.events.list(session.id)]
    assert origin == session.id
    assert session.turns[0] in events[: events.index(end)] and session.turns[1] in events[events.index(end) :]


def test_while_the_session_runs_the_server_says_why_not(page: Any, place: Place) -> None:
    session = Turns(place, "echo one > a.txt")
    open_notebook(page, session.write(session.name))
    session.begin([call("bash", command=WAIT)], [say("Done.")])
    session.until("agent.tool_use", 2)
    shown = below(page, 1)
    shown.get_by_role("button", name="Undo files").click()
    shown.get_by_role("button", name="Put back 1 file").click()
    shown.get_by_role("status").get_by_text("The session is running: send user.interrupt").wait_for()
    assert session.files() == {"a.txt": "one\n"}
    session.go()
    session.until("session.status_idle", 2)


def test_no_button_is_there_before_the_answer_or_in_a_strangers_notebook(page: Any, place: Place) -> None:
    session = Turns(place, "echo one > a.txt")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response("**/approvals?*"):
        open_notebook(page, session.write("strange.ipynb"))
    page.wait_for_timeout(500)
    assert page.locator(".ja-rewind button:visible").count() == 0
    assert not [url for url in asked if "/changes" in url]

    held: list[Any] = []
    page.route("**/approvals?*", lambda route: held.append(route))
    open_notebook(page, session.write(session.name))
    page.locator(".ja-turn-done").wait_for()
    page.wait_for_timeout(500)
    assert held and page.locator(".ja-rewind button:visible").count() == 0
    for route in held:
        route.continue_()
    below(page, 1).get_by_role("button", name="Undo files").wait_for()
