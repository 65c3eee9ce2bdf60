"""Record a notebook, then play it without a model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.recordings import Recordings, check_target, run_files
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel


def script(model: ScriptedModel) -> None:
    model.script[:] = [
        [say("I count."), call("bash", command="echo 1 2 3 > count.txt")],
        [say("Counted.")],
    ]


def header(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text().splitlines()[0])
    return found


def test_one_call_is_recorded_and_replayed(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("%agent define counter --model claude-opus-4-7")
    script(model)
    cell = "%%agent counter --new {} runs/count.agentrun -o run\nCount"
    live = kernel.run(cell.format("--record"))
    assert live.status == "ok", live.errors
    assert header(kernel.folder / "runs/count.agentrun")["schema"] == 1

    replayed = kernel.run(cell.format("--replay"))
    assert replayed.status == "ok", replayed.errors
    assert len(model.requests) == 2
    assert replayed.transcript["footer"]["replayed"] is True
    assert live.transcript["footer"]["replayed"] is False
    assert "replayed" in replayed.bundle["text/html"]
    said = [[s for s in a.transcript["steps"] if s["kind"] == "text"] for a in (live, replayed)]
    assert [s["markdown"] for s in said[0]] == [s["markdown"] for s in said[1]]
    assert kernel.run("run.file('count.txt').read_text()").results[0]["text/plain"] == r"'1 2 3\n'"


def test_a_whole_notebook_is_recorded_and_replayed(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("%agent define counter --model claude-opus-4-7")
    kernel.run("%agent record kept")
    model.script[:] = [[say("One.")], [say("Two.")], [say("Three.")]]
    for cell in ("%%agent counter --new\nA", "%%agent counter\nB", "%%agent counter --new\nC"):
        assert kernel.run(cell).status == "ok"
    names = sorted(path.name for path in (kernel.folder / "kept").iterdir())
    assert names == ["counter-1.agentrun", "counter-2.agentrun"]

    kernel.run("%agent replay kept")
    for cell, text in (("A", "One."), ("B", "Two.")):
        answer = kernel.run(f"%%agent counter\n{cell}")
        assert answer.transcript["steps"][-1]["markdown"] == text, answer.errors
    assert len(model.requests) == 3

    kernel.run("%agent off")
    model.script[:] = [[say("Live.")]]
    assert kernel.run("%%agent counter\nA").transcript["steps"][-1]["markdown"] == "Live."


def test_a_recording_has_no_key(kernel: Kernel, model: ScriptedModel) -> None:
    script(model)
    kernel.run("%%agent --new --record secret.agentrun\nCount")
    assert "sk-test-key" not in (kernel.folder / "secret.agentrun").read_text()


def test_a_recording_that_cannot_be_written_is_said_before_the_turn(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for wrong in (tmp_path, tmp_path / "file" / "x.agentrun", Path("/proc/self/none/x")):
        with pytest.raises(AgentError, match=re.escape(str(wrong))):
            check_target(str(wrong))
    check_target(str(tmp_path / "new" / "x.agentrun"))
    assert (tmp_path / "new").is_dir()


def test_run_files_are_found(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="no run file"):
        run_files(tmp_path)
    for name in ("b.agentrun", "a.agentrun", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in run_files(tmp_path)] == ["a.agentrun", "b.agentrun"]
    assert run_files(tmp_path / "c.txt") == [tmp_path / "c.txt"]


def test_replay_ends_recording(tmp_path: Path) -> None:
    recordings = Recordings()
    recordings.record(str(tmp_path / "new"))
    assert (tmp_path / "new").is_dir()
    (tmp_path / "a.agentrun").touch()
    recordings.replay(str(tmp_path))
    assert (recordings.record_to, recordings.replay_from) == (None, tmp_path)
