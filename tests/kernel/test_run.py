"""A run: its files, read where they are and only there; its requests, times and tables."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import UserError
from jupyter_agents.kernel.run import RunFile
from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.kernel.conftest import Answer, Kernel
from tests.kernel.test_magics import define


def made(name: str, workspace: Path | None) -> RunFile:
    return RunFile({"path": name, "size": 2, "kind": "created"}, workspace, None)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("é")
    file = made("a.txt", tmp_path)
    assert (file.read_text(), file.read_bytes()) == ("é", "é".encode())
    assert (file.path, file.location) == ("a.txt", tmp_path / "a.txt")
    with open(file) as opened:
        assert opened.read() == "é"


@pytest.mark.parametrize("name", ["../secret", "link", "folder/secret"])
def test_no_way_leads_out_of_the_workspace(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("s")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "link").symlink_to("../secret")
    (workspace / "folder").symlink_to("..")
    with pytest.raises(UserError, match="leads out"):
        made(name, workspace).read_bytes()


def test_a_file_on_another_machine_says_so() -> None:
    with pytest.raises(UserError, match="not on this machine"):
        made("a.txt", None).read_bytes()


def value(answer: Answer) -> Any:
    assert answer.status == "ok", answer.errors
    return ast.literal_eval(answer.results[0]["text/plain"])


def test_what_a_run_knows_of_its_requests_times_and_files(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [
        Reply(
            [call("bash", command="sleep 0.3; printf 'x,y\\n1,2\\n' > t.csv; echo '<b>' > t.txt")], delay=0.05
        ),
        Reply([say("Done.")], usage={"input_tokens": 1000, "output_tokens": 3}),
    ]
    define(kernel, "measured")
    assert kernel.run("%%agent measured -o run\nGo").status == "ok"
    sent = [{k: v for k, v in body.items() if k != "stream"} for body in model.requests]
    found = kernel.run(
        "import json; print(json.dumps([[r.body for r in run.requests], run.requests[-1].response]))"
    )
    assert found.status == "ok", found.errors
    bodies, response = json.loads(found.printed)
    assert bodies == sent
    assert response["content"] == [{"type": "text", "text": "Done."}]
    cost, costs, used = value(kernel.run("[run.cost, [r.cost for r in run.requests], run.usage]"))
    assert 0 < cost == pytest.approx(sum(costs)) and used["input_tokens"] == 1100

    first, tools, total, kinds = value(
        kernel.run("t = run.timing; [t.first_token, t.tools, t.total, [(s.kind, s.name) for s in t.steps]]")
    )
    assert 0 < first < total and 0.3 <= tools < total
    assert kinds == [("model", ""), ("tool", "bash"), ("model", "")]

    pairs = "(('events', 'type'), ('steps', 'kind'), ('requests', 'cost'))"
    columns = f"[run.to_frame(of)[column].tolist() for of, column in {pairs}]"
    (kinds_of_events, steps, asked), timed = value(
        kernel.run(f"[{columns}, run.to_frame()['at'].dt.tz is not None]")
    )
    assert kinds_of_events[0] == "user.message" and kinds_of_events[-1] == "session.status_idle"
    assert (steps, asked, timed) == (["tool", "text"], costs, True)

    assert value(kernel.run("run.file('t.csv').load().to_dict('list')")) == {"x": [1], "y": [2]}
    shown = kernel.run("run.file('t.txt').show()")
    assert shown.status == "ok", shown.errors
    assert shown.bundle["text/html"] == "<pre>&lt;b&gt;\n</pre>"
    assert "table of events, steps, requests; not of 'x'" in kernel.run("run.to_frame('x')").errors[0]
    hidden = "import sys; kept = sys.modules.get('pandas'); sys.modules['pandas'] = None\nrun.to_frame()"
    assert "%pip install pandas" in kernel.run(hidden).errors[0]
    kernel.run("sys.modules['pandas'] = kept")


def test_a_turn_that_was_attached_has_the_times_of_the_wire(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [Reply([say("Hello.")])]
    define(kernel, "attached")
    assert kernel.run("%%agent attached -o run\nGo").status == "ok"
    first, total = value(
        kernel.run(
            "from jupyter_agents.kernel.run import Run\n"
            "again = Run(run.session)\nagain.begin(run.events[0].id)\n"
            "for event in run.events: again.add(event)\n"
            "[again.timing.first_token, again.timing.total]"
        )
    )
    assert 0 < first <= total
