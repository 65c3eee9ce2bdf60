"""``%agent define``, ``env``, ``diff`` and ``agents`` in a real kernel, against a real server."""

from __future__ import annotations

import re

import pytest

from jupyter_agents.testing import ScriptedModel, say
from tests.kernel.conftest import Answer, Kernel
from tests.kernel.test_magics import fails

YAML = """%%agent define {name}
model: claude-opus-4-7
system: |
  You write Python.
  Be brief.
tools: [bash, read]
metadata:
  team: data
"""


def text(answer: Answer) -> str:
    assert answer.status == "ok", answer.errors
    (result,) = answer.results
    return str(result["text/plain"])


def test_an_agent_is_defined_in_yaml_and_says_what_changed(kernel: Kernel, model: ScriptedModel) -> None:
    cell = YAML.format(name="yamler")
    assert "yamler: version 1 (created)" in kernel.run(cell).printed
    assert "yamler: version 1 (unchanged)" in kernel.run(cell).printed
    other = cell.replace("Be brief.", "Be kind.").replace("[bash, read]", "[bash]")
    assert "yamler: version 2 (system, tools changed)" in kernel.run(other).printed
    assert (
        "version 3 (tools, metadata changed)"
        in kernel.run(other.replace("tools: [bash]\nmetadata:\n  team: data", "tools: []")).printed
    )
    model.script[:] = [[say("Hello.")]]
    assert kernel.run("%%agent yamler\nHi").status == "ok"
    assert "Be kind." in str(model.requests[-1]["system"])


def test_what_is_shown_defines_the_agent_again(kernel: Kernel) -> None:
    kernel.run(YAML.format(name="mirror"))
    block = text(kernel.run("%agent show mirror")).split("takes it:\n\n")[1]
    assert "tools:\n  - bash\n  - read\n" in block
    assert "version 1 (unchanged)" in kernel.run(f"%%agent define mirror\n{block}").printed


def test_every_kind_of_field_is_shown_so_that_it_defines_the_agent_again(kernel: Kernel) -> None:
    kernel.run(
        """%%agent define whole --max-turns 3
model: {id: claude-opus-4-7, effort: low, speed: standard}
description: Everything
mcp_servers:
  - {type: url, name: docs, url: "http://127.0.0.1:9/"}
tools:
  - type: agent_toolset_20260401
    default_config: {permission_policy: {type: always_ask}}
    configs:
      - {name: bash, enabled: false}
  - {type: mcp_toolset, mcp_server_name: docs}
  - type: custom
    name: ask
    description: Asks.
    input_schema: {type: object, properties: {q: {type: string}}}
"""
    )
    block = text(kernel.run("%agent show whole")).split("takes it:\n\n")[1]
    for word in ("always_ask", "docs", "input_schema", "Everything", "effort", "max-turns"):
        assert word in block
    assert "version 1 (unchanged)" in kernel.run(f"%%agent define whole\n{block}").printed


def test_a_definition_comes_from_a_file(kernel: Kernel) -> None:
    file = kernel.folder / "filed.agent.yaml"
    file.write_text("name: filed\nmodel: claude-opus-4-7\ntools: none\n")
    assert "filed: version 1 (created)" in kernel.run("%agent define --file filed.agent.yaml").printed
    answer = kernel.run("%agent define filed --file filed.agent.yaml --system Hello")
    assert "version 2 (system changed)" in answer.printed


def test_tools_add_up(kernel: Kernel) -> None:
    kernel.run("%agent define adder --model claude-opus-4-7 --tools bash --tools read,grep")
    assert "- bash\n  - read\n  - grep" in text(kernel.run("%agent show adder"))


def test_a_yaml_cell_expands_names_on_request(kernel: Kernel) -> None:
    kernel.run("tone = 'calm'")
    kernel.run("%%agent define toned --expand\nmodel: claude-opus-4-7\nsystem: Be {{ tone }}.")
    assert "system: Be calm." in text(kernel.run("%agent show toned"))


def test_two_versions_side_by_side(kernel: Kernel) -> None:
    cell = YAML.format(name="grown")
    kernel.run(cell)
    fails(kernel.run("%agent diff grown"), "one version only")
    kernel.run(cell.replace("brief", "kind"))
    kernel.run(cell.replace("brief", "calm"))
    answer = kernel.run("%agent diff grown 1 3")
    assert "-  Be brief.\n+  Be calm." in text(answer)
    page = answer.results[0]["text/html"]
    assert "grown, version 1" in page and "Be brief.</del>" in page and "Be calm.</ins>" in page
    assert "```diff" in answer.results[0]["text/markdown"]
    assert "Be kind" in text(kernel.run("%agent diff grown"))
    assert "are the same" in text(kernel.run("%agent diff grown 2 2"))
    fails(kernel.run("%agent diff grown 1 4"), "versions are 1 to 3")


