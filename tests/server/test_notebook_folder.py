"""The notebook's folder, as a user has it: through the SDK, over HTTP, in a real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from jupyter_agents.domain.prompt import NOTEBOOK_NOTE
from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import Home, Server, serving

SECRET = "s3cret-value"
NOTEBOOK = "jupyter-agents/notebook"


@pytest.fixture
def folder(server: Server) -> Path:
    """A notebook's folder with data and a secret."""
    made = server.home.root / "project"
    made.mkdir(exist_ok=True)
    (made / "data.csv").write_text("a\n1\n")
    (made / ".env").write_text(SECRET)
    return made


def said(events: list[Any]) -> list[str]:
    return [e.content[0].text for e in events if e.type == "agent.tool_result"]


def told(scripted: ScriptedModel) -> str:
    return str(scripted.requests[-1]["system"])


def test_plot_data_csv_works_beside_data_csv(server: Server, scripted: ScriptedModel, folder: Path) -> None:
    scripted.script += [
        [call("bash", command="cat /mnt/notebook/data.csv; cat /mnt/notebook/.env")],
        [call("write", file_path="/mnt/notebook/new.txt", content="x")],
        [say("Done.")],
    ]
    session = server.session(metadata={NOTEBOOK: "project/a.ipynb"})
    read, written = said(server.turn(session.id, "go"))
    assert "a\n1\n" in read and SECRET not in read
    assert "read-only" in written and not (folder / "new.txt").exists()
    assert NOTEBOOK_NOTE in told(scripted)


def test_a_hidden_file_that_is_saved_anew_stays_hidden(
    server: Server, scripted: ScriptedModel, folder: Path
) -> None:
    look = "cat /mnt/notebook/.env /mnt/notebook/.new; ls /mnt/notebook"
    scripted.script += [
        [call("bash", command=look)],
        [say("One.")],
        [call("bash", command=look)],
        [say("Two.")],
    ]
    session = server.session(metadata={NOTEBOOK: "project/a.ipynb"})
    (first,) = said(server.turn(session.id, "go"))
    (folder / "saved").write_text(SECRET)
    (folder / "saved").replace(folder / ".env")
    (folder / ".new").write_text(SECRET)
    (second,) = said(server.turn(session.id, "again"))
    assert "data.csv" in first and "data.csv" in second
    assert SECRET not in first + second
    (folder / ".new").unlink()


def test_other_sessions_are_not_shown(server: Server, scripted: ScriptedModel, folder: Path) -> None:
    scripted.script += [[call("bash", command=f"echo {SECRET} > theirs.txt")], [say("One.")]]
    other = server.session(metadata={NOTEBOOK: "project/a.ipynb"})
    server.turn(other.id, "go")
    (made,) = folder.glob(f"agents/*-{other.id[-6:]}/theirs.txt")
    scripted.script += [[call("bash", command="grep -r . /mnt/notebook; ls /mnt/notebook")], [say("Two.")]]
    session = server.session(metadata={NOTEBOOK: "project/a.ipynb"})
    (found,) = said(server.turn(session.id, "go"))
    assert SECRET not in found and "data.csv" in found and made.exists()


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {NOTEBOOK: "project/a.ipynb", "jupyter-agents/notebook-folder": "no"},
        {NOTEBOOK: "/etc/a.ipynb"},
        {NOTEBOOK: "../a.ipynb"},
    ],
)
def test_where_it_is_not_shown(
    server: Server, scripted: ScriptedModel, folder: Path, metadata: dict[str, str]
) -> None:
    scripted.script += [[call("bash", command="ls /mnt/notebook")], [say("Done.")]]
    session = server.session(metadata=metadata)
    (found,) = said(server.turn(session.id, "go"))
    assert "No such file" in found and NOTEBOOK_NOTE not in told(scripted)


def test_a_value_that_is_neither_yes_nor_no(server: Server) -> None:
    with pytest.raises(anthropic.BadRequestError, match="notebook-folder"):
        server.session(metadata={"jupyter-agents/notebook-folder": "maybe"})


@pytest.fixture
def forbidding(home: Home) -> Iterator[Server]:
    """A server whose administrator forbids it."""
    home.traits = {**home.traits, "notebook_folder": False}
    home.__post_init__()
    with serving(home) as server:
        yield server


def test_an_administrator_forbids_it(forbidding: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="ls /mnt/notebook")], [say("Done.")]]
    (forbidding.home.root / "data.csv").touch()
    session = forbidding.session(metadata={NOTEBOOK: "a.ipynb"})
    (found,) = said(forbidding.turn(session.id, "go"))
    assert "No such file" in found and NOTEBOOK_NOTE not in told(scripted)
