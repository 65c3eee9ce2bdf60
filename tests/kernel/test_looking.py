"""``%agent show``, ``files``, ``cost``, ``doctor``, ``attach`` and ``steer`` in a real kernel."""

from __future__ import annotations

import re

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import FORGET, Kernel
from tests.kernel.test_defining import text
from tests.kernel.test_magics import define, fails


def begin(kernel: Kernel, model: ScriptedModel, name: str) -> str:
    """A session of one turn, in which a file was made; its id."""
    define(kernel, name)
    model.script[:] = [[call("bash", command="mkdir -p d; echo 42 > 'd/n 1.txt'; echo x > gone")]]
    model.script += [[call("bash", command="rm gone")], [say("One.")]]
    id: str = kernel.run(f"%%agent {name}\nMake it").bundle[MIME]["session_id"]
    return id


def test_a_session_as_a_card(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "carded")
    card = text(kernel.run(f"%agent show {id[-6:]}"))
    for row in (r"agent +carded, version 1", r"environment +notebook", r"state +idle", r"turns +1"):
        assert re.search(row, card)
    assert f"Session {id}" in card
    assert "300 in, 60 out" in card
    fails(kernel.run("%agent show carde"), "Did you mean carded")
    fails(kernel.run("%agent show"), "Usage: %agent show")


def test_the_card_says_what_the_network_refused(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("%agent env walled --network good.example")
    model.script[:] = [[call("bash", command="curl -s -m 5 http://evil.example/")], [say("No.")]]
    id: str = kernel.run("%%agent --env walled\nGo").bundle[MIME]["session_id"]
    card = text(kernel.run(f"%agent show {id}"))
    row = r"the network refused +evil.example:80: the environment's network allows good"
    assert re.search(row, card)


def test_the_files_of_a_session(kernel: Kernel, model: ScriptedModel) -> None:
    (kernel.folder / "given.csv").write_text("a\n1\n")
    id = begin(kernel, model, "filer")
    answer = kernel.run("%agent files")
    assert f"Files of {id}" in text(answer)
    (link,) = re.findall(r'<a href="([^"]*)">d/n 1.txt</a>', answer.results[0]["text/html"])
    assert (kernel.folder / link.replace("%20", " ")).read_text() == "42\n"
    assert "gone" not in text(answer)
    assert re.search(r"d/n 1.txt +3 B +created", text(kernel.run(f"%agent files {id[-5:]}")))
    model.script[:] = [[say("Read.")]]
    kernel.run("%%agent filer --new --file given.csv\nRead it")
    assert "/workspace/given.csv" in text(kernel.run("%agent files"))


def test_what_the_sessions_cost(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "payer")
    table = text(kernel.run("%agent cost"))
    assert re.search(rf"{id} +payer \(this notebook\) +claude-opus-4-7 +300 +60 +<\$0.01", table)
    assert re.search(r"in all +[\d,]+ +[\d,]+ +\$?<?", table)
    define(kernel, "payer2")
    kernel.run("%agent define local --model qwen-small")
    model.script[:] = [[say("Hello.")]]
    kernel.run("%%agent local\nHi")
    table = text(kernel.run("%agent cost"))
    assert re.search(r"local \(this notebook\) +qwen-small +100 +20 +no price", table)
    assert "without a known price" in table


def test_the_doctor_says_what_works(kernel: Kernel) -> None:
    answer = kernel.run("%agent doctor")
    found = text(answer)
    for what in ("server", "kernel", "model", "bubblewrap", "disk"):
        assert re.search(rf"^[✓✗] {what}", found, re.M), found
    for form in ("text/html", "text/markdown"):
        assert "bubblewrap" in answer.results[0][form]


def test_attach_tells_all_turns_and_shows_the_last_once(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "returner")
    model.script[:] = [[say("Two.")]]
    kernel.run("%%agent returner\nAgain")
    kernel.run(FORGET)
    answer = kernel.run(f"%agent attach {id[-6:]}")
    assert f"{id} has had 2 turns" in answer.printed
    assert answer.bundle[MIME]["turn"] == 2
    assert [step["kind"] for step in answer.transcript["steps"]] == ["text"]
    assert answer.transcript["prompt"] == "Again"
    fails(kernel.run("%agent attach zzzzzz"), "No session's id ends in 'zzzzzz'")
    fails(kernel.run("%agent attach x"), "not a session's id")


def test_a_session_is_ended_by_its_suffix(kernel: Kernel, model: ScriptedModel) -> None:
    id = begin(kernel, model, "ender")
    assert f"{id} is archived" in kernel.run(f"%agent archive {id[-6:]}").printed
    assert "archived" in text(kernel.run(f"%agent show {id[-6:]}"))
    assert f"{id} is deleted" in kernel.run(f"%agent delete {id[-6:]}").printed
    fails(kernel.run("%agent files"), "no session yet")