def test_an_environment_is_defined_and_says_what_changed(kernel: Kernel, model: ScriptedModel) -> None:
    line = "%agent env lab --network a.example --memory 512MiB"
    assert "lab: created" in kernel.run(line).printed
    assert "lab: unchanged" in kernel.run(line).printed
    model.script[:] = [[say("One.")], [say("Two.")]]
    assert kernel.run("%%agent --env lab\nHi").transcript["footer"]["turn"] == 1
    answer = kernel.run("%%agent env lab\nnetwork: none\ncpus: 0.5\nidle-timeout: 60")
    assert "lab: network, cpus, memory, idle-timeout changed" in answer.printed
    assert "begins a new session" in answer.printed
    assert kernel.run("%%agent --env lab\nHi").transcript["footer"]["turn"] == 1
    listed = text(kernel.run("%agent env"))
    assert re.search(r"lab +none +cpus 0.5; idle-timeout 60s", listed)


def test_the_agents_are_listed_once_each(kernel: Kernel) -> None:
    kernel.run(YAML.format(name="listed"))
    kernel.run(YAML.format(name="listed").replace("brief", "kind"))
    rows = [row for row in text(kernel.run("%agent agents")).splitlines() if row.startswith("listed ")]
    assert len(rows) == 1
    assert re.search(r"listed +2 +claude-opus-4-7", rows[0])


def test_python_defines_environments_too(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("Hello.")]]
    code = """import jupyter_agents as ja
def double(n: int) -> int:
    "Twice n."
    return 2 * n
lab = ja.Environment("py-lab", network=["a.example"], memory="512MiB")
custom = {"type": "custom", "name": "ask", "description": "Asks.", "input_schema": {"type": "object"}}
tools = ("bash", custom, double)
agent = ja.Agent("py-agent", model={"id": "claude-opus-4-7"}, metadata={"team": "data"}, tools=tools)
print(ja.run("Hi", agent, env=lab, new=True).text, lab.define())"""
    answer = kernel.run(code)
    assert answer.status == "ok", answer.errors
    assert "Hello. py-lab: unchanged" in answer.printed
    assert {tool["name"] for tool in model.requests[-1]["tools"]} == {"bash", "ask", "double"}
    assert re.search(r"py-lab +a.example +memory 512MiB", text(kernel.run("%agent env")))


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%agent define x\ntols: 1", "Did you mean tools"),
        ("%%agent define x\na: [", "The cell, line"),
        ("%%agent define\nsystem: x", "needs a name"),
        ("%%agent define login\nsystem: x", "choose another name"),
        ("%%agent define x --system a\nsystem: b", "system is given twice"),
        ("%%agent define x --tools all\ntools: [bash]", "tools is given twice"),
        ("%%agent define x --file y.yaml\nsystem: b", "not from both"),
        ("%agent define x --file nothing.yaml", "There is no file 'nothing.yaml'"),
        ("%agent define x --tools bash --tools none", "all and none stand alone"),
        ("%%agent define x\nmodel: {idd: m}", "model"),
        ("%%agent define x\nmodel: claude-opus-4-7\nskills: [{type: nothing}]", "skills"),
        ("%%agent sessions\nhello", "%%agent sessions takes no text"),
        ("%agent diff", "Usage: %agent diff"),
        ("%agent diff nobody 1 2", "There is no agent 'nobody'"),
        ("%agent diff x one", "Usage: %agent diff"),
        ("%agent env lab2 --memory lots", "'lots' is not a size"),
        ("%agent env lab2 --cpus 1000", "above the ceiling"),
        ("%agent env lab2 --sandbox moon", "expected one of auto, docker"),
        ("%agent env lab2 --network http://x", "allowed_hosts"),
        ("%agent env lab2 --packages pipp:a", "Did you mean pip"),
        ("%agent env lab2 --memroy 1GiB", "Did you mean --memory"),
        ("%%agent env lab2\nconfig: {type: self_hosted}", "not supported"),
        ("%agent env --cpus 1", "needs a name"),
    ],
)
def test_bad_input_is_one_clear_message(kernel: Kernel, cell: str, says: str) -> None:
    fails(kernel.run(cell), says)
