"""Files and variables on their way into a session: with its start, and while it lives."""

from __future__ import annotations

import re

from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Answer, Kernel


def cat(model: ScriptedModel, command: str) -> None:
    model.script[:] = [[call("bash", command=command)], [say("Read.")]]


def output(answer: Answer) -> str:
    assert answer.status == "ok", answer.errors
    (tool,) = [step for step in answer.transcript["steps"] if step["kind"] == "tool"]
    return str(tool["output"][0]["text"])


def sent(model: ScriptedModel) -> str:
    """The texts of the newest user message."""
    message = [m for m in model.requests[-2]["messages"] if m["role"] == "user"][-1]
    return "\n".join(block["text"] for block in message["content"])


def mounted(kernel: Kernel) -> list[str]:
    code = (
        "from jupyter_agents.kernel.notebook import current as _c\n"
        "[r.mount_path for r in _c().connect().client.beta.sessions.resources.list(_c().latest.id)]"
    )
    found: list[str] = eval(kernel.run(code).results[0]["text/plain"])
    return found


def test_variables_reach_the_sandbox_and_the_agent_is_told(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("import pandas as pd; df = pd.DataFrame({'n': [1, 2]}); limits = {'top': 3}")
    cat(model, "cat /workspace/limits.json; head -c 4 /workspace/df.parquet")
    answer = kernel.run("%%agent --new -i df,limits\nLook")
    assert output(answer) == '{"top": 3}PAR1'
    assert "df: pandas DataFrame, 2 rows, 1 columns: n int64 -> /workspace/df.parquet\n" in answer.printed
    assert "limits: dict, 1 entries -> /workspace/limits.json\n" in answer.printed
    words = sent(model)
    assert "- df: pandas DataFrame, 2 rows, 1 columns: n int64, in /workspace/df.parquet" in words
    assert words.index("Look") < words.index("- df:")
    assert answer.transcript["files"] == []


def test_a_changed_variable_is_replaced_and_an_unchanged_one_is_not_sent(
    kernel: Kernel, model: ScriptedModel
) -> None:
    kernel.run("limits, other = {'top': 3}, 'same'")
    cat(model, "cat /workspace/limits.json")
    assert output(kernel.run("%%agent --new -i limits -i other\nLook")) == '{"top": 3}'
    kernel.run("limits['top'] = 4")
    cat(model, "cat /workspace/limits.json /workspace/other.txt")
    answer = kernel.run("%%agent -i limits -i other\nLook")
    assert output(answer) == '{"top": 4}same'
    assert re.findall(r"^(\w+): ", answer.printed, re.MULTILINE) == ["limits"]
    assert "- other: str" in sent(model)
    kernel.run("limits = 'text now'")
    cat(model, "cat /workspace/limits.txt; ls /workspace/limits.json")
    assert "text now" in output(kernel.run("%%agent -i limits\nLook"))
    assert sorted(mounted(kernel)) == ["/workspace/limits.txt", "/workspace/other.txt"]


def test_a_file_is_given_and_replaced_while_the_session_lives(kernel: Kernel, model: ScriptedModel) -> None:
    (kernel.folder / "notes.md").write_text("first")
    model.script[:] = [[say("Hello.")]]
    kernel.run("%%agent --new\nHi")
    for words in ("first", "second, longer"):
        (kernel.folder / "notes.md").write_text(words)
        cat(model, "cat /workspace/notes.md")
        assert output(kernel.run("%%agent --file notes.md\nRead")) == words
    assert mounted(kernel) == ["/workspace/notes.md"]


def test_what_cannot_be_given_is_said_and_nothing_is_sent(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("salt, things = b'x' * 2_000_000, {1, 2}")
    (kernel.folder / "salt.bin").write_bytes(b"y" * 1_500_000)
    for options, says in (
        ("-i slat", "There is no variable 'slat'. Did you mean salt"),
        ("-i salt --max-mb 1", "The variable 'salt' is 2.0 MB, more than 1 MB."),
        ("--file salt.bin --max-mb 1", "'salt.bin' is 1.5 MB, more than 1 MB."),
        ("--file salt.bin -i salt", "the same name, 'salt.bin'"),
        ("-i things", "has no plain form as a file"),
        ("--file none.csv", "There is no file 'none.csv'"),
    ):
        answer = kernel.run(f"%%agent {options}\nHi")
        assert says in answer.errors[0]
        assert "Traceback" not in answer.errors[0]
    assert model.requests == []


def test_inputs_in_python(kernel: Kernel, model: ScriptedModel) -> None:
    cat(model, "cat /workspace/limits.json")
    answer = kernel.run(
        "import jupyter_agents.kernel.api as ja\n"
        "ja.run('Look', new=True, inputs={'limits': [1, 2]}, ask=[], timeout=60)"
    )
    assert output(answer) == "[1, 2]"
    cat(model, "cat /workspace/limits.json")
    answer = kernel.run("made = await ja.arun('Look', inputs={'limits': [3]})")
    assert output(answer) == "[3]"
    wrong = kernel.run("ja.run('Look', inputs={'../x': 1})")
    assert "inputs: '../x' is not a variable's name." in wrong.errors[0]
