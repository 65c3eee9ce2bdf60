"""What is not there: a key, a recording, a model, an endpoint, a sandbox. One message says what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import FORGET, Answer, Kernel
from tests.support import TOKEN, Home, serving

DEAD = "http://127.0.0.1:9"
MOVE = """
import os
os.environ.update(JUPYTER_AGENTS_URL={url!r}, JUPYTER_AGENTS_TOKEN={token!r})
_current()._connection = None
"""


@pytest.fixture(scope="module")
def wanderer(bare_environment: dict[str, str], workspace: Path) -> Iterator[Kernel]:
    """A kernel that is moved from one server to the next."""
    kernel = Kernel(bare_environment, workspace)
    assert kernel.run("%load_ext jupyter_agents").status == "ok"
    yield kernel
    kernel.close()


@contextmanager
def beside(kernel: Kernel, folder: Path, url: str, key: str = "", **more: Any) -> Iterator[Kernel]:
    """`kernel` beside a new server that asks the model at `url` with `key`."""
    variables = {"ANTHROPIC_API_KEY": key, **more.pop("variables", {})}
    with serving(Home(folder, url, variables=variables, **more)) as server:
        moved = kernel.run(FORGET + MOVE.format(url=server.url, token=TOKEN))
        assert moved.status == "ok", moved.errors
        yield kernel


def message(answer: Answer) -> str:
    """The one message of a cell that failed."""
    assert answer.status == "error"
    (error,) = answer.errors
    assert "Traceback" not in error
    return error


def test_no_key_and_no_recording(wanderer: Kernel, tmp_path: Path, model: ScriptedModel) -> None:
    with beside(wanderer, tmp_path, "") as kernel:
        said = message(kernel.run("%%agent\nHi"))
        assert "API key" in said
        for way in ("%agent login", "ANTHROPIC_API_KEY", "JUPYTER_AGENTS_MODEL_URL", "--replay FILE"):
            assert way in said
        assert "\n" not in said
        state = kernel.run("%agent").results[0]["text/plain"]
        assert "✗ model" in state
        assert "%agent login" in state
        assert "no session yet" in message(kernel.run("%agent approve"))


def test_login_takes_effect_at_once(wanderer: Kernel, tmp_path: Path) -> None:
    with (
        ScriptedModel([[say("Hello.")]], key="right") as model,
        beside(wanderer, tmp_path, model.url, "wrong") as kernel,
    ):
        said = message(kernel.run("%%agent\nHi"))
        assert "does not accept the API key" in said
        assert "%agent login" in said
        assert model.requests == []
        assert "is ready" in kernel.run("%agent login", stdin="right").printed
        assert kernel.run("%%agent\nHi").transcript["steps"][-1]["markdown"] == "Hello."
        assert "key from %agent login" in kernel.run("%agent").results[0]["text/plain"]


def test_an_unknown_model_is_answered_with_what_the_endpoint_offers(wanderer: Kernel, tmp_path: Path) -> None:
    with (
        ScriptedModel(models=("qwen-small", "qwen-large")) as model,
        beside(wanderer, tmp_path, model.url) as kernel,
    ):
        kernel.run("%agent define local --model qwen-huge")
        answer = kernel.run("%%agent local\nHi")
        said = message(answer)
        for word in ("qwen-huge", "qwen-small", "qwen-large"):
            assert word in said
        assert answer.transcript["status"] == "failed"


def test_a_dead_endpoint(wanderer: Kernel, tmp_path: Path) -> None:
    with beside(wanderer, tmp_path, DEAD) as kernel:
        answer = kernel.run("%%agent\nHi")
        said = message(answer)
        assert "cannot be reached" in said
        assert "127.0.0.1" in said
        assert "JUPYTER_AGENTS_MODEL_URL" in said
        assert answer.bundle[MIME]["live"] is False


def test_no_sandbox(wanderer: Kernel, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    with ScriptedModel([[call("bash", command="ls")], [say("Hello.")]]) as model:
        variables = {"PATH": str(tools)}
        with beside(wanderer, tmp_path, model.url, variables=variables) as kernel:
            state = kernel.run("%agent").results[0]["text/plain"]
            assert "✗ sandbox" in state
            assert "bubblewrap (bwrap) is not installed" in state
            answer = kernel.run("%%agent\nList the files")
            said = message(answer)
            assert "sandbox" in said
            assert "bubblewrap" in said
            assert answer.transcript["status"] == "failed"
            assert kernel.run("%%agent\nThen only say hello").transcript["status"] == "done"


def test_a_server_of_another_version(wanderer: Kernel, tmp_path: Path, model: ScriptedModel) -> None:
    model.script[:] = [[say("One.")], [say("Two.")]]
    with beside(wanderer, tmp_path, model.url) as kernel:
        kernel.run("import jupyter_agents.kernel.skew as _skew; _skew.__version__ = '99.0.0'")
        first, second = kernel.run("%%agent\nHi"), kernel.run("%%agent\nHi")
        assert "this kernel has 99.0.0. Upgrade it where Jupyter runs" in first.printed
        assert "99.0.0" not in second.printed
        for command in ("%agent", "%agent doctor"):
            text = kernel.run(command).results[0]["text/plain"]
            assert "✗ server" in text and "this kernel has 99.0.0" in text
        kernel.run("import importlib; importlib.reload(_skew)")


def test_a_local_endpoint(wanderer: Kernel, tmp_path: Path) -> None:
    with ScriptedModel([[say("Hello.")]]) as model, beside(wanderer, tmp_path, model.url) as kernel:
        text = kernel.run("%agent").results[0]["text/plain"]
        assert "✓ model" in text and "no key needed" in text
        assert "%agent define default --model NAME" in text
        kernel.run("%agent define default --model qwen-small")
        assert kernel.run("%%agent\nHi").transcript["footer"]["cost_usd"] is None
        assert "no price" in kernel.run("%agent cost").results[0]["text/plain"]


def test_doctor_without_a_sandbox(wanderer: Kernel, tmp_path: Path, model: ScriptedModel) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    with beside(wanderer, tmp_path, model.url, variables={"PATH": str(tools)}) as kernel:
        text = kernel.run("%agent doctor").results[0]["text/plain"]
        assert "✗ sandbox" in text
        assert "bubblewrap (bwrap) is not installed" in text
        assert "attention" in text


def test_a_proxy_does_not_stand_before_the_server(
    wanderer: Kernel, tmp_path: Path, model: ScriptedModel
) -> None:
    names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY")
    with beside(wanderer, tmp_path, model.url) as kernel:
        kernel.run(f"os.environ.update(dict.fromkeys({names!r}, 'http://127.0.0.1:9'))")
        kernel.run("_current()._connection = None")
        answer = kernel.run("%agent")
        kernel.run(f"[os.environ.pop(name) for name in {names!r}]")
        assert answer.status == "ok", answer.errors


def test_a_server_that_is_gone(wanderer: Kernel, tmp_path: Path, model: ScriptedModel) -> None:
    with beside(wanderer, tmp_path, model.url) as kernel:
        assert kernel.run("%agent").status == "ok"
    said = message(wanderer.run("%agent"))
    assert "cannot be reached" in said
    assert "restart the kernel" in said


def test_a_recording_that_does_not_fit(wanderer: Kernel, tmp_path: Path) -> None:
    recordings = Path(__file__).parents[2] / "jupyter_agents" / "recordings"
    with beside(wanderer, tmp_path, "") as kernel:
        answer = kernel.run(f"%%agent --replay {os.fspath(recordings / '01-quickstart.agentrun')}\nSing")
        said = message(answer)
        assert "record" in said
        assert "Fibonacci" in said
