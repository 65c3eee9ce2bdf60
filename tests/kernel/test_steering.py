"""``%agent steer`` in a real kernel."""

from __future__ import annotations

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel
from tests.kernel.test_looking import begin
from tests.kernel.test_magics import fails

SEND = """
from jupyter_agents.kernel.notebook import current as _c
_sent = _c().worker.run(_c().latest.send(
    {"type": "user.message", "content": [{"type": "text", "text": "Go"}]}))
"""


def test_a_message_steers_the_turn_that_runs(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "helmsman")
    fails(kernel.run("%agent steer Turn left"), "not at work", "%%agent helmsman")
    fails(kernel.run("%agent steer"), "Usage: %agent steer")
    model.script[:] = [[call("bash", command="until [ -e go ]; do sleep 0.05; done")], [say("Left.")]]
    assert kernel.run(SEND).status == "ok"
    assert "is told" in kernel.run(f"%agent steer --session {id[-6:]} Turn left").printed
    (workspace,) = kernel.folder.glob(f"agents/*{id[-6:]}")
    (workspace / "go").touch()
    answer = kernel.run(f"%agent attach {id}")
    assert answer.bundle[MIME]["turn"] == 2
    steps = [(step["kind"], step.get("text")) for step in answer.transcript["steps"]]
    assert ("steer", "Turn left") in steps
    assert steps[-1][0] == "text"
    assert "Turn left" in str(model.requests[-1]["messages"])
