from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Mount, ToolResult
from jupyter_agents.sandbox.contained import Contained

FILE = Mount(Path("/f"), "/data/f")
ASKED: list[Callable[[Contained], Awaitable[Any]]] = [
    lambda box: box.call("bash", {"command": "true"}),
    lambda box: box.cancel(),
    lambda box: box.add_file(FILE),
    lambda box: box.pause(),
    lambda box: box.resume(),
]


class Inner:
    """Raises `error` from all that it does."""

    kind, notes, image, alive = "inner", ["one"], None, True

    def __init__(self, error: BaseException | None) -> None:
        self._error = error

    async def _do(self, *given: Any) -> Any:
        if self._error is not None:
            raise self._error
        return ToolResult.text(str(given))

    call = cancel = add_file = pause = resume = memory = close = _do


async def test_what_works_passes() -> None:
    box = Contained(Inner(None), "far")
    assert (box.kind, box.notes, box.image, box.alive) == ("far", ("one",), None, True)
    assert await box.call("read", {"file_path": "f"}) == ToolResult.text("('read', {'file_path': 'f'})")
    assert await box.memory() is not None
    await box.close()


@pytest.mark.parametrize("ask", ASKED)
async def test_any_error_is_a_sandbox_that_is_gone(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SandboxUnavailable, match=r"^The sandbox provider far failed with ValueError\.$"):
        await ask(Contained(Inner(ValueError("secret")), "far"))
    assert "secret" in caplog.text
    with pytest.raises(SandboxUnavailable, match=r"^Gone\.$"):
        await ask(Contained(Inner(SandboxUnavailable("Gone.")), "far"))
    with pytest.raises(asyncio.CancelledError):
        await ask(Contained(Inner(asyncio.CancelledError()), "far"))


async def test_memory_and_close_never_raise(caplog: pytest.LogCaptureFixture) -> None:
    box = Contained(Inner(ValueError("odd")), "far")
    assert await box.memory() is None
    await box.close()
    assert caplog.text.count("the sandbox provider far failed") == 2
