"""``%agent`` and ``%%agent`` in a real kernel, against a real server with a scripted model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say, think
from tests.kernel.conftest import FORGET, Answer, Kernel

DEFINE = '%agent define {} --model claude-opus-4-7 --system "You are helpful."'


def define(kernel: Kernel, name: str) -> None:
    assert kernel.run(DEFINE.format(name)).status == "ok"


def fails(answer: Answer, *says: str) -> None:
    """The cell failed with one sentence."""
    assert answer.status == "error"
    (error,) = answer.errors
    assert "Traceback" not in error
    for words in says:
        assert words in error


def test_a_turn_with_tools_streams_into_the_cell(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "coder")
    model.script[:] = [
        Reply(
            [
                think(),
                say("I write a **script**."),
                call("bash", command="echo 42 > n.txt; cat n.txt"),
            ]
        ),
        [say("It is in `n.txt`.")],
    ]
    answer = kernel.run("%%agent coder -o run\nMake a number")
    assert answer.status == "ok", answer.errors
    assert set(answer.bundle) == {MIME, "text/html", "text/markdown", "text/plain"}
    record, transcript = answer.bundle[MIME], answer.transcript
    assert (record["live"], transcript["status"], record["turn"]) == (False, "done", 1)
    assert transcript["prompt"] == "Make a number"
    assert [s["kind"] for s in transcript["steps"]] == ["thinking", "text", "tool", "text"]
    (tool,) = [s for s in transcript["steps"] if s["kind"] == "tool"]
    assert (tool["name"], tool["input"]) == ("bash", {"command": "echo 42 > n.txt; cat n.txt"})
    assert (tool["status"], tool["output"]) == ("ok", [{"type": "text", "text": "42\n"}])
    assert tool["seconds"] > 0
    assert [(f["path"], f["size"]) for f in transcript["files"]] == [("n.txt", 3)]
    assert transcript["footer"]["input_tokens"] == 200
    kind = transcript["footer"]["sandbox"]
    assert kind in ("docker", "bubblewrap", "landlock")
    footer = f"done · claude-opus-4-7 · turn 1 · 200 in, 40 out tokens · &lt;$0.01 · {kind} · "
    page = answer.bundle["text/html"]
    assert footer in page
    assert "<strong>script</strong>" in page
    assert re.search(r"✓ \d+", page)
    (link,) = re.findall(r'<a href="([^"]*)">n.txt</a>', page)
    assert (kernel.folder / link).read_text() == "42\n"
    for form in ("text/html", "text/markdown", "text/plain"):
        assert "n.txt" in answer.bundle[form]
        assert "42" in answer.bundle[form]

    given = kernel.run(
        "[run.text, [f.path for f in run.files], run.file('n.txt').read_text(), run.usage, "
        "run.status, run.session.id, run.events[0].type, run.cost]"
    )
    (result,) = given.results
    value = eval(result["text/plain"])
    assert value[0] == "I write a **script**.\n\nIt is in `n.txt`."
    assert value[1:3] == [["n.txt"], "42\n"]
    assert value[3]["output_tokens"] == 40
    assert value[4:7] == ["done", record["session_id"], "user.message"]
    assert 0 <= value[7] < 0.01


def test_a_further_cell_goes_on_and_new_starts_another(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "talker")
    model.script[:] = [[say("one")], [say("two")], [say("three")]]
    first = kernel.run("%%agent talker\nHello").bundle[MIME]
    second = kernel.run("%%agent talker\nAgain").bundle[MIME]
    third = kernel.run("%%agent talker --new\nAnew").bundle[MIME]
    assert first["session_id"] == second["session_id"] != third["session_id"]
    assert [first["turn"], second["turn"], third["turn"]] == [1, 2, 1]
    assert [len(request["messages"]) for request in model.requests] == [1, 3, 1]


def test_a_session_is_gone_on_with_by_its_id(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "keeper")
    model.script[:] = [[say("one")], [say("two")]]
    id = kernel.run("%%agent keeper\nHello").bundle[MIME]["session_id"]
    kernel.run(FORGET)
    record = kernel.run(f"%%agent --session {id}\nAgain").bundle[MIME]
    assert (record["session_id"], record["turn"]) == (id, 2)
    shown = kernel.run(f"%agent attach {id}")
    assert shown.transcript["prompt"] == "Again"
    fails(kernel.run(f"%%agent other --session {id}\nx"), "'keeper'", "'other'")


def test_a_restarted_kernel_says_that_a_new_session_begins(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "forgetful")
    model.script[:] = [[say("one")], [say("two")]]
    id = kernel.run("%%agent forgetful\nHello").bundle[MIME]["session_id"]
    kernel.run(FORGET)
    answer = kernel.run("%%agent forgetful\nHello", stdin="")
    assert f"--session {id}" in answer.printed


def test_define_says_what_it_did(kernel: Kernel) -> None:
    line = "%agent define versions --model claude-opus-4-7 --tools bash,read"
    assert "version 1 (created)" in kernel.run(line).printed
    assert "version 1 (unchanged)" in kernel.run(line).printed
    assert "version 2 (system changed)" in kernel.run(f"{line} --system X").printed
    assert "version 3 (system changed)" in kernel.run(line).printed
    assert "version 4 (metadata changed)" in kernel.run(f"{line} --max-turns 3").printed


def test_a_new_version_starts_a_new_session(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "grower")
    model.script[:] = [[say("one")], [say("two")]]
    first = kernel.run("%%agent grower\nHello").bundle[MIME]["session_id"]
    kernel.run("%agent define grower --model claude-opus-4-7 --system Other")
    answer = kernel.run("%%agent grower\nHello", stdin="")
    assert answer.bundle[MIME]["session_id"] != first
    assert "version 2" in answer.printed
    assert "Other" in str(model.requests[-1]["system"])


def test_the_default_agent_needs_no_definition(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("Hello.")]]
    answer = kernel.run("%%agent\nHi")
    assert answer.transcript["steps"][0]["markdown"] == "Hello."
    assert {tool["name"] for tool in model.requests[0]["tools"]} >= {"bash", "read", "write"}


def test_an_agent_without_tools_has_none(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("%agent define mute --model claude-opus-4-7 --tools none")
    model.script[:] = [[say("Hello.")]]
    kernel.run("%%agent mute\nHi")
    assert not model.requests[0].get("tools")


def test_a_file_is_mounted_beside_the_agent(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "reader")
    (kernel.folder / "data.csv").write_text("a,b\n1,2\n")
    model.script[:] = [[call("bash", command="cat data.csv")], [say("Read.")], [say("Again.")]]
    cell = "%%agent reader --file data.csv\nRead it"
    answer = kernel.run(cell)
    (tool,) = [s for s in answer.transcript["steps"] if s["kind"] == "tool"]
    assert tool["output"][0]["text"] == "a,b\n1,2\n"
    assert kernel.run(cell).bundle[MIME]["turn"] == 2
    (kernel.folder / "data.csv").write_text("a,b\n3,4\n5,6\n")
    model.script[:] = [[call("bash", command="cat data.csv")], [say("Read.")]]
    (tool,) = [s for s in kernel.run(cell).transcript["steps"] if s["kind"] == "tool"]
    assert tool["output"][0]["text"] == "a,b\n3,4\n5,6\n"


def test_the_body_is_literal_unless_expanded(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("a")], [say("b")]]
    kernel.run("name = 'Ada'")
    plain = kernel.run("%%agent\n{{ name }} {name} $name")
    assert plain.transcript["prompt"] == "{{ name }} {name} $name"
    expanded = kernel.run("%%agent --expand\n{{ name }} {{ 1 + 1 }} {name}")
    assert expanded.transcript["prompt"] == "Ada 2 {name}"


def test_a_transient_error_is_retried_and_shown(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [Fault(), [say("At last.")]]
    answer = kernel.run("%%agent --new\nHi")
    assert answer.transcript["status"] == "done"
    assert [s["kind"] for s in answer.transcript["steps"]] == ["notice", "text"]


def test_a_failed_run_fails_its_cell_with_one_message(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [Fault(400, "invalid_request_error", "This model is asleep.")]
    answer = kernel.run("%%agent --new -o run\nHi")
    fails(answer, "The run failed: ", "This model is asleep.")
    assert answer.transcript["status"] == "failed"
    assert "This model is asleep." in answer.bundle["text/html"]
    assert kernel.run("run.status").results[0]["text/plain"] == "'failed'"


def test_who_sees_the_reason_is_not_told_it_twice(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [Fault(400, "invalid_request_error", "This model is asleep.")]
    answer = kernel.run("%%agent --new\nHi", stdin="")
    assert "This model is asleep." in answer.bundle["text/html"]
    assert answer.errors == ["The run failed; the reason stands above."]


def test_the_state_names_the_recording(kernel: Kernel) -> None:
    folder = Path(__file__).parents[2] / "jupyter_agents" / "recordings"
    kernel.run(f"%agent replay {folder}")
    text = kernel.run("%agent").results[0]["text/plain"]
    assert f"✓ model     replayed from {folder}; no model is asked" in text


def test_a_definition_expands_names_on_request(kernel: Kernel) -> None:
    kernel.run("model = 'claude-opus-4-7'")
    answer = kernel.run("%agent define expanded --expand --model {{ model }} --system '{{ 1 }} {x}'")
    assert ", claude-opus-4-7," in answer.printed, answer.errors


def test_an_unknown_agent_is_answered_with_the_close_matches(kernel: Kernel) -> None:
    define(kernel, "poet")
    define(kernel, "poetry")
    fails(
        kernel.run("%%agent poett\nHi"),
        "There is no agent 'poett'",
        "Did you mean",
        "poet or poetry",
        "%agent define",
    )


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%agent defin x", "Did you mean define"),
        ("%agent hello there", "%%agent"),
        ("%%agent codr\nHi", "There is no agent 'codr'"),
        ("%%agent coder --fil x\nHi", "Did you mean --file"),
        ("%%agent --file nothing.csv\nHi", "There is no file 'nothing.csv'"),
        ("%%agent --file .\nHi", "is not a file"),
        ("%%agent --env nowhere\nHi", "There is no environment 'nowhere'"),
        ("%%agent --session x\nHi", "is not a session's id"),
        ("%%agent --session sesn_011111111111111111111111\nHi", "sesn_011111111111111111111111"),
        ("%%agent --expand\n{{ nope }}", "{{ nope }} cannot be expanded: NameError"),
        ("%%agent --replay nothing\nHi", "There is no run file"),
        ("%%agent\n\n", "no message"),
        ("%agent define login", "choose another name"),
        ("%agent define x --tools bsh", "Did you mean bash"),
        ("%agent replay nowhere", "There is no run file"),
        ("%agent login sk-ant-x", "Do not write the key"),
        ("%agent login", "Nobody can type a key here"),
        ("%agent off now", "Usage: %agent off"),
        ("%agent doctor all", "Usage: %agent doctor"),
        ("%agent sessions mine", "Usage: %agent sessions"),
        ("%agent interrupt it", "Usage: %agent interrupt"),
        ("%agent record", "Usage: %agent record DIR"),
        ("%%agent --new --session abcd\nHi", "give one of the two"),
        ("%%agent --record .\nHi", "is a folder: name a file"),
        ("%%agent --record /proc/none/x\nHi", "No recording can be written to /proc/none/x"),
        ("%%agent --tool __name__\nHi", "is of the type str"),
        ("%%agent --on-ask maybe\nHi", "'wait', 'return', 'deny', 'allow', 'fail'"),
        ("%%agent --max-turns 0\nHi", "'0' is not a whole number above 0"),
        ("%%agent --timeout soon\nHi", "'soon' is not a number above 0"),
        ("%%agent --budget free\nHi", "'free' is not an amount in dollars"),
        ("%%agent --max-mb 0\nHi", "'0' is not a number above 0"),
        ("%%agent --ask ,\nHi", "names no tool"),
        ("%%agent --ask bsh\nHi", "the agent has no tool 'bsh'"),
        ("%%agent -o class\nHi", "is not a variable's name"),
        ("%%agent -i nope\nHi", "There is no variable 'nope'"),
        ('%%agent "open\nHi', "A quotation mark is not closed"),
    ],
)
def test_bad_input_is_one_clear_message(kernel: Kernel, cell: str, says: str) -> None:
    fails(kernel.run(cell), says)


def test_the_state_as_table_and_text(kernel: Kernel) -> None:
    answer = kernel.run("%agent")
    (result,) = answer.results
    for what in ("server", "model", "sandbox", "sessions"):
        assert what in result["text/plain"]
        assert what in result["text/html"]


def test_login_asks_and_never_shows_the_key(kernel: Kernel) -> None:
    answer = kernel.run("%agent login", stdin="sk-ant-secret")
    assert answer.status == "ok", answer.errors
    assert "The server keeps the key" in answer.printed
    assert "sk-ant-secret" not in answer.printed
    assert kernel.run("'sk-ant-' + 'secret' in str(In)").results[0]["text/plain"] == "False"


def test_help_and_question_marks(kernel: Kernel) -> None:
    assert "%agent define" in kernel.run("%agent help").printed
    for magic, word in (("%agent?", "%agent login"), ("%%agent?", "--max-turns")):
        (page,) = kernel.run(magic).payload
        assert word in page["data"]["text/plain"]


def test_sessions_can_be_listed_archived_and_deleted(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("one")], [say("two")]]
    id = kernel.run("%%agent --new\nHello").bundle[MIME]["session_id"]
    assert re.search(rf"\* {id} +idle .* default", kernel.run("%agent sessions").printed)
    assert kernel.run(f"%agent archive {id}").status == "ok"
    assert id not in kernel.run("%agent sessions").printed
    other = kernel.run("%%agent --new\nHello").bundle[MIME]["session_id"]
    assert kernel.run(f"%agent delete {other}").status == "ok"
    fails(kernel.run(f"%agent attach {other}"), other)


def test_completion(kernel: Kernel) -> None:
    define(kernel, "completer")
    assert "completer" in kernel.complete("%%agent compl")
    assert "define" in kernel.complete("%agent def")
    assert "--max-turns" in kernel.complete("%%agent completer --max")
    assert "deny" in kernel.complete("%%agent --on-ask de")
    kernel.run("sales_2024 = 1")
    assert "sales_2024" in kernel.complete("%%agent -i sal")
    assert "sales_2024" in kernel.complete("%%agent -i other,sal")
    assert "write" in kernel.complete("%%agent --ask bash,wr")


def test_a_budget_stops_the_work_and_a_higher_one_lets_it_go_on(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "spender")
    dear = {"input_tokens": 20_000, "output_tokens": 10}
    model.script[:] = [Reply([call("bash", command="echo ran")], usage=dear)]
    fails(kernel.run("%%agent spender --budget 0.10\nSpend"), "budget", "--budget")
    fails(kernel.run("%%agent spender --budget 0.05\nMore"), "greater than")
    fails(kernel.run("%%agent spender\nMore"), "budget")
    model.script[:] = [[say("Went on.")], [say("More.")]]
    answer = kernel.run("%%agent spender --budget 5 --max-turns 7\nMore")
    assert answer.status == "ok", answer.errors
    assert answer.transcript["status"] == "done"
    asked = str(model.requests[-1]["messages"])
    assert "Spend" in asked and "ran" in asked and "More" in asked


def test_a_session_that_may_not_see_the_notebooks_folder(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "shy")
    model.script[:] = [[say("Hello.")], [say("Hello.")], [say("Hello.")]]
    metadata = "print(_run.session.resource.metadata.get('jupyter-agents/notebook-folder'))"
    assert kernel.run("%%agent shy\nHi").status == "ok"
    assert kernel.run(metadata).printed.strip() == "None"
    fails(kernel.run("%%agent shy --no-notebook\nHi"), "add --new")
    assert kernel.run("%%agent shy --no-notebook --new\nHi").status == "ok"
    assert kernel.run(metadata).printed.strip() == "no"
    assert kernel.run("%%agent shy --no-notebook\nMore").status == "ok"


def test_a_message_that_meets_the_budget_ends_its_cell(kernel: Kernel, model: ScriptedModel) -> None:
    define(kernel, "saver")
    dear = {"input_tokens": 20_000, "output_tokens": 10}
    model.script[:] = [Reply([say("Dear.")], usage=dear)]
    assert kernel.run("%%agent saver --budget 0.10\nOne").status == "ok"
    fails(kernel.run("%%agent saver\nTwo"), "budget is reached")


def test_an_interrupt_says_when_there_is_nothing_to_stop(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("Done.")], [call("bash", command="true")]]
    kernel.run("%%agent --new\nOne")
    fails(kernel.run("%agent interrupt"), "there is nothing to stop")
    assert kernel.run("%%agent --ask bash --on-ask return\nTwo").status == "ok"
    answer = kernel.run("%agent interrupt")
    assert answer.status == "ok" and "is being stopped" in answer.printed


def test_a_new_kernel_may_begin_with_any_command(environment: dict[str, str], workspace: Path) -> None:
    for line, status in (("%agent sessions", "ok"), ("%agent attach sesn_0", "error")):
        fresh = Kernel(environment, workspace)
        try:
            fresh.run("%load_ext jupyter_agents")
            assert fresh.run(line).status == status
        finally:
            fresh.close()
