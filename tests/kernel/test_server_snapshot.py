"""A turn as the server draws it for a page without a kernel is the turn as the kernel saved it."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel

TOOL = """
import jupyter_agents as ja

@ja.tool
def rows(file: str) -> str:
    '''Count the rows of `file`.'''
    print("<b>counted</b>", file)
    return "42"
"""
MAKE = "printf 'a,b\\n1,2\\n' > rows.csv; echo hello | tee note.txt"


def drawn(environment: dict[str, str], run: Any, **body: Any) -> Any:
    """What the server answers for the turn that the bundle `run` shows."""
    root = environment["JUPYTER_AGENTS_URL"].rstrip("/")
    root = root if root.endswith("jupyter-agents") else f"{root}/jupyter-agents"
    path = f"local/sessions/{run['session_id']}/turns/{run['first_event_id']}/snapshot"
    headers = {"Authorization": "Bearer test-token", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{root}/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_the_server_draws_what_the_kernel_saved(
    kernel: Kernel, environment: dict[str, str], model: ScriptedModel
) -> None:
    model.script[:] = [
        [say("I **make** a file."), call("bash", command=MAKE)],
        [say("| a |\n|---|\n| 1 |")],
        [say("Second.")],
    ]
    first = kernel.run("%%agent\nMake a file.")
    kernel.run("%%agent\nAnd again.")
    saved = first.bundle
    found = drawn(environment, saved[MIME], notebook="here.ipynb")
    assert found == {"live": False, "data": saved}


def test_what_a_function_of_the_notebook_printed_is_kept(
    kernel: Kernel, environment: dict[str, str], model: ScriptedModel
) -> None:
    assert kernel.run(TOOL).status == "ok"
    model.script[:] = [[call("rows", file="a.csv")], [say("42 rows.")]]
    saved = kernel.run("%%agent --tool rows\nHow many rows?").bundle
    (step,) = (step for step in saved[MIME]["transcript"]["steps"] if step["kind"] == "tool")
    assert step["shown"]
    found = drawn(environment, saved[MIME], notebook="here.ipynb", shown={step["id"]: step["shown"]})
    assert found["data"] == saved
    bare = drawn(environment, saved[MIME], notebook="here.ipynb")["data"]
    assert "counted" in saved["text/plain"] and "counted" not in bare["text/plain"]
