"""``%agent undo`` and ``%agent fork`` in a real kernel."""

from __future__ import annotations

import re

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel
from tests.kernel.test_looking import begin
from tests.kernel.test_magics import fails


def again(kernel: Kernel, model: ScriptedModel, name: str, command: str) -> str:
    """One more turn of an agent; the session's id."""
    model.script[:] = [[call("bash", command=command)], [say("Done.")]]
    id: str = kernel.run(f"%%agent {name}\nGo on").bundle[MIME]["session_id"]
    return id


def test_undo(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "undoer")
    again(kernel, model, "undoer", "echo 43 > 'd/n 1.txt'; echo x > mine; echo y > new")
    (workspace,) = kernel.folder.glob(f"agents/*{id[-6:]}")
    (workspace / "mine").write_text("edited")
    said = kernel.run("%agent undo").printed
    assert "The last turn: 2 files put back as before." in said
    assert "put back: d/n 1.txt" in said and "removed: new" in said
    assert "kept: mine: somebody else has changed it since" in said
    assert (workspace / "d/n 1.txt").read_text() == "42\n" and not (workspace / "new").exists()
    for named in ("undoer", id, id[-6:]):
        assert "2 files as before already." in kernel.run(f"%agent undo {named}").printed
    fails(kernel.run("%agent undo a b"), "Usage: %agent undo")
    fails(kernel.run("%agent undo nobody"), "nobody")


def test_fork(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "forker")
    again(kernel, model, "forker", "echo 43 > 'd/n 1.txt'")
    fails(kernel.run("%agent fork"), "Usage: %agent fork")
    fails(kernel.run("%agent fork 3"), "has had 2 whole turns")
    fails(kernel.run("%agent fork sevt_none"), "sevt_none")
    said = kernel.run("%agent fork 1").printed
    found = re.search(r"(sesn_\w+) goes on from there", said)
    assert found is not None and found[1] != id and "next %%agent forker" in said
    assert again(kernel, model, "forker", "cat d/*") == found[1]
    assert "42" in str(model.requests[-1]["messages"]) and "43" not in str(model.requests[-1]["messages"])
    assert "goes on from there" in kernel.run(f"%agent fork --session {id[-6:]} 2").printed


def test_undo_and_fork_in_python(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "pythonic")
    answer = kernel.run(
        "from jupyter_agents.kernel.talk import Session\n"
        f"undone = Session({id!r}).undo()\n"
        "print(undone)\nprint([file['path'] for file in undone.restored])"
    )
    assert "removed: d/n 1.txt" in answer.printed and "['d/n 1.txt']" in answer.printed, answer.errors
    answer = kernel.run(f"made = Session({id!r}).fork('sevt_none')")
    fails(answer, "sevt_none")
