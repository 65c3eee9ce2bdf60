"""Tab: names from the server, options, sessions and files."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_agents.kernel import known as module
from jupyter_agents.kernel.completion import complete
from jupyter_agents.kernel.known import Known
from jupyter_agents.kernel.worker import Worker
from jupyter_agents.testing import ScriptedModel
from tests.kernel.conftest import Kernel
from tests.kernel.test_looking import begin


def known(*, connected: bool = True, answer: Any = None) -> Known:
    """Names as a server gives them; `answer` is awaited before each list."""

    async def listed(one: Any) -> Any:
        if answer is not None:
            await answer()
        return SimpleNamespace(data=[one])

    def having(one: Any) -> Any:
        return SimpleNamespace(list=lambda **_: listed(one))

    beta = SimpleNamespace(
        agents=having(SimpleNamespace(name="coder")),
        environments=having(SimpleNamespace(name="lab")),
        sessions=having(SimpleNamespace(id="sesn_00abc123")),
    )
    connection = SimpleNamespace(sdk=SimpleNamespace(beta=beta))
    notebook: Any = SimpleNamespace(connected=connected, connection=connection, worker=Worker())
    return Known(notebook)


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("%agent de", ["define", "delete", "deny"]),
        ("%%agent ", ["coder", "define", "env"]),
        ("%agent define co", ["coder"]),
        ("%%agent coder --env ", ["lab"]),
        ("%agent attach abc", ["abc123"]),
        ("%agent show ", ["abc123", "coder", "sesn_00abc123"]),
        ("%agent env lab --me", ["--memory"]),
        ("%%agent env lab --me", ["--memory"]),
        ("%agent define x --sy", ["--system"]),
        ("%agent login ", []),
        ("%%agent --ask bash,wr", ["write"]),
        ("%%agent -i other,sal", ["sales"]),
    ],
)
def test_what_a_line_may_go_on_with(line: str, offers: list[str]) -> None:
    assert complete(known(), line, ("sales", "_sales")) == offers


def test_a_kernel_without_a_server_starts_none() -> None:
    assert complete(known(connected=False), "%agent define co") == []


def test_a_slow_server_does_not_hold_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    begun = time.monotonic()
    assert complete(known(answer=lambda: asyncio.sleep(5)), "%agent define co") == []
    assert time.monotonic() - begun < 2


def test_a_server_that_fails_offers_nothing() -> None:
    async def fail() -> None:
        raise OSError

    assert complete(known(answer=fail), "%agent define co") == []


def test_completion_asks_the_server(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("%agent define tabbed --model claude-opus-4-7")
    kernel.run("%agent env tab-lab")
    id = begin(kernel, model, "tabber")
    kernel.run("import time; time.sleep(1.1)")
    assert {"tabbed", "tabber"} <= set(kernel.complete("%%agent tab"))
    assert "tabbed" in kernel.complete("%agent diff tab")
    assert "tab-lab" in kernel.complete("%%agent tabbed --env tab")
    assert id in kernel.complete("%agent attach sesn_")
    assert id[-6:] in kernel.complete(f"%agent files {id[-6:-3]}")
    assert "tabbed" in kernel.complete("%agent show tab")
    assert "--memory" in kernel.complete("%agent env lab --mem")
    assert "--system" in kernel.complete("%%agent define x --sys")
